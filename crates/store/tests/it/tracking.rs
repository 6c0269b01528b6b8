//! Experiments, the runs of clients and of the platform, tags, artifacts and datasets.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    digest::Digest,
    run::RunState,
    time::Timestamp,
    tracking::{ExperimentId, Lifecycle, MetricPoint, RunStatus},
};
use kilter_store::{
    StoreError, run as platform_runs,
    tracking::{
        Tags,
        artifact::{self, Artifact, ArtifactKind},
        dataset::{self, Input, TrackedDataset},
        experiment::{self, Experiment, Location},
        logged_run, metric, param,
        run::{self, NewTrackedRun, RunChange, TrackedRun},
    },
};

use crate::world::World;

fn new_experiment(world: &World, name: &str) -> Result<Experiment, StoreError> {
    let name = name.to_owned();
    let location = Location::Below("mlflow-artifacts:/".to_owned());
    world.write(move |tx| experiment::create(tx, &name, &location, Timestamp(5)))
}

fn new_run(world: &World, experiment: ExperimentId, id: &str, tags: &[(&str, &str)]) -> TrackedRun {
    let new = NewTrackedRun {
        id: id.to_owned(),
        experiment,
        name: "keen-owl-7".to_owned(),
        user_id: "ana".to_owned(),
        status: RunStatus::Running,
        started: Some(Timestamp(7)),
        artifact_uri: format!("mlflow-artifacts:/{experiment}/{id}/artifacts"),
    };
    let tags: Tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    world.write(move |tx| run::create(tx, &new, &tags)).unwrap()
}

fn tags(world: &World, id: &str) -> Vec<(String, String)> {
    world.store.read(|reader| run::list_tags(reader, id)).unwrap().into_iter().collect()
}

fn names_of_experiments_are_taken_once() {
    let world = World::with_records();
    let made = new_experiment(&world, "price").unwrap();
    assert_eq!(made.artifact_location, format!("mlflow-artifacts:/{}", made.id));
    assert_eq!((made.project, made.lifecycle, made.created), (None, Lifecycle::Active, Timestamp(5)));
    assert!(matches!(new_experiment(&world, "price"), Err(StoreError::Conflict { .. })));
    let other = new_experiment(&world, "cost").unwrap();
    let rename = |name: &'static str, lifecycle| {
        world.write(move |tx| experiment::update(tx, other.id, (name, lifecycle), Timestamp(9)))
    };
    assert!(matches!(rename("price", Lifecycle::Active), Err(StoreError::Conflict { .. })));
    let deleted = rename("cost", Lifecycle::Deleted).unwrap();
    assert_eq!((deleted.lifecycle, deleted.updated), (Lifecycle::Deleted, Timestamp(9)));
    // Its name stays taken.
    assert!(matches!(new_experiment(&world, "cost"), Err(StoreError::Conflict { .. })));
}

fn the_default_experiment_is_there_once() {
    let world = World::empty();
    for root in ["mlflow-artifacts:/", "s3://elsewhere"] {
        world.write(|tx| experiment::ensure_default(tx, root)).unwrap();
    }
    let found = world.store.read(|reader| experiment::get(reader, ExperimentId::DEFAULT)).unwrap();
    assert_eq!((found.name.as_str(), found.artifact_location.as_str()), ("Default", "mlflow-artifacts:/0"));
    // Numbers go on behind it.
    assert_eq!(new_experiment(&world, "next").unwrap().id, ExperimentId(1));
}

fn a_project_has_the_experiment_of_its_name() {
    let world = World::with_records();
    let found = world.store.read(|reader| experiment::find_by_name(reader, "churn")).unwrap().unwrap();
    assert_eq!(found.project.unwrap().as_str(), "churn");
    // One that a client made before the project was there becomes the project's.
    let made = new_experiment(&world, "later").unwrap();
    world.act(3, |audited| kilter_store::project::register(audited, &"later".parse().unwrap())).unwrap();
    let found = world.store.read(|reader| experiment::get(reader, made.id)).unwrap();
    assert_eq!(found.project.unwrap().as_str(), "later");
}

