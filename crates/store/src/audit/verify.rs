//! Whether the audit log still says what was written, and whether every life stands where its last entry left it.
//!
//! Finds a changed column, body, leaf, subtree or reason, a gap, an entry without its change, a row that is not the one that its
//! entry wrote, and a trigger, index or table that is gone.
//! Out of scope: what only a signed checkpoint kept elsewhere can show, an audit log rewritten from its start.

use std::collections::BTreeSet;

use kilter_domain::{audit::Entry, merkle};

use super::{fault::Fault, hash, record::entry, rows, schema, tree_check::TreeCheck};
use crate::{
    Reader, StoreError,
    database::{self, Row, named_params},
    statement::statements,
};

pub const PAGE: u32 = 1000;
const MAX_FAULTS: usize = 100;

statements! {
    OLDEST = "read the audit log": "
        SELECT audit.*, audit_reason.text AS reason, audit_reason.salt AS salt
        FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE seq > :above ORDER BY seq LIMIT :limit";
    // Each life, what it is called in the audit log, and its state as the audit log writes it.
    LIVES_WITHOUT_ENTRY = "compare lives with the audit log": "
        WITH life (object, state, audit_seq) AS (
            SELECT 'run:' || id, state, audit_seq FROM run
            UNION ALL
            SELECT 'version:' || model || '/' || number, state, audit_seq FROM model_version
            UNION ALL
            SELECT 'deployment:' || id, state || coalesce(' ' || canary_percent, ''), audit_seq FROM deployment
            UNION ALL
            SELECT 'alert:' || id, state || coalesce(' ' || muted_until, ''), audit_seq FROM alert
        )
        SELECT life.object, life.state, life.audit_seq
        FROM life
        WHERE NOT EXISTS (
            SELECT 1 FROM audit
            WHERE audit.seq = life.audit_seq AND audit.object = life.object AND audit.after = life.state
        )
        OR EXISTS (
            SELECT 1 FROM audit
            WHERE audit.object = life.object AND audit.seq > life.audit_seq AND audit.after IS NOT NULL
              AND audit.after IS DISTINCT FROM audit.before
        )
        LIMIT :limit";
    ENTRIES_WITHOUT_LIFE = "compare the audit log with lives": "
        SELECT seq, object FROM audit
        WHERE outcome = 'done' AND before IS NULL AND (
               object LIKE 'run:%' AND NOT EXISTS (SELECT 1 FROM run WHERE id = substr(object, 5))
            OR object LIKE 'deployment:%' AND NOT EXISTS (SELECT 1 FROM deployment WHERE id = substr(object, 12))
            OR object LIKE 'alert:%' AND NOT EXISTS (SELECT 1 FROM alert WHERE id = substr(object, 7))
            OR object LIKE 'version:%' AND NOT EXISTS (
                SELECT 1 FROM model_version WHERE model || '/' || number = substr(object, 9))
        )
        LIMIT :limit";
    // A reason is erased by an entry of its own.
    REASONS_GONE = "look for reasons that nobody erased": "
        SELECT audit.seq FROM audit LEFT JOIN audit_reason USING (seq)
        WHERE audit.reason_hash IS NOT NULL AND audit_reason.seq IS NULL AND NOT EXISTS (
            SELECT 1 FROM audit AS erased
            WHERE erased.object = 'entry:' || audit.seq AND erased.after = 'erased' AND erased.outcome = 'done'
        )
        LIMIT :limit";
    // Each entry of a life begins where the one before it ended.
    BROKEN_CHAINS = "follow each life through the audit log": "
        WITH step AS (
            SELECT seq, object, before, lag(after) OVER (PARTITION BY object ORDER BY seq) AS ended
            FROM audit
            WHERE outcome = 'done' AND (object LIKE 'run:%' OR object LIKE 'version:%'
                                        OR object LIKE 'deployment:%' OR object LIKE 'alert:%')
        )
        SELECT seq, object FROM step WHERE before IS DISTINCT FROM ended LIMIT :limit";
}

/// What a check of the whole audit log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// Entries that were read.
    pub entries: u64,
    /// Entries whose reason was given and later erased.
    pub erased_reasons: u64,
    /// Rows whose entry says nothing of their columns, because an earlier program wrote it: of them only the state is
    /// compared.
    pub unsealed_rows: u64,
    /// What is wrong; the first hundred.
    pub faults: Vec<Fault>,
}

