//! What the store promises: whole, verified, never at a user's expense.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobError, BlobStore, ContentKind, HashCache, UnsafePath, ensure_inside};
use kilter_domain::digest::Digest;
use tempfile::TempDir;

struct World {
    folder: TempDir,
    store: BlobStore,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(&folder.path().join("store")).unwrap();
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn leftovers(&self) -> usize {
        fs::read_dir(self.path("store/tmp")).unwrap().count()
    }
}

fn make_writable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn bytes_come_back_as_they_were() {
    let world = World::new();
    let digest = world.store.put_bytes(b"hello").unwrap();
    assert_eq!(digest, Digest::of(b"hello"));
    assert_eq!(world.store.put_bytes(b"hello").unwrap(), digest);
    assert_eq!(world.store.read(&digest, 5).unwrap(), b"hello");
    assert!(matches!(world.store.read(&digest, 4), Err(BlobError::TooLarge { bytes: 5, limit: 4, .. })));
    assert!(matches!(world.store.read(&Digest::of(b"?"), 9), Err(BlobError::NotFound { .. })));
    assert_eq!(world.leftovers(), 0);
}

#[test]
fn a_stored_file_stays_where_it_was_and_later_edits_do_not_reach_the_store() {
    let world = World::new();
    let path = world.write("data.csv", b"one");
    let content = world.store.put_file(&path).unwrap();
    fs::write(&path, b"two").unwrap();
    assert_eq!(world.store.read(&content.digest, 10).unwrap(), b"one");
    assert_eq!(fs::read(&path).unwrap(), b"two");
}

#[test]
fn a_tree_comes_back_with_its_paths_and_executable_bits() {
    let world = World::new();
    world.write("tree/a/b.txt", b"b");
    world.write("tree/c with space", b"");
    let tool = world.write("tree/tool", b"#!/bin/sh");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    let content = world.store.put_tree(&world.path("tree")).unwrap();
    assert_eq!((content.kind, content.files, content.bytes), (ContentKind::Tree, 3, 10));
    world.store.checkout_tree(&content.digest, &world.path("out/copy")).unwrap();
    assert_eq!(world.store.put_tree(&world.path("out/copy")).unwrap(), content);
    assert_eq!(HashCache::in_memory().content_of(&world.path("out/copy")).unwrap(), content);
    assert_eq!(fs::read_dir(world.path("out")).unwrap().count(), 1);
}

#[test]
fn a_tree_digest_knows_names_bits_and_bytes_but_not_times() {
    let world = World::new();
    let path = world.write("tree/a", b"x");
    let digest = || world.store.put_tree(&world.path("tree")).unwrap().digest;
    let first = digest();
    fs::write(&path, b"x").unwrap();
    assert_eq!(digest(), first);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let executable = digest();
    fs::rename(&path, world.path("tree/b")).unwrap();
    assert!(executable != first && digest() != executable);
}

#[test]
fn links_and_pipes_in_a_tree_are_refused_by_name() {
    let world = World::new();
    world.write("tree/a", b"x");
    symlink("/etc/passwd", world.path("tree/link")).unwrap();
    let error = world.store.put_tree(&world.path("tree")).unwrap_err();
    assert!(error.to_string().contains("tree/link` is a symbolic link"), "{error}");
    assert_eq!(world.leftovers(), 0);
    let error = world.store.put_file(Path::new("/dev/null")).unwrap_err();
    assert!(error.to_string().contains("`/dev/null` is a device"), "{error}");
}

#[test]
fn changed_bytes_in_the_store_are_found_and_never_handed_out() {
    let world = World::new();
    let digest = world.store.put_bytes(b"hello").unwrap();
    let path = world.store.fetch(&digest).unwrap();
    make_writable(&path);
    fs::write(&path, b"hellO").unwrap();
    assert!(matches!(world.store.read(&digest, 10), Err(BlobError::Corrupt { .. })));
    assert!(matches!(world.store.verify(&digest), Err(BlobError::Corrupt { .. })));
    let target = world.path("copy");
    assert!(matches!(world.store.checkout_file(&digest, false, &target), Err(BlobError::Corrupt { .. })));
    assert!(!target.exists());
}

#[test]
fn a_torn_object_is_healed_by_storing_it_again() {
    let world = World::new();
    let digest = world.store.put_bytes(b"hello").unwrap();
    make_writable(&world.store.fetch(&digest).unwrap());
    fs::write(world.store.fetch(&digest).unwrap(), b"").unwrap();
    world.store.put_bytes(b"hello").unwrap();
    world.store.verify(&digest).unwrap();
}

