//! Partitions, readings, alerts, thresholds, retraining decisions.

use kilter_domain::{
    alert::{AlertDetail, AlertKey, AlertState, AlertTopic, MonitorKind},
    digest::Digest,
    ids::VersionId,
    reading::ReadingDetail,
    replica::ReplicaId,
    retrain_blocker::RetrainBlocker,
    rule::MetricId,
    run::Cause,
    time::{Interval, Timestamp},
};
use kilter_store::{
    StoreError, audit,
    monitor::{
        self, Reading, ReadingFilter, RuleStatus,
        alert::{self, AlertFilter, NewAlert},
        evidence::{self, Evidence},
        retrain::{self, NewDecision, RetrainOutcome},
        threshold,
    },
    page::PageRequest,
    prediction::{self, Partition, PartitionKind},
    retention::{self, LogSize},
};
use serde_json::json;

use crate::world::{World, churn, churn_endpoint, churn_model};

fn partition(seq: i64, min: i64, max: i64) -> Partition {
    Partition {
        kind: PartitionKind::Predictions,
        endpoint: churn_endpoint(),
        seq,
        path: format!("churn/{seq}.parquet"),
        rows: 10,
        bytes: 1000,
        digest: Digest::of(&seq.to_le_bytes()),
        min_time: Timestamp(min),
        max_time: Timestamp(max),
    }
}

fn add(world: &World, partition: Partition) -> Result<bool, StoreError> {
    world.write(move |tx| prediction::add_partition(tx, &partition))
}

fn a_window_finds_the_partitions_that_touch_it() {
    let world = World::with_records();
    for (seq, (min, max)) in [(0, 9), (10, 19), (15, 30)].into_iter().enumerate() {
        assert!(add(&world, partition(seq as i64, min, max)).unwrap());
    }
    let touching = |start, end| {
        let page = PageRequest::default();
        let found = world.store.read(|reader| {
            let (start, end) = (Timestamp(start), Timestamp(end));
            prediction::list_partitions(reader, PartitionKind::Predictions, &churn_endpoint(), start..end, &page)
        });
        found.unwrap().items.iter().map(|partition| partition.seq).collect::<Vec<_>>()
    };
    assert_eq!(touching(0, 10), [0]);
    assert_eq!(touching(9, 11), [0, 1]);
    assert_eq!(touching(16, 17), [1, 2]);
    assert_eq!(touching(31, 99), [0_i64; 0]);
    let last = world.store.read(|reader| prediction::last_seq(reader, &churn_endpoint(), ReplicaId::ONLY)).unwrap();
    assert_eq!(last, Some(2));
}

fn a_partition_is_indexed_once_and_never_replaced() {
    let world = World::with_records();
    assert!(add(&world, partition(0, 0, 9)).unwrap());
    assert!(!add(&world, partition(0, 0, 9)).unwrap(), "the same bytes again change nothing");
    let other = Partition { digest: Digest::of(b"other"), ..partition(0, 0, 9) };
    assert!(add(&world, other).unwrap_err().to_string().contains("holds"));
    assert!(matches!(add(&world, partition(1, 9, 0)), Err(StoreError::Conflict { .. })), "it ends before it begins");
}