fn a_run_of_the_platform_is_a_tracked_run_too() {
    let world = World::with_records();
    let status = || world.store.read(|reader| run::get(reader, "r-1")).unwrap().status;
    assert_eq!(status(), RunStatus::Scheduled);
    world.act(5, |audited| platform_runs::advance(audited, "r-1", RunState::Queued, RunState::Running, None)).unwrap();
    assert_eq!(status(), RunStatus::Running);
    world.act(9, |audited| platform_runs::advance(audited, "r-1", RunState::Running, RunState::Failed, None)).unwrap();
    let found = world.store.read(|reader| run::get(reader, "r-1")).unwrap();
    assert_eq!((found.status, found.started, found.ended), (RunStatus::Failed, Some(Timestamp(5)), Some(Timestamp(9))));
    assert!(found.artifact_uri.ends_with("/r-1/artifacts"), "{}", found.artifact_uri);
    world.assert_sound();
}

fn the_name_of_a_run_is_its_tag_both_ways() {
    let world = World::with_records();
    new_run(&world, ExperimentId(1), "a", &[("stage", "try"), (run::NAME_TAG, "not this one")]);
    let expected =
        |name: &str, stage: &str| [(run::NAME_TAG.to_owned(), name.to_owned()), ("stage".to_owned(), stage.to_owned())];
    assert_eq!(tags(&world, "a"), expected("keen-owl-7", "try"));
    world.write(|tx| run::put_tags(tx, "a", [(run::NAME_TAG, "second"), ("stage", "done")])).unwrap();
    assert_eq!(tags(&world, "a"), expected("second", "done"));
    let change = RunChange {
        name: Some("third".to_owned()),
        status: Some(RunStatus::Finished),
        ended: Some(Timestamp(9)),
        started: None,
    };
    let changed = world.write(move |tx| run::update(tx, "a", &change)).unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.status, changed.ended),
        ("third", RunStatus::Finished, Some(Timestamp(9)))
    );
    assert_eq!(tags(&world, "a"), expected("third", "done"));
    // A run that goes on again has no end.
    let again = RunChange { status: Some(RunStatus::Running), ..RunChange::default() };
    assert_eq!(world.write(move |tx| run::update(tx, "a", &again)).unwrap().ended, None);
    assert!(world.write(|tx| run::delete_tag(tx, "a", "stage")).unwrap());
    assert!(!world.write(|tx| run::delete_tag(tx, "a", "stage")).unwrap());
}

fn what_is_deleted_takes_no_more_and_comes_back_whole() {
    let world = World::with_records();
    for id in ["a", "b"] {
        new_run(&world, ExperimentId(1), id, &[]);
    }
    let log = |id: &'static str| {
        world.write(move |tx| {
            run::check_active(tx, id)?;
            metric::log_metrics(tx, id, &[MetricPoint { metric: "auc".into(), step: 0, at: Timestamp(1), value: 0.5 }])
        })
    };
    log("a").unwrap();
    world.write(|tx| run::set_lifecycle(tx, "a", Lifecycle::Deleted, Timestamp(8))).unwrap();
    assert!(matches!(log("a"), Err(StoreError::RunDeleted { .. })));
    log("b").unwrap();
    let moved = |lifecycle| {
        world.write(move |tx| run::set_lifecycle_of_all(tx, ExperimentId(1), lifecycle, Timestamp(9))).unwrap()
    };
    // `r-1` is of the experiment too.
    assert_eq!((moved(Lifecycle::Deleted), moved(Lifecycle::Active)), (2, 3));
    let found = world.store.read(|reader| run::get(reader, "a")).unwrap();
    assert_eq!((found.lifecycle, found.deleted), (Lifecycle::Active, None));
    assert_eq!(world.store.read(|reader| logged_run::read(reader, "a")).unwrap().metrics.len(), 1);
    assert!(matches!(world.store.read(|reader| run::check_active(reader, "c")), Err(StoreError::NotFound { .. })));
}

