//! What the parts of a request share while it is read: its limits, its binary data, and what is wrong with it.

use std::cell::Cell;

use super::{Limits, data::Fault};

/// What every part of the reader needs.
pub(crate) struct Context<'a> {
    pub(crate) limits: &'a Limits,
    /// More values than this no tensor of the body can have.
    pub(crate) max_values: usize,
    pub(crate) fault: &'a Fault,
    /// What of the bytes behind the JSON no tensor has taken yet. Tensors take theirs in the order in which they stand.
    pub(crate) binary: Cell<&'a [u8]>,
}
