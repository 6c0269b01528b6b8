//! Artifacts: files by their path below the root of all artifacts. Their bytes are kept by content.
//!
//! Invariants: a path never leaves the root; what is written again replaces what was there.

use std::collections::BTreeSet;

use kilter_domain::{digest::Digest, time::Timestamp};
use serde::{Deserialize, Serialize};

use super::{experiment::OWN_ARTIFACTS, run};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

/// Bytes of a path at most.
pub const MAX_PATH_BYTES: usize = 2048;
/// Rows that are read at a time.
const PAGE: u32 = 1000;

statements! {
    PUT = "record an artifact": "
        INSERT INTO artifact (path, kind, digest, bytes, at) VALUES (:path, :kind, :digest, :bytes, :at)
        ON CONFLICT (path) DO UPDATE
        SET kind = excluded.kind, digest = excluded.digest, bytes = excluded.bytes, at = excluded.at";
    FIND = "read an artifact": "
        SELECT * FROM artifact WHERE path = :path";
    BETWEEN = "list artifacts": "
        SELECT * FROM artifact WHERE path > :above AND path < :until ORDER BY path LIMIT :limit";
    DELETE = "delete artifacts": "
        DELETE FROM artifact WHERE path = :path OR (path > :above AND path < :until)";
    ALL_DIGESTS = "list the contents of artifacts": "
        SELECT path, kind, digest FROM artifact WHERE path > :above ORDER BY path LIMIT :limit";
}

/// Whether an artifact is one file, or a folder that is kept as one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactKind {
    /// One file.
    File,
    /// A folder that is kept as one tree.
    Tree,
}

impl ArtifactKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Tree => "tree",
        }
    }
}

/// Something that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Below the root of all artifacts, with `/`.
    pub path: String,
    /// One file, or a folder.
    pub kind: ArtifactKind,
    /// Of its bytes, or of its tree.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: u64,
    /// When it was written.
    pub at: Timestamp,
}

/// What a folder holds: files and trees, and the names of folders below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Children {
    /// What lies in it itself.
    pub artifacts: Vec<Artifact>,
    /// Paths of folders in it.
    pub folders: BTreeSet<String>,
}

/// Records artifacts; one that is written again replaces the record of the first.
///
/// # Errors
/// When a path leaves the root.
pub fn put(tx: &Tx, artifacts: &[Artifact]) -> Result<(), StoreError> {
    for artifact in artifacts {
        check_path(&artifact.path)?;
        let params = named_params! {
            ":path": artifact.path, ":kind": artifact.kind.as_str(), ":digest": artifact.digest.to_string(),
            ":bytes": artifact.bytes, ":at": artifact.at.millis(),
        };
        tx.execute(&PUT, params)?;
    }
    Ok(())
}

/// As [`put`], of a run that the platform executes: paths are those below the folder of the run.
///
/// # Errors
/// When there is no such run, or a path leaves its folder.
pub fn put_of_run(tx: &Tx, id: &str, artifacts: &[Artifact]) -> Result<(), StoreError> {
    let folder = own_folder(&run::get(tx, id)?.artifact_uri).unwrap_or_default().to_owned();
    let below = |artifact: &Artifact| {
        check_path(&artifact.path)?;
        Ok(Artifact { path: format!("{folder}/{}", artifact.path), ..artifact.clone() })
    };
    put(tx, &artifacts.iter().map(below).collect::<Result<Vec<_>, StoreError>>()?)
}

/// The path below the root of all artifacts that an address means; `None` where the platform does not keep them.
pub fn own_folder(uri: &str) -> Option<&str> {
    uri.strip_prefix(OWN_ARTIFACTS).map(|path| path.trim_matches('/'))
}

/// The artifact at a path, if there is one.
pub fn find(reader: &Reader, path: &str) -> Result<Option<Artifact>, StoreError> {
    reader.one(&FIND, named_params! { ":path": path }, artifact)
}

/// Artifacts below a folder (empty: the root) in the order of their paths, at most `limit` (brought into 1 to 10,000) after
/// `after`.
pub fn list_below(reader: &Reader, folder: &str, after: Option<&str>, limit: u32) -> Result<Vec<Artifact>, StoreError> {
    let (above, until) = range(folder);
    between(reader, after.unwrap_or(&above), &until, limit.clamp(1, 10_000))
}

/// What lies in a folder itself (empty: the root). Folders below it are passed over, however much they hold.
pub fn children(reader: &Reader, folder: &str) -> Result<Children, StoreError> {
    let (mut above, until) = range(folder);
    let prefix = above.len();
    let mut children = Children::default();
    loop {
        let page = between(reader, &above, &until, PAGE)?;
        let Some(last) = page.last().map(|artifact| artifact.path.clone()) else { return Ok(children) };
        let is_whole = page.len() < PAGE as usize;
        for artifact in page {
            match artifact.path[prefix..].find('/') {
                Some(end) => drop(children.folders.insert(artifact.path[..prefix + end].to_owned())),
                None => children.artifacts.push(artifact),
            }
        }
        if is_whole {
            return Ok(children);
        }
        above = match last[prefix..].find('/') {
            // No path is this one: names do not end in the character after all others.
            Some(end) => format!("{}/\u{10ffff}", &last[..prefix + end]),
            None => last,
        };
    }
}

/// Deletes the artifact at a path, or all below it; how many there were. Their bytes stay until garbage is collected.
pub fn delete(tx: &Tx, path: &str) -> Result<usize, StoreError> {
    let (above, until) = range(path);
    tx.execute(&DELETE, named_params! { ":path": path, ":above": above, ":until": until })
}

/// What artifacts hold, by path, at most 1,000 after `after`: what must not be collected.
pub fn list_contents(reader: &Reader, after: Option<&str>) -> Result<Vec<(String, ArtifactKind, Digest)>, StoreError> {
    let params = named_params! { ":above": after.unwrap_or(""), ":limit": PAGE };
    reader.all(&ALL_DIGESTS, params, |row| Ok((row.get("path")?, row::word(row, "kind")?, row::parsed(row, "digest")?)))
}

/// Everything below a folder lies between the two: `/` and the character after it.
pub(super) fn range(folder: &str) -> (String, String) {
    match folder {
        "" => (String::new(), "\u{10ffff}".to_owned()),
        folder => (format!("{folder}/"), format!("{folder}0")),
    }
}

fn between(reader: &Reader, above: &str, until: &str, limit: u32) -> Result<Vec<Artifact>, StoreError> {
    reader.all(&BETWEEN, named_params! { ":above": above, ":until": until, ":limit": limit }, artifact)
}

fn artifact(row: &Row) -> database::Result<Artifact> {
    Ok(Artifact {
        path: row.get("path")?,
        kind: row::word(row, "kind")?,
        digest: row::parsed(row, "digest")?,
        bytes: row.get("bytes")?,
        at: row::time(row, "at")?,
    })
}

/// A path that could leave the root never gets into the store.
///
/// # Errors
/// When it could, or is longer than [`MAX_PATH_BYTES`].
pub fn check_path(path: &str) -> Result<(), StoreError> {
    let is_inside = !path.is_empty()
        && path.len() <= MAX_PATH_BYTES
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_inside {
        return Ok(());
    }
    let shown: String = path.chars().take(80).collect();
    Err(StoreError::Invalid { attempted: PUT.attempt, reason: format!("`{shown}` does not stay inside of its folder") })
}
