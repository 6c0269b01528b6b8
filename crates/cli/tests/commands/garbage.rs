//! What `kilter gc` frees, and what it never does: whatever a version, a run, a pin or the log still needs.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use kilter_app::{
    App, AppOptions, RequestContext, StorageOptions,
    authz::{self, Authorized, Subject, act},
    garbage::{self, GarbageKind, GarbageOptions},
    prediction::{self, Labels, Request},
};
use kilter_domain::{
    actor::{Action, Actor},
    digest::Digest,
    table::{Column, Table},
    time::{DAY_MS, Timestamp},
};
use kilter_storage::ObjectStorage;
use kilter_store::{
    audit::AuditEvent,
    prediction::{PartitionKind, list_numbered},
    retention,
};
use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    object_store::prefix,
    prediction_log::{answered, live, open},
    server::{Server, ask},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Every file below a folder.
pub fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => {
                found.insert(path);
            }
        }
    }
    found
}

/// Makes the files of a folder look as if nobody had written or used them for so long.
pub fn age(folder: &Path, age: Duration) {
    for path in files(folder) {
        File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }
}

/// A blob that nothing mentions.
fn orphan(world: &World, text: &str) -> PathBuf {
    let digest = Digest::of(text.as_bytes()).to_string();
    world.write(&format!(".kilter/blobs/objects/{}/{}", &digest[..2], &digest[2..]), text)
}

fn kinds(collection: &Value) -> Vec<(&str, u64)> {
    let listed = collection["garbage"].as_array().unwrap().iter();
    listed.map(|one| (one["kind"].as_str().unwrap(), one["count"].as_u64().unwrap())).collect()
}

/// The version serves, its run can be looked at, and every file is whole.
fn assert_whole(world: &World) {
    let doctor = world.json(&["doctor", "--port", "0"]);
    assert_eq!(doctor["faults"], json!([]), "{doctor:#}");
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
    let server = Server::start(world);
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &crate::predictions::rows());
    assert_eq!(status, 200, "{answer}");
}

/// Whoever acts, with the right that garbage is collected by.
fn administrator(app: &App, context: &RequestContext) -> Authorized<act::Administer> {
    authz::require(app, context, Action::Administer, &Subject::EveryProject).unwrap().to().unwrap()
}

#[test]
fn gc_shows_what_nothing_needs_and_removes_it_only_when_asked() {
    let world = live();
    let orphan = orphan(&world, "a package that no version has");
    let state = world.path().join(".kilter");
    age(&state.join("blobs"), 40 * DAY);
    let before = files(&state.join("blobs"));
    let found = world.json(&["gc"]);
    assert_eq!((kinds(&found), &found["deleted"]), (vec![("step_blobs", 1)], &json!(false)), "{found:#}");
    assert_eq!(files(&state.join("blobs")), before, "a dry run removes nothing");
    let shown = world.kilter(&["gc"]).out;
    assert!(
        shown.contains("29 B can be freed; nothing was removed yet") && shown.contains("kilter gc --delete"),
        "{shown}"
    );
    assert_eq!(world.json(&["gc", "--delete"])["bytes"], 29);
    let gone: Vec<_> = before.difference(&files(&state.join("blobs"))).cloned().collect();
    assert_eq!(gone, [orphan]);
    assert_eq!(world.json(&["gc", "--delete"])["garbage"], json!([]));
    assert_eq!(world.kilter(&["gc"]).out.trim(), "✓ there is no garbage");
    let entries = world.json(&["audit", "list"]);
    let entries = entries["entries"].as_array().unwrap();
    assert_eq!(
        entries.iter().filter(|entry| entry["action"] == "gc.run").count(),
        1,
        "what removes nothing has no entry"
    );
    assert_whole(&world);
    // Results of steps were used lately: nothing is executed again.
    assert_eq!(world.json(&["run"])["unchanged"], true);
}

