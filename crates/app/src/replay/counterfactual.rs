//! What acting was worth: the metric of each period as served, beside that of the first version on the same rows.

use std::collections::BTreeMap;

use kilter_domain::{
    contract::ThresholdGoal,
    plural::{counted, plural},
    time::Timestamp,
};
use kilter_evaluation::{
    gate_metrics::Predictions,
    labelled_predictions::{LabelledPredictions, headline, larger_is_better},
};
use kilter_inference::{Model, Task};

use crate::{
    app::App,
    causes::ScoringError,
    components::model_cache::Loaded,
    dataset::history::History,
    error::AppError,
    event::DecisionKind,
    model::{load, package::Package},
    prediction::logged::{self, LoggedPredictions, PredictionFilter},
    project::folder::Project,
    replay::{
        report::{Entry, Period, Report, Summary},
        run::ReplayError,
        settings::Settings,
        simulator::Stage,
        timeline,
    },
};

/// One period, with the outcomes behind its numbers.
struct Played {
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
    stage: &Stage,
) -> Result<Report, ReplayError> {
    let timeline = timeline::decisions(app)?;
    let first = first_served(app, project, &timeline)?;
    let task = first.as_ref().map_or(Task::Binary, |(package, _)| package.manifest.signature.task);
    let metric = settings.metric.clone().unwrap_or_else(|| headline(task).to_owned());
    let classes = served_classes(app, project, &timeline)?;
    let mut played = Vec::new();
    if let Some((package, model)) = &first {
        for pair in settings.boundaries.windows(2) {
            played.push(play(app, history, stage, (package, model, &classes), &metric, (pair[0], pair[1]))?);
        }
    }
    let metric_task = played.first().map(|played| played.served.metric_task());
    Ok(Report {
        project: project.name.to_string(),
        dataset: history.roles.dataset.clone(),
        larger_is_better: metric_task.is_none_or(|task| larger_is_better(&metric, task)),
        summary: summary(&timeline, &played, &metric, prices(project)),
        periods: played.into_iter().map(|played| played.period).collect(),
        notes: notes(settings, stage),
        metric,
        seed: settings.seed,
        start: settings.start,
        end: stage.settled(),
        timeline,
    })
}

/// The version that served first.
fn first_served(app: &App, project: &Project, timeline: &[Entry]) -> Result<Option<Loaded>, AppError> {
    let promoted = timeline.iter().find(|entry| entry.kind == DecisionKind::Promoted.word());
    let number = promoted.and_then(|entry| entry.version).and_then(|number| u32::try_from(number).ok());
    Ok(number.map(|number| load::load_version(app, &project.model(), number)).transpose()?)
}

/// The classes of every version that served, each once.
fn served_classes(app: &App, project: &Project, timeline: &[Entry]) -> Result<Vec<String>, AppError> {
    let mut classes: Vec<String> = Vec::new();
    for entry in timeline.iter().filter(|entry| entry.kind == DecisionKind::Promoted.word()) {
        let Some(number) = entry.version.and_then(|number| u32::try_from(number).ok()) else { continue };
        let (package, _) = load::load_version(app, &project.model(), number)?;
        let known = &package.manifest.signature.classes;
        classes.extend(known.iter().filter(|class| !classes.contains(class)).cloned().collect::<Vec<_>>());
    }
    Ok(classes)
}

fn play(
    app: &App,
    history: &History,
    stage: &Stage,
    (package, model, classes): (&Package, &Model, &[String]),
    metric: &str,
    (start, end): (Timestamp, Timestamp),
) -> Result<Played, AppError> {
    let answered = logged::logged_predictions(
        app,
        &stage.endpoint,
        PredictionFilter::Answers,
        (start, end),
        Timestamp(i64::MAX - 1),
    )?;
    let signature = &package.manifest.signature;
    let threshold = package.manifest.threshold;
    // A class that any version knows is a label of them all: whoever does not know it is wrong.
    let served = answered.served(signature.task, &signature.classes).knowing(classes);
    let never = never_retrained(history, &answered, model, threshold)?.knowing(classes);
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
    Ok(Played { period, served, never })
}

