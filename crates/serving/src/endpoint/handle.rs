//! The endpoint that callers share: what it serves now, and what it did since it was made.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use kilter_domain::{ids::EndpointName, time::Timestamp};

use super::{
    messages::{InferError, InferRequest, InferResponse},
    routes::Routes,
    version::ServedVersion,
};
use crate::{
    prediction_log::PredictionLog,
    v2::{Limits, ModelMetadata, ModelReady, ModelStatistics},
};

/// The settings of an endpoint, fixed when it is made.
#[derive(Clone, Debug)]
pub struct EndpointOptions {
    /// Bounds of a request.
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
    pub(super) name: EndpointName,
    pub(super) options: EndpointOptions,
    pub(super) log: Option<Arc<PredictionLog>>,
    routes: RwLock<Arc<Routes>>,
    pub(super) made_ids: AtomicU64,
    pub(super) tally: Arc<Tally>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) unrecorded_rows: AtomicU64,
    pub(super) fallbacks: AtomicU64,
}

impl Endpoint {
    /// An endpoint that serves nothing yet. Without a log nothing is recorded.
    pub fn new(name: EndpointName, options: EndpointOptions, log: Option<Arc<PredictionLog>>) -> Self {
        let routes = RwLock::new(Arc::new(Routes::nothing()));
        Self { name, options, log, routes, made_ids: AtomicU64::new(0), tally: Arc::default() }
    }

    /// The name that callers use.
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

    /// Bounds of a request.
    pub const fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// What it did since it was made.
    pub fn counts(&self) -> EndpointCounts {
        EndpointCounts {
            unrecorded_rows: self.tally.unrecorded_rows.load(Relaxed),
            fallbacks: self.tally.fallbacks.load(Relaxed),
        }
    }

    /// Body of `GET /v2/models/NAME`.
    pub fn metadata(&self) -> Result<ModelMetadata, InferError> {
        self.metadata_of(&self.routes())
    }

    /// Body of `GET /v2/models/NAME/versions/VERSION`: what this version takes and answers.
    ///
    /// # Errors
    /// [`InferError::VersionNotServed`].
    pub fn version_metadata(&self, version: &str) -> Result<ModelMetadata, InferError> {
        let routes = self.routes();
        let not_served = || self.not_served(version, &routes);
        let number = version.parse().map_err(|_| not_served())?;
        self.metadata_of(&routes.pinned(number).ok_or_else(not_served)?)
    }

    fn metadata_of(&self, routes: &Routes) -> Result<ModelMetadata, InferError> {
        let champion = routes.champion().ok_or_else(|| self.nothing_served())?;
        let versions = routes.versions().map(|version| version.version().to_string()).collect();
        Ok(ModelMetadata::new(
            self.name.as_str(),
            versions,
            champion.model().format(),
            champion.signature(),
            routes.classes(),
        ))
    }

    /// Body of `GET /v2/models/NAME/ready`. A model that is loaded when it is asked for is ready, unless that failed.
    pub fn ready(&self) -> ModelReady {
        let is_ready = |champion: &Arc<ServedVersion>| champion.model().failure().is_none();
        ModelReady { name: self.name.to_string(), ready: self.routes().champion().is_some_and(is_ready) }
    }

    /// What each version did that is loaded, those in shadow included.
    pub fn statistics(&self) -> Vec<ModelStatistics> {
        let routes = self.routes();
        let of = |version: &Arc<ServedVersion>| {
            ModelStatistics::new(self.name.as_str(), version.version().number, &version.counts())
        };
        routes.versions().map(of).collect()
    }

    /// Scores and records a request, its shadow included, and answers when it is recorded.
    pub fn infer(&self, request: InferRequest, now: Timestamp) -> Result<InferResponse, InferError> {
        self.score(request, now)?.finish()
    }

    pub(super) fn not_served(&self, version: &str, routes: &Routes) -> InferError {
        let (endpoint, version) = (self.name.clone(), version.chars().take(30).collect());
        InferError::VersionNotServed { endpoint, version, deployed: routes.described() }
    }

    pub(super) fn nothing_served(&self) -> InferError {
        InferError::NothingServed { endpoint: self.name.clone() }
    }
}
