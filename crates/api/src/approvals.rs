//! What people decide about versions: approvals with conditions, reviews, waivers, and the ends of a version.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::inbox::BreakGlass;
use crate::words::{ApproverRole, ReviewOutcome};

/// Approves a version (`POST /api/v1/models/{model}/versions/{version}/approve`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The share of the traffic that the version may answer at most, 1 to 99 percent; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_traffic_percent: Option<u8>,
    /// When the approval ends by itself; absent: when the contract says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// The role of theirs in which they say it; absent: the one that is still missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ApproverRole>,
}

/// Retires a version (`POST /api/v1/models/{model}/versions/{version}/retire`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// Why, for the audit log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of the version that takes its place where it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<u32>,
    /// Until when its bytes are kept at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retain_until: Option<Timestamp>,
}

/// An endpoint where a version served that may not any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WithdrawnEndpoint {
    /// The name of the endpoint.
    pub endpoint: String,
    /// Whether the version was live there; if not, it was a candidate.
    pub was_live: bool,
    /// The number of the version that answers in its place; absent if nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u32>,
}

/// A yes to a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignOff {
    /// Who said it.
    pub by: String,
    /// In which role.
    pub role: ApproverRole,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it ends; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// The share of the traffic that it is bound to, in percent; absent: all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_traffic_percent: Option<u8>,
}

/// What was done to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VersionActKind {
    /// A draft became a candidate, or a candidate was judged again.
    Submitted,
    /// A validated version became a candidate again.
    Returned,
    /// Someone else measured it again.
    Reviewed,
    /// It is out of use.
    Retired,
    /// It is forbidden.
    Revoked,
}

/// Something that was done to a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionAct {
    /// What was done.
    pub kind: VersionActKind,
    /// Who did it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What a review came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ReviewOutcome>,
}

/// Where a waiver is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaiverState {
    /// In force.
    Granted,
    /// Its time is over.
    Ended,
    /// Taken back before its time.
    Revoked,
}

/// A rule of a gate that versions may miss until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiver {
    /// The id, unique on this platform.
    pub id: String,
    /// The name of the model.
    pub model: String,
    /// The number of the version; absent: every version of the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The name of the gate.
    pub gate: String,
    /// The rule.
    pub rule: String,
    /// Where it is in its life.
    pub state: WaiverState,
    /// Who granted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it was granted.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// Grants a waiver (`POST /api/v1/models/{model}/waivers`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantWaiver {
    /// The number of the version; absent: every version of the model, also those to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// The name of the gate.
    pub gate: String,
    /// The rule, as in the contract.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What people and gates said of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standing {
    /// Author of the code, starter of the run, submitter: none of them may approve where four eyes are asked for.
    pub makers: Vec<String>,
    /// Every yes that counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sign_offs: Vec<SignOff>,
    /// What a validated version still lacks to be approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// The waivers that are in force for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// What else was done to it, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<VersionAct>,
    /// Where it answered without its approval, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub break_glasses: Vec<BreakGlass>,
}

/// What a review says of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleReview {
    /// The name of the gate.
    pub gate: String,
    /// The rule.
    pub rule: String,
    /// The verdict that stands.
    pub recorded: String,
    /// The verdict of the review; absent: it cannot be measured from the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
    /// One sentence.
    pub text: String,
}

/// What an independent review came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    /// What it came to.
    pub outcome: ReviewOutcome,
    /// Labelled rows of the package that were measured on.
    pub rows: usize,
    /// Golden requests that were asked.
    pub golden_rows: usize,
    /// Golden requests that were answered differently.
    pub golden_differing: usize,
    /// Each rule of the gates.
    pub rules: Vec<RuleReview>,
}
