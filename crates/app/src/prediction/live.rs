//! What answers at an endpoint, and why something that should answer does not.

use std::collections::BTreeSet;

use kilter_domain::ids::EndpointName;
use kilter_store::{deployment as deployments, deployment::Deployment};

use crate::{
    app::App,
    causes::StorageError,
    components::{model_memory::Loaded, serving_registry::LoadFailure},
    model::{error::VersionError, load},
    prediction::predict,
    project::folder::Project,
};

/// The version that serves at the project's main place, loaded; `None` while nothing serves, or what is live was
/// refused when it was loaded.
pub fn champion(app: &App, project: &Project) -> Result<Option<Loaded>, VersionError> {
    let Some(deploy) = project.main_deploy() else { return Ok(None) };
    let endpoint = project.endpoint(deploy);
    let live = live_deployment(app, &endpoint)?;
    live.map(|live| load::load_version(app, &live.model, live.number)).transpose()
}

/// The live deployment of an endpoint, where it answers: one that was refused when it was loaded has no callers to
/// be fair to, and nothing to be compared with.
pub(crate) fn live_deployment(app: &App, endpoint: &EndpointName) -> Result<Option<Deployment>, StorageError> {
    let live = app.store().read(|reader| deployments::live(reader, endpoint))?;
    Ok(live.filter(|_| refused_at(app, endpoint).is_none()))
}

/// Why the live version of an endpoint was refused when it was loaded; `None` where it answers, or nothing is live.
pub fn refused_at(app: &App, endpoint: &EndpointName) -> Option<String> {
    let refused = app.components().endpoints.failure(endpoint).and_then(|failure| failure.live);
    refused.or_else(|| predict::serving(app, endpoint)?.endpoint().routes().champion()?.model().failure())
}

/// Why the candidate of an endpoint is not asked; `None` where it is, or there is none.
pub fn candidate_refused_at(app: &App, endpoint: &EndpointName) -> Option<String> {
    let refused = app.components().endpoints.failure(endpoint).and_then(|failure| failure.candidate);
    refused.or_else(|| predict::serving(app, endpoint)?.endpoint().routes().candidate()?.version.model().failure())
}

/// Every endpoint at which something that the store says serves does not, and why.
pub fn refused_endpoints(app: &App) -> Vec<(EndpointName, String)> {
    let registry = &app.components().endpoints;
    let mut endpoints: BTreeSet<EndpointName> = registry.failures().into_iter().map(|(name, _)| name).collect();
    endpoints.extend(registry.list().into_iter().map(|(name, _)| name));
    let of = |endpoint: EndpointName| {
        let refused = LoadFailure { live: refused_at(app, &endpoint), candidate: candidate_refused_at(app, &endpoint) };
        let live = refused.live.as_ref().map(|reason| format!("serves nothing: {reason}"));
        let candidate = refused.candidate.as_ref().map(|reason| format!("its candidate gets no requests: {reason}"));
        Some((endpoint, live.or(candidate)?))
    };
    endpoints.into_iter().filter_map(of).collect()
}
