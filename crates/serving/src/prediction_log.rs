//! The prediction log: append-only segment files that keep predictions and labels.
//!
//! Many callers append; one of them, or the thread of the writer, takes what is queued, writes it in one go, syncs once and then
//! acknowledges all of it (group commit). When a segment is large or old enough it is sealed; the app turns sealed segments into
//! Parquet partitions and then lets go of them:
//!
//! 1. [`PredictionLog::sealed`] names them, oldest first;
//! 2. [`PredictionLog::read`] gives the records; the app writes them under a name made of the segment's number;
//! 3. [`PredictionLog::drop_sealed`] deletes the segment. Crashes before this only lead to the same partition again:
//!    numbers are never used twice.
//!
//! Invariants: in durable mode an acknowledged append survives `kill -9` and power cuts; order is the sequence number,
//! never a clock; bytes that are no record are kept aside and reported, never thrown away.
//! Out of scope: Parquet, joins of labels to predictions, any wall clock.

mod append_ticket;
mod bytes;
mod check;
mod codec;
mod contents;
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod gathering;
mod group_copy;
mod options;
mod pen;
mod queue;
mod record;
mod recovery;
mod segment;
mod tables;
mod wire;
mod writer;

use std::{
    cell::RefCell,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use self::{
    pen::Pen,
    queue::{Bounds, Queue, Waits},
    tables::TableBuilder,
    writer::Shared,
};

pub use append_ticket::{AppendTicket, Receipt};
pub use check::{SegmentCheck, check_folder, copy_segment};
pub use disk::segments_in;
pub use error::{Damage, LogError};
pub use group_copy::{GroupCopier, RecordGroup, tables_of_groups};
pub use options::{AppendListener, Durability, LogOptions};
pub use record::{
    CanaryDraw, Entry, LabelBatch, PredictionBatch, Probabilities, Record, RecordDetails, Role, SegmentId, VersionRef,
};
pub use recovery::{Recovery, Torn};
pub use tables::{SegmentTables, column};
pub use wire::{InvalidRecords, decode_records, encode_records};

pub use self::contents::Contents;

/// What the log did since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Appends that are in the log.
    pub appended: u64,
    /// Rows that are in the log.
    pub rows: u64,
    /// Writes to the disk; `appended / groups` is how many appends shared one.
    pub groups: u64,
    /// Rows that could not be written: in durable mode their callers know, in buffered mode they are lost.
    pub refused_rows: u64,
    /// Appends that are not in the log yet.
    pub waiting: usize,
    /// Appends that found the queue full.
    pub busy: u64,
    /// Time of all writes to the disk, with their syncs.
    pub write_time: Duration,
}

/// The prediction log of one endpoint. Share it behind an `Arc`; dropping it syncs and closes the files.
pub struct PredictionLog {
    dir: PathBuf,
    options: LogOptions,
    shared: Arc<Shared>,
    pen: Arc<Pen>,
    writer: Option<JoinHandle<()>>,
    /// Held while the log is open: two writers would interleave their frames.
    _lock: File,
}

impl PredictionLog {
    /// Opens the log in `dir` (made if it does not exist) and repairs what a crash left: a torn end is kept aside and
    /// cut off. A damaged middle does not keep the log from opening; it is reported and that segment is sealed.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has the log open.
    pub fn open(dir: impl Into<PathBuf>, options: LogOptions) -> Result<(Self, Recovery), LogError> {
        let dir = dir.into();
        disk::create_folder(&dir)?;
        let lock = lock(&dir)?;
        let bounds = Bounds { appends: options.queue_appends.max(1), bytes: options.queue_bytes };
        let shared = Arc::new(Shared::new(Queue::new(bounds)));
        let (writer, recovery) = recovery::recover(&dir, &options, shared.clone())?;
        let pen = Arc::new(Pen::new(writer));
        let run = {
            let pen = pen.clone();
            move || pen.run()
        };
        let writer = std::thread::Builder::new()
            .name("prediction-log".into())
            .spawn(run)
            .map_err(LogError::io("start the writer of", &dir))?;
        Ok((Self { dir, options, shared, pen, writer: Some(writer), _lock: lock }, recovery))
    }

