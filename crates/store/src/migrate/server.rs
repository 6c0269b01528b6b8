//! Migrations of a database of PostgreSQL: the same numbers and names as those of SQLite, in its dialect.

use kilter_domain::digest::Digest;

use super::steps::{Migration, number, refuse_foreign};
use crate::{
    StoreError,
    database::{Binding, Connection, PostgresConnection, Row, named_params},
};

/// Waits for the servers that migrate at the moment.
pub(super) const TAKE_TURN: &str = "SELECT pg_advisory_lock(1263094869)";
pub(super) const END_TURN: &str = "SELECT pg_advisory_unlock(1263094869)";

const MIGRATION_TABLE: &str = "CREATE TABLE IF NOT EXISTS migration (
    number  BIGINT PRIMARY KEY,
    name    TEXT   NOT NULL,
    digest  TEXT   NOT NULL CHECK (length(digest) = 64),
    applied BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS last_commit (
    process TEXT        PRIMARY KEY,
    number  BIGINT      NOT NULL,
    written TIMESTAMPTZ NOT NULL
)";
/// By its last commit a process finds out whether it was kept, should its answer be lost. A day later nobody asks.
const FORGET_COMMITS: &str = "DELETE FROM last_commit WHERE written < now() - interval '1 day'";
const RECORD: &str = "INSERT INTO migration (number, name, digest, applied)
    VALUES (:number, :name, :digest, CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))";
const TABLES: &str = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()";
const APPLIED: &str = "SELECT name, digest FROM migration ORDER BY number";

/// Columns, constraints, indexes, triggers and functions. Names of the schema itself are left out, so that two can be
/// compared.
pub(super) const SCHEMA: &str = "
    WITH here (id, name) AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = current_schema())
    SELECT 'column ' || c.relname || '.' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attcollation)
    FROM here JOIN pg_class AS c ON c.relnamespace = here.id AND c.relkind = 'r'
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint ' || c.relname || '.' || k.conname, replace(pg_get_constraintdef(k.oid), here.name || '.', '')
    FROM here JOIN pg_constraint AS k ON k.connamespace = here.id JOIN pg_class AS c ON c.oid = k.conrelid
    UNION ALL
    SELECT 'index ' || c.relname, replace(pg_get_indexdef(c.oid), here.name || '.', '')
    FROM here JOIN pg_class AS c ON c.relnamespace = here.id AND c.relkind = 'i'
    UNION ALL
    SELECT 'trigger ' || t.tgname, concat_ws(' ', replace(pg_get_triggerdef(t.oid), here.name || '.', ''), t.tgenabled)
    FROM here JOIN pg_class AS c ON c.relnamespace = here.id
    JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'function ' || p.proname, concat_ws(' ', p.prosrc, p.provolatile)
    FROM here JOIN pg_proc AS p ON p.pronamespace = here.id
    UNION ALL
    SELECT 'view ' || c.relname, concat_ws(' ', c.relkind, pg_get_viewdef(c.oid))
    FROM here JOIN pg_class AS c ON c.relnamespace = here.id AND c.relkind IN ('v', 'm')";

/// The schema is made in a transaction that is rolled back.
pub(super) fn on_scratch_schema<T>(
    connection: &PostgresConnection,
    migrations: &[Migration],
    read: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let failed = |error| StoreError::of("make the schema to compare with", error);
    let scratch = Connection::postgres(connection.sibling().map_err(failed)?);
    let make = || {
        scratch.batch("BEGIN; CREATE SCHEMA kilter_scratch; SET LOCAL search_path TO kilter_scratch")?;
        scratch.batch(MIGRATION_TABLE)?;
        migrations.iter().try_for_each(|migration| scratch.batch(migration.postgres))
    };
    // The transaction ends with its connection.
    make().map_err(failed)?;
    read(&scratch)
}

pub(super) fn migrate(connection: &Connection, name: &str, migrations: &[Migration]) -> Result<(), StoreError> {
    let applied = applied(connection, name)?;
    refuse_foreign(&applied, migrations, |migration| migration.postgres)?;
    for (place, migration) in migrations.iter().enumerate().skip(applied.len()) {
        apply(connection, number(place), migration)?;
    }
    connection.batch(FORGET_COMMITS).map_err(|error| StoreError::of("forget old commits", error))
}

/// Names and digests of what was applied, in order. Empty for a new database.
pub(super) fn applied(connection: &Connection, name: &str) -> Result<Vec<(String, String)>, StoreError> {
    let failed = |error| StoreError::of("read which migrations were applied", error);
    let mut tables: Vec<String> = Vec::new();
    let mut keep = |row: &Row<'_>| {
        tables.push(row.get(0)?);
        Ok(true)
    };
    connection.query(TABLES, &[], Binding::All, &mut keep).map_err(failed)?;
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    if !tables.iter().any(|table| table == "migration") || !tables.iter().any(|table| table == "audit") {
        return Err(StoreError::ForeignServer { database: name.to_owned() });
    }
    let mut applied = Vec::new();
    let mut keep = |row: &Row<'_>| {
        applied.push((row.get(0)?, row.get(1)?));
        Ok(true)
    };
    connection.query(APPLIED, &[], Binding::All, &mut keep).map_err(failed)?;
    Ok(applied)
}

fn apply(connection: &Connection, number: u32, migration: &Migration) -> Result<(), StoreError> {
    let migrating = || {
        connection.begin_migration()?;
        connection.batch(MIGRATION_TABLE)?;
        connection.batch(migration.postgres)?;
        let digest = Digest::of(migration.postgres.as_bytes()).to_string();
        let params = named_params! { ":number": number, ":name": migration.name, ":digest": digest };
        connection.execute(RECORD, params, Binding::All)?;
        connection.commit()
    };
    migrating().map_err(|error| {
        drop(connection.roll_back());
        match StoreError::of("migrate the database", error) {
            StoreError::Sql { attempted, source } => {
                StoreError::Sql { attempted: format!("{attempted} to {number} ({})", migration.name), source }
            }
            other => other,
        }
    })
}
