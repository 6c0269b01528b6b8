//! Metadata in PostgreSQL: the commands work as with a file, folder and database stay together, and faults have names.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    AppOptions,
    replay::{ReplayOptions, replay},
};
use serde_json::{Value, json};

use crate::{World, contract::project, predictions::rows, server::Server};

/// A database of a test's own; dropped with it.
pub struct Database {
    server: String,
    name: String,
    copies: Mutex<Vec<String>>,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// `None` where there is no server; the test then says so.
    pub fn new() -> Option<Self> {
        let Ok(server) = std::env::var("KILTER_TEST_POSTGRES") else {
            eprintln!(
                "skipped: KILTER_TEST_POSTGRES names no server; run it beside one: tests/servers/with-postgres COMMAND"
            );
            return None;
        };
        let name = format!("kilter_cli_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        psql(&server, &format!("CREATE DATABASE {name}"));
        Some(Self { server, name, copies: Mutex::default() })
    }

    /// Its address by way of a proxy.
    pub fn url_through(&self, proxy: &Proxy) -> String {
        format!("postgres://kilter@127.0.0.1:{}/{}", proxy.port, self.name)
    }

    pub fn url(&self) -> String {
        format!("{}/{}", self.server.rsplit_once('/').unwrap().0, self.name)
    }
}

impl Database {
    /// Keeps a copy of it, which is dropped with it.
    pub fn copy_to(&self, copy: &str) {
        psql(&self.server, &format!("DROP DATABASE IF EXISTS {}_{copy}", self.name));
        psql(&self.server, &format!("CREATE DATABASE {0}_{copy} TEMPLATE {0}", self.name));
        self.copies.lock().unwrap().push(copy.to_owned());
    }

