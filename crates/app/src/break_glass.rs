//! An emergency: an admin lets a version answer without its approval, and someone reviews why afterwards.
//!
//! Invariants: who, why and until when it must be reviewed is recorded before anything serves; an alert is open until every
//! break-glass of the endpoint is reviewed; one that was not justified takes the version away.

use kilter_domain::{
    alert::{AlertKey, AlertTopic, Breach, Hysteresis},
    deployment::AdmissionPolicy,
    error_chain::with_causes,
    ids::EndpointName,
    rule::{MetricId, RuleOutcome, RuleVerdict},
    time::{Interval, Span, Timestamp},
};
use kilter_store::{
    StoreError,
    deployment::{
        self as deployments, Deployment,
        break_glass::{self, BreakGlass, BreakGlassState, NewBreakGlass},
    },
    monitor::alert as alerts,
};

use crate::{
    alert::{
        error::AlertError,
        lifecycle::{EndpointAlerts, WindowResult},
    },
    app::App,
    approval::settle,
    authz::{AuthorizedContext, act, permission::permit, refused_actions},
    causes::{AuditedError, InvalidState, NotFound, PermissionDenied, StorageError, from_causes},
    context::RequestContext,
    deployment::{
        DeployError, checks, project_at, route_change,
        target::{Target, endpoints_of},
        withdraw::{self, Withdrawal},
    },
    project::{ProjectError, folder::Project},
};

/// How long a review may take.
pub const REVIEW_WITHIN: Span = Span::days(3);

/// Why a version does not answer without its approval, or a break-glass is not reviewed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum BreakGlassError {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    InvalidState(#[from] InvalidState),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Alert(#[from] AlertError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(BreakGlassError: Storage(StoreError));

impl AuditedError for BreakGlassError {
    fn is_refusal(&self) -> bool {
        match self {
            Self::InvalidState(_) => true,
            Self::Deploy(error) => error.is_refusal(),
            _ => false,
        }
    }

    fn is_race(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_race(),
            Self::Deploy(error) => error.is_race(),
            _ => false,
        }
    }
}

fn unknown(endpoint: &EndpointName) -> NotFound {
    let how = "see the endpoints with `kilter status`".to_owned();
    NotFound { what: "endpoint", id: endpoint.to_string(), how }
}

/// The project of an endpoint; its contract may no longer name it.
fn project_of(app: &App, endpoint: &EndpointName) -> Result<Project, BreakGlassError> {
    Ok(project_at(app, endpoint)?.ok_or_else(|| unknown(endpoint))?)
}

/// An admin lets a version answer at once without its approval.
///
/// # Errors
/// When they may not, give no reason, or the version cannot serve; the refusal has its entry.
pub fn break_glass(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    number: u32,
    reason: &str,
) -> Result<Deployment, BreakGlassError> {
    let project = project_of(app, endpoint)?;
    let deploy = project.deploy_at(endpoint).ok_or_else(|| unknown(endpoint))?;
    let object = deployments::endpoint_object(endpoint);
    let deployed = refused_actions::record_if_refused(app, context, "break_glass.deploy", &object, || {
        let by = permit::<act::BreakGlass>(&project, context)?;
        check_reason(reason)?;
        let state = checks::version_state(app, &project.model(), number)?;
        if !AdmissionPolicy::BreakGlass.accepts(state) {
            let (what, id) = ("version", number.to_string());
            let how = "only a candidate, a validated or an approved version can serve in an emergency".to_owned();
            return Err(InvalidState { what, id, state: state.to_string(), how }.into());
        }
        let new = NewBreakGlass {
            id: app.new_id(),
            endpoint: endpoint.clone(),
            model: project.model(),
            number,
            reason: reason.trim().to_owned(),
            due: context.at.after(REVIEW_WITHIN),
        };
        let entry = by.audit_event("break_glass.deploy", reason, vec![]);
        app.store().write(move |tx| break_glass::record(&tx.audited(entry), &new))?;
        let target = Target::of(&project, deploy);
        let text = format!("break-glass: {reason}");
        let change = |change: &route_change::EndpointChange<'_>| change.deploy_at_once(number, &text);
        Ok::<_, BreakGlassError>(route_change::change_endpoint(app, &by, &target, change)?)
    });
    // Also where it did not serve in the end: what was tried is reviewed.
    let system = AuthorizedContext::system("break_glass", context.at);
    if let Err(error) = update_alert(app, &system, &project, endpoint) {
        // The next look of the reconciler opens it; what was deployed stays so.
        tracing::error!(%endpoint, error = with_causes(&error), "the alert of a break-glass could not be opened");
    }
    deployed
}

