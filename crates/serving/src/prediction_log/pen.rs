//! Whose turn it is to write: the thread of the writer, or whoever waits for what is queued.
//!
//! A caller that wakes another thread, sleeps, and is woken again pays more for it than for the write itself where the disk is fast
//! and the cores are idle. If it is alone, it takes the pen and writes what is queued. If many wait, one thread writes for
//! all of them: they share its syncs, and it waits for those who come back (see [`super::gathering`]). A slow disk must not keep a
//! thread that answers others: then the thread of the writer has the pen alone as well.
//!
//! Invariants: who takes a group has the pen, so the order of the queue is the order of the log; who puts the pen down wakes
//! somebody if more is queued; deadlines and new segments are left to the thread of the writer.

use std::{
    sync::{Arc, Mutex, PoisonError, TryLockError, atomic::Ordering},
    time::Duration,
};

use super::{
    append_ticket::WriteInPlace,
    options::Durability,
    queue::{Task, Waits},
    writer::{Shared, WAITING_UNIT, Writer},
};

/// A write that takes longer is left to the thread of the writer: as long as a thread that answers may be kept by a model.
const MAX_TIME_IN_PLACE: Duration = Duration::from_millis(1);

/// As long as so few wait for a write of late: one, and now and then another.
const MAX_WAITING_IN_PLACE: u64 = WAITING_UNIT * 5 / 4;

/// The writer, for one at a time.
pub(super) struct Pen {
    shared: Arc<Shared>,
    writer: Mutex<Writer>,
    /// Whether callers may write at all: they wait for the disk, and for nothing slower.
    is_lent: bool,
}

/// Closes the queue when the thread of the writer ends, however it ends.
struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
    }
}

/// Tells the thread of the writer when a caller that wrote met a bug.
struct NudgeOnPanic<'a>(&'a Shared);

impl Drop for NudgeOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.queue.nudge();
        }
    }
}

impl Pen {
    pub(super) fn new(writer: Writer) -> Self {
        let is_lent = writer.options.durability == Durability::Durable && writer.options.copy_group.is_none();
        Self { shared: writer.shared.clone(), writer: Mutex::new(writer), is_lent }
    }

    /// Who writes the append of a caller that waits for it.
    pub(super) fn waits(&self) -> Waits {
        let took = Duration::from_nanos(self.shared.recent_write_ns.load(Ordering::Relaxed));
        let is_alone = self.shared.recent_waiting.load(Ordering::Relaxed) <= MAX_WAITING_IN_PLACE;
        if self.is_lent && is_alone && took <= MAX_TIME_IN_PLACE { Waits::InPlace } else { Waits::ForWriter }
    }

    /// The thread of the writer: runs until the log is closed, then syncs what is left.
    pub(super) fn run(&self) {
        // Whatever ends this thread: nobody queues for it any more, and whoever waits is answered.
        let _closing = CloseOnDrop(self.shared.clone());
        loop {
            let Ok((due, deadline)) = self.writer.lock().map(|mut writer| (writer.due(), writer.deadline())) else {
                return;
            };
            let (task, gathered) = self.shared.queue.next(due, deadline);
            let Ok(mut writer) = self.writer.lock() else { return };
            writer.gathering.note(gathered);
            match task {
                Task::Write => {
                    writer.keep_deadlines();
                    if let Some(group) = self.shared.queue.take() {
                        writer.write_group(group);
                    }
                }
                Task::Rotate(reply) => drop(reply.send(writer.rotate())),
                Task::Nothing => {}
                Task::End => break,
            }
            writer.keep_deadlines();
            drop(writer);
            self.shared.queue.wake_one();
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.sync_buffered();
        writer.cut_room();
    }
}

impl WriteInPlace for Pen {
    fn write_next(&self) -> bool {
        let _told = NudgeOnPanic(&self.shared);
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::WouldBlock) => return false,
            // Whoever wrote met a bug: nobody knows what the file holds.
            Err(TryLockError::Poisoned(_)) => {
                self.shared.queue.abandon();
                return false;
            }
        };
        if writer.must_seal() {
            drop(writer);
            self.shared.queue.nudge();
            return false;
        }
        let Some(group) = self.shared.queue.take() else { return false };
        let had_deadline = writer.deadline().is_some();
        writer.write_group(group);
        let has_news = had_deadline != writer.deadline().is_some() || writer.must_seal();
        drop(writer);
        match has_news {
            true => self.shared.queue.nudge(),
            false => self.shared.queue.wake_one(),
        }
        true
    }

    fn leave(&self) {
        self.shared.queue.nudge();
    }
}
