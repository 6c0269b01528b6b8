//! What is in memory, and what is released for the room of others.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use kilter_domain::digest::Digest;
use kilter_inference::Model;
use kilter_package::Package;
use kilter_serving::endpoint::ExplainableModel;

use super::{packages::PackageCache, slot::Slot};
use crate::lock::lock;

/// Models kept at most that no version serves; the least recently used one is released.
const MAX_UNSERVED: usize = 32;

/// A version in memory: its package and the model in it.
pub type Loaded = (Arc<Package>, Arc<Model>);

/// Where a model that serves is read from again.
pub(crate) trait ReadModel: Send + Sync {
    /// Reads and verifies it.
    ///
    /// # Errors
    /// Why it cannot serve, for the operator.
    fn read(&self) -> Result<Arc<Model>, String>;

    /// The model with what explains its answers.
    fn explainable(&self, model: Arc<Model>) -> Arc<ExplainableModel>;
}

/// What models did to the memory since the process began. All but the first three only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelMemoryCounts {
    /// Models that are in memory.
    pub loaded: u64,
    /// Bytes that they take, with the packages that are in memory.
    pub bytes: u64,
    /// Bytes that they may take; `None`: as many as there are.
    pub limit: Option<u64>,
    /// Models that were loaded.
    pub loads: u64,
    /// Loads that failed.
    pub failures: u64,
    /// Models that were released for the room of others.
    pub evictions: u64,
    /// How long all loads took together.
    pub load_time: Duration,
}

/// The models in memory. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct ModelMemory(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Bytes that all may take together; `None`: as many as there are.
    limit: Option<u64>,
    slots: Mutex<HashMap<Digest, Arc<Slot>>>,
    packages: PackageCache,
    /// Held while it is decided what is released: two who decide at once would release twice as much.
    evicting: Mutex<()>,
    loads: AtomicU64,
    failures: AtomicU64,
    evictions: AtomicU64,
    load_nanos: AtomicU64,
    /// Whether pages were freed since that was asked last: by a release, or by a load, which takes several times the model for a moment.
    has_freed: AtomicBool,
}

