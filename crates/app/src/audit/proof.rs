//! Single entries, their receipts, consistency between two sizes, and the erasure of a reason.

use kilter_domain::{
    merkle::{self, Hash},
    time::Timestamp,
};
use kilter_store::{
    StoreError,
    audit::{self, Record},
    checkpoint as store,
    checkpoint::StoredCheckpoint,
};

use crate::{
    app::App,
    audit::{
        error::AuditError,
        origin::verifier_keys,
        receipt::{LogProof, RECEIPT_FORMAT, Receipt, ReceiptReason, to_hex},
        sign::sign_checkpoint,
    },
    authz::{Authorized, act},
    causes::{InvalidState, NotFound},
    checkpoint::decode,
    signed_note::SignedNote,
};

/// The proof that a log of one size begins with the log of a smaller one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The smaller size and its root.
    pub from: (u64, Hash),
    /// The larger size and its root.
    pub to: (u64, Hash),
    /// The hashes of RFC 6962.
    pub hashes: Vec<Hash>,
    /// The signed notes over both, where there are any.
    pub checkpoints: (Option<String>, Option<String>),
}

fn no_entry(seq: u64) -> NotFound {
    let how = "list the entries with `kilter audit list`".to_owned();
    NotFound { what: "audit entry", id: seq.to_string(), how }
}

/// One entry.
///
/// # Errors
/// If there is none of that number, or the metadata cannot be read.
pub fn find_entry(app: &App, seq: u64) -> Result<Record, AuditError> {
    Ok(app.store().read(|reader| audit::find(reader, seq))?.ok_or_else(|| no_entry(seq))?)
}

/// The receipt of an entry. Where no checkpoint covers it yet, one is signed.
///
/// # Errors
/// If there is no such entry, or no checkpoint can be signed.
pub fn receipt(app: &App, now: Timestamp, seq: u64) -> Result<Receipt, AuditError> {
    let record = find_entry(app, seq)?;
    let checkpoint = covering(app, now, seq)?;
    let (hashes, reason) = app.store().read(|reader| {
        Ok((audit::inclusion_proof(reader, seq, checkpoint.size)?, audit::salted_reason(reader, seq)?))
    })?;
    let entry = String::from_utf8(record.body).map_err(|_| no_entry(seq))?;
    let proof = LogProof { index: seq - 1, hashes, checkpoint: checkpoint.note }.to_string();
    let reason = reason.map(|(salt, text)| ReceiptReason { salt: to_hex(&salt), text });
    Ok(Receipt { format: RECEIPT_FORMAT.to_owned(), entry, proof, reason })
}

/// The first checkpoint over an entry; the newest one where the key of that is not believed any more.
fn covering(app: &App, now: Timestamp, seq: u64) -> Result<StoredCheckpoint, AuditError> {
    let keys = verifier_keys(app)?;
    let is_believed =
        |found: &StoredCheckpoint| found.note.parse().is_ok_and(|note: SignedNote| note.verify(&keys).is_ok());
    let found = app.store().read(|reader| Ok([store::covering(reader, seq)?, store::newest(reader)?]))?;
    let covers = |found: &StoredCheckpoint| found.size >= seq && is_believed(found);
    if let Some(found) = found.into_iter().flatten().find(covers) {
        return Ok(found);
    }
    sign_checkpoint(app, now)?.filter(covers).ok_or_else(|| no_entry(seq).into())
}

/// The proof that the log of `to` entries begins with that of `from` entries. `to` is the whole log where it is not given.
///
/// # Errors
/// If the log has fewer entries, `to` is smaller than `from`, or the metadata cannot be read.
pub fn consistency(app: &App, from: u64, to: Option<u64>) -> Result<Consistency, AuditError> {
    let entries = app.store().read(audit::size)?;
    let to = to.unwrap_or(entries);
    if from > to || to > entries {
        let state = format!("of {entries} entries");
        let how = format!("give two sizes of at most that, the smaller one first, not {from} and {to}");
        return Err(InvalidState { what: "the audit", id: "log".to_owned(), state, how }.into());
    }
    let read = |reader: &kilter_store::Reader| {
        let note = |size| Ok::<_, StoreError>(store::find(reader, size)?.map(|found| found.note));
        Ok(Consistency {
            from: (from, audit::root(reader, from)?),
            to: (to, audit::root(reader, to)?),
            hashes: audit::consistency_proof(reader, from, to)?,
            checkpoints: (note(from)?, note(to)?),
        })
    };
    Ok(app.store().read(read)?)
}

/// Whether `hashes` show that the log with the second size and root begins with the log with the first ones; roots and hashes in base64.
pub fn shows_growth(from: (u64, &str), to: (u64, &str), hashes: &[String]) -> bool {
    let hashes: Option<Vec<Hash>> = hashes.iter().map(|hash| decode(hash)).collect();
    let (Some(old), Some(new), Some(hashes)) = (decode(from.1), decode(to.1), hashes) else { return false };
    merkle::is_consistent(from.0, to.0, &old, &new, &hashes)
}

/// Erases the reason of an entry, which may name a person. The entry keeps its salted hash, and the log still verifies. The erasure is an
/// entry of its own, with a reason that says why and not what.
///
/// # Errors
/// If there is no such entry, or it has no reason (any more).
pub fn erase_reason(app: &App, by: &Authorized<act::Administer>, seq: u64, reason: &str) -> Result<Record, AuditError> {
    let record = find_entry(app, seq)?;
    if record.reason.is_none() {
        let state = match record.entry.reason_hash {
            Some(_) => "without its reason already",
            None => "an entry without a reason",
        };
        let (id, how) = (seq.to_string(), "choose another entry with `kilter audit list`".to_owned());
        return Err(InvalidState { what: "the audit entry", id, state: state.to_owned(), how }.into());
    }
    let event = by.audit_event("reason.erase", reason, vec![]);
    app.store().write(move |tx| audit::erase_reason(&tx.audited(event), seq))?;
    find_entry(app, seq)
}
