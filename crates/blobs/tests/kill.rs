//! A writer that is killed at any moment leaves whole objects only, and the next one goes on.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use kilter_blobs::BlobStore;
use kilter_domain::digest::Digest;

const FILES: usize = 400;
const STORE: &str = "KILTER_TEST_STORE";

fn text(number: usize) -> String {
    format!("file {number} ").repeat(1 + number * 13 % 500)
}

fn objects(store: &Path) -> usize {
    let folders = fs::read_dir(store.join("objects")).into_iter().flatten().flatten();
    folders.map(|folder| fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
}

/// What the killed child executes: this test binary, asked for this test alone.
#[test]
#[ignore = "the child of another test"]
fn child_that_stores() {
    let Some(folder) = std::env::var_os(STORE) else { return };
    let folder = Path::new(&folder);
    let store = BlobStore::open(&folder.join("store")).unwrap();
    for number in 0..FILES {
        store.put_bytes(text(number).as_bytes()).unwrap();
    }
    store.put_tree(&folder.join("tree")).unwrap();
}

#[test]
fn a_writer_killed_at_any_moment_leaves_whole_objects_only() {
    let folder = tempfile::tempdir().unwrap();
    let (root, tree) = (folder.path().join("store"), folder.path().join("tree"));
    fs::create_dir(&tree).unwrap();
    for number in 0..FILES {
        fs::write(tree.join(format!("{number}.txt")), format!("tree {}", text(number))).unwrap();
    }
    // Each kill comes later than the one before, until one child lives to its end.
    let mut kills = 0;
    for wanted in (0..).step_by(37) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_stores", "--exact", "--include-ignored"])
            .env(STORE, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if objects(&root) > wanted => break None,
                None => std::thread::yield_now(),
            }
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // Whatever has a name has its bytes, and opening the store again sweeps the rest.
        let store = BlobStore::open(&root).unwrap();
        store.for_each_object(&mut |digest| store.verify(&digest).unwrap()).unwrap();
        assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0);
    }
    assert!(kills > 5, "only {kills} kills hit the writer");
    let store = BlobStore::open(&root).unwrap();
    assert!((0..FILES).all(|number| store.has(&Digest::of(text(number).as_bytes()))));
    assert!(store.has_content(&store.put_tree(&tree).unwrap()));
    assert_eq!(fs::read_to_string(tree.join("7.txt")).unwrap(), format!("tree {}", text(7)));
}
