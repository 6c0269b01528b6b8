//! What is known of one file of a log, and of all of them.

use std::path::PathBuf;

use kilter_domain::{digest::Digest, time::Timestamp};

use crate::error::LakeError;

/// One file of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the log; no number is used twice.
    pub seq: u64,
    /// Its file.
    pub path: PathBuf,
    /// How many rows it has.
    pub rows: u64,
    /// Its length as a file.
    pub bytes: u64,
    /// The first time in it.
    pub min_time: Timestamp,
    /// The last time in it.
    pub max_time: Timestamp,
}

/// A partition as the index knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPartition {
    /// Its number in the log.
    pub seq: u64,
    /// Of its bytes.
    pub digest: Digest,
    /// Its length as a file.
    pub bytes: u64,
}

/// A partition that is written and has no name yet: nobody reads it.
#[derive(Debug)]
pub struct StagedPartition {
    /// With the path that it will have.
    pub partition: Partition,
    /// Of its bytes.
    pub digest: Digest,
}

/// All partitions of one kind and endpoint, by number, and the files that should be some but are not.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that can be read, by number.
    pub partitions: Vec<Partition>,
    /// Why the others cannot.
    pub damaged: Vec<LakeError>,
}
