//! Predictions: answered by the data plane, recorded durably, settled into the lake, joined with their labels.
//!
//! Invariants: an answer that was given is recorded; a label finds its prediction by id, whenever it comes.

use std::sync::Arc;

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_serving::{InferError, InferResponse, LabelBatch};

use crate::{
    app::App,
    causes::NoLiveVersion,
    clock_skew::is_ahead,
    components::serving::Serving,
    prediction::error::{LabelError, LabelFromFuture, PredictionError},
};

/// Rows to answer, as a table.
#[derive(Clone, Debug)]
pub struct Request {
    /// Features and context columns; a column that no version knows is left out.
    pub table: Table,
    /// The prediction id of each row.
    pub ids: Vec<Arc<str>>,
    /// When each row happened.
    pub events: Vec<Timestamp>,
    /// The system that asks, where it is named.
    pub consumer: Option<Arc<str>>,
}

/// What turned out to be true, by prediction id.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// The prediction id of each label.
    pub ids: Vec<Arc<str>>,
    /// The labels, as they were sent.
    pub values: Column,
    /// When each became known.
    pub known_at: Vec<Timestamp>,
}

/// An open endpoint; `None` where nothing was ever deployed.
pub fn serving(app: &App, endpoint: &EndpointName) -> Option<Arc<Serving>> {
    app.components().endpoints.find(endpoint)
}

/// Every endpoint that is open, by name.
pub fn open_endpoints(app: &App) -> Vec<(EndpointName, Arc<Serving>)> {
    app.components().endpoints.list()
}

/// Answers rows, and records them before it answers. Columns that nobody knows are left out here, because a table
/// (unlike a request) often carries more than is asked for.
///
/// # Errors
/// When no version is live at the endpoint, the live one does not accept the rows, or they cannot be recorded.
pub fn predict(
    app: &App,
    endpoint: &EndpointName,
    request: Request,
    now: Timestamp,
) -> Result<InferResponse, PredictionError> {
    let nothing = || NoLiveVersion { endpoint: endpoint.clone() };
    let serving = serving(app, endpoint).ok_or_else(nothing)?;
    let routes = serving.endpoint.routes();
    let known = routes.known().names();
    let table = request.table.select(|name| known.iter().any(|known| known == name));
    let asked = serving.endpoint.request(table);
    let asked = asked.map_err(|error| match error {
        InferError::NothingServed { .. } => nothing().into(),
        other => PredictionError::from(other),
    })?;
    let asked = asked.with_ids(request.ids).with_times(request.events).with_consumer(request.consumer);
    Ok(serving.endpoint.infer(asked, now)?)
}

/// Records labels. Durable when it returns; ids that are not known (yet) are kept.
///
/// # Errors
/// When a label became known only after now, by more than clocks differ: it would count for nothing until then. None of
/// the request is kept.
pub fn label(app: &App, endpoint: &EndpointName, labels: Labels, now: Timestamp) -> Result<(), LabelError> {
    let serving = serving(app, endpoint).ok_or_else(|| NoLiveVersion { endpoint: endpoint.clone() })?;
    let Labels { ids, values, known_at } = labels;
    if let Some(row) = known_at.iter().position(|time| is_ahead(*time, now)) {
        return Err(LabelFromFuture { id: ids[row].to_string(), known_at: known_at[row], now }.into());
    }
    // What a clock says that is a little ahead is known now.
    let known_at = known_at.into_iter().map(|time| time.min(now)).collect();
    serving.log.append_labels(&LabelBatch { recorded_at: now, ids, values, known_at })?;
    Ok(())
}
