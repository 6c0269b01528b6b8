//! Where a version is in its life, and what is known of it when it is moved.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::requirements::Requirements;
use crate::{actor::Actor, digest::Digest, gate::ApprovalRule, ids::GateName};

/// Where a version is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// A complete run made it.
    Draft,
    /// Packed and submitted to its gates.
    Candidate,
    /// All gates passed on these bytes.
    Validated,
    /// Accepted; may answer in production.
    Approved,
    /// Refused by a gate or a person; terminal.
    Rejected,
    /// Out of use; terminal.
    Retired,
    /// Forbidden; terminal.
    Revoked,
}

/// What is known of the version that moves.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionFacts {
    /// Where it stands now.
    pub state: VersionState,
    /// Of its package.
    pub digest: Digest,
    /// Of the policy that is frozen into it.
    pub policy: Digest,
    /// The gates of that policy: each must have passed.
    pub gates: Vec<GateName>,
    /// Who must accept it.
    pub approval_rule: ApprovalRule,
    /// Author of the code, starter of the run, submitter: none of them may approve when four eyes are asked for.
    pub makers: Vec<Actor>,
    /// The evidence that the policy asks for.
    pub requirements: Requirements,
}

impl VersionState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Draft, Self::Candidate, Self::Validated, Self::Approved, Self::Rejected, Self::Retired, Self::Revoked];

    /// As stored and shown: `draft`, `candidate`, ...
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Candidate => "candidate",
            Self::Validated => "validated",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
        }
    }

    /// What can happen next, for the error of what cannot.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Draft => "it must be submitted as a candidate first",
            Self::Candidate => "its gates must pass first",
            Self::Validated => "it must be approved first",
            Self::Approved => "it is approved already; it can be deployed, lapse, or be retired",
            Self::Rejected => "it was rejected and can only be retired; a fix is a new version",
            Self::Retired => "it is retired; a fix is a new version",
            Self::Revoked => "it is revoked; a fix is a new version",
        }
    }
}

impl fmt::Display for VersionState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