fn what_expired_is_read_by_nobody_and_is_recorded_once() {
    let world = World::with_records();
    (0..4).for_each(|seq| assert!(add(&world, partition(seq, 10 * seq, 10 * seq + 9)).unwrap()));
    let (kind, endpoint) = (PartitionKind::Predictions, churn_endpoint());
    let size = world.store.read(|reader| retention::log_size(reader, kind, &churn_endpoint())).unwrap();
    assert_eq!(size, LogSize { files: 4, rows: 40, bytes: 4000 });
    let newest =
        |world: &World| world.store.read(|reader| retention::newest_record(reader, &churn_endpoint())).unwrap();
    assert_eq!(newest(&world), Some(Timestamp(39)));
    let expire = |seqs: &[i64]| {
        let partitions: Vec<_> = seqs.iter().map(|&seq| partition(seq, 0, 9)).collect();
        world.act(1, move |audited| {
            retention::expire_partitions(audited, kind, &churn_endpoint(), &partitions, Timestamp(30))
        })
    };
    let entries = || world.store.read(audit::size).unwrap();
    let before = entries();
    assert_eq!(expire(&[0, 1]).unwrap(), 2);
    assert_eq!((expire(&[0, 1]).unwrap(), entries()), (0, before + 1), "what expired is recorded once");
    let entry = world.store.read(|reader| audit::find(reader, before + 1)).unwrap().unwrap().entry;
    assert_eq!(
        (entry.object.as_str(), entry.before.as_deref()),
        ("log:churn/predictions", Some("20 rows in 2 partitions"))
    );
    let always = Timestamp(i64::MIN)..Timestamp(i64::MAX);
    let listed = world
        .store
        .read(|reader| prediction::list_partitions(reader, kind, &endpoint, always, &PageRequest::default()));
    assert_eq!(listed.unwrap().items.iter().map(|partition| partition.seq).collect::<Vec<_>>(), [2, 3]);
    let expired = world.store.read(|reader| retention::list_expired(reader, kind, &churn_endpoint(), 10)).unwrap();
    assert_eq!(expired.iter().map(|partition| partition.seq).collect::<Vec<_>>(), [0, 1]);
    // Merging a partition that expired meanwhile is refused: its rows would come back.
    let merged = partition(900, 0, 39);
    let refused = world.write(move |tx| prediction::merge_partitions(tx, &merged, &[1, 2])).unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    assert!(world.store.read(audit::verify).unwrap().faults.is_empty());
}

fn old_readings_are_deleted_a_few_at_a_time_and_others_stay() {
    let world = World::with_records();
    let reading = |end: i64| {
        let window = Interval::new(Timestamp(end - 10), Timestamp(end));
        Reading::unmeasured(&churn_endpoint(), MonitorKind::Usage, "requests".parse().unwrap(), window, Timestamp(end))
    };
    world.write(move |tx| monitor::record(tx, &(1..=20).map(|at| reading(10 * at)).collect::<Vec<_>>())).unwrap();
    let old = |world: &World| {
        world.store.read(|reader| retention::count_old_readings(reader, &churn_endpoint(), Timestamp(101)))
    };
    assert_eq!(old(&world).unwrap(), 10);
    let delete = || world.act(1, |audited| retention::delete_readings(audited, &churn_endpoint(), Timestamp(101)));
    let before = world.store.read(audit::size).unwrap();
    assert_eq!((delete().unwrap(), delete().unwrap()), (10, 0));
    assert_eq!((old(&world).unwrap(), world.store.read(audit::size).unwrap()), (0, before + 1));
    let left = world
        .store
        .read(|reader| monitor::list(reader, &churn_endpoint(), &ReadingFilter::default(), &PageRequest::default()));
    assert_eq!(left.unwrap().items.len(), 10);
}

fn nothing_from_the_future_is_final() {
    let world = World::with_records();
    let at = |end: i64, as_of: i64, value: f64| Reading {
        window: Interval::new(Timestamp(end - 10), Timestamp(end)),
        ..reading(as_of, false, Some(value))
    };
    let put = |readings: Vec<Reading>| world.write(move |tx| monitor::record(tx, &readings)).unwrap();
    put(vec![at(10, 11, 0.1)]);
    // The clock is set forward, windows of the future are read (and are empty), and it is set back.
    put(vec![at(20, 100, 0.0), at(90, 100, 0.0)]);
    let newest = |now: i64| {
        let (kind, now) = (MonitorKind::Performance, Timestamp(now));
        let found = world
            .store
            .read(|reader| monitor::newest_ended(reader, &churn_endpoint(), kind, &MetricId::named("auc"), now));
        found.unwrap().map(|reading| (reading.window.end.millis(), reading.value))
    };
    let latest = |now: i64| {
        let found = world.store.read(|reader| monitor::latest(reader, &churn_endpoint(), Timestamp(now), 10)).unwrap();
        found.iter().map(|reading| (reading.window.end.millis(), reading.value)).collect::<Vec<_>>()
    };
    assert_eq!((newest(15), latest(15)), (Some((10, Some(0.1))), vec![(10, Some(0.1))]));
    // The window is over, and is read again: that stands, also when the time of the wrong reading comes.
    put(vec![at(20, 21, 0.2)]);
    assert_eq!((newest(25), latest(25)), (Some((20, Some(0.2))), vec![(20, Some(0.2))]));
    let history = world.store.read(|reader| {
        monitor::history(
            reader,
            &churn_endpoint(),
            None,
            &MetricId::named("auc"),
            Interval::new(Timestamp(0), Timestamp(30)),
            10,
        )
    });
    let values: Vec<_> = history.unwrap().iter().map(|reading| reading.value).collect();
    assert_eq!(values, [Some(0.1), Some(0.2)]);
}

