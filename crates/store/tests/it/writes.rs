//! The writer: batches, savepoints, panics, the folder's lock.

use std::{
    fs,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use kilter_domain::run::Cause;
use kilter_store::{
    Durability, Store, StoreError, StoreOptions, project,
    run::{self, NewRun},
};
use serde_json::json;

use crate::world::{World, draft};

fn register(store: &Store, name: &str) -> Result<(), StoreError> {
    let name = name.parse().unwrap();
    store.write(move |tx| project::register(&tx.audited(draft(0, "register")), &name).map(drop))
}

fn is_registered(store: &Store, name: &str) -> bool {
    let name = name.parse().unwrap();
    store.read(|reader| project::find(reader, &name)).unwrap().is_some()
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let world = World::empty();
    register(&world.store, "churn").unwrap();
    let World { dir, store, .. } = world;
    drop(store);
    assert!(is_registered(&Store::open(dir.path()).unwrap(), "churn"));
}

fn a_write_that_fails_leaves_nothing_behind_and_its_neighbours_alone() {
    let world = World::empty();
    let together = Barrier::new(64);
    thread::scope(|scope| {
        for place in 0..64 {
            let (world, together) = (&world, &together);
            scope.spawn(move || {
                together.wait();
                let name = format!("p{place}").parse().unwrap();
                let outcome = world.act(0, move |audited| {
                    project::register(audited, &name)?;
                    match place % 3 {
                        0 => Err(StoreError::NotFound { what: "mercy", id: place.to_string() }),
                        _ => Ok(()),
                    }
                });
                assert_eq!(outcome.is_ok(), place % 3 != 0);
            });
        }
    });
    for place in 0..64 {
        assert_eq!(is_registered(&world.store, &format!("p{place}")), place % 3 != 0, "p{place}");
    }
    world.assert_sound();
}

/// PostgreSQL keeps nothing of a write in which a statement failed; SQLite keeps the rest of it.
fn a_write_that_goes_on_after_a_failed_statement_is_there_exactly_if_it_was_acknowledged() {
    let world = World::empty();
    let together = Barrier::new(64);
    let acknowledged: Vec<bool> = thread::scope(|scope| {
        let clients: Vec<_> = (0..64)
            .map(|place| {
                let (world, together) = (&world, &together);
                scope.spawn(move || {
                    together.wait();
                    let name = format!("p{place}").parse().unwrap();
                    let outcome = world.act(0, move |audited| {
                        project::register(audited, &name)?;
                        if place % 3 == 0 {
                            let project = "nobody".parse().unwrap();
                            let run =
                                NewRun { id: format!("r{place}"), project, cause: Cause::Replay, record: json!({}) };
                            assert!(run::create(audited, &run).is_err(), "there is no such project");
                        }
                        Ok(())
                    });
                    assert!(outcome.is_ok() || place % 3 == 0, "a neighbour fails: {outcome:?}");
                    outcome.is_ok()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    for (place, acknowledged) in acknowledged.into_iter().enumerate() {
        assert_eq!(is_registered(&world.store, &format!("p{place}")), acknowledged, "p{place}");
    }
}

fn a_write_that_panics_does_so_in_its_own_thread_and_leaves_nothing_behind() {
    let world = World::empty();
    let store = world.store.clone();
    let panicked = thread::spawn(move || {
        store.write(|tx| {
            project::register(&tx.audited(draft(0, "register")), &"half".parse().unwrap())?;
            panic!("halfway");
            #[allow(unreachable_code)]
            Ok(())
        })
    })
    .join();
    assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"halfway"));
    assert!(!is_registered(&world.store, "half"));
    register(&world.store, "next").unwrap();
    world.assert_sound();
}

fn a_write_inside_a_write_is_refused_instead_of_waiting_for_ever() {
    let world = World::empty();
    let inner = world.store.clone();
    let outcome = world.store.write(move |_| register(&inner, "inner"));
    assert!(matches!(outcome, Err(StoreError::NestedWrite)));
}

fn a_read_sees_one_moment_whatever_is_written_meanwhile() {
    let world = World::empty();
    world
        .store
        .read(|reader| {
            let before = kilter_store::audit::size(reader)?;
            register(&world.store, "meanwhile")?;
            assert_eq!(kilter_store::audit::size(reader)?, before);
            Ok(())
        })
        .unwrap();
    assert!(is_registered(&world.store, "meanwhile"));
}

fn a_read_that_panics_gives_its_reader_back() {
    let world = World::empty();
    for _ in 0..20 {
        let store = world.store.clone();
        let _ = thread::spawn(move || store.read(|_| -> Result<(), StoreError> { panic!("in the middle") })).join();
    }
    register(&world.store, "after").unwrap();
    assert!(is_registered(&world.store, "after"));
}

#[test]
fn a_second_process_is_refused_with_the_name_of_the_first() {
    let world = World::empty();
    let error = Store::open(world.dir.path()).err().expect("it must be refused");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    drop(world.store);
    Store::open(world.dir.path()).unwrap();
}

#[test]
fn a_database_shell_that_holds_the_file_is_named_and_nothing_is_lost() {
    let world = World::empty();
    let shell = rusqlite::Connection::open(world.dir.path().join(kilter_store::DATABASE_FILE)).unwrap();
    shell.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = register(&world.store, "churn").unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    shell.execute_batch("ROLLBACK").unwrap();
    register(&world.store, "churn").unwrap();
}

fn errors_say_what_was_attempted_on_which_thing() {
    let world = World::empty();
    register(&world.store, "churn").unwrap();
    let error = register(&world.store, "churn").unwrap_err();
    assert_eq!(error.to_string(), "could not register the project: project `churn` is registered already");
}

fn whoever_subscribed_is_called_after_each_commit_that_changed_something() {
    let world = World::empty();
    let commits = Arc::new(AtomicUsize::new(0));
    world.store.on_commit({
        let commits = commits.clone();
        move || _ = commits.fetch_add(1, Ordering::SeqCst)
    });
    register(&world.store, "churn").unwrap();
    assert_eq!(commits.load(Ordering::SeqCst), 1, "it was called before the write had its answer");
    register(&world.store, "churn").unwrap_err();
    world.store.write(|tx| kilter_store::project::find(tx, &"churn".parse().unwrap()).map(drop)).unwrap();
    assert!(is_registered(&world.store, "churn"));
    assert_eq!(
        commits.load(Ordering::SeqCst),
        1,
        "a write that is undone, one that only reads and a read change nothing"
    );
}

#[test]
fn a_store_that_can_be_made_again_need_not_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions { durability: Durability::ProcessCrash };
    register(&Store::open_with(dir.path(), options).unwrap(), "churn").unwrap();
    assert!(is_registered(&Store::open(dir.path()).unwrap(), "churn"));
}

#[test]
fn a_copy_holds_what_was_durable_and_never_writes_over_a_file() {
    let world = World::empty();
    register(&world.store, "churn").unwrap();
    let copies = tempfile::tempdir().unwrap();
    let copy = copies.path().join(kilter_store::DATABASE_FILE);
    let look = Store::open_for_reading(world.dir.path()).unwrap();
    look.copy_to(&copy).unwrap();
    register(&world.store, "later").unwrap();
    let error = look.copy_to(&copy).unwrap_err();
    assert!(error.to_string().starts_with("could not make the copy"), "{error}");
    let copied = Store::open(copies.path()).unwrap();
    assert!(is_registered(&copied, "churn") && !is_registered(&copied, "later"));
    assert!(copied.read(kilter_store::audit::verify).unwrap().is_sound());
    assert!(look.copy_to(copies.path().join("no/such/folder")).is_err());
}

#[test]
fn a_store_that_was_closed_is_one_file_and_its_digest() {
    let world = World::with_records();
    world.store.read(kilter_store::audit::size).unwrap();
    let World { dir, store, .. } = world;
    drop(store);
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [kilter_store::DATABASE_FILE, "kilter.db-digest", "store.lock"]);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.changed_while_closed(), None);
    drop(store);
    let shell = rusqlite::Connection::open(dir.path().join(kilter_store::DATABASE_FILE)).unwrap();
    shell.execute_batch("UPDATE project SET created = created + 1").unwrap();
    drop(shell);
    assert_eq!(Store::open_for_reading(dir.path()).unwrap().is_as_closed(), Some(false));
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.changed_while_closed(), Some(dir.path().join(kilter_store::DATABASE_FILE)));
}

#[test]
fn a_file_that_rotted_is_found_out() {
    let world = World::with_records();
    let check = |dir: &std::path::Path| Store::open_for_reading(dir).and_then(|store| store.check_file());
    assert_eq!(check(world.dir.path()).unwrap(), Vec::<String>::new());
    let World { dir, store, .. } = world;
    drop(store);
    let path = dir.path().join(kilter_store::DATABASE_FILE);
    let mut bytes = fs::read(&path).unwrap();
    // The last page holds rows or an index; the first ones the schema, without which nothing opens.
    let end = bytes.len();
    bytes[end - 4096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let found = check(dir.path());
    assert!(found.as_ref().map_or(true, |found| !found.is_empty()), "{found:?}");
    // Whatever cannot be read names the file and what to do.
    let error = found.err().map(|error| error.to_string());
    assert!(error.as_ref().is_none_or(|error| error.contains("kilter.db") && error.contains("restore")), "{error:?}");
}

#[test]
fn a_database_that_is_deleted_moved_or_replaced_under_the_store_is_noticed() {
    for what in ["database", "journal", "folder", "moved", "replaced"] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        let store = Store::open(&dir).unwrap();
        register(&store, "churn").unwrap();
        store.check_presence().unwrap();
        let path = dir.join(kilter_store::DATABASE_FILE);
        let journal = dir.join(format!("{}-wal", kilter_store::DATABASE_FILE));
        match what {
            "database" => fs::remove_file(&path).unwrap(),
            "journal" => fs::remove_file(&journal).unwrap(),
            "folder" => fs::remove_dir_all(&dir).unwrap(),
            "moved" => fs::rename(&dir, root.path().join("elsewhere")).unwrap(),
            _ => {
                fs::copy(&path, dir.join("copy")).unwrap();
                fs::rename(dir.join("copy"), &path).unwrap();
            }
        }
        let named = if what == "journal" { &journal } else { &path };
        for name in ["one", "two"] {
            let error = register(&store, name).unwrap_err();
            assert!(matches!(&error, StoreError::Vanished { path } if path == named), "{what}: {error}");
        }
        assert!(store.check_presence().is_err(), "{what}");
    }
}

both_databases![
    a_write_that_goes_on_after_a_failed_statement_is_there_exactly_if_it_was_acknowledged,
    a_write_that_fails_leaves_nothing_behind_and_its_neighbours_alone,
    a_write_that_panics_does_so_in_its_own_thread_and_leaves_nothing_behind,
    a_write_inside_a_write_is_refused_instead_of_waiting_for_ever,
    a_read_sees_one_moment_whatever_is_written_meanwhile,
    a_read_that_panics_gives_its_reader_back,
    errors_say_what_was_attempted_on_which_thing,
    whoever_subscribed_is_called_after_each_commit_that_changed_something,
];
