//! Connections to PostgreSQL are encrypted where the address says so, and the server proves its name.

use std::path::Path;

use kilter_store::{Store, StoreError, StoreOptions};

use crate::databases::{TestDatabase, number};

/// The address of a database by the name in the server's certificate, or by another.
fn address(database: &TestDatabase, host: &str, query: &str) -> String {
    format!("{}?{query}", database.url().replace("127.0.0.1", host))
}

fn open(url: &str, dir: &Path) -> Result<Store, StoreError> {
    Store::open_server(dir, &url.parse().unwrap(), StoreOptions::default())
}

/// How many connections of the store the server sees, with or without encryption.
fn connections(database: &TestDatabase, is_encrypted: bool) -> i64 {
    let name = database.url().rsplit_once('/').unwrap().1.to_owned();
    let counted = format!(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE application_name = 'kilter' AND datname = '{name}' AND ssl = {is_encrypted}"
    );
    number(&database.url(), &counted)
}

fn authority() -> String {
    std::env::var("KILTER_TEST_POSTGRES_CA").unwrap()
}

fn every_connection_is_encrypted_to_a_server_that_proves_its_name() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let query = format!("sslmode=verify-full&sslrootcert={}", authority());
    let store = open(&address(&database, "localhost", &query), dir.path()).unwrap();
    assert!(store.made_at().is_ok());
    assert!(connections(&database, true) > 0);
    assert_eq!(connections(&database, false), 0);
}

fn without_proof_a_connection_is_encrypted_only_where_that_was_asked_for() {
    let database = TestDatabase::new().unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _encrypted = open(&address(&database, "127.0.0.1", "sslmode=require"), one.path()).unwrap();
    assert_eq!(connections(&database, false), 0);
    let _plain = open(&address(&database, "127.0.0.1", "sslmode=disable"), two.path()).unwrap();
    assert!(connections(&database, false) > 0);
}

fn a_server_that_does_not_prove_its_name_is_refused() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let refused =
        |host: &str, query: &str| open(&address(&database, host, query), dir.path()).err().unwrap().to_string();
    let by_nobody = refused("localhost", "sslmode=verify-full");
    assert!(by_nobody.contains("UnknownIssuer"), "{by_nobody}");
    let of_another = refused("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={}", authority()));
    assert!(of_another.contains("not valid for name"), "{of_another}");
    let no_file = refused("localhost", "sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
    assert!(no_file.contains("/nowhere/ca.pem"), "{no_file}");
}

only_postgres![
    every_connection_is_encrypted_to_a_server_that_proves_its_name,
    without_proof_a_connection_is_encrypted_only_where_that_was_asked_for,
    a_server_that_does_not_prove_its_name_is_refused,
];
