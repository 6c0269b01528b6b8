//! Wall clocks that were ahead: what they wrote lies in the future until the time comes, and would be waited for.
//!
//! Invariants: nothing is rewritten. That the clock was found set back is an entry of the audit log, and what was written
//! before that entry happened at the latest when it was made.

use kilter_domain::time::Timestamp;

use crate::{
    PageRequest, Reader, StoreError,
    audit::{self, AuditedTx, Change},
    database::named_params,
    statement::statements,
};

/// The name of the clock in the audit log.
const OBJECT: &str = "clock";
/// Set-backs that are looked through, newest first.
const MAX_SET_BACKS: u32 = 100;

statements! {
    NEWEST_TIME = "read the newest time of the audit log": "
        SELECT max(at) FROM (
            SELECT at FROM audit
            WHERE seq > coalesce((SELECT max(seq) FROM audit WHERE object = 'clock'), 0)
            ORDER BY seq DESC LIMIT 1000
        ) AS newest";
    AT_THE_LATEST = "read when something happened at the latest": "
        SELECT min(at) FROM audit WHERE seq = :seq OR (object = 'clock' AND seq > :seq)";
}

/// That the clock was found to have been ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBack {
    /// When that was found.
    pub at: Timestamp,
    /// The newest time that was written before.
    pub from: Timestamp,
}

impl SetBack {
    /// Whether times that the clock wrote before it was set back may lie after `now`.
    pub fn is_between(&self, now: Timestamp) -> bool {
        (self.at..self.from).contains(&now)
    }
}

/// The newest time in the audit log since the clock was last found set back; of a thousand entries at most.
pub fn newest_time(reader: &Reader) -> Result<Option<Timestamp>, StoreError> {
    Ok(reader.one(&NEWEST_TIME, &[], |row| row.get::<_, Option<i64>>(0))?.flatten().map(Timestamp))
}

/// Records that the clock, which had come to `from`, is set back to the time of the entry.
pub fn record_set_back(audited: &AuditedTx, from: Timestamp) -> Result<u64, StoreError> {
    let (before, after) = (from.to_string(), audited.at().to_string());
    audited.record_change(&Change { before: Some(&before), after: Some(&after), ..Change::of(OBJECT) })
}

/// When the clock was found set back, newest first; at most a hundred times.
pub fn set_backs(reader: &Reader) -> Result<Vec<SetBack>, StoreError> {
    let entries = audit::list_of_object(reader, OBJECT, &PageRequest::first(MAX_SET_BACKS))?.items;
    let set_back = |record: audit::Record| {
        let from = record.entry.before?.parse().ok()?;
        Some(SetBack { at: record.entry.at, from })
    };
    Ok(entries.into_iter().filter_map(set_back).collect())
}

/// When at the latest something happened that was written with the entry `seq`: its time, or when the clock was found set
/// back after it.
pub fn at_the_latest(reader: &Reader, seq: u64) -> Result<Option<Timestamp>, StoreError> {
    let found = reader.one(&AT_THE_LATEST, named_params! { ":seq": seq }, |row| row.get::<_, Option<i64>>(0))?;
    Ok(found.flatten().map(Timestamp))
}