fn a_merged_partition_stands_in_the_place_of_those_that_it_holds() {
    let world = World::with_records();
    for (seq, start, end) in [(0, 0, 9), (1, 10, 19), (2, 20, 29)] {
        add(&world, partition(seq, start, end)).unwrap();
    }
    let merged = Partition { digest: Digest::of(b"merged"), ..partition(1_900, 0, 19) };
    let merge = |merged: Partition| world.store.write(move |tx| prediction::merge_partitions(tx, &merged, &[0, 1]));
    merge(merged.clone()).unwrap();
    let kind = PartitionKind::Predictions;
    let listed = || {
        let page = PageRequest::default();
        let (start, end) = (Timestamp(0), Timestamp(100));
        let found =
            world.store.read(|reader| prediction::list_partitions(reader, kind, &churn_endpoint(), start..end, &page));
        found.unwrap().items.iter().map(|partition| partition.seq).collect::<Vec<_>>()
    };
    assert_eq!(listed(), [2, 1_900]);
    let error = merge(Partition { seq: 1_901, ..merged }).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
    assert_eq!(listed(), [2, 1_900], "of a merge that is refused nothing is kept");
    let old = world
        .store
        .read(|reader| prediction::list_merged(reader, kind, &churn_endpoint(), ReplicaId::ONLY, 10))
        .unwrap();
    assert_eq!(old.iter().map(|partition| partition.seq).collect::<Vec<_>>(), [0, 1]);
    world.store.write(move |tx| prediction::forget_partition(tx, kind, &churn_endpoint(), 0)).unwrap();
    let old = world
        .store
        .read(|reader| prediction::list_merged(reader, kind, &churn_endpoint(), ReplicaId::ONLY, 10))
        .unwrap();
    assert_eq!(old.len(), 1);
}

fn how_far_a_log_was_sealed_only_grows() {
    let world = World::with_records();
    let (one, two) = (ReplicaId::ONLY, ReplicaId::new(2).unwrap());
    let find =
        |replica| world.store.read(|reader| prediction::find_recording(reader, &churn_endpoint(), replica)).unwrap();
    assert_eq!(find(one), None);
    for (replica, sealed_through, next_sequence) in [(one, 0, 1), (one, 3, 40), (two, 9, 9), (one, 2, 90)] {
        let recording = prediction::Recording { endpoint: churn_endpoint(), replica, sealed_through, next_sequence };
        world.store.write(move |tx| prediction::record_sealed(tx, &recording)).unwrap();
    }
    let numbers = |replica| find(replica).map(|found| (found.sealed_through, found.next_sequence));
    assert_eq!((numbers(one), numbers(two)), (Some((3, 90)), Some((9, 9))), "each replica has a log of its own");
}

fn reading(as_of: i64, estimated: bool, value: Option<f64>) -> Reading {
    Reading {
        endpoint: churn_endpoint(),
        monitor: MonitorKind::Performance,
        metric: MetricId::named("auc"),
        window: Interval::new(Timestamp(0), Timestamp(100)),
        value,
        low: value.map(|value| value - 0.1),
        high: value.map(|value| value + 0.1),
        count: 50,
        verdict: Some(if value.is_some() { RuleStatus::Passed } else { RuleStatus::Undecided }),
        as_of: Timestamp(as_of),
        estimated,
        version: Some(VersionId::new(churn_model(), 3)),
        detail: ReadingDetail::default(),
    }
}

fn record(world: &World, readings: Vec<Reading>) -> Result<(), StoreError> {
    world.write(move |tx| monitor::record(tx, &readings))
}

