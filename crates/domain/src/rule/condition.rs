//! The condition of a quantity: `tenure > 120 and complaints == 0`.

use super::{Number, Op};

/// Which rows count.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A row whose column is missing matches no comparison, `!=` included.
    Compare {
        /// The column.
        column: String,
        /// The comparison.
        op: Op,
        /// What each value is compared with.
        literal: Literal,
    },
    /// `region in {north, south}`.
    OneOf {
        /// The column.
        column: String,
        /// The values that match; at least one.
        values: Vec<String>,
    },
    /// Two or more parts.
    All(Vec<Condition>),
    /// Two or more parts.
    Any(Vec<Condition>),
}

/// The right side of a comparison with a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number with its unit.
    Number(Number),
    /// A word, or a text in single quotes; `true` and `false` are words.
    Text(String),
}
