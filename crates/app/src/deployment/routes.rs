//! The data plane follows the store: what it says is live, shadow or canary is what answers.
//!
//! Invariants: whatever was committed, the folder opens. An endpoint whose live version, log or contract cannot be used
//! serves nothing, says why, and takes no other one down with it; a candidate that cannot be served is left out.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, PoisonError},
};

use kilter_domain::{
    contract::Deploy,
    deployment::{AdmissionPolicy, DeploymentState},
    error_chain::with_causes,
    ids::{EndpointName, ModelName},
};
use kilter_evaluation::{column_reference::ColumnReference, reference::SCORE};
use kilter_inference::{Input, InputKind};
use kilter_package::Package;
use kilter_serving::{
    Candidate, LoadRejected, LoadRequest, Mode, Routes, ServedVersion, VersionRef, counters::ScoreEdges,
    recording_policy::RecordingPolicy,
};
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, model as versions};

use crate::{
    app::App,
    causes::StorageError,
    column_stats::collect,
    components::serving_registry::LoadFailure,
    dataset::context_columns,
    deployment::{checks, error::DeployError},
    model::{
        error::VersionError,
        golden_replay, input_rules, load,
        served::{LoadTime, serve_package},
        signature,
    },
    prediction::{live, open_log, predict},
    project::{ProjectError, folder::Project},
    recording_policy, registered,
};

/// A version of a model.
#[derive(Clone, Debug)]
struct Slot {
    model: ModelName,
    number: u32,
}

/// What is to answer at an endpoint: a live version, and at most one on trial beside it.
#[derive(Clone, Debug)]
pub(super) struct RoutePlan {
    live: Slot,
    candidate: Option<(Slot, Mode)>,
    time: LoadTime,
}

impl RoutePlan {
    pub(super) fn live(model: &ModelName, number: u32) -> Self {
        Self { live: Slot { model: model.clone(), number }, candidate: None, time: LoadTime::Now }
    }

    pub(super) fn beside(self, model: &ModelName, number: u32, mode: Mode) -> Self {
        Self { candidate: Some((Slot { model: model.clone(), number }, mode)), ..self }
    }

    /// What is stored as deployed: it was loaded and tested when it was deployed.
    fn of(live: &Deployment, candidate: Option<&Deployment>, time: LoadTime) -> Self {
        let lineup = Self { time, ..Self::live(&live.model, live.number) };
        match candidate {
            None => lineup,
            Some(candidate) => {
                let mode = match candidate.state {
                    DeploymentState::Canary { percent } => Mode::Canary { percent },
                    _ => Mode::Shadow,
                };
                lineup.beside(&candidate.model, candidate.number, mode)
            }
        }
    }
}

/// Opens every endpoint that serves, as the store says. One that cannot be served keeps no other one from serving.
///
/// # Errors
/// When the metadata cannot be read.
pub(crate) fn load_live_endpoints(app: &App) -> Result<(), StorageError> {
    let mut page = PageRequest::first(1000);
    loop {
        let listed = app.store().read(|reader| deployments::list_serving(reader, &page))?;
        for deployment in &listed.items {
            if predict::serving(app, &deployment.endpoint).is_none()
                && live::refused_at(app, &deployment.endpoint).is_none()
            {
                load_endpoint(app, &deployment.endpoint);
            }
        }
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => return Ok(()),
        }
    }
}

/// Why an endpoint does not serve is remembered, logged, and told where it is asked for.
fn load_endpoint(app: &App, endpoint: &EndpointName) {
    let followed = panic::catch_unwind(AssertUnwindSafe(|| sync_endpoint(app, endpoint)));
    if followed.is_err() {
        let reason = "loading it met a fault of Kilter; please report it with the log".to_owned();
        tracing::error!(%endpoint, %reason, "the live version is refused");
        app.components().endpoints.set_failure(endpoint, LoadFailure { live: Some(reason), candidate: None });
    }
}

/// Loads what the store says serves at an endpoint, and lets it answer.
///
/// # Errors
/// Why the live version does not answer; it is remembered as well.
pub(crate) fn sync_endpoint(app: &App, endpoint: &EndpointName) -> Result<(), DeployError> {
    let lock = app.components().endpoints.change_lock(endpoint);
    let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
    sync_routes(app, endpoint)
}