    /// Appends predictions and, in durable mode, blocks until they are on the disk.
    pub fn append(&self, batch: &PredictionBatch) -> Result<Receipt, LogError> {
        self.submit(batch)?.wait()
    }

    /// Appends labels; always blocks until they are written, in durable mode until they are on the disk.
    pub fn append_labels(&self, batch: &LabelBatch) -> Result<Receipt, LogError> {
        self.submit_labels(batch)?.wait()
    }

    /// Queues predictions; the [`AppendTicket`] is awaited or waited for. In buffered mode it is acknowledged at once.
    pub fn submit(&self, batch: &PredictionBatch) -> Result<AppendTicket, LogError> {
        let waits = self.options.durability == Durability::Durable;
        let encode = |payload: &mut Vec<u8>| codec::encode_predictions(batch, payload);
        self.enqueue(codec::kind_of(batch), encode, batch.rows(), waits)
    }

    /// Queues labels; see [`PredictionLog::submit`].
    pub fn submit_labels(&self, batch: &LabelBatch) -> Result<AppendTicket, LogError> {
        let encode = |payload: &mut Vec<u8>| codec::encode_labels(batch, payload);
        self.enqueue(codec::LABELS_V1, encode, batch.rows(), true)
    }

    /// Seals the segment that is being written, if it holds records, and names it.
    pub fn rotate(&self) -> Result<Option<SegmentId>, LogError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.shared.queue.rotate(reply)?;
        answer.recv().map_err(|_| LogError::Closed)?
    }

    /// The segments that are complete and wait to be handed over, oldest first.
    pub fn sealed(&self) -> Vec<SegmentId> {
        self.shared.segments().sealed.iter().copied().collect()
    }

    /// The segment that is being written; `None` while the disk does not let one be made.
    pub fn active(&self) -> Option<SegmentId> {
        self.shared.segments().active.map(|(id, _)| id)
    }

    /// The segment that was deleted or moved while the log wrote it; since then nothing is acknowledged.
    pub fn vanished(&self) -> Option<PathBuf> {
        self.shared.segments().vanished.clone()
    }

    /// Whether every segment is still there, before the next append finds out.
    ///
    /// # Errors
    /// [`LogError::Vanished`] with the file that is not.
    pub fn check_presence(&self) -> Result<(), LogError> {
        if let Some(path) = self.vanished() {
            return Err(LogError::Vanished { path });
        }
        let segments = self.sealed().into_iter().chain(self.active());
        let missing =
            segments.map(|segment| (segment, disk::segment_path(&self.dir, segment))).find(|(_, path)| !path.exists());
        match missing {
            // It may have been handed over just now.
            Some((segment, path)) if self.find(segment).is_ok() => Err(LogError::Vanished { path }),
            _ => Ok(()),
        }
    }

    /// Everything that can be read of a segment, sealed or still being written (then: up to what is acknowledged).
    pub fn read(&self, segment: SegmentId) -> Result<Contents, LogError> {
        let mut entries = Vec::new();
        let damage = self.scan(segment, |entry| entries.push(entry))?;
        Ok(Contents { segment, entries, damage })
    }

    /// The records of a segment as tables; see [`SegmentTables`].
    pub fn read_tables(&self, segment: SegmentId) -> Result<SegmentTables, LogError> {
        let mut records = TableBuilder::default();
        let damage = self.scan(segment, |entry| records.add(entry))?;
        Ok(records.finish(segment, damage))
    }

    /// Gives away each record of a segment as it is read; answers with what could not be read.
    fn scan(&self, segment: SegmentId, each: impl FnMut(Entry)) -> Result<Vec<Damage>, LogError> {
        let (sealed, length) = self.find(segment)?;
        let path = disk::segment_path(&self.dir, segment);
        let noted = if sealed { disk::noted_length(&self.dir, segment) } else { None };
        let mut file = fs::read(&path).map_err(LogError::io("read the segment", &path))?;
        file.truncate(length.unwrap_or(u64::MAX).min(file.len() as u64) as usize);
        let scan = segment::scan(&path, &file, each);
        let end = scan.end_in(file.len());
        let mut damage = scan.damage;
        damage.extend(scan.torn_at.map(|offset| recovery::torn_damage(&path, &file, offset)));
        damage.extend(disk::missing_end(&path, end, noted));
        if sealed && damage.is_empty() {
            self.shared.segments().whole.insert(segment);
        }
        Ok(damage)
    }

    /// Lets go of a sealed segment whose records are safe elsewhere. Doing it twice is harmless. A damaged segment is
    /// moved into the folder `aside` instead of deleted; the path is answered.
    pub fn drop_sealed(&self, segment: SegmentId) -> Result<Option<PathBuf>, LogError> {
        match self.find(segment) {
            Err(LogError::UnknownSegment(_)) => return Ok(None),
            Err(error) => return Err(error),
            Ok((false, _)) => return Err(LogError::StillOpen(segment)),
            Ok((true, _)) => {}
        }
        let path = disk::segment_path(&self.dir, segment);
        let known_whole = self.shared.segments().whole.contains(&segment);
        let whole = known_whole || !path.exists() || self.scan(segment, drop)?.is_empty();
        let kept = match whole {
            true => disk::delete_segment(&self.dir, &path).map(|()| None),
            false => disk::move_aside(&self.dir, &path).map(Some),
        }?;
        let mut segments = self.shared.segments();
        segments.sealed.remove(&segment);
        segments.whole.remove(&segment);
        Ok(kept)
    }

    /// Whether appends wait for the disk.
    pub fn durability(&self) -> Durability {
        self.options.durability
    }

    /// The folder of the log.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it did since it was opened.
    pub fn counts(&self) -> LogCounts {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        LogCounts {
            appended: load(&self.shared.appended),
            rows: load(&self.shared.rows),
            groups: load(&self.shared.groups),
            refused_rows: load(&self.shared.refused_rows),
            waiting: self.shared.queue.unanswered(),
            busy: load(&self.shared.busy),
            write_time: Duration::from_nanos(load(&self.shared.write_ns)),
        }
    }

    /// Whether the segment is sealed, and how many bytes of it are acknowledged when it is not.
    fn find(&self, segment: SegmentId) -> Result<(bool, Option<u64>), LogError> {
        let segments = self.shared.segments();
        if segments.sealed.contains(&segment) {
            return Ok((true, None));
        }
        match segments.active {
            Some((active, length)) if active == segment => Ok((false, Some(length))),
            _ if segments.retired == Some(segment) => Ok((false, None)),
            _ => Err(LogError::UnknownSegment(segment)),
        }
    }

    fn enqueue(
        &self,
        kind: u8,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), LogError>,
        rows: usize,
        waits: bool,
    ) -> Result<AppendTicket, LogError> {
        if !waits && let Some(path) = self.vanished() {
            // Whoever does not wait would never know.
            return Err(LogError::Vanished { path });
        }
        PAYLOAD.with_borrow_mut(|payload| {
            payload.clear();
            encode(payload)?;
            if payload.len() > segment::MAX_PAYLOAD {
                return Err(LogError::TooLarge { bytes: payload.len(), limit: segment::MAX_PAYLOAD });
            }
            let waits = if waits { self.pen.waits() } else { Waits::Nobody };
            let ticket = self.shared.queue.push(kind, payload, rows as u64, waits);
            if matches!(ticket, Err(LogError::Busy { .. })) {
                self.shared.busy.fetch_add(1, Ordering::Relaxed);
            }
            if payload.capacity() > MAX_KEPT_PAYLOAD {
                *payload = Vec::new();
            }
            match waits {
                Waits::InPlace => ticket.map(|ticket| ticket.written_in_place(&self.pen)),
                Waits::ForWriter | Waits::Nobody => ticket,
            }
        })
    }
}

thread_local! {
    /// Where a payload is written before it is queued: callers encode side by side, and none of them allocates.
    static PAYLOAD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The largest buffer for a payload that a thread keeps.
const MAX_KEPT_PAYLOAD: usize = 64 << 10;

impl Drop for PredictionLog {
    fn drop(&mut self) {
        // What was queued is written first.
        self.shared.queue.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has answered everybody with `Closed`; there is nobody left to tell.
            let _ = writer.join();
        }
    }
}

fn lock(dir: &Path) -> Result<File, LogError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(LogError::io("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LogError::InUse { path: dir.to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(LogError::io("lock", &path)(error)),
    }
}

#[cfg(test)]
mod tests;
