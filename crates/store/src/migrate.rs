//! Forward-only migrations: numbered files, built in, applied once each, remembered with their digest.
//!
//! Invariants: a database of any earlier level opens; one of a later level, one migrated by other files, or one that
//! is not ours is refused and left as it was. Each migration is one transaction.

use std::path::Path;

use kilter_domain::digest::Digest;
use rusqlite::{ErrorCode, OptionalExtension, Transaction, TransactionBehavior};

use crate::{StoreError, database::Connection};

mod server;
pub(crate) mod steps;

pub(crate) use self::steps::{MADE_AT, MIGRATIONS, Migration};
use self::steps::{number, refuse_foreign};

/// `KILT`: marks a SQLite file as ours.
const APPLICATION_ID: i64 = 0x4b49_4c54;

const MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    number  INTEGER PRIMARY KEY,
    name    TEXT    NOT NULL,
    digest  TEXT    NOT NULL CHECK (length(digest) = 64),
    applied INTEGER NOT NULL
) STRICT";

const RECORD: &str = "INSERT INTO migration (number, name, digest, applied)
    VALUES (?1, ?2, ?3, CAST(unixepoch('subsec') * 1000 AS INTEGER))";

/// Brings the database up to the last of `migrations`.
pub(crate) fn migrate(connection: &mut rusqlite::Connection, migrations: &[Migration]) -> Result<(), StoreError> {
    let applied = applied(connection)?;
    refuse_foreign(&applied, migrations, |migration| migration.sqlite)?;
    for (place, migration) in migrations.iter().enumerate().skip(applied.len()) {
        apply(connection, number(place), migration)?;
    }
    Ok(())
}

/// Refuses a database of another level: one that is only read is not brought up to date.
pub(crate) fn check_is_current(connection: &rusqlite::Connection) -> Result<(), StoreError> {
    let applied = applied(connection)?;
    refuse_foreign(&applied, MIGRATIONS, |migration| migration.sqlite)?;
    if applied.len() == MIGRATIONS.len() { Ok(()) } else { Err(StoreError::OlderSchema) }
}

/// Refuses a file that is not ours, before anything is written into it.
pub(crate) fn recognise(connection: &rusqlite::Connection, path: &Path) -> Result<(), StoreError> {
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let marks = read("PRAGMA application_id").and_then(|id| Ok((id, read("SELECT count(*) FROM sqlite_schema")?)));
    match marks {
        Ok((APPLICATION_ID, _) | (0, 0)) => Ok(()),
        Ok(_) => Err(StoreError::ForeignDatabase { path: path.to_owned() }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(StoreError::ForeignDatabase { path: path.to_owned() })
        }
        Err(error) => Err(StoreError::of("open the database", error.into())),
    }
}