#[test]
fn nothing_is_checked_out_over_what_exists() {
    let world = World::new();
    let digest = world.store.put_bytes(b"new").unwrap();
    let target = world.write("mine", b"mine");
    assert!(matches!(world.store.checkout_file(&digest, false, &target), Err(BlobError::Exists { .. })));
    assert_eq!(fs::read(&target).unwrap(), b"mine");
}

#[test]
fn what_stood_at_a_place_is_kept_before_it_is_replaced() {
    let world = World::new();
    let cache = HashCache::in_memory();
    let new = world.store.put_file(&world.write("new", b"new")).unwrap();
    // Each earlier state of the place: a file, a folder.
    let target = world.write("place", b"mine");
    let kept = world.store.place(&new, &target, &cache).unwrap().unwrap();
    assert!(kept.was_unknown);
    assert_eq!(world.store.read(&kept.content.digest, 10).unwrap(), b"mine");
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(world.store.place(&new, &target, &cache).unwrap(), None);

    let folder = world.write("folder/a", b"mine too").parent().unwrap().to_owned();
    let kept = world.store.place(&new, &folder, &cache).unwrap().unwrap();
    world.store.checkout_tree(&kept.content.digest, &world.path("back")).unwrap();
    assert_eq!(fs::read(world.path("back/a")).unwrap(), b"mine too");
    assert_eq!(fs::read(&folder).unwrap(), b"new");

    let written = world.write("staged/b", b"tree").parent().unwrap().to_owned();
    let tree = world.store.put(&written, &cache).unwrap();
    let replaced = world.store.adopt(&written, &tree, &folder, &cache).unwrap().unwrap();
    assert_eq!((replaced.content, replaced.was_unknown), (new, false));
    assert_eq!(fs::read(folder.join("b")).unwrap(), b"tree");
    assert!(!written.exists());
}

#[test]
fn a_place_that_is_a_link_is_refused_and_its_target_untouched() {
    let world = World::new();
    let new = world.store.put_file(&world.write("new", b"new")).unwrap();
    let precious = world.write("precious", b"precious");
    symlink(&precious, world.path("place")).unwrap();
    let error = world.store.place(&new, &world.path("place"), &HashCache::in_memory()).unwrap_err();
    assert!(error.to_string().contains("is a symbolic link"), "{error}");
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn content_is_complete_only_with_every_file_of_its_tree() {
    let world = World::new();
    world.write("tree/a", b"x");
    let content = world.store.put_tree(&world.path("tree")).unwrap();
    assert!(world.store.has_content(&content));
    fs::remove_file(world.store.fetch(&Digest::of(b"x")).unwrap()).unwrap();
    assert!(!world.store.has_content(&content));
}

#[test]
fn leftovers_of_a_killed_writer_are_swept_when_nobody_else_is_in() {
    let world = World::new();
    let leftover = world.write("store/tmp/object.1.1.tmp", b"half");
    let second = BlobStore::open(&world.path("store")).unwrap();
    assert!(leftover.exists(), "another process may still be writing it");
    let World { folder, store } = world;
    drop((second, store));
    BlobStore::open(&folder.path().join("store")).unwrap();
    assert!(!leftover.exists());
}

#[test]
fn every_object_can_be_listed() {
    let world = World::new();
    let mut stored = [world.store.put_bytes(b"a").unwrap(), world.store.put_bytes(b"b").unwrap()];
    let mut listed = Vec::new();
    world.store.for_each_object(&mut |digest| listed.push(digest)).unwrap();
    stored.sort();
    listed.sort();
    assert_eq!(listed, stored);
}

#[test]
fn paths_that_leave_a_folder_are_refused() {
    let world = World::new();
    symlink("/tmp", world.path("link")).unwrap();
    let root = world.folder.path();
    for (path, expected) in [
        ("../x", UnsafePath::NotPlain),
        ("a/../../x", UnsafePath::NotPlain),
        ("/etc", UnsafePath::Absolute),
        ("", UnsafePath::Empty),
        ("link/x", UnsafePath::Symlink("link".into())),
    ] {
        assert_eq!(ensure_inside(root, Path::new(path)), Err(expected), "{path}");
    }
    assert_eq!(ensure_inside(root, Path::new("./work/x/")), Ok(root.join("work/x")));
}
