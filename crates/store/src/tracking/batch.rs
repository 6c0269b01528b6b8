//! What a run logs in one go: all of it is kept, or nothing.

use kilter_domain::tracking::MetricPoint;

use super::{
    logged_model::{self, ModelMetric},
    metric, param, run,
};
use crate::{StoreError, Tx};

/// What a client logs in one go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Points of metrics.
    pub metrics: Vec<MetricPoint>,
    /// Parameters, which never change.
    pub params: Vec<(String, String)>,
    /// Tags, which may.
    pub tags: Vec<(String, String)>,
    /// Points that are metrics of logged models too, with the model of each.
    pub model_metrics: Vec<(String, ModelMetric)>,
}

/// Logs a batch to a run. The same batch again changes nothing.
///
/// # Errors
/// When there is no such run, it is deleted, a parameter was logged with another value, or something is too long; nothing of it
/// is kept.
pub fn log(tx: &Tx, id: &str, batch: &Batch) -> Result<(), StoreError> {
    let key = run::active_key(tx, id)?;
    param::log(tx, (id, key), batch.params.iter().map(borrowed))?;
    metric::log(tx, key, &batch.metrics)?;
    logged_model::log_metrics(tx, &batch.model_metrics)?;
    run::tag(tx, (id, key), batch.tags.iter().map(borrowed))
}

fn borrowed((name, value): &(String, String)) -> (&str, &str) {
    (name, value)
}
