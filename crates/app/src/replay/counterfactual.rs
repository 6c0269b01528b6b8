//! What acting was worth: the metric of each period as served, beside that of the first version on the same rows.

use std::collections::BTreeMap;

use kilter_domain::{
    contract::ThresholdGoal,
    event::{EventKind, TimelineEvent},
    plural::{counted, plural},
    time::Timestamp,
};
use kilter_evaluation::{
    gate_metrics::Predictions,
    labelled_predictions::{LabelledPredictions, headline, larger_is_better},
};
use kilter_inference::{Model, Task};
use kilter_package::Package;

use crate::{
    app::App,
    causes::ScoringError,
    components::model_memory::Loaded,
    dataset::history::History,
    model::load,
    prediction::logged::{self, LoggedPredictions, PredictionFilter},
    project::folder::Project,
    replay::{
        error::ReplayError,
        report::{Period, Report, Summary},
        settings::Settings,
        simulator::Simulator,
        timeline,
    },
};

/// One period, with the outcomes behind its numbers.
struct EvaluatedPeriod {
    period: Period,
    served: LabelledPredictions,
    never: LabelledPredictions,
}

/// The report of a replay that has ended.
pub fn report(
    app: &App,
    project: &Project,
    history: &History,
    settings: &Settings,
    simulator: &Simulator,
) -> Result<Report, ReplayError> {
    let timeline = timeline::events(app)?;
    let first = first_served(app, project, &timeline)?;
    let task = first.as_ref().map_or(Task::Binary, |(package, _)| package.manifest.signature.task);
    let metric = settings.metric.clone().unwrap_or_else(|| headline(task).to_owned());
    let classes = served_classes(app, project, &timeline)?;
    let mut evaluated = Vec::new();
    if let Some((package, model)) = &first {
        for pair in settings.boundaries.windows(2) {
            evaluated.push(evaluate_period(simulator, (package, model, &classes), &metric, (pair[0], pair[1]))?);
        }
    }
    let metric_task = evaluated.first().map(|evaluated| evaluated.served.metric_task());
    Ok(Report {
        project: project.name.to_string(),
        dataset: history.roles.dataset.clone(),
        larger_is_better: metric_task.is_none_or(|task| larger_is_better(&metric, task)),
        summary: summary(&timeline, &evaluated, &metric, misclassification_costs(project)),
        periods: evaluated.into_iter().map(|evaluated| evaluated.period).collect(),
        notes: notes(settings, simulator),
        metric,
        seed: settings.seed,
        start: settings.start,
        end: simulator.last_label_time(),
        timeline,
    })
}

/// The version that served first.
fn first_served(app: &App, project: &Project, timeline: &[TimelineEvent]) -> Result<Option<Loaded>, ReplayError> {
    let promoted = timeline.iter().find(|event| event.kind == EventKind::Promoted);
    let number = promoted.and_then(|event| event.version);
    Ok(number.map(|number| load::load_version(app, &project.model(), number)).transpose()?)
}

/// The classes of every version that served, each once.
fn served_classes(app: &App, project: &Project, timeline: &[TimelineEvent]) -> Result<Vec<String>, ReplayError> {
    let mut classes: Vec<String> = Vec::new();
    for event in timeline.iter().filter(|event| event.kind == EventKind::Promoted) {
        let Some(number) = event.version else { continue };
        let package = load::read_version(app, &project.model(), number)?;
        let known = &package.manifest.signature.classes;
        classes.extend(known.iter().filter(|class| !classes.contains(class)).cloned().collect::<Vec<_>>());
    }
    Ok(classes)
}

fn evaluate_period(
    simulator: &Simulator,
    (package, model, classes): (&Package, &Model, &[String]),
    metric: &str,
    (start, end): (Timestamp, Timestamp),
) -> Result<EvaluatedPeriod, ReplayError> {
    let answered = logged::logged_predictions(
        simulator.app,
        &simulator.endpoint,
        PredictionFilter::Answers,
        (start, end),
        Timestamp(i64::MAX - 1),
    )?;
    let signature = &package.manifest.signature;
    let threshold = package.manifest.threshold;
    // A class that any version knows is a label of them all: whoever does not know it is wrong.
    let served = answered.served(signature.task, &signature.classes).knowing(classes);
    let never = never_retrained(simulator.history, &answered, model, threshold)?.knowing(classes);
    let value = |outcomes: &LabelledPredictions| outcomes.metric(metric).ok().map(|estimate| estimate.value);
    let period = Period {
        start,
        end,
        rows: answered.len(),
        labelled: answered.labelled(),
        metric: metric.to_owned(),
        served: value(&served),
        never_retrained: value(&never),
        served_version: most_frequent(&answered.versions),
    };
    Ok(EvaluatedPeriod { period, served, never })
}

