use std::fs;

use kilter_domain::{
    digest::Digest,
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{Lake, LakeError, LogKind, LogRows, ReadOptions, TIME_COLUMN};

use crate::{Folder, texts};

const PREDICTIONS: LogKind = LogKind::Predictions;

fn churn() -> EndpointName {
    "churn".parse().unwrap()
}

/// Rows at these times with a score each.
fn rows(times: &[i64]) -> Table {
    let scores = times.iter().map(|time| *time as f64 / 10.0).collect();
    let times = times.iter().copied().map(Some).collect();
    Table::new(vec![(TIME_COLUMN.into(), Column::Time(times)), ("score".into(), Column::Float(scores))]).unwrap()
}

fn read(lake: &Lake, times: std::ops::Range<i64>) -> LogRows {
    lake.read(PREDICTIONS, &churn(), Timestamp(times.start)..Timestamp(times.end), &ReadOptions::default()).unwrap()
}

#[test]
fn a_partition_is_listed_with_what_was_told_when_it_was_added() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let (second, _) = lake.append(PREDICTIONS, &churn(), 2, &rows(&[40, 30])).unwrap();
    let (first, digest) = lake.append(PREDICTIONS, &churn(), 1, &rows(&[10, 20])).unwrap();
    assert_eq!((second.min_time, second.max_time, second.rows), (Timestamp(30), Timestamp(40), 2));
    assert_eq!(digest, Digest::of(&fs::read(&first.path).unwrap()));
    assert_eq!(first.bytes, fs::metadata(&first.path).unwrap().len());
    let listing = lake.list(PREDICTIONS, &churn()).unwrap();
    assert_eq!(listing.partitions, [first, second]);
    assert!(listing.damaged.is_empty());
    assert!(lake.list(LogKind::Labels, &churn()).unwrap().partitions.is_empty());
}

#[test]
fn a_span_of_time_is_read_across_partitions_with_its_end_left_out() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    for (seq, times) in [(1, [10, 20]), (2, [20, 40]), (3, [50, 60])] {
        lake.append(PREDICTIONS, &churn(), seq, &rows(&times)).unwrap();
    }
    let table = read(&lake, 20..50).table;
    assert_eq!(table.column(TIME_COLUMN).unwrap(), &Column::Time(vec![Some(20), Some(20), Some(40)]));
    assert_eq!(read(&lake, 100..200).table.rows(), 0);

    let options = ReadOptions { columns: Some(vec!["score".into()]), limit: Some(2), ..ReadOptions::default() };
    let rows = lake.read(PREDICTIONS, &churn(), Timestamp(0)..Timestamp(50), &options).unwrap();
    assert_eq!(rows.table, Table::new(vec![("score".into(), Column::Float(vec![1.0, 2.0]))]).unwrap());
}

#[test]
fn adding_the_same_rows_again_is_no_error_and_other_rows_are_refused() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let once = lake.append(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap();
    assert_eq!(lake.append(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap(), once);
    let error = lake.append(PREDICTIONS, &churn(), 1, &rows(&[11])).unwrap_err();
    assert!(matches!(error, LakeError::PartitionExists { seq: 1, .. }), "{error}");
    assert_eq!(read(&lake, 0..100).table, rows(&[10]));
    assert_eq!(fs::read_dir(lake.folder(PREDICTIONS, &churn())).unwrap().count(), 1);
}

#[test]
fn rows_without_a_time_are_refused_and_nothing_is_added() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let untimed = Table::new(vec![("score".into(), Column::Float(vec![1.0]))]).unwrap();
    let gap = Table::new(vec![(TIME_COLUMN.into(), Column::Time(vec![Some(1), None]))]).unwrap();
    for (table, row) in [(untimed, None), (gap, Some(1)), (rows(&[]), None)] {
        let error = lake.append(PREDICTIONS, &churn(), 1, &table).unwrap_err();
        assert!(matches!(error, LakeError::NoTime { row: at, .. } if at == row), "{error}");
    }
    assert!(!folder.path("lake").exists());
}

#[test]
fn damaged_and_foreign_files_are_named_and_the_others_still_read() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    for seq in 1..=4 {
        lake.append(PREDICTIONS, &churn(), seq, &rows(&[seq as i64])).unwrap();
    }
    let log = lake.folder(PREDICTIONS, &churn());
    let cut = log.join("000000000002.parquet");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    // Here the footer is whole, and the pages are not.
    let scratched = log.join("000000000003.parquet");
    let mut bytes = fs::read(&scratched).unwrap();
    bytes[4..60].fill(0xff);
    fs::write(&scratched, bytes).unwrap();
    kilter_lake::write_table(&log.join("000000000005.parquet"), &rows(&[5])).unwrap();
    fs::write(log.join("notes.txt"), "x").unwrap();
    fs::write(log.join(".000000000006.parquet.1.2.tmp"), "half").unwrap();

    let rows = read(&lake, 0..100);
    assert_eq!(rows.table.column(TIME_COLUMN).unwrap(), &Column::Time(vec![Some(1), Some(4)]));
    let damaged: Vec<String> = rows.damaged.iter().map(ToString::to_string).collect();
    for name in ["000000000002", "000000000003", "000000000005", "notes.txt"] {
        assert_eq!(damaged.iter().filter(|error| error.contains(name)).count(), 1, "{name}: {damaged:?}");
    }
    assert_eq!(damaged.len(), 4);
}

#[test]
fn partitions_may_have_other_columns_than_those_before() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    lake.append(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap();
    let mut newer = rows(&[20]);
    newer.push("region", texts(&["north"])).unwrap();
    let newer = newer.select(|name| name != "score");
    lake.append(PREDICTIONS, &churn(), 2, &newer).unwrap();
    let retyped = Table::new(vec![
        (TIME_COLUMN.into(), Column::Time(vec![Some(30)])),
        ("region".into(), Column::Int(vec![Some(7)])),
    ]);
    lake.append(PREDICTIONS, &churn(), 3, &retyped.unwrap()).unwrap();

    let LogRows { table, damaged } = read(&lake, 0..100);
    assert!(damaged.is_empty(), "{damaged:?}");
    assert_eq!(table.column("region").unwrap(), &texts(&["", "north", "7"]));
    assert_eq!(
        (table.column("score").unwrap().is_missing(0), table.column("score").unwrap().is_missing(1)),
        (false, true)
    );
}

#[test]
fn a_partition_whose_bytes_changed_is_told() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let (partition, digest) = lake.append(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap();
    lake.verify(&partition, digest).unwrap();
    fs::write(&partition.path, "other").unwrap();
    assert!(matches!(lake.verify(&partition, digest), Err(LakeError::Changed { .. })));
}
