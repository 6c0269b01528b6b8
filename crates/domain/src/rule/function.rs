//! The functions of the rule language: what each means, its arguments, and what its measurement is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A function of columns or metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// `ratio(metric, column)`: smallest over largest group value of the metric.
    Ratio,
    /// `gap(metric, column)`: largest minus smallest group value of the metric.
    Gap,
    /// `psi(column)`: population stability index against the reference.
    Psi,
    /// `ks(column)`: largest distance of the distribution functions.
    Ks,
    /// `w1(column)`: Wasserstein distance in reference standard deviations.
    W1,
    /// `js(column)`: Jensen-Shannon distance, base 2.
    Js,
    /// `tvd(column)`: total variation distance.
    Tvd,
    /// `mean(column)`: arithmetic mean of the values that are there.
    Mean,
    /// `min(column)`: smallest value.
    Min,
    /// `max(column)`: largest value.
    Max,
    /// `sum(column)`: sum of the values that are there.
    Sum,
    /// `median(column)`: middle value.
    Median,
    /// Standard deviation (ddof 1).
    Sd,
    /// Number of distinct values.
    Distinct,
    /// `values(column) in {a, b}`: the values that occur.
    Values,
    /// `monotone(score, column, up)`: counter-examples to a direction.
    Monotone,
    /// `age(column)`: milliseconds from the newest time in it to now.
    Age,
    /// `null(column)`: number of missing values.
    Null,
    /// `missing(column)`: share of missing values.
    Missing,
    /// `unseen(column)`: number of rows with a value that the reference does not have.
    Unseen,
    /// `unique(column, ...)`: number of rows whose key occurred before.
    Unique,
    /// `share(column)`: share of rows in which it is known.
    Share,
    /// `replay(sample)`: number of golden answers that differ.
    Replay,
    /// `estimated(metric)`: the metric estimated without labels.
    Estimated,
}

/// Everything the parser, the documentation and the hints need to know of a function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionEntry {
    /// Which function.
    pub function: Function,
    /// As it is written in a rule.
    pub name: &'static str,
    /// How many arguments at least and at most.
    pub arity: (usize, usize),
    /// Whether `*` may stand for every feature.
    pub takes_every: bool,
    /// How its arguments are written, for errors and documentation.
    pub usage: &'static str,
    /// What is measured, in one line.
    pub meaning: &'static str,
}

const fn entry(
    function: Function,
    name: &'static str,
    arity: (usize, usize),
    usage: &'static str,
    meaning: &'static str,
) -> FunctionEntry {
    FunctionEntry { function, name, arity, takes_every: false, usage, meaning }
}

/// A function of one column that `*` may stand for.
const fn each(function: Function, name: &'static str, usage: &'static str, meaning: &'static str) -> FunctionEntry {
    FunctionEntry { function, name, arity: (1, 1), takes_every: true, usage, meaning }
}

/// Every function, in the order of the documentation.
pub const FUNCTIONS: &[FunctionEntry] = &[
    entry(Function::Ratio, "ratio", (2, 2), "ratio(metric, column)", "smallest over largest group value of the metric"),
    entry(Function::Gap, "gap", (2, 2), "gap(metric, column)", "largest minus smallest group value of the metric"),
    each(Function::Psi, "psi", "psi(column)", "population stability index against the reference"),
    each(Function::Ks, "ks", "ks(column)", "largest distance of the distribution functions"),
    each(Function::W1, "w1", "w1(column)", "Wasserstein distance in standard deviations of the reference"),
    each(Function::Js, "js", "js(column)", "Jensen-Shannon distance, base 2"),
    each(Function::Tvd, "tvd", "tvd(column)", "total variation distance"),
    entry(Function::Mean, "mean", (1, 1), "mean(column)", "mean"),
    entry(Function::Min, "min", (1, 1), "min(column)", "smallest value"),
    entry(Function::Max, "max", (1, 1), "max(column)", "largest value"),
    entry(Function::Sum, "sum", (1, 1), "sum(column)", "sum"),
    entry(Function::Median, "median", (1, 1), "median(column)", "median"),
    entry(Function::Sd, "sd", (1, 1), "sd(column)", "standard deviation, n - 1"),
    entry(Function::Distinct, "distinct", (1, 1), "distinct(column)", "number of distinct values"),
    entry(Function::Values, "values", (1, 1), "values(column) in {a, b}", "the values that occur"),
    entry(
        Function::Monotone,
        "monotone",
        (3, 3),
        "monotone(score, column, up)",
        "rows for which the score moves against the direction as the column grows",
    ),
    entry(Function::Age, "age", (1, 1), "age(column)", "time from the newest value of a time column to now"),
    each(Function::Null, "null", "null(column)", "number of missing values"),
    each(Function::Missing, "missing", "missing(column)", "share of missing values"),
    each(Function::Unseen, "unseen", "unseen(column)", "number of rows with a value the reference does not have"),
    entry(Function::Unique, "unique", (1, 16), "unique(column, ...)", "rows whose key occurred before"),
    entry(Function::Share, "share", (1, 1), "share(column)", "share of rows in which it is known"),
    entry(Function::Replay, "replay", (1, 1), "replay(sample)", "golden answers that differ"),
    entry(Function::Estimated, "estimated", (1, 1), "estimated(metric)", "the metric, estimated before labels are in"),
];

/// What an argument of a function names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A metric: `auc`.
    Metric,
    /// A column of the table.
    Column,
    /// `up` or `down`.
    Direction,
    /// The golden sample.
    Sample,
}

impl Function {
    /// What the argument at `at` (from 0) names.
    pub fn arg_kind(self, at: usize) -> ArgKind {
        match (self, at) {
            (Self::Ratio | Self::Gap | Self::Estimated, 0) => ArgKind::Metric,
            (Self::Monotone, 2) => ArgKind::Direction,
            (Self::Replay, _) => ArgKind::Sample,
            _ => ArgKind::Column,
        }
    }

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|entry| entry.name == name).map(|entry| entry.function)
    }

    /// Its line in [`FUNCTIONS`]: the lines stand in the order of the functions (a test watches it).
    pub fn entry(self) -> &'static FunctionEntry {
        &FUNCTIONS[self as usize]
    }

    /// As written in a rule.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Whether the function is a statement that holds by itself, without a bound: it counts counter-examples.
    pub fn is_statement(self) -> bool {
        matches!(self, Self::Unique | Self::Monotone)
    }

    /// Whether it measures how far a column moved from the reference.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::Psi | Self::Ks | Self::W1 | Self::Js | Self::Tvd)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
