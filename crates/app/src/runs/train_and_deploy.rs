//! From a run to what answers: train, then deploy where the contract lets the platform decide.
//!
//! Invariants: a command, a server, a retraining and a replay do both by this one function; the deployment is made by
//! whoever trained, at the same moment.

use kilter_workflow::{CancelToken, RunEvent};

use crate::{
    app::App,
    deployment::{DeployError, DeployOutcome, auto_deploy},
    project::folder::Project,
    training::{
        TrainError,
        request::{RunTicket, Training, TrainingOutcome},
        train,
    },
};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct TrainedAndDeployed {
    /// What became of the training.
    pub trained: TrainingOutcome,
    /// What became of its version at each place that the platform deploys to.
    pub deployed: Vec<DeployOutcome>,
}

/// Why a run makes no version, or its version is not deployed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum TrainAndDeployError {
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

/// Trains, and deploys what was made wherever the contract lets the platform decide.
///
/// # Errors
/// If a step cannot be executed, or something cannot be read or written; that a version may not serve is a result with
/// its reason.
pub fn train_and_deploy(
    app: &App,
    project: &Project,
    training: Training,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<TrainedAndDeployed, TrainAndDeployError> {
    let ticket = RunTicket { id: app.new_id(), cancel: CancelToken::new(), is_queued: false };
    train_and_deploy_with_ticket(app, project, training, ticket, observer)
}

/// [`train_and_deploy`], as the run of a ticket.
pub(crate) fn train_and_deploy_with_ticket(
    app: &App,
    project: &Project,
    training: Training,
    ticket: RunTicket,
    observer: &mut dyn FnMut(RunEvent),
) -> Result<TrainedAndDeployed, TrainAndDeployError> {
    let (context, approval_mode) = (training.context.clone(), training.approval_mode);
    let trained = train::train(app, project, training, ticket, observer)?;
    let deployed = auto_deploy::deploy_if_allowed(app, &context, project, &trained, approval_mode)?;
    Ok(TrainedAndDeployed { trained, deployed })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        fmt,
        sync::{Arc, Mutex},
    };

    use kilter_domain::{deployment::DeploymentState, model::VersionState, run::Cause};
    use kilter_lake::write_table;
    use tracing::{
        Event, Metadata, Subscriber,
        field::{Field, Visit},
        span,
    };

    use super::*;
    use crate::{
        approval,
        context::RequestContext,
        model::{
            approval_mode::ApprovalMode,
            golden_replay::{
                ASKED,
                tests::{TestFolder, customers, finite, trained},
            },
            runtime::PARSED,
        },
        registration,
        training::request::RunOverrides,
    };

    const CONTRACT: &str = r#"
[project]
name = "churn"

[data.customers]
path = "customers.parquet"
label = "left"

[step.train]
run = "cp model.onnx {out.model}"
in = ["customers"]
out = { model = "work/model.onnx" }

[step.golden]
run = "cp {in.customers} {out.rows}"
in = ["customers"]
out = { rows = "work/golden.parquet" }

[package]
model = "train.model"
sample = { from = "golden.rows", rows = 20 }

[deploy.production]
auto = true
"#;

    /// How often each message was logged by this thread.
    #[derive(Clone, Default)]
    struct Logged(Arc<Mutex<BTreeMap<String, usize>>>);

    impl Visit for &Logged {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                *self.0.lock().unwrap().entry(format!("{value:?}")).or_default() += 1;
            }
        }
    }

    impl Subscriber for Logged {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }
        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
        fn event(&self, event: &Event<'_>) {
            event.record(&mut &*self);
        }
        fn enter(&self, _: &span::Id) {}
        fn exit(&self, _: &span::Id) {}
    }

    fn place(folder: &std::path::Path, contract: &str) -> TestFolder {
        let mut place = TestFolder::open(&folder.join("data"));
        std::fs::write(folder.join("model.onnx"), trained().0).unwrap();
        write_table(&folder.join("customers.parquet"), &finite(&customers())).unwrap();
        place.project = Project::of(folder, contract.to_owned()).unwrap();
        registration::register_to_run(&place.app, &place.context, &place.project).unwrap();
        place
    }

    fn training(place: &TestFolder, cause: Cause) -> Training {
        let at = place.context.at;
        Training {
            cause,
            context: place.context.clone(),
            data: BTreeMap::new(),
            steps: Default::default(),
            outputs_root: None,
            approval_mode: ApprovalMode::Required,
            overrides: RunOverrides::default(),
            now: Arc::new(move || at),
        }
    }

    #[test]
    fn a_retrained_version_is_measured_and_stays_a_draft_until_someone_submits_it() {
        for (bound, submitted) in [("0.5", VersionState::Approved), ("1.1", VersionState::Rejected)] {
            let folder = tempfile::tempdir().unwrap();
            let contract = format!(
                "{CONTRACT}[gate.quality]\nrules = [\"auc >= {bound}\"]\n[retrain]\non_success = \"draft\"\nwhen = [\"schedule '0 3 1 * *'\"]\n"
            );
            let place = place(folder.path(), &contract);
            let by_schedule = training(&place, Cause::Schedule { schedule: "0 3 1 * *".to_owned() });
            let done = train_and_deploy(&place.app, &place.project, by_schedule, &mut |_| ()).unwrap();
            assert_eq!((done.trained.version, done.deployed.len()), (Some((1, VersionState::Draft)), 0));
            let dev = RequestContext { actor: "user:dev".parse().unwrap(), ..(*place.context).clone() };
            let model = place.project.model();
            let found = approval::submit(&place.app, &dev, &model, 1, "it is time").unwrap();
            assert_eq!(found.state, submitted, "{bound}");
            let standing = approval::standing(&place.app, &model, 1, place.context.at).unwrap();
            assert!(standing.makers.contains(&dev.actor), "{:?}", standing.makers);
        }
    }

    #[test]
    fn a_run_that_packs_and_deploys_parses_its_model_once_and_asks_golden_requests_once_per_change_of_state() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path(), CONTRACT);
        let training = training(&place, Cause::Manual { by: place.context.actor.clone() });

        let logged = Logged::default();
        let done = tracing::subscriber::with_default(logged.clone(), || {
            train_and_deploy(&place.app, &place.project, training, &mut |_| ()).unwrap()
        });

        assert_eq!(done.trained.version, Some((1, VersionState::Approved)));
        assert_eq!(done.deployed[0].outcome, Ok(DeploymentState::Live));
        let count = |message: &str| logged.0.lock().unwrap().get(message).copied().unwrap_or(0);
        assert_eq!(count(PARSED), 1, "{:?}", logged.0);
        assert_eq!(count(ASKED), 2, "submitted, and gone live: {:?}", logged.0);
    }
}