fn file(path: &str) -> Artifact {
    Artifact { path: path.into(), kind: ArtifactKind::File, digest: Digest::of(b"x"), bytes: 1, at: Timestamp(1) }
}

fn a_folder_lists_what_is_in_it_and_passes_over_what_is_deeper() {
    let world = World::empty();
    let mut files: Vec<Artifact> = ["a/b/top", "a/b.txt", "a/b0", "other", "a\u{e9}/x"].map(file).into();
    // More in one folder than is read at once.
    files.extend((0..2500).map(|number| file(&format!("a/b/deep/{number}"))));
    files.extend((0..1500).map(|number| file(&format!("a/many/{number:04}"))));
    world.write(move |tx| artifact::put(tx, &files)).unwrap();
    let children = |folder: &str| world.store.read(|reader| artifact::children(reader, folder)).unwrap();
    let names = |folder: &str| children(folder).artifacts.into_iter().map(|found| found.path).collect::<Vec<_>>();
    let folders = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!((names(""), children("").folders), (vec!["other".to_owned()], folders(&["a", "a\u{e9}"])));
    assert_eq!(names("a"), ["a/b.txt", "a/b0"]);
    assert_eq!(children("a").folders, folders(&["a/b", "a/many"]));
    assert_eq!((names("a/b"), children("a/b").folders), (vec!["a/b/top".to_owned()], folders(&["a/b/deep"])));
    assert_eq!(names("a/many").len(), 1500);
    assert_eq!(children("nothing"), artifact::Children::default());
    assert_eq!(world.write(|tx| artifact::delete(tx, "a/b")).unwrap(), 2501);
    assert_eq!(children("a").folders, folders(&["a/many"]));
    assert_eq!(world.write(|tx| artifact::delete(tx, "a/b0")).unwrap(), 1);
    assert_eq!(names("a"), ["a/b.txt"]);
}

fn inputs_are_kept_once_with_what_they_were_read_for() {
    let world = World::with_records();
    new_run(&world, ExperimentId(1), "a", &[]);
    let input = |context: &str| Input {
        dataset: TrackedDataset {
            name: "loans".to_owned(),
            digest: "abc".to_owned(),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: None,
            profile: Some("{\"rows\": 3}".to_owned()),
        },
        tags: BTreeMap::from([(dataset::CONTEXT_TAG.to_owned(), context.to_owned())]),
    };
    for context in ["train", "test"] {
        let inputs = [input(context)];
        world.write(move |tx| dataset::log_inputs(tx, "a", &inputs)).unwrap();
    }
    assert_eq!(world.store.read(|reader| dataset::inputs(reader, "a")).unwrap(), [input("train")]);
    let listed = world.store.read(|reader| dataset::list(reader, ExperimentId(1), 10)).unwrap();
    assert_eq!(listed, [("loans".to_owned(), "abc".to_owned(), Some("train".to_owned()))]);
}

fn parameters_of_a_client_never_change_either() {
    let world = World::with_records();
    new_run(&world, ExperimentId(1), "a", &[]);
    world.write(|tx| param::log_params(tx, "a", [("lr", "0.1")])).unwrap();
    assert!(world.write(|tx| param::log_params(tx, "a", [("lr", "0.2")])).is_err());
}

both_databases![
    names_of_experiments_are_taken_once,
    the_default_experiment_is_there_once,
    a_project_has_the_experiment_of_its_name,
    a_run_of_the_platform_is_a_tracked_run_too,
    the_name_of_a_run_is_its_tag_both_ways,
    what_is_deleted_takes_no_more_and_comes_back_whole,
    a_folder_lists_what_is_in_it_and_passes_over_what_is_deeper,
    inputs_are_kept_once_with_what_they_were_read_for,
    parameters_of_a_client_never_change_either,
];
