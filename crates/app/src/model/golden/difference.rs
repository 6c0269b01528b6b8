//! An answer that is not the recorded one.

/// An answer that is not the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Counted from 0.
    pub row: usize,
    pub output: &'static str,
    pub expected: String,
    pub found: String,
}
