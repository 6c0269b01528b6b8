//! The one thread that writes: it takes what is queued, writes it in one go, syncs once, and then acknowledges all.
//!
//! Invariants: bytes behind `Active::length` were never acknowledged; after a failed write they are taken back, and
//! a segment in which that (or a sync) failed is never written again.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::{
    append_ticket::{Receipt, TicketReply},
    disk::{self, SegmentFile},
    error::LogError,
    options::{AppendListener, Durability, LogOptions},
    record::SegmentId,
    segment::{self, Header, SegmentBefore},
};

/// One write: bigger groups only make the first in line wait longer.
const GROUP_BYTES: usize = 4 << 20;

pub(super) enum Job {
    Append(Append),
    /// Seal what there is; answers with the sealed segment, if it held anything.
    Rotate(std::sync::mpsc::SyncSender<Result<Option<SegmentId>, LogError>>),
}

pub(super) struct Append {
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
    pub(super) rows: u64,
    /// `None`: nobody waits (buffered mode).
    pub(super) reply: Option<TicketReply>,
}

/// What the writer and the callers both see.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) segments: Mutex<Segments>,
    pub(super) queued_appends: AtomicUsize,
    pub(super) queued_bytes: AtomicUsize,
    pub(super) appended: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) refused_rows: AtomicU64,
}

#[derive(Default)]
pub(super) struct Segments {
    pub(super) sealed: BTreeSet<SegmentId>,
    /// Sealed segments that were read and found whole.
    pub(super) whole: BTreeSet<SegmentId>,
    /// The segment being written, and how many of its bytes are acknowledged.
    pub(super) active: Option<(SegmentId, u64)>,
    /// Written no more because the disk failed under it, not sealed yet because its successor does not exist.
    pub(super) retired: Option<SegmentId>,
    /// The segment that was deleted or moved while it was written: nothing is acknowledged any more.
    pub(super) vanished: Option<PathBuf>,
}

