//! Threshold updates: the operating threshold of a binary model follows labels that matured, without a retraining.
//!
//! Invariants: the model stays the same bytes; a change is a version of its own, chosen on one half of the rows and
//! judged on the other, held against the gates as far as it touches them, and approved like any version. It needs no
//! canary: what it would have answered is known exactly of every row. The rows are those whose labels are complete,
//! because labels that come early are no fair sample of those that come.

use kilter_domain::{
    contract::ThresholdTuning,
    ids::EndpointName,
    model::VersionState,
    time::{Interval, Span, Timestamp},
};
use kilter_evaluation::gate_metrics::Predictions;
use kilter_inference::Task;
use kilter_store::{PageRequest, deployment as deployments, deployment::Deployment, model as versions};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::{ScoringError, StorageError},
    components::model_memory::Loaded,
    dataset::column_roles::ColumnRoles,
    deployment::{
        error::TuneError,
        route_change,
        target::Target,
        threshold::{
            complete_labels::{self, CompleteLabels},
            version::{self, ThresholdUpdate},
        },
    },
    gate::threshold_choice,
    model::{approval_mode::ApprovalMode, error::VersionError, load},
    prediction::{
        logged::{LoggedPredictions, PredictionFilter},
        window_sample::{self, WindowQuery, WindowSample},
    },
    project::folder::Project,
};

/// How many times the wanted stretch is read when the delay of labels is not known.
const REACH: i64 = 4;

/// Changes the threshold of the version that is live at the project's main place, when matured labels speak for it.
pub(crate) fn tune_threshold(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    approval_mode: ApprovalMode,
) -> Result<(), TuneError> {
    let Target { project, deploy, endpoint } = target;
    let Some(tuning) = &project.contract.threshold else { return Ok(()) };
    if !begin_tuning(app, context.at, target, tuning) {
        return Ok(());
    }
    let (live, candidate) = app
        .store()
        .read(|reader| Ok((deployments::live(reader, endpoint)?, deployments::candidate(reader, endpoint)?)))?;
    let (Some(live), None) = (live, candidate) else { return Ok(()) };
    if awaits_people(app, &live)? {
        return Ok(());
    }
    let loaded = load::load_version(app, &live.model, live.number)?;
    if loaded.0.manifest.signature.task != Task::Binary {
        return Ok(());
    }
    let Some(rows) = find_complete_labels(app, context, target, tuning, &loaded)? else { return Ok(()) };
    let Some(change) = threshold_choice::change(tuning, &rows.outcomes, loaded.0.manifest.threshold) else {
        return Ok(());
    };
    let update = ThresholdUpdate { project, live: &live, loaded: &loaded, rows: &rows, change: &change };
    let (number, state) = version::version_of_change(app, context, &update, approval_mode)?;
    // Where the contract does not let it in yet, it waits for people.
    if deploy.admission_policy().accepts(state) {
        route_change::change_endpoint(app, context, target, |endpoint| endpoint.replace_threshold(number, &change))?;
    }
    Ok(())
}

/// Whether the newest version is a change of the live one's threshold that people have not decided about.
fn awaits_people(app: &App, live: &Deployment) -> Result<bool, VersionError> {
    let newest = app.store().read(|reader| versions::list(reader, &live.model, None, &PageRequest::first(1)))?;
    let Some(newest) = newest.items.first() else { return Ok(false) };
    let waits = matches!(newest.state, VersionState::Draft | VersionState::Candidate | VersionState::Validated);
    Ok(waits && load::read_package(app, newest.digest)?.manifest.tuned_from == Some(live.number))
}

/// Whether it is time to look at the threshold again; says so once.
fn begin_tuning(
    app: &App,
    now: Timestamp,
    Target { project, endpoint, .. }: &Target<'_>,
    tuning: &ThresholdTuning,
) -> bool {
    app.components().thresholds.begin(endpoint, now, interval(project, tuning))
}

/// The time from one evaluation of the threshold to the next.
fn interval(project: &Project, tuning: &ThresholdTuning) -> Span {
    let every = tuning.every.or(project.contract.monitor.as_ref().map(|monitor| monitor.every));
    every.unwrap_or(Span::days(1))
}

