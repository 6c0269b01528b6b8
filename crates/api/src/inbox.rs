//! What waits for people: the inbox, contracts that ask for less, and versions that answer without their approval.

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of decision is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InboxKind {
    /// A version answers without its approval: someone says whether it had to.
    BreakGlass,
    /// A contract asks for less: a validator accepts or rejects it.
    Policy,
    /// A version needs an independent review.
    Review,
    /// A card lacks what people must write or state.
    Card,
    /// A version needs a yes.
    Approval,
    /// A rule of a gate is open.
    Gate,
    /// A draft is not submitted.
    Submission,
    /// The approval of what serves ends soon.
    ApprovalEnds,
    /// A waiver ends soon.
    WaiverEnds,
}

impl InboxKind {
    /// Its word for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::BreakGlass => "break-glass",
            Self::Policy => "policy",
            Self::Review => "review",
            Self::Card => "card",
            Self::Approval => "approval",
            Self::Gate => "gate",
            Self::Submission => "submission",
            Self::ApprovalEnds => "approval ends",
            Self::WaiverEnds => "waiver ends",
        }
    }
}

/// Something that waits for someone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InboxItem {
    /// What kind of decision is waited for.
    pub kind: InboxKind,
    /// The name of the project.
    pub project: String,
    /// What it is about: a version, or the id of a proposal.
    pub subject: String,
    /// What is waited for.
    pub text: String,
    /// The roles that can decide.
    pub roles: Vec<String>,
    /// Since when it waits.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Until when it must be decided; absent: there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due: Option<Timestamp>,
    /// The command that decides.
    pub command: String,
    /// Whether the caller can decide.
    pub is_mine: bool,
}

/// What waits for people, what is due first at the top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inbox {
    /// Every item of the projects that the caller may read.
    pub items: Vec<InboxItem>,
}

/// Where a proposal is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// A validator must decide.
    Open,
    /// The contract is in force since.
    Accepted,
    /// A validator said no.
    Rejected,
    /// Another contract came into force meanwhile.
    Superseded,
}

/// A contract that asks for less than the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyProposal {
    /// The id, unique on this platform.
    pub id: String,
    /// The name of the project.
    pub project: String,
    /// What it asks for less.
    pub changes: Vec<String>,
    /// Where it is in its life.
    pub state: ProposalState,
    /// Who proposed it.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created: Timestamp,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided: Option<Timestamp>,
    /// The digest of the contract in force when it was proposed.
    pub base: String,
    /// The text of the contract.
    pub text: String,
}

/// Proposals of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyProposals {
    /// Newest first; at most a hundred.
    pub items: Vec<PolicyProposal>,
}

/// Lets a version answer at once without its approval (`POST /api/v1/endpoints/{endpoint}/break-glass`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassDeploy {
    /// The number of the version.
    pub version: u32,
    /// Why.
    pub reason: String,
}

/// Reviews a break-glass (`POST /api/v1/endpoints/{endpoint}/break-glass/{id}/review`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassReview {
    /// Whether it had to be.
    pub justified: bool,
    /// Why.
    pub reason: String,
}

/// Where a break-glass is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakGlassState {
    /// Nobody reviewed it yet.
    Open,
    /// The review found that it had to be.
    Justified,
    /// The review found that it did not: the version was taken away.
    Unjustified,
}

/// A version that was let answer without its approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakGlass {
    /// The id, unique on this platform.
    pub id: String,
    /// The name of the endpoint.
    pub endpoint: String,
    /// The name of the model.
    pub model: String,
    /// The number of the version.
    pub version: u32,
    /// Where it is in its life.
    pub state: BreakGlassState,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Until when it must be reviewed.
    #[schema(value_type = String, format = DateTime)]
    pub due: Timestamp,
    /// Who reviewed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<String>,
}
