//! What waits for whom: everything that only a person can decide, and what ends soon without a decision.
//!
//! Invariants: an item names its subject, who can act and by which command; it is of someone if they may act, whether or not
//! others may. Out of scope: alerts of monitors, which have a list of their own.

use kilter_domain::{
    actor::{Action, Actor, Role},
    contract::Policy,
    ids::ProjectName,
    model::VersionState,
    time::{Span, Timestamp},
};
use kilter_store::{
    PageRequest,
    deployment::{
        self as deployments,
        break_glass::{self, BreakGlass},
    },
    gate::waiver,
    model::{self as versions, Version},
    project::proposal::{self, ProposalState},
};

use crate::{
    app::App,
    causes::StorageError,
    components::access::Access,
    context::RequestContext,
    deployment::target::endpoints_of,
    model::{
        card_gaps,
        facts::{facts_of, policy_of},
        version_record::VersionRecord,
        votes,
    },
    project::{ProjectError, folder::Project},
    registered,
};

/// Versions of a state that are looked at, newest first.
const MAX_VERSIONS: u32 = 50;
/// How long before it ends something is in the inbox.
const SOON: Span = Span::days(30);

/// What kind of decision is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InboxKind {
    /// A version went past its approval: someone says whether it had to.
    BreakGlass,
    /// A contract asks for less: a validator accepts or rejects it.
    Policy,
    /// A version needs an independent review.
    Review,
    /// A card lacks what people must write or state.
    Card,
    /// A version needs a yes.
    Approval,
    /// A rule of a gate is open: a waiver, or another version.
    Gate,
    /// A draft is not submitted.
    Submission,
    /// An approval of what serves ends soon.
    ApprovalEnds,
    /// A waiver ends soon.
    WaiverEnds,
}

/// Something that waits for someone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxItem {
    /// What kind of decision is waited for.
    pub kind: InboxKind,
    /// The project.
    pub project: ProjectName,
    /// What it is about: `churn@3`, or the id of a proposal.
    pub subject: String,
    /// What is waited for, for a person.
    pub text: String,
    /// Who can decide.
    pub roles: Vec<Role>,
    /// Since when it waits.
    pub since: Timestamp,
    /// Until when it must be decided; `None`: there is no such time.
    pub due: Option<Timestamp>,
    /// The command that decides.
    pub command: String,
    /// Whether whoever asked can decide.
    pub is_mine: bool,
}

/// What waits in every project, what is due first at the top.
///
/// # Errors
/// When the metadata cannot be read. A project whose contract cannot be read has no items.
pub fn inbox(app: &App, context: &RequestContext) -> Result<Vec<InboxItem>, StorageError> {
    let mut items = Vec::new();
    for name in registered::projects(app)? {
        let project = match registered::recorded_project(app, &name) {
            Ok(project) => project,
            Err(ProjectError::Storage(error)) => return Err(error),
            Err(error) => {
                tracing::error!(project = %name, %error, "the contract cannot be read; its inbox is empty");
                continue;
            }
        };
        let access = Access::of(&name, &project.contract);
        let desk = Desk { app, context, at: context.at, access, model: project.model().to_string(), project };
        items.extend(desk.items()?);
    }
    items.sort_by_key(|item| (item.due.unwrap_or(Timestamp(i64::MAX)), item.kind, item.since));
    Ok(items)
}

/// One project, as someone looks at it.
struct Desk<'a> {
    app: &'a App,
    context: &'a RequestContext,
    at: Timestamp,
    access: Access,
    model: String,
    project: Project,
}

