//! Leases: which process does a chore, so that many may run the same reconcilers.
//!
//! Invariants: a lease has one holder until it runs out; its term grows whenever the holder changes, so that work done
//! under an old term can be distinguished. Out of scope: trust in clocks beyond that of the callers; hand in a
//! `now` from one clock and leave more slack than the clocks differ.

use kilter_domain::time::{Span, Timestamp};

use crate::{
    Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    // One statement, so that two who ask at once cannot both get it.
    TAKE = "take the lease": "
        INSERT INTO lease (name, holder, until, term) VALUES (:name, :holder, :until, 1)
        ON CONFLICT (name) DO UPDATE
        SET term = lease.term + CASE WHEN lease.holder <> excluded.holder OR lease.until <= :now THEN 1 ELSE 0 END,
            holder = excluded.holder, until = excluded.until
        WHERE lease.holder = excluded.holder OR lease.until <= :now";
    GIVE_BACK = "give the lease back": "
        UPDATE lease SET until = :now WHERE name = :name AND holder = :holder AND until > :now";
    FIND = "read the lease": "
        SELECT * FROM lease WHERE name = :name";
    ALL = "list leases": "
        SELECT * FROM lease ORDER BY name LIMIT :limit";
}

/// Who does a chore until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Who has it.
    pub holder: String,
    /// When it runs out.
    pub until: Timestamp,
    /// Counts the holders.
    pub term: i64,
}

/// Takes or renews a lease for `span`; `None` while another holds it.
pub fn acquire(tx: &Tx, name: &str, holder: &str, now: Timestamp, span: Span) -> Result<Option<Lease>, StoreError> {
    let params = named_params! {
        ":name": name, ":holder": holder, ":now": now.millis(), ":until": now.after(span).millis()
    };
    match tx.execute(&TAKE, params)? {
        0 => Ok(None),
        _ => find(tx, name),
    }
}

/// Gives a lease back before it runs out. One that is not held any more is left alone.
pub fn give_back(tx: &Tx, name: &str, holder: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(&GIVE_BACK, named_params! { ":name": name, ":holder": holder, ":now": now.millis() }).map(drop)
}

/// The lease, held or run out.
pub fn find(reader: &Reader, name: &str) -> Result<Option<Lease>, StoreError> {
    reader.one(&FIND, named_params! { ":name": name }, lease)
}

/// All leases by name; at most a thousand.
pub fn list(reader: &Reader) -> Result<Vec<Lease>, StoreError> {
    reader.all(&ALL, named_params! { ":limit": 1000 }, lease)
}

fn lease(row: &Row) -> database::Result<Lease> {
    Ok(Lease {
        name: row.get("name")?,
        holder: row.get("holder")?,
        until: row::time(row, "until")?,
        term: row.get("term")?,
    })
}