    /// Makes it what it was when it was copied.
    pub fn put_back(&self, copy: &str) {
        psql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        psql(&self.server, &format!("CREATE DATABASE {0} TEMPLATE {0}_{copy}", self.name));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        for copy in self.copies.lock().unwrap().iter() {
            psql(&self.server, &format!("DROP DATABASE IF EXISTS {}_{copy} WITH (FORCE)", self.name));
        }
        psql(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// Runs SQL in a database.
pub fn psql(url: &str, sql: &str) {
    let done = std::process::Command::new("psql").args([url, "-qc", sql]).output().unwrap();
    assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Passes bytes between a process and the server of its database, until it is cut.
pub struct Proxy {
    pub port: u16,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    pub fn to(database: &Database) -> Self {
        Self::before(database.server.split('@').nth(1).unwrap().split('/').next().unwrap())
    }

    /// In front of an address, `HOST:PORT`.
    pub fn before(target: &str) -> Self {
        let target = target.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (cut, streams) = (is_cut.clone(), open.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(&target).unwrap();
                let copies = [(&client, &server), (&server, &client)]
                    .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()));
                for (mut from, mut to) in copies {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                streams.lock().unwrap().extend([client, server]);
            }
        });
        Self { port, is_cut, open }
    }

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.open.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[test]
fn predictions_go_on_while_the_database_is_away_and_changes_once_it_is_back() {
    let Some(database) = Database::new() else { return };
    let proxy = Proxy::to(&database);
    let world = project("0.55");
    world.set_database(&database.url_through(&proxy));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    let predict = || server.ask("POST", "/v2/models/churn/infer", &rows()).0;
    assert_eq!(predict(), 200);
    proxy.cut();
    for _ in 0..20 {
        assert_eq!(predict(), 200);
    }
    let (status, problem) = server.get("/api/v1/deployments");
    assert_eq!((status, problem["code"].as_str()), (503, Some("database_unavailable")), "{problem}");
    proxy.mend();
    // The first answers may still come from a connection that is dead.
    let began = Instant::now();
    while server.get("/api/v1/deployments").0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "the database is back and is not used");
        thread::sleep(Duration::from_millis(50));
    }
    let approved = world.kilter(&["rollback", "churn", "--reason", "try"]);
    assert!(!approved.err.contains("database"), "{}", approved.err);
    assert_eq!(predict(), 200);
}

fn project_in(database: &Database) -> World {
    let world = project("0.55");
    world.set_database(&database.url());
    world
}

#[test]
fn the_loop_runs_on_a_database_of_a_server_and_nothing_lies_in_a_file() {
    let Some(database) = Database::new() else { return };
    let world = project_in(&database);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert_eq!(world.json(&["model", "show", "churn@1"])["state"], "approved");
    {
        let server = Server::start(&world);
        let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
        assert_eq!(status, 200, "{answer}");
        // While the server has the folder, commands ask it.
        assert_eq!(world.json(&["status"])["endpoints"][0]["live"]["version"], 1);
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
    }
    let audit = world.json(&["audit", "verify"]);
    assert_eq!(audit["valid"], true, "{audit}");
    let doctor = world.kilter(&["doctor", "--port", "0"]);
    assert!(doctor.out.contains("database: 0 files, all whole"), "{}", doctor.out);
    assert!(!world.path().join(".kilter/kilter.db").exists());
}

#[test]
fn a_data_folder_stays_with_the_database_that_it_began_with() {
    let (Some(first), Some(second)) = (Database::new(), Database::new()) else { return };
    let world = project_in(&first);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    for (url, says) in
        [("", "lie in the database postgres://127.0.0.1"), (&second.url(), "belongs to another platform")]
    {
        world.set_database(url);
        let problem = world.problem(&["run"], 6);
        assert_eq!(problem["code"], "database_mismatch", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let backup = world.problem(&["backup", "copy"], 6);
    assert!(backup["detail"].as_str().unwrap().contains("pg_dump"), "{backup}");
    let in_file = project("0.55");
    assert_eq!(in_file.kilter(&["run"]).exit, 0);
    in_file.set_database(&second.url());
    let problem = in_file.problem(&["run"], 6);
    assert!(problem["detail"].as_str().unwrap().contains("in a file of its own"), "{problem}");
}

#[test]
fn an_address_that_leads_nowhere_is_named_without_its_password() {
    let world = project("0.55");
    world.set_database("postgres://ana:topsecret@127.0.0.1:1/kilter");
    let problem = world.problem(&["run"], 7);
    assert_eq!(problem["code"], "database_unavailable", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("postgres://127.0.0.1:1/kilter"), "{problem}");
    world.set_database("mysql://ana:topsecret@127.0.0.1/kilter");
    let wrong = world.problem(&["run"], 2);
    for problem in [problem, wrong] {
        assert!(!problem.to_string().contains("topsecret"), "{problem}");
    }
}

#[test]
fn the_address_can_stand_in_a_file() {
    let Some(database) = Database::new() else { return };
    let world = project("0.55");
    let file = world.write("database-url", &format!("{}\n", database.url()));
    let run = world.kilter(&["run", "--database-file", file.to_str().unwrap()]);
    assert_eq!(run.exit, 0, "{}", run.err);
    assert!(world.path().join(".kilter/database").exists());
    let shown = world.json(&["status", "--database-file", file.to_str().unwrap()]);
    assert_eq!(shown["endpoints"][0]["name"], "churn", "{shown}");
}

/// What a replay decided, without the times that it took.
fn decisions(example: &str, database: Option<&Database>) -> Value {
    let folder = format!("{}/../../examples/{example}", env!("CARGO_MANIFEST_DIR"));
    let state = tempfile::tempdir().unwrap();
    let options = AppOptions {
        database: database.map(|database| database.url().parse().unwrap()),
        ..AppOptions::new(env!("CARGO_BIN_EXE_kilter").into())
    };
    let played =
        replay(folder.as_ref(), state.path(), &ReplayOptions { seed: None, until: None }, options, &mut |_| {});
    let report = serde_json::to_value(played.unwrap()).unwrap();
    json!({ "timeline": report["timeline"], "periods": report["periods"], "summary": report["summary"] })
}

#[test]
#[ignore = "whole replays; ./test --replays"]
fn replays_decide_the_same_on_both_databases() {
    for example in ["churn", "bike"] {
        let Some(database) = Database::new() else { return };
        let (on_server, in_file) = (decisions(example, Some(&database)), decisions(example, None));
        assert!(in_file["timeline"].as_array().unwrap().len() > 5, "{example} decides something");
        assert_eq!(on_server, in_file, "{example}");
    }
}
