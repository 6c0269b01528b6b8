//! Stores on both databases, and rows in them.

use std::fmt::Write;

use kilter_domain::{
    actor::Actor,
    ids::ProjectName,
    search::{Attribute, Entity},
    time::Timestamp,
};

use super::model::{Thing, Value};
use crate::{
    Durability, Store, StoreOptions,
    audit::AuditEvent,
    database::{Connection, PostgresConnector},
    project,
};

/// Makes of each function two tests: on SQLite, and on PostgreSQL where there is one.
macro_rules! both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { $crate::search::tests::fixture::on_sqlite(super::$name); })*
        }
        mod postgres {
            $(#[test] fn $name() { $crate::search::tests::fixture::on_postgres(super::$name); })*
        }
    };
}
pub(super) use both_databases;

const OPTIONS: StoreOptions = StoreOptions { durability: Durability::ProcessCrash };

pub fn on_sqlite(check: fn(&Store)) {
    let dir = tempfile::tempdir().unwrap();
    check(&Store::open_with(dir.path(), OPTIONS).unwrap());
}

/// In a database of its own, which goes with the test.
pub fn on_postgres(check: fn(&Store)) {
    let Ok(url) = std::env::var("KILTER_TEST_POSTGRES") else {
        eprintln!(
            "skipped: KILTER_TEST_POSTGRES names no server; run it beside one: tests/servers/with-postgres COMMAND"
        );
        return;
    };
    let server = Connection::postgres(PostgresConnector::new(&url, "").unwrap().connect().unwrap());
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    let name = format!("kilter_search_{:016x}", u64::from_le_bytes(random));
    server.batch(&format!("CREATE DATABASE {name}")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (address, _) = url.rsplit_once('/').unwrap();
    let store = Store::open_server(dir.path(), &format!("{address}/{name}").parse().unwrap(), OPTIONS).unwrap();
    check(&store);
    drop(store);
    server.batch(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
}

/// Runs statements past the rooms of the store.
pub fn batch(store: &Store, sql: String) {
    store
        .write(move |tx| {
            tx.connection.batch(&sql).unwrap_or_else(|error| panic!("{sql}: {}", error.message()));
            Ok(())
        })
        .unwrap();
}

const EMPTY: &str = "
    DELETE FROM run_input; DELETE FROM tracked_dataset; DELETE FROM logged_model_metric; DELETE FROM run_metric_latest;
    DELETE FROM metric; DELETE FROM logged_model_param; DELETE FROM logged_model_tag; DELETE FROM logged_model;
    DELETE FROM run_param; DELETE FROM run_tag; DELETE FROM tracked_run; DELETE FROM registered_version_tag;
    DELETE FROM registered_version; DELETE FROM registered_model_tag; DELETE FROM registered_model;
    DELETE FROM experiment_tag; DELETE FROM experiment; ";

/// Makes the tables hold these things and nothing else. Runs and logged models are of experiment 1 or 2.
pub fn fill(store: &Store, things: &[Thing]) {
    let mut sql = EMPTY.to_owned();
    let is_in_experiments = things.first().is_none_or(|thing| thing.entity != Entity::Experiment);
    if is_in_experiments {
        sql += "INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated)
                VALUES (1, 'one', NULL, 'x', 'active', 0, 0), (2, 'two', NULL, 'x', 'active', 0, 0); ";
    }
    let mut metrics: Vec<&str> = things.iter().flat_map(|t| &t.metrics).map(|metric| metric.name.as_str()).collect();
    metrics.sort_unstable();
    metrics.dedup();
    for name in &metrics {
        let _ = write!(sql, "INSERT INTO metric (name) VALUES ({}); ", text(name));
    }
    for project in things.iter().filter_map(|thing| thing.project.clone()) {
        register(store, project.parse().unwrap());
    }
    for thing in things {
        sql += &row(thing);
        sql += &values(thing);
    }
    batch(store, sql);
}

fn register(store: &Store, project: ProjectName) {
    let event = AuditEvent {
        at: Timestamp(0),
        actor: Actor::system("test"),
        on_behalf: None,
        action: "furnish".into(),
        reason: None,
        evidence: Vec::new(),
    };
    store.write(move |tx| project::register(&tx.audited(event), &project).map(drop)).unwrap();
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literal(value: Option<&Value>) -> String {
    match value {
        Some(Value::Text(value)) => text(value),
        Some(Value::Number(number)) => number.to_string(),
        None => "NULL".to_owned(),
    }
}

fn row(thing: &Thing) -> String {
    let Thing { key, experiment, .. } = thing;
    let of = |attribute| literal(thing.attributes.get(&attribute));
    let word = |attribute| of(attribute).to_lowercase();
    let project = thing.project.as_deref().map_or("NULL".to_owned(), text);
    let lifecycle = if thing.is_deleted { "'deleted'" } else { "'active'" };
    let (created, updated) = (of(Attribute::CreationTime), of(Attribute::LastUpdateTime));
    match thing.entity {
        Entity::Run => format!(
            "INSERT INTO tracked_run (key, id, experiment, name, user_id, status, lifecycle, started, ended, artifact_uri)
             VALUES ({key}, {}, {experiment}, {}, {}, {}, {lifecycle}, {}, {}, {}); ",
            of(Attribute::RunId),
            of(Attribute::RunName),
            of(Attribute::UserId),
            word(Attribute::Status),
            of(Attribute::StartTime),
            of(Attribute::EndTime),
            of(Attribute::ArtifactUri),
        ),
        Entity::Experiment => format!(
            "INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated)
             VALUES ({key}, {}, {project}, 'x', {lifecycle}, {created}, {updated}); ",
            of(Attribute::Name),
        ),
        Entity::RegisteredModel => format!(
            "INSERT INTO registered_model (key, name, project, description, created, updated, last_number)
             VALUES ({key}, {}, {project}, '', {created}, {updated}, 0); ",
            of(Attribute::Name),
        ),
        Entity::ModelVersion => format!(
            "INSERT INTO registered_model (key, name, project, description, created, updated, last_number)
             VALUES ({key}, {}, {project}, '', 0, 0, 0);
             INSERT INTO registered_version (key, model, number, description, user_id, stage, source, run_id, run_link,
                                             logged_model, status, status_message, created, updated)
             VALUES ({key}, {key}, {}, '', '', 'None', {}, {}, '', NULL, 'ready', '', {created}, {updated}); ",
            of(Attribute::Name),
            of(Attribute::VersionNumber),
            of(Attribute::SourcePath),
            of(Attribute::RunId),
        ),
        Entity::LoggedModel => format!(
            "INSERT INTO logged_model (key, id, experiment, source_run, name, model_type, status, status_message, lifecycle,
                                       created, updated, artifact_uri)
             VALUES ({key}, {}, {experiment}, {}, {}, {}, {}, '', {lifecycle}, {created}, {updated}, 'x'); ",
            of(Attribute::ModelId),
            of(Attribute::SourceRunId),
            of(Attribute::Name),
            of(Attribute::ModelType),
            word(Attribute::Status).replace("failed", "upload_failed"),
        ),
    }
}

fn values(thing: &Thing) -> String {
    let mut sql = String::new();
    let key = thing.key;
    let (tags, owner, params) = match thing.entity {
        Entity::Run => ("run_tag", "run", "run_param"),
        Entity::Experiment => ("experiment_tag", "experiment", ""),
        Entity::RegisteredModel => ("registered_model_tag", "model", ""),
        Entity::ModelVersion => ("registered_version_tag", "version", ""),
        Entity::LoggedModel => ("logged_model_tag", "model", "logged_model_param"),
    };
    for (table, values) in [(tags, &thing.tags), (params, &thing.params)] {
        for (name, value) in values {
            let _ = write!(
                sql,
                "INSERT INTO {table} ({owner}, name, value) VALUES ({key}, {}, {}); ",
                text(name),
                text(value)
            );
        }
    }
    for metric in &thing.metrics {
        let name = format!("(SELECT key FROM metric WHERE name = {})", text(&metric.name));
        let is_nan = i32::from(metric.value.is_nan());
        let value = if metric.value.is_nan() { 0.0 } else { metric.value };
        let (step, at) = (metric.step, metric.at);
        let _ = if thing.entity == Entity::Run {
            write!(
                sql,
                "INSERT INTO run_metric_latest (run, metric, step, at, value, is_nan) VALUES ({key}, {name}, {step}, {at}, {value:?}, {is_nan}); "
            )
        } else {
            let (dataset, run) = (text(&metric.dataset), text(&metric.run));
            write!(sql, "INSERT INTO logged_model_metric (model, metric, dataset_name, dataset_digest, run, step, at, value, is_nan)
                 VALUES ({key}, {name}, {dataset}, 'd1', {run}, {step}, {at}, {value:?}, {is_nan}); ")
        };
    }
    for [name, digest, context] in &thing.datasets {
        let _ = write!(
            sql,
            "INSERT INTO tracked_dataset (experiment, name, digest, source_type, source) VALUES (1, {0}, {1}, '', '') ON CONFLICT DO NOTHING;
             INSERT INTO run_input (run, dataset, context, tags)
             SELECT {key}, key, {2}, '{{}}' FROM tracked_dataset WHERE name = {0} AND digest = {1}; ",
            text(name),
            text(digest),
            if context.is_empty() { "NULL".to_owned() } else { text(context) },
        );
    }
    sql
}
