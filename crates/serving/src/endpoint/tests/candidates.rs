//! Shadows and canaries: a candidate never costs a caller the answer.

use super::*;

#[test]
fn a_shadow_scores_everything_and_answers_nothing() {
    let (champion, candidate) = (version(7, fake(0.0)), version(8, fake(0.1)));
    let world = World::serving(&champion, Some(Candidate { version: candidate.clone(), mode: Mode::Shadow }));
    let answer = world.infer(&body(&["a", "b"], &[0.2, 0.9])).unwrap();
    assert_eq!(
        (&answer["model_version"], &answer["outputs"][0]["data"]),
        (&"7".into(), &serde_json::json!([0.2, 0.9]))
    );
    let [first, second] = &world.batches_of(2)[..] else { panic!("two batches were recorded") };
    assert_eq!((first.role, second.role, second.version.number), (Role::Champion, Role::Shadow, 8));
    assert_eq!((&second.ids, &second.scores[..]), (&first.ids, &[0.2 + 0.1, 0.9 + 0.1][..]));
    assert!(second.features.names().iter().all(|name| first.features.get(name).is_none() || name == "plan"));
    assert_eq!((champion.counts().rows, candidate.counts().rows), (2, 2));
}

#[test]
fn a_shadow_that_fails_or_panics_never_hurts_the_answer() {
    let failing = fake(0.0);
    failing.fails.store(true, Ordering::SeqCst);
    for candidate in [failing, Fake { panics: true, ..fake(0.0) }] {
        let candidate = version(8, candidate);
        let shadow = Candidate { version: candidate.clone(), mode: Mode::Shadow };
        let world = World::serving(&version(7, fake(0.0)), Some(shadow));
        let answer = world.infer(&body(&["a"], &[0.2])).unwrap();
        assert_eq!(answer["outputs"][0]["data"][0], 0.2);
        assert_eq!((candidate.counts().errors, world.batches().len()), (1, 1));
    }
}

#[test]
fn a_canary_answers_its_share_and_the_same_ids_every_time() {
    let ids = many_ids(2_000);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (champion, candidate) = (version(7, fake(0.0)), version(8, fake(0.25)));
    let mode = Mode::Canary { percent: 25 };
    let world = World::serving(&champion, Some(Candidate { version: candidate.clone(), mode }));
    let body = body(&ids, &vec![0.5; ids.len()]);
    let answer = world.infer(&body).unwrap();
    let scores: Vec<f64> = serde_json::from_value(answer["outputs"][0]["data"].clone()).unwrap();
    let labels: Vec<String> = serde_json::from_value(answer["outputs"][1]["data"].clone()).unwrap();
    let versions: Vec<u64> = serde_json::from_value(answer["outputs"][3]["data"].clone()).unwrap();
    assert_eq!(answer["outputs"][3]["name"], "__version");
    for ((score, label), version) in scores.iter().zip(&labels).zip(&versions) {
        assert_eq!((*score, label.as_str()), if *version == 8 { (0.75, "yes") } else { (0.5, "no") });
    }
    let share = versions.iter().filter(|version| **version == 8).count();
    assert!((420..580).contains(&share), "{share} of 2000 rows met the canary of 25 %");
    assert_eq!((candidate.counts().rows, champion.counts().rows), (share as u64, 2_000 - share as u64));
    assert_eq!(world.infer(&body).unwrap(), answer, "the same ids meet the same version");

    let recorded: usize = world.batches().iter().filter(|b| b.role == Role::Candidate).map(PredictionBatch::rows).sum();
    assert_eq!(recorded, 2 * share);
    let candidate_ids = world.batches().into_iter().filter(|b| b.role == Role::Candidate).flat_map(|b| b.ids);
    for batch in world.batches() {
        let draw = batch.details.as_ref().and_then(|details| details.draw.as_ref()).expect("how it was drawn");
        let is_met = |hash: &u64| ((hash >> 32) * 100) >> 32 < 25;
        assert_eq!((draw.percent, draw.entities.len()), (25, batch.rows()));
        assert!(
            draw.entities.iter().all(|hash| is_met(hash) == (batch.role == Role::Candidate)),
            "the draw can be done again"
        );
    }
    let by_id: std::collections::HashMap<_, _> = ids.iter().zip(&versions).collect();
    assert!(candidate_ids.into_iter().all(|id| *by_id[&&*id] == 8), "the records say the same");
}

#[test]
fn a_canary_sticks_to_the_entity_not_to_the_request() {
    let mode = Mode::Canary { percent: 50 };
    let candidate = Candidate { version: version(8, fake(0.25)), mode };
    let world = World::serving(&version(7, fake(0.0)), Some(candidate));
    for entity in 0..20 {
        let versions: std::collections::BTreeSet<String> = (0..10)
            .map(|_| {
                let body = format!(
                    r#"{{"parameters":{{"entity":"e{entity}"}},"inputs":[{{"name":"x","shape":[1],"datatype":"FP64","data":[0.1]}}]}}"#
                );
                world.infer(&body).unwrap()["model_version"].to_string()
            })
            .collect();
        assert_eq!(versions.len(), 1, "entity {entity} met {versions:?}");
    }
}

