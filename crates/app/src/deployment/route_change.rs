//! One change of what answers at an endpoint: decided, checked, committed and published while nobody else changes it.
//!
//! Invariants: what is about to serve is loaded and fitted together before anything is written, so a committed state is
//! one that was served; request and first stage are one transaction; routes are published in the order of the commits.

use std::sync::{Arc, PoisonError};

use kilter_domain::{
    deployment::{AdmissionPolicy, DeploymentEvent, DeploymentState},
    event::{EventKind, EventMetrics},
    ids::{ModelName, VersionId},
};
use kilter_serving::{Mode, Routes};
use kilter_store::{
    audit::AuditEvent,
    deployment as deployments,
    deployment::{Deployment, NewDeployment},
    model as versions,
    monitor::evidence,
};
use serde_json::json;

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::{InvalidState, NoLiveVersion, NotFound, StorageError},
    components::serving::Serving,
    deployment::{
        checks,
        error::DeployError,
        routes::{self, RoutePlan},
        target::Target,
        threshold::siblings,
    },
    gate::threshold_choice::ThresholdChange,
    prediction::{live, open_log},
};

/// The right to change what answers at an endpoint: [`change_endpoint`] gives it to one caller at a time.
pub(crate) struct EndpointChange<'a> {
    app: &'a App,
    context: &'a AuthorizedContext,
    target: &'a Target<'a>,
}

/// A stage beside the live version, and what entering it is called in the timeline.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub event: DeploymentEvent,
    pub kind: EventKind,
}

/// A deployment that is about to move: one that exists, or one that the same transaction requests.
struct PendingDeployment {
    id: String,
    model: ModelName,
    number: u32,
    state: DeploymentState,
    request: Option<(NewDeployment, AuditEvent)>,
}

impl From<&Deployment> for PendingDeployment {
    fn from(standing: &Deployment) -> Self {
        let Deployment { id, model, number, state, .. } = standing.clone();
        Self { id, model, number, state, request: None }
    }
}

