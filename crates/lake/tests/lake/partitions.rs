use std::{fs, ops::ControlFlow};

use kilter_domain::{
    digest::Digest,
    ids::EndpointName,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{KnownPartition, Lake, LakeError, LogKind, ReadOptions, TIME_COLUMN};

use crate::{Folder, append, texts};

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

/// Every partition that there is, as an index would know it.
fn known(lake: &Lake) -> Vec<KnownPartition> {
    let listing = lake.list(PREDICTIONS, &churn()).unwrap();
    let known = listing.partitions.iter().map(|partition| KnownPartition {
        seq: partition.seq,
        digest: Digest::of(&fs::read(&partition.path).unwrap()),
        bytes: partition.bytes,
    });
    known.collect()
}

fn read(lake: &Lake, times: std::ops::Range<i64>) -> Table {
    let times = Timestamp(times.start)..Timestamp(times.end);
    lake.read(PREDICTIONS, &churn(), &known(lake), times, &ReadOptions::default()).unwrap()
}

#[test]
fn a_partition_is_listed_with_what_was_told_when_it_was_added() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let added = |seq, times: &[i64]| {
        let staged = lake.stage(PREDICTIONS, &churn(), seq, &rows(times)).unwrap();
        lake.publish(&staged).unwrap();
        (staged.partition, staged.digest)
    };
    let (second, _) = added(2, &[40, 30]);
    let (first, digest) = added(1, &[10, 20]);
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
        append(&lake, PREDICTIONS, &churn(), seq, &rows(&times));
    }
    let table = read(&lake, 20..50);
    assert_eq!(table.column(TIME_COLUMN).unwrap(), &Column::Time(vec![Some(20), Some(20), Some(40)]));
    assert_eq!(read(&lake, 100..200).rows(), 0);

    let options = ReadOptions { columns: Some(vec!["score".into()]), limit: Some(2), ..ReadOptions::default() };
    let rows = lake.read(PREDICTIONS, &churn(), &known(&lake), Timestamp(0)..Timestamp(50), &options).unwrap();
    assert_eq!(rows, Table::new(vec![("score".into(), Column::Float(vec![1.0, 2.0]))]).unwrap());
}

/// Three partitions, of which the second has a column that the others lack.
fn mixed(lake: &Lake) {
    for (seq, times) in [(1, [10, 20]), (2, [20, 40]), (3, [50, 60])] {
        let mut table = rows(&times);
        table.push("__id", texts(&["a", ""])).unwrap();
        if seq == 2 {
            table.push("new", Column::Int(vec![Some(7), None])).unwrap();
        }
        append(lake, PREDICTIONS, &churn(), seq, &table);
    }
}

#[test]
fn a_scan_hands_over_what_a_read_returns_and_stops_when_it_is_told() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    mixed(&lake);
    let scan = |times: std::ops::Range<i64>, columns: Option<Vec<String>>, most: usize| {
        let options = ReadOptions { columns, ..ReadOptions::default() };
        let mut batches = Vec::new();
        let times = Timestamp(times.start)..Timestamp(times.end);
        lake.scan(PREDICTIONS, &churn(), &known(&lake), times, &options, &mut |batch| {
            batches.push(batch);
            if batches.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
        batches
    };
    let expected = read(&lake, 15..55);
    let batches = scan(15..55, None, usize::MAX);
    let at = batches.iter().scan(0, |at, batch| Some(std::mem::replace(at, *at + batch.rows())));
    for (at, batch) in at.zip(&batches) {
        assert_eq!(*batch, expected.take(&(at..at + batch.rows()).collect::<Vec<_>>()));
    }
    assert_eq!(batches.iter().map(Table::rows).sum::<usize>(), expected.rows());
    assert_eq!(scan(15..55, None, 1), batches[..1]);
    assert_eq!(scan(70..99, None, 1), []);
    let named = scan(0..99, Some(vec!["new".into(), "absent".into()]), usize::MAX);
    assert!(
        named.iter().all(|batch| batch.names() == ["new"]),
        "a column that no partition has is left out: {named:?}"
    );
    fs::remove_file(lake.path_of(PREDICTIONS, &churn(), 3)).unwrap();
    let known = [KnownPartition { seq: 3, digest: Digest::of(b"x"), bytes: 1 }];
    let gone =
        lake.scan(PREDICTIONS, &churn(), &known, Timestamp(0)..Timestamp(9), &ReadOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        });
    assert!(matches!(gone, Err(LakeError::PartitionMissing { .. })));
}

