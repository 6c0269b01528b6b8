//! Leases: which process does a chore, so that many may run the same reconcilers.
//!
//! Invariants: a lease has one holder until it runs out; its term grows whenever the holder changes, so that work done
//! under an old term can be distinguished. Out of scope: trust in clocks beyond that of the callers; hand in a
//! `now` from one clock and leave more slack than the clocks differ.
//!
//! A holder is named `PLACE#PROCESS`. A process takes over at once what an earlier one held in the same place: two that have
//! a place at the same time are kept apart by its lock. Renewals wait for no write and wake nobody. Writes of all servers follow
//! each other, and so do the changes of holders, which are writes: a write that finds its lease is not overtaken before it is
//! committed.

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
        WHERE lease.holder = excluded.holder OR lease.until <= :now
           OR substr(lease.holder, 1, length(:place)) = :place";
    RENEW = "renew the lease": "
        UPDATE lease SET until = :until WHERE name = :name AND holder = :holder AND term = :term";
    IS_HELD = "find the lease of a write": "
        SELECT 1 FROM lease WHERE name = :name AND holder = :holder AND term = :term";
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
    let place = format!("{}#", holder.split('#').next().unwrap_or(holder));
    let params = named_params! {
        ":name": name, ":holder": holder, ":now": now.millis(), ":until": now.after(span).millis(), ":place": place
    };
    match tx.execute(&TAKE, params)? {
        0 => Ok(None),
        _ => find(tx, name),
    }
}

/// Fails where the lease is another holder's by now.
pub(crate) fn check(tx: &Tx, lease: &Lease) -> Result<(), StoreError> {
    let params = named_params! { ":name": lease.name, ":holder": lease.holder, ":term": lease.term };
    match tx.one(&IS_HELD, params, |_| Ok(()))? {
        Some(()) => Ok(()),
        None => Err(StoreError::LeaseLost { name: lease.name.clone() }),
    }
}

/// Renews leases by the clock of the database, also those that ran out and that nobody took; the names of those that others have.
pub(crate) fn renew(tx: &Tx, leases: &[Lease], span: Span) -> Result<Vec<String>, StoreError> {
    let until = tx.database_time()?.after(span).millis();
    let mut lost = Vec::new();
    for lease in leases {
        let params = named_params! {
            ":name": lease.name, ":holder": lease.holder, ":term": lease.term, ":until": until
        };
        if tx.execute(&RENEW, params)? == 0 {
            lost.push(lease.name.clone());
        }
    }
    Ok(lost)
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
