//! Entries of the audit log: written with the change that they record, read back by number, object and actor.

use kilter_domain::{
    actor::Actor,
    audit::{Entry, Outcome},
    merkle::{self, Hash},
    time::Timestamp,
};

use super::{hash, row_digest::RowDigest, tree};
use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

pub(super) const LIST: &str = "audit";

pub(super) const MAX_REASON_BYTES: usize = 16 * 1024;

pub(super) const MAX_EVIDENCE: usize = 1000;

statements! {
    INSERT = "write a audit entry": "
        INSERT INTO audit (seq, at, actor, actor_kind, on_behalf, action, object, object_digest, outcome,
                           reason_hash, before, after, evidence, body, leaf)
        VALUES (:seq, :at, :actor, :actor_kind, :on_behalf, :action, :object, :object_digest, :outcome,
                :reason_hash, :before, :after, :evidence, :body, :leaf)";
    INSERT_REASON = "keep the reason of a audit entry": "
        INSERT INTO audit_reason (seq, salt, text) VALUES (:seq, :salt, :text)";
    ERASE_REASON = "erase the reason of a audit entry": "
        DELETE FROM audit_reason WHERE seq = :seq";
    REASON = "read the reason of a audit entry": "
        SELECT salt, text FROM audit_reason WHERE seq = :seq";
    LAST = "find the end of the audit log": "
        SELECT coalesce(max(seq), 0) FROM audit";
    FIND = "read a audit entry": "
        SELECT audit.*, audit_reason.text AS reason FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE seq = :seq";
    NEWEST = "list the audit log": "
        SELECT audit.*, audit_reason.text AS reason FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE seq < :below ORDER BY seq DESC LIMIT :limit";
    AFTER = "list what changed": "
        SELECT seq, action, object FROM audit WHERE seq > :above ORDER BY seq LIMIT :limit";
    BODIES_AFTER = "read what is hashed of audit entries": "
        SELECT seq, body FROM audit WHERE seq > :above ORDER BY seq LIMIT :limit";
    NEWEST_OF_OBJECT = "list the audit log of an object": "
        SELECT audit.*, audit_reason.text AS reason FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE object = :object AND seq < :below ORDER BY seq DESC LIMIT :limit";
    NEWEST_OF_ACTOR = "list the audit log of an actor": "
        SELECT audit.*, audit_reason.text AS reason FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE actor = :actor AND seq < :below ORDER BY seq DESC LIMIT :limit";
}

/// What someone is about to do: everything of an entry that the store cannot see for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When, by the caller's clock.
    pub at: Timestamp,
    /// Who: `user:ana`, `svc:ci`, `system:retrain`.
    pub actor: Actor,
    /// For whom, when a service acts for a person.
    pub on_behalf: Option<Actor>,
    /// What is done, room first: `version.approve`.
    pub action: String,
    /// Why, in free words. May be erased later.
    pub reason: Option<String>,
    /// What it rests on: digests and names of objects.
    pub evidence: Vec<String>,
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was recorded.
    pub entry: Entry,
    /// The reason; `None` when none was given or when it was erased ([`Entry::reason_hash`] tells which).
    pub reason: Option<String>,
    /// The canonical JSON of the entry.
    pub body: Vec<u8>,
    /// SHA-256(0x00 ‖ body).
    pub leaf: [u8; 32],
}

/// What changed, as the function that changes it saw it.
pub(crate) struct Change<'c> {
    /// What changed.
    pub object: &'c str,
    /// Its digest.
    pub object_digest: Option<&'c str>,
    /// What it was.
    pub before: Option<&'c str>,
    /// What it is.
    pub after: Option<&'c str>,
}

impl<'c> Change<'c> {
    /// A change of `object` of which nothing else is said.
    pub(crate) const fn of(object: &'c str) -> Self {
        Self { object, object_digest: None, before: None, after: None }
    }
}

/// The right to change lives inside of a transaction: each change writes its entry first.
pub struct AuditedTx<'t> {
    tx: &'t Tx,
    pub(super) event: AuditEvent,
}

impl Tx {
    /// Begins an action. Nothing is written until something changes.
    pub fn audited(&self, event: AuditEvent) -> AuditedTx<'_> {
        AuditedTx { tx: self, event }
    }
}

