//! Deployments: from requested through shadow and canary to live, and back, at one endpoint.
//!
//! Holds true: what cannot be served is refused before it is written; a state moves by the one function of `domain`,
//! with its entry, before the data plane follows, and nobody else moves it meanwhile ([`super::route_change`]); what serves after a
//! crash is what the store says. A rollback needs nobody's approval.

use kilter_domain::{
    actor::Action,
    contract::Deploy,
    ids::{EndpointName, ModelName},
    model::VersionState,
};
use kilter_inference::{Signature, Task};
use kilter_serving::{ServedVersion, VersionRef};
use kilter_store::{
    deployment::{self as deployments, Deployment},
    model as versions,
};

use crate::{
    App,
    authz::{permission::permit, refused_actions},
    context::RequestContext,
    deployment::{route_change, routes},
    error::AppError,
    event::EventMetrics,
    model::{golden::replay, package_run},
    prediction::predict,
    project::folder::Project,
};

/// Requests that a version serves at a place, and takes the first stage that the contract states.
///
/// # Errors
/// When the version is not admitted there, is live already, or cannot be served beside what serves; nothing is
/// written then.
pub fn deploy_version(
    app: &App,
    context: &RequestContext,
    project: &Project,
    deploy: &Deploy,
    number: u32,
    reason: &str,
) -> Result<Deployment, AppError> {
    route_change::change_endpoint(app, context, project, deploy, |change| change.deploy(number, reason))
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
) -> Result<Deployment, AppError> {
    let (project, deploy) = resolve_target(app, endpoint)?;
    refused_actions::record_if_refused(
        app,
        context,
        "deployment.request",
        &deployments::endpoint_object(endpoint),
        || {
            permit(&project.contract, &context.actor, Action::Deploy)?;
            deploy_version(app, context, &project, &deploy, number, reason)
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
) -> Result<(), AppError> {
    let (project, deploy) = resolve_target(app, endpoint)?;
    refused_actions::record_if_refused(
        app,
        context,
        "deployment.roll_back",
        &deployments::endpoint_object(endpoint),
        || {
            permit(&project.contract, &context.actor, Action::RollBack)?;
            route_change::change_endpoint(app, context, &project, &deploy, |change| change.roll_back(reason))
        },
    )
}

fn resolve_target(app: &App, endpoint: &EndpointName) -> Result<(Project, Deploy), AppError> {
    let unknown = || AppError::NotFound {
        what: "endpoint",
        id: endpoint.to_string(),
        how: "see the endpoints with `kilter status`; `kilter run` registers those of a contract".to_owned(),
    };
    let project = routes::project_at(app, endpoint)?.ok_or_else(unknown)?;
    let deploy = project.deploy_at(endpoint).cloned().ok_or_else(unknown)?;
    Ok((project, deploy))
}

/// Puts a version that is the live one with another threshold in its place, at once.
pub(crate) fn replace_threshold(
    app: &App,
    context: &RequestContext,
    project: &Project,
    deploy: &Deploy,
    number: u32,
    reason: &str,
    numbers: &EventMetrics,
) -> Result<(), AppError> {
    route_change::change_endpoint(app, context, project, deploy, |change| {
        change.replace_threshold(number, reason, numbers)
    })
}

/// Brings an earlier version back in place of a live one that is worse.
pub(crate) fn redeploy_version(
    app: &App,
    context: &RequestContext,
    project: &Project,
    deploy: &Deploy,
    (live, earlier): (&Deployment, u32),
    reason: &str,
    numbers: &EventMetrics,
) -> Result<(), AppError> {
    route_change::change_endpoint(app, context, project, deploy, |change| {
        change.bring_back(live, earlier, reason, numbers)
    })
}

/// Whether callers of what is live can be answered by another version: the same task, and of two classes the same.
/// A live version that answers nobody, or whose package is gone, has no callers to be fair to.
pub(super) fn check_signature_compatible(
    app: &App,
    endpoint: &EndpointName,
    model: &ModelName,
    number: u32,
) -> Result<(), AppError> {
    let Some(live) = live_deployment(app, endpoint)? else { return Ok(()) };
    let (new, _) = package_run::load_version(app, model, number)?;
    let old = match signature_of(app, &live) {
        Err(gone) if gone.is_of_a_version() => return Ok(()),
        found => found?,
    };
    let new = &new.manifest.signature;
    let is_same_pair = new.task != Task::Binary || new.classes == old.classes;
    if new.task == old.task && is_same_pair {
        return Ok(());
    }
    let described = |signature: &Signature| format!("{} of {}", signature.task, signature.classes.join(", "));
    Err(AppError::SignatureDiffers {
        version: number,
        live: live.number,
        endpoint: endpoint.clone(),
        new: described(new),
        old: described(&old),
    })
}

/// What a live version takes and gives: of what answers in this process, else of its package.
fn signature_of(app: &App, live: &Deployment) -> Result<Signature, AppError> {
    let routes = predict::serving(app, &live.endpoint).map(|serving| serving.endpoint().routes());
    let champion = routes.as_ref().and_then(|routes| routes.champion());
    match champion.filter(|champion| champion.version().number == u64::from(live.number)) {
        Some(champion) => Ok(champion.signature().clone()),
        None => Ok(package_run::load_version(app, &live.model, live.number)?.0.manifest.signature.clone()),
    }
}

/// The live deployment of an endpoint, where it answers: one that was refused when it was loaded has no callers to
/// be fair to, and nothing to be compared with.
pub(crate) fn live_deployment(app: &App, endpoint: &EndpointName) -> Result<Option<Deployment>, AppError> {
    let live = app.store().read(|reader| deployments::live(reader, endpoint))?;
    Ok(live.filter(|_| routes::refused_at(app, endpoint).is_none()))
}

/// Whether a version still answers as it did when it was packed; asked before any state moves.
pub(super) fn check_answers(app: &App, model: &ModelName, number: u32) -> Result<(), AppError> {
    let (package, loaded) = package_run::load_version(app, model, number)?;
    let version = VersionRef { number: u64::from(number), digest: package.digest };
    replay::check_golden(
        app,
        &package,
        ServedVersion::for_validation(loaded, version, Some(package.manifest.threshold)),
    )
}

/// The version that was live before this deployment, and may still be.
pub(super) fn last_before(app: &App, live: &Deployment) -> Result<Option<u32>, AppError> {
    let since = live.live_since.unwrap_or(live.created);
    let moment = kilter_domain::time::Timestamp(since.millis() - 1);
    let endpoint = live.endpoint.clone();
    let before = app.store().read(|reader| deployments::live_at(reader, &endpoint, moment))?;
    Ok(before.map(|before| before.number).filter(|number| *number != live.number))
}

pub(crate) fn version_state(app: &App, model: &ModelName, number: u32) -> Result<VersionState, AppError> {
    Ok(app.store().read(|reader| versions::get(reader, model, number))?.state)
}