/// Lets `work` change what answers at a place, while nobody else does.
pub(crate) fn change_endpoint<T>(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    work: impl FnOnce(&EndpointChange<'_>) -> Result<T, DeployError>,
) -> Result<T, DeployError> {
    let lock = app.components().endpoints.change_lock(&target.endpoint);
    // A panic of another change left committed states: this one reads them anew.
    let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
    work(&EndpointChange { app, context, target })
}

impl EndpointChange<'_> {
    /// As [`deploy`].
    pub(super) fn deploy(&self, number: u32, reason: &str) -> Result<Deployment, DeployError> {
        let (app, model) = (self.app, self.target.project.model());
        let version = app.store().read(|reader| versions::get(reader, &model, number))?;
        DeploymentState::requested(version.state, self.target.deploy.admission_policy())?;
        if let Some(candidate) = self.candidate()? {
            return Err(self.invalid_state(&candidate, "still a candidate", "wait for it, or roll it back first"));
        }
        if let Some(live) = self.live()?.filter(|live| live.model == model && live.number == number) {
            return self.deploy_again(live);
        }
        checks::check_signature_compatible(app, &self.target.endpoint, &model, number)?;
        self.first_stage(self.request(model, number, reason))
    }

    /// Makes a version the one that answers at once, whatever is on trial: an emergency.
    pub(crate) fn deploy_at_once(&self, number: u32, reason: &str) -> Result<Deployment, DeployError> {
        let model = self.target.project.model();
        checks::check_signature_compatible(self.app, &self.target.endpoint, &model, number)?;
        if let Some(candidate) = self.candidate()? {
            self.take_back(&candidate, reason, &EventMetrics::default())?;
        }
        if let Some(live) = self.live()?.filter(|live| live.model == model && live.number == number) {
            return self.deploy_again(live);
        }
        self.go_live(self.request(model, number, reason), reason, &EventMetrics::default())
    }

    /// The live version is asked for once more: nothing is to be done, unless it answers nobody and can again.
    fn deploy_again(&self, live: Deployment) -> Result<Deployment, DeployError> {
        if live::refused_at(self.app, &self.target.endpoint).is_none() {
            return Err(self.invalid_state(&live, "already live", "deploy another version to replace it"));
        }
        routes::sync_routes(self.app, &self.target.endpoint)?;
        Ok(live)
    }

    /// Takes a candidate back, or a live version in favour of the last one before it. A live version that answers
    /// nobody is replaced too, whatever stands beside it.
    pub(super) fn roll_back(&self, reason: &str) -> Result<(), DeployError> {
        let candidate = self.candidate()?;
        if let Some(candidate) = &candidate {
            self.take_back(candidate, reason, &EventMetrics::default())?;
            if live::refused_at(self.app, &self.target.endpoint).is_none() {
                return Ok(());
            }
        }
        let live = self.live()?.ok_or_else(|| NoLiveVersion { endpoint: self.target.endpoint.clone() })?;
        match checks::last_before(self.app, &live)? {
            Some(earlier) => self.bring_back(&live, earlier, reason, &EventMetrics::default()),
            None if candidate.is_some() => Ok(()),
            None => Err(NotFound {
                what: "version to go back to",
                id: self.target.endpoint.to_string(),
                how: "nothing served here before; deploy another approved version".to_owned(),
            }
            .into()),
        }
    }

    /// Ends a candidate; what is live goes on.
    pub(super) fn take_back(
        &self,
        candidate: &Deployment,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<(), DeployError> {
        let next = self.next_state(candidate, DeploymentEvent::RolledBack)?;
        let draft = self.entry(EventKind::RolledBack, candidate.number, reason, numbers);
        let (id, state) = (candidate.id.clone(), candidate.state);
        self.app.store().write(move |tx| deployments::advance(&tx.audited(draft), &id, state, next))?;
        // It is taken back whatever becomes of the live version, whose state is told where it is asked for.
        let _ = routes::sync_routes(self.app, &self.target.endpoint);
        Ok(())
    }

    /// Ends the live version in favour of one that was live before.
    pub(super) fn bring_back(
        &self,
        live: &Deployment,
        earlier: u32,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<(), DeployError> {
        let (model, app) = (live.model.clone(), self.app);
        let version = checks::version_state(app, &model, earlier)?;
        checks::check_traffic(app, &model, (earlier, 100), self.context.at)?;
        let requested = DeploymentState::requested(version, self.target.deploy.admission_policy())?;
        let returned = requested.after(DeploymentEvent::WentLive, version, self.target.deploy.admission_policy())?;
        let ended = self.next_state(live, DeploymentEvent::RolledBack)?;
        let (serving, routes) = self.prepare(&RoutePlan::live(&model, earlier))?;
        let new = NewDeployment {
            id: app.new_id(),
            endpoint: self.target.endpoint.clone(),
            model: model.clone(),
            number: earlier,
            reason: json!({ "text": format!("rolled back from version {}", live.number) }),
        };
        let back = self.entry(EventKind::RolledBack, live.number, reason, numbers);
        let request = self.context.audit_event(
            "deployment.request",
            reason,
            vec![VersionId::new(model.clone(), earlier).object()],
        );
        let go = self.context.audit_event(
            "deployment.return",
            reason,
            vec![VersionId::new(model.clone(), earlier).object()],
        );
        let (id, state) = (live.id.clone(), live.state);
        app.store().write(move |tx| {
            deployments::advance(&tx.audited(back), &id, state, ended)?;
            let made = deployments::request(&tx.audited(request), &new)?;
            deployments::advance(&tx.audited(go), &made.id, made.state, returned).map(|_| ())
        })?;
        self.publish(&serving, routes);
        self.resolve_alerts(&model, earlier, &format!("version {earlier} is back"));
        Ok(())
    }

    /// Puts a version that is the live one with another threshold in its place, at once.
    pub(super) fn replace_threshold(&self, number: u32, change: &ThresholdChange) -> Result<(), DeployError> {
        let entrant = self.request(self.target.project.model(), number, &change.reason);
        self.go_live(entrant, &change.reason, &change.numbers).map(|_| ())
    }

    fn request(&self, model: ModelName, number: u32, reason: &str) -> PendingDeployment {
        let (id, endpoint) = (self.app.new_id(), self.target.endpoint.clone());
        let new =
            NewDeployment { id: id.clone(), endpoint, model: model.clone(), number, reason: json!({ "text": reason }) };
        let draft = self.context.audit_event(
            "deployment.request",
            reason,
            vec![VersionId::new(model.clone(), number).object()],
        );
        PendingDeployment { id, model, number, state: DeploymentState::Requested, request: Some((new, draft)) }
    }

    fn first_stage(&self, entrant: PendingDeployment) -> Result<Deployment, DeployError> {
        let live = live::live_deployment(self.app, &self.target.endpoint)?;
        let first_percent = self.target.deploy.first_percent();
        let is_experiment = self.target.deploy.experiment.is_some();
        let nothing = EventMetrics::default();
        match (live, self.target.deploy.shadow, first_percent) {
            (None, ..) => self.go_live(entrant, "nothing served until now", &nothing),
            (Some(_), Some(shadow), _) => {
                let reason = format!("it answers unseen for {shadow} first");
                let stage = Stage { event: DeploymentEvent::ShadowStarted, kind: EventKind::ShadowStarted };
                self.advance(entrant, stage, &reason, &nothing)
            }
            (Some(_), None, Some(percent)) => {
                let (event, kind) = (DeploymentEvent::CanaryStarted { percent }, EventKind::CanaryStarted);
                let numbers = nothing.with("percent", f64::from(percent));
                let reason = match is_experiment {
                    true => "the contract compares it at a fixed split",
                    false => "the contract starts with a canary",
                };
                self.advance(entrant, Stage { event, kind }, reason, &numbers)
            }
            _ => self.go_live(entrant, "the contract asks for no canary", &nothing),
        }
    }

    /// Takes a candidate one stage further beside what is live.
    pub(super) fn advance_candidate(
        &self,
        candidate: &Deployment,
        stage: Stage,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<Deployment, DeployError> {
        self.advance(candidate.into(), stage, reason, numbers)
    }

    fn advance(
        &self,
        entrant: PendingDeployment,
        stage: Stage,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<Deployment, DeployError> {
        let next = self.after(&entrant, stage.event)?;
        let live = self.live()?.ok_or_else(|| NoLiveVersion { endpoint: self.target.endpoint.clone() })?;
        let mode = match next {
            DeploymentState::Canary { percent } => Mode::Canary { percent },
            _ => Mode::Shadow,
        };
        let lineup = RoutePlan::live(&live.model, live.number).beside(&entrant.model, entrant.number, mode);
        let (serving, routes) = self.prepare(&lineup)?;
        let draft = self.entry(stage.kind, entrant.number, reason, numbers);
        let PendingDeployment { id, state, request, .. } = entrant;
        let moved = self.app.store().write(move |tx| {
            if let Some((new, draft)) = request {
                deployments::request(&tx.audited(draft), &new)?;
            }
            deployments::advance(&tx.audited(draft), &id, state, next)
        })?;
        self.publish(&serving, routes);
        Ok(moved)
    }

    /// Makes a candidate the one that answers.
    pub(super) fn promote(
        &self,
        candidate: &Deployment,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<Deployment, DeployError> {
        self.go_live(candidate.into(), reason, numbers)
    }

    /// Makes a version the one that answers; what answered before is superseded. Alerts and evidence are about a model:
    /// they are over with it, and stay where the new version differs in its threshold alone.
    fn go_live(
        &self,
        entrant: PendingDeployment,
        reason: &str,
        numbers: &EventMetrics,
    ) -> Result<Deployment, DeployError> {
        let before = self.live()?;
        let next = self.after(&entrant, DeploymentEvent::WentLive)?;
        let superseded = match &before {
            Some(before) => Some((before.clone(), self.next_state(before, DeploymentEvent::Superseded)?)),
            None => None,
        };
        let same = match live::live_deployment(self.app, &self.target.endpoint)? {
            // One whose package is gone cannot be compared: alerts about it are over.
            Some(before) => {
                siblings::is_same_model(self.app, (&before.model, before.number), (&entrant.model, entrant.number))
                    .or_else(|gone| if gone.is_of_the_version() { Ok(false) } else { Err(gone) })?
            }
            None => false,
        };
        let (serving, routes) = self.prepare(&RoutePlan::live(&entrant.model, entrant.number))?;
        let kind = if same { EventKind::ThresholdChanged } else { EventKind::Promoted };
        let promoted = self.entry(kind, entrant.number, reason, numbers);
        let place_taken = format!("version {} took its place", entrant.number);
        let replaced = self.context.audit_event("deployment.supersede", place_taken.clone(), vec![]);
        let PendingDeployment { id, state, request, model, number } = entrant;
        let live = self.app.store().write(move |tx| {
            if let Some((new, draft)) = request {
                deployments::request(&tx.audited(draft), &new)?;
            }
            // The old one goes first: an endpoint has one live deployment, whatever races.
            if let Some((before, next)) = superseded {
                deployments::advance(&tx.audited(replaced), &before.id, before.state, next)?;
            }
            let live = deployments::advance(&tx.audited(promoted), &id, state, next)?;
            if same && let Some(known) = evidence::find(tx, &live.endpoint)? {
                evidence::put(tx, &evidence::Evidence { number: live.number, ..known })?;
            }
            Ok(live)
        })?;
        self.publish(&serving, routes);
        if !same {
            self.resolve_alerts(&model, number, &place_taken);
        }
        Ok(live)
    }

    /// Loads what is about to serve, and opens where it will: after the commit nothing is left that can fail.
    fn prepare(&self, lineup: &RoutePlan) -> Result<(Arc<Serving>, Routes), DeployError> {
        let serving = open_log::open_serving(self.app, &self.target.endpoint)?;
        let routes = routes::load_routes(
            self.app,
            &self.target.endpoint,
            lineup,
            self.target.project,
            self.target.deploy.admission_policy(),
        )?;
        Ok((serving, routes))
    }

    fn publish(&self, serving: &Serving, routes: Routes) {
        serving.endpoint().deploy(routes);
        self.app.components().endpoints.clear_failure(&self.target.endpoint);
    }

    /// The change is committed: an alert that moved meanwhile is tried once more, and does not fail it.
    fn resolve_alerts(&self, model: &ModelName, number: u32, reason: &str) {
        let resolve = || {
            self.app.resolve_alerts(self.context, self.target.project, &self.target.endpoint, (model, number), reason)
        };
        if let Err(error) = resolve().or_else(|_| resolve()) {
            tracing::error!(endpoint = %self.target.endpoint, %error, "alerts about the version before could not be resolved");
        }
    }

    fn live(&self) -> Result<Option<Deployment>, StorageError> {
        Ok(self.app.store().read(|reader| deployments::live(reader, &self.target.endpoint))?)
    }

    fn candidate(&self) -> Result<Option<Deployment>, StorageError> {
        Ok(self.app.store().read(|reader| deployments::candidate(reader, &self.target.endpoint))?)
    }

    fn next_state(&self, deployment: &Deployment, event: DeploymentEvent) -> Result<DeploymentState, DeployError> {
        self.after(&deployment.into(), event)
    }

    fn after(&self, entrant: &PendingDeployment, event: DeploymentEvent) -> Result<DeploymentState, DeployError> {
        let version = checks::version_state(self.app, &entrant.model, entrant.number)?;
        let admits = self.admission(&entrant.model, entrant.number)?;
        let percent = match event {
            DeploymentEvent::CanaryStarted { percent } | DeploymentEvent::CanaryWidened { percent } => percent,
            DeploymentEvent::WentLive => 100,
            _ => 0,
        };
        if percent > 0 {
            checks::check_traffic(self.app, &entrant.model, (entrant.number, percent), self.context.at)?;
        }
        Ok(entrant.state.after(event, version, admits)?)
    }

    fn admission(&self, model: &ModelName, number: u32) -> Result<AdmissionPolicy, StorageError> {
        let admits = self.target.deploy.admission_policy();
        checks::admission_of(self.app, admits, &self.target.endpoint, (model, number))
    }

    fn entry(&self, kind: EventKind, number: u32, reason: &str, numbers: &EventMetrics) -> AuditEvent {
        self.context.version_event(number, kind, reason, numbers)
    }

    fn invalid_state(&self, deployment: &Deployment, state: &str, how: &str) -> DeployError {
        InvalidState {
            what: "version",
            id: deployment.number.to_string(),
            state: format!("{state} at `{}`", self.target.endpoint),
            how: how.to_owned(),
        }
        .into()
    }
}
