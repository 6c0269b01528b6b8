//! The statements: each prepares on both databases, none has a text of a client in it, and none reads a whole table.

use std::time::{Duration, Instant};

use super::*;
use crate::{
    database::{Connection, Dialect},
    search::compile::compile,
};

const FORMS: [&str; 14] = [
    "= 'x'",
    "!= 'x'",
    "LIKE 'x%'",
    "ILIKE 'x%'",
    "IN ('x', 'y')",
    "NOT IN ('x')",
    "IS NULL",
    "IS NOT NULL",
    "= 1",
    "!= 1",
    "< 1",
    "<= 1",
    "> 1",
    ">= 1",
];
const KEYS: [&str; 25] = [
    "metrics.k",
    "params.k",
    "tags.k",
    "dataset.name",
    "dataset.digest",
    "dataset.context",
    "run_id",
    "run_name",
    "status",
    "user_id",
    "artifact_uri",
    "start_time",
    "end_time",
    "name",
    "experiment_id",
    "creation_time",
    "last_update_time",
    "source_path",
    "version_number",
    "model_id",
    "model_type",
    "source_run_id",
    "creation_timestamp",
    "last_updated_timestamp",
    "timestamp",
];

fn every_key_and_operator_prepares(store: &Store) {
    let (mut filters, mut orders) = (0, 0);
    for entity in ENTITIES {
        for key in KEYS {
            for form in FORMS {
                for filter in [format!("{key} {form}"), format!("NOT ({key} {form} OR NOT {key} {form})")] {
                    if let Ok(search) = Search::parse(everything(entity), &filter, &[]) {
                        assert_eq!(page(store, &search, 0, 10).next, None, "{filter}");
                        filters += 1;
                    }
                }
            }
            for direction in ["ASC", "DESC"] {
                if let Ok(search) = Search::parse(everything(entity), "", &[format!("{key} {direction}")]) {
                    page(store, &search, 0, 10);
                    orders += 1;
                }
            }
        }
        if entity == Entity::Experiment {
            for filter in ["experiment_id = '1'", "experiment_id IN ('1', '2')"] {
                keys(store, everything(entity), filter, &[]);
            }
        }
    }
    // 200 pairs of a key and an operator, each alone and negated: a key that is lost or added changes the number.
    assert_eq!((filters, orders), (400, 68));
}

/// What someone may write who hopes that it becomes part of a statement.
const HOSTILE: [&str; 10] = [
    "'; DROP TABLE tracked_run; --",
    "x' OR '1'='1",
    "x\" OR \"1\"=\"1",
    "') OR EXISTS (SELECT 1 FROM tracked_run) --",
    "?1",
    "$1",
    ":name",
    "\\'; DELETE FROM run_tag; --",
    "%' ESCAPE '\\",
    "/*",
];

fn hostile_texts_are_only_values(store: &Store) {
    let mut runs = three_runs();
    for (place, hostile) in HOSTILE.iter().enumerate() {
        runs[place % 3].tags.insert((*hostile).to_owned(), (*hostile).to_owned());
        runs[place % 3].params.insert((*hostile).to_owned(), "p".to_owned());
    }
    fill(store, &runs);
    let scope = || everything(Entity::Run);
    for (place, hostile) in HOSTILE.iter().enumerate() {
        let key = format!("`{}`", hostile.replace('`', "``"));
        let value = format!("'{}'", hostile.replace('\'', "''"));
        let owner = i64::try_from(place % 3).unwrap() + 1;
        assert_eq!(keys(store, scope(), &format!("tags.{key} = {value}"), &[]), [owner], "{hostile}");
        assert_eq!(keys(store, scope(), &format!("params.{key} IS NOT NULL"), &[]), [owner]);
        for filter in [
            format!("run_id = {value}"),
            format!("run_id IN ({value})"),
            format!("metrics.{key} > 0"),
            format!("params.a LIKE {value}"),
        ] {
            assert_eq!(keys(store, scope(), &filter, &[]), [0_i64; 0], "{filter}");
        }
        let sorted = keys(store, scope(), "", &[&format!("tags.{key} DESC"), &format!("metrics.{key}")]);
        assert_eq!(sorted[0], owner);
        assert_eq!(sorted.len(), 3, "nothing was deleted");
    }
}

