mod closed;
mod copies;
mod damage;
mod groups;
mod room;

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use kilter_domain::{
    digest::Digest,
    table::{Column, Table},
    time::Timestamp,
};
use proptest::prelude::*;

use super::*;

fn options() -> LogOptions {
    LogOptions { segment_age: Duration::from_secs(3_600), ..LogOptions::default() }
}

fn batch(ids: &[&str]) -> PredictionBatch {
    let rows = ids.len();
    PredictionBatch {
        version: VersionRef { number: 7, digest: Digest::of(b"seven") },
        role: Role::Champion,
        consumer: Some("crm".into()),
        recorded_at: Timestamp(1_000),
        latency_us: 42,
        ids: ids.iter().map(|id| Arc::from(*id)).collect(),
        event_times: vec![Timestamp(900); rows],
        features: Table::new(vec![
            ("tenure".into(), Column::Float(vec![1.5; rows])),
            ("plan".into(), Column::Text(vec![Some("gold".into()); rows])),
        ])
        .unwrap(),
        scores: vec![0.25; rows],
        labels: Some(vec!["no".into(); rows]),
        probabilities: None,
        details: None,
    }
}

fn labels(ids: &[&str], values: Vec<Option<Arc<str>>>) -> LabelBatch {
    LabelBatch {
        recorded_at: Timestamp(5_000),
        ids: ids.iter().map(|id| Arc::from(*id)).collect(),
        known_at: vec![Timestamp(4_000); ids.len()],
        values: Column::Text(values),
    }
}

fn encoded(batch: &PredictionBatch) -> Vec<u8> {
    let mut payload = Vec::new();
    codec::encode_predictions(batch, &mut payload).unwrap();
    payload
}

/// Every prediction id in the log, in order.
fn ids(log: &PredictionLog) -> Vec<String> {
    let segments = log.sealed().into_iter().chain(log.active());
    segments.flat_map(|segment| ids_of(&log.read(segment).unwrap())).collect()
}

fn ids_of(contents: &Contents) -> Vec<String> {
    let of = |entry: &Entry| match &entry.record {
        Record::Predictions(batch) => batch.ids.iter().map(|id| id.to_string()).collect(),
        Record::Labels(_) => Vec::new(),
    };
    contents.entries.iter().flat_map(of).collect()
}

fn path_of(log: &PredictionLog, segment: SegmentId) -> PathBuf {
    disk::segment_path(log.dir(), segment)
}

/// Where the records of a file end: behind it may be room.
fn end_of(path: &Path) -> u64 {
    segment::scan(path, &fs::read(path).unwrap(), drop).end
}

#[test]
fn what_was_appended_is_read_back_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.next_sequence, recovery.torn), (1, None));
    let first = log.append(&batch(&["a", "b"])).unwrap();
    let second = log.append_labels(&labels(&["a"], vec![Some("yes".into())])).unwrap();
    assert_eq!((first.sequence, second.sequence), (1, 2));
    drop(log);

    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.active_rows, recovery.next_sequence, recovery.damage), (3, 3, vec![]));
    let contents = log.read(log.active().unwrap()).unwrap();
    let expected = vec![
        Entry { sequence: 1, record: Record::Predictions(batch(&["a", "b"])) },
        Entry { sequence: 2, record: Record::Labels(labels(&["a"], vec![Some("yes".into())])) },
    ];
    assert_eq!(contents.entries, expected);
    assert_eq!(log.append(&batch(&["c"])).unwrap().sequence, 3);
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _log = PredictionLog::open(dir.path(), options()).unwrap();
    let refused = PredictionLog::open(dir.path(), options()).err().unwrap();
    assert!(matches!(refused, LogError::InUse { .. }), "{refused}");
}

