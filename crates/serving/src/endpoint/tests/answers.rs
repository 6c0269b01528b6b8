//! What an endpoint answers, and what it refuses.

use super::*;

#[test]
fn an_endpoint_without_a_live_version_says_what_to_do() {
    let world = World::new(LogOptions::default());
    let error = world.infer(&body(&["a"], &[0.5])).unwrap_err();
    assert_eq!((error.status(), error.code()), (503, "no_live_version"));
    assert!(error.to_string().contains("kilter deploy churn --version"), "{error}");
    assert!(!world.endpoint.ready().ready);
    assert!(world.endpoint.metadata().is_err());
}

#[test]
fn only_versions_in_the_right_state_are_let_in() {
    for state in VersionState::ALL {
        for (admits, taken) in [
            (AdmissionPolicy::Approved, state == VersionState::Approved),
            (AdmissionPolicy::Validated, matches!(state, VersionState::Approved | VersionState::Validated)),
            (
                AdmissionPolicy::BreakGlass,
                matches!(state, VersionState::Approved | VersionState::Validated | VersionState::Candidate),
            ),
        ] {
            let admission = LoadRequest { state, admits, ..admission(7) };
            let found = ServedVersion::with_predictor(Arc::new(fake(0.0)), &admission, ScoreEdges::default());
            assert_eq!(found.is_ok(), taken, "{state} where {admits:?}");
            if let Err(error) = found {
                assert!(error.to_string().contains("version 7 may not be served here: it is"), "{error}");
            }
        }
    }
}

#[test]
fn an_answer_is_recorded_with_what_went_in() {
    let world = World::serving(&version(7, fake(0.0)), None);
    let answer = world.infer(&body(&["a", "b"], &[0.2, 0.9])).unwrap();
    assert_eq!((&answer["model_name"], &answer["model_version"]), (&"churn".into(), &"7".into()));
    assert_eq!(answer["outputs"][0]["data"], serde_json::json!([0.2, 0.9]));
    assert_eq!(answer["outputs"][1]["data"], serde_json::json!(["no", "yes"]));
    let [batch] = &world.batches()[..] else { panic!("one batch was recorded") };
    assert_eq!((batch.role, batch.version.number, batch.consumer.as_deref()), (Role::Champion, 7, Some("crm")));
    assert_eq!((batch.recorded_at, &batch.event_times[..]), (NOW, &[NOW, NOW][..]));
    assert_eq!((&batch.ids[..], &batch.scores[..]), (&["a".into(), "b".into()][..], &[0.2, 0.9][..]));
    assert_eq!(batch.features.column("x").unwrap(), &Column::Float(vec![0.2, 0.9]));
    assert_eq!(batch.features.column("plan").unwrap(), &Column::Text(vec![None, None]), "not sent: missing");
    assert_eq!(batch.probabilities, None, "two classes: the score says it all");
}

#[test]
fn a_binary_version_decides_by_its_operating_threshold() {
    let admission = LoadRequest { threshold: Some(0.3), ..admission(7) };
    let strict = ServedVersion::with_predictor(Arc::new(fake(0.0)), &admission, ScoreEdges::new(vec![0.5])).unwrap();
    let table = Table::new(vec![("x".into(), Column::Float(vec![0.29, 0.3, 0.6]))]).unwrap();
    let (answers, _) = strict.score(&strict.complete(&table).unwrap()).unwrap();
    assert_eq!(answers.labels.unwrap(), ["no", "yes", "yes"].map(Arc::from), "from the threshold on it is a yes");
    assert_eq!(answers.scores, [0.29, 0.3, 0.6], "and the score stays what the model said");
}

#[test]
fn ids_are_made_where_none_are_given_and_never_twice() {
    let world = World::serving(&version(7, fake(0.0)), None);
    let body = r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[0.1,0.2]}]}"#;
    let first = world.infer(body).unwrap();
    let second = world.infer(body).unwrap();
    assert_eq!(first["outputs"][3]["name"], "__id");
    assert_eq!(first["outputs"][3]["data"], serde_json::json!(["p-0", "p-1"]));
    assert_eq!(second["outputs"][3]["data"], serde_json::json!(["p-2", "p-3"]));
}