fn what_is_known_later_stands_beside_what_was_known_then() {
    let world = World::with_records();
    let (early, estimate, late) =
        (reading(100, false, None), reading(100, true, Some(0.8)), reading(200, false, Some(0.7)));
    let best = || {
        let found = world.store.read(|reader| {
            monitor::history(
                reader,
                &churn_endpoint(),
                None,
                &MetricId::named("auc"),
                Interval::new(Timestamp(0), Timestamp(999)),
                10,
            )
        });
        found.unwrap()
    };
    record(&world, vec![estimate.clone()]).unwrap();
    assert_eq!(best(), [estimate]);
    record(&world, vec![early.clone()]).unwrap();
    assert_eq!(best(), [early], "measured counts before estimated");
    record(&world, vec![late.clone(), late.clone()]).unwrap();
    assert_eq!(best(), [late]);
    let filter = ReadingFilter { monitor: Some(MonitorKind::Performance), metric: None };
    let all =
        world.store.read(|reader| monitor::list(reader, &churn_endpoint(), &filter, &PageRequest::default())).unwrap();
    assert_eq!(all.items.len(), 3);
}

fn the_newest_reading_of_every_metric_is_the_best_known_of_its_last_window() {
    let world = World::with_records();
    let at = |metric: &str, kind: MonitorKind, window: i64, as_of: i64, value: f64| Reading {
        metric: metric.parse().unwrap(),
        monitor: kind,
        window: Interval::new(Timestamp(window), Timestamp(window + 100)),
        ..reading(as_of, false, Some(value))
    };
    let (accuracy, drift) = (MonitorKind::Performance, MonitorKind::Drift);
    let readings = vec![
        at("auc", accuracy, 0, 900, 0.9),
        at("auc", accuracy, 100, 300, 0.8),
        at("auc", accuracy, 100, 400, 0.7),
        at("psi(x)", drift, 0, 100, 0.1),
        at("rows", drift, 0, 100, 5.0),
        at("rows", accuracy, 100, 200, 6.0),
    ];
    record(&world, readings).unwrap();
    let latest = |limit| {
        world.store.read(|reader| monitor::latest(reader, &churn_endpoint(), Timestamp(i64::MAX), limit)).unwrap()
    };
    let found: Vec<_> =
        latest(100).into_iter().map(|reading| (reading.monitor, reading.metric.to_string(), reading.value)).collect();
    let wanted = [(drift, "psi(x)", 0.1), (drift, "rows", 5.0), (accuracy, "auc", 0.7), (accuracy, "rows", 6.0)];
    assert_eq!(found, wanted.map(|(kind, metric, value)| (kind, metric.to_owned(), Some(value))));
    assert_eq!(latest(2).len(), 2);
    let empty = world
        .store
        .read(|reader| monitor::latest(reader, &"nowhere".parse().unwrap(), Timestamp(i64::MAX), 10))
        .unwrap();
    assert_eq!(empty, []);
}

fn a_value_that_was_not_measured_cannot_pass() {
    let world = World::with_records();
    for value in [None, Some(f64::NAN)] {
        let unmeasured = Reading { value, verdict: Some(RuleStatus::Passed), ..reading(1, false, None) };
        assert!(matches!(
            record(&world, vec![reading(2, false, Some(0.5)), unmeasured]),
            Err(StoreError::Conflict { .. })
        ));
    }
    let unknown = Reading { endpoint: "nowhere".parse().unwrap(), ..reading(1, false, None) };
    assert!(record(&world, vec![unknown]).is_err());
    let page = PageRequest::default();
    let found = world.store.read(|reader| monitor::list(reader, &churn_endpoint(), &ReadingFilter::default(), &page));
    assert_eq!(found.unwrap().items, [], "nothing of a refused batch is kept");
}

fn new_alert(id: &str) -> NewAlert {
    NewAlert {
        id: id.into(),
        key: AlertKey::new(churn_endpoint(), AlertTopic::Drift),
        state: AlertState::Pending { breaches: 1 },
        detail: AlertDetail::new(Interval::new(Timestamp(0), Timestamp(1)), "psi(income) is 0.3"),
    }
}

