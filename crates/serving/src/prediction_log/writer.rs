//! The one who writes: takes what is queued, writes it in one go, syncs once, and then acknowledges all.
//!
//! Invariants: bytes behind `Active::length` were never acknowledged; after a failed write they are taken back, and
//! a segment in which that (or a sync) failed is never written again.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    append_ticket::GroupResult,
    disk::{self, SegmentFile},
    error::LogError,
    gathering::Gathering,
    options::{AppendListener, Durability, LogOptions},
    queue::{Due, Group, Queue},
    record::SegmentId,
    segment::{self, Header, SegmentBefore},
};

/// Buffered mode: how long what was answered stays in this process before it is written.
const LINGER: Duration = Duration::from_millis(5);

/// What the writer and the callers both see.
pub(super) struct Shared {
    pub(super) queue: Queue,
    pub(super) segments: Mutex<Segments>,
    pub(super) appended: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) refused_rows: AtomicU64,
    /// Appends that found the queue full.
    pub(super) busy: AtomicU64,
    /// Time of all writes, with their syncs.
    pub(super) write_ns: AtomicU64,
    /// What a write takes of late, in nanoseconds.
    pub(super) recent_write_ns: AtomicU64,
    /// How many wait for a write of late, in [`WAITING_UNIT`]s.
    pub(super) recent_waiting: AtomicU64,
}

/// Of [`Shared::recent_waiting`]: one caller.
pub(super) const WAITING_UNIT: u64 = 1 << 16;

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
    pub(super) fn new(queue: Queue) -> Self {
        let (appended, rows, groups, refused_rows, busy, write_ns) = Default::default();
        let (segments, recent_write_ns, recent_waiting) = Default::default();
        Self { queue, segments, appended, rows, groups, refused_rows, busy, write_ns, recent_write_ns, recent_waiting }
    }

    fn note_write(&self, waiting: usize, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.write_ns.fetch_add(took, Ordering::Relaxed);
        // Only the one who writes changes them.
        let follow = |mean: &AtomicU64, new: u64| {
            let old = mean.load(Ordering::Relaxed);
            mean.store(old - old / 8 + new / 8, Ordering::Relaxed);
        };
        follow(&self.recent_write_ns, took);
        follow(&self.recent_waiting, waiting as u64 * WAITING_UNIT);
    }

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
    pub(super) gathering: Gathering,
    pub(super) active: Option<Active>,
    pub(super) next_segment: SegmentId,
    pub(super) next_sequence: u64,
    /// When the first record of the active segment was written.
    pub(super) first_record: Option<Instant>,
    /// When the oldest bytes that are not synced yet were written (buffered mode).
    pub(super) unsynced: Option<Instant>,
}

impl Writer {
    /// When what is queued is to be written by the thread of the writer.
    pub(super) fn due(&mut self) -> Due {
        match self.options.durability {
            Durability::Durable => self.gathering.due(),
            Durability::Buffered => Due::After(LINGER),
        }
    }

