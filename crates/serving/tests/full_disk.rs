//! A disk that is really full. Asked for by name, because it needs a small file system of its own:
//!
//! `mount -t tmpfs -o size=2m small /mnt/small && KILTER_SMALL_DISK=/mnt/small cargo test -p kilter-serving --test full_disk -- --ignored`

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use kilter_domain::{
    digest::Digest,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_serving::{LogError, LogOptions, PredictionBatch, PredictionLog, Record, Role, VersionRef};

fn batch(id: &str) -> PredictionBatch {
    let note: Arc<str> = "x".repeat(5_000).into();
    PredictionBatch {
        version: VersionRef { number: 1, digest: Digest::of(b"one") },
        role: Role::Champion,
        consumer: None,
        recorded_at: Timestamp(0),
        latency_us: 1,
        ids: vec![id.into()],
        event_times: vec![Timestamp(0)],
        features: Table::new(vec![("note".into(), Column::Text(vec![Some(note)]))]).unwrap(),
        scores: vec![0.5],
        labels: None,
        probabilities: None,
        details: None,
    }
}

fn ids(log: &PredictionLog) -> BTreeSet<String> {
    let segments = log.sealed().into_iter().chain(log.active());
    let entries = segments.flat_map(|segment| {
        let contents = log.read(segment).unwrap();
        assert!(contents.damage.is_empty(), "{:?}", contents.damage);
        contents.entries
    });
    let id = |record| match record {
        Record::Predictions(batch) => batch.ids[0].to_string(),
        Record::Labels(_) => unreachable!("no label was appended"),
    };
    entries.map(|entry| id(entry.record)).collect()
}

#[test]
#[ignore = "needs a file system of a few megabytes in KILTER_SMALL_DISK"]
fn recording_stops_with_an_error_and_resumes_when_there_is_space() {
    let disk = std::env::var("KILTER_SMALL_DISK").expect("KILTER_SMALL_DISK names a small file system");
    let dir = tempfile::tempdir_in(Path::new(&disk)).unwrap();
    let options = LogOptions { segment_rows: 30, ..LogOptions::default() };
    let (log, _) = PredictionLog::open(dir.path().join("log"), options.clone()).unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..5 {
        let ballast = dir.path().join("ballast");
        fs::write(&ballast, vec![0; 600_000]).unwrap();
        let error = (0..100_000).find_map(|n| {
            let id = format!("{round}-{n}");
            match log.append(&batch(&id)) {
                Ok(_) => {
                    acknowledged.insert(id);
                    None
                }
                Err(error) => Some(error),
            }
        });
        let error = error.expect("the disk filled up");
        assert!(matches!(error, LogError::DiskFull { .. }), "{error:?}");
        assert_eq!(ids(&log), acknowledged, "a full disk takes nothing away");
        // Space comes back by handing over, and by whoever filled the disk.
        if let Some(oldest) = log.sealed().first() {
            let held = log.read(*oldest).unwrap();
            for entry in held.entries {
                let Record::Predictions(batch) = entry.record else { continue };
                acknowledged.remove(&*batch.ids[0]);
            }
            log.drop_sealed(*oldest).unwrap();
        }
        fs::remove_file(&ballast).unwrap();
        log.append(&batch(&format!("{round}-resumed"))).unwrap();
        acknowledged.insert(format!("{round}-resumed"));
    }
    drop(log);
    let (log, recovery) = PredictionLog::open(dir.path().join("log"), options).unwrap();
    assert_eq!((recovery.torn, recovery.damage), (None, vec![]));
    assert_eq!(ids(&log), acknowledged);
}
