//! Signed checkpoints of the audit log, and how far each place is to which they are published.
//!
//! Invariants: a size has one checkpoint, which is never changed; two servers that sign the same size agree on its root, and the first
//! one stays. Out of scope: signatures, and whether a root is that of the log; the notes are kept as they are handed in.

use kilter_domain::{merkle::Hash, time::Timestamp};

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "checkpoints";
/// Places are named in a configuration: there are few.
const MAX_PLACES: u32 = 1000;

statements! {
    INSERT = "write the checkpoint": "
        INSERT INTO audit_checkpoint (size, at, root, note) VALUES (:size, :at, :root, :note) ON CONFLICT (size) DO NOTHING";
    LAST = "read the newest checkpoint": "
        SELECT * FROM audit_checkpoint WHERE size = (SELECT max(size) FROM audit_checkpoint)";
    COVERING = "find a checkpoint over the entry": "
        SELECT * FROM audit_checkpoint WHERE size = (SELECT min(size) FROM audit_checkpoint WHERE size >= :seq)";
    FIND = "read the checkpoint": "
        SELECT * FROM audit_checkpoint WHERE size = :size";
    NEWEST = "list checkpoints": "
        SELECT * FROM audit_checkpoint WHERE size < :below ORDER BY size DESC LIMIT :limit";
    AFTER = "read the checkpoints": "
        SELECT * FROM audit_checkpoint WHERE size > :above ORDER BY size LIMIT :limit";
    NOTE_PUBLISHED = "note that the checkpoint is published": "
        INSERT INTO checkpoint_place (place, size, at) VALUES (:place, :size, :at)
        ON CONFLICT (place) DO UPDATE SET size = excluded.size, at = excluded.at, failed = NULL, error = NULL
        WHERE coalesce(checkpoint_place.size, 0) <= excluded.size";
    NOTE_FAILED = "note that the checkpoint could not be published": "
        INSERT INTO checkpoint_place (place, failed, error) VALUES (:place, :failed, :error)
        ON CONFLICT (place) DO UPDATE SET failed = coalesce(checkpoint_place.failed, excluded.failed), error = excluded.error";
    PLACES = "list the places of checkpoints": "
        SELECT * FROM checkpoint_place WHERE place > '' ORDER BY place LIMIT :limit";
}

/// A checkpoint as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// How many entries it covers.
    pub size: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// The root of these entries.
    pub root: Hash,
    /// The signed note.
    pub note: String,
}

/// How far a place is to which checkpoints are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointPlace {
    /// Its name, without secrets.
    pub place: String,
    /// The newest checkpoint that is there.
    pub size: Option<u64>,
    /// When that was written.
    pub at: Option<Timestamp>,
    /// Since when it fails, and why; `None` where the last try succeeded.
    pub failure: Option<(Timestamp, String)>,
}

/// Keeps a checkpoint; one of the same size stays as it is.
pub fn put(tx: &Tx, checkpoint: &StoredCheckpoint) -> Result<(), StoreError> {
    let params = named_params! {
        ":size": checkpoint.size, ":at": checkpoint.at.millis(), ":root": checkpoint.root, ":note": checkpoint.note,
    };
    tx.execute(&INSERT, params).map(drop)
}

/// The one over most entries.
pub fn newest(reader: &Reader) -> Result<Option<StoredCheckpoint>, StoreError> {
    reader.one(&LAST, &[], checkpoint)
}

/// The one over fewest entries that covers entry `seq`.
pub fn covering(reader: &Reader, seq: u64) -> Result<Option<StoredCheckpoint>, StoreError> {
    reader.one(&COVERING, named_params! { ":seq": seq }, checkpoint)
}

/// The one over the first `size` entries.
pub fn find(reader: &Reader, size: u64) -> Result<Option<StoredCheckpoint>, StoreError> {
    reader.one(&FIND, named_params! { ":size": size }, checkpoint)
}

/// All of them, newest first.
pub fn list(reader: &Reader, page: &PageRequest) -> Result<Page<StoredCheckpoint>, StoreError> {
    let params = named_params! { ":below": page.below(LIST)?, ":limit": page.probe() };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("size")?, checkpoint(row)?)))?))
}

/// Those over more than `size` entries, oldest first, at most `limit`.
pub fn list_after(reader: &Reader, size: u64, limit: u32) -> Result<Vec<StoredCheckpoint>, StoreError> {
    reader.all(&AFTER, named_params! { ":above": size, ":limit": limit }, checkpoint)
}

/// Notes that the checkpoint over `size` entries is at a place.
pub fn note_published(tx: &Tx, place: &str, size: u64, at: Timestamp) -> Result<(), StoreError> {
    tx.execute(&NOTE_PUBLISHED, named_params! { ":place": place, ":size": size, ":at": at.millis() }).map(drop)
}

/// Notes that a place could not be written.
pub fn note_failed(tx: &Tx, place: &str, at: Timestamp, error: &str) -> Result<(), StoreError> {
    tx.execute(&NOTE_FAILED, named_params! { ":place": place, ":failed": at.millis(), ":error": error }).map(drop)
}

/// Every place that was ever published to, by its name.
pub fn list_places(reader: &Reader) -> Result<Vec<CheckpointPlace>, StoreError> {
    reader.all(&PLACES, named_params! { ":limit": MAX_PLACES }, |row| {
        let failed = row::maybe_time(row, "failed")?.zip(row.get("error")?);
        Ok(CheckpointPlace {
            place: row.get("place")?,
            size: row.get("size")?,
            at: row::maybe_time(row, "at")?,
            failure: failed,
        })
    })
}

fn checkpoint(row: &Row) -> database::Result<StoredCheckpoint> {
    Ok(StoredCheckpoint {
        size: row.get("size")?,
        at: row::time(row, "at")?,
        root: row.get("root")?,
        note: row.get("note")?,
    })
}
