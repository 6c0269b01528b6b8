//! How often an evaluation reads the rows of a window, and how many of them it holds.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use kilter_domain::{
    table::{Column, Table},
    time::{HOUR_MS, MINUTE_MS, Timestamp},
};
use kilter_stats::random::Random;
use kilter_store::{
    PageRequest, monitor as readings,
    monitor::{Reading, ReadingFilter},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::{
    model::golden_replay::tests::{TestFolder, customers, finite, trained},
    monitor::evaluate::evaluate_monitors,
    prediction::{
        Labels, Request, compact,
        partition_index::WHOLE_ROWS_READ,
        predict,
        window_sample::tests::{START, TestLog, TestRow},
    },
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

/// Rules of everything that is counted, drawn or labelled.
const LARGE: &str = r#"
[monitor]
every = "1h"
min_rows = 10
min_labelled = 0.05
data = ["missing(*) < 0.9", "unseen(*) < 1000", "mean(visits) < 100", "max(visits) < 100"]
drift = ["psi(*) < 100"]
usage = ["rows >= 1", "requests >= 1", "consumers >= 1", "p99_ms < 1000", "error_rate < 1"]
performance = ["auc >= 0.1", "labelled >= 0.01"]
bias = ["gap(recall, region) <= 1", "gap(selection_rate, region) <= 1"]
"#;

/// The readings of a window of 24,000 rows, a tenth of them labelled, of which no more than `bound` are held.
fn readings_within(bound: usize) -> BTreeMap<String, Reading> {
    let folder = tempfile::tempdir().unwrap();
    let mut server = TestFolder::open(folder.path());
    server.project = Project::of(folder.path(), format!("{}{LARGE}", server.project.text)).unwrap();
    registration::register_to_run(&server.app, &server.context, &server.project).unwrap();
    let number = server.version(&trained().0, None);
    server.deploy(number).unwrap();
    server.app.components().window_bound.set(bound, bound.max(5_000));
    let (mut random, mut log) = (Random::seeded(23), TestLog::new(&server));
    let row =
        |number: usize, random: &mut Random| TestRow::drawn(random, number, START + HOUR_MS + number as i64 * 150);
    let rows: Vec<TestRow> = (0..24_000).map(|number| row(number, &mut random)).collect();
    let known: Vec<&TestRow> = rows.iter().filter(|_| random.uniform() < 0.1).collect();
    let labels: Vec<_> = known.iter().map(|row| (row.id.clone(), row.at + 9, Some(row.truth(&mut random)))).collect();
    // Whole requests of three rows.
    rows.chunks(4_998).for_each(|part| log.predictions(part));
    log.labels(&labels);
    let endpoint = "churn".parse().unwrap();
    evaluate_monitors(&server.app, Timestamp(START + 2 * HOUR_MS + MINUTE_MS), &server.project, &endpoint).unwrap();
    let page = PageRequest::first(1_000);
    let found = server.app.store().read(|reader| readings::list(reader, &endpoint, &ReadingFilter::default(), &page));
    let of_window = found.unwrap().items.into_iter().filter(|reading| reading.window.start.millis() > START);
    let key = |reading: &Reading| {
        let part = reading.detail.outcome.as_ref().and_then(|outcome| outcome.part.clone()).unwrap_or_default();
        format!("{:?} {} {part}", reading.monitor, reading.metric)
    };
    of_window.map(|reading| (key(&reading), reading)).collect()
}

#[test]
fn a_window_beyond_the_bound_has_the_counts_of_all_rows_and_says_on_which_share_the_rest_was_measured() {
    let (all, part) = (readings_within(usize::MAX), readings_within(2_000));
    assert_eq!(part, readings_within(2_000), "the same rows are drawn each time");
    assert_eq!(all.keys().collect::<Vec<_>>(), part.keys().collect::<Vec<_>>());
    let mut drawn = 0;
    for (key, expected) in &all {
        let found = &part[key];
        let (value, wanted) = (found.value.unwrap_or(f64::NAN), expected.value.unwrap_or(f64::NAN));
        let share = found.detail.sample_share;
        assert!(expected.detail.sample_share.is_none(), "{key}");
        let text = found.detail.outcome.as_ref().map(|outcome| outcome.text.clone()).unwrap_or_default();
        assert_eq!(found.verdict, expected.verdict, "{key}: {text}");
        match share {
            None => {
                assert!((value - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{key}: {value} instead of {wanted}");
                assert_eq!((found.count, text.contains("on a sample")), (expected.count, false), "{key}: {text}");
            }
            Some(share) => {
                drawn += 1;
                // 1,500 rows and 1,200 labels: three standard errors of an AUC or of a gap of recalls.
                let is_evidence = key.contains("Drift evidence");
                assert!(is_evidence || (value - wanted).abs() < 0.09, "{key}: {value} instead of {wanted}");
                assert!(found.count <= 2_000, "{key}: the interval is that of the rows that were read");
                let of = if share == 0.5 { "50 % of the rows with a label" } else { "6.25 % of the rows" };
                assert!(text.is_empty() || text.contains(&format!(", on a sample of {of}")), "{key}: {text}");
            }
        }
    }
    assert!(drawn >= 5, "{drawn} of {:?}", part.keys());
    let rates =
        part.iter().find(|(key, _)| key.contains("gap(selection_rate")).map(|(_, found)| found.clone()).unwrap();
    let note = rates.detail.outcome.and_then(|outcome| outcome.measured).and_then(|measured| measured.note).unwrap();
    assert!(!note.contains("too few"), "a rare group has more than its share: {note}");
    let counted = |name: &str| part.iter().find(|(key, _)| key.contains(name)).map(|(_, found)| found.clone()).unwrap();
    assert_eq!(counted("Usage rows").value, Some(24_000.0));
    assert_eq!(counted("Usage requests").value, Some(8_000.0));
}

/// A line of what the kernel says of this process, in MiB.
fn mebibytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() / 1024
}

#[test]
#[ignore = "writes 1.5 million rows: a minute; ./test --replays -- millions_of_rows"]
fn a_window_of_millions_of_rows_takes_a_stated_memory() {
    let count: usize = std::env::var("KILTER_WINDOW_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_500_000);
    let folder = tempfile::tempdir().unwrap();
    let mut server = TestFolder::open(folder.path());
    server.project = Project::of(folder.path(), format!("{}{LARGE}", server.project.text)).unwrap();
    registration::register_to_run(&server.app, &server.context, &server.project).unwrap();
    let number = server.version(&trained().0, None);
    server.deploy(number).unwrap();
    let (mut random, mut log) = (Random::seeded(29), TestLog::new(&server));
    let step = HOUR_MS as f64 / count as f64;
    for first in (0..count).step_by(100_000) {
        let at = |number: usize| START + HOUR_MS + (number as f64 * step) as i64;
        let numbers = first..count.min(first + 100_000);
        let rows: Vec<TestRow> = numbers.map(|number| TestRow::drawn(&mut random, number, at(number))).collect();
        log.predictions(&rows);
        let labels: Vec<_> =
            rows.iter().map(|row| (row.id.clone(), row.at + 1, Some(row.truth(&mut random)))).collect();
        log.labels(&labels);
    }
    let endpoint = "churn".parse().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, began) = (mebibytes("VmRSS:"), std::time::Instant::now());
    evaluate_monitors(&server.app, Timestamp(START + 2 * HOUR_MS + MINUTE_MS), &server.project, &endpoint).unwrap();
    let more = mebibytes("VmHWM:").saturating_sub(before);
    println!("{count} rows: {more} MiB beyond {before} MiB, {:.1} s", began.elapsed().as_secs_f64());
    let page = PageRequest::first(1_000);
    let found = server.app.store().read(|reader| readings::list(reader, &endpoint, &ReadingFilter::default(), &page));
    let of = |metric: &str| {
        let found = found.as_ref().unwrap().items.iter();
        found
            .filter(|reading| reading.metric.to_string() == metric)
            .filter_map(|reading| reading.value)
            .fold(0.0, f64::max)
    };
    assert_eq!((of("rows"), of("requests")), (count as f64, log.requests() as f64));
    assert!(
        (of("auc") - 5.0 / 6.0).abs() < 0.006,
        "scores that are calibrated and even have an AUC of 5/6: {}",
        of("auc")
    );
    assert!(more < 384, "{more} MiB");
}
