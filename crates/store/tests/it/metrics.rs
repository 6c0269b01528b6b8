//! Runs and what they log.

use kilter_domain::{
    digest::Digest,
    run::{RunState, StepState},
    search::HistoryToken,
    time::Timestamp,
    tracking::{HistoryPoint, MetricPoint},
};
use kilter_store::{
    Reader, StoreError,
    page::PageRequest,
    run::{
        self,
        step::{self, Step},
    },
    tracking::{
        artifact::{self, Artifact, ArtifactKind},
        logged_run, metric, param,
    },
};
use proptest::prelude::*;
use serde_json::json;

use crate::world::{World, new_run};

fn point(metric: &str, step: i64, at: i64, value: f64) -> MetricPoint {
    MetricPoint { metric: metric.to_owned(), step, at: Timestamp(at), value }
}

fn log(world: &World, points: &[MetricPoint]) -> Result<(), StoreError> {
    let points = points.to_vec();
    world.write(move |tx| metric::log_metrics(tx, "r-1", &points))
}

fn latest(world: &World) -> Vec<MetricPoint> {
    world.store.read(|reader| logged_run::read(reader, "r-1")).unwrap().metrics
}

/// All points of a metric, in the form of the batches that logged them.
fn history(world: &World, metric: &str) -> Vec<MetricPoint> {
    let (mut points, mut start) = (Vec::new(), HistoryToken::default());
    loop {
        let page = history_page(world, metric, &start, metric::MAX_PAGE);
        start.after = page.last().copied().or(start.after);
        points.extend(page.iter().map(|found| point(metric, found.step, found.at.millis(), found.value)));
        if page.len() < metric::MAX_PAGE as usize {
            return points;
        }
    }
}

fn history_page(world: &World, metric: &str, start: &HistoryToken, limit: u32) -> Vec<HistoryPoint> {
    world.store.read(|reader| metric::history_page(reader, "r-1", metric, start, limit)).unwrap()
}

fn the_latest_point_has_the_highest_step_in_whatever_order_they_came() {
    let world = World::with_records();
    log(&world, &[point("auc", 3, 1, 0.7), point("auc", 1, 9, 0.9)]).unwrap();
    log(&world, &[point("auc", 2, 20, 0.8), point("loss", 0, 0, 1.5)]).unwrap();
    assert_eq!(latest(&world), [point("auc", 3, 1, 0.7), point("loss", 0, 0, 1.5)]);
    log(&world, &[point("auc", 3, 2, 0.6), point("auc", 3, 2, 0.65)]).unwrap();
    assert_eq!(latest(&world)[0], point("auc", 3, 2, 0.65));
}

fn logging_the_same_batch_twice_is_logging_it_once() {
    let world = World::with_records();
    let batch = [point("auc", 0, 0, 0.5), point("auc", 1, 1, 0.6)];
    log(&world, &batch).unwrap();
    log(&world, &batch).unwrap();
    assert_eq!(history(&world, "auc"), batch);
}

fn nan_and_infinities_are_values() {
    let world = World::with_records();
    let values = [f64::NEG_INFINITY, f64::NAN, f64::INFINITY];
    log(&world, &values.map(|value| point("odd", value.is_nan().into(), 0, value))).unwrap();
    let found = history(&world, "odd");
    assert_eq!(found.len(), 3);
    assert!(found.iter().any(|point| point.value.is_nan()));
    assert!(latest(&world)[0].value.is_nan(), "the highest step wins, though it is NaN");
}

fn a_batch_that_is_too_large_or_has_no_run_is_refused_whole() {
    let world = World::with_records();
    let many = vec![point("auc", 0, 0, 0.5); metric::MAX_POINTS + 1];
    assert!(matches!(log(&world, &many), Err(StoreError::Invalid { .. })));
    assert!(matches!(log(&world, &[point("", 0, 0, 0.5)]), Err(StoreError::Invalid { .. })));
    assert!(matches!(
        log(&world, &[point("auc", 0, 0, 0.5), point(&"x".repeat(1001), 0, 0, 0.5)]),
        Err(StoreError::Invalid { .. })
    ));
    let outcome = world.write(|tx| metric::log_metrics(tx, "nobody", &[point("auc", 0, 0, 0.5)]));
    assert_eq!(outcome.unwrap_err().to_string(), "there is no run `nobody`");
    assert_eq!(latest(&world), []);
}

fn a_parameter_never_changes() {
    let world = World::with_records();
    world.write(|tx| param::log_params(tx, "r-1", [("lr", "0.1"), ("depth", "6")])).unwrap();
    world.write(|tx| param::log_params(tx, "r-1", [("lr", "0.1")])).unwrap();
    let error = world.write(|tx| param::log_params(tx, "r-1", [("seed", "7"), ("lr", "0.2")])).unwrap_err();
    assert!(error.to_string().contains("it is `0.1` already and cannot become `0.2`"), "{error}");
    let found = world.store.read(|reader| param::params(reader, "r-1")).unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("depth".into(), "6".into()), ("lr".into(), "0.1".into())]);
}

