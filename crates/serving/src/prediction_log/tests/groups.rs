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
    let mut tickets: Vec<_> = (0..20).map(|at| log.submit(&batch(&[&format!("row-{at}")])).unwrap()).collect();
    assert!(tickets.iter_mut().all(|ticket| poll(ticket).is_pending()), "nothing is on the disk");
    assert_eq!(log.counts().waiting, 20, "neither what is queued nor what is being written is answered");
    drop(disk_hangs);
    let awaited = tickets.pop().unwrap();
    let sequences: Vec<u64> = tickets.into_iter().map(|ticket| ticket.wait().unwrap().sequence).collect();
    assert_eq!(sequences, (1..=19).collect::<Vec<_>>());
    assert_eq!(awaited.wait().unwrap().sequence, 20, "one that was polled before is waited for on a thread");
    let counts = log.counts();
    assert!(counts.groups <= 2, "{} groups: one that the writer had taken, and the rest", counts.groups);
    assert_eq!(counts.waiting, 0);
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
