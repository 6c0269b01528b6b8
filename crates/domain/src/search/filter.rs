//! A filter as a tree.

use super::{Attribute, DatasetField};

/// What a thing must be to be found.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// All of at least two hold.
    And(Vec<Expression>),
    /// One of at least two holds.
    Or(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// A comparison.
    Compare(Comparison),
}

/// What must hold of one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub key: Key,
    /// With what.
    pub condition: Condition,
}

/// What is compared, or sorted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// An attribute.
    Attribute(Attribute),
    /// The latest value of a metric, by its name.
    Metric(String),
    /// A parameter, by its name.
    Param(String),
    /// A tag, by its name.
    Tag(String),
    /// Any dataset that the run read.
    Dataset(DatasetField),
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// With a finite number.
    Number(NumberOperator, f64),
    /// With a text.
    Text(TextOperator, String),
    /// With each of a list.
    List {
        /// Whether it is one of them, as opposed to none.
        is_in: bool,
        /// At least one.
        values: Vec<String>,
    },
    /// Whether the key is missing, as opposed to there.
    IsMissing(bool),
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the operator of its name")]
pub enum NumberOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl NumberOperator {
    /// Every operator.
    pub const ALL: [Self; 6] =
        [Self::Equal, Self::NotEqual, Self::Less, Self::LessOrEqual, Self::Greater, Self::GreaterOrEqual];

    /// As written: `=`, `!=`, ...
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextOperator {
    /// `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// With a pattern, by case.
    Like,
    /// With a pattern, A to Z in any case.
    ILike,
}

impl TextOperator {
    /// Every operator.
    pub const ALL: [Self; 4] = [Self::Equal, Self::NotEqual, Self::Like, Self::ILike];

    /// As written: `=`, `!=`, `LIKE`, `ILIKE`.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Like => "LIKE",
            Self::ILike => "ILIKE",
        }
    }
}

impl Expression {
    /// All of `parts`; one alone is itself, and what is combined in the same way already becomes part of it.
    pub fn all(parts: Vec<Self>) -> Self {
        let parts = parts.into_iter().flat_map(|part| match part {
            Self::And(inner) => inner,
            other => vec![other],
        });
        Self::combine(parts.collect(), Self::And)
    }

    /// One of `parts`, combined as by [`Expression::all`].
    pub fn any(parts: Vec<Self>) -> Self {
        let parts = parts.into_iter().flat_map(|part| match part {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        Self::combine(parts.collect(), Self::Or)
    }

    fn combine(mut parts: Vec<Self>, of: impl FnOnce(Vec<Self>) -> Self) -> Self {
        match parts.len() {
            1 => parts.remove(0),
            _ => of(parts),
        }
    }

    /// Calls `each` with the key of each comparison, from left to right.
    pub(super) fn each_key<'e>(&'e self, each: &mut impl FnMut(&'e Key)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.each_key(each)),
            Self::Not(inner) => inner.each_key(each),
            Self::Compare(comparison) => each(&comparison.key),
        }
    }

    /// Whether a comparison in it concerns `key`.
    pub(super) fn mentions(&self, key: &Key) -> bool {
        let mut is_found = false;
        self.each_key(&mut |one| is_found |= one == key);
        is_found
    }
}
