//! What the business wants, measured: each objective with a source has a reading once a day, beside the metrics of the model.

pub(crate) mod measure;
pub(crate) mod source;

pub use measure::{MeasuredObjective, ObjectiveError, measure_objectives, objectives};
