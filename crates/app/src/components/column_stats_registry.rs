//! The column statistics that this process counts, until they are added to their files.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use kilter_domain::ids::EndpointName;
use kilter_serving::{VersionRef, column_stats::ColumnStats};

use crate::lock::lock;

/// An endpoint and the version that counts there.
pub(crate) type Served = (EndpointName, VersionRef);

/// What is counted in memory, by endpoint and version.
#[derive(Default)]
pub(crate) struct ColumnStatsRegistry {
    open: Mutex<BTreeMap<Served, Arc<ColumnStats>>>,
    files: Mutex<()>,
    /// Files that are not in the object store as they are in the folder.
    unsent: Mutex<BTreeSet<(EndpointName, String)>>,
}

impl ColumnStatsRegistry {
    /// What a version counts into at an endpoint; counts that wait to be added to a file are counted on.
    pub(crate) fn find_or_start(&self, served: Served, start: impl FnOnce() -> ColumnStats) -> Arc<ColumnStats> {
        lock(&self.open).entry(served).or_insert_with(|| Arc::new(start())).clone()
    }

    /// Everything that is counted.
    pub(crate) fn list(&self) -> Vec<(Served, Arc<ColumnStats>)> {
        lock(&self.open).iter().map(|(served, column_stats)| (served.clone(), column_stats.clone())).collect()
    }

    /// Forgets what serves no more and has nothing to be added.
    pub(crate) fn forget_idle(&self) {
        lock(&self.open)
            .retain(|_, column_stats| Arc::strong_count(column_stats) > 1 || !column_stats.peek_buckets().is_empty());
    }

    /// A file is not in the object store as it is in the folder.
    pub(crate) fn note_unsent(&self, endpoint: &EndpointName, name: &str) {
        lock(&self.unsent).insert((endpoint.clone(), name.to_owned()));
    }

    /// A file is in the object store as it is in the folder, or there is none.
    pub(crate) fn forget_unsent(&self, endpoint: &EndpointName, name: &str) {
        lock(&self.unsent).remove(&(endpoint.clone(), name.to_owned()));
    }

    /// Every file that is not in the object store as it is in the folder.
    pub(crate) fn unsent(&self) -> Vec<(EndpointName, String)> {
        lock(&self.unsent).iter().cloned().collect()
    }

    /// Held while counts are neither in memory nor in a file, and while both are added up.
    pub(crate) fn lock_files(&self) -> MutexGuard<'_, ()> {
        lock(&self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kilter_domain::digest::Digest;

    fn served(endpoint: &str) -> Served {
        (endpoint.parse().unwrap(), VersionRef { number: 1, digest: Digest::of(b"package") })
    }

    #[test]
    fn a_version_counts_into_one_place_until_it_serves_no_more() {
        let stats = ColumnStatsRegistry::default();
        let first = stats.find_or_start(served("churn"), || ColumnStats::new(vec![]));
        let again = stats.find_or_start(served("churn"), || unreachable!("it counts already"));
        assert!(Arc::ptr_eq(&first, &again));
        drop(again);
        stats.find_or_start(served("fraud"), || ColumnStats::new(vec![]));
        stats.forget_idle();
        let kept: Vec<Served> = stats.list().into_iter().map(|(served, _)| served).collect();
        assert_eq!(kept, [served("churn")], "what is held elsewhere still serves");
    }
}
