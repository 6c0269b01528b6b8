//! Groups are kept in a second place before they are acknowledged.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;

#[test]
fn a_group_is_acknowledged_after_it_was_copied_and_copies_make_the_same_tables_as_the_segment() {
    let dir = tempfile::tempdir().unwrap();
    let copies: Arc<Mutex<Vec<RecordGroup>>> = Arc::default();
    let kept = copies.clone();
    let copier = GroupCopier::new(move |group| {
        kept.lock().unwrap().push(group);
        Ok(())
    });
    let (log, _) = PredictionLog::open(dir.path(), LogOptions { copy_group: Some(copier), ..options() }).unwrap();
    let first = log.append(&batch(&["a", "b"])).unwrap();
    assert_eq!(copies.lock().unwrap().len(), 1);
    log.append_labels(&labels(&["a"], vec![Some("yes".into())])).unwrap();
    let segment = log.rotate().unwrap().unwrap();
    let copies = copies.lock().unwrap();
    let described: Vec<_> = copies.iter().map(|group| (group.segment, group.first_sequence)).collect();
    assert_eq!(described, [(segment, first.sequence), (segment, first.sequence + 1)]);
    let groups: Vec<Vec<u8>> = copies.iter().map(|group| group.bytes.clone()).collect();
    let (of_log, of_copies) =
        (log.read_tables(segment).unwrap(), tables_of_groups(segment, Path::new("copies"), &groups));
    assert_eq!(format!("{of_copies:?}"), format!("{of_log:?}"));
    assert!(of_copies.damage.is_empty());
}

#[test]
fn a_group_that_cannot_be_copied_is_refused_and_taken_back_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let is_away = Arc::new(AtomicBool::new(false));
    let away = is_away.clone();
    let copier = GroupCopier::new(move |_| match away.load(Ordering::SeqCst) {
        true => Err("the store is away".to_owned()),
        false => Ok(()),
    });
    let options = || LogOptions { copy_group: Some(copier.clone()), ..options() };
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    log.append(&batch(&["a"])).unwrap();
    is_away.store(true, Ordering::SeqCst);
    let refused = log.append(&batch(&["b"])).unwrap_err();
    assert!(refused.is_temporary() && refused.to_string().ends_with("the store is away"), "{refused}");
    is_away.store(false, Ordering::SeqCst);
    log.append(&batch(&["c"])).unwrap();
    assert_eq!(ids(&log), ["a", "c"]);
    drop(log);
    let (log, recovery) = PredictionLog::open(dir.path(), options()).unwrap();
    assert_eq!((ids(&log), recovery.torn), (vec!["a".to_owned(), "c".to_owned()], None));
}
