//! What each transition of a version must carry, and what is missing when it does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::VersionFacts;
use crate::{
    actor::{Actor, ActorKind},
    digest::Digest,
    gate::{Signoff, Verdict, Waiver},
    ids::GateName,
    rule::RuleOutcome,
    time::Timestamp,
};

/// draft → candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// Of the package as it was built.
    pub package: Digest,
    /// The fingerprint of the key whose signature was verified.
    pub signed_by: Option<String>,
    /// Whether the package answers as the run did.
    pub golden: Golden,
    /// The commit of the code that trained it.
    pub commit: Commit,
}

/// Whether the package answered its golden requests as the run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "golden")]
pub enum Golden {
    /// All `rows` answers are equal.
    Equal {
        /// Requests that were asked.
        rows: u64,
    },
    /// `differing` of `rows` answers are not equal.
    Differs {
        /// Requests that were asked.
        rows: u64,
        /// Answers that are not equal, at least 1.
        differing: u64,
    },
    /// The package has no golden requests.
    NotRun,
}

/// Where the code came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "commit")]
pub enum Commit {
    /// The files are those of the commit `id`.
    Clean {
        /// The hash of the commit.
        id: String,
    },
    /// The files differ from the commit `id`.
    Dirty {
        /// The hash of the commit.
        id: String,
    },
    /// The project is in no Git repository.
    NotInGit,
}

impl Submission {
    pub(super) fn missing(&self, version: &VersionFacts) -> Vec<String> {
        let asked = version.requirements;
        let mut missing = Vec::new();
        if self.package != version.digest {
            let (built, wanted) = (self.package.short(), version.digest.short());
            missing.push(format!("a package of this version ({built} was built, the version is {wanted})"));
        }
        if asked.signature && self.signed_by.is_none() {
            missing.push("a valid signature of the package".into());
        }
        match self.golden {
            Golden::Differs { rows, differing } => {
                missing.push(format!("equal golden answers ({differing} of {rows} differ)"));
            }
            Golden::NotRun if asked.golden_replay => missing.push("a replay of the golden requests".into()),
            Golden::NotRun | Golden::Equal { .. } => {}
        }
        if asked.clean_commit && !matches!(self.commit, Commit::Clean { .. }) {
            missing.push("code from a clean commit".into());
        }
        missing
    }
}

/// candidate → validated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The package that was measured.
    pub package: Digest,
    /// The policy that judged it.
    pub policy: Digest,
    /// The verdict of each gate.
    pub gates: Vec<GateResult>,
    /// The verdict over `require` of the data; `None` when the contract requires nothing.
    pub data: Option<Verdict>,
    /// The waivers in force.
    pub waivers: Vec<Waiver>,
}

/// What one gate came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateResult {
    /// Which gate.
    pub gate: GateName,
    /// Its verdict, with the measurements.
    pub verdict: Verdict,
}

impl GateResult {
    /// The rules that keep a version from passing: failed or undecided, and not waived by someone who did not make it.
    pub fn open<'r>(&'r self, waivers: &[Waiver], makers: &[Actor]) -> Vec<&'r RuleOutcome> {
        let is_waived = |outcome: &RuleOutcome| waivers.iter().any(|waiver| waiver.covers(&self.gate, outcome, makers));
        self.verdict.outcomes().filter(|outcome| !outcome.is_passed() && !is_waived(outcome)).collect()
    }
}

impl Validation {
    pub(super) fn missing(&self, version: &VersionFacts) -> Vec<String> {
        let mut missing = Vec::new();
        if self.package != version.digest {
            missing.push(format!("gates measured on this package ({} was measured)", self.package.short()));
        }
        if self.policy != version.policy {
            missing.push(format!("gates of the policy frozen into the version ({} judged)", self.policy.short()));
        }
        for gate in &version.gates {
            match self.gates.iter().find(|result| result.gate == *gate) {
                Some(result) if result.open(&self.waivers, &version.makers).is_empty() => {}
                Some(result) => missing.push(format!("a pass of gate `{gate}` (it is {})", result.verdict.as_str())),
                None => missing.push(format!("the verdict of gate `{gate}`")),
            }
        }
        if let Some(data) = self.data.as_ref().filter(|verdict| !verdict.is_passed()) {
            missing.push(format!("data that meets its requirements (they are {})", data.as_str()));
        }
        missing
    }
}