impl Verification {
    /// Nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Reads the whole audit log and compares it with itself and with every life. About 60,000 entries a CPU second.
///
/// # Errors
/// When the database cannot be read. What is wrong with the audit log is an answer, not an error.
pub fn verify(reader: &Reader) -> Result<Verification, StoreError> {
    let mut found = Verification::default();
    let mut tree = TreeCheck::default();
    loop {
        let params = named_params! { ":above": found.entries, ":limit": PAGE };
        let page = reader.all(&OLDEST, params, raw_record)?;
        if page.is_empty() {
            break;
        }
        let leaves = page.iter().map(|record| (record.seq, record.leaf.as_slice()));
        let faults = tree.add(reader, leaves)?;
        page.iter().for_each(|record| check_record(&mut found, record));
        found.faults.extend(faults);
        found.faults.truncate(MAX_FAULTS);
    }
    found.faults.extend(tree.end(reader)?);
    check_lives(reader, &mut found)?;
    check_rows(reader, &mut found)?;
    found.faults.extend(schema::faults(reader)?);
    found.faults.truncate(MAX_FAULTS);
    Ok(found)
}

/// A row of the audit log, whatever somebody made of it.
struct RawRecord {
    seq: u64,
    /// `None` when the columns make no entry.
    entry: Option<Entry>,
    actor_kind: String,
    reason_hash: Option<String>,
    reason: Option<String>,
    salt: Option<Vec<u8>>,
    body: Vec<u8>,
    leaf: Vec<u8>,
}

fn raw_record(row: &Row) -> database::Result<RawRecord> {
    Ok(RawRecord {
        seq: row.get("seq")?,
        entry: entry(row).ok(),
        actor_kind: row.get("actor_kind")?,
        reason_hash: row.get("reason_hash")?,
        reason: row.get("reason")?,
        salt: row.get("salt")?,
        body: row.get("body")?,
        leaf: row.get("leaf")?,
    })
}

fn check_record(found: &mut Verification, record: &RawRecord) {
    let seq = record.seq;
    if seq != found.entries + 1 {
        found.faults.push(Fault::Gap { expected: found.entries + 1, found: seq });
    }
    found.entries = seq;
    let says_the_same =
        |entry: &Entry| entry.actor.kind.as_str() == record.actor_kind && entry.canonical() == record.body;
    if !record.entry.as_ref().is_some_and(says_the_same) {
        found.faults.push(Fault::ColumnsChanged { seq });
    }
    if merkle::leaf_hash(&record.body) != *record.leaf {
        found.faults.push(Fault::LeafChanged { seq });
    }
    match (&record.reason_hash, &record.reason, &record.salt) {
        (None, None, _) => {}
        (Some(_), None, _) => found.erased_reasons += 1,
        (Some(hash), Some(reason), Some(salt)) if *hash == hash::reason(salt, reason) => {}
        _ => found.faults.push(Fault::ReasonChanged { seq }),
    }
    found.faults.truncate(MAX_FAULTS);
}

fn check_lives(reader: &Reader, found: &mut Verification) -> Result<(), StoreError> {
    let state = |row: &Row| Ok(Fault::StateWithoutEntry { object: row.get(0)?, state: row.get(1)?, seq: row.get(2)? });
    let begun = |row: &Row| Ok(Fault::EntryWithoutChange { seq: row.get(0)?, object: row.get(1)? });
    let chain = |row: &Row| Ok(Fault::BrokenChain { seq: row.get(0)?, object: row.get(1)? });
    found.faults.extend(reader.all(&LIVES_WITHOUT_ENTRY, named_params! { ":limit": MAX_FAULTS }, state)?);
    found.faults.extend(reader.all(&ENTRIES_WITHOUT_LIFE, named_params! { ":limit": MAX_FAULTS }, begun)?);
    found.faults.extend(reader.all(&BROKEN_CHAINS, named_params! { ":limit": MAX_FAULTS }, chain)?);
    let gone = |row: &Row| Ok(Fault::ReasonGone { seq: row.get(0)? });
    found.faults.extend(reader.all(&REASONS_GONE, named_params! { ":limit": MAX_FAULTS }, gone)?);
    Ok(())
}

/// A fault of a thing that is reported already is not reported again for its row.
fn check_rows(reader: &Reader, found: &mut Verification) -> Result<(), StoreError> {
    let rows::AuditFindings { faults, unsealed } = rows::compare(reader, MAX_FAULTS)?;
    let reported: BTreeSet<String> =
        found.faults.iter().filter_map(|fault| fault.object().map(str::to_owned)).collect();
    found
        .faults
        .extend(faults.into_iter().filter(|fault| !fault.object().is_some_and(|object| reported.contains(object))));
    found.unsealed_rows = unsealed;
    Ok(())
}
