//! What the parts of a request share while it is read: its limits, and what is wrong with it.

use super::{Limits, data::Fault};

/// What every part of the reader needs.
pub(super) struct Context<'a> {
    pub(super) limits: &'a Limits,
    pub(super) body_bytes: usize,
    pub(super) fault: &'a Fault,
}