#[test]
fn what_a_caller_does_wrong_is_a_400_and_counted_as_refused() {
    let champion = version(7, fake(0.0));
    let world = World::serving(&champion, None);
    let lacks_x = r#"{"inputs":[{"name":"plan","shape":[1],"datatype":"BYTES","data":["gold"]}]}"#;
    let null_x = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[null]}]}"#;
    let nothing = r#"{"inputs":[{"name":"__id","shape":[1],"datatype":"BYTES","data":["a"]}]}"#;
    for (body, word) in [(lacks_x, "`x`"), (null_x, "`x`"), (nothing, "`x`")] {
        let error = world.infer(body).unwrap_err();
        assert_eq!((error.status(), error.code()), (400, "bad_request"), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let unknown_output =
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}],"outputs":[{"name":"y"}]}"#;
    assert_eq!(world.infer(unknown_output).unwrap_err().status(), 400);
    let counts = champion.counts();
    assert_eq!((counts.refused, counts.errors, counts.rows), (2, 0, 0), "the last never reached the model");
    assert!(world.batches().is_empty(), "what was refused is not recorded");
}

#[test]
fn a_model_that_breaks_is_a_500_and_the_next_request_is_answered() {
    let broken = fake(0.0);
    let fails = broken.fails.clone();
    let champion = version(7, broken);
    let world = World::serving(&champion, None);
    fails.store(true, Ordering::SeqCst);
    let error = world.infer(&body(&["a"], &[0.1])).unwrap_err();
    assert_eq!((error.status(), error.code()), (500, "prediction_failed"));
    fails.store(false, Ordering::SeqCst);
    world.infer(&body(&["a"], &[0.1])).unwrap();
    assert_eq!((champion.counts().errors, champion.counts().requests), (1, 2));
}

#[test]
fn a_request_is_answered_by_what_was_served_when_it_was_read() {
    let world = World::serving(&version(7, fake(0.0)), None);
    let request = world.endpoint.read(body(&["a"], &[0.5]).as_bytes(), EventTimes::Now).unwrap();
    let before = world.endpoint.deploy(Routes::new(version(8, fake(0.25)), None, &[]).unwrap());
    assert_eq!(before.champion().unwrap().version().number, 7);
    assert_eq!(world.endpoint.infer(request, NOW).unwrap().versions[0].number, 7);
    assert_eq!(world.infer(&body(&["a"], &[0.5])).unwrap()["model_version"], "8");
}

#[test]
fn event_times_are_for_replay_and_backfill_alone() {
    let world = World::serving(&version(7, fake(0.0)), None);
    let by_parameter =
        r#"{"parameters":{"time":5},"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]}]}"#;
    let by_input = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]},
        {"name":"__time","shape":[1],"datatype":"INT64","data":[5]}]}"#;
    for body in [by_parameter, by_input] {
        let error = world.infer(body).unwrap_err();
        assert!(error.to_string().contains("replay and backfill"), "{error}");
        let request = world.endpoint.read(body.as_bytes(), EventTimes::Stated).unwrap();
        world.endpoint.infer(request, NOW).unwrap();
    }
    assert!(world.batches().iter().all(|batch| batch.event_times == [Timestamp(5)] && batch.recorded_at == NOW));
}

#[test]
fn a_table_in_process_is_scored_by_the_same_code() {
    let world = World::serving(&version(7, fake(0.0)), None);
    let table = Table::new(vec![("x".into(), Column::Float(vec![0.1, 0.2]))]).unwrap();
    let request = || world.endpoint.request(table.clone()).unwrap();
    let given = request().with_ids(vec!["a".into(), "b".into()]).with_times(vec![Timestamp(1), Timestamp(2)]);
    assert_eq!(world.endpoint.infer(given, NOW).unwrap().scores, [0.1, 0.2]);
    assert_eq!(world.batches()[0].event_times, [Timestamp(1), Timestamp(2)]);
    for bad in [
        request().with_ids(vec!["a".into()]),
        request().with_ids(vec!["a".into(), "a".into()]),
        request().with_times(vec![]),
        request().with_entities(vec![]),
    ] {
        assert_eq!(world.endpoint.infer(bad, NOW).unwrap_err().status(), 400);
    }
    let with_target = Table::new(vec![("y".into(), Column::Float(vec![1.0]))]).unwrap();
    assert_eq!(world.endpoint.request(with_target).unwrap_err().status(), 400, "a target can never leak in");
    assert!(world.endpoint.request(Table::default()).is_err());
}

