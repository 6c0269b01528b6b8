//! Packages that were read, without the files of their models.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use kilter_domain::digest::Digest;
use kilter_package::Package;

use crate::lock::lock;

/// Packages kept at most.
const MAX_PACKAGES: usize = 64;
/// The memory of a package, as a multiple of its documents' size: they are compact at rest. An estimate.
const DOCUMENT_FACTOR: u64 = 2;
/// The share of the bound that packages may take: one in so many bytes.
const SHARE: u64 = 4;

/// Packages by digest. The one that was asked for least recently goes first.
#[derive(Default)]
pub(super) struct PackageCache(Mutex<Packages>);

#[derive(Default)]
struct Packages {
    kept: HashMap<Digest, (Arc<Package>, u64)>,
    /// How often a package was asked for: orders them.
    asked: u64,
}

fn bytes_of(package: &Package) -> u64 {
    package.document_bytes() * DOCUMENT_FACTOR
}

impl Packages {
    fn bytes(&self) -> u64 {
        self.kept.values().map(|(package, _)| bytes_of(package)).sum()
    }

    fn insert(&mut self, package: Arc<Package>, limit: Option<u64>) {
        let digest = package.digest;
        self.asked += 1;
        self.kept.insert(digest, (package, self.asked));
        let may_take = limit.map_or(u64::MAX, |limit| limit / SHARE);
        while self.kept.len() > 1 && (self.kept.len() > MAX_PACKAGES || self.bytes() > may_take) {
            let oldest = self.kept.iter().min_by_key(|(_, (_, asked))| *asked).map(|(digest, _)| *digest);
            oldest.map(|digest| self.kept.remove(&digest));
        }
    }
}

impl PackageCache {
    pub(super) fn find_or_read<E>(
        &self,
        digest: Digest,
        limit: Option<u64>,
        load: impl FnOnce() -> Result<Package, E>,
    ) -> Result<Arc<Package>, E> {
        {
            let mut packages = lock(&self.0);
            packages.asked += 1;
            let now = packages.asked;
            if let Some((package, asked)) = packages.kept.get_mut(&digest) {
                *asked = now;
                return Ok(package.clone());
            }
        }
        // Read without the lock: another package is not waited for.
        Ok(self.insert(load()?, limit))
    }

    pub(super) fn insert(&self, package: Package, limit: Option<u64>) -> Arc<Package> {
        let package = Arc::new(package);
        lock(&self.0).insert(package.clone(), limit);
        package
    }

    pub(super) fn bytes(&self) -> u64 {
        lock(&self.0).bytes()
    }
}