#[test]
fn a_canary_that_fails_is_answered_by_the_champion_and_counted() {
    let failing = fake(0.25);
    failing.fails.store(true, Ordering::SeqCst);
    for broken in [failing, Fake { panics: true, ..fake(0.25) }] {
        let (champion, candidate) = (version(7, fake(0.0)), version(8, broken));
        let mode = Mode::Canary { percent: 100 };
        let world = World::serving(&champion, Some(Candidate { version: candidate.clone(), mode }));
        let answer = world.infer(&body(&["a", "b"], &[0.5, 0.1])).unwrap();
        assert_eq!(
            (&answer["model_version"], &answer["outputs"][0]["data"]),
            (&"7".into(), &serde_json::json!([0.5, 0.1]))
        );
        assert_eq!((candidate.counts().errors, world.endpoint.counts().fallbacks), (1, 1));
        assert_eq!(world.batches()[0].role, Role::Fallback, "it is no sample of what the champion answers");
        assert_eq!(answer["parameters"]["route"], "fallback");
        let error =
            world.infer(r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[null]}]}"#).unwrap_err();
        assert_eq!(error.status(), 400);
        assert_eq!(candidate.counts().errors, 1, "rows that the champion refuses too are not the candidate's fault");
    }
}

#[test]
fn a_candidate_may_read_columns_that_the_champion_does_not_know() {
    let mut wider = fake(0.25);
    wider.signature.inputs.push(input("visits", InputKind::Integer, Missing::Refused));
    let candidate = version(8, wider);
    let shadow = Candidate { version: candidate.clone(), mode: Mode::Shadow };
    let world = World::serving(&version(7, fake(0.0)), Some(shadow));
    world.infer(&body(&["a"], &[0.5])).unwrap();
    assert_eq!(candidate.counts().errors, 1, "without its column the candidate fails, and the champion answers");
    let with_visits = r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]},
        {"name":"visits","shape":[1],"datatype":"INT64","data":[3]}]}"#;
    world.infer(with_visits).unwrap();
    assert_eq!((candidate.counts().errors, candidate.counts().rows), (1, 1));
}

#[test]
fn versions_that_cannot_stand_in_for_each_other_are_not_served_together() {
    let champion = version(7, fake(0.0));
    let with = |number, change: fn(&mut Signature), mode| {
        let mut other = fake(0.0);
        change(&mut other.signature);
        let version = version(number, other);
        Routes::new(champion.clone(), Some(Candidate { version, mode }), &[]).err()
    };
    assert_eq!(with(8, |_| {}, Mode::Shadow), None);
    assert!(matches!(with(7, |_| {}, Mode::Shadow), Some(RouteError::SameVersion(_))));
    assert!(matches!(with(8, |_| {}, Mode::Canary { percent: 0 }), Some(RouteError::Percent(0))));
    assert!(matches!(with(8, |_| {}, Mode::Canary { percent: 101 }), Some(RouteError::Percent(101))));
    assert!(matches!(with(8, |s| s.task = Task::Regression, Mode::Shadow), Some(RouteError::Task { .. })));
    assert!(matches!(with(8, |s| s.classes.reverse(), Mode::Shadow), Some(RouteError::Classes { .. })));
    let reserved = |s: &mut Signature| s.inputs[0].name = "__id".into();
    assert!(matches!(with(8, reserved, Mode::Shadow), Some(RouteError::ReservedInput { .. })));
}

/// Answers its classes with the probabilities that it is given.
struct Classes(Signature, Vec<f32>);

impl Predictor for Classes {
    fn memory_bytes(&self) -> u64 {
        0
    }

    fn signature(&self) -> &Signature {
        &self.0
    }

    fn format(&self) -> kilter_inference::Format {
        kilter_inference::Format::Onnx
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        let rows = table.rows();
        let labels = Some(vec![Arc::from(self.0.classes[0].as_str()); rows]);
        Ok(ModelOutput { scores: vec![0.9; rows], labels, probabilities: Some(self.1.repeat(rows)) })
    }
}

fn classes(number: u64, classes: &[&str], probabilities: &[f32]) -> Arc<ServedVersion> {
    let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
    let signature = Signature { task: Task::Multiclass, classes, ..signature() };
    let predictor = Arc::new(Classes(signature, probabilities.to_vec()));
    Arc::new(ServedVersion::with_predictor(predictor, &admission(number), ScoreEdges::new(vec![0.5])).unwrap())
}

