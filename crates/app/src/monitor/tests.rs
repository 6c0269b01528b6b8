//! How often an evaluation reads the rows of a window.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kilter_domain::{
    table::{Column, Table},
    time::{HOUR_MS, MINUTE_MS, Timestamp},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    model::golden_replay::tests::{TestFolder, customers, finite, trained},
    monitor::evaluate::evaluate_monitors,
    prediction::{Labels, Request, compact, partition_index::WHOLE_ROWS_READ, predict},
    project::folder::Project,
    registration,
};

/// Counts the reads of whole rows of predictions.
#[derive(Clone, Default)]
struct ReadCounter(Arc<AtomicUsize>);

impl ReadCounter {
    fn count(&self, work: impl FnOnce()) -> usize {
        let before = self.0.load(Ordering::SeqCst);
        tracing::subscriber::with_default(self.clone(), work);
        self.0.load(Ordering::SeqCst) - before
    }
}

impl Subscriber for ReadCounter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == WHOLE_ROWS_READ
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut of_predictions = IsOfPredictions(false);
        event.record(&mut of_predictions);
        self.0.fetch_add(usize::from(of_predictions.0), Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct IsOfPredictions(bool);

impl Visit for IsOfPredictions {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 |= field.name() == "kind" && format!("{value:?}") == "Predictions";
    }
}

/// Rules of all five monitors, some of which reach back beyond the window.
const MONITOR: &str = r#"
[monitor]
every = "1h"
min_rows = 10
min_labelled = 0.5
data = ["missing(age) < 0.9", "missing(visits) < 0.9 over 3h"]
drift = ["psi(*) < 100", "psi(visits) < 100 over 3h"]
usage = ["rows >= 1", "requests >= 1 over 2h"]
performance = ["accuracy >= 0.01", "accuracy >= 0.01 over 2h"]
bias = ["gap(recall, region) <= 1"]
"#;

/// Serves the same rows each hour, with labels for the first `labelled(hour)` of them, and evaluates after each hour; the reads of
/// each evaluation, and of one more after the last.
fn reads_of_evaluations(labelled: impl Fn(i64, usize) -> usize) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let mut server = TestFolder::open(folder.path());
    server.project = Project::of(folder.path(), format!("{}{MONITOR}", server.project.text)).unwrap();
    registration::register_to_run(&server.app, &server.context, &server.project).unwrap();
    let number = server.version(&trained().0, None);
    server.deploy(number).unwrap();
    let (endpoint, reads) = ("churn".parse().unwrap(), ReadCounter::default());
    let start = Timestamp(server.context.at.millis() / HOUR_MS * HOUR_MS);
    let evaluate_at = |hour: i64| {
        let at = Timestamp(start.millis() + hour * HOUR_MS + 5 * MINUTE_MS);
        compact::compact_log(&server.app, &endpoint).unwrap();
        evaluate_monitors(&server.app, at, &server.project, &endpoint).unwrap();
    };
    let rows = finite(&customers());
    let mut counts = Vec::new();
    for hour in 0..3 {
        let at = Timestamp(start.millis() + hour * HOUR_MS + 30 * MINUTE_MS);
        let ids: Vec<Arc<str>> = (0..rows.rows()).map(|row| format!("{hour}-{row}").into()).collect();
        let table: Table = rows.select(|name| name != "left");
        let events = vec![at; rows.rows()];
        predict::predict(&server.app, &endpoint, Request { table, ids: ids.clone(), events, consumer: None }, at)
            .unwrap();
        let known: Vec<usize> = (0..labelled(hour, rows.rows())).collect();
        let values: Column = rows.take(&known).get("left").unwrap().clone();
        let (ids, known_at) = (ids[..known.len()].to_vec(), vec![at; known.len()]);
        predict::label(&server.app, &endpoint, Labels { ids, values, known_at }, at).unwrap();
        counts.push(reads.count(|| evaluate_at(hour + 1)));
    }
    counts.push(reads.count(|| evaluate_at(3)));
    counts
}

#[test]
fn a_window_is_read_once_whatever_number_of_rules_and_monitors_ask() {
    // Each window is new once and its labels are known; after the last, nothing has ended and no label came.
    assert_eq!(reads_of_evaluations(|_, rows| rows), [1, 1, 1, 0]);
}

#[test]
fn the_newest_window_is_read_once_while_labels_of_an_older_one_are_missing() {
    let labelled = |hour: i64, rows: usize| if hour == 0 { rows * 3 / 4 } else { rows };
    assert_eq!(reads_of_evaluations(labelled), [1, 1, 1, 0]);
}