#[test]
fn segments_are_sealed_by_size_rows_and_age() {
    let by_size = LogOptions { segment_bytes: 200, ..options() };
    let by_rows = LogOptions { segment_rows: 2, ..options() };
    let by_age = LogOptions { segment_age: Duration::ZERO, ..options() };
    for (options, batches) in [(by_size, ["a", "b"]), (by_rows, ["a", "b"]), (by_age, ["a", "b"])] {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = PredictionLog::open(dir.path(), options).unwrap();
        let _ = batches.map(|id| log.append(&batch(&[id, id])).unwrap());
        log.rotate().unwrap();
        assert_eq!(log.sealed(), [SegmentId(1), SegmentId(2)]);
        assert_eq!(log.rotate().unwrap(), None, "an empty segment is not sealed");
    }
}

#[test]
fn numbers_are_never_used_twice_even_when_everything_was_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    let mut sequences = BTreeSet::new();
    for round in 0..5 {
        let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
        assert!(sequences.insert(log.append(&batch(&["a"])).unwrap().sequence), "round {round}");
        let sealed = log.rotate().unwrap().unwrap();
        assert!(seen.insert(sealed), "round {round}: {sealed} again");
        assert_eq!(log.drop_sealed(sealed).unwrap(), None);
        assert_eq!(log.drop_sealed(sealed).unwrap(), None, "letting go twice is harmless");
        assert!(matches!(log.read(sealed), Err(LogError::UnknownSegment(_))));
    }
}

#[test]
fn what_is_being_written_cannot_be_let_go_of() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    assert!(matches!(log.drop_sealed(log.active().unwrap()), Err(LogError::StillOpen(_))));
    assert_eq!(ids(&log), ["a"]);
}

#[test]
fn many_callers_share_one_sync_and_keep_one_order() {
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(PredictionLog::open(dir.path(), LogOptions { segment_rows: 90, ..options() }).unwrap().0);
    let threads = (0..8).map(|thread| {
        let log = log.clone();
        let append = move |at| log.append(&batch(&[&format!("{thread}-{at}")])).unwrap().sequence;
        std::thread::spawn(move || (0..40).map(append).collect::<Vec<_>>())
    });
    let receipts: Vec<Vec<u64>> =
        threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(receipts.iter().all(|one| one.is_sorted()), "each caller's records are in its order");
    let all: BTreeSet<u64> = receipts.into_iter().flatten().collect();
    assert_eq!(all, (1..=320).collect());
    assert_eq!(ids(&log).into_iter().collect::<BTreeSet<_>>().len(), 320);
    let counts = log.counts();
    assert_eq!((counts.appended, counts.rows, counts.waiting), (320, 320, 0));
    assert!(counts.groups < 320, "{} syncs for 320 appends", counts.groups);
}

#[test]
fn a_listener_is_called_before_an_append_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let groups = Arc::new(AtomicUsize::new(0));
    let count = groups.clone();
    let on_append = Some(AppendListener::new(move || _ = count.fetch_add(1, Ordering::SeqCst)));
    let (log, _) = PredictionLog::open(dir.path(), LogOptions { on_append, ..options() }).unwrap();
    log.rotate().unwrap();
    assert_eq!(groups.load(Ordering::SeqCst), 0, "nothing was appended");
    log.append(&batch(&["a"])).unwrap();
    log.append_labels(&labels(&["a"], vec![None])).unwrap();
    assert_eq!(groups.load(Ordering::SeqCst), 2);
}

#[test]
fn buffered_appends_are_there_after_a_clean_stop() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { durability: Durability::Buffered, ..options() };
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    (0..100).for_each(|_| assert_eq!(log.append(&batch(&["a"])).unwrap().segment, None));
    drop(log);
    let (log, _) = PredictionLog::open(dir.path(), options).unwrap();
    assert_eq!(ids(&log).len(), 100);
}

#[test]
fn a_queue_that_is_full_refuses_instead_of_growing() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { durability: Durability::Buffered, queue_bytes: 1_000, ..options() };
    let (log, _) = PredictionLog::open(dir.path(), options).unwrap();
    let big = batch(&["x".repeat(600).as_str()]);
    let refused = (0..10_000).find_map(|_| log.append(&big).err()).expect("the queue filled up");
    assert!(matches!(refused, LogError::Busy { .. }), "{refused}");
    let huge = batch(&["x".repeat(segment::MAX_PAYLOAD).as_str()]);
    assert!(matches!(log.append(&huge), Err(LogError::TooLarge { .. })));
}

