//! Every statement of every room, against the migrated schema.

use std::collections::BTreeSet;

use kilter_domain::{
    alert::{AlertState, MonitorKind},
    deployment::DeploymentState,
    model::VersionState,
    run::{RunState, StepState},
    time::Timestamp,
};

use super::Statement;
use crate::{
    DATABASE_FILE, Store, account, audit, backup, checkpoint, clock,
    database::named_params,
    database::{Binding, Connection, PostgresConnector, number_parameters},
    dataset, delivery, deployment, gate, lease, migrate, model, monitor, package_signature, prediction, project,
    registry, replica, retention, run, setting, signing_key, token, tracking, webhook,
};

const ROOMS: &[&[&Statement]] = &[
    account::STATEMENTS,
    audit::STATEMENTS,
    audit::tree::STATEMENTS,
    audit::verify::STATEMENTS,
    checkpoint::STATEMENTS,
    clock::STATEMENTS,
    backup::STATEMENTS,
    dataset::STATEMENTS,
    delivery::STATEMENTS,
    deployment::STATEMENTS,
    deployment::break_glass::STATEMENTS,
    gate::STATEMENTS,
    gate::waiver::STATEMENTS,
    lease::STATEMENTS,
    migrate::steps::STATEMENTS,
    model::STATEMENTS,
    model::act::STATEMENTS,
    model::alias::STATEMENTS,
    model::card::STATEMENTS,
    monitor::STATEMENTS,
    monitor::alert::STATEMENTS,
    monitor::evidence::STATEMENTS,
    monitor::retrain::STATEMENTS,
    monitor::threshold::STATEMENTS,
    package_signature::STATEMENTS,
    prediction::STATEMENTS,
    project::STATEMENTS,
    project::objective::STATEMENTS,
    project::proposal::STATEMENTS,
    registry::alias::STATEMENTS,
    registry::event::STATEMENTS,
    registry::import::STATEMENTS,
    registry::keys::STATEMENTS,
    registry::model::STATEMENTS,
    registry::platform::STATEMENTS,
    registry::version::STATEMENTS,
    replica::STATEMENTS,
    retention::STATEMENTS,
    run::STATEMENTS,
    run::step::STATEMENTS,
    setting::STATEMENTS,
    signing_key::STATEMENTS,
    token::STATEMENTS,
    tracking::artifact::STATEMENTS,
    tracking::dataset::STATEMENTS,
    tracking::experiment::STATEMENTS,
    tracking::import::STATEMENTS,
    tracking::logged_model::STATEMENTS,
    tracking::metric::STATEMENTS,
    tracking::param::STATEMENTS,
    tracking::purge::STATEMENTS,
    tracking::run::STATEMENTS,
    tracking::tags::STATEMENTS,
    webhook::STATEMENTS,
];

fn on_the_schema(check: impl Fn(&rusqlite::Connection)) {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    check(&rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap());
}

/// The words of a statement that only one database has.
const OF_SQLITE: &[&str] = &["VACUUM", "PRAGMA"];

#[test]
fn every_statement_prepares_on_a_server_too() {
    let Ok(url) = std::env::var("KILTER_TEST_POSTGRES") else {
        eprintln!(
            "skipped: KILTER_TEST_POSTGRES names no server; run it beside one: tests/servers/with-postgres COMMAND"
        );
        return;
    };
    let connection = Connection::postgres(PostgresConnector::new(&url, "").unwrap().connect().unwrap());
    migrate::on_scratch_schema(&connection, |scratch| {
        for statement in ROOMS.iter().copied().flatten() {
            if OF_SQLITE.iter().any(|word| statement.sql.trim_start().starts_with(word)) {
                continue;
            }
            let numbered = number_parameters(statement.sql).sql;
            scratch
                .batch(&format!("PREPARE statement AS {numbered}"))
                .unwrap_or_else(|error| panic!("{numbered}: {}", error.message()));
            scratch.batch("DEALLOCATE statement").unwrap();
        }
        Ok(())
    })
    .unwrap();
}

/// What a schema names, whatever its dialect: columns, indexes and triggers.
fn named(url_of_server: Option<&str>) -> BTreeSet<String> {
    let sqlite = "SELECT 'column ' || m.name || '.' || c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                  WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                  UNION ALL SELECT type || ' ' || name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL";
    let connection = match url_of_server {
        Some(url) => Connection::postgres(PostgresConnector::new(url, "").unwrap().connect().unwrap()),
        None => Connection::sqlite(rusqlite::Connection::open_in_memory().unwrap()),
    };
    let sql = if url_of_server.is_some() { migrate::schema_query(&connection) } else { sqlite };
    migrate::on_scratch_schema(&connection, |scratch| {
        let mut names = BTreeSet::new();
        scratch
            .query(sql, &[], Binding::All, &mut |row| {
                names.insert(row.get::<_, String>(0)?);
                Ok(true)
            })
            .unwrap();
        Ok(names)
    })
    .unwrap()
}