fn a_key_has_one_open_alert() {
    let world = World::with_records();
    world.act(1, |audited| alert::open(audited, &new_alert("a-1"))).unwrap();
    let error = world.act(2, |audited| alert::open(audited, &new_alert("a-2"))).unwrap_err();
    assert!(error.to_string().contains("open alert a-1 already"), "{error}");
    let moves = [
        (AlertState::Pending { breaches: 1 }, AlertState::Firing { clean: 0 }),
        (AlertState::Firing { clean: 0 }, AlertState::Acknowledged { clean: 0 }),
        (AlertState::Acknowledged { clean: 0 }, AlertState::Resolved),
    ];
    for (at, (from, to)) in moves.into_iter().enumerate() {
        world.act(at as i64 + 3, move |audited| alert::advance(audited, "a-1", from, to, None)).unwrap();
    }
    let closed = world.store.read(|reader| alert::get(reader, "a-1")).unwrap();
    let times = [Some(closed.opened), closed.fired, closed.acknowledged, closed.resolved];
    assert_eq!(times.map(|time| time.map(Timestamp::millis)), [Some(1), Some(3), Some(4), Some(5)]);
    world.act(9, |audited| alert::open(audited, &new_alert("a-2"))).unwrap();
    let open = AlertFilter { open: true, ..AlertFilter::default() };
    let list = world.store.read(|reader| alert::list(reader, &open, &PageRequest::default())).unwrap();
    assert_eq!(list.items.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["a-2"]);
    world.assert_sound();
}

fn a_window_that_only_counts_makes_no_entry_and_a_mute_makes_one() {
    let world = World::with_records();
    world.act(1, |audited| alert::open(audited, &new_alert("a-1"))).unwrap();
    let advance = |at, from, to| world.act(at, move |audited| alert::advance(audited, "a-1", from, to, None));
    let size = || world.store.read(kilter_store::audit::size).unwrap();
    let pending = |breaches| AlertState::Pending { breaches };
    let before = size();
    advance(2, pending(1), pending(2)).unwrap();
    assert_eq!(size(), before);
    let error = advance(3, pending(1), pending(2)).unwrap_err();
    assert!(error.to_string().contains("pending after 2 windows, not pending after 1 window"), "{error}");
    let muted = |until, clean| AlertState::Muted { until: Timestamp(until), clean };
    let firing = AlertState::Firing { clean: 0 };
    for (from, to) in
        [(pending(2), firing), (firing, muted(50, 0)), (muted(50, 0), muted(50, 1)), (muted(50, 1), muted(90, 1))]
    {
        assert_eq!(advance(4, from, to).unwrap().state, to);
    }
    assert_eq!(size(), before + 3, "fired, muted, muted for longer");
    world.assert_sound();
}

fn an_alert_cannot_begin_resolved() {
    let world = World::with_records();
    let new = NewAlert { state: AlertState::Resolved, ..new_alert("a-1") };
    assert!(world.act(1, move |audited| alert::open(audited, &new)).is_err());
    let firing = NewAlert { state: AlertState::Firing { clean: 0 }, ..new_alert("a-1") };
    let alert = world.act(2, move |audited| alert::open(audited, &firing)).unwrap();
    assert_eq!(alert.fired, Some(Timestamp(2)));
}

fn a_threshold_knows_since_when_it_holds_and_why() {
    let world = World::with_records();
    let set = |at, high| {
        world.act(at, move |audited| {
            threshold::set(audited, &churn(), "psi(*) < ?", (None, Some(high)), &json!({"budget": at}))
        })
    };
    set(10, 0.2).unwrap();
    set(15, 0.2).unwrap();
    set(20, 0.25).unwrap();
    let at = |at| world.store.read(|reader| threshold::at(reader, &churn(), "psi(*) < ?", Timestamp(at))).unwrap();
    assert_eq!(
        [9, 10, 19, 20, 99].map(|time| at(time).and_then(|t| t.high)),
        [None, Some(0.2), Some(0.2), Some(0.25), Some(0.25)]
    );
    let all = world.store.read(|reader| threshold::list(reader, &churn(), None, &PageRequest::default())).unwrap();
    assert_eq!(all.items.len(), 2);
    world.assert_sound();
}

