//! What the store promises while its server dies: `kill -9` of PostgreSQL under load, commits whose answer is lost, and
//! what other processes hear.

use std::{
    collections::BTreeMap,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kilter_store::{Store, StoreError, StoreOptions, audit, setting};
use serde_json::json;

use crate::{databases::TestDatabase, world::draft};

/// A server that a test may kill, on a port and a folder of its own.
struct PrivateServer {
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl PrivateServer {
    /// `None` where PostgreSQL is not installed.
    fn start() -> Option<Self> {
        let bin = bin()?;
        let folder = tempfile::Builder::new().prefix("kilter-postgres.").tempdir_in("/tmp").unwrap();
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let data = folder.path().join("data");
        let initdb = as_user(&format!("{bin}/initdb"))
            .args(["--username=kilter", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--pgdata"])
            .arg(data)
            .current_dir("/")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(initdb.success());
        let mut server = Self { folder, port, process: None };
        server.begin();
        Some(server)
    }

    fn begin(&mut self) {
        let bin = bin().unwrap();
        let data = self.folder.path().join("data");
        let (port, folder) = (self.port.to_string(), self.folder.path().to_str().unwrap().to_owned());
        let started = Instant::now();
        // After a kill the old processes may still hold the memory that they share: then it is tried again.
        'start: loop {
            assert!(started.elapsed() < Duration::from_secs(60), "the server does not start");
            let mut process = as_user(&format!("{bin}/postgres"))
                .args(["-D", data.to_str().unwrap(), "-p", &port, "-h", "127.0.0.1", "-k", &folder])
                .current_dir("/")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            loop {
                let is_ready = Command::new(format!("{bin}/pg_isready"))
                    .args(["-q", "-h", "127.0.0.1", "-p", &port])
                    .status()
                    .unwrap();
                if is_ready.success() {
                    self.process = Some(process);
                    return;
                }
                if process.try_wait().unwrap().is_some() {
                    thread::sleep(Duration::from_millis(100));
                    continue 'start;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// `kill -9` of the whole server.
    fn kill(&mut self) {
        let id = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        run(Command::new("kill").args(["-9", id.lines().next().unwrap()]));
        self.process.take().unwrap().wait().unwrap();
    }

    fn url(&self) -> String {
        format!("postgres://kilter@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

fn bin() -> Option<String> {
    let mut versions: Vec<u32> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    versions.pop().map(|version| format!("/usr/lib/postgresql/{version}/bin"))
}

fn is_root() -> bool {
    String::from_utf8(Command::new("id").arg("-u").output().unwrap().stdout).unwrap().trim() == "0"
}

/// PostgreSQL refuses to run as root.
fn as_user(program: &str) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", program]);
        command
    } else {
        Command::new(program)
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// How often the server is killed: 3, or what `KILTER_KILLS` says.
fn kills() -> u32 {
    std::env::var("KILTER_KILLS").map_or(3, |kills| kills.parse().unwrap())
}

fn put(store: &Store, name: &str) -> Result<(), StoreError> {
    let name = name.to_owned();
    store.write(move |tx| setting::put(&tx.audited(draft(1, "setting.put")), &name, &json!(1)).map(drop))
}

/// What became of a write, as its caller heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Done,
    NotDone,
    Unknown,
}

#[test]
fn whatever_a_killed_server_acknowledged_is_there_and_nothing_that_it_refused() {
    let Some(mut server) = PrivateServer::start() else {
        eprintln!("skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open_server(dir.path(), &server.url().parse().unwrap(), StoreOptions::default()).unwrap();
    let (answers, is_over, next) = (Mutex::new(BTreeMap::new()), AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let name = format!("n{:06}", next.fetch_add(1, Ordering::Relaxed));
                    let answer = match put(&store, &name) {
                        Ok(()) => Answer::Done,
                        Err(StoreError::Unavailable { .. }) => Answer::NotDone,
                        Err(StoreError::CommitUnknown { .. }) => Answer::Unknown,
                        Err(error) => panic!("{error:?}"),
                    };
                    answers.lock().unwrap().insert(name, answer);
                }
            });
        }
        for _ in 0..kills() {
            thread::sleep(Duration::from_millis(400));
            server.kill();
            thread::sleep(Duration::from_millis(100));
            server.begin();
        }
        thread::sleep(Duration::from_millis(500));
        is_over.store(true, Ordering::Relaxed);
    });
    let answers = answers.into_inner().unwrap();
    let there = |name: &str| store.read(|reader| setting::find(reader, name)).unwrap().is_some();
    for (name, outcome) in &answers {
        match outcome {
            Answer::Done => assert!(there(name), "{name} was acknowledged and is lost"),
            Answer::NotDone => assert!(!there(name), "{name} was refused and is there"),
            Answer::Unknown => {}
        }
    }
    let count = |outcome| answers.values().filter(|answer| **answer == outcome).count();
    eprintln!(
        "{} acknowledged, {} refused, {} unknown",
        count(Answer::Done),
        count(Answer::NotDone),
        count(Answer::Unknown)
    );
    assert!(count(Answer::Done) > 20, "too little was going on");
    assert_eq!(count(Answer::Unknown), 0, "the server came back: it can say what became of each commit");
    let found = store.read(audit::verify).unwrap();
    assert!(found.is_sound(), "{:?}", found.faults);
}

fn a_commit_of_another_process_wakes_who_waits_and_is_seen() {
    let database = TestDatabase::new().unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (database.open(one.path()), database.open(two.path()));
    let (heard, is_heard) = std::sync::mpsc::channel();
    second.on_commit(move || _ = heard.send(()));
    put(&first, "heard").unwrap();
    is_heard.recv_timeout(Duration::from_secs(5)).expect("nothing was heard");
    assert!(second.read(|reader| setting::find(reader, "heard")).unwrap().is_some());
}

fn two_processes_write_one_audit_log_without_gaps() {
    let database = TestDatabase::new().unwrap();
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().unwrap()).collect();
    let stores: Vec<Store> = folders.iter().map(|folder| database.open(folder.path())).collect();
    thread::scope(|scope| {
        for (place, store) in stores.iter().enumerate() {
            scope.spawn(move || (0..100).for_each(|number| put(store, &format!("{place}-{number}")).unwrap()));
        }
    });
    let found = stores[0].read(audit::verify).unwrap();
    assert!(found.is_sound(), "{:?}", found.faults);
    assert_eq!(found.entries, 200);
}

fn a_server_that_is_read_only_refuses_writes_by_name() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    drop(database.open(dir.path()));
    let url = format!("{}?options=-c%20default_transaction_read_only%3Don", database.url());
    let error = Store::open_server(dir.path(), &url.parse().unwrap(), StoreOptions::default())
        .and_then(|store| put(&store, "a"))
        .unwrap_err();
    assert!(matches!(error, StoreError::DatabaseReadOnly { .. }), "{error:?}");
    assert!(error.to_string().contains("takes no writes"), "{error}");
}

fn wrong_addresses_are_refused_without_their_secrets() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let refused =
        |url: &str| Store::open_server(dir.path(), &url.parse().unwrap(), StoreOptions::default()).err().unwrap();
    let nobody = refused("postgres://kilter:topsecret@127.0.0.1:1/churn");
    assert!(matches!(nobody, StoreError::Unavailable { .. }), "{nobody:?}");
    assert!(nobody.to_string().contains("postgres://127.0.0.1:1/churn"), "{nobody}");
    let no_database = refused(&database.url().replace("kilter_", "nowhere_"));
    assert!(matches!(no_database, StoreError::ConnectionRefused { .. }), "{no_database:?}");
    for error in [nobody, no_database] {
        assert!(!format!("{error} {error:?}").contains("topsecret"), "{error:?}");
    }
}

fn a_database_of_somebody_else_is_refused_and_left_as_it_was() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    crate::databases::try_run(&database.url(), "CREATE TABLE theirs (a INTEGER)").unwrap();
    let error =
        Store::open_server(dir.path(), &database.url().parse().unwrap(), StoreOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::ForeignServer { .. }), "{error:?}");
    crate::databases::try_run(&database.url(), "SELECT a FROM theirs").unwrap();
}

fn a_schema_of_a_newer_program_is_refused() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    drop(database.open(dir.path()));
    let newer = "INSERT INTO migration VALUES (99, '0099_of_tomorrow', repeat('0', 64), 1)";
    crate::databases::try_run(&database.url(), newer).unwrap();
    let error =
        Store::open_server(dir.path(), &database.url().parse().unwrap(), StoreOptions::default()).err().unwrap();
    assert!(matches!(error, StoreError::NewerSchema { .. }), "{error:?}");
    let reading = Store::open_server_for_reading(&database.url().parse().unwrap()).err().unwrap();
    assert!(matches!(reading, StoreError::NewerSchema { .. }), "{reading:?}");
}

only_postgres![
    a_commit_of_another_process_wakes_who_waits_and_is_seen,
    two_processes_write_one_audit_log_without_gaps,
    a_server_that_is_read_only_refuses_writes_by_name,
    wrong_addresses_are_refused_without_their_secrets,
    a_database_of_somebody_else_is_refused_and_left_as_it_was,
    a_schema_of_a_newer_program_is_refused,
];