#[test]
fn a_merged_partition_is_the_one_that_all_of_its_rows_would_have_made() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    mixed(&lake);
    let (sources, whole) = (known(&lake), read(&lake, 0..100));
    let merged = lake.stage_merged(PREDICTIONS, &churn(), 900, &sources).unwrap();
    let written = &merged.partition;
    assert_eq!((written.rows, written.min_time, written.max_time), (6, Timestamp(10), Timestamp(60)));
    lake.publish(&merged).unwrap();
    assert_eq!(merged.digest, Digest::of(&fs::read(&written.path).unwrap()));
    assert_eq!(written.bytes, fs::metadata(&written.path).unwrap().len());
    let of_it = [KnownPartition { seq: 900, digest: merged.digest, bytes: written.bytes }];
    assert_eq!(lake.read_partitions(PREDICTIONS, &churn(), &of_it).unwrap(), whole);
    assert_eq!(lake.list(PREDICTIONS, &churn()).unwrap().partitions.last(), Some(written), "its footer says the same");
    for (id, is_held) in [("a", true), ("nobody", false)] {
        assert_eq!(lake.may_hold(PREDICTIONS, &churn(), &of_it[0], &[id.into()]).unwrap(), is_held);
    }
    assert!(matches!(lake.stage_merged(PREDICTIONS, &churn(), 901, &[]), Err(LakeError::EmptyFolder { .. })));
    assert!(!lake.path_of(PREDICTIONS, &churn(), 901).exists());
}

#[test]
fn a_partition_is_read_only_when_it_has_its_name() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let staged = lake.stage(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap();
    assert_eq!(lake.list(PREDICTIONS, &churn()).unwrap().partitions, []);
    assert_eq!(lake.highest(&churn(), &|_| true).unwrap(), None);
    lake.publish(&staged).unwrap();
    lake.publish(&staged).unwrap();
    assert_eq!(lake.list(PREDICTIONS, &churn()).unwrap().partitions, [staged.partition]);
    assert_eq!(lake.highest(&churn(), &|_| true).unwrap(), Some(1));
    assert_eq!(lake.highest(&churn(), &|number| number > 1).unwrap(), None, "others are of another log");
    assert_eq!(fs::read_dir(lake.folder(PREDICTIONS, &churn())).unwrap().count(), 1);
}

#[test]
fn what_was_interrupted_is_completed_when_the_index_knows_it_and_removed_when_not() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let known = lake.stage(PREDICTIONS, &churn(), 1, &rows(&[10])).unwrap();
    lake.stage(PREDICTIONS, &churn(), 2, &rows(&[20])).unwrap();
    let other = lake.stage(PREDICTIONS, &churn(), 3, &rows(&[30])).unwrap();
    fs::write(lake.folder(PREDICTIONS, &churn()).join(".000000000004.parquet.1.2.tmp"), "half").unwrap();
    let indexed = |seq| match seq {
        1 => Some(known.digest),
        3 => Some(Digest::of(b"other bytes")),
        _ => None,
    };
    assert_eq!(lake.recover(PREDICTIONS, &churn(), &indexed).unwrap(), (1, 3));
    assert_eq!(read(&lake, 0..100), rows(&[10]));
    assert!(!other.partition.path.exists());
    assert_eq!(lake.recover(PREDICTIONS, &churn(), &indexed).unwrap(), (0, 0));
}