impl<'t> AuditedTx<'t> {
    /// The transaction, for reads and for writes that need no entry.
    pub fn tx(&self) -> &'t Tx {
        self.tx
    }

    /// When the action happens.
    pub fn at(&self) -> Timestamp {
        self.event.at
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.event.actor
    }

    /// For whom a service acts.
    pub fn on_behalf(&self) -> Option<&Actor> {
        self.event.on_behalf.as_ref()
    }

    /// Records that this action was tried on `object` and did not happen, and why (the reason of the event).
    ///
    /// # Errors
    /// When `outcome` says that it did happen: then the change writes the entry.
    pub fn record_refusal(&self, object: &str, outcome: Outcome) -> Result<u64, StoreError> {
        match outcome {
            Outcome::Denied | Outcome::Failed => append(self.tx, &self.event, &Change::of(object), None, outcome),
            Outcome::Done => Err(invalid("an action that was done is recorded by its change".to_owned())),
        }
    }

    /// Refuses to change what has moved since the caller judged it.
    pub(crate) fn check_unmoved(&self, object: &str, expected: &str, actual: &str) -> Result<(), StoreError> {
        if expected == actual {
            Ok(())
        } else {
            Err(StoreError::Moved {
                object: object.to_owned(),
                expected: expected.to_owned(),
                actual: actual.to_owned(),
            })
        }
    }

    /// Writes the entry of a change of no row of its own; its `seq`. What writes a row is [`AuditedTx::write_row`].
    pub(crate) fn record_change(&self, change: &Change) -> Result<u64, StoreError> {
        append(self.tx, &self.event, change, None, Outcome::Done)
    }
}

/// Erases the free text of an entry; its salted hash stays, and the audit log still verifies.
///
/// # Errors
/// When the entry has no reason, or none any more.
pub fn erase_reason(audited: &AuditedTx, seq: u64) -> Result<(), StoreError> {
    let object = format!("entry:{seq}");
    audited.record_change(&Change { before: Some("kept"), after: Some("erased"), ..Change::of(&object) })?;
    match audited.tx().execute(&ERASE_REASON, named_params! { ":seq": seq })? {
        0 => Err(StoreError::NotFound { what: "reason of audit entry", id: seq.to_string() }),
        _ => Ok(()),
    }
}

/// The salt and the text of the reason of an entry; `None` where none was given, or it was erased.
pub fn salted_reason(reader: &Reader, seq: u64) -> Result<Option<([u8; 16], String)>, StoreError> {
    reader.one(&REASON, named_params! { ":seq": seq }, |row| Ok((row.get("salt")?, row.get("text")?)))
}

/// The number of entries; the `seq` of the last one.
pub fn size(reader: &Reader) -> Result<u64, StoreError> {
    Ok(reader.one(&LAST, &[], |row| row.get(0))?.unwrap_or(0))
}

/// An entry as whoever follows the log needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The number of the entry.
    pub seq: u64,
    /// What was done.
    pub action: String,
    /// To what.
    pub object: String,
}

/// The entries behind `seq`, oldest first, at most `limit`: what others changed since.
pub fn list_after(reader: &Reader, seq: u64, limit: u32) -> Result<Vec<Followed>, StoreError> {
    reader.all(&AFTER, named_params! { ":above": seq, ":limit": limit }, |row| {
        Ok(Followed { seq: row.get("seq")?, action: row.get("action")?, object: row.get("object")? })
    })
}

/// What is hashed of the entries behind `seq`, with their numbers, oldest first, at most `limit`.
pub fn list_bodies_after(reader: &Reader, seq: u64, limit: u32) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
    let params = named_params! { ":above": seq, ":limit": limit };
    reader.all(&BODIES_AFTER, params, |row| Ok((row.get("seq")?, row.get("body")?)))
}

/// The entry with this `seq`.
pub fn find(reader: &Reader, seq: u64) -> Result<Option<Record>, StoreError> {
    reader.one(&FIND, named_params! { ":seq": seq }, record)
}

/// The audit log, newest first.
pub fn list(reader: &Reader, page: &PageRequest) -> Result<Page<Record>, StoreError> {
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, keyed_record)?))
}

/// What happened to one object (`version:churn/3`), newest first.
pub fn list_of_object(reader: &Reader, object: &str, page: &PageRequest) -> Result<Page<Record>, StoreError> {
    let params = named_params! { ":object": object, ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST_OF_OBJECT, params, keyed_record)?))
}

/// What one actor did, newest first.
pub fn list_of_actor(reader: &Reader, actor: &Actor, page: &PageRequest) -> Result<Page<Record>, StoreError> {
    let params = named_params! { ":actor": actor.to_string(), ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST_OF_ACTOR, params, keyed_record)?))
}

