//! What `kilter-lake` promises to the crates above it. Every file is made by the test that reads it.

mod bad_input;
mod bombs;
mod by_column;
mod functions;
mod partitions;
mod sql;
mod tables;

use std::{fs, path::PathBuf};

use kilter_domain::{
    ids::EndpointName,
    table::{Column, Table},
};
use kilter_lake::{KnownPartition, Lake, LakeError, LogKind, ReadOptions, read_table};
use tempfile::TempDir;

/// A folder that vanishes, with files in it.
struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, bytes) in files {
            let path = folder.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> Result<Table, LakeError> {
        read_table(&self.path(name), &ReadOptions::default())
    }
}

fn texts(values: &[&str]) -> Column {
    Column::Text(values.iter().map(|value| (!value.is_empty()).then(|| (*value).into())).collect())
}

/// A table with every type, missing values and the values at the ends of the types.
fn every_type() -> Table {
    Table::new(vec![
        ("float".into(), Column::Float(vec![1.0, -0.1, f64::INFINITY, 5e-324])),
        ("int".into(), Column::Int(vec![Some(i64::MIN), None, Some(i64::MAX), Some(0)])),
        ("bool".into(), Column::Bool(vec![Some(true), Some(false), None, Some(true)])),
        ("text".into(), texts(&["plain", "with, comma", "", "two\nlines \"quoted\" ü"])),
        ("time".into(), Column::Time(vec![Some(0), Some(-1), Some(1_764_000_000_123), None])),
    ])
    .unwrap()
}

/// Adds rows as a partition and gives it its name.
fn append(lake: &Lake, kind: LogKind, endpoint: &EndpointName, seq: u64, table: &Table) -> KnownPartition {
    let staged = lake.stage(kind, endpoint, seq, table).unwrap();
    lake.publish(&staged).unwrap();
    KnownPartition { seq, digest: staged.digest, bytes: staged.partition.bytes }
}
