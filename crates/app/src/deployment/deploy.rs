//! Deployments: from requested through shadow and canary to live, and back, at one endpoint.
//!
//! Invariants: what cannot be served is refused before it is written; a state moves by the one function of `domain`,
//! with its entry, before the data plane follows, and nobody else moves it meanwhile ([`super::route_change`]); what serves after a
//! crash is what the store says. A rollback needs nobody's approval.

use kilter_domain::{contract::Deploy, ids::EndpointName};
use kilter_store::{deployment as deployments, deployment::Deployment};

use crate::{
    app::App,
    authz::{AuthorizedContext, act, permission::permit, refused_actions},
    causes::NotFound,
    context::RequestContext,
    deployment::{error::DeployError, route_change, routes, target::Target},
    project::folder::Project,
};

/// Requests that a version serves at a place, and takes the first stage that the contract states.
///
/// # Errors
/// When the version is not admitted there, is live already, or cannot be served beside what serves; nothing is
/// written then.
pub fn deploy_version(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    number: u32,
    reason: &str,
) -> Result<Deployment, DeployError> {
    route_change::change_endpoint(app, context, target, |change| change.deploy(number, reason))
}

/// Someone asks that a version serves at an endpoint, by the contract that was last registered for it.
///
/// # Errors
/// When they may not, there is no such endpoint or version, or the version is not admitted there.
pub fn deploy_at(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    number: u32,
    reason: &str,
) -> Result<Deployment, DeployError> {
    let (project, deploy) = resolve_target(app, endpoint)?;
    refused_actions::record_if_refused(
        app,
        context,
        "deployment.request",
        &deployments::endpoint_object(endpoint),
        || {
            let by = permit::<act::Deploy>(&project, context)?;
            deploy_version(app, &by, &Target::of(&project, &deploy), number, reason)
        },
    )
}

/// Someone asks that what answered before at an endpoint answers again; waits for nobody's approval.
///
/// # Errors
/// When they may not, there is no such endpoint, or nothing to go back to.
pub fn roll_back_at(
    app: &App,
    context: &RequestContext,
    endpoint: &EndpointName,
    reason: &str,
) -> Result<(), DeployError> {
    let (project, deploy) = resolve_target(app, endpoint)?;
    refused_actions::record_if_refused(
        app,
        context,
        "deployment.roll_back",
        &deployments::endpoint_object(endpoint),
        || {
            let by = permit::<act::RollBack>(&project, context)?;
            route_change::change_endpoint(app, &by, &Target::of(&project, &deploy), |change| change.roll_back(reason))
        },
    )
}

/// The project and the place of an endpoint.
pub(super) fn resolve_target(app: &App, endpoint: &EndpointName) -> Result<(Project, Deploy), DeployError> {
    let unknown = || NotFound {
        what: "endpoint",
        id: endpoint.to_string(),
        how: "see the endpoints with `kilter status`; `kilter run` registers those of a contract".to_owned(),
    };
    let project = routes::project_at(app, endpoint)?.ok_or_else(unknown)?;
    let deploy = project.deploy_at(endpoint).cloned().ok_or_else(unknown)?;
    Ok((project, deploy))
}
