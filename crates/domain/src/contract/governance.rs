//! `[project]`, `[objective.*]`, `[env]`, `[gate.*]`, `[approve]`: what the model is for, and who may let it through.

use super::OutputRef;
use crate::{
    actor::{Principal, RoleBindings},
    gate::ApprovalRule,
    ids::{GateName, ProjectName},
    risk::Risk,
    rule::{ExactNumber, Number, Op, Rule},
    time::Span,
};

/// What the model is for and who answers for it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Project {
    /// `None`: the caller takes the name of the folder.
    pub name: Option<ProjectName>,
    /// What its answers are used for.
    pub purpose: Option<String>,
    /// Uses that the model is not meant for.
    pub not_for: Vec<String>,
    /// How much harm a wrong answer can do. Default `low`.
    pub risk: Risk,
    /// Who answers for it; has the role `owner`.
    pub owner: Option<Principal>,
    /// Who has which role; empty: everyone may do everything but what is the owner's.
    pub roles: RoleBindings,
}

/// What the business wants, in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// A name of its own, for reports.
    pub name: String,
    /// The quantity of the business, as it is called there.
    pub kpi: Option<String>,
    /// Its value before the model.
    pub baseline: Option<f64>,
    /// The comparison that it must meet: `>= 0.12`.
    pub target: Option<(Op, Number)>,
    /// A query (`.sql`) over the predictions and labels, or a table, relative to the project: measured once a day.
    pub source: Option<String>,
    /// How often it is looked at.
    pub review: Option<Span>,
}

impl Objective {
    /// Whether a value of the KPI meets the target; `None` where there is no target.
    pub fn is_met(&self, value: f64) -> Option<bool> {
        let (op, number) = self.target?;
        let bound = number.exact();
        let value = ExactNumber::from(value);
        Some(match op {
            Op::Less => value < bound,
            Op::AtMost => value <= bound,
            Op::More => value > bound,
            Op::AtLeast => value >= bound,
            Op::Equal => value == bound,
            Op::Unequal => value != bound,
        })
    }
}

/// What steps run in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Environment {
    /// The Python version, as a person writes it: `3.11`.
    pub python: Option<String>,
    /// The lock file, relative to the project; part of every cache key.
    pub lock: Option<String>,
}

/// A gate: rules that a candidate must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct GateSpec {
    /// `NAME` of `[gate.NAME]`.
    pub name: GateName,
    /// At least one.
    pub rules: Vec<Rule>,
    /// The step output on whose rows the rules are measured; `None`: the platform's own hold-out.
    pub dataset: Option<OutputRef>,
}

/// How a validated version becomes approved.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Approve {
    /// Default by risk: low `auto`, medium `1 of validator`, high `1 of validator and owner`.
    pub rule: ApprovalRule,
    /// An approver is never the author, starter or submitter. Default true.
    pub four_eyes: bool,
    /// Evidence that must exist first; empty: none.
    pub needs: Vec<Need>,
    /// How long an approval holds. Default by risk: low for ever, medium `1y`, high `6mo`.
    pub expire: Option<Span>,
}

/// What must be there before people are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// `gate.*`.
    EveryGate,
    /// `gate.NAME`.
    Gate(GateName),
    /// `card`: the model card is complete.
    Card,
    /// `review.independent`: someone else ran the evaluation again.
    IndependentReview,
}