pub(super) fn append(
    tx: &Tx,
    event: &AuditEvent,
    change: &Change,
    row: Option<&RowDigest>,
    outcome: Outcome,
) -> Result<u64, StoreError> {
    check_event(event)?;
    let reason = event.reason.as_deref().map(salted).transpose()?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let end = tree::end(tx)?;
    let entry = Entry {
        seq: end.size + 1,
        at: event.at,
        actor: event.actor.clone(),
        on_behalf: event.on_behalf.clone(),
        action: event.action.clone(),
        object: change.object.to_owned(),
        object_digest: owned(change.object_digest),
        outcome,
        before: owned(change.before),
        after: owned(change.after),
        reason_hash: reason.as_ref().map(|(_, hash)| hash.clone()),
        evidence: event.evidence.iter().cloned().chain(row.map(RowDigest::evidence)).collect(),
    };
    tree::add(tx, &end, insert(tx, &entry)?)?;
    if let (Some((salt, _)), Some(text)) = (reason, &event.reason) {
        tx.execute(&INSERT_REASON, named_params! { ":seq": entry.seq, ":salt": salt.as_slice(), ":text": text })?;
    }
    Ok(entry.seq)
}

/// Writes an entry; its leaf.
pub(super) fn insert(tx: &Tx, entry: &Entry) -> Result<Hash, StoreError> {
    let body = entry.canonical();
    let leaf = merkle::leaf_hash(&body);
    let params = named_params! {
        ":seq": entry.seq, ":at": entry.at.millis(), ":actor": entry.actor.to_string(),
        ":actor_kind": entry.actor.kind.as_str(), ":on_behalf": entry.on_behalf.as_ref().map(Actor::to_string),
        ":action": entry.action, ":object": entry.object, ":object_digest": entry.object_digest,
        ":outcome": row::name_of(&entry.outcome)?, ":reason_hash": entry.reason_hash, ":before": entry.before,
        ":after": entry.after, ":evidence": row::text_of(INSERT.attempt, &entry.evidence)?, ":body": body,
        ":leaf": leaf.as_slice(),
    };
    tx.execute(&INSERT, params).map(|_| leaf)
}

/// Numbers past this one are not exact in every JSON reader (RFC 8785 writes numbers as doubles).
pub(super) const MAX_EXACT: u64 = 1 << 53;

pub(super) fn check_event(event: &AuditEvent) -> Result<(), StoreError> {
    if event.at.millis().unsigned_abs() > MAX_EXACT {
        return Err(invalid(format!("the time {} ms is past every calendar", event.at.millis())));
    }
    let reason_bytes = event.reason.as_ref().map_or(0, String::len);
    if reason_bytes > MAX_REASON_BYTES {
        return Err(invalid(format!("a reason of {reason_bytes} bytes is too long (at most {MAX_REASON_BYTES})")));
    }
    if event.evidence.len() > MAX_EVIDENCE {
        let count = event.evidence.len();
        return Err(invalid(format!("{count} pieces of evidence are too many (at most {MAX_EVIDENCE})")));
    }
    Ok(())
}

pub(super) fn invalid(reason: String) -> StoreError {
    StoreError::Invalid { attempted: INSERT.attempt, reason }
}

pub(super) fn salted(reason: &str) -> Result<([u8; 16], String), StoreError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| invalid(format!("no salt could be had: {error}")))?;
    let hash = hash::reason(&salt, reason);
    Ok((salt, hash))
}

pub(super) fn keyed_record(row: &Row) -> database::Result<(i64, Record)> {
    Ok((row.get("seq")?, record(row)?))
}

pub(super) fn record(row: &Row) -> database::Result<Record> {
    Ok(Record { entry: entry(row)?, reason: row.get("reason")?, body: row.get("body")?, leaf: row.get("leaf")? })
}

pub(super) fn entry(row: &Row) -> database::Result<Entry> {
    Ok(Entry {
        seq: row.get("seq")?,
        at: row::time(row, "at")?,
        actor: row::parsed(row, "actor")?,
        on_behalf: row::maybe_parsed(row, "on_behalf")?,
        action: row.get("action")?,
        object: row.get("object")?,
        object_digest: row.get("object_digest")?,
        outcome: row::word(row, "outcome")?,
        before: row.get("before")?,
        after: row.get("after")?,
        reason_hash: row.get("reason_hash")?,
        evidence: row::document(row, "evidence")?,
    })
}
