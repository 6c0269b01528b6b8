//! Each objective with a source is measured once a day; one that misses its target is an alert.
//!
//! Invariants: a day without a value is a reading with its reason, never a missed target; an alert ends with the first value that
//! meets the target.

use kilter_domain::{
    alert::{AlertKey, AlertTopic, Hysteresis},
    contract::Objective,
    ids::{EndpointName, ModelName},
    rule::{MetricId, RuleOutcome, RuleVerdict, rounded},
    time::{Interval, Span, Timestamp},
};
use kilter_store::{
    StoreError, deployment as deployments, model as versions,
    monitor::alert as alerts,
    project::objective::{self as readings, ObjectiveReading},
};
use serde_json::Value;

use crate::{
    alert::{
        error::AlertError,
        lifecycle::{EndpointAlerts, WindowResult},
    },
    app::App,
    authz::{Authorized, AuthorizedContext, act},
    causes::{NotFound, StorageError, from_causes},
    deployment::target::Target,
    objective::source,
    project::{ProjectError, folder::Project},
    registered,
};

/// How often an objective is measured.
const EVERY: Span = Span::days(1);
/// Readings that are shown.
const MAX_READINGS: u32 = 100;

/// Why objectives are not measured or read.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum ObjectiveError {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Alert(#[from] AlertError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(ObjectiveError: Storage(StoreError));

/// An objective, and what it came to.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredObjective {
    /// As the contract states it.
    pub objective: Objective,
    /// What it came to, newest first.
    pub readings: Vec<ObjectiveReading>,
    /// When a person looks at it: the time at which the version was made plus the span of the contract.
    pub review_due: Option<Timestamp>,
    /// The metrics of the version that is live now, beside it.
    pub metrics: Value,
}

/// The project of a model with its files, where they are known.
fn project_of(app: &App, model: &ModelName) -> Result<Project, ObjectiveError> {
    let found = app.store().read(|reader| versions::find_model(reader, model))?;
    let unknown =
        || NotFound { what: "model", id: model.to_string(), how: "see the models with `kilter model list`".to_owned() };
    let name = found.ok_or_else(unknown)?.project;
    let project = registered::recorded_project(app, &name)?;
    Ok(match registered::project_folder(app, &name)? {
        Some(folder) => project.in_folder(&folder),
        None => project,
    })
}

/// Measures every objective of a model now, whether or not it is due.
///
/// # Errors
/// When there is no such model, or the metadata cannot be read or written. That a source says nothing is a reading.
pub fn measure_objectives(
    app: &App,
    by: &Authorized<act::Run>,
    model: &ModelName,
) -> Result<Vec<MeasuredObjective>, ObjectiveError> {
    let project = project_of(app, model)?;
    if let Some(main) = Target::main(&project) {
        for objective in project.contract.objectives.iter().filter(|objective| objective.source.is_some()) {
            measure(app, by, &main, objective)?;
        }
    }
    objectives(app, model)
}

/// The objectives of a model with what they came to.
///
/// # Errors
/// When there is no such model, or the metadata cannot be read.
pub fn objectives(app: &App, model: &ModelName) -> Result<Vec<MeasuredObjective>, ObjectiveError> {
    let project = project_of(app, model)?;
    Ok(of_project(app, &project)?)
}

/// The objectives of a project with what they came to.
pub(crate) fn of_project(app: &App, project: &Project) -> Result<Vec<MeasuredObjective>, StorageError> {
    let live = match Target::main(project) {
        Some(main) => app.store().read(|reader| deployments::live(reader, &main.endpoint))?,
        None => None,
    };
    let version = match live {
        Some(live) => app.store().read(|reader| versions::find(reader, &live.model, live.number))?,
        None => None,
    };
    let metrics = version.as_ref().map_or(Value::Null, |version| version.metrics.clone());
    let mut found = Vec::new();
    for objective in &project.contract.objectives {
        let (name, limit) = (objective.name.as_str(), MAX_READINGS);
        let readings = app.store().read(|reader| readings::newest(reader, &project.name, name, limit))?;
        let since = version.as_ref().map(|version| version.created);
        let review_due = since.zip(objective.review).map(|(since, review)| since.after(review));
        found.push(MeasuredObjective { objective: objective.clone(), readings, review_due, metrics: metrics.clone() });
    }
    Ok(found)
}

