//! Packages and prediction log in an object store: the commands work as with a folder, and faults have names.

use std::{
    fs,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    database::{Database, Proxy},
    prediction_log::{ask_once, live_in},
    predictions::rows,
    server::Server,
};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A prefix of a test's own in the bucket of the store that the tests run beside; `None` where there is none, and the test says
/// so.
pub fn prefix() -> Option<String> {
    let Ok(bucket) = std::env::var("KILTER_TEST_S3") else {
        eprintln!("skipped: KILTER_TEST_S3 names no bucket; run it beside one: tests/servers/with-seaweedfs COMMAND");
        return None;
    };
    Some(format!("{bucket}/cli-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

fn rows_of_log(world: &World) -> Value {
    let query = "select count(*) as n, count(distinct __id) as ids from predictions_churn";
    world.json(&["sql", query, "--data", data_folder(world)])["rows"][0].clone()
}

/// Where the first server of a test has its data.
fn data_folder(world: &World) -> &'static str {
    if world.path().join("one").is_dir() { "one" } else { ".kilter" }
}

/// Waits until a check of `/ready` says yes or no.
fn wait_for_check(server: &Server, name: &str, is_ok: bool) -> Value {
    let began = Instant::now();
    loop {
        let (_, ready) = server.get("/ready");
        let found = ready["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
        if found.as_ref().is_some_and(|check| check["ok"] == is_ok) {
            return ready;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{ready}");
        thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until the server has sealed what it recorded.
fn wait_for_rows(world: &World, count: usize) {
    let began = Instant::now();
    while rows_of_log(world)["n"] != count {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", rows_of_log(world));
        thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn what_a_platform_needs_is_in_the_object_store_and_the_folder_has_copies() {
    let Some(storage) = prefix() else { return };
    let world = live_in(Some(&storage));
    let ids = {
        let server = Server::start(&world);
        let ids = ask_once(&server);
        wait_for_rows_of_no_log(&world, ids.len());
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
        ids
    };
    assert_eq!(rows_of_log(&world)["ids"], ids.len());
    let folder = world.path().join(".kilter");
    assert!(!folder.join("lake").exists(), "partitions lie in the object store");
    fs::remove_dir_all(folder.join("cache")).unwrap();
    let doctor = world.kilter(&["doctor", "--port", "0"]);
    assert!(doctor.out.contains("object store: ") && !doctor.out.contains("fault"), "{}", doctor.out);
    assert_eq!(rows_of_log(&world)["ids"], ids.len());
    let server = Server::start(&world);
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows()).0, 200);
    assert_eq!(server.get("/ready").0, 200);
}

/// The same as [`wait_for_rows`], while there may be no sealed partition at all yet.
fn wait_for_rows_of_no_log(world: &World, count: usize) {
    let began = Instant::now();
    let query = ["sql", "select count(*) as n from predictions_churn", "--data", data_folder(world), "--json"];
    while world.kilter(&query).exit != 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was sealed");
        thread::sleep(Duration::from_millis(500));
    }
    wait_for_rows(world, count);
}

#[test]
fn a_data_folder_stays_with_the_storage_that_it_began_with() {
    let (Some(first), Some(second)) = (prefix(), prefix()) else { return };
    let world = live_in(Some(&first));
    let refused = |world: &World, storage: &str, exit: i32, code: &str, says: &str| {
        world.set_variable("KILTER_STORAGE", storage);
        let problem = world.problem(&["run"], exit);
        assert_eq!(problem["code"], code, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    };
    refused(&world, &second, 1, "data_damaged", "is empty, but .kilter began with it");
    let other = live_in(Some(&second));
    refused(&world, &second, 6, "storage_mismatch", "holds the objects of another platform");
    refused(&other, &first, 6, "storage_mismatch", "holds the objects of another platform");
    let in_folder = live_in(None);
    refused(&in_folder, &format!("{first}-other"), 6, "storage_mismatch", "began without an object store");
    let server = {
        world.set_variable("KILTER_STORAGE", &first);
        Server::start(&world)
    };
    drop(server);
    let command = world.command(&["run", "--json"]).env_remove("KILTER_STORAGE").output().unwrap();
    let problem: Value = serde_json::from_slice(&command.stderr).unwrap();
    assert_eq!(problem["code"], "storage_mismatch", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(&format!("lie in {first}")), "{problem}");
    let backup = world.problem(&["backup", "copy"], 6);
    assert!(backup["detail"].as_str().unwrap().contains("tools of that store"), "{backup}");
}

#[test]
fn predictions_go_on_while_the_object_store_is_away_and_are_sealed_once_it_is_back() {
    let Some(storage) = prefix() else { return };
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let proxy = Proxy::before(endpoint.strip_prefix("http://").unwrap());
    let world = project("0.55");
    world.set_variable("KILTER_STORAGE", &storage);
    world.set_variable("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", proxy.port));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let mut asked = 0;
    {
        let server = Server::start(&world);
        asked += ask_once(&server).len();
        wait_for_rows_of_no_log(&world, asked);
        proxy.cut();
        asked += ask_once(&server).len();
        let ready = wait_for_check(&server, "object store", false);
        assert_eq!(ready["ready"], true, "{ready}");
        asked += ask_once(&server).len();
        server.signal("-KILL");
    }
    // A server that starts meanwhile has its packages in the folder.
    let server = Server::start(&world);
    asked += ask_once(&server).len();
    proxy.mend();
    wait_for_check(&server, "object store", true);
    wait_for_rows(&world, asked);
    assert_eq!(rows_of_log(&world)["ids"], asked);
}

#[test]
fn addresses_and_credentials_that_are_wrong_are_named_without_their_secrets() {
    let Some(storage) = prefix() else { return };
    let problem = |storage: &str, variables: &[(&str, &str)], exit: i32| {
        let world = project("0.55");
        world.set_variable("KILTER_STORAGE", storage);
        variables.iter().for_each(|(name, value)| world.set_variable(name, value));
        let problem = world.problem(&["run"], exit);
        assert!(!problem.to_string().contains("topsecret"), "{problem}");
        (problem["code"].as_str().unwrap().to_owned(), problem["detail"].as_str().unwrap().to_owned())
    };
    let (code, detail) = problem(&storage, &[("AWS_SECRET_ACCESS_KEY", "topsecret")], 7);
    assert!(code == "storage_refused" && detail.contains("SignatureDoesNotMatch"), "{code} {detail}");
    let (code, detail) = problem("s3://no-such-bucket/kilter", &[], 7);
    assert!(code == "storage_refused" && detail.contains("there is no such bucket"), "{code} {detail}");
    let (code, detail) = problem(&storage, &[("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], 7);
    assert!(code == "storage_unavailable" && detail.contains(&storage), "{code} {detail}");
    let (code, detail) = problem("s3://key:topsecret@bucket/kilter", &[], 2);
    assert!(code == "usage_invalid" && detail.contains("s3://BUCKET/PREFIX"), "{code} {detail}");
}

#[test]
fn with_an_acknowledgement_by_the_store_nothing_is_acknowledged_that_is_not_there() {
    let Some(storage) = prefix() else { return };
    let refused = live_in(None).problem(&["server", "--record-ack", "storage", "--port", "0"], 2);
    assert!(refused["detail"].as_str().unwrap().contains("needs an object store"), "{refused}");
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let proxy = Proxy::before(endpoint.strip_prefix("http://").unwrap());
    let world = live_in(Some(&storage));
    world.set_variable("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", proxy.port));
    world.set_variable("KILTER_RECORD_ACK", "storage");
    let server = Server::start(&world);
    let mut asked = ask_once(&server).len();
    proxy.cut();
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert!(status == 503 && answer["error"].as_str().unwrap().contains("could not be recorded"), "{status} {answer}");
    let labels = json!({ "ids": ["someone"], "values": [1] });
    let (status, problem) = server.ask("POST", "/api/v1/endpoints/churn/labels", &labels);
    assert_eq!((status, problem["code"].as_str()), (503, Some("storage_unavailable")), "{problem}");
    proxy.mend();
    let began = Instant::now();
    let answer = loop {
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        if status == 200 {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the store is back and is not used: {answer}");
    };
    asked += crate::prediction_log::ids(&answer).len();
    wait_for_rows_of_no_log(&world, asked);
}

#[test]
fn what_was_acknowledged_by_the_store_is_there_after_the_disk_with_the_log_is_lost() {
    let Some(storage) = prefix() else { return };
    let world = live_in(Some(&storage));
    world.set_variable("KILTER_RECORD_ACK", "storage");
    let mut ids = Vec::new();
    {
        let server = Server::start(&world);
        for _ in 0..20 {
            ids.extend(ask_once(&server));
        }
        server.signal("-KILL");
    }
    fs::remove_dir_all(world.path().join(".kilter/log")).unwrap();
    fs::remove_dir_all(world.path().join(".kilter/cache")).unwrap();
    let server = Server::start(&world);
    wait_for_rows_of_no_log(&world, ids.len());
    // Numbers go on behind those that came back.
    ids.extend(ask_once(&server));
    wait_for_rows(&world, ids.len());
    assert_eq!(rows_of_log(&world)["ids"], ids.len());
    assert_eq!(server.get("/ready").1["checks"].to_string().matches("damage").count(), 0);
}

#[test]
fn a_platform_that_is_not_there_is_not_copied_and_not_made() {
    let world = World::new();
    let problem = world.problem(&["storage", "copy", "--from", "nowhere", "--to", "there"], 4);
    assert!(problem["detail"].as_str().unwrap().contains("nowhere"), "{problem}");
    std::fs::create_dir(world.path().join("empty")).unwrap();
    let problem = world.problem(&["storage", "copy", "--from", "empty", "--to", "there"], 4);
    assert!(problem["detail"].as_str().unwrap().contains("empty"), "{problem}");
    for folder in ["nowhere", "there", "empty/kilter.db"] {
        assert!(!world.path().join(folder).exists(), "{folder}");
    }
}

#[test]
fn a_platform_moves_to_a_database_and_an_object_store_and_back_with_everything_that_it_holds() {
    let (Some(storage), Some(database)) = (prefix(), Database::new()) else { return };
    let world = live_in(None);
    let asked = {
        let server = Server::start(&world);
        let asked = ask_once(&server);
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
        asked.len()
    };
    let audit = |folder: &str| world.json(&["audit", "list", "--limit", "1000", "--data", folder]);
    let before = audit(".kilter");
    let there = ["storage", "copy", "--to", "moved", "--to-database", &database.url(), "--to-storage", &storage];
    let copied = world.json(&there);
    assert_eq!(copied["partitions"], 1, "{copied}");
    assert_eq!(world.json(&there)["tables"], copied["tables"], "the second copy finds that all is there");
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    assert_eq!(audit("moved"), before);
    assert_eq!(world.json(&["audit", "verify", "--data", "moved"])["valid"], true);
    world.set_variable("KILTER_DATA", "moved");
    let rows = ["sql", "select count(*) as n from predictions_churn", "--data", "moved"];
    assert_eq!(world.json(&rows)["rows"][0]["n"], asked);
    {
        let server = Server::start(&world);
        ask_once(&server);
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }
    world.set_database("");
    let back = ["storage", "copy", "--from", "moved", "--from-database", &database.url(), "--from-storage", &storage];
    let back = world.command(&[&back[..], &["--to", "back", "--json"]].concat()).env_remove("KILTER_STORAGE").output();
    let back = crate::command_output(back.unwrap());
    assert_eq!(back.exit, 0, "{}", back.err);
    let alone = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        crate::command_output(command.env_remove("KILTER_STORAGE").env("KILTER_DATA", "back").output().unwrap())
    };
    let doctor = alone(&["doctor", "--port", "0"]);
    assert!(doctor.out.contains("lake: 2 files, all whole"), "{}{}", doctor.out, doctor.err);
    assert!(alone(&["audit", "verify"]).exit == 0 && alone(&["status"]).out.contains("churn"));
}

#[test]
fn a_copy_that_is_killed_at_any_moment_is_finished_when_it_is_repeated_and_leaves_its_source_alone() {
    let (Some(storage), Some(database)) = (prefix(), Database::new()) else { return };
    let world = live_in(None);
    let asked = {
        let server = Server::start(&world);
        let asked: usize = (0..20).map(|_| ask_once(&server).len()).sum();
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
        asked
    };
    let audit = |folder: &str| world.json(&["audit", "list", "--limit", "1000", "--data", folder]);
    let before = audit(".kilter");
    let there = ["storage", "copy", "--to", "moved", "--to-database", &database.url(), "--to-storage", &storage];
    let whole = Instant::now();
    // The first whole copy goes elsewhere, and says how long one takes.
    assert_eq!(world.kilter(&["storage", "copy", "--to", "measured"]).exit, 0);
    let long = whole.elapsed() + Duration::from_millis(200);
    let mut killed = 0;
    for turn in 1..=12 {
        let mut copy = world.command(&there).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(long * turn / 12);
        copy.kill().unwrap();
        killed += u32::from(!copy.wait().unwrap().success());
    }
    assert!(killed > 2, "copies were killed on their way: {killed}");
    let copied = world.json(&there);
    assert!(copied["partitions"].as_u64() > Some(0), "{copied}");
    assert_eq!(audit(".kilter"), before);
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    assert_eq!(audit("moved"), before);
    assert_eq!(world.json(&["audit", "verify", "--data", "moved"])["valid"], true);
    let rows = ["sql", "select count(*) as n, count(distinct __id) as ids from predictions_churn", "--data", "moved"];
    assert_eq!(world.json(&rows)["rows"][0], json!({ "n": asked, "ids": asked }));
}

#[test]
fn a_server_that_was_paused_while_another_sealed_its_copies_loses_nothing_when_its_machine_is_lost_after_that() {
    let (Some(storage), Some(database)) = (prefix(), Database::new()) else { return };
    let world = project("0.55");
    world.set_database(&database.url());
    world.set_variable("KILTER_STORAGE", &storage);
    world.set_variable("KILTER_RECORD_ACK", "storage");
    world.set_variable("KILTER_DATA", "one");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let (_one, two) = (Server::start_on(&world, "one"), Server::start_on(&world, "two"));
    let mut asked = wait_for_answers(&two);
    for _ in 0..5 {
        asked += ask_once(&two).len();
    }
    two.signal("-STOP");
    wait_for_rows_of_no_log(&world, asked);
    two.signal("-CONT");
    asked += wait_for_answers(&two);
    asked += ask_once(&two).len();
    two.signal("-KILL");
    drop(two);
    fs::remove_dir_all(world.path().join("two")).unwrap();
    wait_for_rows(&world, asked);
    let query = ["sql", "select count(distinct __id) as ids from predictions_churn", "--data", "one"];
    assert_eq!(world.json(&query)["rows"][0]["ids"], asked);
}

/// Waits until a server answers predictions; how many it answered.
fn wait_for_answers(server: &Server) -> usize {
    let began = Instant::now();
    loop {
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        if status == 200 {
            return crate::prediction_log::ids(&answer).len();
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{answer}");
        thread::sleep(Duration::from_millis(100));
    }
}