/// The first version's answers to the same rows, with the same labels.
fn never_retrained(
    history: &History,
    answered: &LoggedPredictions,
    model: &Model,
    threshold: f64,
) -> Result<LabelledPredictions, AppError> {
    let place: std::collections::HashMap<&str, usize> =
        history.ids.iter().enumerate().map(|(row, id)| (&**id, row)).collect();
    let rows: Vec<usize> = answered.ids.iter().filter_map(|id| place.get(&**id).copied()).collect();
    let scored = Predictions::by(model, &history.table.take(&rows), threshold)
        .map_err(ScoringError::of("the rows of a period with the first version"))?;
    Ok(scored.outcomes(&answered.truth(), None))
}

fn most_frequent(versions: &[u32]) -> Option<u64> {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    versions.iter().for_each(|version| *counts.entry(*version).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(version, _)| u64::from(version))
}

fn summary(timeline: &[Entry], played: &[Played], metric: &str, prices: Option<(f64, f64)>) -> Summary {
    let count = |kind: DecisionKind| timeline.iter().filter(|entry| entry.kind == kind.word()).count();
    let mut alerts: BTreeMap<String, usize> = BTreeMap::new();
    for entry in timeline.iter().filter(|entry| entry.kind.ends_with("_alert")) {
        *alerts.entry(entry.kind.clone()).or_default() += 1;
    }
    let promotions: Vec<&Entry> = timeline.iter().filter(|entry| entry.kind == DecisionKind::Promoted.word()).collect();
    let mut summary = Summary {
        versions_trained: count(DecisionKind::Trained),
        promoted: promotions.len().saturating_sub(1),
        refused: count(DecisionKind::GateRefused),
        rolled_back: count(DecisionKind::RolledBack),
        alerts,
        ..Summary::default()
    };
    if let Some(second) = promotions.get(1) {
        weigh(&mut summary, played.iter().filter(|played| played.period.start >= second.at), metric, prices);
    }
    summary
}

/// What wrong calls cost, where the contract says so.
fn prices(project: &Project) -> Option<(f64, f64)> {
    match project.contract.threshold.as_ref()?.goal {
        ThresholdGoal::Cost { false_positive, false_negative } => Some((false_positive, false_negative)),
        ThresholdGoal::FalsePositiveRate(_) => None,
    }
}

/// Means over periods, weighted by their labelled rows; costs as sums.
fn weigh<'p>(
    summary: &mut Summary,
    played: impl Iterator<Item = &'p Played>,
    metric: &str,
    prices: Option<(f64, f64)>,
) {
    let (mut weight, mut served, mut never, mut cost) = (0.0, 0.0, 0.0, 0.0);
    for played in played {
        summary.cost_unit = played.served.cost_unit(prices).to_owned();
        let (Ok(ours), Ok(theirs)) = (played.served.metric(metric), played.never.metric(metric)) else { continue };
        let rows = played.served.len() as f64;
        weight += rows;
        served += rows * ours.value;
        never += rows * theirs.value;
        cost += played.never.cost(prices) - played.served.cost(prices);
    }
    if weight > 0.0 {
        summary.served_since_retraining = Some(served / weight);
        summary.never_retrained_since = Some(never / weight);
        summary.cost_of_not_acting = Some(cost);
        summary.rows_compared = weight as usize;
    }
}

/// What the replay could not know, said plainly.
fn notes(settings: &Settings, stage: &Stage) -> Vec<String> {
    let mut notes = vec![
        "nobody can be asked about the past: approvals that the contract asks of people are assumed".to_owned(),
        "latency is that of this machine now, and is not judged".to_owned(),
    ];
    if stage.settled() > settings.end {
        let (settled, end) = (stage.settled(), settings.end);
        notes.push(format!("the last labels were waited for until {settled}; nothing was decided after {end}"));
    }
    if stage.unanswered > 0 {
        let were = plural(stage.unanswered, "was", "were");
        let rows = counted(stage.unanswered, "row");
        notes.push(format!("{rows} happened while no version served, and {were} not answered"));
    }
    notes.extend(settings.note.clone());
    notes.extend(stage.refused.note());
    if stage.history.renamed > 0 {
        let renamed = stage.history.renamed;
        let (have, were) = plural(renamed, ("has", "was"), ("have", "were"));
        let rows = counted(renamed, "row");
        notes.push(format!("{rows} {have} the id of an earlier row, and {were} played with a number behind it"));
    }
    let clocks = stage.history.known.iter().zip(&stage.history.events);
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
