use std::{fs, thread};

use kilter_storage::{Created, ObjectError, ObjectStorage};

use crate::{prefix, store, variables};

#[test]
fn an_object_is_created_once_replaced_read_and_deleted() {
    let Some(store) = store() else { return };
    store.check().unwrap();
    assert_eq!(store.read("a/b", 10).unwrap(), None);
    assert_eq!(store.facts("a/b").unwrap(), None);
    assert_eq!(store.create("a/b", b"one".to_vec()).unwrap(), Created::New);
    assert_eq!(store.create("a/b", b"two".to_vec()).unwrap(), Created::Exists);
    assert_eq!(store.read("a/b", 10).unwrap(), Some(b"one".to_vec()));
    let facts = store.facts("a/b").unwrap().unwrap();
    assert_eq!((facts.key.as_str(), facts.bytes), ("a/b", 3));
    store.replace("a/b", b"three".to_vec()).unwrap();
    assert!(store.facts("a/b").unwrap().unwrap().etag != facts.etag);
    assert!(matches!(store.read("a/b", 4), Err(ObjectError::TooLarge { bytes: 5, limit: 4, .. })));
    store.create("a/c", vec![]).unwrap();
    let mut listed: Vec<String> = store.list("a").unwrap().into_iter().map(|found| found.key).collect();
    listed.sort();
    assert_eq!(listed, ["a/b", "a/c"]);
    store.delete("a/b").unwrap();
    store.delete("a/b").unwrap();
    assert_eq!(store.read("a/b", 10).unwrap(), None);
}

#[test]
fn of_sixteen_that_create_one_object_at_once_one_wins_and_its_bytes_stay() {
    let Some(store) = store() else { return };
    let store = &store;
    let winners: Vec<usize> = thread::scope(|scope| {
        let create = |at: usize| scope.spawn(move || store.create("race", vec![at as u8; 1000]).unwrap());
        let racers: Vec<_> = (0..16).map(create).collect();
        let answers = racers.into_iter().map(|racer| racer.join().unwrap()).enumerate();
        answers.filter(|(_, created)| *created == Created::New).map(|(at, _)| at).collect()
    });
    assert_eq!(winners.len(), 1);
    assert_eq!(store.read("race", 1000).unwrap(), Some(vec![winners[0] as u8; 1000]));
}

#[test]
fn a_large_file_goes_in_parts_and_comes_back_as_it_was() {
    let Some(store) = store() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (large, back) = (folder.path().join("large"), folder.path().join("back"));
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&large, &bytes).unwrap();
    assert_eq!(store.create_file("large", &large).unwrap(), Created::New);
    assert_eq!(store.create_file("large", &large).unwrap(), Created::Exists);
    assert_eq!(store.fetch("large", &back, fs::File::create(&back).unwrap()).unwrap(), Some(20_000_000));
    assert!(fs::read(&back).unwrap() == bytes);
    assert_eq!(store.fetch("other", &back, fs::File::create(&back).unwrap()).unwrap(), None);
}

#[test]
fn wrong_credentials_and_a_bucket_that_is_not_there_are_told_apart_and_no_secret_is_shown() {
    let Some(url) = prefix() else { return };
    let open = |url: &str, others: &[(&str, &str)]| {
        ObjectStorage::open_with(&url.parse().unwrap(), variables(others)).unwrap()
    };
    let secret = open(&url.to_string(), &[("AWS_SECRET_ACCESS_KEY", "topsecret")]);
    let key = open(&url.to_string(), &[("AWS_ACCESS_KEY_ID", "nobody"), ("AWS_SECRET_ACCESS_KEY", "topsecret")]);
    for store in [secret, key] {
        let answers = [
            store.check().unwrap_err(),
            store.read("a", 10).unwrap_err(),
            store.create("a", b"one".to_vec()).unwrap_err(),
            store.facts("a").unwrap_err(),
        ];
        for error in answers {
            assert!(matches!(error, ObjectError::Refused { .. }), "{error}");
            assert!(!error.to_string().contains("topsecret"), "{error}");
        }
    }
    let missing = open("s3://no-such-bucket/kilter", &[]);
    for error in [missing.check().unwrap_err(), missing.create("a", b"one".to_vec()).unwrap_err()] {
        assert!(matches!(error, ObjectError::NoBucket { .. }), "{error:?}");
        assert!(error.to_string().contains("s3://no-such-bucket/kilter"), "{error}");
    }
}
