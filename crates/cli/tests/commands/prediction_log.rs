//! The prediction log becomes partitions, whatever the requests carry and whatever happens to the folder meanwhile.

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

use kilter_app::{
    App, AppOptions,
    data_folder::check_data_folder,
    prediction::{self, LoggedPredictions, PredictionFilter, Request},
    reconcile,
};
use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{World, contract::project, predictions::rows, server::Server};

const ALWAYS: (Timestamp, Timestamp) = (Timestamp(0), Timestamp(i64::MAX / 2));

/// The platform on the data folder of a world, in this process.
pub fn open(world: &World) -> App {
    let tool = env!("CARGO_BIN_EXE_kilter").into();
    App::open(&world.path().join(".kilter"), AppOptions::new(tool)).unwrap()
}

/// Everything that callers were answered, with the labels that are known at `as_of`.
pub fn answered(app: &App, as_of: Timestamp) -> LoggedPredictions {
    prediction::logged_predictions(app, &"churn".parse().unwrap(), PredictionFilter::Answers, ALWAYS, as_of).unwrap()
}

/// Seals what was recorded, merges what is small, and reads everything back.
pub fn sealed(app: &App) -> LoggedPredictions {
    prediction::compact_log(app, &"churn".parse().unwrap()).unwrap();
    answered(app, ALWAYS.1)
}

/// A project whose version 1 is live.
pub fn live() -> World {
    live_in(None)
}

/// The same, with packages and log in an object store.
pub fn live_in(storage: Option<&str>) -> World {
    let world = project("0.55");
    storage.into_iter().for_each(|url| world.set_variable("KILTER_STORAGE", url));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world
}

/// Asks for two answers; their ids.
pub fn ask_once(server: &Server) -> Vec<String> {
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(status, 200, "{answer}");
    ids(&answer)
}

