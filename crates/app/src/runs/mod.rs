//! Runs as people ask for them: trained and deployed in one step, started in threads of their own, followed, cancelled.

pub(crate) mod run_logs;
pub(crate) mod start_run;
pub(crate) mod train_and_deploy;

pub use run_logs::{RunLogError, step_log};
pub use start_run::{
    StartRunError, cancel_run, cancel_runs, executing_replica, register_to_run, run_events, start_run, stop_runs,
};
pub use train_and_deploy::{TrainAndDeployError, TrainedAndDeployed, train_and_deploy};
