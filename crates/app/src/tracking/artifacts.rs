//! Artifacts: files that clients keep with their runs, and what the runs of the platform made. A path is below the root of all
//! artifacts; bytes are kept by content.
//!
//! Invariants: a file is whole or not there; what a run of the platform made, and the packages of versions (below
//! [`PACKAGES`], by model and number), are changed by nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use kilter_blobs::{BlobError, BlobStore};
use kilter_domain::{actor::Action, digest::Digest, ids::ModelName};
use kilter_store::{
    model as versions,
    registry::platform::PACKAGES,
    run as platform_runs,
    tracking::{
        artifact::{self, Artifact, ArtifactKind},
        experiment,
    },
};

pub use kilter_store::tracking::artifact::own_folder;

use super::{TrackingError, access};
use crate::{app::App, context::RequestContext, registered};

/// Characters of the id of a run of the platform: in whatever folder it stands, what lies below is of that run.
const RUN_ID_CHARS: usize = 36;
/// Artifacts that are looked at in one go.
const PAGE: u32 = 1_000;

/// A file or a folder of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// Its path below the root of all artifacts.
    pub path: String,
    /// How many bytes it has; `None`: it is a folder.
    pub bytes: Option<u64>,
}

/// A file that is read.
pub struct ArtifactFile {
    /// Its bytes, from the first one that is wanted.
    pub file: File,
    /// How many bytes it has.
    pub bytes: u64,
    /// Of its bytes.
    pub digest: Digest,
}

impl ArtifactFile {
    /// Goes to a byte of the file.
    ///
    /// # Errors
    /// What the disk answers.
    pub fn seek(&mut self, to: u64) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(to)).map(|_| ())
    }
}

/// Keeps what `source` gives as the artifact at `path`.
///
/// # Errors
/// When the path leaves the root, or it is of a run that the platform executed.
pub fn put_artifact(
    app: &App,
    context: &RequestContext,
    path: &str,
    source: &mut impl Read,
) -> Result<(), TrackingError> {
    check(app, context, Action::Run, path)?;
    artifact::check_path(path)?;
    refuse_own(app, path)?;
    let content = app.artifact_blobs().unwrap_or(app.blobs()).put_reader(source).map_err(of_blobs)?;
    let kept = [Artifact {
        path: path.to_owned(),
        kind: ArtifactKind::File,
        digest: content.digest,
        bytes: content.bytes,
        at: context.at,
    }];
    Ok(app.store().write(move |tx| artifact::put(tx, &kept))?)
}

fn of_blobs(error: BlobError) -> TrackingError {
    crate::causes::StorageError::from(error).into()
}

/// The file at a path.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn open_artifact(app: &App, context: &RequestContext, path: &str) -> Result<ArtifactFile, TrackingError> {
    check(app, context, Action::Read, path)?;
    let (digest, bytes) = find(app, path)?.ok_or_else(|| TrackingError::not_found("artifact", path))?;
    // What an old run of the platform made may have been collected.
    let file = in_stores(app, path, |store| store.reader(&digest))?;
    let file = file.ok_or_else(|| TrackingError::not_found("artifact", path))?;
    Ok(ArtifactFile { file, bytes, digest })
}

fn find(app: &App, path: &str) -> Result<Option<(Digest, u64)>, TrackingError> {
    if let Some(found) = app.store().read(|reader| artifact::find(reader, path))? {
        return Ok((found.kind == ArtifactKind::File).then_some((found.digest, found.bytes)));
    }
    let Some((tree, inner)) = tree_above(app, path)? else { return Ok(None) };
    let Some(tree) = in_stores(app, path, |store| store.tree(&tree))? else { return Ok(None) };
    let entry = tree.entries().iter().find(|entry| entry.path.as_str() == inner);
    Ok(entry.map(|entry| (entry.digest, entry.bytes)))
}

