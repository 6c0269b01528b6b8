//! What a rule is judged over, and what comes of it.

use serde::{Deserialize, Serialize};

use super::{ExactNumber, MetricId, ast::Quantity};
use crate::time::Span;

/// One measured number with what is known about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// In the unit of the rule: a share, bytes, milliseconds, a count or the metric's own.
    #[serde(with = "super::float")]
    pub value: f64,
    /// The value itself, where it is a whole number that a double rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<i64>,
    /// Low and high end of the confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::float::interval")]
    pub interval: Option<(f64, f64)>,
    /// How many rows it rests on.
    pub count: u64,
    /// Whether it was estimated (before labels were in) and not observed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// What a reader should know besides: "12 groups have too few rows".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Measurement {
    /// The value with all of its digits.
    pub fn exact(&self) -> ExactNumber {
        self.whole.map_or(self.value.into(), |whole| i128::from(whole).into())
    }
}

/// A measurement of one part: a slice, a column, a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `income`, `region=north`.
    pub name: String,
    /// Its value, with interval and count.
    pub measurement: Measurement,
}

/// What a quantity was measured to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// One value for all rows.
    Value(Measurement),
    /// One for each part of `psi(*)` or `auc.slice(region)`: the rule must hold for each.
    Each(Vec<Part>),
    /// The distinct values of a column, for `values(column) in {a, b}`.
    Values(Vec<String>),
    /// No value, and why.
    Nothing(NotMeasured),
}

/// Why something has no value, and how to get one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMeasured {
    /// What is missing: "no labels have matured yet".
    pub missing: String,
    /// How to get it: "wait until 2026-03-01, or send labels with `kilter label`".
    pub how: String,
}

/// Where a rule finds its numbers. The caller measures; the rule only compares.
pub trait Measurements {
    /// The quantity for what is being judged.
    fn measure(&self, quantity: &Quantity, over: Option<Span>) -> Measured;

    /// The same quantity for the version that serves now, on the same rows.
    fn champion(&self, quantity: &Quantity) -> Champion;

    /// Candidate minus the champion's on the same rows (paired), when the measuring side can give it with an interval.
    /// With parts (slices) each has its own difference.
    fn difference(&self, _quantity: &Quantity) -> Option<Measured> {
        None
    }
}

/// What the serving version reaches.
#[derive(Clone, Debug, PartialEq)]
pub enum Champion {
    /// Nothing serves yet: a rule relative to the champion passes, and says so.
    None,
    /// What it reaches on the same rows, or why that is not known.
    Measured(Measured),
}

/// How an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JudgeMode {
    /// The value alone decides.
    Point,
    /// The whole interval must lie on one side of the bound.
    Evidence,
}

/// What a rule came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum RuleVerdict {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// Blocks, and says what is missing.
    Undecided(Undecided),
}

/// Why a rule is undecided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Undecided {
    /// There is no value.
    NotMeasured(NotMeasured),
    /// The interval covers the bound ([`JudgeMode::Evidence`] only).
    NearLimit,
}

/// A rule, what was measured, and what follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleOutcome {
    /// The rule as text.
    pub rule: String,
    /// What the rule measures.
    pub metric: MetricId,
    /// Whether it is held against the champion, so that the value may be a difference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_relative: bool,
    /// Passed, failed or undecided.
    #[serde(flatten)]
    pub verdict: RuleVerdict,
    /// What decided: the value, or that of the worst part, or the difference to the champion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measurement>,
    /// The part that decided, where there are parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The bound in numbers: one end, or both.
    #[serde(default, skip_serializing_if = "Limits::is_open")]
    pub limits: Limits,
    /// Every part and whether it passed, worst first; empty where there are none. At most [`MAX_PARTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartOutcome>,
    /// One sentence for a person.
    pub text: String,
}

/// How many parts an outcome lists.
pub const MAX_PARTS: usize = 100;

/// What a rule came to for one part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartOutcome {
    /// The part, as in [`Part::name`].
    pub name: String,
    /// Passed, failed or undecided.
    #[serde(flatten)]
    pub verdict: RuleVerdict,
    /// `None`: it has no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measurement: Option<Measurement>,
}

/// The interval a value must lie in. Whether an end belongs to it stands in the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The lower end; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::float::option")]
    pub low: Option<f64>,
    /// The upper end; `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::float::option")]
    pub high: Option<f64>,
}

impl Limits {
    /// Whether there is neither end.
    pub fn is_open(&self) -> bool {
        self.low.is_none() && self.high.is_none()
    }
}

impl RuleOutcome {
    /// An outcome of which only the verdict and its sentence are known.
    pub fn new(rule: impl Into<String>, metric: MetricId, verdict: RuleVerdict, text: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            metric,
            is_relative: false,
            verdict,
            measured: None,
            part: None,
            limits: Limits::default(),
            parts: Vec::new(),
            text: text.into(),
        }
    }

    /// Whether it was measured and holds.
    pub fn is_passed(&self) -> bool {
        self.verdict == RuleVerdict::Passed
    }

    /// Whether it was measured and does not hold.
    pub fn is_failed(&self) -> bool {
        self.verdict == RuleVerdict::Failed
    }
}
