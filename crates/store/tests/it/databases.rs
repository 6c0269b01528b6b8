//! The same tests over both databases.

use std::{cell::Cell, path::Path};

use futures::executor::block_on;
use kilter_store::{Store, StoreOptions};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

/// Runs each of the named functions as a test on SQLite and as one on PostgreSQL.
macro_rules! both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(); })*
        }
        mod postgres {
            $(#[test] fn $name() { $crate::databases::on_postgres(super::$name); })*
        }
    };
}

thread_local! {
    static ON_POSTGRES: Cell<bool> = const { Cell::new(false) };
}

/// The same tests on PostgreSQL alone.
macro_rules! only_postgres {
    ($($name:ident),* $(,)?) => {
        mod postgres {
            $(#[test] fn $name() { $crate::databases::on_postgres(super::$name); })*
        }
    };
}

/// The address of a server for tests (`tests/servers/with-postgres` starts one).
const ADDRESS: &str = "KILTER_TEST_POSTGRES";

/// Runs a test whose stores lie in PostgreSQL. Where there is no server the test says so and is not run.
pub fn on_postgres(test: fn()) {
    if std::env::var(ADDRESS).is_err() {
        eprintln!("skipped: {ADDRESS} names no server; run it beside one: tests/servers/with-postgres COMMAND");
        return;
    }
    ON_POSTGRES.set(true);
    test();
}

/// A database of a test's own, if the test runs on PostgreSQL; dropped with it.
pub struct TestDatabase {
    server: String,
    name: String,
}

impl TestDatabase {
    /// A new one; `None` on SQLite.
    pub fn new() -> Option<Self> {
        ON_POSTGRES.get().then(|| {
            let server = std::env::var(ADDRESS).unwrap();
            let mut random = [0; 8];
            getrandom::fill(&mut random).unwrap();
            let name = format!("kilter_{:016x}", u64::from_le_bytes(random));
            run(&server, &format!("CREATE DATABASE {name}"));
            Self { server, name }
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// Opens the store in it, with the data folder `dir`.
    pub fn open(&self, dir: &Path) -> Store {
        Store::open_server(dir, &self.url().parse().unwrap(), StoreOptions::default()).unwrap()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

fn run(url: &str, sql: &str) {
    try_run(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Runs statements past the store.
pub fn try_run(url: &str, sql: &str) -> Result<(), String> {
    let (_runtime, client) = connect(url);
    block_on(client.batch_execute(sql)).map_err(|error| format!("{error:?}"))
}

/// Asks for one number past the store.
pub fn number(url: &str, sql: &str) -> i64 {
    let (_runtime, client) = connect(url);
    block_on(client.query_one(sql, &[])).unwrap().get(0)
}

fn connect(url: &str) -> (Runtime, Client) {
    let runtime = Runtime::new().unwrap();
    let config: Config = url.parse().unwrap();
    let client = runtime.block_on(async {
        let (client, socket) = config.connect(NoTls).await.unwrap();
        tokio::spawn(socket);
        client
    });
    (runtime, client)
}