/// Names and digests of what was applied, in order. Empty for a new file.
pub(crate) fn applied(connection: &rusqlite::Connection) -> Result<Vec<(String, String)>, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of("read which migrations were applied", error.into());
    if !connection.table_exists(None, "migration").map_err(failed)? {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT name, digest FROM migration ORDER BY number").map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}

fn apply(connection: &mut rusqlite::Connection, number: u32, migration: &Migration) -> Result<(), StoreError> {
    let mut migrating = || -> rusqlite::Result<()> {
        let tx = Transaction::new(connection, TransactionBehavior::Immediate)?;
        if number == 1 {
            tx.execute_batch(MIGRATION_TABLE)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        tx.execute_batch(migration.sqlite)?;
        let digest = Digest::of(migration.sqlite.as_bytes()).to_string();
        tx.execute(RECORD, (number, migration.name, digest))?;
        no_dangling_references(&tx)?;
        tx.commit()
    };
    migrating().map_err(|error| match StoreError::of("migrate the database", error.into()) {
        StoreError::Sql { attempted, source } => {
            StoreError::Sql { attempted: format!("{attempted} to {} ({})", number, migration.name), source }
        }
        other => other,
    })
}

/// A migration that rebuilds a table must not lose what others point at.
fn no_dangling_references(tx: &Transaction) -> rusqlite::Result<()> {
    let dangling: Option<String> = tx.query_row("PRAGMA foreign_key_check", [], |row| row.get(0)).optional()?;
    match dangling {
        None => Ok(()),
        Some(table) => Err(rusqlite::Error::InvalidParameterName(format!("`{table}` has dangling references"))),
    }
}

/// The statement that lists everything in the schema: kind and name, and how it was stated.
pub(crate) const fn schema_query(connection: &Connection) -> &'static str {
    match connection {
        Connection::Sqlite(_) => {
            "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Connection::Postgres(_) => server::SCHEMA,
    }
}

/// Runs `read` on a schema that the migrations of this program have just made, beside that of `connection`. Nothing stays
/// of it.
pub(crate) fn on_scratch_schema<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match connection {
        Connection::Sqlite(_) => {
            let failed = |error: rusqlite::Error| StoreError::of("make the schema to compare with", error.into());
            let mut scratch = rusqlite::Connection::open_in_memory().map_err(failed)?;
            migrate(&mut scratch, MIGRATIONS)?;
            read(&Connection::sqlite(scratch))
        }
        Connection::Postgres(connection) => server::on_scratch_schema(connection, MIGRATIONS, read),
    }
}

/// Brings the database of a server up to the last migration. Servers that start together do it one after the other.
pub(crate) fn migrate_server(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let failed = |error| StoreError::of("migrate the database", error);
    connection.batch(server::TAKE_TURN).map_err(failed)?;
    let migrated = server::migrate(connection, name, MIGRATIONS);
    // The turn ends with the session, whatever the answer.
    drop(connection.batch(server::END_TURN));
    migrated
}

/// Refuses to write what a newer program has changed the schema of: it reads that differently.
pub(crate) fn refuse_newer(level: Option<u32>) -> Result<(), StoreError> {
    let known = number(MIGRATIONS.len() - 1);
    match level {
        Some(found) if found > known => Err(StoreError::NewerSchema { found, known }),
        _ => Ok(()),
    }
}

/// As [`check_is_current`], for the database of a server.
pub(crate) fn check_server_is_current(connection: &Connection, name: &str) -> Result<(), StoreError> {
    let applied = server::applied(connection, name)?;
    refuse_foreign(&applied, MIGRATIONS, |migration| migration.postgres)?;
    if applied.len() == MIGRATIONS.len() { Ok(()) } else { Err(StoreError::OlderSchema) }
}

#[cfg(test)]
mod tests {
    use kilter_domain::{
        actor::Actor,
        audit::{Entry, Outcome},
        time::Timestamp,
    };
    use rusqlite::Connection;
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::{DATABASE_FILE, Store, audit, project, writer};

    fn database(dir: &Path) -> Connection {
        writer::connect(&dir.join(DATABASE_FILE), crate::Durability::Full).unwrap()
    }

    fn refusal(dir: &Path) -> StoreError {
        let before = std::fs::read(dir.join(DATABASE_FILE)).unwrap();
        let error = Store::open(dir).err().expect("it must be refused");
        assert_eq!(std::fs::read(dir.join(DATABASE_FILE)).unwrap(), before, "a refused file is left as it was");
        error
    }

    /// Puts into a database of `level` what such a one could hold: an entry, and the project that it is about.
    fn furnish(connection: &Connection, level: usize) {
        let entry = Entry {
            seq: 1,
            at: Timestamp(1),
            actor: Actor::system("test"),
            on_behalf: None,
            action: "project.register".into(),
            // Before there are projects, an entry is about nothing that has a row.
            object: if level >= 2 { "project:churn".into() } else { "test:audit".into() },
            object_digest: None,
            outcome: Outcome::Done,
            before: None,
            after: Some("registered".into()),
            reason_hash: None,
            evidence: Vec::new(),
        };
        if level >= 1 {
            let body = entry.canonical();
            let leaf: [u8; 32] = Sha256::new().chain_update([0]).chain_update(&body).finalize().into();
            let sql =
                "INSERT INTO audit (seq, at, actor, actor_kind, action, object, outcome, after, evidence, body, leaf)
                       VALUES (1, 1, 'system:test', 'system', 'project.register', ?3, 'done', 'registered',
                               '[]', ?1, ?2)";
            connection.execute(sql, rusqlite::params![body, leaf.as_slice(), entry.object]).unwrap();
        }
        if level >= 2 {
            connection.execute("INSERT INTO project (name, created, audit_seq) VALUES ('churn', 1, 1)", []).unwrap();
        }
    }

    #[test]
    fn a_database_of_every_earlier_level_opens_with_all_that_was_in_it() {
        for level in 0..=MIGRATIONS.len() {
            let dir = tempfile::tempdir().unwrap();
            let mut old = database(dir.path());
            migrate(&mut old, &MIGRATIONS[..level]).unwrap();
            furnish(&old, level);
            drop(old);
            let store = Store::open(dir.path()).unwrap();
            let found = store.read(audit::verify).unwrap();
            assert_eq!((found.is_sound(), found.entries), (true, u64::from(level >= 1)), "{:?}", found.faults);
            let project = store.read(|reader| project::find(reader, &"churn".parse().unwrap())).unwrap();
            assert_eq!(project.is_some(), level >= 2, "from level {level}");
            drop(store);
            assert_eq!(applied(&database(dir.path())).unwrap().len(), MIGRATIONS.len(), "from level {level}");
        }
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        let before = applied(&database(dir.path())).unwrap();
        drop(Store::open(dir.path()).unwrap());
        assert_eq!(applied(&database(dir.path())).unwrap(), before);
    }

    #[test]
    fn a_newer_schema_is_refused_and_says_which_one_it_is() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        database(dir.path()).execute(RECORD, (99, "0099_of_tomorrow", "0".repeat(64))).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, StoreError::NewerSchema { found, known } if found == known + 1), "{error}");
    }

    #[test]
    fn a_migration_that_was_edited_after_it_was_applied_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let edited = [Migration { name: "0001_audit_log", sqlite: "CREATE TABLE audit (seq INTEGER)", postgres: "" }];
        migrate(&mut database(dir.path()), &edited).unwrap();
        let error = refusal(dir.path());
        assert!(matches!(error, StoreError::ForeignMigration { number: 1, .. }), "{error}");
    }

    #[test]
    fn a_migration_that_fails_leaves_the_level_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let broken = [
            Migration { name: "0001_good", sqlite: "CREATE TABLE good (a INTEGER)", postgres: "" },
            Migration {
                name: "0002_broken",
                sqlite: "CREATE TABLE half (a INTEGER); CREATE TABLE half (a INTEGER)",
                postgres: "",
            },
        ];
        let mut connection = database(dir.path());
        let error = migrate(&mut connection, &broken).unwrap_err();
        assert!(error.to_string().contains("0002_broken"), "{error}");
        assert_eq!(applied(&connection).unwrap().len(), 1);
        assert!(connection.prepare("SELECT * FROM half").is_err());
    }

    #[test]
    fn files_that_are_not_ours_are_refused_and_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(DATABASE_FILE);
        std::fs::write(&path, "my shopping list, longer than any header of a database".repeat(30)).unwrap();
        assert!(matches!(refusal(dir.path()), StoreError::ForeignDatabase { .. }));

        std::fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(refusal(dir.path()), StoreError::ForeignDatabase { .. }));
        let _ = std::fs::remove_file(path);
    }
}
