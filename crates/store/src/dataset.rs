//! Versions of datasets: which bytes were seen under a name, with their schema and profile.
//!
//! Invariants: the digest is the identity; seeing the same bytes again is the same version. No audit entry:
//! a version is a fact about bytes, not a decision.

use kilter_domain::{
    digest::Digest,
    ids::{DatasetName, ProjectName},
    time::Timestamp,
};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "dataset_version";

statements! {
    INSERT = "record the dataset version": "
        INSERT INTO dataset_version (project, dataset, digest, rows, bytes, source, schema, profile, first_seen)
        VALUES (:project, :dataset, :digest, :rows, :bytes, :source, :schema, :profile, :first_seen)
        ON CONFLICT (project, dataset, digest) DO NOTHING";
    FIND = "read the dataset version": "
        SELECT * FROM dataset_version WHERE project = :project AND dataset = :dataset AND digest = :digest";
    NEWEST = "list dataset versions": "
        SELECT * FROM dataset_version
        WHERE project = :project AND (dataset = :dataset OR :dataset IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// One version of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetVersion {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// Which dataset.
    pub dataset: DatasetName,
    /// Of its bytes.
    pub digest: Digest,
    /// How many rows it has.
    pub rows: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where it was read from, as the contract states it.
    pub source: String,
    /// Names and types of its columns, as JSON.
    pub schema: Value,
    /// What its columns hold, as JSON.
    pub profile: Value,
    /// When it was first read.
    pub first_seen: Timestamp,
}

/// Records a version; whether it is new. One that was seen before keeps its first record.
pub fn record(tx: &Tx, version: &DatasetVersion) -> Result<bool, StoreError> {
    let params = named_params! {
        ":project": version.project.as_str(), ":dataset": version.dataset.as_str(),
        ":digest": version.digest.to_string(), ":rows": version.rows, ":bytes": version.bytes,
        ":source": version.source, ":schema": row::text_of(INSERT.attempt, &version.schema)?,
        ":profile": row::text_of(INSERT.attempt, &version.profile)?, ":first_seen": version.first_seen.millis(),
    };
    Ok(tx.execute(&INSERT, params)? > 0)
}

/// The version with this digest.
pub fn find(
    reader: &Reader,
    project: &ProjectName,
    dataset: &DatasetName,
    digest: &Digest,
) -> Result<Option<DatasetVersion>, StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":dataset": dataset.as_str(), ":digest": digest.to_string()
    };
    reader.one(&FIND, params, version)
}

/// Versions of one dataset, or of all of a project, newest first.
pub fn list(
    reader: &Reader,
    project: &ProjectName,
    dataset: Option<&DatasetName>,
    page: &PageRequest,
) -> Result<Page<DatasetVersion>, StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":dataset": dataset.map(DatasetName::as_str),
        ":below": page.below(LIST)?, ":limit": page.probe(),
    };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, version(row)?)))?))
}

fn version(row: &Row) -> database::Result<DatasetVersion> {
    Ok(DatasetVersion {
        project: row::parsed(row, "project")?,
        dataset: row::parsed(row, "dataset")?,
        digest: row::parsed(row, "digest")?,
        rows: row.get("rows")?,
        bytes: row.get("bytes")?,
        source: row.get("source")?,
        schema: row::document(row, "schema")?,
        profile: row::document(row, "profile")?,
        first_seen: row::time(row, "first_seen")?,
    })
}
