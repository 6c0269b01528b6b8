//! What served at a moment, and what one answer rests on.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{Lake, LogKind};
use kilter_store::{
    Store,
    prediction::{Partition, PartitionKind, add_partition},
};
use serde_json::{Value, json};

use crate::{World, contract::project, database::Database, server::Server};

/// A project with one validator, whose first two versions were approved and deployed one after the other; the time between.
pub fn two_reigns(world: &World) -> Timestamp {
    let contract = world.read("kilter.toml").replace("auto = true", "");
    let roles = "validator = [\"user:vera\"]\noperator = [\"user:olga\"]\ndeveloper = [\"user:dev\"]\nadmin = [\"user:ida\"]\n\
                 auditor = [\"user:aud\"]\nconsumer = [\"svc:api\"]";
    world.write("kilter.toml", &format!("{contract}\n[approve]\nrule = \"validator\"\n[project.roles]\n{roles}\n"));
    let mut between = Timestamp(0);
    for number in ["1", "2"] {
        let contract = world.read("kilter.toml");
        assert_eq!(by(world, "dev", &["run"]).0, 8, "it waits for people");
        let (exit, said) = by(world, "vera", &["approve", &format!("churn@{number}"), "--reason", "calibrated"]);
        assert_eq!(exit, 0, "{said}");
        assert_eq!(by(world, "olga", &["deploy", "--version", number, "--reason", "quarterly"]).0, 0);
        if number == "1" {
            between = newest_entry(world);
            world.write("kilter.toml", &contract.replace("rounds=20", "rounds=24"));
            // Entries are told apart by the millisecond.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    between
}

pub fn by(world: &World, who: &str, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).env("USER", who).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

pub fn answer(world: &World, who: &str, arguments: &[&str]) -> Value {
    let (exit, said) = by(world, who, &[arguments, &["--json"]].concat());
    assert_eq!(exit, 0, "{arguments:?}: {said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn newest_entry(world: &World) -> Timestamp {
    let listed = answer(world, "aud", &["audit", "list", "--limit", "1"]);
    listed["entries"][0]["at"].as_str().unwrap().parse().unwrap()
}

fn one_row(id: &str) -> Value {
    json!({ "id": id, "parameters": { "consumer": "shop" }, "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [1], "data": [25] },
        { "name": "visits", "datatype": "FP64", "shape": [1], "data": [18] },
        { "name": "region", "datatype": "BYTES", "shape": [1], "data": ["north"] },
    ] })
}

fn what_was_live_at_any_time_is_said_with_who_approved_it_and_on_what_evidence(world: &World) {
    let between = two_reigns(world);
    let first = answer(world, "aud", &["status", "--as-of", &between.to_string()]);
    let serving = &first["endpoints"][0]["serving"];
    assert_eq!(serving.as_array().unwrap().len(), 1, "{first:#}");
    let one = &serving[0];
    assert_eq!((&one["stage"], &one["share_percent"]), (&json!("live"), &json!(100)), "{one:#}");
    assert_eq!((&one["version"]["number"], &one["version"]["state"]), (&json!(1), &json!("approved")));
    assert_eq!((&one["requested_by"], &one["reason"]), (&json!("user:olga"), &json!("quarterly")));
    assert_eq!(one["version"]["approvals"][0]["by"], "user:vera");
    assert_eq!(one["version"]["gates"][0]["verdict"], "passed", "{one:#}");
    let run = &one["version"]["run"];
    assert_eq!(run["data"].as_object().unwrap().values().next().unwrap().as_str().unwrap().len(), 64, "{run}");
    let entries: Vec<&str> =
        one["version"]["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(entries.contains(&"approved") && entries.contains(&"version.sign_off"), "{entries:?}");

    let now = answer(world, "aud", &["status", "--as-of", &newest_entry(world).to_string()]);
    assert_eq!(now["endpoints"][0]["serving"][0]["version"]["number"], 2, "{now:#}");
    let never = answer(world, "aud", &["status", "--as-of", "2020-01-01T00:00:00Z"]);
    assert_eq!(never["endpoints"], json!([]));
    let shown = by(world, "aud", &["status", "--as-of", &between.to_string()]).1;
    assert!(shown.contains("churn@1 live, 100 % of requests") && shown.contains("approved by user:vera"), "{shown}");
    assert_eq!(by(world, "aud", &["status", "--as-of", "yesterday"]).0, 2);
}

/// Who answered is told also when it is another version by now, from the open log, and from a partition after the restart.
fn a_prediction_leads_to_its_version_data_approval_and_entries(world: &World) {
    two_reigns(world);
    let server = Server::start(world);
    let asked = server.ask("POST", "/v2/models/churn/infer", &one_row("loan-77"));
    assert_eq!(asked.0, 200, "{}", asked.1);
    let open = answer(world, "aud", &["prediction", "show", "loan-77"]);
    assert_eq!((&open["endpoint"], &open["version"]), (&json!("churn"), &json!(2)), "{open:#}");
    assert_eq!(open["serving"]["version"]["approvals"][0]["by"], "user:vera");
    // Another version answers from now on.
    assert_eq!(by(world, "olga", &["rollback", "--reason", "complaints"]).0, 0);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let sealed = answer(world, "aud", &["prediction", "show", "loan-77"]);
    assert_eq!(sealed["serving"]["version"], open["serving"]["version"], "{sealed:#}");
    assert_eq!((&sealed["score"], &sealed["consumer"]), (&open["score"], &open["consumer"]));
    let shown = by(world, "aud", &["prediction", "show", "loan-77"]).1;
    for part in
        ["churn answered", "churn@2 was approved", "data ", "gate ", "approved by user:vera", "deployment entries"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let missing = by(world, "aud", &["prediction", "show", "loan-78", "--json"]);
    assert!(missing.0 == 4 && missing.1.contains("not_found"), "{}", missing.1);
}

/// The same on a file and on a server.
fn on_both(check: fn(&World)) {
    check(&project("0.55"));
    if let Some(database) = Database::new() {
        let world = project("0.55");
        world.set_database(&database.url());
        check(&world);
    }
}

#[test]
fn any_moment_is_answered_with_versions_approvals_and_evidence() {
    on_both(what_was_live_at_any_time_is_said_with_who_approved_it_and_on_what_evidence);
}

#[test]
fn any_prediction_is_answered_with_everything_that_it_rests_on() {
    on_both(a_prediction_leads_to_its_version_data_approval_and_entries);
}

const PARTITIONS: u64 = 40;
const ROWS: u64 = 250_000;

/// Ten million predictions in partitions as large as merges make them.
#[test]
#[ignore = "a measurement: writes ten million predictions"]
fn the_chain_of_one_of_ten_million_predictions_takes_less_than_a_second() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let data = world.path().join(".kilter");
    let endpoint: EndpointName = "churn".parse().unwrap();
    let id = |number: u64| format!("0198f3c2-{:04x}-7000-8000-{number:012x}", number.wrapping_mul(40_503) & 0xffff);
    {
        let (store, lake) = (Store::open(&data).unwrap(), Lake::new(data.join("lake")));
        for place in 0..PARTITIONS {
            let numbers: Vec<u64> = (place * ROWS..(place + 1) * ROWS).collect();
            let whole = |value: i64| Column::Int(vec![Some(value); numbers.len()]);
            let times = || Column::Time(numbers.iter().map(|n| Some(1_780_000_000_000 + *n as i64)).collect());
            let texts = |text: &str| Column::Text(vec![Some(Arc::from(text)); numbers.len()]);
            let table = Table::new(vec![
                ("__id".into(), Column::Text(numbers.iter().map(|n| Some(Arc::from(id(*n)))).collect())),
                ("__sequence".into(), Column::Int(numbers.iter().map(|n| Some(*n as i64 + 1)).collect())),
                ("_time".into(), times()),
                ("__recorded_at".into(), times()),
                ("__version".into(), whole(1)),
                ("__role".into(), texts("champion")),
                ("__latency_us".into(), whole(700)),
                ("__score".into(), Column::Float(numbers.iter().map(|n| (n % 997) as f64 / 997.0).collect())),
                ("__predicted".into(), texts("1")),
                ("age".into(), Column::Float(numbers.iter().map(|n| (n % 80) as f64).collect())),
                ("visits".into(), Column::Float(numbers.iter().map(|n| (n % 31) as f64).collect())),
                ("region".into(), texts("north")),
            ])
            .unwrap();
            let seq = 1_000_000 + place * 1_000 + 900;
            let staged = lake.stage(LogKind::Predictions, &endpoint, seq, &table).unwrap();
            lake.publish(&staged).unwrap();
            let partition = Partition {
                kind: PartitionKind::Predictions,
                endpoint: endpoint.clone(),
                seq: seq as i64,
                rows: staged.partition.rows,
                min_time: staged.partition.min_time,
                max_time: staged.partition.max_time,
                digest: staged.digest,
                bytes: staged.partition.bytes,
                path: format!("predictions/churn/{seq:012}.parquet"),
            };
            store.write(move |tx| add_partition(tx, &partition)).unwrap();
        }
    }
    let bytes: u64 = fs::read_dir(data.join("lake/predictions/churn"))
        .into_iter()
        .flatten()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    println!("10,000,000 predictions in {PARTITIONS} partitions, {} MB", bytes >> 20);
    let server = Server::start(&world);
    let (mut slowest, mut all) = (Duration::ZERO, Duration::ZERO);
    for place in 0..20 {
        let wanted = id(place * 499_979 + 17);
        let begun = Instant::now();
        let (status, found) = server.get(&format!("/api/v1/predictions/{wanted}"));
        let took = begun.elapsed();
        assert_eq!((status, found["id"].as_str()), (200, Some(wanted.as_str())), "{found}");
        (slowest, all) = (slowest.max(took), all + took);
        println!("chain {place}: {took:?}");
    }
    println!("server: mean {:?}, slowest {slowest:?}", all / 20);
    drop(server);
    let begun = Instant::now();
    assert_eq!(world.json(&["prediction", "show", &id(7_654_321)])["version"], 1);
    let command = begun.elapsed();
    println!("`kilter prediction show`, a process of its own: {command:?}");
    assert!(slowest < Duration::from_secs(1) && command < Duration::from_secs(1));
}
