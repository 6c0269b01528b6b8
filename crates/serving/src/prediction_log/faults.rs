//! A disk that fills up or fails on command. Exists only in tests of this crate.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[derive(Debug)]
pub(crate) struct Faults {
    hang: Mutex<()>,
    space: AtomicUsize,
    sync_fails: AtomicBool,
}

impl Default for Faults {
    fn default() -> Self {
        Self { hang: Mutex::new(()), space: AtomicUsize::new(usize::MAX), sync_fails: AtomicBool::new(false) }
    }
}

impl Faults {
    pub(crate) fn set_space(&self, bytes: usize) {
        self.space.store(bytes, Ordering::SeqCst);
    }

    pub(crate) fn set_sync_fails(&self, fails: bool) {
        self.sync_fails.store(fails, Ordering::SeqCst);
    }

    /// Writes wait until the guard is dropped.
    pub(crate) fn hang(&self) -> MutexGuard<'_, ()> {
        self.hang.lock().unwrap()
    }

    /// How many of `bytes` still fit.
    pub(super) fn take_space(&self, bytes: usize) -> usize {
        drop(self.hang());
        let space = self.space.load(Ordering::SeqCst);
        let room = bytes.min(space);
        if space != usize::MAX {
            self.space.store(space - room, Ordering::SeqCst);
        }
        room
    }

    /// Whether the disk has an end.
    pub(super) fn is_limited(&self) -> bool {
        self.space.load(Ordering::SeqCst) != usize::MAX
    }

    pub(super) fn sync_fails(&self) -> bool {
        self.sync_fails.load(Ordering::SeqCst)
    }
}