/// Someone who did not break the glass says whether it had to be.
///
/// # Errors
/// When they may not or did it themselves, give no reason, or it was reviewed already; the refusal has its entry.
pub fn review_break_glass(
    app: &App,
    context: &RequestContext,
    (endpoint, id): (&EndpointName, &str),
    is_justified: bool,
    reason: &str,
) -> Result<BreakGlass, BreakGlassError> {
    let project = project_of(app, endpoint)?;
    let found = app.store().read(|reader| break_glass::get(reader, id))?;
    if found.endpoint != *endpoint {
        let how = format!("see them with `kilter break-glass list {endpoint}`");
        return Err(NotFound { what: "break-glass", id: id.to_owned(), how }.into());
    }
    let (by, reviewed) =
        refused_actions::record_if_refused(app, context, "break_glass.review", &break_glass::object(id), || {
            let by = permit::<act::Review>(&project, context)?;
            check_reason(reason)?;
            let is_own = by.everyone().contains(&found.by);
            if is_own || found.state != BreakGlassState::Open {
                let state = if is_own { format!("done by {}", found.by) } else { "reviewed already".to_owned() };
                let how = "another validator reviews it, once".to_owned();
                return Err(InvalidState { what: "break-glass", id: id.to_owned(), state, how }.into());
            }
            let next = if is_justified { BreakGlassState::Justified } else { BreakGlassState::Unjustified };
            let (entry, id) = (by.audit_event("break_glass.review", reason, vec![]), id.to_owned());
            let reviewed = app.store().write(move |tx| break_glass::review(&tx.audited(entry), &id, next))?;
            Ok::<_, BreakGlassError>((by, reviewed))
        })?;
    if !is_justified {
        take_away(app, &by, &project, &reviewed)?;
    }
    update_alert(app, &AuthorizedContext::system("break_glass", context.at), &project, endpoint)?;
    if reviewed.model == project.model() {
        settle::settle_now_complete(app, context.at, &project, reviewed.number);
    }
    Ok(reviewed)
}

fn check_reason(reason: &str) -> Result<(), InvalidState> {
    match reason.trim().is_empty() {
        true => Err(InvalidState {
            what: "break-glass",
            id: "this one".to_owned(),
            state: "without a reason".to_owned(),
            how: "say why with --reason".to_owned(),
        }),
        false => Ok(()),
    }
}

/// Takes a version away where a break-glass deployed it, and nowhere else.
fn take_away(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    reviewed: &BreakGlass,
) -> Result<(), BreakGlassError> {
    let (model, number) = (&reviewed.model, reviewed.number);
    let state = checks::version_state(app, model, number)?;
    // Another break-glass there may have had to be.
    if checks::admission_of(app, AdmissionPolicy::Approved, &reviewed.endpoint, (model, number))?.accepts(state) {
        return Ok(());
    }
    let reason = "its break-glass was not justified";
    let withdrawal = Withdrawal {
        model,
        number,
        moved: (state, state),
        action: "break_glass.review",
        reason,
        replacement: None,
        only_at: Some(&reviewed.endpoint),
        act: None,
    };
    withdraw::withdraw(app, context, project, withdrawal)?;
    Ok(())
}

/// Opens, renews or ends the alerts about break-glasses of a project; it may run twice.
pub(crate) fn update_alerts(app: &App, context: &AuthorizedContext, project: &Project) -> Result<(), BreakGlassError> {
    let endpoints = endpoints_of(app, project)?;
    endpoints.keys().try_for_each(|endpoint| update_alert(app, context, project, endpoint))
}

/// When a review of a project is due next.
pub(crate) fn next_due(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let (open, endpoints) = (app.store().read(break_glass::open)?, endpoints_of(app, project)?);
    let is_of = |one: &&BreakGlass| endpoints.contains_key(&one.endpoint) && one.due > now;
    Ok(open.iter().filter(is_of).map(|one| one.due).min())
}

fn update_alert(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    endpoint: &EndpointName,
) -> Result<(), BreakGlassError> {
    let key = AlertKey::new(endpoint.clone(), AlertTopic::BreakGlass);
    let (open, alert) =
        app.store().read(|reader| Ok((break_glass::open(reader)?, alerts::find_open(reader, &key)?)))?;
    let of_endpoint = open.iter().filter(|one| one.endpoint == *endpoint);
    let outcomes: Vec<RuleOutcome> = of_endpoint.map(|one| outcome(one, context.at)).collect();
    let hysteresis = Hysteresis { fire_after: 1, ..Hysteresis::default() };
    let monitor = project.contract.monitor.as_ref();
    let at = EndpointAlerts { hysteresis, ..EndpointAlerts::new(app, context, endpoint, monitor) };
    match (outcomes.is_empty(), alert) {
        (true, None) => Ok(()),
        (true, Some(alert)) => Ok(at.resolve(&alert, "every break-glass was reviewed")?),
        // Each pass would count the same anew.
        (false, Some(alert)) if Breach::all_of(&outcomes).is_subset(&alert.detail.notified) => Ok(()),
        (false, _) => {
            let window = Interval::new(context.at, context.at);
            at.update(WindowResult::unexplained(&AlertTopic::BreakGlass, window, &outcomes))?;
            Ok(())
        }
    }
}

fn outcome(one: &BreakGlass, now: Timestamp) -> RuleOutcome {
    let BreakGlass { number, by, reason, due, .. } = one;
    let due = due.civil().date();
    let (rule, text) = match one.is_overdue(now) {
        false => (
            format!("break-glass {} is reviewed", one.id),
            format!("v{number} answers without its approval, by {by}: {reason}; review it until {due}"),
        ),
        true => (
            format!("break-glass {} is reviewed in time", one.id),
            format!("v{number} answers without its approval, by {by}: {reason}; its review was due on {due}"),
        ),
    };
    RuleOutcome::new(rule, MetricId::named("break_glass"), RuleVerdict::Failed, text)
}