    /// How long the writer may sleep before a sync or a rotation is due.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let sync = self.unsynced.map(|since| self.options.flush_every.saturating_sub(since.elapsed()));
        let seal = self.first_record.map(|since| self.options.segment_age.saturating_sub(since.elapsed()));
        // Never zero: a rotation that a full disk does not let happen must not keep the processor busy.
        sync.into_iter().chain(seal).min().map(|wait| wait.max(Duration::from_millis(5)))
    }

    pub(super) fn keep_deadlines(&mut self) {
        if self.unsynced.is_some_and(|since| since.elapsed() >= self.options.flush_every) {
            self.sync_buffered();
        }
        if self.must_seal() && self.rotate().is_err() {
            // No room for a new segment: the old one goes on, and the next record tries again.
            self.first_record = self.is_old().then(Instant::now).or(self.first_record);
        }
    }

    /// Whether the active segment is to be sealed.
    pub(super) fn must_seal(&self) -> bool {
        self.is_old() || self.is_full()
    }

    fn is_old(&self) -> bool {
        self.first_record.is_some_and(|since| since.elapsed() >= self.options.segment_age)
    }

    fn is_full(&self) -> bool {
        self.active.as_ref().is_some_and(|active| {
            active.length >= self.options.segment_bytes || active.rows >= self.options.segment_rows
        })
    }

    /// Writes and acknowledges a group.
    pub(super) fn write_group(&mut self, mut group: Group) {
        let began = Instant::now();
        let outcome = self.commit(&mut group);
        let took = began.elapsed();
        self.gathering.begin(group.waiting, took);
        self.shared.note_write(group.waiting, took);
        self.acknowledge(group, outcome);
    }

    /// Makes the group last; answers with the segment and the sequence number of its first record.
    fn commit(&mut self, group: &mut Group) -> GroupResult {
        if let Some(path) = self.shared.segments().vanished.clone() {
            return Err(LogError::Vanished { path });
        }
        let first_sequence = self.next_sequence;
        // Numbers are never used twice, not even those of a write that failed half-way.
        self.next_sequence += group.appends.len() as u64;
        if self.active.is_none() {
            self.begin_segment()?;
        }
        let Some(active) = &mut self.active else { return Err(LogError::Closed) };
        let path = disk::segment_path(&self.dir, active.header.segment);
        let mut rest = &mut group.frames[..];
        for (sequence, append) in (first_sequence..).zip(&group.appends) {
            let (frame, behind) = rest.split_at_mut(append.bytes);
            segment::seal_frame(frame, active.header.mark, append.kind, sequence);
            rest = behind;
        }
        let bytes = &group.frames[..];
        if let Err(error) = active.file.write_all(bytes) {
            let taken_back = active.file.truncate(active.length).is_ok();
            self.retire_unless(taken_back);
            return Err(LogError::io("write to", path)(error));
        }
        active.file.make_room(active.length + bytes.len() as u64);
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
            && let Err(reason) = copier.copy(&active.header, first_sequence, bytes)
        {
            let taken_back = active.file.truncate(active.length).is_ok();
            self.retire_unless(taken_back);
            return Err(LogError::NotCopied { reason });
        }
        active.length += bytes.len() as u64;
        active.records += group.appends.len() as u64;
        active.rows += group.rows();
        let segment = active.header.segment;
        self.shared.segments().active = Some((segment, active.length));
        self.first_record.get_or_insert_with(Instant::now);
        if self.options.durability == Durability::Buffered {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        Ok((segment, first_sequence))
    }

    fn acknowledge(&self, mut group: Group, outcome: GroupResult) {
        let counter = if outcome.is_ok() { &self.shared.rows } else { &self.shared.refused_rows };
        counter.fetch_add(group.rows(), Ordering::Relaxed);
        self.shared.groups.fetch_add(1, Ordering::Relaxed);
        if outcome.is_ok() {
            self.shared.appended.fetch_add(group.appends.len() as u64, Ordering::Relaxed);
            self.options.on_append.iter().for_each(AppendListener::call);
        }
        let reply = std::mem::take(&mut group.reply);
        self.shared.queue.answered(group);
        reply.send(outcome);
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
        self.cut_room();
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
    pub(super) fn rotate(&mut self) -> Result<Option<SegmentId>, LogError> {
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

    /// The active segment will not be written again, or not soon.
    pub(super) fn cut_room(&mut self) {
        if let Some(active) = &mut self.active {
            active.file.cut_room(active.length);
        }
    }

    /// Buffered mode: brings what was written to the disk. A failure loses what buffered mode may lose.
    pub(super) fn sync_buffered(&mut self) {
        if self.unsynced.take().is_none() {
            return;
        }
        let failed = self.active.as_mut().is_some_and(|active| active.file.sync().is_err());
        self.retire_unless(!failed);
    }
}
