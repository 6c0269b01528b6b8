//! Replay: a dataset played as production, with the clock handed in.

pub(crate) mod counterfactual;
pub(crate) mod periods;
pub(crate) mod point_in_time;
pub(crate) mod rejected_rows;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod settings;
pub(crate) mod simulator;
pub(crate) mod timeline;

pub use report::{Entry, Period, Report, Summary};
pub use run::{Progress, ReplayError, ReplayOptions, replay};