#[test]
fn rows_without_a_time_are_refused_and_nothing_is_added() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let untimed = Table::new(vec![("score".into(), Column::Float(vec![1.0]))]).unwrap();
    let gap = Table::new(vec![(TIME_COLUMN.into(), Column::Time(vec![Some(1), None]))]).unwrap();
    for (table, row) in [(untimed, None), (gap, Some(1)), (rows(&[]), None)] {
        let error = lake.stage(PREDICTIONS, &churn(), 1, &table).unwrap_err();
        assert!(matches!(error, LakeError::NoTime { row: at, .. } if at == row), "{error}");
    }
    assert!(!folder.path("lake").exists());
}

#[test]
fn damaged_and_foreign_files_are_named() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    for seq in 1..=4 {
        append(&lake, PREDICTIONS, &churn(), seq, &rows(&[seq as i64]));
    }
    let log = lake.folder(PREDICTIONS, &churn());
    let cut = log.join("000000000002.parquet");
    let bytes = fs::read(&cut).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    kilter_lake::write_table(&log.join("000000000005.parquet"), &rows(&[5])).unwrap();
    fs::write(log.join("notes.txt"), "x").unwrap();
    fs::write(log.join(".000000000006.parquet.1.2.tmp"), "half").unwrap();

    let listing = lake.list(PREDICTIONS, &churn()).unwrap();
    assert_eq!(listing.partitions.iter().map(|partition| partition.seq).collect::<Vec<_>>(), [1, 3, 4]);
    let damaged: Vec<String> = listing.damaged.iter().map(ToString::to_string).collect();
    for name in ["000000000002", "000000000005", "notes.txt"] {
        assert_eq!(damaged.iter().filter(|error| error.contains(name)).count(), 1, "{name}: {damaged:?}");
    }
    assert_eq!(damaged.len(), 3);
}

#[test]
fn a_partition_that_is_missing_cut_or_flipped_is_an_error_that_names_it_and_the_cure() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    let known: Vec<KnownPartition> =
        (1..=3).map(|seq| append(&lake, PREDICTIONS, &churn(), seq, &rows(&[seq as i64, 50]))).collect();
    let path = lake.path_of(PREDICTIONS, &churn(), 2);
    let whole = fs::read(&path).unwrap();
    let times = Timestamp(0)..Timestamp(100);
    // Each look with nothing remembered: the clock of a disk does not tell two writes of one moment apart.
    let read = || {
        let lake = Lake::new(folder.path("lake"));
        lake.read(PREDICTIONS, &churn(), &known, times.clone(), &ReadOptions::default())
    };
    assert_eq!(read().unwrap().rows(), 6);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, flipped).unwrap();
        let error = read().unwrap_err();
        assert!(matches!(&error, LakeError::Changed { path: named, .. } if *named == path), "byte {at}: {error}");
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(read(), Err(LakeError::Changed { .. })), "cut at {length}");
    }
    fs::remove_file(&path).unwrap();
    let error = read().unwrap_err();
    assert!(matches!(&error, LakeError::PartitionMissing { path: named } if *named == path), "{error}");
    assert!(error.to_string().contains("kilter restore") && error.to_string().contains("--accept-loss"), "{error}");
    fs::write(&path, &whole).unwrap();
    assert_eq!(read().unwrap().rows(), 6, "a file that was put back is whole again");
}

#[test]
fn partitions_may_have_other_columns_than_those_before() {
    let folder = Folder::with(&[]);
    let lake = Lake::new(folder.path("lake"));
    append(&lake, PREDICTIONS, &churn(), 1, &rows(&[10]));
    let mut newer = rows(&[20]);
    newer.push("region", texts(&["north"])).unwrap();
    let newer = newer.select(|name| name != "score");
    append(&lake, PREDICTIONS, &churn(), 2, &newer);
    let retyped = Table::new(vec![
        (TIME_COLUMN.into(), Column::Time(vec![Some(30)])),
        ("region".into(), Column::Int(vec![Some(7)])),
    ]);
    append(&lake, PREDICTIONS, &churn(), 3, &retyped.unwrap());

    let table = read(&lake, 0..100);
    assert_eq!(table.column("region").unwrap(), &texts(&["", "north", "7"]));
    assert_eq!(
        (table.column("score").unwrap().is_missing(0), table.column("score").unwrap().is_missing(1)),
        (false, true)
    );
}