/// The same, for whoever changes the endpoint alone already.
pub(super) fn sync_routes(app: &App, endpoint: &EndpointName) -> Result<(), DeployError> {
    publish_routes(app, endpoint).inspect_err(|refused| {
        let reason = with_causes(refused);
        tracing::error!(%endpoint, %reason, "the live version is refused");
        app.components().endpoints.set_failure(endpoint, LoadFailure { live: Some(reason), candidate: None });
    })
}

fn publish_routes(app: &App, endpoint: &EndpointName) -> Result<(), DeployError> {
    let (live, candidate) = app
        .store()
        .read(|reader| Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?)))?;
    let serving = open_log::open_serving(app, endpoint)?;
    let Some(live) = live else {
        serving.endpoint().deploy(Routes::nothing());
        app.components().endpoints.clear_failure(endpoint);
        return Ok(());
    };
    let (project, admits) = deploy_terms(app, endpoint);
    let load = |lineup: &RoutePlan| match &project {
        Some(project) => load_routes(app, endpoint, lineup, project, admits),
        None => load_routes_with(app, endpoint, lineup, &[], admits)
            .map(|routes| routes.with_recording(unknown_policy(app, endpoint))),
    };
    let time = LoadTime::of_stored(app);
    let (routes, refused) = match (load(&RoutePlan::of(&live, candidate.as_ref(), time)), candidate) {
        (Ok(routes), _) => (routes, None),
        (Err(refused), None) => return Err(refused),
        // What is live goes on without a candidate that cannot be served.
        (Err(refused), Some(_)) => (load(&RoutePlan::of(&live, None, time))?, Some(with_causes(&refused))),
    };
    serving.endpoint().deploy(routes);
    app.components().endpoints.clear_failure(endpoint);
    if let Some(reason) = refused {
        tracing::error!(%endpoint, %reason, "the candidate is not asked");
        app.components().endpoints.set_failure(endpoint, LoadFailure { live: None, candidate: Some(reason) });
    }
    Ok(())
}

/// Loads a line-up and fits it together; nothing that serves changes.
pub(super) fn load_routes(
    app: &App,
    endpoint: &EndpointName,
    lineup: &RoutePlan,
    project: &Project,
    admits: AdmissionPolicy,
) -> Result<Routes, DeployError> {
    let named: Vec<String> = context_columns::names(&project.contract).into_iter().collect();
    let routes = load_routes_with(app, endpoint, lineup, &named, admits)?;
    Ok(routes.with_recording(recording_policy::policy_of(app, &project.contract)?))
}

fn load_routes_with(
    app: &App,
    endpoint: &EndpointName,
    lineup: &RoutePlan,
    recorded: &[String],
    admits: AdmissionPolicy,
) -> Result<Routes, DeployError> {
    let now = predict::serving(app, endpoint).map(|serving| serving.endpoint().routes()).unwrap_or_default();
    let champion = load_served_version(app, endpoint, (&lineup.live, lineup.time), &now, admits)?;
    let candidate = match &lineup.candidate {
        Some((slot, mode)) => Some(Candidate {
            version: load_served_version(app, endpoint, (slot, lineup.time), &now, admits)?,
            mode: *mode,
        }),
        None => None,
    };
    Ok(Routes::new(champion, candidate, &recorded_inputs(app, &lineup.live, recorded))?)
}

/// A version that is served already keeps its counters; another is loaded and verified, now or when it is asked for.
fn load_served_version(
    app: &App,
    endpoint: &EndpointName,
    (slot, time): (&Slot, LoadTime),
    now: &Routes,
    admits: AdmissionPolicy,
) -> Result<Arc<ServedVersion>, DeployError> {
    let stored = app.store().read(|reader| versions::get(reader, &slot.model, slot.number))?;
    let version = VersionRef { number: u64::from(slot.number), digest: stored.digest };
    if let Some(served) = now.versions().find(|served| served.version() == version) {
        return Ok(served.clone());
    }
    // What goes past its approval is asked for only where it would be refused.
    let admits = match admits.accepts(stored.state) {
        true => admits,
        false => checks::admission_of(app, admits, endpoint, (&slot.model, slot.number))?,
    };
    let package = load::read_package(app, stored.digest)?;
    signature::check_signed(app, &stored, &package)?;
    let threshold = Some(package.manifest.threshold);
    let admission = LoadRequest { version, model: package.model, state: stored.state, admits, threshold };
    let served = serve_version::<DeployError>(app, &package, &admission, time)?;
    Ok(Arc::new(match app.options().column_stats {
        true => served.with_column_stats(collect::open_profile(app, endpoint, version, &package)),
        false => served,
    }))
}