#[test]
fn a_canary_that_knows_a_new_class_leaves_the_places_of_the_others() {
    let live = classes(7, &["Library", "Windows"], &[0.75, 0.25]);
    let trial = classes(8, &["Library", "Security", "Windows"], &[0.5, 0.375, 0.125]);
    let candidate = Candidate { version: trial, mode: Mode::Canary { percent: 50 } };
    let world = World::serving(&live, Some(candidate));
    let ids = many_ids(40);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let request = world.endpoint.read(body(&ids, &[0.5; 40]).as_bytes(), EventTimes::Now).unwrap();
    let answer = world.endpoint.infer(request, NOW).unwrap();
    let probabilities = answer.probabilities.unwrap();
    assert_eq!(world.endpoint.routes().classes(), ["Library", "Windows", "Security"]);
    let mut seen = [0, 0];
    for (version, row) in answer.versions.iter().zip(probabilities.chunks(3)) {
        match version.number {
            7 => assert_eq!(row, [0.75, 0.25, 0.0]),
            _ => assert_eq!(row, [0.5, 0.125, 0.375]),
        }
        seen[usize::from(version.number == 8)] += 1;
    }
    assert!(seen[0] > 5 && seen[1] > 5, "{seen:?}");
    // The record of a version keeps its own classes.
    let widths: Vec<usize> = world.batches().iter().map(|b| b.probabilities.as_ref().unwrap().classes).collect();
    assert!(widths.contains(&2) && widths.contains(&3), "{widths:?}");
}

#[test]
fn a_version_that_is_named_answers_every_row_in_a_role_of_its_own() {
    let ids = many_ids(200);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let body = body(&ids, &vec![0.5; ids.len()]);
    let named = |world: &World, number: u64| -> Result<Vec<f64>, InferError> {
        let request = world.endpoint.read(&body, EventTimes::Now)?.at_version(number, &world.endpoint)?;
        let answer = world.endpoint.infer(request, NOW)?;
        assert!(answer.versions.iter().all(|version| version.number == number));
        assert_eq!(answer.answered.iter().collect::<Vec<_>>(), [(number, Role::Pinned)]);
        assert_eq!(serde_json::from_slice::<Value>(&answer.to_json()).unwrap()["parameters"]["route"], "pinned");
        Ok(answer.scores)
    };
    let canary = Candidate { version: version(8, fake(0.25)), mode: Mode::Canary { percent: 1 } };
    let world = World::serving(&version(7, fake(0.0)), Some(canary));
    assert_eq!(named(&world, 7).unwrap(), vec![0.5; 200]);
    assert_eq!(named(&world, 8).unwrap(), vec![0.75; 200]);
    let roles: Vec<(u64, Role)> = world.batches().iter().map(|batch| (batch.version.number, batch.role)).collect();
    assert_eq!(roles, [(7, Role::Pinned), (8, Role::Pinned)]);
    for version in world.endpoint.routes().versions() {
        let counts = version.counts();
        assert_eq!((counts.requests, counts.pinned, counts.routed_requests(), counts.errors), (1, 1, 0, 0));
    }
    let refused = named(&world, 9).unwrap_err();
    assert_eq!((refused.status(), refused.code()), (404, "not_found"));
    assert_eq!(
        refused.to_string(),
        "version `9` is not deployed at `churn` now; versions that answer a request which names them: 7 (live) and 8 (canary 1 %)"
    );
    assert_eq!(world.endpoint.version_metadata("8").unwrap().versions, ["8"]);
    assert_eq!(world.endpoint.metadata().unwrap().versions, ["7", "8"]);
    let counted: Vec<(String, u64, u64)> = world
        .endpoint
        .statistics()
        .into_iter()
        .map(|one| (one.version, one.inference_count, one.last_inference))
        .collect();
    assert_eq!(counted, [("7".to_owned(), 200, 1_000_000), ("8".to_owned(), 200, 1_000_000)]);

    // A candidate that was asked for by its number and fails is not replaced.
    let failing = fake(0.0);
    failing.fails.store(true, Ordering::SeqCst);
    let canary = Candidate { version: version(8, failing), mode: Mode::Canary { percent: 1 } };
    let world = World::serving(&version(7, fake(0.0)), Some(canary));
    assert_eq!(named(&world, 8).unwrap_err().status(), 500);
    let counts = world.endpoint.routes().candidate().unwrap().version.counts();
    assert_eq!((counts.errors, counts.routed_errors(), counts.routed_requests()), (1, 0, 0), "nor is it blamed");

    let shadow = Candidate { version: version(8, fake(0.25)), mode: Mode::Shadow };
    let world = World::serving(&version(7, fake(0.0)), Some(shadow));
    assert_eq!(named(&world, 8).unwrap(), vec![0.75; 200]);
    assert_eq!(world.batches().len(), 1, "the live version has no shadow of a request that names a version");
    assert_eq!(world.endpoint.metadata().unwrap().versions, ["7", "8"]);
    for wrong in ["9", "x", "-1", "99999999999999999999"] {
        assert_eq!(world.endpoint.version_metadata(wrong).unwrap_err().status(), 404, "{wrong}");
    }
}
