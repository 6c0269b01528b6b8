//! Deployments: from requested through shadow and canary to live, and back, at one endpoint.
//!
//! Holds true: a state moves by the one function of `domain`, with its entry, before the data plane follows; what
//! serves after a crash is what the store says. A rollback needs nobody's approval.

mod rollout;
mod routes;

use kilter_domain::{
    actor::Action,
    contract::Deploy,
    deployment::{DeploymentEvent, DeploymentState},
    ids::{EndpointName, ModelName},
    model::VersionState,
};
use kilter_inference::{Signature, Task};
use kilter_serving::{ServedVersion, VersionRef};
use kilter_store::{
    deployment::{self as deployments, Deployment, NewDeployment},
    model as versions,
    monitor::evidence,
};
use serde_json::json;

use crate::{
    App,
    decision::{DecisionKind, Numbers},
    error::AppError,
    ledger::Act,
    permit::permit,
    project::Project,
    replay::VERSION,
    training::{Governance, Trained},
};

impl App {
    /// Deploys what a training made wherever the contract lets the platform decide.
    pub fn deploy_if_allowed(
        &self,
        act: &Act,
        project: &Project,
        trained: &Trained,
        governance: Governance,
    ) -> Result<(), AppError> {
        let Some((number, state)) = trained.version else { return Ok(()) };
        let is_automatic = trained.is_automatic() || governance == Governance::Assumed;
        for deploy in project.contract.deploy.iter().filter(|deploy| deploy.auto || is_automatic) {
            if deploy.admits().takes(state) {
                let because = format!("version {number} is {state}");
                match self.deploy(act, project, deploy, number, &because) {
                    // That a version cannot stand in for the live one is a result with its reason: the loop goes on.
                    Err(AppError::Denied(reason)) => self.note_not_deployed(act, project, number, reason)?,
                    Err(refused @ AppError::GoldenDiffers { .. }) => {
                        self.note_not_deployed(act, project, number, refused.to_string())?;
                    }
                    done => done.map(|_| ())?,
                }
            }
        }
        Ok(())
    }

    fn note_not_deployed(&self, act: &Act, project: &Project, number: u32, reason: String) -> Result<(), AppError> {
        let draft = act.does("deployment.request", reason, vec![format!("{VERSION}={number}")]);
        let object = versions::object(&project.model(), number);
        self.store().write(move |tx| {
            tx.audited(draft).did_not_happen(&object, kilter_domain::audit::Outcome::Denied).map(|_| ())
        })?;
        Ok(())
    }

    /// Whether callers of what is live can be answered by another version: the same task, and of two classes the same.
    fn check_stand_in(&self, endpoint: &EndpointName, model: &ModelName, number: u32) -> Result<(), AppError> {
        let Some(live) = self.answering(endpoint)? else { return Ok(()) };
        let (new, old) = (self.loaded(model, number)?, self.loaded(&live.model, live.number)?);
        let (new, old) = (&new.0.manifest.signature, &old.0.manifest.signature);
        let is_same_pair = new.task != Task::Binary || new.classes == old.classes;
        if new.task == old.task && is_same_pair {
            return Ok(());
        }
        let said = |signature: &Signature| format!("{} of {}", signature.task, signature.classes.join(", "));
        Err(AppError::Denied(format!(
            "version {number} answers otherwise than version {} that callers of `{endpoint}` rely on ({}, not {}); deploy it \
             to an endpoint of its own",
            live.number,
            said(new),
            said(old)
        )))
    }

    /// The live deployment of an endpoint, where it answers: one that was refused when it was loaded has no callers to
    /// be fair to, and nothing to be compared with.
    pub(crate) fn answering(&self, endpoint: &EndpointName) -> Result<Option<Deployment>, AppError> {
        let live = self.store().read(|reader| deployments::live(reader, endpoint))?;
        Ok(live.filter(|_| self.refused_at(endpoint).is_none()))
    }

