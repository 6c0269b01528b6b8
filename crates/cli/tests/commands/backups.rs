//! A data folder is backed up while a server writes it, comes back whole, and never over something.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::json;

use crate::{
    World,
    prediction_log::{answered, ask_once, ids, live, open, sealed},
    predictions::rows,
    server::{Server, ask},
};

#[test]
fn a_backup_of_a_running_server_holds_everything_that_was_acknowledged_before() {
    let world = live();
    let server = Server::start(&world);
    let known = Arc::new(Mutex::new(BTreeSet::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let client = thread::spawn({
        let (address, known, is_over) = (server.address.clone(), known.clone(), is_over.clone());
        move || {
            while !is_over.load(Ordering::Relaxed) {
                let (status, answer) = ask(&address, "POST", "/v2/models/churn/infer", &rows()).unwrap();
                assert_eq!(status, 200, "{answer}");
                let asked = ids(&answer);
                let labels = json!({ "ids": asked, "values": [1, 0] });
                assert_eq!(ask(&address, "POST", "/api/v1/endpoints/churn/labels", &labels).unwrap().0, 200);
                known.lock().unwrap().extend(asked);
            }
        }
    });
    let mut held = Vec::new();
    for turn in 0..4 {
        while known.lock().unwrap().len() < 50 * (turn + 1) {
            thread::yield_now();
        }
        let before = known.lock().unwrap().clone();
        let name = format!("backup-{turn}");
        let made = world.json(&["backup", &name]);
        assert!(made["files"].as_u64().unwrap() > 5 && made["bytes"].as_u64().unwrap() > 10_000, "{made}");
        held.push((name, before));
    }
    is_over.store(true, Ordering::Relaxed);
    client.join().unwrap();
    drop(server);

    for (name, before) in held {
        let other = World::new();
        fs::create_dir(other.path().join(".kilter")).unwrap();
        let backup = world.path().join(&name);
        let restored = other.json(&["restore", backup.to_str().unwrap()]);
        assert_eq!(restored["folder"], ".kilter", "an empty folder gives its place: {restored}");
        let report = other.json(&["doctor", "--port", "0"]);
        assert_eq!(report["faults"], json!([]), "{report}");
        assert_eq!(other.json(&["audit", "verify"])["valid"], true);
        let all = sealed(&open(&other));
        let there: BTreeSet<String> = all.ids.iter().map(|id| id.to_string()).collect();
        assert!(before.is_subset(&there), "{} of {} are there", there.len(), before.len());
        let labelled =
            all.ids.iter().zip(&all.labels).filter(|(id, label)| before.contains(&id.to_string()) && label.is_none());
        assert_eq!(labelled.count(), 0, "labels that were acknowledged are there too");
        // What comes back goes on: it serves, records and seals.
        let server = Server::start(&other);
        let more = ask_once(&server);
        drop(server);
        assert_eq!(sealed(&open(&other)).len(), there.len() + more.len());
    }
}

#[test]
fn a_folder_that_holds_something_is_never_written_over() {
    let world = live();
    world.json(&["backup", "backup"]);
    world.write("full/mine.txt", "mine");
    for command in [
        &["backup", "backup"][..],
        &["backup", "full"],
        &["restore", "backup", "--data", "full"],
        &["restore", "backup"],
    ] {
        let problem = world.problem(command, 6);
        assert_eq!(problem["code"], "file_exists", "{command:?}: {problem}");
    }
    assert_eq!(world.read("full/mine.txt"), "mine");
    assert_eq!(fs::read_dir(world.path().join("full")).unwrap().count(), 1);
    assert_eq!(world.problem(&["backup", ".kilter/backup"], 2)["code"], "usage_invalid");
    assert_eq!(world.problem(&["backup", "b", "--data", "full"], 4)["code"], "file_not_found");
    assert_eq!(world.problem(&["restore", "full", "--data", "new"], 4)["code"], "file_not_found");
    let left: Vec<_> = fs::read_dir(world.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
}

#[test]
fn a_backup_that_is_damaged_restores_nothing_and_a_damaged_folder_has_no_backup() {
    let world = live();
    let server = Server::start(&world);
    ask_once(&server);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    world.json(&["backup", "backup"]);
    let backup = world.path().join("backup");
    let manifest: serde_json::Value = serde_json::from_str(&world.read("backup/kilter-backup.json")).unwrap();
    let files: Vec<&str> =
        manifest["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    for part in ["kilter.db", "lake/predictions/churn/", "blobs/objects/", "log/churn/"] {
        let file =
            files.iter().find(|file| file.starts_with(part)).unwrap_or_else(|| panic!("{part} is not in {files:?}"));
        let path = backup.join(file);
        let whole = fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [Some(flipped), Some(whole[..whole.len() - 1].to_vec()), None] {
            fs::remove_file(&path).unwrap();
            if let Some(bytes) = &damaged {
                fs::write(&path, bytes).unwrap();
            }
            let problem = world.problem(&["restore", "backup", "--data", "new"], 1);
            assert_eq!(problem["code"], "data_damaged", "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(file), "{problem}");
            assert!(!world.path().join("new").exists());
        }
        let _ = fs::remove_file(&path);
        fs::write(&path, whole).unwrap();
    }
    world.json(&["restore", "backup", "--data", "new"]);

    let partition = files.iter().find(|file| file.starts_with("lake/predictions/")).unwrap();
    let path = world.path().join(".kilter").join(partition);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let problem = world.problem(&["backup", "second"], 1);
    assert_eq!(problem["code"], "data_damaged", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("would not be whole"), "{problem}");
    assert!(!world.path().join("second").exists());
    // The backup from before is whole, and brings the rows back.
    fs::rename(world.path().join(".kilter"), world.path().join("damaged")).unwrap();
    world.json(&["restore", "backup"]);
    assert_eq!(answered(&open(&world), kilter_domain::time::Timestamp(i64::MAX / 2)).len(), 2);
}
