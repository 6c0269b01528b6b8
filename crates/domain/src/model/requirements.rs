//! What the risk of a project asks of its versions.

use serde::{Deserialize, Serialize};

use crate::risk::Risk;

/// What a project asks for beyond what every version needs. Derived from its contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Requirements {
    /// The package must be signed.
    pub signature: bool,
    /// Golden requests must have been answered equally by the package.
    pub golden_replay: bool,
    /// The code must come from a clean commit.
    pub clean_commit: bool,
    /// The card must be complete before approval.
    pub card: bool,
    /// Someone else must have run the evaluation again.
    pub independent_review: bool,
    /// An approver is never a maker.
    pub four_eyes: bool,
}

impl Requirements {
    /// What the risk alone asks for: from medium on a clean commit, a card and four eyes; for high an independent review.
    pub fn of(risk: Risk) -> Self {
        let is_raised = risk >= Risk::Medium;
        Self {
            clean_commit: is_raised,
            card: is_raised,
            four_eyes: is_raised,
            independent_review: risk == Risk::High,
            ..Self::default()
        }
    }
}
