//! The database and the object store of a server are killed under load, again and again: predictions are answered meanwhile, and
//! nothing that was acknowledged is lost.
//!
//! `./test --replays -- lost_services` runs it; `KILTER_KILLS` says how often each is killed (20 unless told).

use std::{
    collections::HashMap,
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    crashes::{Acknowledged, answers},
    predictions::rows,
    server::{Server, ask},
};

/// A database and an object store of a test's own, by the scripts that start those of all tests.
struct Services {
    scripts: Child,
    variables: HashMap<String, String>,
    _folder: tempfile::TempDir,
}

impl Services {
    /// `None` where they are not installed.
    fn start() -> Option<Self> {
        if ["KILTER_TEST_POSTGRES", "KILTER_TEST_S3"].iter().any(|name| std::env::var_os(name).is_none()) {
            eprintln!(
                "skipped: no PostgreSQL or no object store; tests/servers/with-postgres tests/servers/with-seaweedfs COMMAND"
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let found = folder.path().join("variables");
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers");
        let scripts = Command::new(scripts.join("with-postgres"))
            .arg(scripts.join("with-seaweedfs"))
            .args(["sh", "-c", "env > \"$0.new\" && mv \"$0.new\" \"$0\"; exec cat >/dev/null"])
            .arg(&found)
            .env("KILTER_TEST_FSYNC", "on")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !found.exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "the services do not start");
            thread::sleep(Duration::from_millis(50));
        }
        let text = fs::read_to_string(&found).unwrap();
        let variables = text.lines().filter_map(|line| line.split_once('=')).map(|(a, b)| (a.to_owned(), b.to_owned()));
        Some(Self { scripts, variables: variables.collect(), _folder: folder })
    }

    fn variable(&self, name: &str) -> &str {
        &self.variables[name]
    }

    /// A project whose servers use these services.
    fn world(&self) -> World {
        let world = project("0.55");
        world.set_database(self.variable("KILTER_TEST_POSTGRES"));
        world.set_variable("KILTER_STORAGE", &format!("{}/lost", self.variable("KILTER_TEST_S3")));
        for name in ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            world.set_variable(name, self.variable(name));
        }
        world
    }

    fn kill_database(&self) {
        let file = Path::new(self.variable("KILTER_TEST_POSTGRES_DATA")).join("postmaster.pid");
        kill(fs::read_to_string(file).unwrap().lines().next().unwrap());
        thread::sleep(AWAY);
        let address =
            self.variable("KILTER_TEST_POSTGRES").split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        // The old processes may hold their shared memory for a moment: then it does not start, and is started again.
        begin_again(self.variable("KILTER_TEST_POSTGRES_START"), &address, Duration::from_secs(3));
    }

    fn kill_storage(&self) {
        let start = self.variable("KILTER_TEST_S3_START");
        kill(fs::read_to_string(Path::new(start).with_file_name("pid")).unwrap().trim());
        thread::sleep(AWAY);
        begin_again(start, self.variable("AWS_ENDPOINT_URL").trim_start_matches("http://"), Duration::from_secs(60));
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.scripts.stdin.take());
        let _ = self.scripts.wait();
    }
}

/// How long a service stays away at least.
const AWAY: Duration = Duration::from_millis(400);

fn kill(process: &str) {
    assert!(Command::new("kill").args(["-KILL", process]).status().unwrap().success());
}

