use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use kilter_domain::digest::Digest;
use kilter_storage::{CachedStorage, ObjectError, ObjectStorage, Upload};

use crate::store;

struct World {
    folder: tempfile::TempDir,
    store: ObjectStorage,
}

impl World {
    fn new() -> Option<Self> {
        Some(Self { store: store()?, folder: tempfile::tempdir().unwrap() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn copies(&self) -> PathBuf {
        self.path("copies")
    }

    /// Another process on the same folder.
    fn cached(&self, limit: u64) -> CachedStorage {
        CachedStorage::new(self.store.clone(), self.path("partial"), vec![self.copies()], limit)
    }

    /// Puts objects of a thousand bytes each, and says their digests.
    fn put(&self, count: u8) -> Vec<(String, Digest)> {
        let uploads: Vec<_> = (0..count)
            .map(|at| {
                let path = self.path(&format!("source-{at}"));
                fs::write(&path, [at; 1000]).unwrap();
                Upload { key: format!("objects/{at}"), path }
            })
            .collect();
        self.cached(u64::MAX).create_files(&uploads).unwrap();
        uploads.into_iter().zip(0..).map(|(upload, at)| (upload.key, Digest::of(&[at; 1000]))).collect()
    }
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn an_object_is_fetched_once_by_however_many_threads_and_compared_with_its_digest() {
    let Some(world) = World::new() else { return };
    let objects = world.put(3);
    let (cached, target) = (world.cached(u64::MAX), world.copies().join("aa/1"));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(cached.fetch(&objects[1].0, &objects[1].1, &target).unwrap()));
        }
    });
    assert_eq!(fs::read(&target).unwrap(), [1; 1000]);
    // It lies here now, so the store is not asked again.
    world.store.delete(&objects[1].0).unwrap();
    assert!(cached.fetch(&objects[1].0, &objects[1].1, &target).unwrap());
    assert!(!cached.fetch("objects/none", &objects[1].1, &world.copies().join("none")).unwrap());
    let other = world.copies().join("other");
    let damaged = cached.fetch(&objects[2].0, &objects[0].1, &other).unwrap_err();
    assert!(matches!(damaged, ObjectError::Damaged { .. }), "{damaged}");
    assert!(!other.exists());
    assert_eq!(count(&world.path("partial")), 0);
}

#[test]
fn what_was_not_used_for_the_longest_time_makes_room_and_comes_back() {
    let Some(world) = World::new() else { return };
    let objects = world.put(20);
    let place = |at: usize| world.copies().join(at.to_string());
    for (at, (key, digest)) in objects.iter().enumerate().take(10) {
        world.cached(u64::MAX).fetch(key, digest, &place(at)).unwrap();
        // The file system remembers uses by the second at best; these are hours apart.
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600 * (100 - at as u64));
        let times = fs::FileTimes::new().set_accessed(long_ago).set_modified(long_ago);
        fs::File::open(place(at)).unwrap().set_times(times).unwrap();
    }
    fs::write(world.copies().join(".12.staged"), [0; 5000]).unwrap();
    let cached = world.cached(10_000);
    cached.note_use(&place(0));
    for (at, (key, digest)) in objects.iter().enumerate().skip(10).take(3) {
        cached.fetch(key, digest, &place(at)).unwrap();
    }
    let there: Vec<usize> = (0..20).filter(|at| place(*at).exists()).collect();
    assert_eq!(there, [0, 5, 6, 7, 8, 9, 10, 11, 12], "0 is in use, 1 to 4 were the oldest");
    assert!(world.copies().join(".12.staged").exists(), "nobody has a copy of it");
    assert!(cached.fetch(&objects[1].0, &objects[1].1, &place(1)).unwrap());
    assert_eq!(fs::read(place(1)).unwrap(), [1; 1000]);
}

#[test]
fn an_object_that_is_deleted_is_gone_in_both_places() {
    let Some(world) = World::new() else { return };
    let objects = world.put(1);
    let (cached, target) = (world.cached(u64::MAX), world.copies().join("0"));
    assert_eq!(cached.size(&objects[0].0).unwrap(), Some(1000));
    cached.fetch(&objects[0].0, &objects[0].1, &target).unwrap();
    cached.delete(&objects[0].0, &target).unwrap();
    cached.delete(&objects[0].0, &target).unwrap();
    assert!(!target.exists());
    assert_eq!(cached.size(&objects[0].0).unwrap(), None);
}
