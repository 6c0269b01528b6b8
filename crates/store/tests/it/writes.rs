//! The writer: batches, savepoints, panics, the folder's lock.

use std::{sync::Barrier, thread};

use kilter_store::{Store, StoreError, project};

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
    let World { dir, store } = world;
    drop(store);
    assert!(is_registered(&Store::open(dir.path()).unwrap(), "churn"));
}

#[test]
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

#[test]
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

#[test]
fn a_write_inside_a_write_is_refused_instead_of_waiting_for_ever() {
    let world = World::empty();
    let inner = world.store.clone();
    let outcome = world.store.write(move |_| register(&inner, "inner"));
    assert!(matches!(outcome, Err(StoreError::NestedWrite)));
}

#[test]
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

#[test]
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
fn errors_say_what_was_attempted_on_which_thing() {
    let world = World::empty();
    register(&world.store, "churn").unwrap();
    let error = register(&world.store, "churn").unwrap_err();
    assert_eq!(error.to_string(), "could not register the project: project `churn` is registered already");
}