#[test]
fn both_dialects_make_the_same_columns_indexes_and_triggers() {
    let Ok(url) = std::env::var("KILTER_TEST_POSTGRES") else {
        eprintln!(
            "skipped: KILTER_TEST_POSTGRES names no server; run it beside one: tests/servers/with-postgres COMMAND"
        );
        return;
    };
    let all = named(Some(&url));
    // Keys and uniqueness are constraints with an index of the same name, which SQLite makes without one.
    let constraints: BTreeSet<&str> =
        all.iter().filter_map(|name| name.strip_prefix("constraint ")?.split('.').nth(1)).collect();
    let is_added = |name: &String| {
        let is_of_constraint = name.strip_prefix("index ").is_some_and(|index| constraints.contains(index));
        let is_guard_against_truncate = name.ends_with("_at_once");
        is_of_constraint
            || is_guard_against_truncate
            || name.starts_with("column last_commit.")
            || name.starts_with("constraint ")
            || name.starts_with("function ")
    };
    let server: BTreeSet<String> = all.iter().filter(|name| !is_added(name)).cloned().collect();
    assert_eq!(server, named(None));
}

#[test]
fn every_statement_prepares_and_says_what_it_attempts() {
    on_the_schema(|connection| {
        for statement in ROOMS.iter().copied().flatten() {
            if let Err(error) = connection.prepare(statement.sql) {
                panic!("{}: {error}", statement.sql);
            }
            assert!(!statement.attempt.is_empty());
        }
    });
    assert!(ROOMS.iter().map(|room| room.len()).sum::<usize>() > 80);
}

/// How SQLite would run a statement, a step a line.
fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = explain.raw_query().mapped(|row| row.get::<_, String>("detail"));
    steps.collect::<rusqlite::Result<_>>().unwrap()
}

#[test]
fn no_statement_walks_or_sorts_a_table_that_grows_but_those_that_verify() {
    // Few rows by nature: a lease for each chore; the data folders of a database; the keys of those; accounts; of one endpoint the names of its metrics, and the kinds of monitors; the
    // tables, indexes and triggers.
    let small = [
        "SCAN lease",
        "SCAN replica",
        "SCAN signing_key",
        "SCAN account",
        "SCAN name",
        "SCAN kind",
        "SCAN sqlite_schema",
    ];
    on_the_schema(|connection| {
        // Plans also list the walk over children that SQLite makes only while a reference is broken.
        connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let rooms = ROOMS.iter().filter(|room| !std::ptr::eq(**room, audit::verify::STATEMENTS));
        for statement in
            rooms.copied().flatten().filter(|one| !one.sql.contains("VACUUM") && !one.sql.contains("PRAGMA"))
        {
            for step in plan(connection, statement.sql) {
                let is_walk = step.starts_with("SCAN ")
                    && !step.contains("CONSTANT")
                    && !small.iter().any(|table| step.starts_with(table))
                    // Registered names: walked once for each new one.
                    && !statement.sql.contains("lower(name)")
                    // Deliveries that are due: found by their index, then numbered for each target.
                    && !statement.sql.contains("row_number() OVER (PARTITION BY ");
                assert!(!is_walk, "{step}\n{}", statement.sql);
                let is_paged = statement.sql.contains(":below") || statement.sql.contains(":above");
                let is_sorted_by_hand = step.contains("TEMP B-TREE");
                assert!(!(is_paged && is_sorted_by_hand), "{step}\n{}", statement.sql);
            }
        }
    });
}

/// The words that the CHECK of a column allows.
fn allowed(table: &str, column: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let schema = Statement { attempt: "read the schema", sql: "SELECT sql FROM sqlite_schema WHERE name = :table" };
    let sql = store
        .read(|reader| reader.one(&schema, named_params! { ":table": table }, |row| row.get::<_, String>(0)))
        .unwrap()
        .unwrap();
    let list = sql.split(&format!("CHECK ({column} IN")).nth(1).unwrap();
    let list = &list[list.find('(').unwrap() + 1..list.find(')').unwrap()];
    let mut words: Vec<String> = list.split(',').map(|word| word.trim().trim_matches('\'').to_owned()).collect();
    words.sort();
    words
}

fn sorted<const N: usize>(words: [&str; N]) -> Vec<String> {
    let mut words = words.map(str::to_owned).to_vec();
    words.sort();
    words
}

#[test]
fn the_schema_knows_exactly_the_words_of_the_lives() {
    assert_eq!(allowed("run", "state"), sorted(RunState::ALL.map(RunState::as_str)));
    assert_eq!(allowed("run_step", "state"), sorted(StepState::ALL.map(StepState::as_str)));
    assert_eq!(allowed("model_version", "state"), sorted(VersionState::ALL.map(VersionState::as_str)));
    assert_eq!(allowed("alert", "monitor"), sorted(MonitorKind::ALL.map(MonitorKind::as_str)));
    assert_eq!(allowed("reading", "monitor"), sorted(MonitorKind::ALL.map(MonitorKind::as_str)));
    let deployments = [
        DeploymentState::Requested,
        DeploymentState::Shadow,
        DeploymentState::Canary { percent: 1 },
        DeploymentState::Live,
        DeploymentState::Superseded,
        DeploymentState::RolledBack,
        DeploymentState::Stopped,
    ];
    assert_eq!(allowed("deployment", "state"), sorted(deployments.map(DeploymentState::as_str)));
    let alerts = [
        AlertState::Pending { breaches: 1 },
        AlertState::Firing { clean: 0 },
        AlertState::Acknowledged { clean: 0 },
        AlertState::Muted { until: Timestamp(1), clean: 0 },
        AlertState::Resolved,
    ];
    assert_eq!(allowed("alert", "state"), sorted(alerts.map(AlertState::as_str)));
}