#[test]
fn metadata_names_the_versions_that_are_deployed() {
    let candidate = Candidate { version: version(8, fake(0.0)), mode: Mode::Shadow };
    let world = World::serving(&version(7, fake(0.0)), Some(candidate));
    let metadata = world.endpoint.metadata().unwrap();
    // A version in shadow answers who names it.
    assert_eq!((metadata.name.as_str(), metadata.versions), ("churn", vec!["7".to_owned(), "8".to_owned()]));
    assert!(world.endpoint.ready().ready);
}

#[test]
fn requests_and_deployments_may_race() {
    let world = Arc::new(World::serving(&version(1, fake(0.0)), None));
    let askers = (0..4).map(|asker| {
        let world = world.clone();
        std::thread::spawn(move || {
            for n in 0..50 {
                let id = format!("{asker}-{n}");
                let answer = world.infer(&body(&[&id], &[0.5])).unwrap();
                let number: f64 = answer["model_version"].as_str().unwrap().parse().unwrap();
                assert_eq!(answer["outputs"][0]["data"][0], 0.5 + number / 1024.0 - 1.0 / 1024.0);
            }
        })
    });
    let askers: Vec<_> = askers.collect();
    for number in 2..60u64 {
        let next = version(number, fake((number as f64 - 1.0) / 1024.0));
        world.endpoint.deploy(Routes::new(next, None, &[]).unwrap());
    }
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    let rows: usize = world.batches().iter().map(PredictionBatch::rows).sum();
    assert_eq!(rows, 200, "every answer was recorded once");
}

#[test]
fn a_request_that_lacks_an_input_is_refused_and_all_that_is_missing_is_named() {
    let mut model = fake(0.0);
    for (name, missing) in [("age", Missing::Allowed), ("visits", Missing::Refused)] {
        model.signature.inputs.push(input(name, InputKind::Number, missing));
    }
    let gender = Input { optional: true, ..input("gender", InputKind::Text, Missing::Allowed) };
    let world = World::new(LogOptions::default());
    world.endpoint.deploy(Routes::new(version(7, model), None, &[gender]).unwrap());
    let body = |names: &[&str], value: &str| {
        let one = |name: &&str| {
            let datatype = if ["plan", "gender"].contains(name) { "BYTES" } else { "FP64" };
            format!(r#"{{"name":"{name}","shape":[1],"datatype":"{datatype}","data":[{value}]}}"#)
        };
        format!(r#"{{"inputs":[{}]}}"#, names.iter().map(one).collect::<Vec<_>>().join(","))
    };
    for (names, missing) in [
        (vec!["gender"], "lacks `x`, `age`, `visits`, which"),
        (vec!["plan"], "lacks `x`, `age`, `visits`, which"),
        (vec!["x", "plan", "gender"], "lacks `age`, `visits`, which"),
        (vec!["x", "visits"], "lacks `age`, which"),
    ] {
        let value = if names.iter().all(|name| ["plan", "gender"].contains(name)) { r#""a""# } else { "null" };
        let error = world.infer(&body(&names, value)).unwrap_err();
        assert!(error.status() == 400 && error.to_string().contains(missing), "{names:?}: {error}");
    }
    assert!(world.batches().is_empty(), "what is refused is not recorded");
    // The optional input and the one that is only recorded may be absent; a missing value is said.
    let with_null = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]},
        {"name":"age","shape":[1],"datatype":"FP64","data":[null]},
        {"name":"visits","shape":[1],"datatype":"FP64","data":[2]}]}"#;
    world.infer(with_null).unwrap();
    let metadata = serde_json::to_value(world.endpoint.metadata().unwrap()).unwrap();
    let optional: Vec<&str> = metadata["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|input| input["parameters"]["optional"] == true)
        .map(|input| input["name"].as_str().unwrap())
        .collect();
    assert_eq!(optional, ["plan"], "{metadata}");
}