impl Shared {
    pub(super) fn segments(&self) -> std::sync::MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The segment that is being written.
pub(super) struct Active {
    pub(super) file: SegmentFile,
    pub(super) header: Header,
    pub(super) length: u64,
    pub(super) rows: u64,
    pub(super) records: u64,
}

pub(super) struct Writer {
    pub(super) dir: PathBuf,
    pub(super) options: LogOptions,
    pub(super) shared: Arc<Shared>,
    pub(super) jobs: Receiver<Job>,
    pub(super) active: Option<Active>,
    pub(super) next_segment: SegmentId,
    pub(super) next_sequence: u64,
    /// When the first record of the active segment was written.
    pub(super) first_record: Option<Instant>,
    /// When the oldest bytes that are not synced yet were written (buffered mode).
    pub(super) unsynced: Option<Instant>,
}

impl Writer {
    /// Runs until every sender is gone, then syncs what is left.
    pub(super) fn run(mut self) {
        loop {
            let job = match self.deadline() {
                None => self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => self.jobs.recv_timeout(wait),
            };
            match job {
                Ok(Job::Append(first)) => self.append_group(first),
                Ok(Job::Rotate(reply)) => drop(reply.send(self.rotate())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_deadlines();
        }
        self.sync_buffered();
    }

    /// How long the writer may sleep before a sync or a rotation is due.
    fn deadline(&self) -> Option<Duration> {
        let sync = self.unsynced.map(|since| self.options.flush_every.saturating_sub(since.elapsed()));
        let seal = self.first_record.map(|since| self.options.segment_age.saturating_sub(since.elapsed()));
        // Never zero: a rotation that a full disk does not let happen must not keep the processor busy.
        sync.into_iter().chain(seal).min().map(|wait| wait.max(Duration::from_millis(5)))
    }

    fn keep_deadlines(&mut self) {
        if self.unsynced.is_some_and(|since| since.elapsed() >= self.options.flush_every) {
            self.sync_buffered();
        }
        let old = self.first_record.is_some_and(|since| since.elapsed() >= self.options.segment_age);
        let full = self.active.as_ref().is_some_and(|active| {
            active.length >= self.options.segment_bytes || active.rows >= self.options.segment_rows
        });
        if (old || full) && self.rotate().is_err() {
            // No room for a new segment: the old one goes on, and the next record tries again.
            self.first_record = old.then(Instant::now).or(self.first_record);
        }
    }

    /// Writes `first` and whatever else is queued as one group. A `Rotate` ends the group.
    fn append_group(&mut self, first: Append) {
        let mut bytes = first.payload.len();
        let mut group = vec![first];
        let mut rotate = None;
        while bytes < GROUP_BYTES {
            match self.jobs.try_recv() {
                Ok(Job::Append(append)) => {
                    bytes += append.payload.len();
                    group.push(append);
                }
                Ok(Job::Rotate(reply)) => {
                    rotate = Some(reply);
                    break;
                }
                Err(_) => break,
            }
        }
        self.shared.queued_appends.fetch_sub(group.len(), Ordering::Relaxed);
        self.shared.queued_bytes.fetch_sub(group.iter().map(|append| append.payload.len()).sum(), Ordering::Relaxed);
        let outcome = self.commit(&group);
        self.acknowledge(group, outcome);
        if let Some(reply) = rotate {
            drop(reply.send(self.rotate()));
        }
    }

    /// Makes the group last; answers with the segment and the sequence number of its first record.
    fn commit(&mut self, group: &[Append]) -> Result<(SegmentId, u64), LogError> {
        if let Some(path) = self.shared.segments().vanished.clone() {
            return Err(LogError::Vanished { path });
        }
        let first_sequence = self.next_sequence;
        // Numbers are never used twice, not even those of a write that failed half-way.
        self.next_sequence += group.len() as u64;
        if self.active.is_none() {
            self.begin_segment()?;
        }
        let Some(active) = &mut self.active else { return Err(LogError::Closed) };
        let path = disk::segment_path(&self.dir, active.header.segment);
        let mut bytes = Vec::with_capacity(group.iter().map(|one| segment::frame_bytes(one.payload.len())).sum());
        for (sequence, append) in (first_sequence..).zip(group) {
            segment::put_frame(&mut bytes, active.header.mark, append.kind, sequence, &append.payload);
        }
        if let Err(error) = active.file.write_all(&bytes) {
            let taken_back = active.file.truncate(active.length).is_ok();
            self.retire_unless(taken_back);
            return Err(LogError::io("write to", path)(error));
        }
        if self.options.durability == Durability::Durable
            && let Err(error) = active.file.sync()
        {
            // After a failed sync nobody knows what the disk holds; a second sync may lie. Never write here again.
            let _ = active.file.truncate(active.length);
            self.retire_unless(false);
            return Err(LogError::io("sync", path)(error));
        }
        if !active.file.is_at(&path) {
            // What was written went into a file that nobody can open any more.
            self.shared.segments().vanished = Some(path.clone());
            return Err(LogError::Vanished { path });
        }
        if let Some(copier) = &self.options.copy_group
            && let Err(reason) = copier.copy(&active.header, first_sequence, &bytes)
        {
            let taken_back = active.file.truncate(active.length).is_ok();
            self.retire_unless(taken_back);
            return Err(LogError::NotCopied { reason });
        }
        active.length += bytes.len() as u64;
        active.records += group.len() as u64;
        active.rows += group.iter().map(|append| append.rows).sum::<u64>();
        let segment = active.header.segment;
        self.shared.segments().active = Some((segment, active.length));
        self.first_record.get_or_insert_with(Instant::now);
        if self.options.durability == Durability::Buffered {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok((segment, first_sequence))
    }

    fn acknowledge(&self, group: Vec<Append>, outcome: Result<(SegmentId, u64), LogError>) {
        let rows: u64 = group.iter().map(|append| append.rows).sum();
        let counter = if outcome.is_ok() { &self.shared.rows } else { &self.shared.refused_rows };
        counter.fetch_add(rows, Ordering::Relaxed);
        self.shared.groups.fetch_add(1, Ordering::Relaxed);
        if outcome.is_ok() {
            self.shared.appended.fetch_add(group.len() as u64, Ordering::Relaxed);
            self.options.on_append.iter().for_each(AppendListener::call);
        }
        for (at, append) in (0..).zip(group) {
            let Some(reply) = append.reply else { continue };
            reply.send(match &outcome {
                Ok((segment, first)) => Ok(Receipt { sequence: first + at, segment: Some(*segment) }),
                Err(error) => Err(error.clone()),
            });
        }
    }

    fn retire_unless(&mut self, usable: bool) {
        if usable {
            return;
        }
        if let Some(active) = self.active.take() {
            let mut segments = self.shared.segments();
            segments.active = None;
            segments.retired = Some(active.header.segment);
        }
        self.first_record = None;
        self.unsynced = None;
    }

    /// Makes the next segment and seals the one before it: the highest number always stays on the disk, so no number
    /// is ever used twice, even when every sealed segment was handed over.
    pub(super) fn begin_segment(&mut self) -> Result<(), LogError> {
        let header = Header::new(self.next_segment, self.next_sequence);
        // What a failed disk holds of the one before, nobody can say.
        let closed = self.active.as_ref();
        let closed = closed.map(|active| SegmentBefore { segment: active.header.segment, length: active.length });
        let (file, length) = disk::create_segment(&self.dir, header, closed, &self.options)?;
        self.next_segment = SegmentId(self.next_segment.0 + 1);
        let before = self.active.replace(Active { file, header, length, rows: 0, records: 0 });
        let mut segments = self.shared.segments();
        let retired = segments.retired.take();
        segments.sealed.extend(before.map(|active| active.header.segment).into_iter().chain(retired));
        segments.active = Some((header.segment, length));
        drop(segments);
        self.first_record = None;
        Ok(())
    }

    /// Seals the active segment if it holds records.
    fn rotate(&mut self) -> Result<Option<SegmentId>, LogError> {
        let Some(active) = &self.active else {
            let retired = self.shared.segments().retired;
            return match retired {
                None => Ok(None),
                Some(id) => self.begin_segment().map(|()| Some(id)),
            };
        };
        if active.records == 0 {
            return Ok(None);
        }
        let id = active.header.segment;
        self.sync_buffered();
        self.begin_segment().map(|()| Some(id))
    }

    /// Buffered mode: brings what was written to the disk. A failure loses what buffered mode may lose.
    fn sync_buffered(&mut self) {
        if self.unsynced.take().is_none() {
            return;
        }
        let failed = self.active.as_mut().is_some_and(|active| active.file.sync().is_err());
        self.retire_unless(!failed);
    }
}
