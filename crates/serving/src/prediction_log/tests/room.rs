//! Room behind the records of a segment: there while it is written, never read as a record or as damage, given back at the end.

use super::*;

fn length_of(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// A log whose process was killed: its file as it was while the log was open.
fn killed(records: &[&str]) -> (tempfile::TempDir, PathBuf, u64) {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    for id in records {
        log.append(&batch(&[id])).unwrap();
    }
    let path = path_of(&log, log.active().unwrap());
    let (bytes, end) = (fs::read(&path).unwrap(), end_of(&path));
    drop(log);
    assert_eq!(length_of(&path), end, "a log that is closed gives its room back");
    fs::write(&path, &bytes).unwrap();
    (dir, path, end)
}

#[test]
fn a_segment_has_room_while_it_is_written_in_durable_mode_alone() {
    for (durability, has_room) in [(Durability::Durable, true), (Durability::Buffered, false)] {
        let dir = tempfile::tempdir().unwrap();
        let (log, _) = PredictionLog::open(dir.path(), LogOptions { durability, ..options() }).unwrap();
        let mut grew = 0;
        let path = path_of(&log, log.active().unwrap());
        for at in 0..400 {
            let before = length_of(&path);
            log.append(&batch(&[&format!("row-{at}")])).unwrap();
            grew += usize::from(length_of(&path) != before);
        }
        // 400 records are 60 kB: the file grew a few times and not with each of them.
        assert_eq!(has_room, (1..10).contains(&grew), "{durability:?}: {grew}");
        let closed = log.rotate().unwrap().unwrap();
        assert_eq!(length_of(&path), end_of(&path), "a closed segment has none");
        assert_eq!(ids_of(&log.read(closed).unwrap()).len(), 400);
    }
}

#[test]
fn what_a_killed_process_left_of_room_is_neither_torn_nor_damage_and_is_written_on() {
    let (dir, path, end) = killed(&["a", "b"]);
    assert!(length_of(&path) > end);
    let [check] = &check_folder(dir.path()).unwrap()[..] else { panic!("one segment") };
    assert_eq!((check.bytes, check.rows, check.torn_bytes, &check.damage), (end, 2, 0, &vec![]));
    let copy = dir.path().join("copy");
    assert_eq!((copy_segment(&path, &copy).unwrap(), length_of(&copy)), (Some(end), end));

    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((recovery.torn, recovery.damage, recovery.next_sequence), (None, vec![], 3));
    let before = length_of(&path);
    log.append(&batch(&["c"])).unwrap();
    assert_eq!((ids(&log), length_of(&path)), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], before));
}

#[test]
fn a_write_that_was_torn_in_room_is_kept_aside_as_ever() {
    let (dir, path, end) = killed(&["a"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[end as usize..][..5].copy_from_slice(b"torn!");
    fs::write(&path, &bytes).unwrap();
    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    let torn = recovery.torn.unwrap();
    assert_eq!((torn.offset, torn.bytes), (end, bytes.len() as u64 - end));
    log.append(&batch(&["b"])).unwrap();
    assert_eq!(ids(&log), ["a", "b"]);
}

#[test]
fn records_that_became_zeros_in_a_closed_segment_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    let path = path_of(&log, log.active().unwrap());
    let between = end_of(&path) as usize;
    log.append(&batch(&["b"])).unwrap();
    let closed = log.rotate().unwrap().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[between..].fill(0);
    fs::write(&path, &bytes).unwrap();
    let found = log.read(closed).unwrap().damage;
    assert!(found.iter().any(|damage| damage.to_string().contains("its end is missing")), "{found:?}");
    assert_eq!(check_folder(dir.path()).unwrap()[0].damage, found);
}

#[test]
fn a_disk_without_space_for_room_still_takes_the_record() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    options.faults.set_space(10_000);
    log.append(&batch(&["a"])).unwrap();
    let path = path_of(&log, log.active().unwrap());
    assert_eq!(length_of(&path), end_of(&path));
    options.faults.set_space(usize::MAX);
    log.append(&batch(&["b"])).unwrap();
    assert_eq!(ids(&log), ["a", "b"]);
}
