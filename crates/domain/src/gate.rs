//! Gates: the verdict over the rules of a gate, and the rule by which people accept a version.
//!
//! Invariants: a verdict carries its evidence; a gate with a failed rule has failed, whatever else is missing; one with
//! an undecided rule and no failed one is undecided, which blocks. Out of scope: measuring.

mod approval;
mod waiver;

use serde::{Deserialize, Serialize};

pub use self::approval::{ApprovalConditions, ApprovalRule, InvalidApprovalRule, Quorum, Signoff};
pub use self::waiver::Waiver;
use crate::{
    nonempty::NonEmpty,
    rule::{RuleOutcome, RuleVerdict},
};

/// What a gate came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Verdict {
    /// Every rule holds.
    Passed {
        /// One outcome per rule.
        measured: NonEmpty<RuleOutcome>,
    },
    /// At least one rule does not hold.
    Failed {
        /// The outcomes of those rules.
        breaches: NonEmpty<RuleOutcome>,
        /// The rules that passed or are undecided.
        others: Vec<RuleOutcome>,
    },
    /// Something was not measured, or too close to tell. This blocks.
    Undecided {
        /// The outcomes of the rules that are undecided.
        missing: NonEmpty<RuleOutcome>,
        /// The rules that passed.
        others: Vec<RuleOutcome>,
    },
}

impl Verdict {
    /// The verdict over the outcomes of all rules of a gate.
    pub fn of(outcomes: NonEmpty<RuleOutcome>) -> Self {
        let is_undecided = |outcome: &RuleOutcome| matches!(outcome.verdict, RuleVerdict::Undecided(_));
        match outcomes.split(RuleOutcome::is_failed) {
            Ok((breaches, others)) => Self::Failed { breaches, others },
            Err(rest) => match rest.split(is_undecided) {
                Ok((missing, others)) => Self::Undecided { missing, others },
                Err(measured) => Self::Passed { measured },
            },
        }
    }

    /// Whether every rule was measured and holds.
    pub fn is_passed(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    /// `passed`, `failed` or `undecided`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "failed",
            Self::Undecided { .. } => "undecided",
        }
    }

    /// Every outcome, those that decided first.
    pub fn outcomes(&self) -> impl Iterator<Item = &RuleOutcome> {
        let (decisive, others): (&NonEmpty<RuleOutcome>, &[RuleOutcome]) = match self {
            Self::Passed { measured } => (measured, &[]),
            Self::Failed { breaches, others } => (breaches, others),
            Self::Undecided { missing, others } => (missing, others),
        };
        decisive.iter().chain(others)
    }

    /// The sentences of the outcomes that decided.
    pub fn reasons(&self) -> Vec<&str> {
        let decisive = match self {
            Self::Passed { measured } => measured,
            Self::Failed { breaches, .. } => breaches,
            Self::Undecided { missing, .. } => missing,
        };
        decisive.iter().map(|outcome| outcome.text.as_str()).collect()
    }
}
