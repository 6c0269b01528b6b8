//! The servers that share a database: their numbers, which of them live, and how far each has sealed what it answered.
//!
//! Invariants: a number is given once, to one data folder, which knows itself by an id; a replica lives while its lease
//! `server/NUMBER` does. Out of scope: the data folder.

use std::collections::BTreeSet;

use kilter_domain::{replica::ReplicaId, time::Timestamp};

use crate::{
    Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    INSERT = "record the replica": "
        INSERT INTO replica (number, id, made) VALUES (:number, :id, :made)";
    BY_ID = "read the replica": "
        SELECT * FROM replica WHERE id = :id";
    NEXT = "find the next number of a replica": "
        SELECT max(number) + 1 FROM replica";
    FIND = "read the replica": "
        SELECT * FROM replica WHERE number = :number";
    LIVING = "list the replicas that live": "
        SELECT replica.* FROM replica JOIN lease ON lease.name = 'server/' || replica.number
        WHERE lease.until > :now ORDER BY number LIMIT 1000";
    STORED_IN = "write where the bytes of a replica lie": "
        UPDATE replica SET storage = :storage WHERE number = :number AND storage IS DISTINCT FROM :storage";
    SEALED = "write how far a replica has sealed": "
        UPDATE replica SET sealed_until = :until WHERE number = :number";
}

/// A server among those that share the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Its number.
    pub number: ReplicaId,
    /// What its data folder knows itself by.
    pub id: String,
    /// When it was recorded.
    pub made: Timestamp,
    /// Everything that it answered before this time stands in partitions; `None` where it answers nobody.
    pub sealed_until: Option<Timestamp>,
    /// Where its packages and partitions lie; `None`: in its data folder.
    pub storage: Option<String>,
}

/// The name of the lease by which a replica lives.
pub fn lease_name(replica: ReplicaId) -> String {
    format!("server/{replica}")
}

/// The number of the data folder that knows itself by `id`. A new one gets the next number: from 1, and 0 for a folder from
/// before there were numbers (`is_older`), whose log begins there.
///
/// # Errors
/// When no number is left.
pub fn register(tx: &Tx, id: &str, is_older: bool) -> Result<ReplicaId, StoreError> {
    if let Some(known) = find_by_id(tx, id)? {
        return Ok(known.number);
    }
    let next: Option<i64> = tx.one(&NEXT, &[], |row| row.get(0))?.flatten();
    let number = next.unwrap_or(i64::from(!is_older)).max(i64::from(!is_older));
    let number = u32::try_from(number).ok().and_then(ReplicaId::new).ok_or(StoreError::TooManyReplicas)?;
    let made = tx.database_time()?;
    tx.execute(&INSERT, named_params! { ":number": number.number(), ":id": id, ":made": made.millis() })?;
    Ok(number)
}

/// The replica with this number, if there is one.
pub fn find(reader: &Reader, number: ReplicaId) -> Result<Option<Replica>, StoreError> {
    reader.one(&FIND, named_params! { ":number": number.number() }, replica)
}

/// The replica whose data folder knows itself by this id, if there is one.
pub fn find_by_id(reader: &Reader, id: &str) -> Result<Option<Replica>, StoreError> {
    reader.one(&BY_ID, named_params! { ":id": id }, replica)
}

/// The replicas that live, by the clock of the database; at most a thousand.
pub fn list_living(reader: &Reader) -> Result<Vec<Replica>, StoreError> {
    let now = reader.database_time()?;
    reader.all(&LIVING, named_params! { ":now": now.millis() }, replica)
}

/// The numbers of the replicas that live; none on a file.
pub fn living_numbers(reader: &Reader) -> Result<BTreeSet<ReplicaId>, StoreError> {
    Ok(list_living(reader)?.into_iter().map(|living| living.number).collect())
}

/// Writes where the bytes of this replica lie.
pub fn note_storage(tx: &Tx, storage: Option<&str>) -> Result<(), StoreError> {
    tx.execute(&STORED_IN, named_params! { ":number": tx.replica(), ":storage": storage }).map(drop)
}

/// Writes how far a replica has sealed what it answered.
pub(crate) fn note_sealed(tx: &Tx, until: Option<Timestamp>) -> Result<(), StoreError> {
    let params = named_params! { ":number": tx.replica(), ":until": until.map(Timestamp::millis) };
    tx.execute(&SEALED, params).map(drop)
}

fn replica(row: &Row) -> database::Result<Replica> {
    Ok(Replica {
        number: row::replica(row, "number")?,
        id: row.get("id")?,
        made: row::time(row, "made")?,
        sealed_until: row::maybe_time(row, "sealed_until")?,
        storage: row.get("storage")?,
    })
}
