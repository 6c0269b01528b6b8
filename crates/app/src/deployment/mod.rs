//! Deployments: which version answers at an endpoint, how it comes there and how it goes.

pub(crate) mod auto_deploy;
pub(crate) mod auto_rollback;
pub(crate) mod checks;
pub(crate) mod comparison;
pub(crate) mod deploy;
pub(crate) mod error;
pub(crate) mod experiment;
pub(crate) mod exposure;
pub(crate) mod given_models;
pub(crate) mod next_step;
pub(crate) mod reload;
pub(crate) mod rollout;
pub(crate) mod route_change;
pub(crate) mod routes;
pub(crate) mod target;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod threshold;
pub(crate) mod withdraw;

pub use crate::prediction::live::{candidate_refused_at, refused_at, refused_endpoints};
pub use auto_deploy::DeployOutcome;
pub use auto_deploy::deploy_if_allowed;
pub use comparison::{ComparedMetric, Comparison, Difference, MetricComparison};
pub use deploy::{deploy_at, roll_back_at};
pub use error::{DeployError, TuneError};
pub use experiment::{
    ExperimentDecision, ExperimentResult, ExperimentState, Exposure, Exposures, decide_experiment, experiment_at,
    exposures_at,
};
pub use exposure::SampleRatioReading;
pub use given_models::{FileModel, GivenModel, ModelSource, ReadFile, serve_given};
pub use next_step::NextStep;
pub use next_step::waiting_at;
pub use reload::reload;
pub use routes::project_at;
pub use target::Target;
pub use withdraw::Withdrawn;
