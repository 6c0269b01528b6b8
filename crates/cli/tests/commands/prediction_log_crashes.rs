//! A process that records, seals and merges is killed again and again: every acknowledged row is there once, whatever was
//! half done.
//!
//! `./test --replays -- killed_while_it_seals` runs it; `KILTER_KILLS` says how often (100 unless told).

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use kilter_app::{
    App, AppOptions, DEFAULT_CACHE_BYTES, StorageOptions,
    data_folder::{self, check_data_folder},
    prediction::{self, Labels, Request},
    reconcile,
};
use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::LogKind;

use crate::prediction_log::{live_in, sealed};

const FOLDER: &str = "KILTER_TEST_SEALED_FOLDER";
const STORAGE: &str = "KILTER_TEST_SEALED_STORAGE";

/// On a data folder alone, or with the object store of that name.
fn options(storage: Option<&str>) -> AppOptions {
    let storage = storage.map(|url| StorageOptions { url: url.parse().unwrap(), cache_bytes: DEFAULT_CACHE_BYTES });
    AppOptions { storage, ..AppOptions::new(env!("CARGO_BIN_EXE_kilter").into()) }
}

/// Not a test: what the process does that is killed. It says each id once it is durable.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let Ok(folder) = env::var(FOLDER) else { return };
    let app = App::open(folder.as_ref(), options(env::var(STORAGE).ok().as_deref())).unwrap();
    let churn = "churn".parse().unwrap();
    for turn in 0.. {
        let at = Timestamp(1_800_000_000_000 + turn);
        let id: Arc<str> = Arc::from(format!("{}-{turn}", std::process::id()));
        let region = (turn % 3 == 0).then(|| "north".into());
        let columns = vec![
            ("age".to_owned(), Column::Float(vec![25.0])),
            ("visits".to_owned(), Column::Float(vec![1.0])),
            ("region".to_owned(), Column::Text(vec![region])),
        ];
        let table = Table::new(columns).unwrap();
        let request = Request { table, ids: vec![id.clone()], events: vec![at], consumer: None };
        prediction::predict(&app, &churn, request, at).unwrap();
        println!("asked {id}");
        let labels = Labels { ids: vec![id.clone()], values: Column::Int(vec![Some(turn % 2)]), known_at: vec![at] };
        prediction::label(&app, &churn, labels, at).unwrap();
        println!("labelled {id}");
        if turn % 2 == 0 {
            assert!(reconcile::compact_logs(&app, at).failures.is_empty());
        }
    }
}

/// Runs the child until it is killed; what it acknowledged.
fn one_life(folder: &str, storage: Option<&str>, milliseconds: u64) -> Vec<(String, String)> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "prediction_log_crashes::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .envs(storage.map(|url| (STORAGE, url)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = thread::spawn(move || {
        let output = lines.map_while(Result::ok).filter_map(|line| {
            let (what, id) = line.split_once(' ')?;
            ["asked", "labelled"].contains(&what).then(|| (what.to_owned(), id.to_owned()))
        });
        output.collect::<Vec<_>>()
    });
    thread::sleep(Duration::from_millis(milliseconds));
    assert!(child.try_wait().unwrap().is_none(), "it ends when it is killed, and not by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn kill_while_sealing(kills: u64, storage: Option<&str>) {
    let world = live_in(storage);
    let folder = world.path().join(".kilter");
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    for kill in 0..kills {
        // Moments that no clock of the process prefers.
        let output = one_life(folder.to_str().unwrap(), storage, 1_200 + kill.wrapping_mul(2_654_435_761) % 1_999);
        for (what, id) in output {
            *known.entry(id).or_default() |= what == "labelled";
        }
    }
    let parts = check_data_folder(&folder, None, options(storage).storage.as_ref());
    let faults: Vec<String> = parts.iter().flat_map(|part| &part.faults).map(ToString::to_string).collect();
    // A write that a kill tore off was never acknowledged; it is kept aside for whoever wants to look.
    let faults: Vec<_> = faults.into_iter().filter(|fault| !fault.contains("/aside/")).collect();
    assert_eq!(faults, [""; 0]);
    let app = App::open(&folder, options(storage)).unwrap();
    let all = sealed(&app);
    assert!(data_folder::damage(&app).is_empty(), "{:?}", data_folder::damage(&app));
    let labels: BTreeMap<String, bool> =
        all.ids.iter().zip(&all.labels).map(|(id, label)| (id.to_string(), label.is_some())).collect();
    for (id, is_labelled) in &known {
        assert_eq!(labels.get(id).map(|label| label >= is_labelled), Some(true), "{id}: {:?}", labels.get(id));
    }
    // Each row once, also for whoever counts them without looking at ids.
    let rows = app.lake().list(LogKind::Predictions, &"churn".parse().unwrap()).unwrap();
    assert!(rows.damaged.is_empty(), "{:?}", rows.damaged);
    drop(app);
    let result = world.json(&[
        "sql",
        "select count(*) as n, count(distinct __id) as ids from predictions_churn",
        "--data",
        ".kilter",
    ]);
    assert_eq!(result["rows"][0]["n"], result["rows"][0]["ids"], "{result}");
    println!(
        "{kills} kills while sealing: {} rows acknowledged, none is lost or there twice; {} are there",
        known.len(),
        all.len()
    );
    assert!(known.len() as u64 > 3 * kills, "too little was going on: {} rows", known.len());
}

#[test]
fn a_process_that_is_killed_a_few_times_while_it_seals_loses_nothing() {
    kill_while_sealing(6, None);
}

#[test]
fn a_process_that_is_killed_a_few_times_while_it_seals_into_an_object_store_loses_nothing() {
    let Some(storage) = crate::object_store::prefix() else { return };
    kill_while_sealing(6, Some(&storage));
}

#[test]
#[ignore = "kills a process a hundred times: a minute or two; ./test --replays -- killed_while_it_seals"]
fn a_process_that_is_killed_while_it_seals_a_hundred_times_loses_nothing() {
    kill_while_sealing(kills(), None);
}

#[test]
#[ignore = "kills a process a hundred times: a minute or two; ./test --replays -- killed_while_it_seals"]
fn a_process_that_is_killed_while_it_seals_into_an_object_store_a_hundred_times_loses_nothing() {
    let Some(storage) = crate::object_store::prefix() else { return };
    kill_while_sealing(kills(), Some(&storage));
}

fn kills() -> u64 {
    env::var("KILTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}