/// Starts a service until it takes connections, again after `patience`.
fn begin_again(start: &str, address: &str, patience: Duration) {
    for _ in 0..10 {
        assert!(Command::new(start).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
        let began = Instant::now();
        while began.elapsed() < patience {
            if TcpStream::connect(address).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    panic!("{address} does not come back");
}

/// Requests that were not answered as they should.
#[derive(Default)]
struct Failures {
    predictions: AtomicU64,
    labels: AtomicU64,
    promotions: AtomicU64,
}

/// Asks for answers and labels them; each must be answered.
fn client(address: &str, known: &Mutex<Acknowledged>, failures: &Failures, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let Ok((200, answer)) = ask(address, "POST", "/v2/models/churn/infer", &rows()) else {
            failures.predictions.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let answered = answers(&answer);
        known.lock().unwrap().scores.extend(answered.iter().cloned());
        let ids: Vec<String> = answered.into_iter().map(|(id, _)| id).collect();
        let body = json!({ "ids": ids, "values": vec![1; ids.len()] });
        match ask(address, "POST", "/api/v1/endpoints/churn/labels", &body) {
            Ok((200, _)) => known.lock().unwrap().labels.extend(ids.into_iter().map(|id| (id, 1))),
            _ => _ = failures.labels.fetch_add(1, Ordering::Relaxed),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Promotes the other version, over and over. While the database is away that fails, with a reason.
fn promoter(address: &str, known: &Mutex<Acknowledged>, failures: &Failures, is_over: &AtomicBool) {
    let mut next = 2;
    while !is_over.load(Ordering::Relaxed) {
        known.lock().unwrap().maybe_live = Some(next);
        let (status, answer) =
            ask(address, "POST", "/api/v1/endpoints/churn/deploy", &json!({ "version": next })).unwrap();
        match status {
            200 => {
                let mut known = known.lock().unwrap();
                (known.live, known.maybe_live) = (next, None);
                known.promotions += 1;
                next = 3 - next;
            }
            503 => {
                assert!(
                    ["database_unavailable", "storage_unavailable"].contains(&answer["code"].as_str().unwrap()),
                    "{answer}"
                );
                failures.promotions.fetch_add(1, Ordering::Relaxed);
            }
            _ => panic!("{answer}"),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// All rows of a query.
fn all(world: &World, query: &str) -> Vec<Value> {
    let found = world.json(&["sql", query, "--data", "one", "--limit", "10000000"]);
    found["rows"].as_array().unwrap().clone()
}

#[test]
#[ignore = "kills PostgreSQL and an object store twenty times each: two minutes; ./test --replays -- lost_services"]
fn a_database_and_an_object_store_that_are_killed_cost_no_prediction_and_nothing_acknowledged() {
    let Some(services) = Services::start() else { return };
    let kills: u32 = std::env::var("KILTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let world = services.world();
    let run = || assert_eq!(world.kilter(&["run", "--data", "one"]).exit, 0);
    run();
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("auto = true", "").replace("rounds=20", "rounds=25"));
    run();
    let server = Server::start_on(&world, "one");
    let known = Arc::new(Mutex::new(Acknowledged { live: 1, ..Acknowledged::default() }));
    let (failures, is_over) = (Arc::new(Failures::default()), Arc::new(AtomicBool::new(false)));
    let spawn = |work: fn(&str, &Mutex<Acknowledged>, &Failures, &AtomicBool)| {
        let (address, known) = (server.address.clone(), known.clone());
        let (failures, is_over) = (failures.clone(), is_over.clone());
        thread::spawn(move || work(&address, &known, &failures, &is_over))
    };
    let threads = [spawn(client), spawn(client), spawn(promoter)];
    for kill in 0..kills {
        thread::sleep(Duration::from_millis(300 + u64::from(kill).wrapping_mul(2_654_435_761) % 331));
        services.kill_database();
        thread::sleep(Duration::from_millis(300));
        services.kill_storage();
    }
    thread::sleep(Duration::from_secs(2));
    is_over.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let known = known.lock().unwrap();
    check(&world, &server, &known);
    let count = |failures: &AtomicU64| failures.load(Ordering::Relaxed);
    println!(
        "{kills} kills of PostgreSQL and {kills} of the object store: {} predictions and {} labels were acknowledged, {} and {} \
         requests failed; {} promotions, {} answered that the database is away",
        known.scores.len(),
        known.labels.len(),
        count(&failures.predictions),
        count(&failures.labels),
        known.promotions,
        count(&failures.promotions),
    );
    assert_eq!((count(&failures.predictions), count(&failures.labels)), (0, 0));
    assert!(known.promotions as u32 > kills && count(&failures.promotions) > 0, "too little was going on");
}

/// What clients were told is there, once.
fn check(world: &World, server: &Server, known: &Acknowledged) {
    let live = server.get("/api/v1/status").1["endpoints"][0]["live"]["version"].as_u64();
    assert!([Some(known.live), known.maybe_live].contains(&live) && live.is_some(), "version {live:?} is live");
    let count =
        |table: &str| all(world, &format!("select count(*) as n from {table}"))[0]["n"].as_u64().unwrap() as usize;
    let began = Instant::now();
    while count("predictions_churn") < known.scores.len() || count("labels_churn") < known.labels.len() {
        assert!(began.elapsed() < Duration::from_secs(90), "what was recorded is not sealed");
        thread::sleep(Duration::from_secs(1));
    }
    let scores = all(world, "select __id, __score from predictions_churn");
    let by_id: HashMap<&str, f64> =
        scores.iter().map(|row| (row["__id"].as_str().unwrap(), row["__score"].as_f64().unwrap())).collect();
    assert_eq!(by_id.len(), scores.len(), "a prediction is there twice");
    for (id, score) in &known.scores {
        assert_eq!(by_id.get(id.as_str()), Some(score), "prediction {id}");
    }
    let labels = all(world, "select __id from labels_churn");
    let labelled: std::collections::HashSet<&str> = labels.iter().map(|row| row["__id"].as_str().unwrap()).collect();
    assert_eq!(labelled.len(), labels.len(), "a label is there twice");
    assert!(known.labels.keys().all(|id| labelled.contains(id.as_str())));
    assert_eq!(world.json(&["audit", "verify", "--data", "one"])["valid"], true);
}
