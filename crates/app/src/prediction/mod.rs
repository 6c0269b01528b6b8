//! Predictions: answered by the data plane, recorded durably, settled into the lake, joined with their labels.
//!
//! Holds true: an answer that was given is recorded; a label finds its prediction by id, whenever it comes.

mod answered;
mod seal;

use std::sync::Arc;

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_serving::{Endpoint, EndpointOptions, InferError, InferResponse, LabelBatch, PredictionLog};

pub use answered::{Answered, Who};

use crate::{App, error::AppError};

/// An endpoint that is open: what answers, and what remembers.
pub struct Serving {
    endpoint: Endpoint,
    log: Arc<PredictionLog>,
}

impl Serving {
    /// What answers.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What remembers.
    pub fn log(&self) -> &PredictionLog {
        &self.log
    }
}

/// Rows to answer, as a table.
#[derive(Clone, Debug)]
pub struct Request {
    pub table: Table,
    pub ids: Vec<Arc<str>>,
    /// When each row happened.
    pub events: Vec<Timestamp>,
    pub consumer: Option<Arc<str>>,
}

/// What turned out to be true, by prediction id.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    pub ids: Vec<Arc<str>>,
    pub values: Column,
    /// When each became known.
    pub known_at: Vec<Timestamp>,
}

impl App {
    /// An open endpoint; `None` where nothing was ever deployed.
    pub fn serving(&self, endpoint: &EndpointName) -> Option<Arc<Serving>> {
        self.lock_serving().get(endpoint).cloned()
    }

    /// Every endpoint that is open, by name.
    pub fn open_endpoints(&self) -> Vec<(EndpointName, Arc<Serving>)> {
        self.lock_serving().iter().map(|(name, serving)| (name.clone(), serving.clone())).collect()
    }

    /// Opens an endpoint with its log; one that is open is left as it is.
    pub(crate) fn open_serving(&self, name: &EndpointName) -> Result<Arc<Serving>, AppError> {
        let mut open = self.lock_serving();
        if let Some(serving) = open.get(name) {
            return Ok(serving.clone());
        }
        let folder = self.folder().join("log").join(name.as_str());
        let (log, recovery) = PredictionLog::open(folder, self.recording())?;
        for damage in &recovery.damage {
            tracing::error!(endpoint = %name, %damage, "part of the prediction log cannot be read");
        }
        let log = Arc::new(log);
        let options = EndpointOptions { limits: kilter_serving::Limits::default(), id_prefix: self.new_id() };
        let endpoint = Endpoint::new(name.clone(), options, Some(log.clone()));
        let serving = Arc::new(Serving { endpoint, log });
        open.insert(name.clone(), serving.clone());
        Ok(serving)
    }

    /// Answers rows, and records them before it answers. Columns that nobody knows are left out here, because a table
    /// (unlike a request) often carries more than is asked for.
    pub fn predict(
        &self,
        endpoint: &EndpointName,
        request: Request,
        now: Timestamp,
    ) -> Result<InferResponse, AppError> {
        let nothing = || AppError::NothingServes { endpoint: endpoint.clone() };
        let serving = self.serving(endpoint).ok_or_else(nothing)?;
        let routes = serving.endpoint.routes();
        let known = routes.known().names();
        let table = request.table.select(|name| known.iter().any(|known| known == name));
        let asked = serving.endpoint.request(table);
        let asked = asked.map_err(|error| match error {
            InferError::NothingServed { .. } => nothing(),
            other => other.into(),
        })?;
        let asked = asked.with_ids(request.ids).with_times(request.events).with_consumer(request.consumer);
        Ok(serving.endpoint.infer(asked, now)?)
    }

    /// Records labels. Durable when it returns; ids that are not known (yet) are kept.
    pub fn label(&self, endpoint: &EndpointName, labels: Labels, now: Timestamp) -> Result<(), AppError> {
        let serving = self.serving(endpoint).ok_or_else(|| AppError::NothingServes { endpoint: endpoint.clone() })?;
        let Labels { ids, values, known_at } = labels;
        serving.log.append_labels(&LabelBatch { recorded_at: now, ids, values, known_at })?;
        Ok(())
    }
}
