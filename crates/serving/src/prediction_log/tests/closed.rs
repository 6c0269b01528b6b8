//! What is missing of a closed segment is known wherever it was cut.

use std::fs;

use super::{PredictionLog, batch, check_folder, end_of, ids_of, options, path_of};

#[test]
fn a_closed_segment_that_is_cut_between_two_records_is_found_at_the_start_by_a_check_and_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    let path = path_of(&log, log.active().unwrap());
    let between = end_of(&path);
    log.append(&batch(&["b"])).unwrap();
    let whole = fs::read(&path).unwrap()[..end_of(&path) as usize].to_vec();
    let closed = log.rotate().unwrap().unwrap();
    log.append(&batch(&["c"])).unwrap();
    drop(log);
    let whole_after = whole.len() as u64;
    for cut in [between, between + 7, 0, 40] {
        fs::write(&path, &whole[..cut as usize]).unwrap();
        let of_check = check_folder(dir.path()).unwrap()[0].damage.last().cloned();
        let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
        let missing = |found: Option<&crate::prediction_log::Damage>| {
            let found = found.unwrap_or_else(|| panic!("cut at {cut}"));
            assert_eq!((found.offset, found.bytes, &found.path), (cut, whole_after - cut, &path), "{found}");
            assert!(found.to_string().contains("its end is missing"), "{found}");
        };
        missing(of_check.as_ref());
        missing(recovery.damage.first());
        let contents = log.read(closed).unwrap();
        missing(contents.damage.last());
        let left: &[&str] = if cut >= between { &["a"] } else { &[] };
        assert_eq!(ids_of(&contents), left);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(check_folder(dir.path()).unwrap()[0].damage, []);
    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.damage, log.read(closed).unwrap().damage), (vec![], vec![]));
    // What was cut is kept where a person can look at it, not deleted.
    drop(log);
    fs::write(&path, &whole[..between as usize]).unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    assert!(log.drop_sealed(closed).unwrap().is_some());
}

#[test]
fn what_is_said_of_the_segment_before_is_no_record_and_makes_none() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    log.rotate().unwrap();
    for _ in 0..3 {
        assert_eq!(log.rotate().unwrap(), None, "the new segment has no records");
    }
    drop(log);
    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((log.rotate().unwrap(), recovery.active_rows, recovery.next_sequence), (None, 0, 2));
    assert_eq!(log.append(&batch(&["b"])).unwrap().sequence, 2);
    // It goes on behind the start, and its successor says so.
    let closed = log.rotate().unwrap().unwrap();
    log.append(&batch(&["c"])).unwrap();
    let path = path_of(&log, closed);
    let length = end_of(&path);
    fs::File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    assert!(log.read(closed).unwrap().damage.iter().any(|damage| damage.offset == length - 1));
}
