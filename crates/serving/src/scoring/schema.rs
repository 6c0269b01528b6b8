//! What an endpoint takes, as the readers of rows need it.

use kilter_inference::Signature;

use crate::v2::KnownInputs;

/// What an endpoint takes: by name, and by place.
#[derive(Clone, Copy, Debug)]
pub struct InputSchema<'a> {
    /// Every input that callers may send.
    pub known: &'a KnownInputs,
    /// The inputs of the live version, in order: rows without names are read by it.
    pub signature: &'a Signature,
}
