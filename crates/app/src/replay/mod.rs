//! Replay: a dataset played as production, with the clock handed in.

pub(crate) mod counterfactual;
pub(crate) mod error;
pub(crate) mod past;
pub(crate) mod periods;
pub(crate) mod point_in_time;
pub(crate) mod rejected_rows;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod simulator;
pub(crate) mod timeline;
pub(crate) mod together;

pub use error::ReplayError;
pub use report::{Period, Report, Summary};
pub use run::replay;
pub use settings::ReplayOptions;
pub use simulator::Progress;
pub use together::{PlayedProgress, PlayedProject, replay_together};