fn the_budget_counts_only_runs_that_were_started() {
    let world = World::with_records();
    let decide = |at, outcome, run: Option<&str>| {
        let new = NewDecision {
            project: churn(),
            cause: Cause::Alert { id: "a-1".into(), monitor: MonitorKind::Drift },
            outcome,
            run: run.map(str::to_owned),
            blocker: (outcome == RetrainOutcome::Skipped).then_some(RetrainBlocker::CandidateInRollout { version: 2 }),
            reason: "psi(income) stayed above 0.2 for 3 d".into(),
        };
        world.act(at, move |audited| retrain::record(audited, &new))
    };
    decide(1, RetrainOutcome::Started, Some("r-1")).unwrap();
    decide(2, RetrainOutcome::Skipped, None).unwrap();
    decide(3, RetrainOutcome::Refused, Some("r-1")).unwrap();
    assert!(matches!(decide(4, RetrainOutcome::Started, None), Err(StoreError::Invalid { .. })));
    assert!(matches!(decide(4, RetrainOutcome::Started, Some("no-such")), Err(StoreError::Conflict { .. })));
    let (count, last, list) = world
        .store
        .read(|reader| {
            Ok((
                retrain::started_between(reader, &churn(), Timestamp(0), Timestamp(i64::MAX))?,
                retrain::last_started(reader, &churn())?,
                retrain::list(reader, &churn(), &PageRequest::default())?,
            ))
        })
        .unwrap();
    assert_eq!((count, last, list.items.len()), (1, Some(Timestamp(1)), 3));
}

fn an_endpoint_keeps_the_newest_evidence_alone() {
    let world = World::with_records();
    let find = || world.store.read(|reader| evidence::find(reader, &churn_endpoint())).unwrap();
    assert_eq!(find(), None);
    let seen = |through: i64| Evidence {
        endpoint: churn_endpoint(),
        model: churn_model(),
        number: 1,
        through: Timestamp(through),
        document: json!({ "windows": through }),
    };
    for through in [1, 2] {
        let kept = seen(through);
        world.write(move |tx| evidence::put(tx, &kept)).unwrap();
        assert_eq!(find(), Some(seen(through)));
    }
}

fn an_alert_is_named_by_the_end_of_its_id_where_no_other_ends_so() {
    let world = World::with_records();
    for (at, end) in [(1, "aa3f2a91c0"), (2, "bb3f2a91c0"), (3, "00000d17e5")] {
        let key = AlertKey::new(churn_endpoint(), AlertTopic::UnknownClass(end.to_owned()));
        let new = NewAlert { key, ..new_alert(&format!("0190f3a2-7c1e-7abc-8def-{end}")) };
        world.act(at, move |audited| alert::open(audited, &new)).unwrap();
    }
    let found = |id: &str| world.store.read(|reader| alert::get(reader, id));
    for id in ["d17e5", "0d17e5", "0190f3a2-7c1e-7abc-8def-00000d17e5"] {
        assert_eq!(found(id).unwrap().id, "0190f3a2-7c1e-7abc-8def-00000d17e5", "{id}");
    }
    assert!(found("aa3f2a91c0").is_ok());
    let several = found("3f2a91c0").unwrap_err().to_string();
    assert!(several.contains("several alerts end with `3f2a91c0`"), "{several}");
    for nothing in ["7e5", "ffff", "", "%%%%", "____"] {
        assert!(found(nothing).unwrap_err().to_string().contains("there is no alert"), "{nothing}");
    }
}

both_databases![
    a_window_finds_the_partitions_that_touch_it,
    a_partition_is_indexed_once_and_never_replaced,
    nothing_from_the_future_is_final,
    what_expired_is_read_by_nobody_and_is_recorded_once,
    old_readings_are_deleted_a_few_at_a_time_and_others_stay,
    a_merged_partition_stands_in_the_place_of_those_that_it_holds,
    how_far_a_log_was_sealed_only_grows,
    what_is_known_later_stands_beside_what_was_known_then,
    the_newest_reading_of_every_metric_is_the_best_known_of_its_last_window,
    a_value_that_was_not_measured_cannot_pass,
    a_key_has_one_open_alert,
    a_window_that_only_counts_makes_no_entry_and_a_mute_makes_one,
    an_alert_cannot_begin_resolved,
    a_threshold_knows_since_when_it_holds_and_why,
    the_budget_counts_only_runs_that_were_started,
    an_endpoint_keeps_the_newest_evidence_alone,
    an_alert_is_named_by_the_end_of_its_id_where_no_other_ends_so,
];
