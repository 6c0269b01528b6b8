//! Whether tables, indexes and triggers are those that the migrations made: what guards the audit log must be there to guard.

use std::collections::BTreeMap;

use super::fault::Fault;
use crate::{Reader, StoreError, database::Connection, migrate, statement::statements};

statements! {
    SCHEMA = "read the schema": "
        SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
}

/// Everything in the schema by kind and name, as it was stated.
type Schema = BTreeMap<String, String>;

/// What of the schema is gone, is otherwise, or came from elsewhere.
pub(super) fn faults(reader: &Reader) -> Result<Vec<Fault>, StoreError> {
    let (found, wanted) = (read(reader)?, migrated()?);
    let gone = wanted.iter().filter_map(|(what, sql)| match found.get(what) {
        None => Some(Fault::SchemaMissing { what: what.clone() }),
        Some(other) if other != sql => Some(Fault::SchemaChanged { what: what.clone() }),
        Some(_) => None,
    });
    let foreign = found.keys().filter(|what| !wanted.contains_key(*what));
    Ok(gone.chain(foreign.map(|what| Fault::SchemaForeign { what: what.clone() })).collect())
}

fn read(reader: &Reader) -> Result<Schema, StoreError> {
    Ok(reader.all(&SCHEMA, &[], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

/// The schema as the migrations of this program make it.
fn migrated() -> Result<Schema, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of("make the schema to compare with", error.into());
    let mut connection = rusqlite::Connection::open_in_memory().map_err(failed)?;
    migrate::migrate(&mut connection, migrate::MIGRATIONS)?;
    read(&Reader::new(Connection::sqlite(connection)))
}