    /// Whether a version still answers as it did when it was packed; asked before any state moves.
    fn check_answers(&self, model: &ModelName, number: u32) -> Result<(), AppError> {
        let (package, loaded) = self.loaded(model, number)?;
        let version = VersionRef { number: u64::from(number), digest: package.digest };
        self.check_golden(&package, ServedVersion::on_trial(loaded, version, Some(package.manifest.threshold)))
    }

    /// Requests that a version serves at a place, and takes the first stage that the contract states.
    pub fn deploy(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        number: u32,
        because: &str,
    ) -> Result<Deployment, AppError> {
        let (endpoint, model) = (project.endpoint(deploy), project.model());
        let version = self.store().read(|reader| versions::get(reader, &model, number))?;
        DeploymentState::requested(version.state, deploy.admits()).map_err(denied)?;
        if let Some(candidate) = self.store().read(|reader| deployments::candidate(reader, &endpoint))? {
            return Err(AppError::WrongState {
                what: "version",
                id: candidate.number.to_string(),
                state: format!("still a candidate at `{endpoint}`"),
                how: "wait for it, or roll it back first".to_owned(),
            });
        }
        self.check_stand_in(&endpoint, &model, number)?;
        self.check_answers(&model, number)?;
        let requested = self.request(act, project, deploy, number, because)?;
        self.first_stage(act, project, deploy, requested)
    }

    fn request(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        number: u32,
        because: &str,
    ) -> Result<Deployment, AppError> {
        let endpoint = project.endpoint(deploy);
        let new = NewDeployment {
            id: self.new_id(),
            endpoint: endpoint.clone(),
            model: project.model(),
            number,
            because: json!({ "text": because }),
        };
        let draft = act.does("deployment.request", because, vec![format!("{VERSION}={number}")]);
        let requested = self.store().write(move |tx| deployments::request(&tx.audited(draft), &new))?;
        self.open_serving(&endpoint)?;
        Ok(requested)
    }

    /// Someone asks that a version serves at an endpoint, by the contract that was last registered for it.
    ///
    /// # Errors
    /// When they may not, there is no such endpoint or version, or the version is not admitted there.
    pub fn deploy_at(
        &self,
        act: &Act,
        endpoint: &EndpointName,
        number: u32,
        because: &str,
    ) -> Result<Deployment, AppError> {
        let (project, deploy) = self.place(endpoint)?;
        permit(&project.contract, &act.by, Action::Deploy)?;
        self.deploy(act, &project, &deploy, number, because)
    }

    /// Someone asks that what answered before at an endpoint answers again; waits for nobody's approval.
    ///
    /// # Errors
    /// When they may not, there is no such endpoint, or nothing to go back to.
    pub fn roll_back_at(&self, act: &Act, endpoint: &EndpointName, because: &str) -> Result<(), AppError> {
        let (project, deploy) = self.place(endpoint)?;
        permit(&project.contract, &act.by, Action::RollBack)?;
        self.roll_back(act, &project, &deploy, because, &Numbers::default())
    }

    fn place(&self, endpoint: &EndpointName) -> Result<(Project, Deploy), AppError> {
        let unknown = || AppError::NotFound {
            what: "endpoint",
            id: endpoint.to_string(),
            how: "see the endpoints with `kilter status`; `kilter run` registers those of a contract".to_owned(),
        };
        let project = self.project_at(endpoint)?.ok_or_else(unknown)?;
        let deploy = project.deploy_at(endpoint).cloned().ok_or_else(unknown)?;
        Ok((project, deploy))
    }