/// The first version's answers to the same rows, with the same labels.
fn never_retrained(
    history: &History,
    answered: &LoggedPredictions,
    model: &Model,
    threshold: f64,
) -> Result<LabelledPredictions, ReplayError> {
    let place: std::collections::HashMap<&str, usize> =
        history.ids.iter().enumerate().map(|(row, id)| (&**id, row)).collect();
    let rows: Vec<usize> = answered.ids.iter().filter_map(|id| place.get(&**id).copied()).collect();
    let scored = Predictions::by(model, &history.table.take(&rows), threshold)
        .map_err(ScoringError::of("the rows of a period with the first version"))?;
    Ok(scored.outcomes(&answered.truth(scored.task), None))
}

fn most_frequent(versions: &[u32]) -> Option<u32> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    versions.iter().for_each(|version| *counts.entry(*version).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(version, _)| version)
}

fn summary(
    timeline: &[TimelineEvent],
    evaluated: &[EvaluatedPeriod],
    metric: &str,
    prices: Option<(f64, f64)>,
) -> Summary {
    let count = |kind: EventKind| timeline.iter().filter(|event| event.kind == kind).count();
    let mut alerts: BTreeMap<EventKind, usize> = BTreeMap::new();
    for event in timeline.iter().filter(|event| event.kind.is_alert()) {
        *alerts.entry(event.kind).or_default() += 1;
    }
    let promotions: Vec<&TimelineEvent> = timeline.iter().filter(|event| event.kind == EventKind::Promoted).collect();
    let mut summary = Summary {
        versions_trained: count(EventKind::Trained),
        promoted: promotions.len().saturating_sub(1),
        refused: count(EventKind::GateRefused),
        rolled_back: count(EventKind::RolledBack),
        alerts,
        ..Summary::default()
    };
    if let Some(second) = promotions.get(1) {
        weigh(&mut summary, evaluated.iter().filter(|evaluated| evaluated.period.start >= second.at), metric, prices);
    }
    summary
}

/// What wrong calls cost, where the contract says so.
fn misclassification_costs(project: &Project) -> Option<(f64, f64)> {
    match project.contract.threshold.as_ref()?.goal {
        ThresholdGoal::Cost { false_positive, false_negative } => Some((false_positive, false_negative)),
        ThresholdGoal::FalsePositiveRate(_) => None,
    }
}

/// Means over periods, weighted by their labelled rows; costs as sums.
fn weigh<'p>(
    summary: &mut Summary,
    evaluated: impl Iterator<Item = &'p EvaluatedPeriod>,
    metric: &str,
    prices: Option<(f64, f64)>,
) {
    let (mut weight, mut served, mut never, mut cost) = (0.0, 0.0, 0.0, 0.0);
    for evaluated in evaluated {
        summary.cost_unit = evaluated.served.cost_unit(prices).to_owned();
        let (Ok(ours), Ok(theirs)) = (evaluated.served.metric(metric), evaluated.never.metric(metric)) else {
            continue;
        };
        let rows = evaluated.served.len() as f64;
        weight += rows;
        served += rows * ours.value;
        never += rows * theirs.value;
        cost += evaluated.never.cost(prices) - evaluated.served.cost(prices);
    }
    if weight > 0.0 {
        summary.served_since_retraining = Some(served / weight);
        summary.never_retrained_since = Some(never / weight);
        summary.cost_of_not_acting = Some(cost);
        summary.rows_compared = weight as usize;
    }
}

/// What the replay could not know.
fn notes(settings: &Settings, simulator: &Simulator) -> Vec<String> {
    let mut notes = vec![
        "nobody can be asked about the past: approvals that the contract asks of people are assumed".to_owned(),
        "latency is that of this machine now, and is not judged".to_owned(),
    ];
    if simulator.last_label_time() > settings.end {
        let (settled, end) = (simulator.last_label_time(), settings.end);
        notes.push(format!("the last labels were waited for until {settled}; nothing was decided after {end}"));
    }
    if simulator.unanswered > 0 {
        let were = plural(simulator.unanswered, "was", "were");
        let rows = counted(simulator.unanswered, "row");
        notes.push(format!("{rows} happened while no version served, and {were} not answered"));
    }
    notes.extend(settings.note.clone());
    notes.extend(simulator.refused.note());
    if simulator.history.renamed > 0 {
        let renamed = simulator.history.renamed;
        let (have, were) = plural(renamed, ("has", "was"), ("have", "were"));
        let rows = counted(renamed, "row");
        notes.push(format!("{rows} {have} the id of an earlier row, and {were} played with a number behind it"));
    }
    let clocks = simulator.history.known.iter().zip(&simulator.history.events);
    let early = clocks.filter(|(known, event)| known < event).count();
    if early > 0 {
        let (are, labels) = (plural(early, "is", "are"), counted(early, "label"));
        notes.push(format!(
            "{labels} {are} said to be known before the row happened, and told with it: look whether a column that the model \
             reads knows as much"
        ));
    }
    notes
}
