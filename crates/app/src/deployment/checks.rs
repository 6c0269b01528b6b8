//! What is asked of a version before it may serve: callers can go on. That it answers as it did when it was packed is asked
//! where it is loaded ([`super::routes`]), once per change.

use kilter_domain::{
    deployment::AdmissionPolicy,
    ids::{EndpointName, ModelName},
    model::VersionState,
    time::Timestamp,
};
use kilter_inference::{Signature, Task};
use kilter_store::{
    deployment::{
        self as deployments, Deployment,
        break_glass::{self, BreakGlass, BreakGlassState},
    },
    model as versions,
};

use crate::{
    app::App,
    causes::{InvalidState, StorageError},
    deployment::error::DeployError,
    model::{error::VersionError, load, version_record::VersionRecord},
    prediction::{live, predict},
};

/// Whether callers of what is live can be answered by another version: the same task, and of two classes the same.
/// A live version that answers nobody, or whose package is gone, has no callers to be fair to.
pub(crate) fn check_signature_compatible(
    app: &App,
    endpoint: &EndpointName,
    model: &ModelName,
    number: u32,
) -> Result<(), DeployError> {
    let Some(live) = live::live_deployment(app, endpoint)? else { return Ok(()) };
    let new = load::read_version(app, model, number)?;
    let old = match signature_of(app, &live) {
        Err(gone) if gone.is_of_the_version() => return Ok(()),
        found => found?,
    };
    let new = &new.manifest.signature;
    let is_same_pair = new.task != Task::Binary || new.classes == old.classes;
    if new.task == old.task && is_same_pair {
        return Ok(());
    }
    let described = |signature: &Signature| format!("{} of {}", signature.task, signature.classes.join(", "));
    Err(DeployError::SignatureDiffers {
        version: number,
        live: live.number,
        endpoint: endpoint.clone(),
        new: described(new),
        old: described(&old),
    })
}

/// What a live version takes and gives: of what answers in this process, else of its package.
pub(crate) fn signature_of(app: &App, live: &Deployment) -> Result<Signature, VersionError> {
    let routes = predict::serving(app, &live.endpoint).map(|serving| serving.endpoint().routes());
    let champion = routes.as_ref().and_then(|routes| routes.champion());
    match champion.filter(|champion| champion.version().number == u64::from(live.number)) {
        Some(champion) => Ok(champion.signature().clone()),
        None => Ok(load::read_version(app, &live.model, live.number)?.manifest.signature.clone()),
    }
}

/// The version that was live before this deployment, and may still be.
pub(crate) fn last_before(app: &App, live: &Deployment) -> Result<Option<u32>, StorageError> {
    let since = live.live_since.unwrap_or(live.created);
    let moment = Timestamp(since.millis() - 1);
    let endpoint = live.endpoint.clone();
    let before = app.store().read(|reader| deployments::live_at(reader, &endpoint, moment))?;
    Ok(before.map(|before| before.number).filter(|number| *number != live.number))
}

pub(crate) fn version_state(app: &App, model: &ModelName, number: u32) -> Result<VersionState, StorageError> {
    Ok(app.store().read(|reader| versions::get(reader, model, number))?.state)
}

/// The share of the traffic that a version may answer at most, in percent.
pub(crate) fn max_traffic_percent(
    app: &App,
    model: &ModelName,
    number: u32,
    at: Timestamp,
) -> Result<u8, StorageError> {
    let record = app.store().read(|reader| VersionRecord::read(reader, model, number, at))?;
    Ok(record.max_traffic_percent(at))
}

/// Refuses a share of the traffic that is larger than what a version was approved for.
pub(crate) fn check_traffic(
    app: &App,
    model: &ModelName,
    (number, percent): (u32, u8),
    at: Timestamp,
) -> Result<(), DeployError> {
    let most = max_traffic_percent(app, model, number, at)?;
    if percent <= most {
        return Ok(());
    }
    if most == 0 {
        let (state, how) = ("no longer approved: its approval ended".to_owned(), "approve it again".to_owned());
        return Err(InvalidState { what: "version", id: number.to_string(), state, how }.into());
    }
    let state = format!("approved for at most {most} % of the traffic, and would answer {percent} %");
    let how = "ask for an approval without this condition, or deploy it as a canary that stays below it".to_owned();
    Err(InvalidState { what: "version", id: number.to_string(), state, how }.into())
}

/// Which versions a place takes; for one that goes past its approval there, by a break-glass that no review found unjustified,
/// also those that are not approved.
pub(crate) fn admission_of(
    app: &App,
    admits: AdmissionPolicy,
    endpoint: &EndpointName,
    (model, number): (&ModelName, u32),
) -> Result<AdmissionPolicy, StorageError> {
    let broken = app.store().read(|reader| break_glass::of_version(reader, model, number))?;
    let is_open = |one: &BreakGlass| one.endpoint == *endpoint && one.state != BreakGlassState::Unjustified;
    Ok(if broken.iter().any(is_open) { AdmissionPolicy::BreakGlass } else { admits })
}
