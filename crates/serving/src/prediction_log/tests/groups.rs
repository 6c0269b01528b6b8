//! Who shares a write, who waits for it, and who is answered.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use super::*;

fn poll(ticket: &mut AppendTicket) -> Poll<Result<Receipt, LogError>> {
    Pin::new(ticket).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn what_is_queued_while_the_disk_works_is_one_group_and_each_append_has_its_own_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    let disk_hangs = options.faults.hang();
    std::thread::scope(|scope| {
        let first = log.submit(&batch(&["row-0"])).unwrap();
        let first = scope.spawn(|| first.wait().unwrap().sequence);
        // Its thread is writing once it has taken it.
        while log.shared.queue.taken() < 1 {
            std::thread::yield_now();
        }
        let mut tickets: Vec<_> = (1..20).map(|at| log.submit(&batch(&[&format!("row-{at}")])).unwrap()).collect();
        assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()), "nothing is on the disk");
        assert_eq!(log.counts().waiting, 20, "neither what is queued nor what is being written is answered");
        drop(disk_hangs);
        let awaited = tickets.pop().unwrap();
        let sequences: Vec<u64> = tickets.into_iter().map(|ticket| ticket.wait().unwrap().sequence).collect();
        assert_eq!(sequences, (2..=19).collect::<Vec<_>>());
        assert_eq!(awaited.wait().unwrap().sequence, 20, "one that was polled before is waited for on a thread");
        assert_eq!(first.join().unwrap(), 1);
    });
    let counts = log.counts();
    assert_eq!((counts.groups, counts.waiting), (2, 0), "the first, and the rest");
}

/// A log, and a disk that is so slow that its thread writes alone.
fn open_slow(dir: &std::path::Path) -> PredictionLog {
    let (log, _) = PredictionLog::open(dir, options()).unwrap();
    log.shared.recent_write_ns.store(u64::MAX / 2, Ordering::Relaxed);
    log
}

#[test]
fn where_the_disk_is_fast_the_caller_writes_and_where_it_is_slow_another_thread_does() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    let mut ticket = log.submit(&batch(&["a"])).unwrap();
    assert!(ticket.is_written_in_place());
    assert!(matches!(poll(&mut ticket), Poll::Ready(Ok(_))), "the first poll writes it");
    drop(log);
    let log = open_slow(dir.path());
    let ticket = log.submit(&batch(&["b"])).unwrap();
    assert!(!ticket.is_written_in_place());
    assert_eq!(ticket.wait().unwrap().sequence, 2);
    log.shared.recent_write_ns.store(0, Ordering::Relaxed);
    assert!(log.submit(&batch(&["c"])).unwrap().is_written_in_place(), "it may become fast again");
}

#[test]
fn an_append_whose_caller_went_away_is_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    drop(log.submit(&batch(&["unasked"])).unwrap());
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while log.counts().appended < 1 {
        assert!(std::time::Instant::now() < until, "the thread of the writer was not told");
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut gone = log.submit(&batch(&["b"])).unwrap();
    let disk_hangs = log.options.faults.hang();
    let waits = std::thread::scope(|scope| {
        let writing = log.submit(&batch(&["c"])).unwrap();
        let writing = scope.spawn(|| writing.wait());
        while log.shared.queue.taken() < 3 {
            std::thread::yield_now();
        }
        // It asked while another one wrote, so it is the one that is woken; it is gone by then.
        let mut asked = log.submit(&batch(&["d"])).unwrap();
        let waits = log.submit(&batch(&["e"])).unwrap();
        assert!(poll(&mut asked).is_pending());
        drop(asked);
        drop(disk_hangs);
        writing.join().unwrap().unwrap();
        waits
    });
    assert!(waits.wait().is_ok());
    assert!(matches!(poll(&mut gone), Poll::Ready(Ok(_))), "it was written with the others");
    assert_eq!(log.counts().appended, 5);
}

#[test]
fn many_who_wait_on_few_threads_are_all_answered_in_the_order_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_rows: 40, ..options() };
    let (log, _) = PredictionLog::open(dir.path(), options).unwrap();
    let sequences = std::sync::Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (log, sequences) = (&log, &sequences);
            scope.spawn(move || {
                for at in 0..100 {
                    let batch = batch(&[&format!("{thread}-{at}")]);
                    let tickets = [log.submit(&batch).unwrap(), log.submit(&batch).unwrap()];
                    let [first, second] = tickets.map(|ticket| ticket.wait().unwrap().sequence);
                    assert!(first < second);
                    assert!(sequences.lock().unwrap().insert(first) && sequences.lock().unwrap().insert(second));
                }
            });
        }
    });
    assert_eq!(sequences.into_inner().unwrap(), (1..=800).collect());
    assert!(log.counts().groups <= 800 && !log.sealed().is_empty(), "full segments are sealed");
}

#[test]
fn a_bug_while_a_caller_writes_closes_the_log_and_answers_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { on_append: Some(AppendListener::new(|| panic!("a bug"))), ..options() };
    let (log, _) = PredictionLog::open(dir.path(), options).unwrap();
    let (writes, waits) = (log.submit(&batch(&["a"])).unwrap(), log.submit(&batch(&["b"])).unwrap());
    let written = std::thread::scope(|scope| scope.spawn(|| writes.wait()).join());
    assert!(!matches!(written, Ok(Ok(_))), "whoever writes, its caller is not told that it was written: {written:?}");
    assert!(matches!(waits.wait(), Err(LogError::Closed)));
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while log.submit(&batch(&["c"])).is_ok() {
        assert!(std::time::Instant::now() < until, "nothing more is taken");
    }
}

#[test]
fn a_failure_is_the_answer_of_the_whole_group() {
    let dir = tempfile::tempdir().unwrap();
    let options = options();
    let (log, _) = PredictionLog::open(dir.path(), options.clone()).unwrap();
    let disk_hangs = options.faults.hang();
    let tickets: Vec<_> = (0..10).map(|_| log.submit(&batch(&["a"])).unwrap()).collect();
    drop(disk_hangs);
    options.faults.set_sync_fails(true);
    let outcomes: Vec<_> = tickets.into_iter().map(AppendTicket::wait).collect();
    options.faults.set_sync_fails(false);
    let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(
        ids(&log).len(),
        written,
        "who was answered with a failure is not in the log, and nobody else is missing"
    );
}

#[test]
fn in_buffered_mode_a_label_is_written_when_it_is_answered_with_all_that_was_recorded_before() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) =
        PredictionLog::open(dir.path(), LogOptions { durability: Durability::Buffered, ..options() }).unwrap();
    for at in 0..5 {
        (0..3).for_each(|_| assert_eq!(log.append(&batch(&["a"])).unwrap().segment, None));
        let label = log.append_labels(&labels(&["a"], vec![None])).unwrap();
        assert_eq!(label.sequence, (at + 1) * 4);
        assert_eq!(log.read(log.active().unwrap()).unwrap().entries.len() as u64, (at + 1) * 4);
    }
}

#[test]
fn a_log_that_is_dropped_writes_what_is_queued_and_answers_who_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = PredictionLog::open(dir.path(), options()).unwrap();
    let tickets: Vec<_> = (0..50).map(|_| log.submit(&batch(&["a"])).unwrap()).collect();
    drop(log);
    assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()));
    assert_eq!(ids(&PredictionLog::open(dir.path(), options()).unwrap().0).len(), 50);
}