/// The ids of an answer.
pub fn ids(answer: &Value) -> Vec<String> {
    let outputs = answer["outputs"].as_array().unwrap();
    let output = outputs.iter().find(|output| output["name"] == "__id").unwrap();
    output["data"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn partitions(world: &World, kind: &str) -> Vec<PathBuf> {
    let folder = world.path().join(".kilter/lake").join(kind).join("churn");
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn requests_with_any_mix_of_recorded_columns_are_sealed_into_one_partition() {
    let world = project("0.55");
    let columns: Vec<String> = (0..11).map(|at| format!("s{at}")).collect();
    let named = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let contract =
        world.read("kilter.toml").replace("label = \"left\"", &format!("label = \"left\"\nsensitive = [{named}]"));
    assert!(contract.contains("sensitive"), "{contract}");
    world.write("kilter.toml", &contract);
    let mut text = String::new();
    for (at, line) in world.read("customers.csv").lines().enumerate() {
        let more = columns.iter().map(|name| if at == 0 { name.clone() } else { "a".to_owned() });
        text += &format!("{line},{}\n", more.collect::<Vec<_>>().join(","));
    }
    world.write("customers.csv", &text);
    world.write("kilter.toml", &contract.replace("--exclude id,at", &format!("--exclude id,at,{}", columns.join(","))));
    let ran = world.kilter(&["run"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);

    let server = Server::start(&world);
    for request in 0..1_100u32 {
        let mut body = json!({ "inputs": [
            { "name": "age", "datatype": "FP64", "shape": [1], "data": [25] },
            { "name": "visits", "datatype": "FP64", "shape": [1], "data": [18] },
            { "name": "region", "datatype": "BYTES", "shape": [1], "data": ["north"] },
        ] });
        for (bit, name) in columns.iter().enumerate().filter(|(bit, _)| request & (1 << bit) != 0) {
            let value = format!("{name}-{bit}");
            let input = json!({ "name": name, "datatype": "BYTES", "shape": [1], "data": [value] });
            body["inputs"].as_array_mut().unwrap().push(input);
        }
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &body);
        assert_eq!(status, 200, "{answer}");
    }
    server.signal("-KILL");
    drop(server);
    let app = open(&world);
    let all = sealed(&app);
    assert_eq!(all.len(), 1_100);
    for (bit, name) in columns.iter().enumerate() {
        let column = all.table.get(name).unwrap();
        let given = (0..all.len()).filter(|&row| !column.is_missing(row)).count();
        assert_eq!(given, (0..1_100u32).filter(|request| request & (1 << bit) != 0).count(), "{name}");
    }
    assert_eq!(partitions(&world, "predictions").len(), 1);
}

#[test]
fn a_crash_between_partition_and_segment_is_repeated_by_rows_and_not_by_bytes() {
    let world = live();
    let server = Server::start(&world);
    let mut asked = ask_once(&server);
    server.signal("-KILL");
    drop(server);
    let log = world.path().join(".kilter/log/churn");
    let segment = log.join("0000000001.klog");
    let kept = fs::read(&segment).unwrap();
    assert_eq!(sealed(&open(&world)).len(), 2);
    assert!(!segment.exists());

    // As if the process had ended before the segment went; twice, for the second time there is more in it.
    fs::write(&segment, &kept).unwrap();
    assert_eq!(sealed(&open(&world)).len(), 2);
    assert!(!segment.exists(), "what stands in a partition is let go of");
    assert_eq!(partitions(&world, "predictions").len(), 1);

    // As if it had ended before the partition had its name: it is completed.
    let partition = partitions(&world, "predictions").remove(0);
    let name = partition.file_name().unwrap().to_string_lossy().into_owned();
    fs::rename(&partition, partition.with_file_name(format!(".{name}.staged"))).unwrap();
    fs::write(&segment, &kept).unwrap();
    assert_eq!(sealed(&open(&world)).len(), 2);
    assert_eq!(partitions(&world, "predictions"), [partition]);

    let server = Server::start(&world);
    asked.extend(ask_once(&server));
    server.signal("-KILL");
    drop(server);
    let all = sealed(&open(&world));
    assert_eq!(all.ids.iter().map(|id| id.to_string()).collect::<Vec<_>>(), asked);
}

#[test]
fn a_log_folder_that_is_missing_is_said_and_its_numbers_never_come_back() {
    let world = live();
    let server = Server::start(&world);
    let mut asked = ask_once(&server);
    server.signal("-KILL");
    drop(server);
    assert_eq!(sealed(&open(&world)).len(), 2);
    fs::remove_dir_all(world.path().join(".kilter/log")).unwrap();

    let server = Server::start(&world);
    let (status, ready) = server.get("/ready");
    assert_eq!(status, 200, "what is lost is lost: requests may be sent here: {ready}");
    let damage = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == "damage").unwrap();
    assert!(damage["detail"].as_str().unwrap().contains("log/churn/0000000002.klog is missing"), "{ready}");
    assert!(server.get("/api/v1/status").1["damage"][0].as_str().unwrap().contains("kilter restore"));
    asked.extend(ask_once(&server));
    let labels = json!({ "ids": asked, "values": [1, 0, 1, 0] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &labels).0, 200);
    server.signal("-KILL");
    drop(server);
    let all = sealed(&open(&world));
    assert_eq!(all.ids.iter().map(|id| id.to_string()).collect::<Vec<_>>(), asked);
    assert_eq!(all.labelled(), 4);
    let sequences: Vec<i64> = all.requests.clone();
    assert!(sequences[2] > sequences[0], "records go on behind: {sequences:?}");
    assert_eq!(
        check_data_folder(&world.path().join(".kilter"), None, None)
            .iter()
            .map(|part| part.faults.len())
            .sum::<usize>(),
        0
    );
}

#[test]
fn labels_are_joined_whatever_time_they_state_and_in_whatever_order_they_come() {
    let world = live();
    let server = Server::start(&world);
    let before = json!({ "ids": ["named-ahead"], "values": [1], "known_at": ["2001-01-01T00:00:00Z"] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &before).0, 200);
    server.signal("-KILL");
    drop(server);
    // The label stands in a partition of its own, from years before the prediction.
    let app = open(&world);
    prediction::compact_log(&app, &"churn".parse().unwrap()).unwrap();
    drop(app);
    let server = Server::start(&world);
    let asked = ask_once(&server);
    let mut named = rows();
    named["inputs"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "__id", "datatype": "BYTES", "shape": [2], "data": ["named-ahead", "not-labelled"] }));
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &named).0, 200);
    let body = json!({ "ids": [asked[0]], "values": [1], "known_at": ["1999-12-31T00:00:00Z"] });
    assert_eq!(server.ask("POST", "/api/v1/endpoints/churn/labels", &body).0, 200);
    server.signal("-KILL");
    drop(server);

    let app = open(&world);
    let all = sealed(&app);
    let labels: HashMap<String, bool> =
        all.ids.iter().zip(&all.labels).map(|(id, label)| (id.to_string(), label.is_some())).collect();
    assert_eq!((labels["named-ahead"], labels["not-labelled"]), (true, false));
    assert_eq!((labels[&asked[0]], labels[&asked[1]]), (true, false));
    // A window that begins long after the time that the labels state.
    let first = all.events.iter().min().unwrap();
    let window = (*first, Timestamp(first.millis() + 86_400_000));
    let window =
        prediction::logged_predictions(&app, &"churn".parse().unwrap(), PredictionFilter::Answers, window, ALWAYS.1)
            .unwrap();
    assert_eq!((window.len(), window.labelled()), (4, 2));
    let known_earlier = answered(&app, "2000-06-01".parse().unwrap());
    assert_eq!(known_earlier.labelled(), 1, "a label counts from the moment at which it was known");
}

