//! What an object store does, and what it does when something is wrong: with a real one, and with one that fails as told.

mod cached;
mod faults;
mod objects;

use std::sync::atomic::{AtomicU32, Ordering};

use kilter_storage::{ObjectStorage, StorageUrl};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A prefix of a test's own in the bucket of the store that the tests run beside; `None` where there is none, and the test says
/// so.
fn prefix() -> Option<StorageUrl> {
    let Ok(bucket) = std::env::var("KILTER_TEST_S3") else {
        eprintln!("skipped: KILTER_TEST_S3 names no bucket; run it beside one: tests/servers/with-seaweedfs COMMAND");
        return None;
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    Some(format!("{bucket}/storage-{}-{count}", std::process::id()).parse().unwrap())
}

fn store() -> Option<ObjectStorage> {
    prefix().map(|url| ObjectStorage::open(&url).unwrap())
}

/// The variables of the environment with others in place of some.
fn variables(others: &[(&str, &str)]) -> Vec<(String, String)> {
    let is_other = |name: &str| others.iter().any(|(other, _)| *other == name);
    let others = others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    std::env::vars().filter(|(name, _)| !is_other(name)).chain(others).collect()
}
