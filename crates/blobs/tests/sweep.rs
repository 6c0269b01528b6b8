//! What is removed by a sweep, and what never is: whatever is needed, and whatever someone relied on a short while ago.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, SystemTime},
};

use kilter_blobs::{BlobStore, HashCache, Sweep, Swept};
use kilter_domain::digest::Digest;
use proptest::prelude::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes every object look as if nobody had relied on it for `age`.
fn age_all(store: &BlobStore, age: Duration) {
    store.for_each_object(&mut |digest| age_one(store, &digest, age)).unwrap();
}

fn age_one(store: &BlobStore, digest: &Digest, age: Duration) {
    File::open(BlobStore::path_in(store.root(), digest)).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

fn sweep(store: &BlobStore, needed: &BTreeSet<Digest>, deletes: bool) -> Swept {
    let (is_needed, goes_on) = (|digest: &Digest| needed.contains(digest), || true);
    let before = SystemTime::now() - DAY;
    store.sweep(&Sweep { is_needed: &is_needed, before, deletes, goes_on: &goes_on }).unwrap()
}

fn objects(store: &BlobStore) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    store
        .for_each_object(&mut |digest| {
            found.insert(digest);
        })
        .unwrap();
    found
}

#[test]
fn what_nothing_needs_goes_once_it_is_old_and_a_dry_run_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let [needed, old, young] = [&b"needed"[..], b"nobody's", b"new"].map(|bytes| store.put_bytes(bytes).unwrap());
    age_all(&store, 2 * DAY);
    age_one(&store, &young, DAY / 2);
    let roots = BTreeSet::from([needed]);
    let expected = Swept { objects: 1, bytes: 8, young: 1 };
    assert_eq!(sweep(&store, &roots, false), expected);
    assert_eq!(objects(&store).len(), 3);
    assert_eq!(sweep(&store, &roots, true), expected);
    assert_eq!(objects(&store), BTreeSet::from([needed, young]));
    assert!(!store.has(&old));
    assert_eq!(sweep(&store, &roots, true), Swept { objects: 0, bytes: 0, young: 1 });
    assert_eq!(sweep(&BlobStore::open_for_reading(&folder.path().join("none"), None), &roots, true), Swept::default());
}

#[test]
fn what_is_stored_or_found_again_is_not_removed_before_someone_can_say_that_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, tree) = (BlobStore::open(&folder.path().join("store")).unwrap(), folder.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("a"), "one").unwrap();
    let file = store.put_file(&tree.join("a")).unwrap();
    let content = store.put_tree(&tree).unwrap();
    let all = objects(&store);
    let relied: [&dyn Fn(); 4] = [
        &|| assert!(store.put_bytes(b"one").is_ok()),
        &|| assert!(store.put(&tree, &HashCache::in_memory()).is_ok()),
        &|| assert!(store.has_content(&content)),
        &|| assert!(store.has_content(&file)),
    ];
    for (at, rely) in relied.into_iter().enumerate() {
        age_all(&store, 3 * DAY);
        rely();
        let swept = sweep(&store, &BTreeSet::new(), true);
        let is_file_alone = at == 0 || at == 3;
        assert_eq!((swept.objects, swept.young), if is_file_alone { (1, 1) } else { (0, 2) }, "{at}");
        store.put_tree(&tree).unwrap();
        assert_eq!(objects(&store), all);
    }
    // Whoever only looks into a store renews nothing.
    age_all(&store, 3 * DAY);
    assert!(BlobStore::open_for_reading(&folder.path().join("store"), None).has_content(&content));
    assert_eq!(sweep(&store, &BTreeSet::new(), false).objects, 2);
}

#[test]
fn a_sweep_can_be_asked_to_stop_and_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    assert!((0..20u8).all(|number| store.put_bytes(&[number]).is_ok()));
    age_all(&store, 2 * DAY);
    let left = Cell::new(7);
    let goes_on = || left.replace(left.get() - 1) > 0;
    let bounded = Sweep { is_needed: &|_| false, before: SystemTime::now() - DAY, deletes: true, goes_on: &goes_on };
    assert_eq!(store.sweep(&bounded).unwrap().objects, 7);
    assert_eq!(sweep(&store, &BTreeSet::new(), true).objects, 13);
}