/// When the threshold is to be evaluated next; `None` where it is not tuned.
pub(crate) fn tuning_due(app: &App, project: &Project, endpoint: &EndpointName) -> Option<Timestamp> {
    let tuning = project.contract.threshold.as_ref()?;
    app.components().thresholds.next(endpoint, interval(project, tuning))
}

/// The rows on which the threshold is looked at: those answered within the stretch, whose labels are complete.
fn find_complete_labels(
    app: &App,
    context: &AuthorizedContext,
    target: &Target<'_>,
    tuning: &ThresholdTuning,
    (package, model): &Loaded,
) -> Result<Option<CompleteLabels>, TuneError> {
    let roles = target.project.roles(target.project.labelled_dataset()?);
    let answered = with_complete_labels(app, context, target, tuning, &roles)?;
    if (answered.len() as u64) < 2 * tuning.min_rows {
        return Ok(None);
    }
    let manifest = &package.manifest;
    let scored = Predictions::by(model, &answered.table, manifest.threshold)
        .map_err(ScoringError::of("the rows that a threshold is chosen on"))?;
    // Whatever version answered a row then: the question is what the live model would do.
    let answered = LoggedPredictions { scores: scored.scores, ..answered };
    let outcomes = answered.outcomes(Task::Binary, &manifest.signature.classes, manifest.threshold);
    Ok(Some(CompleteLabels { answered, outcomes }))
}

fn with_complete_labels(
    app: &App,
    context: &AuthorizedContext,
    Target { project, endpoint, .. }: &Target<'_>,
    tuning: &ThresholdTuning,
    roles: &ColumnRoles,
) -> Result<LoggedPredictions, StorageError> {
    let read = |start: Timestamp, end: Timestamp| {
        let (who, as_of) = (PredictionFilter::Answers, context.at);
        let window = Interval { start, end };
        window_sample::read_window(
            app,
            WindowQuery {
                endpoint,
                who,
                versions: None,
                window,
                as_of,
                reference: None,
                searched: None,
                groups: (&[], 0),
            },
        )
    };
    let labelled = |sample: &WindowSample, (start, end): (Timestamp, Timestamp)| {
        let rows = &sample.labelled;
        rows.filter(|row| rows.labels[row].is_some() && (start..end).contains(&rows.events[row]))
    };
    if let Some(delay) = roles.label_delay {
        let end = context.at.before(delay);
        let start = end.before(tuning.window);
        return Ok(labelled(&read(start, end)?, (start, end)));
    }
    let reach = Span { count: tuning.window.count.saturating_mul(REACH), unit: tuning.window.unit };
    let sample = read(context.at.before(reach), context.at)?;
    let every = project.contract.monitor.as_ref().map_or(Span::days(1), |monitor| monitor.every);
    let Some(end) = complete_labels::mature_until(&sample.rows, every.millis()) else {
        return Ok(LoggedPredictions::default());
    };
    let start = end.before(tuning.window);
    // Of more rows than are held, the window by itself has more of its own.
    let sample = if sample.totals.is_some() { read(start, end)? } else { sample };
    Ok(labelled(&sample, (start, end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_domain::time::DAY_MS;

    use crate::prediction::logged::Label;

    fn answered(days: &[(i64, bool)]) -> LoggedPredictions {
        LoggedPredictions {
            events: days.iter().map(|(day, _)| Timestamp(day * DAY_MS + 5)).collect(),
            labels: days.iter().map(|(_, known)| known.then(|| Label::Text("1".into()))).collect(),
            ..LoggedPredictions::default()
        }
    }

    #[test]
    fn labels_that_come_early_do_not_make_a_window_mature() {
        let rows = answered(&[(1, true), (1, true), (2, true), (2, false), (3, true), (3, false)]);
        assert_eq!(complete_labels::mature_until(&rows, DAY_MS), Some(Timestamp(2 * DAY_MS)));
        assert_eq!(complete_labels::mature_until(&answered(&[(1, false)]), DAY_MS), None);
    }
}
