//! Appends on their way to the disk: callers put them behind each other, the writer takes a group of them at once.
//!
//! Invariants: the queue is bounded; the order of the queue is the order of the log; a rotation comes behind what was queued before
//! it, and waits for nothing that came later; an append that waits is answered, also when the writer is gone. A caller wakes the
//! thread of the writer only when a group is due and nobody else writes it: while it writes, and while it waits for those whom it
//! has just answered, an append costs no system call.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc::SyncSender},
    time::{Duration, Instant},
};

use super::{
    append_ticket::{AppendTicket, GroupReply},
    error::LogError,
    record::SegmentId,
    segment,
};

/// One write: bigger groups only make the first in line wait longer.
const GROUP_BYTES: usize = 4 << 20;
/// Buffers up to this size are used again.
const MAX_KEPT_BYTES: usize = 256 << 10;

/// Who wants the segment sealed.
pub(super) type RotateReply = SyncSender<Result<Option<SegmentId>, LogError>>;

/// An append of a group; its frame lies among the bytes of the group.
#[derive(Clone, Copy)]
pub(super) struct Append {
    pub(super) kind: u8,
    /// Bytes of its frame.
    pub(super) bytes: usize,
    pub(super) rows: u64,
}

/// Appends that are written together.
#[derive(Default)]
pub(super) struct Group {
    /// Their frames, one behind another, whose heads the writer fills in.
    pub(super) frames: Vec<u8>,
    pub(super) appends: Vec<Append>,
    /// How many callers wait for it.
    pub(super) waiting: usize,
    pub(super) reply: GroupReply,
}

impl Group {
    pub(super) fn rows(&self) -> u64 {
        self.appends.iter().map(|append| append.rows).sum()
    }
}

/// When a group that is queued is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// At once.
    Now,
    /// As soon as this many are queued, and after this time whatever is queued: those who were just answered mostly ask again, and
    /// one sync serves all of them.
    Gathered { returning: usize, window: Duration },
    /// When the first of it has been queued for so long, or much is queued; at once if somebody waits.
    After(Duration),
}

/// Who waits for an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    Nobody,
    /// Its caller, until the thread of the writer has written it.
    ForWriter,
    /// Its caller, who writes it if nobody else does.
    InPlace,
}

/// What the thread of the writer has to do.
pub(super) enum Task {
    /// Take a group, unless somebody else did, and write it.
    Write,
    Rotate(RotateReply),
    /// The deadline passed.
    Nothing,
    /// The log is closed, and everything that was queued is written.
    End,
}

/// How much may be queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) appends: usize,
    pub(super) bytes: usize,
}

pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    groups: VecDeque<Group>,
    appends: usize,
    bytes: usize,
    /// Callers that wait for what is queued.
    waiting: usize,
    /// Appends that the writer has taken and not answered yet.
    in_flight: usize,
    /// Each with how many appends were queued before it, of all that ever were.
    rotations: VecDeque<(u64, RotateReply)>,
    /// Appends that were ever queued, and those of them that the writer has taken.
    queued: u64,
    taken: u64,
    is_closed: bool,
    /// The writer looks at its deadlines again.
    is_nudged: bool,
    /// The writer sleeps and is woken when so many appends are queued.
    wake_at: Option<usize>,
    /// A group that was written; its buffers are used again.
    spare: Option<Group>,
}