/// The version of a package as it serves, with its input rules; loaded and tested, or to be when it is asked for.
///
/// # Errors
/// When its state does not let it serve here, or it cannot be loaded or answers its golden requests otherwise.
pub(crate) fn serve_version<E: From<VersionError> + From<LoadRejected>>(
    app: &App,
    package: &Package,
    admission: &LoadRequest,
    time: LoadTime,
) -> Result<ServedVersion, E> {
    // Kept until the version has it.
    let loaded = (time == LoadTime::Now).then(|| load::load_package(app, package.digest)).transpose()?;
    let served = ServedVersion::with_model(serve_package(app, package, time), admission, score_edges(package))?;
    let served = served.with_input_rules(input_rules::of_package(package));
    if loaded.is_some() {
        golden_replay::check_golden(app, package, served.with_own_counters())?;
    }
    Ok(served)
}

/// The project that an endpoint belongs to, as its contract was last registered; its files are not looked for.
///
/// # Errors
/// When the metadata cannot be read, or the recorded contract cannot be parsed.
pub fn project_at(app: &App, endpoint: &EndpointName) -> Result<Option<Project>, ProjectError> {
    let found = app.store().read(|reader| deployments::find_endpoint(reader, endpoint))?;
    found.map(|endpoint| registered::recorded_project(app, &endpoint.project)).transpose()
}

/// What is recorded while nobody can say what is personal: as before if something serves, else no feature.
fn unknown_policy(app: &App, endpoint: &EndpointName) -> RecordingPolicy {
    let routes = predict::serving(app, endpoint).map(|serving| serving.endpoint().routes());
    let served = routes.filter(|routes| routes.champion().is_some());
    let without_features = || RecordingPolicy { drops_features: true, ..RecordingPolicy::default() };
    served.map_or_else(without_features, |routes| RecordingPolicy::clone(routes.recording()))
}

/// The contract of an endpoint and what it admits: approved versions alone where there is none that can be read.
pub(crate) fn deploy_terms(app: &App, endpoint: &EndpointName) -> (Option<Project>, AdmissionPolicy) {
    let project = project_at(app, endpoint).unwrap_or_else(|error| {
        tracing::error!(%endpoint, error = with_causes(&error), "the contract cannot be read; only approved versions serve");
        None
    });
    let deploy = project.as_ref().and_then(|project| project.deploy_at(endpoint));
    let admits = deploy.map_or(AdmissionPolicy::Approved, Deploy::admission_policy);
    (project, admits)
}

/// Columns that requests may carry for the record: as the live version knows them, and those that the contract names
/// since (their type is not known: they are recorded as text). Names of our own are never among them.
fn recorded_inputs(app: &App, live: &Slot, named: &[String]) -> Vec<Input> {
    // A version that is served from memory may have lost its package: the names of the contract are left.
    let package = load::read_version(app, &live.model, live.number);
    with_context(package.map(|package| package.manifest.recorded.clone()).unwrap_or_default(), named)
}

/// What a package says may be sent for the record, and columns that are named since.
pub(crate) fn with_context(mut inputs: Vec<Input>, named: &[String]) -> Vec<Input> {
    for name in named {
        if !inputs.iter().any(|input| input.name == *name) {
            inputs.push(context_columns::input(name.clone(), InputKind::Text));
        }
    }
    inputs.retain(|input| !context_columns::is_reserved(&input.name));
    inputs
}

/// The quantiles of the score on held-out rows: what the score of production is compared with.
pub(crate) fn score_edges(package: &Package) -> ScoreEdges {
    match package.reference.columns.get(SCORE) {
        Some(ColumnReference::Numeric(reference)) => {
            ScoreEdges::new((1..20).map(|twentieth| reference.quantile(f64::from(twentieth) / 20.0)).collect())
        }
        _ => ScoreEdges::new(vec![]),
    }
}
