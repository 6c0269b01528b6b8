//! An answer that is not the recorded one.

/// An answer that is not the recorded one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The row of the golden requests, counted from 0.
    pub row: usize,
    /// Which output: `score`, `label` or `probabilities`.
    pub output: &'static str,
    /// The recorded answer, as text.
    pub expected: String,
    /// The answer of now, as text.
    pub found: String,
}