fn artifacts_stay_inside_of_the_run() {
    let world = World::with_records();
    let artifact = |path: &str| Artifact {
        path: path.into(),
        kind: ArtifactKind::File,
        digest: Digest::of(b"x"),
        bytes: 1,
        at: Timestamp(1),
    };
    let put = |path: &str| {
        let artifacts = [artifact("fine"), artifact(path)];
        world.write(move |tx| artifact::put_of_run(tx, "r-1", &artifacts))
    };
    for path in ["", "/etc/passwd", "../up", "a/../b", "a//b", "./a", "a\\b", "a\0b", &"x".repeat(2049)] {
        assert!(matches!(put(path), Err(StoreError::Invalid { .. })), "{path}");
    }
    put("model/model.onnx").unwrap();
    let found = world.store.read(|reader| artifact::list_below(reader, "1/r-1", None, 10)).unwrap();
    assert_eq!(found, [artifact("1/r-1/artifacts/fine"), artifact("1/r-1/artifacts/model/model.onnx")]);
}

fn a_run_ends_with_its_record_and_its_times() {
    let world = World::with_records();
    world.act(5, |audited| run::advance(audited, "r-1", RunState::Queued, RunState::Running, None)).unwrap();
    let record = json!({"exit": 0});
    let kept = record.clone();
    let ended = world
        .act(9, move |audited| run::advance(audited, "r-1", RunState::Running, RunState::Succeeded, Some(&kept)))
        .unwrap();
    assert_eq!((ended.started, ended.ended, ended.record), (Some(Timestamp(5)), Some(Timestamp(9)), record));
    assert!(matches!(
        world.act(10, |audited| run::advance(audited, "r-1", RunState::Running, RunState::Failed, None)),
        Err(StoreError::Moved { .. })
    ));
}

fn a_restarted_server_finds_the_runs_that_never_ended() {
    let world = World::with_records();
    world.act(1, |audited| run::create(audited, &new_run("r-2"))).unwrap();
    world.act(2, |audited| run::advance(audited, "r-1", RunState::Queued, RunState::Cancelled, None)).unwrap();
    let found = world.store.read(|reader| run::list_unfinished(reader, &PageRequest::default())).unwrap();
    assert_eq!(found.items.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r-2"]);
    assert!(matches!(world.act(3, |audited| run::create(audited, &new_run("r-2"))), Err(StoreError::Conflict { .. })));
}

fn a_step_is_where_it_was_last_put() {
    let world = World::with_records();
    let step = |state, ended: Option<i64>| Step {
        step: "train".parse().unwrap(),
        state,
        started: Some(Timestamp(1)),
        ended: ended.map(Timestamp),
        record: json!({"key": "abc"}),
    };
    for step in [step(StepState::Running, None), step(StepState::Cached, Some(2))] {
        world.write(move |tx| step::put_step(tx, "r-1", &step)).unwrap();
    }
    assert_eq!(world.store.read(|reader| step::steps(reader, "r-1")).unwrap(), [step(StepState::Cached, Some(2))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_history_holds_every_distinct_point_once_in_order(
        points in prop::collection::vec((0_i64..4, 0_i64..4, -2_i8..3), 1..40), page in 1_u32..7
    ) {
        let world = World::with_records();
        let points: Vec<_> = points.into_iter().map(|(step, at, value)| point("m", step, at, value.into())).collect();
        log(&world, &points).unwrap();
        let mut expected = points;
        expected.sort_by(|a, b| (a.step, a.at, a.value).partial_cmp(&(b.step, b.at, b.value)).unwrap());
        expected.dedup();
        // By the place of a point, as old clients go on, and behind the last point.
        for has_after in [false, true] {
            let mut walked: Vec<MetricPoint> = Vec::new();
            let mut start = HistoryToken::default();
            loop {
                let next = history_page(&world, "m", &start, page);
                let Some(last) = next.last() else { break };
                walked.extend(next.iter().map(|found| point("m", found.step, found.at.millis(), found.value)));
                let after = has_after.then_some(*last);
                start = HistoryToken { offset: walked.len() as u64, after }.to_string().parse().unwrap();
            }
            prop_assert_eq!(&walked, &expected);
        }
        prop_assert_eq!(&latest(&world)[0], expected.last().unwrap());
    }
}

/// More than is read at a time, with several points a step.
fn a_long_history_is_read_whole_and_in_part() {
    let world = World::with_records();
    let all: Vec<MetricPoint> = (0..21_000).map(|place| point("m", place / 3, place % 3, place as f64)).collect();
    all.chunks(metric::MAX_POINTS).for_each(|batch| log(&world, batch).unwrap());
    assert_eq!(history(&world, "m"), all);
    let page = history_page(&world, "m", &HistoryToken { offset: 20_998, after: None }, 10);
    assert_eq!(page.iter().map(|found| found.value).collect::<Vec<_>>(), [20_998.0, 20_999.0]);
    let steps = 5..=6_003;
    let (mut count, mut points) = (0, Vec::new());
    let read = |reader: &Reader| {
        count = metric::count_points(reader, "r-1", "m", &steps)?;
        metric::each_point_of_steps(reader, "r-1", "m", (&steps, count), &mut |found| points.push(found.value))
    };
    world.store.read(read).unwrap();
    let values: Vec<f64> = all[15..18_012].iter().map(|point| point.value).collect();
    assert_eq!((count, points), (17_997, values));
}

both_databases![
    a_long_history_is_read_whole_and_in_part,
    the_latest_point_has_the_highest_step_in_whatever_order_they_came,
    logging_the_same_batch_twice_is_logging_it_once,
    nan_and_infinities_are_values,
    a_batch_that_is_too_large_or_has_no_run_is_refused_whole,
    a_parameter_never_changes,
    artifacts_stay_inside_of_the_run,
    a_run_ends_with_its_record_and_its_times,
    a_restarted_server_finds_the_runs_that_never_ended,
    a_step_is_where_it_was_last_put,
];
