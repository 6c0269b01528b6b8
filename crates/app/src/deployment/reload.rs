//! What should answer at an endpoint and could not be loaded is tried again.

use kilter_domain::ids::EndpointName;

use crate::{
    app::App,
    authz::{Authorized, act},
    causes::NoLiveVersion,
    deployment::{deploy::resolve_target, error::DeployError, routes},
    prediction::{live, predict},
};

/// Loads what the deployments of an endpoint say, where something of it was refused before or is not in memory. What answers already goes on
/// without a break.
///
/// # Errors
/// When there is no such endpoint, nothing is live there, or it is refused again.
pub fn reload(app: &App, _by: &Authorized<act::Deploy>, endpoint: &EndpointName) -> Result<(), DeployError> {
    resolve_target(app, endpoint)?;
    let answers = || predict::serving(app, endpoint).is_some_and(|open| open.endpoint().routes().champion().is_some());
    let is_refused = live::refused_at(app, endpoint).or(live::candidate_refused_at(app, endpoint)).is_some();
    if is_refused || !answers() {
        routes::sync_endpoint(app, endpoint)?;
    }
    if let Some(open) = predict::serving(app, endpoint) {
        for version in open.endpoint().routes().versions() {
            version.model().load().map_err(|reason| {
                let (id, reason) =
                    (endpoint.to_string(), version.model().failure().unwrap_or_else(|| reason.to_string()));
                DeployError::NotLoaded { endpoint: id, reason }
            })?;
        }
    }
    if answers() { Ok(()) } else { Err(NoLiveVersion { endpoint: endpoint.clone() }.into()) }
}
