//! Sampling and personal columns: what reaches the log, of answers and of shadows.

use std::collections::BTreeSet;

use super::*;
use crate::recording_policy::{HashKey, RecordingPolicy};

fn serving_with(policy: RecordingPolicy, candidate: Option<Candidate>) -> (World, Arc<ServedVersion>) {
    let champion = version(7, fake(0.0));
    let world = World::new(LogOptions::default());
    world.endpoint.deploy(Routes::new(champion.clone(), candidate, &[]).unwrap().with_recording(policy));
    (world, champion)
}

fn sample(share: f64) -> RecordingPolicy {
    RecordingPolicy { sample_share: Some(share), ..RecordingPolicy::default() }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_sample_is_recorded_with_its_share_and_everyone_is_answered_and_counted() {
    let (world, champion) = serving_with(sample(0.25), None);
    let ids = many_ids(2_000);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let answer = world.infer(&body(&ids, &vec![0.5; 2_000])).unwrap();
    assert_eq!(answer["outputs"][0]["data"].as_array().unwrap().len(), 2_000);
    assert_eq!(champion.counts().rows, 2_000);
    let [batch] = &world.batches()[..] else { panic!("one batch was recorded") };
    assert!((420..580).contains(&batch.rows()), "{}", batch.rows());
    assert_eq!(batch.details.as_ref().unwrap().sample_share, Some(0.25));
    assert_eq!((batch.scores.len(), batch.features.rows()), (batch.rows(), batch.rows()));
    world.infer(&body(&ids, &vec![0.5; 2_000])).unwrap();
    assert_eq!(world.batches()[1].ids, batch.ids, "the same rows each time");
}

#[test]
fn a_sample_sticks_to_the_entity_in_answers_canaries_and_shadows() {
    let canary = Candidate { version: version(8, fake(0.25)), mode: Mode::Canary { percent: 50 } };
    let shadow = Candidate { version: version(8, fake(0.25)), mode: Mode::Shadow };
    for candidate in [canary, shadow] {
        let (world, _) = serving_with(sample(0.5), Some(candidate));
        for round in 0..3 {
            for entity in 0..40 {
                let body = format!(
                    r#"{{"parameters":{{"entity":"e{entity}","prediction_id":"e{entity}-{round}"}},"inputs":[{{"name":"x","shape":[1],"datatype":"FP64","data":[0.1]}}]}}"#
                );
                world.infer(&body).unwrap();
            }
        }
        let mut records = std::collections::BTreeMap::<(String, &str), usize>::new();
        for batch in world.batches() {
            let (entity, _) = batch.ids[0].split_once('-').unwrap();
            let kind = if batch.role == Role::Shadow { "shadow" } else { "answer" };
            *records.entry((entity.to_owned(), kind)).or_default() += 1;
        }
        let answered: BTreeSet<&String> = records.keys().map(|(entity, _)| entity).collect();
        assert!((8..32).contains(&answered.len()), "{answered:?}");
        assert!(records.values().all(|count| *count == 3), "all of a person, or nothing: {records:?}");
    }
}

#[test]
fn personal_columns_are_hashed_or_dropped_before_they_are_recorded() {
    let key = || Some(HashKey::new(b"secret"));
    let policy = RecordingPolicy { hashed: names(&["plan"]), key: key(), ..RecordingPolicy::default() };
    let shadow = Candidate { version: version(8, fake(0.1)), mode: Mode::Shadow };
    let (world, _) = serving_with(policy, Some(shadow));
    let body = r#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[0.5,0.6]},
        {"name":"plan","shape":[2],"datatype":"BYTES","data":["ana@x.org","ana@x.org"]}]}"#;
    world.infer(body).unwrap();
    let batches = world.batches_of(2);
    let plan = batches[0].features.get("plan").unwrap();
    assert_eq!(plan.label(0), Some(HashKey::new(b"secret").hash("plan", "ana@x.org")));
    assert_eq!(plan.label(0), plan.label(1));
    assert_eq!(batches[0].features.get("x"), Some(&Column::Float(vec![0.5, 0.6])));

    let policy = RecordingPolicy { dropped: names(&["plan"]), ..RecordingPolicy::default() };
    let (world, _) = serving_with(policy, None);
    world.infer(body).unwrap();
    assert_eq!(world.batches()[0].features.names(), ["x"]);
    let folder = std::fs::read_dir(world.log.dir()).unwrap();
    let bytes: Vec<u8> = folder.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!bytes.windows(9).any(|part| part == b"ana@x.org"), "not even in the log's own files");
}

#[test]
fn statistics_of_personal_columns_name_no_value() {
    let watched = TrackedColumn {
        name: "plan".into(),
        kind: ColumnKind::Feature,
        reference: ReferenceDistribution::Categorical(
            kilter_stats::drift::CategoricalReference::of([Some("basic")]).unwrap(),
        ),
    };
    for (policy, named) in [
        (RecordingPolicy::default(), 1),
        (RecordingPolicy { dropped: names(&["plan"]), sample_share: Some(1e-9), ..RecordingPolicy::default() }, 0),
    ] {
        let stats = Arc::new(ColumnStats::new(vec![watched.clone()]));
        let served = ServedVersion::with_predictor(Arc::new(fake(0.0)), &admission(7), ScoreEdges::default()).unwrap();
        let served = Arc::new(served.with_column_stats(stats.clone()));
        let world = World::new(LogOptions::default());
        world.endpoint.deploy(Routes::new(served, None, &[]).unwrap().with_recording(policy));
        world
            .infer(
                r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]},
                {"name":"plan","shape":[1],"datatype":"BYTES","data":["ana@x.org"]}]}"#,
            )
            .unwrap();
        let [bucket] = &stats.take_buckets()[..] else { panic!("one hour was counted") };
        let ColumnCounts::Categorical(counts) = &bucket.window.columns[0] else { panic!("it is categorical") };
        assert_eq!((counts.unseen, counts.unseen_values.len()), (1, named), "counted, and recorded or not");
    }
}
