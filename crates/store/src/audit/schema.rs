//! Whether tables, indexes and triggers are those that the migrations made: what guards the audit log must be there to guard.

use std::collections::BTreeMap;

use super::fault::Fault;
use crate::{
    Reader, StoreError,
    database::{Binding, Connection, Row},
    migrate,
};

/// Everything in the schema by kind and name, as it was stated.
type Schema = BTreeMap<String, String>;

/// What of the schema is gone, is otherwise, or came from elsewhere.
pub(super) fn faults(reader: &Reader) -> Result<Vec<Fault>, StoreError> {
    let found = read(&reader.connection)?;
    let wanted = migrate::on_scratch_schema(&reader.connection, read)?;
    let gone = wanted.iter().filter_map(|(what, sql)| match found.get(what) {
        None => Some(Fault::SchemaMissing { what: what.clone() }),
        Some(other) if other != sql => Some(Fault::SchemaChanged { what: what.clone() }),
        Some(_) => None,
    });
    let foreign = found.keys().filter(|what| !wanted.contains_key(*what));
    Ok(gone.chain(foreign.map(|what| Fault::SchemaForeign { what: what.clone() })).collect())
}

fn read(connection: &Connection) -> Result<Schema, StoreError> {
    let mut schema = Schema::new();
    let mut keep = |row: &Row<'_>| {
        schema.insert(row.get(0)?, row.get(1)?);
        Ok(true)
    };
    let sql = migrate::schema_query(connection);
    connection.query(sql, &[], Binding::All, &mut keep).map_err(|error| StoreError::of("read the schema", error))?;
    Ok(schema)
}
