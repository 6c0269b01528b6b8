//! Which blobs are needed, and by whom: the marks before a sweep.
//!
//! Invariants: who cannot say what it needs (a lock or a tree that cannot be read) keeps the sweep from its blobs.

use std::collections::{BTreeSet, HashSet};

use kilter_blobs::{BlobError, BlobStore, Content, ContentKind};
use kilter_domain::{
    digest::Digest,
    ids::ModelName,
    time::{Span, Timestamp},
};
use kilter_store::{
    PageRequest, Reader, StoreError, model as versions,
    run::{self as runs, RunFilter},
    tracking::artifact::{self, ArtifactKind},
};
use kilter_workflow::RunRecord;

use crate::{app::App, causes::StorageError, model::kept::is_kept};

/// Rows that are read at a time.
const PAGE: u32 = 1000;
/// Runs that are read at a time: each has the record of its steps.
const RUNS: u32 = 100;

/// Objects that must stay.
#[derive(Default)]
pub(crate) struct Needed {
    files: HashSet<Digest>,
    /// Lists of files; what is in them is needed too.
    trees: HashSet<Digest>,
}

impl Needed {
    /// What versions and young runs need.
    pub fn of_metadata(app: &App, now: Timestamp, kept: Span) -> Result<Self, StorageError> {
        let since = now.before(kept);
        let mut needed = Self::default();
        let runs = app.store().read(|reader| needed.add_versions(reader, since))?;
        let executed = app.store().read(|reader| needed.add_runs(reader, &runs, since))?;
        app.store().read(|reader| needed.add_artifacts(reader, &executed))?;
        Ok(needed)
    }

    /// The packages of versions; the runs that made them.
    fn add_versions(&mut self, reader: &Reader, since: Timestamp) -> Result<BTreeSet<String>, StoreError> {
        let mut made_by = BTreeSet::new();
        let mut page = PageRequest::first(PAGE);
        loop {
            let listed = versions::list_models(reader, None, &page)?;
            for model in &listed.items {
                self.add_versions_of(reader, &model.name, since, &mut made_by)?;
            }
            let Some(next) = listed.next else { return Ok(made_by) };
            page = PageRequest::first(PAGE).after(next);
        }
    }

    fn add_versions_of(
        &mut self,
        reader: &Reader,
        model: &ModelName,
        since: Timestamp,
        made_by: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let mut page = PageRequest::first(PAGE);
        loop {
            let listed = versions::list(reader, model, None, &page)?;
            for version in listed.items {
                if is_kept(reader, &version, since)? {
                    self.trees.insert(version.digest);
                    made_by.extend(version.run);
                }
            }
            let Some(next) = listed.next else { return Ok(()) };
            page = PageRequest::first(PAGE).after(next);
        }
    }

    /// What clients logged. What runs of the platform made is kept as long as they are.
    fn add_artifacts(&mut self, reader: &Reader, executed: &HashSet<String>) -> Result<(), StoreError> {
        let mut after: Option<String> = None;
        loop {
            let page = artifact::list_contents(reader, after.as_deref())?;
            let Some((last, ..)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            for (path, kind, digest) in page {
                match kind {
                    _ if path.split('/').nth(1).is_some_and(|run| executed.contains(run)) => {}
                    ArtifactKind::File => drop(self.files.insert(digest)),
                    ArtifactKind::Tree => drop(self.trees.insert(digest)),
                }
            }
        }
    }

    /// What runs read, made and logged: those of kept versions, those that go on, and those that ended since. The ids of all.
    fn add_runs(
        &mut self,
        reader: &Reader,
        of_versions: &BTreeSet<String>,
        since: Timestamp,
    ) -> Result<HashSet<String>, StoreError> {
        let mut executed = HashSet::new();
        let mut page = PageRequest::first(RUNS);
        loop {
            let listed = runs::list(reader, &RunFilter::default(), &page)?;
            for run in listed.items {
                executed.insert(run.id.clone());
                let is_young = run.ended.is_none_or(|ended| ended >= since);
                if !is_young && !of_versions.contains(&run.id) {
                    continue;
                }
                // One that goes on or ended before its first step has no record of steps.
                let Ok(record) = serde_json::from_value::<RunRecord>(run.record) else { continue };
                record.data.values().for_each(|pin| self.add(&pin.content));
                for step in record.steps {
                    step.outputs.values().for_each(|output| self.add(&output.content));
                    self.files.extend(step.log);
                }
            }
            let Some(next) = listed.next else { return Ok(executed) };
            page = PageRequest::first(RUNS).after(next);
        }
    }

    /// Something else that is needed.
    pub fn add(&mut self, content: &Content) {
        match content.kind {
            ContentKind::File => self.files.insert(content.digest),
            ContentKind::Tree => self.trees.insert(content.digest),
        };
    }

    /// Whether something itself is needed; what is in a tree is not looked at.
    pub fn has(&self, digest: &Digest) -> bool {
        self.files.contains(digest) || self.trees.contains(digest)
    }

    /// A file that is needed.
    pub fn add_file(&mut self, digest: Digest) {
        self.files.insert(digest);
    }

    /// Every object of a store that is needed, the files of trees among them.
    ///
    /// # Errors
    /// When the list of a tree is damaged: nobody knows then which files it has.
    pub fn objects_in(&self, store: &BlobStore) -> Result<HashSet<Digest>, BlobError> {
        let mut objects: HashSet<Digest> = self.files.union(&self.trees).copied().collect();
        for tree in &self.trees {
            match store.tree(tree) {
                Ok(tree) => objects.extend(tree.entries().iter().map(|entry| entry.digest)),
                // It is in another store, or gone: `kilter doctor` says so.
                Err(BlobError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(objects)
    }
}