impl Desk<'_> {
    fn items(&self) -> Result<Vec<InboxItem>, StorageError> {
        let mut items = Vec::new();
        for state in [VersionState::Draft, VersionState::Candidate, VersionState::Validated] {
            for version in self.versions(state)? {
                items.extend(self.of_version(&version)?);
            }
        }
        items.extend(self.ends()?);
        items.extend(self.proposals()?);
        items.extend(self.broken()?);
        Ok(items)
    }

    /// Whether whoever asks is among these, or answers for a service that is.
    fn is_one_of(&self, actors: &[Actor]) -> bool {
        self.context.everyone().iter().any(|one| actors.contains(one))
    }

    fn versions(&self, state: VersionState) -> Result<Vec<Version>, StorageError> {
        let (model, page) = (self.project.model(), PageRequest::first(MAX_VERSIONS));
        Ok(self.app.store().read(|reader| versions::list(reader, &model, Some(state), &page))?.items)
    }

    fn item(&self, kind: InboxKind, action: Action, subject: String, text: String) -> InboxItem {
        InboxItem {
            kind,
            project: self.project.name.clone(),
            text,
            roles: action.roles().to_vec(),
            since: self.at,
            due: None,
            command: String::new(),
            is_mine: self.access.permit(self.context, action).is_ok(),
            subject,
        }
    }

    fn of_version(&self, version: &Version) -> Result<Vec<InboxItem>, StorageError> {
        let (model, number) = (&version.model, version.number);
        let named = format!("{model}@{number}");
        let record = self.app.store().read(|reader| VersionRecord::read(reader, model, number, self.at))?;
        let is_maker = self.is_one_of(&record.makers());
        let of = |kind, action, text: String, command: String| InboxItem {
            since: version.created,
            command,
            ..self.item(kind, action, named.clone(), text)
        };
        Ok(match version.state {
            VersionState::Draft => {
                let text = "it is a draft that was not submitted".to_owned();
                vec![of(InboxKind::Submission, Action::Submit, text, format!("kilter submit {named}"))]
            }
            VersionState::Candidate => {
                let open = record.open_rules(&policy_of(&self.project, version)).join("; ");
                let text = if open.is_empty() { "it waits to be submitted again".to_owned() } else { open };
                let item = of(InboxKind::Gate, Action::Waive, text, format!("kilter model show {named}"));
                vec![InboxItem { is_mine: item.is_mine && !is_maker, ..item }]
            }
            _ => self.of_validated(version, &record, is_maker)?,
        })
    }

    /// What a validated version waits for: its card, a review, a yes.
    fn of_validated(
        &self,
        version: &Version,
        record: &VersionRecord,
        is_maker: bool,
    ) -> Result<Vec<InboxItem>, StorageError> {
        let policy = policy_of(&self.project, version);
        let (named, requirements) = (format!("{}@{}", version.model, version.number), policy.requirements());
        let of = |kind, action, text: String, command: &str| InboxItem {
            since: version.created,
            command: command.to_owned(),
            ..self.item(kind, action, named.clone(), text)
        };
        let mut items = Vec::new();
        let gaps = card_gaps::gaps(&self.project, record.card.as_ref());
        if requirements.card && !gaps.is_empty() {
            let text = format!("its card lacks {}", gaps.join(", "));
            items.push(of(InboxKind::Card, Action::Submit, text, &format!("kilter card {named} --out MODEL_CARD.md")));
        }
        if requirements.independent_review && record.independent_review(&policy).is_none() {
            let text = "it needs a review by someone who did not make it".to_owned();
            let item = of(InboxKind::Review, Action::Review, text, &format!("kilter review {named}"));
            items.push(InboxItem { is_mine: item.is_mine && !is_maker, ..item });
        }
        let missing = votes::missing_approval(self.app, &self.project, version, self.at)?.join("; ");
        let item = of(InboxKind::Approval, Action::Approve, missing, &format!("kilter approve {named}"));
        let is_asked = self.is_asked(&policy, record);
        items.push(InboxItem { is_mine: item.is_mine && !is_maker && is_asked, ..item });
        Ok(items)
    }

    /// Whether a yes of whoever asked is still missing: they said none, or one in another of their roles.
    fn is_asked(&self, policy: &Policy, record: &VersionRecord) -> bool {
        let has_said = record.valid_votes(self.at).any(|said| self.is_one_of(std::slice::from_ref(&said.by)));
        let counted = facts_of(&self.project, record).counted(&record.signoffs(self.at));
        let roles = self.access.permit(self.context, Action::Approve).map(|permit| permit.roles).unwrap_or_default();
        !has_said || policy.approve.rule.helpful_role(&counted, &self.context.actor, &roles).is_some()
    }

    /// Approvals of what serves, and waivers, that end soon.
    fn ends(&self) -> Result<Vec<InboxItem>, StorageError> {
        let mut items = Vec::new();
        let (soon, model) = (self.at.after(SOON), self.project.model());
        let mut serving = Vec::new();
        for endpoint in endpoints_of(self.app, &self.project)?.into_keys() {
            serving.extend(self.app.store().read(|reader| deployments::live(reader, &endpoint))?);
        }
        serving.retain(|one| one.model == model);
        serving.sort_by_key(|one| one.number);
        serving.dedup_by_key(|one| one.number);
        for one in serving {
            let record = self.app.store().read(|reader| VersionRecord::read(reader, &model, one.number, self.at))?;
            let end = record.valid_votes(self.at).filter_map(|said| said.expires).min();
            if let Some(end) = end.filter(|end| *end <= soon) {
                let text = format!("its approval ends on {}; then it answers no more", end.civil().date());
                let subject = format!("{model}@{}", one.number);
                let command = format!("kilter return {subject}");
                let item = self.item(InboxKind::ApprovalEnds, Action::Approve, subject, text);
                items.push(InboxItem { due: Some(end), command, ..item });
            }
        }
        let page = PageRequest::first(MAX_VERSIONS);
        let waivers = self.app.store().read(|reader| waiver::list(reader, &model, &page))?.items;
        for waiver in waivers.into_iter().filter(|waiver| waiver.is_in_force(self.at) && waiver.term.until <= soon) {
            let (gate, rule) = (&waiver.term.gate, &waiver.term.rule);
            let text = format!("the waiver of gate {gate}, `{rule}`, ends; what relies on it lapses");
            let subject = waiver.number.map_or_else(|| model.to_string(), |number| format!("{model}@{number}"));
            let item = self.item(InboxKind::WaiverEnds, Action::Waive, subject, text);
            let command = format!("kilter waiver list {model}");
            items.push(InboxItem { due: Some(waiver.term.until), since: waiver.since, command, ..item });
        }
        Ok(items)
    }

    fn proposals(&self) -> Result<Vec<InboxItem>, StorageError> {
        let page = PageRequest::first(MAX_VERSIONS);
        let found = self.app.store().read(|reader| proposal::list(reader, &self.project.name, &page))?.items;
        let open = found.into_iter().filter(|one| one.state == ProposalState::Open);
        Ok(open
            .map(|one| {
                let text = format!("{} asks for less: {}", one.by, one.changes.join("; "));
                let command = format!("kilter policy accept {} {}", self.model, one.id);
                let item = self.item(InboxKind::Policy, Action::AcceptPolicy, one.id.clone(), text);
                InboxItem {
                    since: one.created,
                    command,
                    is_mine: item.is_mine && !self.is_one_of(std::slice::from_ref(&one.by)),
                    ..item
                }
            })
            .collect())
    }

    fn broken(&self) -> Result<Vec<InboxItem>, StorageError> {
        let open = self.app.store().read(break_glass::open)?;
        let endpoints = endpoints_of(self.app, &self.project)?;
        let is_of = |one: &BreakGlass| endpoints.contains_key(&one.endpoint);
        Ok(open
            .into_iter()
            .filter(is_of)
            .map(|one| {
                let late = if one.is_overdue(self.at) { "; its review is overdue" } else { "" };
                let text =
                    format!("{} let it answer at {} without its approval: {}{late}", one.by, one.endpoint, one.reason);
                let subject = format!("{}@{}", one.model, one.number);
                let command = format!("kilter break-glass review {} {}", one.endpoint, one.id);
                let item = self.item(InboxKind::BreakGlass, Action::Review, subject, text);
                let is_mine = item.is_mine && !self.is_one_of(std::slice::from_ref(&one.by));
                InboxItem { since: one.at, due: Some(one.due), command, is_mine, ..item }
            })
            .collect())
    }
}
