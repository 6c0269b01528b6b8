//! What is recorded and counted of an answer, and what becomes of it when that fails.

use super::*;

#[test]
fn columns_that_are_only_recorded_reach_the_log_and_no_model() {
    let world = World::new(LogOptions::default());
    let gender = input("gender", InputKind::Text, Missing::Allowed);
    world.endpoint.deploy(Routes::new(version(7, fake(0.0)), None, &[gender]).unwrap());
    let body = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]},
        {"name":"gender","shape":[1],"datatype":"BYTES","data":["f"]}]}"#;
    world.infer(body).unwrap();
    assert_eq!(world.batches()[0].features.column("gender").unwrap().label(0).as_deref(), Some("f"));
}

#[test]
fn a_full_disk_withholds_the_answer_in_durable_mode_only() {
    for options in [LogOptions::default(), LogOptions::without_sync()] {
        let is_durable = options.durability == Durability::Durable;
        let world = World::new(options.clone());
        world.endpoint.deploy(Routes::new(version(7, fake(0.0)), None, &[]).unwrap());
        options.faults.set_space(10);
        match world.infer(&body(&["a"], &[0.5])) {
            Ok(_) => assert!(!is_durable),
            Err(error) => {
                assert!(is_durable);
                assert_eq!((error.status(), error.code()), (507, "prediction_not_recorded"));
                assert!(error.to_string().contains("disk is full"), "{error}");
                assert!(!error.to_string().contains('/'), "paths are not for callers: {error}");
            }
        }
        // A rotation stands behind everything queued before it.
        let _ = world.log.rotate();
        options.faults.set_space(usize::MAX);
        world.infer(&body(&["b"], &[0.5])).unwrap();
        world.log.rotate().unwrap();
        let recorded: Vec<_> = world.batches().into_iter().flat_map(|batch| batch.ids).collect();
        assert_eq!((recorded, world.log.counts().refused_rows), (vec!["b".into()], 1));
    }
}

#[test]
fn a_log_that_cannot_keep_up_costs_answers_in_durable_mode_only() {
    for options in [LogOptions::default(), LogOptions::without_sync()] {
        let is_durable = options.durability == Durability::Durable;
        let options = LogOptions { queue_appends: 1, ..options };
        let world = World::new(options.clone());
        world.endpoint.deploy(Routes::new(version(7, fake(0.0)), None, &[]).unwrap());
        let disk_hangs = options.faults.hang();
        // One is with the writer, one waits in the queue, the next finds it full.
        let request = |id: usize| world.endpoint.read(body(&[&id.to_string()], &[0.5]).as_bytes(), EventTimes::Now);
        let outcomes: Vec<_> = (0..3).map(|id| world.endpoint.score(request(id).unwrap(), NOW)).collect();
        drop(disk_hangs);
        let refused = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect::<Vec<_>>();
        assert_eq!(refused.is_empty(), !is_durable);
        assert!(refused.iter().all(|error| (error.status(), error.code()) == (503, "prediction_not_recorded")));
        assert_eq!(world.endpoint.counts().unrecorded_rows > 0, !is_durable);
        outcomes.into_iter().flatten().for_each(|scored| drop(scored.finish().unwrap()));
    }
}

#[test]
fn the_scores_of_each_version_are_sketched_for_the_guardrail() {
    let champion = version(7, fake(0.0));
    let world = World::serving(&champion, None);
    world.infer(&body(&["a", "b", "c"], &[0.1, 0.3, 0.9])).unwrap();
    let counts = champion.counts();
    assert_eq!((&counts.bins[..], counts.latency.count()), (&[1, 1, 0, 1][..], 1));
}

fn profiled(number: u64, fake: Fake) -> (Arc<ServedVersion>, Arc<ColumnStats>) {
    let numbers = NumericReference::of(&[0.0, 0.25, 0.5, 1.0]).unwrap();
    let column = |name: &str, place| TrackedColumn {
        name: name.into(),
        kind: place,
        reference: ReferenceDistribution::Numeric(numbers.clone()),
    };
    let column_stats =
        Arc::new(ColumnStats::new(vec![column("x", ColumnKind::Feature), column("score", ColumnKind::Score)]));
    let version = ServedVersion::with_predictor(Arc::new(fake), &admission(number), ScoreEdges::default());
    (Arc::new(version.unwrap().with_column_stats(column_stats.clone())), column_stats)
}

/// Rows by role.
fn counted(column_stats: &ColumnStats) -> Vec<(Role, u64)> {
    column_stats.peek_buckets().iter().map(|slot| (slot.role, slot.window.rows)).collect()
}

#[test]
fn what_each_version_answered_is_counted_in_its_role_and_what_it_refused_is_not() {
    let ids = many_ids(200);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let ((champion, live), (candidate, trial)) = (profiled(7, fake(0.0)), profiled(8, fake(9.0)));
    let world = World::serving(&champion, Some(Candidate { version: candidate.clone(), mode: Mode::Shadow }));
    world.infer(&body(&ids, &[0.5; 200])).unwrap();
    assert_eq!((counted(&live), counted(&trial)), (vec![(Role::Champion, 200)], vec![(Role::Shadow, 200)]));
    let of_shadow = &trial.take_buckets()[0].window.columns;
    let above = |counts: &ColumnCounts| matches!(counts, ColumnCounts::Numeric(counts) if counts.above == 200);
    assert_eq!((above(&of_shadow[0]), above(&of_shadow[1])), (false, true), "features and score are its own");
    live.take_buckets();

    let canary = Candidate { version: candidate, mode: Mode::Canary { percent: 50 } };
    world.endpoint.deploy(Routes::new(champion.clone(), Some(canary), &[]).unwrap());
    world.infer(&body(&ids, &[0.5; 200])).unwrap();
    let ([(Role::Champion, mine)], [(Role::Candidate, theirs)]) = (&counted(&live)[..], &counted(&trial)[..]) else {
        panic!("{:?} {:?}", counted(&live), counted(&trial))
    };
    assert!(mine + theirs == 200 && *theirs > 60 && *theirs < 140, "{mine} {theirs}");

    let none = Endpoint::new("churn".parse().unwrap(), world.endpoint.options.clone(), None);
    none.deploy(Routes::new(champion.clone(), None, &[]).unwrap());
    let before = counted(&live)[0].1;
    assert!(
        none.read(br#"{"inputs":[{"name":"plan","shape":[1],"datatype":"BYTES","data":["a"]}]}"#, EventTimes::Now)
            .is_ok_and(|request| none.infer(request, NOW).is_err())
    );
    assert_eq!(counted(&live)[0].1, before, "a refused row was not answered");
    let request = none.read(body(&["a"], &[0.5]).as_bytes(), EventTimes::Now).unwrap();
    none.infer(request, NOW).unwrap();
    assert_eq!(counted(&live)[0].1, before + 1, "an endpoint without a log counts too");
    assert_eq!(counted(&champion.column_stats().unwrap().clone()), counted(&live));
    assert!(champion.with_own_counters().column_stats().is_none(), "what is asked in trial is counted nowhere");
}
