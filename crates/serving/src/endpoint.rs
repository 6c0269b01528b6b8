//! An endpoint in memory: which versions it serves, which of them answers, and what it remembers of that.
//!
//! Holds true: what is served changes in one step ([`Endpoint::deploy`]), and a request is read, scored and recorded by
//! the versions that were served when it was read; a candidate never costs the caller an answer; in durable mode there
//! is no answer that is not recorded.
//! Deliberately absent: who may deploy what (the app knows), HTTP, SQL. `now` is handed in.

mod infer;
mod request;
mod routes;
mod traffic_split;
mod version;

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use kilter_domain::{ids::EndpointName, time::Timestamp};

use crate::{
    prediction_log::PredictionLog,
    v2::{Limits, ModelMetadata, ModelReady},
};

pub use infer::{ShadowWork, UnrecordedResponse};
pub use request::{EventTimes, InferError, InferRequest, InferResponse};
pub use routes::{Candidate, Mode, RouteError, Routes};
pub use traffic_split::split_hash;
pub use version::{LoadRejected, LoadRequest, ModelOutput, Predictor, ScoreError, ServedVersion};

/// What an endpoint is told once, when it is made.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    pub limits: Limits,
    /// Begins every prediction id that the endpoint makes; must differ between any two endpoints and starts.
    pub id_prefix: String,
}

/// What an endpoint did since it was made; all of it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointCounts {
    /// Rows that were answered (or scored in shadow) and could not be recorded: buffered mode, or shadow.
    pub unrecorded_rows: u64,
    /// Requests that the candidate failed and the champion answered.
    pub fallbacks: u64,
}

/// One endpoint. Share it behind an `Arc`; all methods take `&self`.
pub struct Endpoint {
    name: EndpointName,
    options: EndpointOptions,
    log: Option<Arc<PredictionLog>>,
    routes: RwLock<Arc<Routes>>,
    made_ids: AtomicU64,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    unrecorded_rows: AtomicU64,
    fallbacks: AtomicU64,
}

impl Endpoint {
    /// An endpoint that serves nothing yet. Without a log nothing is recorded.
    pub fn new(name: EndpointName, options: EndpointOptions, log: Option<Arc<PredictionLog>>) -> Self {
        let routes = RwLock::new(Arc::new(Routes::nothing()));
        Self { name, options, log, routes, made_ids: AtomicU64::new(0), tally: Arc::default() }
    }

    pub const fn name(&self) -> &EndpointName {
        &self.name
    }

    /// Serves `routes` from the next request on; answers with what was served before.
    pub fn deploy(&self, routes: Routes) -> Arc<Routes> {
        let mut served = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *served, Arc::new(routes))
    }

    /// What is served now.
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log that the endpoint records to.
    pub fn log(&self) -> Option<&Arc<PredictionLog>> {
        self.log.as_ref()
    }

    pub const fn limits(&self) -> &Limits {
        &self.options.limits
    }

    pub fn counts(&self) -> EndpointCounts {
        EndpointCounts {
            unrecorded_rows: self.tally.unrecorded_rows.load(Relaxed),
            fallbacks: self.tally.fallbacks.load(Relaxed),
        }
    }

    /// Body of `GET /v2/models/NAME`.
    pub fn metadata(&self) -> Result<ModelMetadata, InferError> {
        let routes = self.routes();
        let champion = routes.champion().ok_or_else(|| self.nothing_served())?;
        let versions = routes.versions().map(|version| version.version().to_string()).collect();
        Ok(ModelMetadata::new(self.name.as_str(), versions, champion.signature(), routes.classes()))
    }

    /// Body of `GET /v2/models/NAME/ready`.
    pub fn ready(&self) -> ModelReady {
        ModelReady { name: self.name.to_string(), ready: self.routes().champion().is_some() }
    }

    /// Scores and records a request, its shadow included, and answers when it is recorded.
    pub fn infer(&self, request: InferRequest, now: Timestamp) -> Result<InferResponse, InferError> {
        self.score(request, now)?.finish()
    }

    fn nothing_served(&self) -> InferError {
        InferError::NothingServed { endpoint: self.name.clone() }
    }
}

#[cfg(test)]
mod tests;