#[test]
fn columns_that_do_not_fit_together_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    let short_scores = PredictionBatch { scores: vec![], ..batch(&["a"]) };
    let short_features = PredictionBatch { features: batch(&["a"]).features, ..batch(&["a", "b"]) };
    let bad_classes = Probabilities { classes: 0, values: vec![0.5] };
    let bad_probabilities = PredictionBatch { probabilities: Some(bad_classes), ..batch(&["a"]) };
    for (bad, part) in [(short_scores, "scores"), (short_features, "features"), (bad_probabilities, "probabilities")] {
        let error = log.append(&bad).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert!(log.append_labels(&labels(&["a", "b"], vec![None])).is_err());
    assert!(ids(&log).is_empty());
}

#[test]
fn batches_of_any_mix_of_columns_become_one_table() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a", "b"])).unwrap();
    log.append(&PredictionBatch { role: Role::Shadow, features: Table::default(), ..batch(&["a", "b"]) }).unwrap();
    let other = Table::new(vec![("region".into(), Column::Text(vec![Some("north".into())]))]).unwrap();
    let details =
        RecordDetails { flagged: vec![Some("range(tenure)".into())], sample_share: Some(0.1), ..Default::default() };
    let details = RecordDetails { draw: Some(CanaryDraw { percent: 5, entities: vec![u64::MAX] }), ..details };
    let details = Some(Box::new(details));
    log.append(&PredictionBatch { features: other, labels: None, details, ..batch(&["c"]) }).unwrap();
    log.append_labels(&labels(&["a"], vec![Some("yes".into())])).unwrap();
    log.append_labels(&labels(&["a"], vec![Some("no".into())])).unwrap();
    let tables = log.read_tables(log.rotate().unwrap().unwrap()).unwrap();
    let predictions = tables.predictions.unwrap();
    let texts = |name: &str| {
        let column = predictions.column(name).unwrap();
        (0..column.len())
            .map(|row| column.label(row).map_or("-".to_owned(), |text| text.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(column::ID), ["a", "b", "a", "b", "c"]);
    assert_eq!(texts("plan"), ["gold", "gold", "-", "-", "-"]);
    assert_eq!(texts("tenure"), ["1.5", "1.5", "-", "-", "-"]);
    assert_eq!(texts("region"), ["-", "-", "-", "-", "north"]);
    assert_eq!(texts(column::PREDICTED), ["no", "no", "no", "no", "-"]);
    assert_eq!(texts(column::SEQUENCE), ["1", "1", "2", "2", "3"]);
    assert_eq!(texts(column::FLAGGED), ["-", "-", "-", "-", "range(tenure)"]);
    assert_eq!(texts(column::SAMPLE_SHARE), ["-", "-", "-", "-", "0.1"]);
    assert_eq!(texts(column::CANARY_PERCENT), ["-", "-", "-", "-", "5"]);
    assert_eq!(texts(column::ENTITY), ["-", "-", "-", "-", "-1"], "all 64 bits");
    assert!(predictions.get(column::IMPUTED).is_none(), "a column that no record has is not there");
    let [table] = &tables.labels[..] else { panic!("{:?}", tables.labels) };
    assert_eq!(
        table.column(column::LABEL).unwrap().label(1).as_deref(),
        Some("no"),
        "the later one has the later number"
    );
    assert_eq!(tables.next_sequence, 6);
}

#[test]
fn a_column_that_comes_as_different_types_keeps_every_value() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    let mixed = |column: Column| {
        let features = Table::new(vec![("mixed".into(), column.clone()), ("number".into(), column)]).unwrap();
        PredictionBatch { features, ..batch(&["a"]) }
    };
    log.append(&mixed(Column::Int(vec![None]))).unwrap();
    log.append(&mixed(Column::Float(vec![0.5]))).unwrap();
    log.append(&mixed(Column::Int(vec![Some(7)]))).unwrap();
    let text = Table::new(vec![("mixed".into(), Column::Text(vec![Some("seven".into())]))]).unwrap();
    log.append(&PredictionBatch { features: text, ..batch(&["a"]) }).unwrap();
    let large = Table::new(vec![("number".into(), Column::Int(vec![Some((1 << 53) + 1)]))]).unwrap();
    let tables = log.read_tables(log.rotate().unwrap().unwrap()).unwrap();
    let predictions = tables.predictions.unwrap();
    let Column::Float(numbers) = predictions.column("number").unwrap() else { panic!("whole numbers are numbers") };
    assert_eq!((numbers[1], numbers[2], numbers[0].is_nan()), (0.5, 7.0, true));
    let texts = |table: &Table, name: &str| {
        let column = table.column(name).unwrap();
        (0..column.len())
            .map(|row| column.label(row).map_or("-".to_owned(), |text| text.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&predictions, "mixed"), ["-", "0.5", "7", "seven"]);

    log.append(&mixed(Column::Float(vec![0.5]))).unwrap();
    log.append(&PredictionBatch { features: large, ..batch(&["a"]) }).unwrap();
    let tables = log.read_tables(log.rotate().unwrap().unwrap()).unwrap();
    assert_eq!(texts(&tables.predictions.unwrap(), "number"), ["0.5", "9007199254740993"], "no digit is lost");
}

#[test]
fn numbers_never_come_back_when_the_folder_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let floor = LogOptions { first_segment: 8, first_sequence: 500, ..options() };
    let (log, recovery) = PredictionLog::open(dir.path().join("log"), floor.clone()).unwrap();
    assert_eq!((log.active(), recovery.next_sequence), (Some(SegmentId(8)), 500));
    assert_eq!(log.append(&batch(&["a"])).unwrap().sequence, 500);
    drop(log);
    // An older copy of the folder was put back: what it holds is sealed, and the numbers go on behind.
    let (log, _) = PredictionLog::open(dir.path().join("log"), LogOptions { first_segment: 12, ..floor }).unwrap();
    assert_eq!((log.sealed(), log.active()), (vec![SegmentId(8)], Some(SegmentId(12))));
}