impl ModelMemory {
    /// Models that may take so many bytes together.
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self(Arc::new(Shared { limit, ..Shared::default() }))
    }

    /// Whether models are loaded when they are asked for, because not all of them need to be in memory.
    pub(crate) fn is_bounded(&self) -> bool {
        self.0.limit.is_some()
    }

    /// The package of `digest`: from memory, or as `load` reads it.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub(crate) fn find_or_read<E>(
        &self,
        digest: Digest,
        load: impl FnOnce() -> Result<Package, E>,
    ) -> Result<Arc<Package>, E> {
        self.0.packages.find_or_read(digest, self.0.limit, load)
    }

    /// Keeps a package that was read.
    pub(crate) fn keep_package(&self, package: Package) -> Arc<Package> {
        self.0.packages.insert(package, self.0.limit)
    }

    /// The model of `digest`: from memory, or as `load` reads it. Whoever else asks for it meanwhile waits for this load.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) fn find_or_load<E>(
        &self,
        digest: Digest,
        explainable: impl Fn(Arc<Model>) -> Arc<ExplainableModel>,
        load: impl FnOnce() -> Result<Model, E>,
    ) -> Result<Arc<Model>, E> {
        let slot = self.slot(digest);
        if let Some(found) = slot.find_or_begin(&explainable) {
            return Ok(found.model().clone());
        }
        // Read without a lock: other models are not waited for.
        let loading = self.begin_load(&slot);
        let model = load().inspect_err(|_| loading.fail())?;
        Ok(loading.end(explainable(Arc::new(model))).model().clone())
    }

    /// Keeps a model that was parsed already.
    pub(crate) fn insert(
        &self,
        digest: Digest,
        explainable: impl Fn(Arc<Model>) -> Arc<ExplainableModel>,
        model: Arc<Model>,
    ) {
        let slot = self.slot(digest);
        slot.keep(explainable(model));
        self.make_room(&slot);
    }

    /// What was counted, and what the models take now.
    pub(crate) fn counts(&self) -> ModelMemoryCounts {
        let shared = &self.0;
        let sizes: Vec<u64> = self.slots().iter().filter_map(|slot| slot.memory_bytes()).collect();
        ModelMemoryCounts {
            loaded: sizes.len() as u64,
            bytes: sizes.iter().sum::<u64>() + shared.packages.bytes(),
            limit: shared.limit,
            loads: shared.loads.load(Relaxed),
            failures: shared.failures.load(Relaxed),
            evictions: shared.evictions.load(Relaxed),
            load_time: Duration::from_nanos(shared.load_nanos.load(Relaxed)),
        }
    }

    /// Releases models while those in memory take more than they may: what explanations and many rows at once need comes after a load.
    /// The one that was asked for last stays, however large it is. Whether memory was freed since the last call.
    pub(crate) fn release_excess(&self) -> bool {
        let loaded = self.slots().into_iter().filter(|slot| slot.is_loaded());
        self.evict(loaded.max_by_key(|slot| slot.last_used()).as_ref());
        self.0.has_freed.swap(false, Relaxed)
    }

    pub(super) fn slot(&self, digest: Digest) -> Arc<Slot> {
        lock(&self.0.slots).entry(digest).or_insert_with(|| Arc::new(Slot::new(digest))).clone()
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        lock(&self.0.slots).values().cloned().collect()
    }

    pub(super) fn begin_load<'m>(&'m self, slot: &'m Arc<Slot>) -> Loading<'m> {
        self.make_room(slot);
        Loading { memory: self, slot, began: Instant::now() }
    }

    /// Releases what is used least recently, but for `slot`, which is loaded now or was just.
    pub(super) fn make_room(&self, slot: &Arc<Slot>) {
        self.evict(Some(slot));
    }

    fn evict(&self, kept: Option<&Arc<Slot>>) {
        let _alone = lock(&self.0.evicting);
        let mut slots = self.slots();
        slots.sort_by_key(|slot| slot.last_used());
        let mut unserved = slots.iter().filter(|slot| !slot.is_served() && slot.is_loaded()).count();
        let mut bytes: u64 = slots.iter().map(|slot| slot.claimed_bytes()).sum::<u64>() + self.0.packages.bytes();
        let limit = self.0.limit.unwrap_or(u64::MAX);
        for slot in &slots {
            if kept.is_some_and(|kept| Arc::ptr_eq(kept, slot)) {
                continue;
            }
            let is_beyond = unserved > MAX_UNSERVED && !slot.is_served();
            if bytes <= limit && !is_beyond {
                continue;
            }
            let Some(released) = slot.release() else { continue };
            unserved -= usize::from(!slot.is_served());
            bytes = bytes.saturating_sub(released);
            self.0.evictions.fetch_add(1, Relaxed);
            self.0.has_freed.store(true, Relaxed);
            tracing::debug!(model = slot.digest().short(), bytes = released, "a model is released");
        }
        if let Some(slot) = kept.filter(|_| bytes > limit) {
            slot.log_too_large(limit);
        }
        drop(slots);
        lock(&self.0.slots).retain(|_, slot| !slot.is_idle());
    }
}

/// A load that is under way; whatever becomes of it, who waits for it goes on.
pub(super) struct Loading<'m> {
    memory: &'m ModelMemory,
    slot: &'m Arc<Slot>,
    began: Instant,
}

impl Loading<'_> {
    pub(super) fn fail(&self) {
        self.memory.0.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn end(self, model: Arc<ExplainableModel>) -> Arc<ExplainableModel> {
        let shared = &self.memory.0;
        let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.load_nanos.fetch_add(nanos, Relaxed);
        shared.loads.fetch_add(1, Relaxed);
        shared.has_freed.store(true, Relaxed);
        self.slot.keep(model.clone());
        self.memory.make_room(self.slot);
        model
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.slot.end_load();
    }
}
