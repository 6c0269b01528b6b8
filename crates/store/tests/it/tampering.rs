//! Whatever is changed behind the back of the audit log is found: each audited table × each column × update, and each row
//! deleted or copied, by someone who drops the triggers first and puts them back.

use std::{fmt::Write as _, fs};

use kilter_store::{
    DATABASE_FILE, Store,
    audit::{self, Verification},
};
use rusqlite::Connection;

use crate::{
    audited_rows::full,
    world::{World, tamper},
};

/// Columns that move without an entry, and why nobody seals them.
const UNSEALED: &[(&str, &str, &str)] = &[
    ("alert", "windows", "counts windows while the state stays"),
    ("alert", "detail", "tells of the newest window while the state stays"),
    ("token", "last_used", "is noted once a minute"),
    ("registry_webhook", "secret", "could be guessed by its digest"),
    ("run", "replica", "says whose process executes it, which its entry does not"),
    ("deployment", "replica", "says whose process was asked for it, which its entry does not"),
];

/// A file to tamper with again and again.
struct Victim {
    dir: tempfile::TempDir,
    sound: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let World { dir, store, .. } = full();
        drop(store);
        let sound = fs::read(dir.path().join(DATABASE_FILE)).unwrap();
        Self { dir, sound }
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        fs::write(self.dir.path().join(DATABASE_FILE), &self.sound).unwrap();
        let mut read = None;
        tamper(self.dir.path(), |connection| read = Some(work(connection)));
        read.unwrap()
    }

    /// What `verify` finds after `sql`, done by someone who drops all triggers first and makes them again afterwards.
    fn after(&self, sql: &str) -> Verification {
        self.read(|connection| {
            connection
                .execute_batch(
                    "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON",
                )
                .unwrap();
            let triggers = texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
            let stated = texts(connection, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
            triggers.iter().for_each(|name| connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
            connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            stated.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        });
        self.verify()
    }

    fn verify(&self) -> Verification {
        Store::open(self.dir.path()).unwrap().read(audit::verify).unwrap()
    }
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut prepared = connection.prepare(sql).unwrap();
    let rows = prepared.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A table whose rows name an entry: its columns with their types, and the conditions that find its rows.
type AuditedRows = (String, Vec<(String, String)>, Vec<String>);

/// Every one of them.
fn audited_tables(victim: &Victim) -> Vec<AuditedRows> {
    victim.read(|connection| {
        let named = "SELECT m.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                     WHERE m.type = 'table' AND c.name = 'audit_seq'";
        let tables = texts(connection, named);
        let describe = |table: String| {
            let columns = texts(connection, &format!("SELECT name || ':' || type FROM pragma_table_info('{table}')"));
            let columns = columns.iter().map(|text| text.split_once(':').unwrap());
            let columns = columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
            let rows = texts(connection, &format!("SELECT 'audit_seq = ' || audit_seq FROM {table}"));
            assert!(!rows.is_empty(), "{table} has no row to tamper with");
            (table, columns, rows)
        };
        tables.into_iter().map(describe).collect()
    })
}

fn another(column: &str, kind: &str) -> String {
    match kind {
        "INTEGER" if column == "audit_seq" => "audit_seq + 1".to_owned(),
        "INTEGER" => format!("coalesce({column}, 0) + 1000"),
        "REAL" => format!("coalesce({column}, 0.0) + 0.5"),
        "BLOB" => "randomblob(32)".to_owned(),
        _ => format!("coalesce({column}, '') || 'x'"),
    }
}

#[test]
fn a_changed_column_of_any_row_is_found_with_its_table_its_row_and_what_the_entry_says() {
    let victim = Victim::new();
    let (mut tampers, mut missed) = (0, String::new());
    for (table, columns, rows) in audited_tables(&victim) {
        for (column, kind) in columns.iter().filter(|(column, _)| column != "key") {
            if UNSEALED.iter().any(|(of, unsealed, _)| *of == table && unsealed == column) {
                continue;
            }
            for row in &rows {
                let sql = format!("UPDATE {table} SET \"{column}\" = {} WHERE {row}", another(column, kind));
                let found = victim.after(&sql);
                tampers += 1;
                let result = found.faults.iter().map(ToString::to_string).collect::<Vec<_>>();
                let names = |text: &String| text.contains(&format!("`{table}`")) || text.contains(&object_of(&table));
                if !result.iter().any(names) {
                    writeln!(missed, "{sql}: {result:?}").unwrap();
                }
            }
        }
    }
    assert!(missed.is_empty(), "of {tampers} tampers these were missed:\n{missed}");
    assert!(tampers > 200, "{tampers}");
    println!("{tampers} changed columns, each found");
}

/// How the audit log names things of a table.
fn object_of(table: &str) -> String {
    match table {
        "model_version" => "version:".to_owned(),
        "registry_webhook" => "webhook:".to_owned(),
        table => format!("{table}:"),
    }
}

#[test]
fn a_row_that_is_deleted_or_copied_is_found() {
    let victim = Victim::new();
    let (mut tampers, mut missed) = (0, String::new());
    for (table, columns, rows) in audited_tables(&victim) {
        for row in &rows {
            // A copy under a key and names of its own, that claims the same entry.
            let copied = columns.iter().map(|(column, _)| match column.as_str() {
                "key" => "NULL".to_owned(),
                "id" | "name" => format!("{column} || '-copy'"),
                "actor" | "subject" if table == "account" => format!("{column} || '-copy'"),
                "hash" => "randomblob(32)".to_owned(),
                "digest" if table == "package_signature" => "lower(hex(randomblob(32)))".to_owned(),
                "number" if ["contract", "model_version"].contains(&table.as_str()) => "number + 100".to_owned(),
                "until" => "coalesce(until, since)".to_owned(),
                "state" if table == "deployment" || table == "alert" => "'resolved'".to_owned(),
                column => format!("\"{column}\""),
            });
            let copied: Vec<String> = copied.collect();
            let copy = format!("INSERT INTO {table} SELECT {} FROM {table} WHERE {row}", copied.join(", "));
            for sql in [format!("DELETE FROM {table} WHERE {row}"), copy] {
                let found = victim.after(&sql);
                tampers += 1;
                let result: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
                let names = |text: &String| text.contains(&format!("`{table}`")) || text.contains(&object_of(&table));
                if !result.iter().any(names) {
                    writeln!(missed, "{sql}: {result:?}").unwrap();
                }
            }
        }
    }
    assert!(missed.is_empty(), "of {tampers} tampers these were missed:\n{missed}");
    println!("{tampers} deleted and copied rows, each found");
}

#[test]
fn a_changed_deleted_or_added_entry_is_found() {
    let victim = Victim::new();
    let last: i64 = victim.read(|db| db.query_row("SELECT max(seq) FROM audit", [], |row| row.get(0)).unwrap());
    let columns = [
        "at",
        "actor",
        "actor_kind",
        "on_behalf",
        "action",
        "object",
        "object_digest",
        "outcome",
        "reason_hash",
        "before",
        "after",
        "evidence",
        "body",
        "leaf",
    ];
    let mut missed = String::new();
    for seq in [1, last / 2, last] {
        for column in columns {
            let value = match column {
                "at" => "at + 1".to_owned(),
                "leaf" => "randomblob(32)".to_owned(),
                "body" => "CAST(body || x'20' AS BLOB)".to_owned(),
                "evidence" => "'[\"x\"]'".to_owned(),
                _ => format!("coalesce({column}, '') || 'x'"),
            };
            let sql = format!("UPDATE audit SET {column} = {value} WHERE seq = {seq}");
            if victim.after(&sql).is_sound() {
                writeln!(missed, "{sql}").unwrap();
            }
        }
        for sql in [
            format!("DELETE FROM audit WHERE seq = {seq}"),
            format!(
                "INSERT INTO audit SELECT {} + 1, at, actor, actor_kind, on_behalf, action, object, object_digest, outcome,
                 reason_hash, before, after, evidence, body, leaf FROM audit WHERE seq = {seq}",
                last
            ),
        ] {
            if victim.after(&sql).is_sound() {
                writeln!(missed, "{sql}").unwrap();
            }
        }
    }
    for sql in [
        "UPDATE audit_reason SET text = 'another'",
        "UPDATE audit_reason SET salt = randomblob(16)",
        "DELETE FROM audit_reason",
        "INSERT INTO audit_reason VALUES (1, randomblob(16), 'reason')",
    ] {
        if victim.after(sql).is_sound() {
            writeln!(missed, "{sql}").unwrap();
        }
    }
    assert!(missed.is_empty(), "missed:\n{missed}");
    assert!(victim.after("SELECT 1").is_sound(), "nothing was done");
}

#[test]
fn a_trigger_an_index_or_a_table_that_is_gone_changed_or_foreign_is_found_by_its_name() {
    let victim = Victim::new();
    let made = victim.read(|connection| {
        texts(
            connection,
            "SELECT type || ' ' || name FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL",
        )
    });
    assert!(made.len() > 40, "{made:?}");
    for what in &made {
        victim.read(|connection| connection.execute_batch(&format!("DROP {what}")).unwrap());
        let result = victim.verify().faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(result, [format!("the {what} is gone from the schema: what it guards can be changed unseen")]);
    }
    victim.read(|connection| {
        connection
            .execute_batch(
                "DROP TRIGGER an_entry_is_never_deleted;
                 CREATE TRIGGER an_entry_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT 1; END;
                 CREATE TRIGGER helpful AFTER INSERT ON approval BEGIN SELECT 1; END;",
            )
            .unwrap();
    });
    let result = victim.verify().faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        result,
        [
            "the trigger an_entry_is_never_deleted of the schema is not the one of this program",
            "the trigger helpful of the schema is not from this program",
        ]
    );
}

#[test]
fn what_differs_is_named_with_what_the_entry_says() {
    let victim = Victim::new();
    let result = |sql: &str| victim.after(sql).faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let approval = result("UPDATE approval SET by = 'user:eve', expires = NULL WHERE expires = 99");
    assert!(
        approval.len() == 1
            && approval[0].starts_with("table `approval`, approval:churn/1: `by`, `expires` are not what entry"),
        "{approval:?}"
    );
    assert!(approval[0].contains("(test by user:ana at 1970-01-01T00:00:00.011Z, approved)"), "{approval:?}");
    let deployment = result("UPDATE deployment SET number = 2 WHERE id = 'd-1'");
    assert!(deployment[0].contains("deployment:d-1: `number` is not what entry"), "{deployment:?}");
    assert!(deployment[0].contains("live to superseded"), "{deployment:?}");
}