#[test]
fn a_segment_that_is_deleted_under_the_log_is_noticed_and_nothing_is_acknowledged_any_more() {
    for what in ["segment", "folder", "folder moved away"] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("log");
        let (log, _) = PredictionLog::open(&dir, options()).unwrap();
        log.append(&batch(&["a"])).unwrap();
        let path = path_of(&log, log.active().unwrap());
        match what {
            "segment" => fs::remove_file(&path).unwrap(),
            "folder" => fs::remove_dir_all(&dir).unwrap(),
            _ => fs::rename(&dir, root.path().join("elsewhere")).unwrap(),
        }
        for _ in 0..2 {
            let error = log.append(&batch(&["b"])).unwrap_err();
            assert!(matches!(&error, LogError::Vanished { path: named } if *named == path), "{what}: {error}");
            assert!(error.to_string().contains("restore") && !error.is_temporary(), "{error}");
        }
        assert!(log.append_labels(&labels(&["a"], vec![None])).is_err(), "{what}");
        assert_eq!(log.vanished(), Some(path), "{what}");
    }
}

fn any_text() -> impl Strategy<Value = Arc<str>> {
    ".{0,12}".prop_map(Arc::from)
}

fn any_column(rows: usize) -> impl Strategy<Value = Column> {
    use prop::{collection::vec, option::of};
    prop_oneof![
        vec(any::<f64>().prop_filter("NaN is not equal to itself", |v| !v.is_nan()), rows).prop_map(Column::Float),
        vec(of(any::<i64>()), rows).prop_map(Column::Int),
        vec(of(any::<i64>()), rows).prop_map(Column::Time),
        vec(of(any::<bool>()), rows).prop_map(Column::Bool),
        vec(of(any_text()), rows).prop_map(Column::Text),
    ]
}