/// What the place of artifacts or the store of the platform has, or a store of the runs of the project that the artifacts at `path` are of; `None` where none
/// has it.
fn in_stores<T>(
    app: &App,
    path: &str,
    read: impl Fn(&BlobStore) -> Result<T, BlobError>,
) -> Result<Option<T>, TrackingError> {
    let found = |read: Result<T, BlobError>| match read {
        Ok(found) => Ok(Some(found)),
        Err(BlobError::NotFound { .. }) => Ok(None),
        Err(error) => Err(of_blobs(error)),
    };
    for store in app.artifact_blobs().into_iter().chain([app.blobs()]) {
        if let Some(found) = found(read(store))? {
            return Ok(Some(found));
        }
    }
    let of = app.store().read(|reader| experiment::find_by_artifact(reader, path))?;
    let Some(project) = of.and_then(|of| of.project) else { return Ok(None) };
    let stores = registered::run_stores(app, &project)?;
    stores.iter().find_map(|store| found(read(store)).transpose()).transpose()
}

/// The model whose packages a path lies among, and what follows its name.
fn among_packages(path: &str) -> Option<(ModelName, &str)> {
    let rest = path.strip_prefix(PACKAGES)?.strip_prefix('/')?;
    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((name.parse().ok()?, rest))
}

/// The package that a path lies in or is, and the path within it.
fn package_above(app: &App, path: &str) -> Result<Option<(Digest, String)>, TrackingError> {
    let Some((model, rest)) = among_packages(path) else { return Ok(None) };
    let (number, inner) = rest.split_once('/').unwrap_or((rest, ""));
    let Ok(number) = number.parse() else { return Ok(None) };
    let version = app.store().read(|reader| versions::find(reader, &model, number))?;
    // What is out of use for long may have been collected.
    let digest = version.map(|version| version.digest).filter(|digest| app.blobs().has(digest));
    Ok(digest.map(|digest| (digest, inner.to_owned())))
}

/// The tree that a path lies in or is, and the path within it.
fn tree_above(app: &App, path: &str) -> Result<Option<(Digest, String)>, TrackingError> {
    if let Some(found) = package_above(app, path)? {
        return Ok(Some(found));
    }
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    Ok(app.store().read(|reader| {
        for end in ends {
            let found = artifact::find(reader, &path[..end])?.filter(|found| found.kind == ArtifactKind::Tree);
            if let Some(found) = found {
                return Ok(Some((found.digest, path[end..].trim_start_matches('/').to_owned())));
            }
        }
        Ok(None)
    })?)
}