impl Queue {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Queues a payload.
    ///
    /// # Errors
    /// When the queue is full, or the log is closed.
    pub(super) fn push(&self, kind: u8, payload: &[u8], rows: u64, waits: Waits) -> Result<AppendTicket, LogError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(LogError::Closed);
        }
        let bytes = segment::frame_bytes(payload.len());
        // A single append always fits into an empty queue, however small the bound.
        let is_full = state.appends >= self.bounds.appends || state.bytes + payload.len() > self.bounds.bytes;
        if state.appends > 0 && is_full {
            return Err(LogError::Busy { waiting: state.appends });
        }
        state.appends += 1;
        state.queued += 1;
        state.bytes += payload.len();
        let is_awaited = waits != Waits::Nobody;
        state.waiting += usize::from(is_awaited);
        let group = state.open_group();
        segment::begin_frame(&mut group.frames, payload);
        group.appends.push(Append { kind, bytes, rows });
        let ticket = if is_awaited {
            group.waiting += 1;
            group.reply.ticket(group.appends.len() - 1)
        } else {
            AppendTicket::unwatched()
        };
        let is_urgent = is_awaited && state.wake_at == Some(usize::MAX);
        let is_due = is_urgent || state.wake_at.is_some_and(|count| state.appends >= count);
        let wakes = (is_due && waits != Waits::InPlace) || self.is_much(&state);
        if wakes && state.wake_at.take().is_some() {
            drop(state);
            self.changed.notify_one();
        }
        Ok(ticket)
    }

    /// Asks for a rotation behind everything that is queued.
    ///
    /// # Errors
    /// When the log is closed.
    pub(super) fn rotate(&self, reply: RotateReply) -> Result<(), LogError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(LogError::Closed);
        }
        let before = state.queued;
        state.rotations.push_back((before, reply));
        self.wake(state);
        Ok(())
    }

    /// Wakes the thread of the writer: it writes what is queued, and looks at its deadlines.
    pub(super) fn nudge(&self) {
        let mut state = self.lock();
        state.is_nudged = true;
        self.wake(state);
    }

    /// The next group; `None` when nothing is queued.
    pub(super) fn take(&self) -> Option<Group> {
        let mut state = self.lock();
        (state.appends > 0).then(|| state.take_group())
    }

    /// Appends that were ever taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        self.lock().taken
    }

    /// Wakes one of those who wait for the next group.
    pub(super) fn wake_one(&self) {
        let waker = self.lock().groups.front().and_then(|group| group.reply.first_waker());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes no more. What is queued is still written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        self.wake(state);
    }

    /// Takes no more, and lets go of what is queued: whoever waits for it is told that the log is closed.
    pub(super) fn abandon(&self) {
        let abandoned = {
            let mut state = self.lock();
            state.is_closed = true;
            state.appends = 0;
            let abandoned = (std::mem::take(&mut state.groups), std::mem::take(&mut state.rotations));
            self.wake(state);
            abandoned
        };
        drop(abandoned);
    }

    /// Appends that are not answered yet.
    pub(super) fn unanswered(&self) -> usize {
        let state = self.lock();
        state.appends + state.in_flight
    }

    /// Waits until there is something to do, at most for `wait`. The second value is how many were queued of how many that `due`
    /// hoped for.
    pub(super) fn next(&self, due: Due, wait: Option<Duration>) -> (Task, Option<(usize, usize)>) {
        let began = Instant::now();
        let deadline = wait.map(|wait| began + wait);
        let mut state = self.lock();
        let mut gather = match due {
            Due::Gathered { returning, window } => Some((state.appends + returning, began + window)),
            Due::Now | Due::After(_) => None,
        };
        let mut gathered = None;
        let mut first_seen: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if let Some((count, until)) = gather
                && (state.appends >= count || now >= until)
            {
                gathered = Some((state.appends, count));
                gather = None;
            }
            if let Some(reply) = state.due_rotation() {
                return (Task::Rotate(reply), gathered);
            }
            let ends_waiting = state.is_closed || !state.rotations.is_empty() || self.is_much(&state);
            let is_due = match due {
                _ if state.appends == 0 => false,
                _ if ends_waiting => true,
                Due::Now | Due::Gathered { .. } => gather.is_none(),
                Due::After(linger) => state.waiting > 0 || now >= *first_seen.get_or_insert(now) + linger,
            };
            if is_due {
                return (Task::Write, gathered);
            }
            if state.appends == 0 {
                if state.is_closed {
                    return (Task::End, gathered);
                }
                if std::mem::take(&mut state.is_nudged) {
                    return (Task::Nothing, gathered);
                }
                if deadline.is_some_and(|deadline| now >= deadline) {
                    return (Task::Nothing, gathered);
                }
            }
            // Whoever waits in buffered mode is not kept waiting: `usize::MAX` stands for "only they".
            let lingers = first_seen.filter(|_| state.appends > 0);
            let (wake_at, until) = match (due, gather, lingers) {
                (_, Some((count, until)), _) => (count, Some(until)),
                (Due::After(linger), _, Some(first)) => (usize::MAX, Some(first + linger)),
                _ => (1, deadline),
            };
            state.wake_at = Some(wake_at);
            state = self.sleep(state, until.map(|until| until.saturating_duration_since(now)));
            state.wake_at = None;
        }
    }

    /// The appends of a group that was taken are answered; its buffers are used again.
    pub(super) fn answered(&self, mut group: Group) {
        let answered = group.appends.len();
        group.reply = GroupReply::default();
        group.waiting = 0;
        group.appends.clear();
        group.frames.clear();
        let mut state = self.lock();
        state.in_flight = state.in_flight.saturating_sub(answered);
        if group.frames.capacity() <= MAX_KEPT_BYTES {
            state.spare = Some(group);
        }
    }

    /// Whether so much is queued that nobody else is waited for.
    fn is_much(&self, state: &State) -> bool {
        state.bytes >= GROUP_BYTES.min(self.bounds.bytes) / 4 || state.appends >= self.bounds.appends.div_ceil(4)
    }

    fn sleep<'s>(&self, state: MutexGuard<'s, State>, wait: Option<Duration>) -> MutexGuard<'s, State> {
        match wait {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(wait) => self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if state.wake_at.take().is_some() {
            drop(state);
            self.changed.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The group that the next append joins.
    fn open_group(&mut self) -> &mut Group {
        let is_open = self.groups.back().is_some_and(|group| group.frames.len() < GROUP_BYTES);
        if !is_open {
            self.groups.push_back(self.spare.take().unwrap_or_default());
        }
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    /// The first rotation, once everything that was queued before it is taken.
    fn due_rotation(&mut self) -> Option<RotateReply> {
        let is_due = self.rotations.front().is_some_and(|(before, _)| *before <= self.taken);
        if is_due { self.rotations.pop_front().map(|(_, reply)| reply) } else { None }
    }

    fn take_group(&mut self) -> Group {
        let group = self.groups.pop_front().unwrap_or_default();
        let payloads = group.frames.len() - group.appends.len() * segment::frame_bytes(0);
        self.appends -= group.appends.len();
        self.taken += group.appends.len() as u64;
        self.bytes -= payloads;
        self.waiting -= group.waiting;
        self.in_flight += group.appends.len();
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_waits_for_what_came_before_it_and_for_nothing_else() {
        let queue = Queue::new(Bounds { appends: 100, bytes: 1 << 20 });
        let append = || queue.push(1, b"payload", 1, Waits::Nobody).map(drop).unwrap();
        let writes = |task| matches!(task, Task::Write) && queue.take().is_some_and(|group| group.appends.len() == 1);
        append();
        let (reply, _answer) = std::sync::mpsc::sync_channel(1);
        queue.rotate(reply).unwrap();
        let (task, _) = queue.next(Due::Now, None);
        assert!(writes(task));
        // Under load something is always queued.
        append();
        let (task, _) = queue.next(Due::Now, None);
        assert!(matches!(task, Task::Rotate(_)), "later appends do not keep a rotation waiting");
        let (task, _) = queue.next(Due::Now, None);
        assert!(writes(task));
    }
}