/// Another thread puts the same old bytes again and again while they are swept: each put that returned has its object.
#[test]
fn bytes_that_are_stored_while_they_are_swept_are_there_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let digests: Vec<Digest> = (0..50u8).map(|number| store.put_bytes(&[number; 100]).unwrap()).collect();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                sweep(&store, &BTreeSet::new(), true);
            }
        });
        for round in 0..40 {
            for (number, digest) in digests.iter().enumerate() {
                if store.has(digest) && round % 2 == 0 {
                    // Old again: a sweep may remove it at any moment from here on.
                    let _ = File::open(BlobStore::path_in(store.root(), digest))
                        .map(|file| file.set_modified(SystemTime::now() - 2 * DAY));
                }
                assert_eq!(store.put_bytes(&[number as u8; 100]).unwrap(), *digest);
                assert_eq!(store.read(digest, 100).unwrap(), [number as u8; 100]);
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

const STORE: &str = "KILTER_TEST_SWEPT_STORE";

/// What the killed child executes: this test binary, asked for this test alone.
#[test]
#[ignore = "the child of another test"]
fn child_that_sweeps() {
    let Some(folder) = std::env::var_os(STORE) else { return };
    let store = BlobStore::open(Path::new(&folder)).unwrap();
    sweep(&store, &needed_of(&store), true);
}

/// Half of the objects, by their digest.
fn needed_of(store: &BlobStore) -> BTreeSet<Digest> {
    objects(store).into_iter().filter(|digest| digest.to_string().as_bytes()[63] % 2 == 0).collect()
}

#[test]
fn a_sweep_that_is_killed_at_any_moment_leaves_what_is_needed_and_the_next_one_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    assert!((0..2000u32).all(|number| store.put_bytes(&number.to_le_bytes()).is_ok()));
    let (all, needed) = (objects(&store).len(), needed_of(&store));
    age_all(&store, 2 * DAY);
    let mut kills = 0;
    for wanted in (0..).step_by(150) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_sweeps", "--exact", "--include-ignored"])
            .env(STORE, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if all - objects_count(folder.path()) > wanted => break None,
                None => thread::yield_now(),
            }
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        assert!(needed.iter().all(|digest| store.has(digest)), "after kill {kills}");
    }
    assert!(kills > 0, "no child was killed in the middle");
    assert_eq!(objects(&store), needed);
    BlobStore::check(folder.path(), &mut |path, found| assert!(found.is_ok(), "{}", path.display())).unwrap();
}

fn objects_count(store: &Path) -> usize {
    let folders = fs::read_dir(store.join("objects")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Trees share files at random, some of them are needed, any objects are old: everything below a needed tree stays.
    #[test]
    fn no_file_of_a_needed_tree_is_ever_removed(
        trees in prop::collection::vec(prop::collection::btree_set(0..12u8, 1..6), 1..8),
        needed in prop::collection::vec(any::<bool>(), 8),
        old in prop::collection::vec(any::<bool>(), 64),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(&folder.path().join("store")).unwrap();
        let mut roots = Vec::new();
        for (number, files) in trees.iter().enumerate() {
            let tree = folder.path().join(number.to_string());
            fs::create_dir(&tree).unwrap();
            for file in files {
                fs::write(tree.join(file.to_string()), [*file; 3]).unwrap();
            }
            let content = store.put_tree(&tree).unwrap();
            if needed[number] {
                roots.push(content);
            }
        }
        let mut marked = BTreeSet::new();
        for root in &roots {
            marked.insert(root.digest);
            marked.extend(store.tree(&root.digest).unwrap().entries().iter().map(|entry| entry.digest));
        }
        let before = objects(&store);
        for (digest, is_old) in before.iter().zip(&old) {
            age_one(&store, digest, if *is_old { 2 * DAY } else { DAY / 2 });
        }
        sweep(&store, &marked, true);
        for root in &roots {
            prop_assert!(store.has_content(root));
        }
        let left = objects(&store);
        let is_right = |(digest, is_old): (&Digest, &bool)| left.contains(digest) == (marked.contains(digest) || !is_old);
        prop_assert!(before.iter().zip(&old).all(is_right));
    }
}