    fn first_stage(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        requested: Deployment,
    ) -> Result<Deployment, AppError> {
        let live = self.answering(&requested.endpoint)?;
        let first_percent = deploy.canary.as_ref().and_then(|canary| canary.steps.first().copied());
        match (live, deploy.shadow, first_percent) {
            (None, ..) => {
                self.go_live(act, project, deploy, &requested, "nothing served until now", &Numbers::default())
            }
            (Some(_), Some(shadow), _) => {
                let because = format!("it answers unseen for {shadow} first");
                let event = DeploymentEvent::ShadowStarted;
                self.advance(act, deploy, &requested, event, DecisionKind::ShadowStarted, &because, &Numbers::default())
            }
            (Some(_), None, Some(percent)) if percent < 100 => {
                self.start_canary(act, deploy, &requested, percent, "the contract starts with a canary")
            }
            _ => self.go_live(act, project, deploy, &requested, "the contract asks for no canary", &Numbers::default()),
        }
    }

    fn start_canary(
        &self,
        act: &Act,
        deploy: &Deploy,
        deployment: &Deployment,
        percent: u8,
        because: &str,
    ) -> Result<Deployment, AppError> {
        let event = DeploymentEvent::CanaryStarted { percent };
        let numbers = Numbers::default().with("percent", f64::from(percent));
        self.advance(act, deploy, deployment, event, DecisionKind::CanaryStarted, because, &numbers)
    }

    /// Puts a version that is the live one with another threshold in its place, at once.
    pub(crate) fn replace_threshold(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        number: u32,
        because: &str,
        numbers: &Numbers,
    ) -> Result<(), AppError> {
        self.check_answers(&project.model(), number)?;
        let requested = self.request(act, project, deploy, number, because)?;
        self.go_live(act, project, deploy, &requested, because, numbers).map(|_| ())
    }