#[test]
fn results_that_nobody_used_for_long_go_and_what_a_version_needs_stays() {
    let world = live();
    let state = world.path().join(".kilter");
    age(&state.join("actions"), 100 * DAY);
    age(&state.join("profiles"), 100 * DAY);
    age(&state.join("blobs"), 100 * DAY);
    let before = files(&state.join("blobs"));
    let freed = world.json(&["gc", "--delete"]);
    assert_eq!(kinds(&freed), [("step_results", 2), ("profiles", 1)], "{freed:#}");
    assert_eq!(
        files(&state.join("blobs")),
        before,
        "the run of a version that is live needs its outputs, logs and data"
    );
    assert_whole(&world);
    assert_eq!(world.kilter(&["runs", "logs", "train"]).exit, 0);
    assert_eq!(world.json(&["run"])["unchanged"], false, "the steps are executed again");
}

#[test]
fn packages_of_rejected_versions_go_after_their_time_and_doctor_does_not_miss_them() {
    let world = project("0.999");
    let ran = world.kilter(&["run"]);
    assert!(ran.out.contains("rejected"), "{}{}", ran.out, ran.err);
    let state = world.path().join(".kilter");
    age(&state.join("blobs"), 100 * DAY);
    assert_eq!(world.json(&["gc"])["garbage"], json!([]), "it was rejected today, and its run is young");
    let app = open(&world);
    let now = Timestamp(now().millis() + 100 * DAY_MS);
    let context = RequestContext::new(now, Actor::user("ana").unwrap());
    let options = GarbageOptions { deletes: true, ..GarbageOptions::new(now) };
    let freed = garbage::collect_garbage(&app, &administrator(&app, &context), &options, &|| true).unwrap();
    let kinds: Vec<GarbageKind> = freed.garbage.iter().map(|found| found.kind).collect();
    assert!(kinds.contains(&GarbageKind::StepBlobs), "{freed:?}");
    drop(app);
    let doctor = world.json(&["doctor", "--port", "0"]);
    assert_eq!(doctor["faults"], json!([]), "{doctor:#}");
    // The datasets that the lock pins are still there.
    let pin = world.read("kilter.lock");
    let digest = pin.lines().find_map(|line| line.strip_prefix("digest = ")).unwrap().trim_matches('"').to_owned();
    assert!(state.join("blobs/objects").join(&digest[..2]).join(&digest[2..]).exists());
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// Asks and labels ten rows on a day, counted from now.
fn ask_on(app: &App, day: i64) {
    let at = Timestamp(now().millis() + day * DAY_MS);
    let ids: Vec<Arc<str>> = (0..10).map(|row| Arc::from(format!("{day}/{row}"))).collect();
    let column = |value: f64| Column::Float(vec![value; 10]);
    let region = Column::Text(vec![Some(Arc::from("north")); 10]);
    let columns =
        vec![("age".to_owned(), column(30.0)), ("visits".to_owned(), column(9.0)), ("region".to_owned(), region)];
    let request =
        Request { table: Table::new(columns).unwrap(), ids: ids.clone(), events: vec![at; 10], consumer: None };
    let churn = "churn".parse().unwrap();
    prediction::predict(app, &churn, request, at).unwrap();
    let known = Timestamp(at.millis() + 1000);
    let labels = Labels { ids, values: Column::Int(vec![Some(1); 10]), known_at: vec![known; 10] };
    prediction::label(app, &churn, labels, known).unwrap();
}

fn seal(app: &App) {
    prediction::compact_log(app, &"churn".parse().unwrap()).unwrap();
}

/// A live project whose log is kept for thirty days.
fn kept_for_thirty_days() -> World {
    kept_in(None)
}

fn kept_in(storage: Option<&str>) -> World {
    let world = project("0.55");
    if let Some(storage) = storage {
        world.set_variable("KILTER_STORAGE", storage);
    }
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[record]\nkeep = \"30d\"\n"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world
}

fn expire(app: &App, deletes: bool) -> Vec<(GarbageKind, u64)> {
    let options = GarbageOptions { deletes, ..GarbageOptions::new(now()) };
    let found = garbage::expire_records(app, &options).unwrap();
    assert!(found.skipped.is_empty(), "{found:?}");
    found.garbage.iter().map(|found| (found.kind, found.count)).collect()
}

#[test]
fn records_past_their_retention_go_with_their_labels_and_what_is_kept_keeps_its_labels() {
    let world = kept_for_thirty_days();
    let app = open(&world);
    for day in [-100, -60, -45, -29, 0] {
        ask_on(&app, day);
        seal(&app);
    }
    // One partition with rows on either side of the end.
    ask_on(&app, -80);
    ask_on(&app, -10);
    seal(&app);
    let labelled = |app: &App| {
        let all = answered(app, Timestamp(i64::MAX / 2));
        (all.len(), all.labelled())
    };
    assert_eq!(labelled(&app), (70, 70));
    let expected = [(GarbageKind::Predictions, 40), (GarbageKind::Labels, 40)];
    assert_eq!(expire(&app, false), expected);
    assert_eq!(labelled(&app), (70, 70), "a dry run removes nothing");
    let partitions = files(&world.path().join(".kilter/lake")).len();
    assert_eq!(expire(&app, true), expected);
    assert_eq!(labelled(&app), (30, 30));
    assert!(files(&world.path().join(".kilter/lake")).len() < partitions, "the files went too");
    assert_eq!(expire(&app, true), []);
    drop(app);
    assert_whole(&world);
    let entries = world.json(&["audit", "list", "--limit", "1000"]);
    let expired = entries["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "recording.expire");
    let objects: Vec<&str> = expired.map(|entry| entry["object"].as_str().unwrap()).collect();
    assert_eq!(objects.len(), 4, "{objects:?}");
    assert!(objects.iter().all(|object| object.starts_with("log:churn/")), "{objects:?}");
}

#[test]
fn what_goes_from_the_index_goes_from_the_object_store_too_and_what_is_needed_stays() {
    let Some(storage) = prefix() else { return };
    let world = kept_in(Some(&storage));
    let bucket = ObjectStorage::open(&storage.parse().unwrap()).unwrap();
    let objects =
        |folder: &str| bucket.list(folder).unwrap().into_iter().map(|found| found.key).collect::<BTreeSet<_>>();
    let options = StorageOptions { url: storage.parse().unwrap(), cache_bytes: 1 << 30 };
    let tool = env!("CARGO_BIN_EXE_kilter").into();
    let options = AppOptions { storage: Some(options), ..AppOptions::new(tool) };
    let app = App::open(&world.path().join(".kilter"), options).unwrap();
    for day in [-100, 0] {
        ask_on(&app, day);
        seal(&app);
    }
    assert_eq!(objects("lake").len(), 4);
    assert_eq!(expire(&app, true), [(GarbageKind::Predictions, 10), (GarbageKind::Labels, 10)]);
    assert_eq!((objects("lake").len(), answered(&app, Timestamp(i64::MAX / 2)).len()), (2, 10));
    let packages = objects("blobs");
    let name = Digest::of(b"nobody's").to_string();
    let orphan = format!("blobs/{}/{}", &name[..2], &name[2..]);
    bucket.create(&orphan, b"nobody's".to_vec()).unwrap();
    let collect = |days: i64, deletes| {
        let at = Timestamp(now().millis() + days * DAY_MS);
        let context = RequestContext::new(at, Actor::user("ana").unwrap());
        let options = GarbageOptions { deletes, ..GarbageOptions::new(at) };
        garbage::collect_garbage(&app, &administrator(&app, &context), &options, &|| true).unwrap().garbage
    };
    assert!(collect(0, true).is_empty(), "it was written today");
    let found = collect(2, false);
    assert_eq!((found[0].kind, found[0].count, found[0].bytes), (GarbageKind::Packages, 1, 8), "{found:?}");
    assert_eq!(objects("blobs").len(), packages.len() + 1);
    collect(2, true);
    assert_eq!(objects("blobs"), packages);
    drop(app);
    assert_whole(&world);
}

#[test]
fn a_past_that_was_played_keeps_its_log_while_it_serves() {
    let world = kept_for_thirty_days();
    let app = open(&world);
    for day in [-1040, -1000, -999] {
        ask_on(&app, day);
        seal(&app);
    }
    assert_eq!(expire(&app, true), [(GarbageKind::Predictions, 10), (GarbageKind::Labels, 10)]);
    assert_eq!(answered(&app, Timestamp(i64::MAX / 2)).len(), 20);
}

#[test]
fn whoever_was_ended_between_the_index_and_the_files_is_followed_by_the_next_collection() {
    let world = kept_for_thirty_days();
    let app = open(&world);
    ask_on(&app, -100);
    seal(&app);
    ask_on(&app, 0);
    seal(&app);
    let churn = "churn".parse().unwrap();
    let numbered = |app: &App| {
        let always = (0, i64::MAX);
        app.store().read(|reader| list_numbered(reader, PartitionKind::Predictions, &churn, always)).unwrap()
    };
    let old = numbered(&app).remove(0);
    let event = AuditEvent {
        at: now(),
        actor: Actor::system("retention"),
        on_behalf: None,
        action: "recording.expire".to_owned(),
        reason: None,
        evidence: vec![],
    };
    let (endpoint, gone) = (churn.clone(), vec![old]);
    let expired = app.store().write(move |tx| {
        retention::expire_partitions(&tx.audited(event), PartitionKind::Predictions, &endpoint, &gone, now())
    });
    assert_eq!(expired.unwrap(), 1);
    drop(app);
    let app = open(&world);
    assert_eq!((answered(&app, Timestamp(i64::MAX / 2)).len(), numbered(&app).len()), (10, 2), "nobody reads it");
    expire(&app, true);
    assert_eq!(numbered(&app).len(), 1);
    drop(app);
    assert_whole(&world);
}

#[test]
fn garbage_is_collected_while_a_server_runs_and_trains() {
    let world = live();
    let server = Server::start(&world);
    let is_over = Arc::new(AtomicBool::new(false));
    let collector = thread::spawn({
        let (address, is_over) = (server.address.clone(), is_over.clone());
        move || {
            let mut collected = 0;
            while !is_over.load(Ordering::Relaxed) {
                let body = json!({ "delete": true });
                let (status, answer) = ask(&address, "POST", "/api/v1/gc", &body).unwrap();
                assert_eq!((status, &answer["skipped"]), (200, &json!([])), "{answer}");
                collected += 1;
            }
            collected
        }
    });
    for _ in 0..3 {
        // What the last run stored is old now, and the next one stores the same bytes again.
        age(&world.path().join(".kilter/blobs/objects"), 100 * DAY);
        let ran = world.kilter(&["run", "--force"]);
        assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(collector.join().unwrap() > 0);
    let (status, refused) = server.ask("POST", "/api/v1/gc", &json!({ "unused": "1h" }));
    assert_eq!(status, 400, "{refused}");
    drop(server);
    assert_whole(&world);
}

#[test]
fn a_lock_that_cannot_be_read_keeps_the_cache_of_its_project() {
    let world = live();
    orphan(&world, "nobody's");
    let state = world.path().join(".kilter");
    age(&state.join("blobs"), 100 * DAY);
    age(&state.join("actions"), 100 * DAY);
    world.write("kilter.lock", "<<<<<<< HEAD\n");
    let before = files(&state);
    let freed = world.json(&["gc", "--delete"]);
    assert!(freed["skipped"][0].as_str().unwrap().contains("restore it from Git"), "{freed:#}");
    let gone: Vec<PathBuf> = before
        .difference(&files(&state))
        .filter(|path| !path.to_string_lossy().contains("kilter.db"))
        .cloned()
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
}

#[test]
fn a_collection_that_is_killed_leaves_everything_whole_and_the_next_one_ends_it() {
    let world = kept_for_thirty_days();
    let app = open(&world);
    for day in [-100, -60, 0] {
        ask_on(&app, day);
        seal(&app);
    }
    drop(app);
    let orphans: Vec<PathBuf> = (0..1500).map(|number| orphan(&world, &format!("nobody's {number}"))).collect();
    age(&world.path().join(".kilter/blobs/objects"), 100 * DAY);
    let left = || orphans.iter().filter(|path| path.exists()).count();
    let mut kills = 0;
    for wanted in [1500, 1400, 1100, 700, 300] {
        let mut child = world.command(&["gc", "--delete"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while left() >= wanted && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        let doctor = world.json(&["doctor", "--port", "0"]);
        assert_eq!(doctor["faults"], json!([]), "{doctor:#}");
    }
    assert!(kills > 0, "no collection was killed in the middle");
    world.json(&["gc", "--delete"]);
    assert_eq!((left(), world.json(&["gc"])["garbage"].clone()), (0, json!([])));
    let app = open(&world);
    assert_eq!(answered(&app, Timestamp(i64::MAX / 2)).len(), 10);
    drop(app);
    assert_whole(&world);
}
