//! What a rule is made of: the quantity, its bound, and the span over which it is measured.

use super::{
    condition::Condition,
    function::{ArgKind, Function},
    number::Number,
    op::Op,
};
use crate::time::Span;

/// One sentence that holds or does not: a quantity, its bound, and over which stretch of time it is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What is measured.
    pub quantity: Quantity,
    /// What it is compared with.
    pub bound: Bound,
    /// `over 1d`: measured over the last day; `None`: over whatever the place of the rule means (a test set, a window).
    pub over: Option<Span>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    /// A metric by its name (`auc`, `p99_ms`, `rows`, `lift@0.05`); with `slice`, of each value of that column.
    Metric {
        /// As in the rule.
        name: String,
        /// The column of the slices; `None`: all rows.
        slice: Option<String>,
    },
    /// A function of columns or metrics, over the rows for which the condition holds.
    Call {
        /// Which function.
        function: Function,
        /// As many as [`FunctionEntry::arity`](super::FunctionEntry) allows.
        args: Vec<Arg>,
        /// The rows that count; `None`: all.
        condition: Option<Condition>,
    },
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Arg {
    /// `*`: each feature.
    Every,
    /// A column, a metric or a direction.
    Name(String),
}

impl Arg {
    /// The name; `None` for `*`.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Every => None,
            Self::Name(name) => Some(name),
        }
    }
}

/// What the quantity is held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// `>= 0.82`, `>= champion.auc - 0.002`, `== expected`.
    Compare(Op, BoundExpr),
    /// `in 0.8..1.25`, both ends included.
    Within(Number, Number),
    /// `in {a, b}`: every value that occurs is one of these.
    OneOf(Vec<String>),
    /// Nothing written: the statement itself must hold (`unique(id)`), that is, it has no counter-example.
    Holds,
    /// `known`: measured, and for every row.
    Known,
}

/// The right side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundExpr {
    /// A number as it is written.
    Number(Number),
    /// `champion.auc * 1.02 - 0.002`: what the serving version reaches on the same rows, scaled and moved.
    Champion {
        /// The name of the metric, the same as on the left side.
        metric: String,
        /// The column of the slices; `None`: all rows.
        slice: Option<String>,
        /// What the champion's value is multiplied by.
        factor: f64,
        /// What is added then.
        offset: f64,
    },
    /// `expected`: the recorded answers.
    Expected,
}

impl Quantity {
    /// The metrics that it names: for hints, and to know what must be measured.
    pub fn metrics(&self) -> Vec<&str> {
        match self {
            Self::Metric { name, .. } => vec![name],
            Self::Call { .. } => self.args_of(ArgKind::Metric),
        }
    }

    /// The columns that it names, those of the condition included. `score` is the model's answer, not a column.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Metric { slice, .. } => slice.iter().map(String::as_str).collect(),
            Self::Call { condition, .. } => {
                let mut columns = self.args_of(ArgKind::Column);
                columns.extend(condition.iter().flat_map(Condition::columns));
                columns.retain(|column| *column != SCORE);
                columns
            }
        }
    }

    fn args_of(&self, kind: ArgKind) -> Vec<&str> {
        let Self::Call { function, args, .. } = self else { return Vec::new() };
        let is_meant = |(at, _): &(usize, &Arg)| function.arg_kind(*at) == kind;
        args.iter().enumerate().filter(is_meant).filter_map(|(_, arg)| arg.name()).collect()
    }
}

/// The name of the model's answer in rules: `psi(score)`, `mean(score | ...)`.
pub const SCORE: &str = "score";