    /// Makes a version the one that answers; what answered before is superseded. Alerts and evidence are about a model:
    /// they are over with it, and stay where the new version differs in its threshold alone.
    fn go_live(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        deployment: &Deployment,
        because: &str,
        numbers: &Numbers,
    ) -> Result<Deployment, AppError> {
        let before = self.store().read(|reader| deployments::live(reader, &deployment.endpoint))?;
        let next = self.next_state(deploy, deployment, DeploymentEvent::WentLive)?;
        let superseded = match &before {
            Some(before) => Some((before.clone(), self.next_state(deploy, before, DeploymentEvent::Superseded)?)),
            None => None,
        };
        let same = match self.answering(&deployment.endpoint)? {
            Some(before) => self.is_same_model(&before, deployment)?,
            None => false,
        };
        let kind = if same { DecisionKind::ThresholdChanged } else { DecisionKind::Promoted };
        let (id, state) = (deployment.id.clone(), deployment.state);
        let promoted = self.entry(act, kind, deployment.number, because, numbers);
        let replaced =
            act.does("deployment.supersede", format!("version {} took its place", deployment.number), vec![]);
        let live = self.store().write(move |tx| {
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
        self.follow(&deployment.endpoint, project)?;
        if same {
            return Ok(live);
        }
        self.resolve_alerts(
            act,
            project,
            &deployment.endpoint,
            (&deployment.model, deployment.number),
            &format!("version {} took its place", deployment.number),
        )?;
        Ok(live)
    }

    /// Takes a candidate back, or a live version in favour of the last one before it.
    pub fn roll_back(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        because: &str,
        numbers: &Numbers,
    ) -> Result<(), AppError> {
        let endpoint = project.endpoint(deploy);
        if let Some(candidate) = self.store().read(|reader| deployments::candidate(reader, &endpoint))? {
            let event = DeploymentEvent::RolledBack;
            self.advance(act, deploy, &candidate, event, DecisionKind::RolledBack, because, numbers)?;
            return Ok(());
        }
        let live = self.store().read(|reader| deployments::live(reader, &endpoint))?;
        let live = live.ok_or_else(|| AppError::NothingServes { endpoint: endpoint.clone() })?;
        let earlier = self.last_before(&live)?.ok_or_else(|| AppError::NotFound {
            what: "version to go back to",
            id: endpoint.to_string(),
            how: "nothing served here before; deploy another approved version".to_owned(),
        })?;
        self.bring_back(act, project, deploy, &live, earlier, because, numbers)
    }

    #[allow(clippy::too_many_arguments)] // one move, with everything its entries say
    pub(crate) fn bring_back(
        &self,
        act: &Act,
        project: &Project,
        deploy: &Deploy,
        live: &Deployment,
        earlier: u32,
        because: &str,
        numbers: &Numbers,
    ) -> Result<(), AppError> {
        let model = live.model.clone();
        let version = self.store().read(|reader| versions::get(reader, &model, earlier))?;
        let requested = DeploymentState::requested(version.state, deploy.admits()).map_err(denied)?;
        let returned = requested.after(DeploymentEvent::WentLive, version.state, deploy.admits()).map_err(denied)?;
        self.check_answers(&model, earlier)?;
        let ended = self.next_state(deploy, live, DeploymentEvent::RolledBack)?;
        let new = NewDeployment {
            id: self.new_id(),
            endpoint: live.endpoint.clone(),
            model,
            number: earlier,
            because: json!({ "text": format!("rolled back from version {}", live.number) }),
        };
        let back = self.entry(act, DecisionKind::RolledBack, live.number, because, numbers);
        let request = act.does("deployment.request", because, vec![format!("{VERSION}={earlier}")]);
        let go = act.does("deployment.return", because, vec![format!("{VERSION}={earlier}")]);
        let live = live.clone();
        let (endpoint, live_model) = (live.endpoint.clone(), live.model.clone());
        self.store().write(move |tx| {
            deployments::advance(&tx.audited(back), &live.id, live.state, ended)?;
            let made = deployments::request(&tx.audited(request), &new)?;
            deployments::advance(&tx.audited(go), &made.id, made.state, returned).map(|_| ())
        })?;
        self.follow(&endpoint, project)?;
        self.resolve_alerts(act, project, &endpoint, (&live_model, earlier), &format!("version {earlier} is back"))
    }

    /// The version that was live before this deployment, and may still be.
    fn last_before(&self, live: &Deployment) -> Result<Option<u32>, AppError> {
        let since = live.live_since.unwrap_or(live.created);
        let moment = kilter_domain::time::Timestamp(since.millis() - 1);
        let endpoint = live.endpoint.clone();
        let before = self.store().read(|reader| deployments::live_at(reader, &endpoint, moment))?;
        Ok(before.map(|before| before.number).filter(|number| *number != live.number))
    }

    #[allow(clippy::too_many_arguments)] // one move, with everything its entry says
    fn advance(
        &self,
        act: &Act,
        deploy: &Deploy,
        deployment: &Deployment,
        event: DeploymentEvent,
        kind: DecisionKind,
        because: &str,
        numbers: &Numbers,
    ) -> Result<Deployment, AppError> {
        let next = self.next_state(deploy, deployment, event)?;
        let draft = self.entry(act, kind, deployment.number, because, numbers);
        let (id, state) = (deployment.id.clone(), deployment.state);
        let moved = self.store().write(move |tx| deployments::advance(&tx.audited(draft), &id, state, next))?;
        self.follow_endpoint(&deployment.endpoint)?;
        Ok(moved)
    }

    fn next_state(
        &self,
        deploy: &Deploy,
        deployment: &Deployment,
        event: DeploymentEvent,
    ) -> Result<DeploymentState, AppError> {
        let version = self.version_state(&deployment.model, deployment.number)?;
        deployment.state.after(event, version, deploy.admits()).map_err(denied)
    }

    pub(crate) fn version_state(&self, model: &ModelName, number: u32) -> Result<VersionState, AppError> {
        Ok(self.store().read(|reader| versions::get(reader, model, number))?.state)
    }

    fn entry(
        &self,
        act: &Act,
        kind: DecisionKind,
        number: u32,
        because: &str,
        numbers: &Numbers,
    ) -> kilter_store::audit::Draft {
        act.decides(kind, because, &numbers.clone().with(VERSION, f64::from(number)))
    }
}

fn denied(refusal: kilter_domain::deployment::IllegalDeploymentMove) -> AppError {
    AppError::Denied(refusal.to_string())
}