/// validated → approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Each yes that was given.
    pub signoffs: Vec<Signoff>,
    /// How complete the model card is.
    pub card: Card,
    /// Whether someone else ran the evaluation again.
    pub has_independent_review: bool,
    /// Rules of gates that neither passed nor are waived, as sentences.
    pub open_rules: Vec<String>,
    /// Findings that are neither closed nor accepted with an end date.
    pub open_findings: u32,
    /// When it lapses; `None`: never.
    pub expires: Option<Timestamp>,
}

/// How far the model card is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "card")]
pub enum Card {
    /// Every field is filled in.
    Complete,
    /// With the fields that a person must still fill in.
    Draft {
        /// The names of those fields.
        gaps: Vec<String>,
    },
    /// There is none.
    Absent,
}

impl VersionFacts {
    /// The yes of those who count: people, and with four eyes only those who did not make the version.
    pub fn counted(&self, signoffs: &[Signoff]) -> Vec<Signoff> {
        let counts = |signoff: &&Signoff| {
            signoff.by.kind == ActorKind::User && !(self.requirements.four_eyes && self.makers.contains(&signoff.by))
        };
        signoffs.iter().filter(counts).cloned().collect()
    }
}

impl Approval {
    pub(super) fn missing(&self, version: &VersionFacts) -> Vec<String> {
        let asked = version.requirements;
        let counted = version.counted(&self.signoffs);
        let mut missing = version.approval_rule.missing(&counted);
        if !missing.is_empty() && counted.len() < self.signoffs.len() {
            missing.push(
                "people who did not make the version (author, starter, submitter and services do not count)".into(),
            );
        }
        missing.extend(self.open_rules.iter().map(|rule| format!("a pass, or a waiver, of {rule}")));
        match &self.card {
            Card::Draft { gaps } if asked.card => missing.push(format!("a complete card (open: {})", gaps.join(", "))),
            Card::Absent if asked.card => missing.push("a model card".into()),
            _ => {}
        }
        if asked.independent_review && !self.has_independent_review {
            missing.push("an independent review".into());
        }
        if self.open_findings > 0 {
            missing.push(format!("an answer to {} open findings", self.open_findings));
        }
        missing
    }
}

/// approved → validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Lapse {
    /// The approval was for a limited time.
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// A gate became stricter; the version must pass the new policy.
    PolicyTightened {
        /// The digest of the new policy.
        policy: Digest,
        /// What the version lacks of it.
        open: Vec<String>,
    },
    /// A waiver that it relies on ended.
    WaiverEnded {
        /// The gate.
        gate: GateName,
        /// The sentence of the rule that is open again.
        rule: String,
    },
    /// A version that it was made from was revoked.
    DependencyRevoked {
        /// That version, as `model/number`.
        dependency: String,
    },
}

/// One sentence for a person.
impl fmt::Display for Lapse {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired { at } => write!(out, "its approval ended on {}", at.civil().date()),
            Self::PolicyTightened { open, .. } => {
                write!(out, "the policy in force is stricter than the one that it was approved by: {}", open.join("; "))
            }
            Self::WaiverEnded { gate, rule } => write!(out, "a waiver ended; gate `{gate}`: {rule}"),
            Self::DependencyRevoked { dependency } => {
                write!(out, "version {dependency}, which it was made from, is revoked")
            }
        }
    }
}

/// any → retired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retirement {
    /// How many deployments of it answer now.
    pub live_deployments: u32,
    /// The version that takes its place, as `model/number`.
    pub replacement: Option<String>,
    /// Until when its bytes are kept; `None`: no limit is stated.
    pub retain_until: Option<Timestamp>,
}

impl Retirement {
    pub(super) fn missing(&self) -> Vec<String> {
        if self.live_deployments > 0 && self.replacement.is_none() {
            vec![format!("a replacement for {} live deployments", self.live_deployments)]
        } else {
            Vec::new()
        }
    }
}
