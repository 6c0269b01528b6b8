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
    pub trained: TrainingOutcome,
    /// What became of its version at each place that the platform deploys to.
    pub deployed: Vec<DeployOutcome>,
}

/// Why a run makes no version, or its version is not deployed.
#[derive(Debug, thiserror::Error)]
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