/// Measures what is due at a project.
pub(crate) fn measure_due(app: &App, context: &AuthorizedContext, project: &Project) -> Result<(), ObjectiveError> {
    let Some(main) = Target::main(project) else { return Ok(()) };
    for objective in project.contract.objectives.iter().filter(|objective| objective.source.is_some()) {
        if due(app, project, objective)?.is_none_or(|due| due <= context.at) {
            measure(app, context, &main, objective)?;
        }
    }
    Ok(())
}

/// When an objective of a project is measured next.
pub(crate) fn next_due(app: &App, project: &Project, now: Timestamp) -> Result<Option<Timestamp>, StorageError> {
    let mut next: Option<Timestamp> = None;
    for objective in project.contract.objectives.iter().filter(|objective| objective.source.is_some()) {
        next = next.into_iter().chain(due(app, project, objective)?.filter(|due| *due > now)).min();
    }
    Ok(next)
}

/// When an objective is due again; `None`: it was never measured.
fn due(app: &App, project: &Project, objective: &Objective) -> Result<Option<Timestamp>, StorageError> {
    let last = app.store().read(|reader| readings::newest(reader, &project.name, &objective.name, 1))?;
    Ok(last.first().map(|last| last.at.after(EVERY)))
}

fn measure(
    app: &App,
    context: &AuthorizedContext,
    main: &Target<'_>,
    objective: &Objective,
) -> Result<(), ObjectiveError> {
    let (project, endpoint) = (main.project, &main.endpoint);
    let live = app.store().read(|reader| deployments::live(reader, endpoint))?;
    let measured = source::value(app, project, endpoint, objective);
    let reading = ObjectiveReading {
        at: context.at,
        value: measured.as_ref().ok().copied(),
        is_met: measured.as_ref().ok().and_then(|value| objective.is_met(*value)),
        number: live.map(|live| live.number),
        note: measured.as_ref().err().cloned(),
    };
    let (name, objective_name, kept) = (project.name.clone(), objective.name.clone(), reading.clone());
    app.store().write(move |tx| readings::put(tx, &name, &objective_name, &kept))?;
    match reading.value.zip(reading.is_met) {
        Some((value, is_met)) => update_alert(app, context, (project, endpoint), objective, (value, is_met)),
        None => Ok(()),
    }
}

fn update_alert(
    app: &App,
    context: &AuthorizedContext,
    (project, endpoint): (&Project, &EndpointName),
    objective: &Objective,
    (value, is_met): (f64, bool),
) -> Result<(), ObjectiveError> {
    let topic = AlertTopic::Objective(objective.name.clone());
    let key = AlertKey::new(endpoint.clone(), topic.clone());
    let open = app.store().read(|reader| alerts::find_open(reader, &key))?;
    let hysteresis = Hysteresis { fire_after: 1, ..Hysteresis::default() };
    let monitor = project.contract.monitor.as_ref();
    let at = EndpointAlerts { hysteresis, ..EndpointAlerts::new(app, context, endpoint, monitor) };
    match (is_met, open) {
        (true, Some(alert)) => {
            Ok(at.resolve(&alert, &format!("objective `{}` is met: {}", objective.name, rounded(value)))?)
        }
        (false, None) => {
            let outcome = missed(objective, value);
            let window = Interval::new(context.at, context.at);
            at.update(WindowResult::unexplained(&topic, window, &[outcome]))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn missed(objective: &Objective, value: f64) -> RuleOutcome {
    let kpi = objective.kpi.as_deref().unwrap_or(&objective.name);
    let target = objective.target.map_or_else(String::new, |(op, number)| format!("{op} {number}"));
    let baseline =
        objective.baseline.map_or_else(String::new, |base| format!("; it was {} before the model", rounded(base)));
    let text = format!("{kpi} = {}, target {target}{baseline}", rounded(value));
    let rule = format!("{} {target}", objective.name);
    RuleOutcome::new(rule, MetricId::named(&objective.name), RuleVerdict::Failed, text)
}