prop_compose! {
    fn any_batch()(rows in 0usize..6, width in 0usize..4)(
        columns in prop::collection::vec(any_column(rows), width),
        ids in prop::collection::vec(any_text(), rows),
        labels in prop::option::of(prop::collection::vec(any_text(), rows)),
        probabilities in prop::option::of(prop::collection::vec(0f32..1.0, rows * 3)),
        consumer in prop::option::of(any_text()),
        times in prop::collection::vec(any::<i64>(), rows),
        scores in prop::collection::vec(-1e9f64..1e9, rows),
        number in any::<u64>(), recorded_at in any::<i64>(), latency_us in any::<u64>(),
        role in any_role(),
        details in prop::option::of((any_marks(rows), any_marks(rows), prop::option::of(0f64..1.0), any_draw(rows))),
    ) -> PredictionBatch {
        let columns = columns.into_iter().enumerate().map(|(at, column)| (format!("c{at}"), column)).collect();
        PredictionBatch {
            version: VersionRef { number, digest: Digest::of(&number.to_le_bytes()) },
            role, consumer, recorded_at: Timestamp(recorded_at), latency_us, ids,
            event_times: times.into_iter().map(Timestamp).collect(),
            features: Table::new(columns).unwrap(),
            scores, labels,
            probabilities: probabilities.map(|values| Probabilities { classes: 3, values }),
            details: details
                .map(|(flagged, imputed, sample_share, draw)| Box::new(RecordDetails { flagged, imputed, sample_share, draw })),
        }
    }
}

fn any_role() -> impl Strategy<Value = Role> {
    use Role::{Candidate, Champion, Fallback, Imported, Pinned, Shadow};
    prop::sample::select(vec![Champion, Candidate, Shadow, Imported, Pinned, Fallback])
}

fn any_draw(rows: usize) -> impl Strategy<Value = Option<CanaryDraw>> {
    let draw = (1u8..=100, prop::collection::vec(any::<u64>(), rows));
    prop::option::of(draw.prop_map(|(percent, entities)| CanaryDraw { percent, entities }))
}

/// Marks of all rows, or of none.
fn any_marks(rows: usize) -> impl Strategy<Value = Vec<Option<Arc<str>>>> {
    prop::option::of(prop::collection::vec(prop::option::of(any_text()), rows)).prop_map(Option::unwrap_or_default)
}

proptest! {
    #[test]
    fn every_batch_reads_back_what_it_writes(batch in any_batch()) {
        let payload = encoded(&batch);
        prop_assert_eq!(codec::Decoder::default().decode(codec::kind_of(&batch), &payload), Ok(Record::Predictions(batch)));
    }

    #[test]
    fn rows_that_are_taken_are_those_rows(batch in any_batch(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let rows: Vec<usize> = if batch.rows() == 0 { vec![] } else { picks.iter().map(|pick| pick.index(batch.rows())).collect() };
        let part = batch.take(&rows);
        prop_assert_eq!(part.rows(), rows.len());
        for (at, row) in rows.iter().enumerate() {
            prop_assert_eq!(part.take(&[at]), batch.take(&[*row]));
        }
        let payload = encoded(&part);
        prop_assert_eq!(codec::Decoder::default().decode(codec::kind_of(&part), &payload), Ok(Record::Predictions(part)));
    }

    #[test]
    fn every_cut_of_a_batch_is_an_error_not_a_panic(batch in any_batch(), cut in any::<prop::sample::Index>()) {
        // Behind the last column a record of the second kind may end between two parts.
        let plain = PredictionBatch { details: None, ..batch.clone() };
        let (payload, end) = (encoded(&batch), encoded(&plain).len());
        prop_assert!(codec::Decoder::default().decode(codec::PREDICTIONS_V1, &encoded(&plain)[..cut.index(end)]).is_err());
        let decoded = codec::Decoder::default().decode(codec::kind_of(&batch), &payload[..cut.index(payload.len())]);
        prop_assert!(decoded != Ok(Record::Predictions(batch)));
    }

    #[test]
    fn bytes_that_nobody_wrote_never_panic(kind in 0u8..6, payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = codec::Decoder::default().decode(kind, &payload);
        let _ = segment::scan(Path::new("x"), &payload, drop);
    }
}
