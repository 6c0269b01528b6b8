//! What a torn write, a flipped byte, a forged record or a full disk costs: what was not acknowledged, and never more.

use super::*;

#[test]
fn a_write_torn_at_any_byte_loses_only_what_was_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    let path = path_of(&log, log.active().unwrap());
    let whole = end_of(&path) as usize;
    log.append(&batch(&["b"])).unwrap();
    drop(log);
    let bytes = fs::read(&path).unwrap();
    for cut in whole + 1..bytes.len() {
        fs::write(&path, &bytes[..cut]).unwrap();
        let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
        let torn = recovery.torn.expect("a torn end was reported");
        assert_eq!((torn.offset, torn.bytes), (whole as u64, (cut - whole) as u64));
        assert_eq!(fs::read(&torn.kept_aside).unwrap(), &bytes[whole..cut], "the bytes are kept");
        assert_eq!(ids(&log), ["a"]);
        if cut % 16 == 0 {
            log.append(&batch(&["c"])).unwrap();
            assert_eq!(ids(&log), ["a", "c"]);
        }
    }
}

#[test]
fn a_damaged_middle_is_named_and_all_around_it_is_still_offered() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    let segment = log.active().unwrap();
    let path = path_of(&log, segment);
    let begin = end_of(&path);
    log.append(&batch(&["b"])).unwrap();
    let end = end_of(&path);
    log.append(&batch(&["c"])).unwrap();
    drop(log);
    let mut bytes = fs::read(&path).unwrap();
    bytes[begin as usize + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    let [damage] = &recovery.damage[..] else { panic!("{recovery:?}") };
    assert_eq!((damage.offset, damage.bytes, &damage.path), (begin, end - begin, &path));
    assert_eq!(log.sealed(), [segment], "a damaged segment is not written again");
    let contents = log.read(segment).unwrap();
    assert_eq!((ids_of(&contents), contents.damage.len()), (vec!["a".to_owned(), "c".to_owned()], 1));
    assert_eq!(log.append(&batch(&["d"])).unwrap().sequence, 4, "the order goes on");

    let kept = log.drop_sealed(segment).unwrap().expect("a damaged segment is kept aside");
    assert_eq!(fs::read(kept).unwrap(), bytes);
    assert_eq!(ids(&log), ["d"]);
}

#[test]
fn any_flipped_byte_costs_at_most_one_record_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    let _ = ["a", "b", "c"].map(|id| log.append(&batch(&[id])).unwrap());
    let path = path_of(&log, log.active().unwrap());
    drop(log);
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0x55;
        let scan = segment::scan(&path, &broken, drop);
        let expected = if at < segment::HEADER_BYTES { 3 } else { 2 };
        assert_eq!(scan.records, expected, "byte {at}");
        assert_eq!(scan.damage.len() + usize::from(scan.torn_at.is_some()), usize::from(expected == 2), "byte {at}");
    }
}

/// A text that is, byte for byte, a frame of a file with this mark.
fn forged_frame(mark: u32) -> String {
    let ascii_times =
        LabelBatch { recorded_at: Timestamp(5), known_at: vec![Timestamp(4)], ..labels(&["victim"], vec![None]) };
    let mut payload = Vec::new();
    codec::encode_labels(&ascii_times, &mut payload).unwrap();
    let forge = |sequence| {
        let mut frame = Vec::new();
        segment::put_frame(&mut frame, mark, codec::LABELS_V1, sequence, &payload);
        String::from_utf8(frame).ok()
    };
    (99..100_000).find_map(forge).unwrap()
}

#[test]
fn a_text_that_looks_like_a_record_is_never_taken_for_one() {
    let guessed = 0x4141_4141;
    let mut hostile = batch(&["a"]);
    let text: Arc<str> = forged_frame(guessed).into();
    hostile.features = Table::new(vec![("note".into(), Column::Text(vec![Some(text)]))]).unwrap();
    let found_behind_damage = |header: segment::Header| {
        let mut bytes = header.encode();
        let payload = encoded(&hostile);
        segment::put_frame(&mut bytes, header.mark, codec::PREDICTIONS_V1, 1, &payload);
        bytes[segment::HEADER_BYTES + 30] ^= 1;
        segment::scan(Path::new("x"), &bytes, drop).records
    };
    let drawn = segment::Header::new(SegmentId(1), 1);
    assert_ne!(drawn.mark, segment::Header::new(SegmentId(1), 1).mark, "marks are drawn, not derived");
    assert_eq!(found_behind_damage(segment::Header { mark: guessed, ..drawn }), 1, "who knows the mark can forge");
    assert_eq!(found_behind_damage(drawn), 0);
}

#[test]
fn a_full_disk_is_an_error_and_recording_resumes_when_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    for space in [0, 1, 30, 100] {
        options.faults.set_space(space);
        let error = log.append(&batch(&["lost"])).unwrap_err();
        assert!(matches!(error, LogError::DiskFull { .. }), "{error:?}");
        assert!(error.to_string().contains("recording resumes"), "{error}");
    }
    options.faults.set_space(usize::MAX);
    log.append(&batch(&["b"])).unwrap();
    assert_eq!(ids(&log), ["a", "b"]);
    assert_eq!(log.counts().refused_rows, 4);
    drop(log);
    let (log, recovery) = PredictionLog::open(dir.path(), options).unwrap();
    assert_eq!((ids(&log), recovery.torn, recovery.damage), (vec!["a".to_owned(), "b".to_owned()], None, vec![]));
}

#[test]
fn a_log_opens_on_a_full_disk_so_that_serving_can_start() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    options.faults.set_space(0);
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    assert!(matches!(log.append(&batch(&["a"])), Err(LogError::DiskFull { .. })));
    options.faults.set_space(usize::MAX);
    log.append(&batch(&["b"])).unwrap();
    assert_eq!(ids(&log), ["b"]);
}

#[test]
fn a_segment_whose_sync_failed_is_never_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    let first = log.append(&batch(&["a"])).unwrap().segment.unwrap();
    options.faults.set_sync_fails(true);
    assert!(matches!(log.append(&batch(&["lost"])), Err(LogError::Io { .. })));
    assert!(matches!(log.append(&batch(&["lost"])), Err(LogError::Io { .. })), "no new segment can be made either");
    assert_eq!(log.read(first).unwrap().entries.len(), 1, "what was acknowledged can be read meanwhile");
    assert!(matches!(log.drop_sealed(first), Err(LogError::StillOpen(_))), "the numbers would begin again");
    options.faults.set_sync_fails(false);
    let second = log.append(&batch(&["b"])).unwrap().segment.unwrap();
    assert!(second > first);
    assert_eq!((log.sealed(), ids(&log)), (vec![first], vec!["a".to_owned(), "b".to_owned()]));
}