#[test]
fn small_partitions_are_merged_without_a_row_less_and_sql_opens_few_files_at_once() {
    let world = live();
    let server = Server::start(&world);
    ask_once(&server);
    server.signal("-KILL");
    drop(server);
    let app = open(&world);
    for turn in 0..300 {
        let at = Timestamp(1_800_000_000_000 + turn);
        let table = Table::new(vec![
            ("age".into(), Column::Float(vec![25.0, 78.0])),
            ("visits".into(), Column::Float(vec![18.0, 1.0])),
            ("region".into(), Column::Text(vec![Some("north".into()), None])),
        ]);
        let ids: Vec<Arc<str>> = (0..2).map(|row| Arc::from(format!("{turn}-{row}"))).collect();
        let request = Request { table: table.unwrap(), ids, events: vec![at, at], consumer: None };
        prediction::predict(&app, &"churn".parse().unwrap(), request, at).unwrap();
        prediction::compact_log(&app, &"churn".parse().unwrap()).unwrap();
    }
    let before = sealed(&app);
    assert_eq!(before.len(), 602);
    assert_eq!(partitions(&world, "predictions").len(), 300);
    let query =
        ["sql", "select count(*) as n, sum(__score) as s from predictions_churn", "--data", ".kilter", "--json"];
    let few = |world: &World| {
        let typed = format!("ulimit -n 64; exec {} {}", env!("CARGO_BIN_EXE_kilter"), shell_words(&query));
        let shown = std::process::Command::new("sh").args(["-c", &typed]).current_dir(world.path()).output().unwrap();
        assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
        serde_json::from_slice::<Value>(&shown.stdout).unwrap()["rows"][0].clone()
    };
    let answer = few(&world);
    assert_eq!(answer["n"], 602, "{answer}");

    for _ in 0..70 {
        assert!(reconcile::compact_logs(&app, Timestamp(1_800_000_000_000)).failures.is_empty());
    }
    let after = sealed(&app);
    assert_eq!(after.ids.iter().collect::<std::collections::BTreeSet<_>>(), before.ids.iter().collect());
    let files = partitions(&world, "predictions");
    assert!(files.len() <= 32, "{} files are left of 300", files.len());
    assert_eq!(few(&world)["n"], 602);
    drop(app);
    assert_eq!(
        check_data_folder(&world.path().join(".kilter"), None, None)
            .iter()
            .map(|part| part.faults.len())
            .sum::<usize>(),
        0
    );
    assert_eq!(sealed(&open(&world)).len(), 602);
}

fn shell_words(words: &[&str]) -> String {
    words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ")
}

#[test]
fn bytes_that_a_crash_tore_off_are_set_aside_with_a_line() {
    let world = live();
    let server = Server::start(&world);
    let asked = ask_once(&server);
    server.signal("-KILL");
    drop(server);
    let segment = world.path().join(".kilter/log/churn/0000000001.klog");
    let mut bytes = fs::read(&segment).unwrap();
    // Behind the records is room; what is torn off begins where they end.
    let room = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    assert!(room > 1_000, "a process that was killed leaves its room: {room}");
    bytes.extend(vec![7; 33]);
    fs::write(&segment, &bytes).unwrap();
    let server = Server::start_with(&world, "exec 2>server.log;");
    drop(server);
    let shown = world.read("server.log");
    let (_, at) = shown.split_once("0000000001-at-").unwrap_or_else(|| panic!("{shown}"));
    let at: usize = at.split_once(".torn").unwrap().0.parse().unwrap();
    assert!(shown.contains("set aside") && shown.contains("WARN") && at < bytes.len() - 1_000, "{shown}");
    let kept = world.path().join(format!(".kilter/log/churn/aside/0000000001-at-{at}.torn"));
    assert_eq!(fs::read(kept).unwrap(), &bytes[at..], "what was torn off is kept as it was");
    assert_eq!(sealed(&open(&world)).len(), asked.len());
}

/// A kill between the commit of the index and the naming of the file.
#[test]
fn a_partition_that_was_not_named_yet_is_no_loss_to_whoever_looks_before_the_next_start() {
    let world = live();
    let server = Server::start(&world);
    let asked = ask_once(&server);
    drop(server);
    let app = open(&world);
    assert_eq!(sealed(&app).len(), asked.len());
    drop(app);
    let named = partitions(&world, "predictions").into_iter().find(|path| path.extension().is_some()).unwrap();
    let staged = named.with_file_name(format!(".{}.staged", named.file_name().unwrap().to_str().unwrap()));
    fs::rename(&named, &staged).unwrap();
    let folder = world.path().join(".kilter");
    let faults: Vec<_> = check_data_folder(&folder, None, None).into_iter().flat_map(|part| part.faults).collect();
    assert_eq!(faults, []);
    let counted =
        world.json(&["sql", "select count(*) as n from predictions_churn", "--data", folder.to_str().unwrap()]);
    assert_eq!(counted["rows"][0]["n"], asked.len());
    assert_eq!(world.kilter(&["backup", "copy"]).exit, 0);
    assert!(staged.exists(), "who only looks changes nothing");
    assert_eq!(sealed(&open(&world)).len(), asked.len());
    assert!(named.exists() && !staged.exists());
    fs::remove_file(&named).unwrap();
    let faults: Vec<_> = check_data_folder(&folder, None, None).into_iter().flat_map(|part| part.faults).collect();
    assert!(faults.len() == 1 && faults[0].what.contains("it is missing"), "{faults:?}");
}
