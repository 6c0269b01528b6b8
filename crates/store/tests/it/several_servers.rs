//! Several servers on one database: numbers of replicas, leases, a schema that is newer by now.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use kilter_domain::{
    replica::ReplicaId,
    time::{Span, Timestamp},
};
use kilter_store::{Store, StoreError, page::PageRequest, project, replica};

use crate::{databases::TestDatabase, world::draft};

fn a_server_that_is_older_than_the_schema_by_now_writes_nothing() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let older = database.open(dir.path());
    let register = |name: &'static str| {
        older.write(move |tx| project::register(&tx.audited(draft(1, "test")), &name.parse().unwrap()).map(drop))
    };
    register("before").unwrap();
    let newer = "INSERT INTO migration VALUES (99, '0099_of_tomorrow', repeat('0', 64), 1)";
    crate::databases::try_run(&database.url(), newer).unwrap();
    let error = register("after").unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error:?}");
    let found = older.read(|reader| project::list(reader, &PageRequest::default())).unwrap();
    assert_eq!(found.items.len(), 1, "it is read as before");
}

fn what_is_decided_under_a_lease_is_not_written_once_another_has_it() {
    let database = TestDatabase::new().unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (database.open(one.path()), database.open(two.path()));
    let (short, long) = (Span::seconds(1), Span::seconds(60));
    let lease = first.acquire_lease("project/churn", "a#1", short).unwrap().unwrap();
    assert_eq!(second.acquire_lease("project/churn", "b#1", long).unwrap(), None);
    let decided = first.under(lease.clone());
    let register = |store: &Store, name: &'static str| {
        store.write(move |tx| project::register(&tx.audited(draft(1, "test")), &name.parse().unwrap()).map(drop))
    };
    register(&decided, "in-time").unwrap();
    // Paused for longer than its lease, it may go on while nobody took it.
    thread::sleep(Duration::from_millis(1_100));
    register(&decided, "late").unwrap();
    assert_eq!(first.renew_leases(std::slice::from_ref(&lease), short).unwrap(), [""; 0]);
    assert_eq!(second.acquire_lease("project/churn", "b#1", long).unwrap(), None);
    thread::sleep(Duration::from_millis(1_100));
    let taken = second.acquire_lease("project/churn", "b#1", long).unwrap().unwrap();
    assert_eq!(taken.term, lease.term + 1);
    let error = register(&decided, "too-late").unwrap_err();
    assert!(matches!(&error, StoreError::LeaseLost { name } if name == "project/churn"), "{error:?}");
    assert_eq!(first.renew_leases(&[lease], short).unwrap(), ["project/churn"]);
    register(&second.under(taken), "theirs").unwrap();
    let found = first.read(|reader| project::list(reader, &PageRequest::default())).unwrap();
    let names: Vec<_> = found.items.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["theirs", "late", "in-time"]);
    // The next process of the same place takes over what the one before it had.
    assert!(first.acquire_lease("project/churn", "b#2", long).unwrap().is_some());
    assert!(first.acquire_lease("project/churn", "bb#1", long).unwrap().is_none());
}

fn a_renewal_waits_for_no_write_and_wakes_nobody() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = database.open(dir.path());
    let lease = store.acquire_lease("server/1", "a#1", Span::seconds(60)).unwrap().unwrap();
    let woken = Arc::new(AtomicU32::new(0));
    let count = woken.clone();
    store.on_commit(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let (began, writing) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let writer = store.clone();
    let long = thread::spawn(move || {
        writer.write(move |_| {
            began.send(()).unwrap();
            ended.recv().unwrap();
            Ok(())
        })
    });
    writing.recv().unwrap();
    assert_eq!(store.renew_leases(&[lease], Span::seconds(60)).unwrap(), [""; 0]);
    end.send(()).unwrap();
    long.join().unwrap().unwrap();
    assert_eq!(woken.load(Ordering::SeqCst), 0);
}

fn each_data_folder_has_one_number_for_ever() {
    let database = TestDatabase::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = database.open(dir.path());
    let register =
        |id: &'static str, is_older| store.write(move |tx| replica::register(tx, id, is_older)).unwrap().number();
    assert_eq!([register("old", true), register("a", false), register("b", false), register("a", false)], [0, 1, 2, 1]);
    assert_eq!(register("older", true), 3, "0 is taken");
    let living = || store.read(replica::list_living).unwrap().iter().map(|one| one.number.number()).collect::<Vec<_>>();
    assert_eq!(living(), [0_u32; 0]);
    store.acquire_lease(&replica::lease_name(ReplicaId::new(2).unwrap()), "b#1", Span::seconds(60)).unwrap().unwrap();
    assert_eq!(living(), [2]);
    store.write_as(ReplicaId::new(2).unwrap());
    store.note_sealed(Some(Timestamp(7))).unwrap();
    let found = store.read(|reader| replica::find(reader, ReplicaId::new(2).unwrap())).unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.sealed_until), ("b", Some(Timestamp(7))));
}

only_postgres![
    a_server_that_is_older_than_the_schema_by_now_writes_nothing,
    what_is_decided_under_a_lease_is_not_written_once_another_has_it,
    a_renewal_waits_for_no_write_and_wakes_nobody,
    each_data_folder_has_one_number_for_ever,
];
