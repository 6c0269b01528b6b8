//! Packages and models in memory, by digest.
//!
//! Invariants: what is in the cache was verified when it was read. At most [`MAX_LOADED`] are kept; a model that worker processes answer is kept
//! only as long as somebody uses it, so that they end with its last use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, Weak},
};

use kilter_domain::digest::Digest;
use kilter_inference::Model;
use kilter_package::Package;

use crate::lock::lock;

/// Packages kept in memory at most; fewer versions serve, the rest are read again.
const MAX_LOADED: usize = 32;

/// A version in memory: its package and the model in it.
pub type Loaded = (Arc<Package>, Arc<Model>);

/// Packages and models that were read already.
#[derive(Default)]
pub(crate) struct ModelCache {
    loaded: Mutex<HashMap<Digest, Kept>>,
}

/// What the cache has of a version.
enum Kept {
    Model(Loaded),
    /// Of a model that worker processes answer.
    WhileUsed(Arc<Package>, Weak<Model>),
}

impl Kept {
    fn of(version: &Loaded) -> Self {
        let (package, model) = version;
        match model.is_external() {
            true => Self::WhileUsed(package.clone(), Arc::downgrade(model)),
            false => Self::Model(version.clone()),
        }
    }

    fn find(&self) -> Option<Loaded> {
        match self {
            Self::Model(version) => Some(version.clone()),
            Self::WhileUsed(package, model) => Some((package.clone(), model.upgrade()?)),
        }
    }
}

impl ModelCache {
    /// The package of `digest`: from memory, or as `load` reads it.
    ///
    /// # Errors
    /// Those of `load`; nothing is kept then.
    pub(crate) fn find_or_load<E>(
        &self,
        digest: Digest,
        load: impl FnOnce() -> Result<(Package, Model), E>,
    ) -> Result<Loaded, E> {
        if let Some(found) = lock(&self.loaded).get(&digest).and_then(Kept::find) {
            return Ok(found);
        }
        // Read without the lock: another version is not waited for.
        let (package, model) = load()?;
        Ok(self.insert(digest, (Arc::new(package), Arc::new(model))))
    }

    /// Keeps a package whose model was parsed already.
    pub(crate) fn insert(&self, digest: Digest, version: Loaded) -> Loaded {
        let mut loaded = lock(&self.loaded);
        if loaded.len() >= MAX_LOADED {
            loaded.clear();
        }
        loaded.insert(digest, Kept::of(&version));
        version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_loaded_is_asked_for_again() {
        let (cache, digest) = (ModelCache::default(), Digest::of(b"model"));
        let failed = |why: &'static str| cache.find_or_load(digest, || Err(why)).map(|_| ());
        assert_eq!((failed("first"), failed("second")), (Err("first"), Err("second")));
        assert!(lock(&cache.loaded).is_empty());
    }
}
