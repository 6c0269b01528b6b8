use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use kilter_domain::{
    deployment::Admits,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::{Infinite, Input, InputKind, Missing, PredictError, Signature, Task};
use kilter_stats::{
    drift::NumericReference,
    profile::{ColumnCounts, Frozen},
};
use serde_json::Value;

use super::*;
use crate::{
    counters::ScoreEdges,
    log::{Durability, LogOptions, PredictionBatch, Record, Role, VersionRef},
    profile::{Place, Profile, Watched},
    v2::Limits,
};

const NOW: Timestamp = Timestamp(1_000_000);

/// Answers each row with its `x` plus its own number; may be told to fail or to panic.
struct Fake {
    signature: Signature,
    add: f64,
    fails: Arc<AtomicBool>,
    panics: bool,
}

fn input(name: &str, kind: InputKind, missing: Missing) -> Input {
    Input { name: name.into(), kind, missing, infinite: Infinite::Refused }
}

fn signature() -> Signature {
    Signature {
        inputs: vec![input("x", InputKind::Number, Missing::Refused), input("plan", InputKind::Text, Missing::Allowed)],
        task: Task::Binary,
        classes: vec!["no".into(), "yes".into()],
        target: None,
    }
}

impl Predictor for Fake {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn predict(&self, table: &Table) -> Result<Answers, PredictError> {
        assert!(!self.panics, "told to panic");
        if self.fails.load(Ordering::SeqCst) {
            return Err(PredictError::Node { node: "n".into(), reason: "told to fail".into() });
        }
        for input in &self.signature.inputs {
            if table.get(&input.name).is_none() {
                return Err(PredictError::MissingColumn { column: input.name.clone(), nearest: None });
            }
        }
        let x = table.column("x").unwrap();
        if let Some(row) = (0..table.rows()).find(|row| x.is_missing(*row)) {
            return Err(PredictError::MissingValue { column: "x".into(), row });
        }
        let scores: Vec<f64> = x.numbers().unwrap().iter().map(|x| x + self.add).collect();
        let label = |score: &f64| if *score > 0.5 { "yes".into() } else { "no".into() };
        let labels = Some(scores.iter().map(label).collect());
        let probabilities = Some(scores.iter().flat_map(|score| [1.0 - *score as f32, *score as f32]).collect());
        Ok(Answers { scores, labels, probabilities })
    }
}

fn fake(add: f64) -> Fake {
    Fake { signature: signature(), add, fails: Arc::default(), panics: false }
}

fn admission(number: u64) -> Admission {
    let digest = Digest::of(&number.to_le_bytes());
    let version = VersionRef { number, digest };
    Admission { version, model: digest, state: VersionState::Approved, admits: Admits::Approved, threshold: None }
}

fn version(number: u64, fake: Fake) -> Arc<ServedVersion> {
    let edges = ScoreEdges::new(vec![0.25, 0.5, 0.75]);
    Arc::new(ServedVersion::with_predictor(Box::new(fake), &admission(number), edges).unwrap())
}

struct World {
    endpoint: Endpoint,
    log: Arc<PredictionLog>,
    _dir: tempfile::TempDir,
}

impl World {
    fn new(options: LogOptions) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = Arc::new(PredictionLog::open(dir.path(), options).unwrap().0);
        let options = EndpointOptions { limits: Limits::default(), id_prefix: "p".into() };
        let endpoint = Endpoint::new("churn".parse().unwrap(), options, Some(log.clone()));
        Self { endpoint, log, _dir: dir }
    }

    fn serving(champion: &Arc<ServedVersion>, candidate: Option<Candidate>) -> Self {
        let world = Self::new(LogOptions::default());
        world.endpoint.deploy(Routes::new(champion.clone(), candidate, &[]).unwrap());
        world
    }

    fn infer(&self, body: &str) -> Result<Value, InferError> {
        let request = self.endpoint.read(body.as_bytes(), EventTimes::Now)?;
        let response = self.endpoint.infer(request, NOW)?;
        Ok(serde_json::from_slice(&response.to_json()).unwrap())
    }

    fn batches(&self) -> Vec<PredictionBatch> {
        let segments = self.log.sealed().into_iter().chain(self.log.active());
        let entries = segments.flat_map(|segment| self.log.read(segment).unwrap().entries);
        let of = |record| match record {
            Record::Predictions(batch) => Some(batch),
            Record::Labels(_) => None,
        };
        entries.filter_map(|entry| of(entry.record)).collect()
    }

    /// The batches once there are that many: nobody waits for the record of a shadow.
    fn batches_of(&self, count: usize) -> Vec<PredictionBatch> {
        for _ in 0..200 {
            if self.batches().len() >= count {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.batches()
    }
}

fn body(ids: &[&str], x: &[f64]) -> String {
    let (rows, ids, x) = (x.len(), serde_json::to_string(ids).unwrap(), serde_json::to_string(x).unwrap());
    format!(
        r#"{{"parameters":{{"consumer":"crm"}},"inputs":[
        {{"name":"x","shape":[{rows}],"datatype":"FP64","data":{x}}},
        {{"name":"__id","shape":[{rows}],"datatype":"BYTES","data":{ids}}}]}}"#
    )
}