/// What lies in a folder; empty for a file, and for what is not there.
///
/// # Errors
/// When its project may not be read.
pub fn list_artifacts(app: &App, context: &RequestContext, folder: &str) -> Result<Vec<ArtifactEntry>, TrackingError> {
    check(app, context, Action::Read, folder)?;
    if let Some((tree, inner)) = tree_above(app, folder)? {
        return list_of_tree(app, folder, &tree, &inner);
    }
    let children = app.store().read(|reader| artifact::children(reader, folder))?;
    let folders = children.folders.into_iter().map(|path| ArtifactEntry { path, bytes: None });
    let artifacts = children.artifacts.into_iter().map(|found| ArtifactEntry {
        bytes: (found.kind == ArtifactKind::File).then_some(found.bytes),
        path: found.path,
    });
    let mut entries: Vec<ArtifactEntry> = folders.chain(artifacts).collect();
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

fn list_of_tree(app: &App, folder: &str, tree: &Digest, inner: &str) -> Result<Vec<ArtifactEntry>, TrackingError> {
    let prefix = if inner.is_empty() { String::new() } else { format!("{inner}/") };
    let mut found: BTreeMap<String, Option<u64>> = BTreeMap::new();
    let Some(tree) = in_stores(app, folder, |store| store.tree(tree))? else { return Ok(Vec::new()) };
    for entry in tree.entries() {
        let Some(rest) = entry.path.as_str().strip_prefix(&prefix) else { continue };
        match rest.split_once('/') {
            None => found.insert(rest.to_owned(), Some(entry.bytes)),
            Some((child, _)) => found.insert(child.to_owned(), None),
        };
    }
    Ok(found.into_iter().map(|(name, bytes)| ArtifactEntry { path: format!("{folder}/{name}"), bytes }).collect())
}

/// Deletes the artifact at a path, or all below it. Their bytes stay until garbage is collected.
///
/// # Errors
/// When it is of a run that the platform executed, or nothing is there.
pub fn delete_artifacts(app: &App, context: &RequestContext, path: &str) -> Result<(), TrackingError> {
    check(app, context, Action::Run, path)?;
    refuse_own(app, path)?;
    for experiment in app.store().read(|reader| experiment::list_below_artifact(reader, path))? {
        access::authorize(app, context, Action::Run, experiment.project.as_ref())?;
    }
    refuse_own_below(app, path)?;
    let below = path.to_owned();
    match app.store().write(move |tx| artifact::delete(tx, &below))? {
        0 => Err(TrackingError::not_found("artifact", path)),
        _ => Ok(()),
    }
}

/// Asks for a right in the project whose experiment has its artifacts above a path.
fn check(app: &App, context: &RequestContext, action: Action, path: &str) -> Result<(), TrackingError> {
    if let Some((model, _)) = among_packages(path)
        && let Some(model) = app.store().read(|reader| versions::find_model(reader, &model))?
    {
        return access::authorize(app, context, action, Some(&model.project));
    }
    match app.store().read(|reader| experiment::find_by_artifact(reader, path))? {
        Some(of) => access::authorize(app, context, action, of.project.as_ref()),
        None => access::authorize_outside(context, action),
    }
}

/// What a run of the platform made is evidence, and so is a package.
fn refuse_own(app: &App, path: &str) -> Result<(), TrackingError> {
    if path.split('/').next() == Some(PACKAGES) {
        return Err(TrackingError::Kept {
            what: "package",
            name: path.to_owned(),
            act: "changed",
            reason: "a version of a model is made of it",
        });
    }
    match run_ids(path).find_map(|id| is_executed(app, id).transpose()).transpose()? {
        None => Ok(()),
        Some(id) => Err(evidence(id)),
    }
}

/// As [`refuse_own`], of everything below a folder.
fn refuse_own_below(app: &App, folder: &str) -> Result<(), TrackingError> {
    let (mut after, mut seen) = (None::<String>, BTreeSet::new());
    loop {
        let page = app.store().read(|reader| artifact::list_below(reader, folder, after.as_deref(), PAGE))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.path.clone());
        for id in page.iter().flat_map(|found| run_ids(&found.path)) {
            if seen.insert(id.to_owned()) && is_executed(app, id)?.is_some() {
                return Err(evidence(id.to_owned()));
            }
        }
    }
}

/// The parts of a path that may be the id of a run of the platform.
fn run_ids(path: &str) -> impl Iterator<Item = &str> {
    let may_be_run = |(place, part): &(usize, &str)| *place == 1 || part.len() == RUN_ID_CHARS;
    path.split('/').enumerate().filter(may_be_run).map(|(_, part)| part)
}

fn is_executed(app: &App, id: &str) -> Result<Option<String>, TrackingError> {
    Ok(app.store().read(|reader| platform_runs::is_known(reader, id))?.then(|| id.to_owned()))
}

fn evidence(run: String) -> TrackingError {
    TrackingError::Kept { what: "artifacts of run", name: run, act: "changed", reason: access::EXECUTED }
}

#[cfg(test)]
mod tests {
    use kilter_domain::time::{DAY_MS, Timestamp};

    use super::*;
    use crate::{
        garbage::{self, GarbageOptions},
        model::golden_replay::tests::TestFolder,
    };

    #[test]
    fn a_file_that_a_client_logged_stays_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let house = TestFolder::open(folder.path());
        let put = |path: &str, bytes: &[u8]| put_artifact(&house.app, &house.context, path, &mut &*bytes).unwrap();
        put("0/run/artifacts/a.txt", b"first");
        put("0/run/artifacts/b.txt", b"second");
        delete_artifacts(&house.app, &house.context, "0/run/artifacts/b.txt").unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let later = Timestamp(i64::try_from(now).unwrap() + 200 * DAY_MS);
        let options = GarbageOptions { deletes: true, ..GarbageOptions::new(later) };
        garbage::collect::collect(&house.app, &house.context, &options, &|| true).unwrap();
        let mut objects = 0;
        house.app.blobs().for_each_object(&mut |_| objects += 1).unwrap();
        assert_eq!(objects, 1);
        let opened = open_artifact(&house.app, &house.context, "0/run/artifacts/a.txt").unwrap();
        assert_eq!(std::io::read_to_string(opened.file).unwrap(), "first");
        assert!(open_artifact(&house.app, &house.context, "0/run/artifacts/b.txt").is_err());
    }
}