#[test]
fn a_statement_is_the_same_whatever_the_names_and_values() {
    let text = |dialect, name: &str, value: &str| {
        let (name, quoted) = (name.replace('`', "``"), value.replace('\'', "''"));
        let filter = format!(
            "metrics.`{name}` > 1 AND (params.`{name}` = '{quoted}' OR NOT tags.`{name}` LIKE '{quoted}') \
             AND run_id IN ('{quoted}') AND dataset.name ILIKE '{quoted}'"
        );
        let order = [format!("metrics.`{name}` DESC"), format!("tags.`{name}`")];
        let search = Search::parse(everything(Entity::Run), &filter, &order).unwrap();
        compile(dialect, &search, 0, 10).sql
    };
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let plain = text(dialect, "a", "x");
        for hostile in HOSTILE {
            assert_eq!(text(dialect, hostile, hostile), plain);
        }
    }
}

fn a_hostile_pattern_costs_little(store: &Store) {
    let mut runs = three_runs();
    runs[0].params.insert("long".to_owned(), "a".repeat(6_000));
    fill(store, &runs);
    let started = Instant::now();
    for operator in ["LIKE", "ILIKE"] {
        let filter = format!("params.long {operator} '{}b'", "%a".repeat(4_000));
        assert_eq!(keys(store, everything(Entity::Run), &filter, &[]), [0_i64; 0]);
    }
    println!("two patterns of 4,000 wildcards on 6,000 letters: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20), "it grows faster than the product of the lengths");
}

/// How SQLite reads its tables for a search.
fn plan(store: &Store, search: &Search) -> Vec<String> {
    store
        .read(|reader| {
            let statement = compile(Dialect::Sqlite, search, 0, 10);
            let mut steps = Vec::new();
            let Connection::Sqlite(_) = &reader.connection else { panic!("a plan of SQLite") };
            let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let explained = reader.connection.query_once(&sql, &statement.values, &mut |row| {
                steps.push(row.get::<_, String>(3)?);
                Ok(true)
            });
            explained.unwrap();
            Ok(steps)
        })
        .unwrap()
}

#[test]
fn what_was_logged_is_looked_up_by_key_and_never_scanned() {
    fixture::on_sqlite(|store| {
        let filter = "metrics.auc > 0.5 AND NOT (params.lr = '0.1' OR tags.a LIKE 'x%') AND dataset.name = 'd'";
        let order = ["metrics.auc DESC".to_owned(), "params.lr".to_owned(), "tags.a".to_owned()];
        let one = Scope::Runs { experiments: vec![ExperimentId(1)], view: View::Active };
        for scope in [one, everything(Entity::Run)] {
            let steps = plan(store, &Search::parse(scope, filter, &order).unwrap());
            let scans = |step: &&String| step.starts_with("SCAN") && !step.contains("json_each");
            assert_eq!(steps.iter().find(scans), None, "{steps:#?}");
            assert!(steps.iter().any(|step| step.contains("run_metric_latest") || step.contains("PRIMARY KEY (run=? AND metric=?)")), "{steps:#?}");
        }
        let logged = Search::parse(
            everything(Entity::LoggedModel),
            "metrics.auc > 0.5 AND params.a = 'x'",
            &["metrics.auc".to_owned()],
        );
        let steps = plan(store, &logged.unwrap());
        let scans =
            |step: &&String| step.starts_with("SCAN") && !step.contains("json_each") && !step.contains("CONSTANT");
        assert_eq!(steps.iter().find(scans), None, "{steps:#?}");
    });
}

#[test]
fn the_default_order_of_one_experiment_is_read_from_its_index() {
    fixture::on_sqlite(|store| {
        let scope = Scope::Runs { experiments: vec![ExperimentId(1)], view: View::Active };
        let steps = plan(store, &Search::parse(scope, "metrics.auc > 0.5", &[]).unwrap());
        assert!(steps.iter().any(|step| step.contains("tracked_run_by_start (experiment=?)")), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "nothing is sorted: {steps:#?}");
    });
}

/// 100,000 runs with ten metrics, five parameters and five tags each.
const RUNS: u32 = 100_000;

fn many_runs(dialect: Dialect, runs: u32) -> String {
    let numbers = match dialect {
        Dialect::Sqlite => format!(
            "(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {runs}) SELECT value FROM n)"
        ),
        Dialect::Postgres => format!("(SELECT value FROM generate_series(1, {runs}) AS s (value))"),
    };
    let ten = "(SELECT key FROM metric) AS m";
    format!(
        "INSERT INTO experiment (key, name, project, artifact_location, lifecycle, created, updated) VALUES (1, 'one', NULL, 'x', 'active', 0, 0);
         INSERT INTO metric (key, name) SELECT value, 'm' || value FROM {numbers} AS n WHERE value <= 10;
         INSERT INTO tracked_run (key, id, experiment, name, user_id, status, lifecycle, started, ended, artifact_uri)
         SELECT value, 'run-' || value, 1, 'name-' || value, 'u', 'finished', 'active', value * 1000, value * 1000 + 500, 'x' FROM {numbers} AS n;
         INSERT INTO run_metric_latest (run, metric, step, at, value, is_nan)
         SELECT n.value, m.key, 1, 1, CAST((n.value * 7919 * m.key) % 10007 AS DOUBLE PRECISION) / 10007, 0 FROM {numbers} AS n CROSS JOIN {ten};
         INSERT INTO run_param (run, name, value) SELECT n.value, 'p' || m.key, '0.' || ((n.value * m.key) % 10) FROM {numbers} AS n CROSS JOIN {ten} WHERE m.key <= 5;
         INSERT INTO run_tag (run, name, value) SELECT n.value, 't' || m.key, 'v' || (n.value % 100) FROM {numbers} AS n CROSS JOIN {ten} WHERE m.key <= 5;"
    )
}

fn figures(store: &Store) {
    let dialect = store.read(|reader| Ok(reader.dialect())).unwrap();
    for runs in [10_000, RUNS] {
        fill(store, &[]);
        batch(store, "DELETE FROM experiment;".to_owned());
        batch(store, many_runs(dialect, runs));
        if dialect == Dialect::Postgres {
            batch(store, "ANALYZE;".to_owned());
        }
        for (what, filter, order) in [
            ("newest", "", ""),
            ("metric and param, newest", "metrics.m3 > 0.5 AND params.p2 = '0.4'", ""),
            ("metric and param, best", "metrics.m3 > 0.5 AND params.p2 = '0.4'", "metrics.m3 DESC"),
            ("metric or tag, best", "metrics.m3 > 0.9 OR NOT tags.t1 != 'v7'", "metrics.m1 DESC"),
            ("rare tag", "tags.t2 = 'v99' AND params.p1 = '0.9'", ""),
            ("nothing is found", "metrics.m3 > 2", "metrics.m3 DESC"),
            ("pattern", "params.p3 LIKE '%7' AND run_name ILIKE 'NAME-%5'", "run_name"),
        ] {
            let scope = Scope::Runs { experiments: vec![ExperimentId(1)], view: View::Active };
            let order: Vec<String> =
                Some(order).filter(|order| !order.is_empty()).map(str::to_owned).into_iter().collect();
            let search = Search::parse(scope, filter, &order).unwrap();
            let mut times: Vec<Duration> = (0..5)
                .map(|_| {
                    let started = Instant::now();
                    page(store, &search, 0, 1_000);
                    started.elapsed()
                })
                .collect();
            times.sort_unstable();
            let found = page(store, &search, 0, 1_000).keys.len();
            println!("{dialect:?}, {runs} runs, {what}: {found} found, median {:?}, worst {:?}", times[2], times[4]);
        }
    }
}

#[test]
#[ignore = "prints figures; cargo test -p kilter-store -- --ignored figures --nocapture"]
fn figures_on_sqlite() {
    fixture::on_sqlite(figures);
}

#[test]
#[ignore = "prints figures; cargo test -p kilter-store -- --ignored figures --nocapture"]
fn figures_on_postgres() {
    fixture::on_postgres(figures);
}

both_databases! {
    every_key_and_operator_prepares,
    hostile_texts_are_only_values,
    a_hostile_pattern_costs_little,
}