fn many_ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("customer-{n}")).collect()
}

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
fn only_versions_in_the_right_state_and_with_the_right_bytes_are_let_in() {
    for state in VersionState::ALL {
        for (admits, taken) in [
            (Admits::Approved, state == VersionState::Approved),
            (Admits::Validated, matches!(state, VersionState::Approved | VersionState::Validated)),
        ] {
            let admission = Admission { state, admits, ..admission(7) };
            let found = ServedVersion::with_predictor(Box::new(fake(0.0)), &admission, ScoreEdges::default());
            assert_eq!(found.is_ok(), taken, "{state} where {admits:?}");
            if let Err(error) = found {
                assert!(error.to_string().contains("version 7 may not be served here: it is"), "{error}");
            }
        }
    }
    let error = ServedVersion::load(b"other bytes", &admission(7), ScoreEdges::default()).unwrap_err();
    assert!(matches!(error, AdmitError::Digest { .. }), "{error}");
    let right = Admission { model: Digest::of(b"junk"), ..admission(7) };
    let error = ServedVersion::load(b"junk", &right, ScoreEdges::default()).unwrap_err();
    assert!(matches!(error, AdmitError::Load { .. }), "{error}");
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
    let admission = Admission { threshold: Some(0.3), ..admission(7) };
    let strict = ServedVersion::with_predictor(Box::new(fake(0.0)), &admission, ScoreEdges::new(vec![0.5])).unwrap();
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
        assert_eq!(world.batches()[0].role, Role::Champion);
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
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn predict(&self, table: &Table) -> Result<Answers, PredictError> {
        let rows = table.rows();
        let labels = Some(vec![Arc::from(self.0.classes[0].as_str()); rows]);
        Ok(Answers { scores: vec![0.9; rows], labels, probabilities: Some(self.1.repeat(rows)) })
    }
}

fn classes(number: u64, classes: &[&str], probabilities: &[f32]) -> Arc<ServedVersion> {
    let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
    let signature = Signature { task: Task::Multiclass, classes, ..signature() };
    let predictor = Box::new(Classes(signature, probabilities.to_vec()));
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
fn a_full_disk_withholds_the_answer_in_durable_mode_only() {
    for options in [LogOptions::default(), LogOptions::buffered()] {
        let is_durable = options.durability == Durability::Durable;
        let world = World::new(options.clone());
        world.endpoint.deploy(Routes::new(version(7, fake(0.0)), None, &[]).unwrap());
        options.faults.set_space(10);
        match world.infer(&body(&["a"], &[0.5])) {
            Ok(_) => assert!(!is_durable),
            Err(error) => {
                assert!(is_durable);
                assert_eq!((error.status(), error.code()), (503, "prediction_not_recorded"));
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
    for options in [LogOptions::default(), LogOptions::buffered()] {
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

#[test]
fn metadata_names_the_versions_that_answer() {
    let candidate = Candidate { version: version(8, fake(0.0)), mode: Mode::Shadow };
    let world = World::serving(&version(7, fake(0.0)), Some(candidate));
    let metadata = world.endpoint.metadata().unwrap();
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

fn profiled(number: u64, fake: Fake) -> (Arc<ServedVersion>, Arc<Profile>) {
    let numbers = NumericReference::of(&[0.0, 0.25, 0.5, 1.0]).unwrap();
    let column = |name: &str, place| Watched { name: name.into(), place, frozen: Frozen::Numeric(numbers.clone()) };
    let profile = Arc::new(Profile::new(vec![column("x", Place::Feature), column("score", Place::Score)]));
    let version = ServedVersion::with_predictor(Box::new(fake), &admission(number), ScoreEdges::default());
    (Arc::new(version.unwrap().with_profile(profile.clone())), profile)
}

/// Rows by role.
fn counted(profile: &Profile) -> Vec<(Role, u64)> {
    profile.look().iter().map(|slot| (slot.role, slot.window.rows)).collect()
}

#[test]
fn what_each_version_answered_is_counted_in_its_role_and_what_it_refused_is_not() {
    let ids = many_ids(200);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let ((champion, live), (candidate, trial)) = (profiled(7, fake(0.0)), profiled(8, fake(9.0)));
    let world = World::serving(&champion, Some(Candidate { version: candidate.clone(), mode: Mode::Shadow }));
    world.infer(&body(&ids, &[0.5; 200])).unwrap();
    assert_eq!((counted(&live), counted(&trial)), (vec![(Role::Champion, 200)], vec![(Role::Shadow, 200)]));
    let of_shadow = &trial.take()[0].window.columns;
    let above = |counts: &ColumnCounts| matches!(counts, ColumnCounts::Numeric(counts) if counts.above == 200);
    assert_eq!((above(&of_shadow[0]), above(&of_shadow[1])), (false, true), "features and score are its own");
    live.take();

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
    assert_eq!(counted(&champion.profile().unwrap().clone()), counted(&live));
    assert!(champion.trial().profile().is_none(), "what is asked in trial is counted nowhere");
}
