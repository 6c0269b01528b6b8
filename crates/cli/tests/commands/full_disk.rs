//! A server whose disk is full: what it acknowledged stays, what it cannot keep it refuses, and it goes on when there is room.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::json;

use crate::{
    World,
    contract::project,
    prediction_log::{open, sealed},
    predictions::rows,
    server::{Server, ask},
};

/// A small disk of memory below the world, where this user may mount one.
struct SmallDisk<'w>(&'w Path);

impl<'w> SmallDisk<'w> {
    fn mount(folder: &'w Path, size: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "kilter-test"])
            .arg(folder)
            .output();
        mounted.is_ok_and(|shown| shown.status.success()).then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Asks until the disk is full, and then some; what was acknowledged, and how often it was refused.
fn fill(server: &Server, most: usize) -> (Vec<String>, usize) {
    let (mut known, mut refused) = (Vec::new(), 0);
    for turn in 0..most {
        let id = format!("row-{turn}");
        let mut body = rows();
        body["inputs"][2]["data"][0] = json!(format!("{turn}{}", "x".repeat(4_000)));
        let ids = json!({ "name": "__id", "datatype": "BYTES", "shape": [2], "data": [id, format!("{id}-b")] });
        body["inputs"].as_array_mut().unwrap().push(ids);
        match ask(&server.address, "POST", "/v2/models/churn/infer", &body).unwrap() {
            (200, _) => known.extend([id.clone(), format!("{id}-b")]),
            (503 | 507, answer) => {
                let shown = answer["error"].as_str().unwrap().to_owned();
                assert!(shown.contains("disk is full"), "{shown}");
                assert!(!shown.contains("/tmp"), "no path of the server is told: {shown}");
                refused += 1;
                if refused > 5 {
                    break;
                }
            }
            (status, answer) => panic!("{status}: {answer}"),
        }
    }
    (known, refused)
}

fn check(world: &World, known: &[String]) {
    let app = open(world);
    let all = sealed(&app);
    let there: BTreeMap<String, ()> = all.ids.iter().map(|id| (id.to_string(), ())).collect();
    for id in known {
        assert!(there.contains_key(id), "{id} is lost");
    }
    drop(app);
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_file_that_may_not_grow_refuses_and_loses_nothing() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    // Blocks of 512 bytes; the signal that would end the process is ignored, as it is on a disk that is full.
    let blocks = fs::metadata(world.path().join(".kilter/kilter.db")).unwrap().len() / 512 + 2_000;
    let server = Server::start_with(&world, &format!("trap '' XFSZ; ulimit -f {blocks};"));
    let (known, refused) = fill(&server, 2_000);
    assert!(refused > 0 && known.len() > 100, "{} acknowledged, {refused} refused", known.len());
    assert_eq!(server.get("/health").0, 200);
    assert_eq!(server.get("/api/v1/status").0, 200);
    server.signal("-KILL");
    drop(server);
    check(&world, &known);
    println!("a file that may not grow: {} rows acknowledged, {refused} requests refused, nothing lost", known.len());
}

#[test]
fn a_disk_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let world = project("0.55");
    let folder = world.path().join(".kilter");
    let Some(disk) = SmallDisk::mount(&folder, "12m") else {
        println!("skipped: this user may not mount a small disk");
        return;
    };
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let ballast = folder.join("ballast");
    let server = Server::start(&world);
    fs::write(&ballast, vec![7; 4 << 20]).unwrap();
    let (mut known, refused) = fill(&server, 4_000);
    assert!(refused > 0, "{} acknowledged", known.len());
    let labels = json!({ "ids": ["a"], "values": [1] });
    let (status, answer) = server.ask("POST", "/api/v1/endpoints/churn/labels", &labels);
    // A few bytes may find room where many do not.
    assert!(status == 507 || status == 200, "{answer}");
    assert!(!answer.to_string().contains("/tmp"), "{answer}");
    fs::remove_file(&ballast).unwrap();
    let (status, answer) = server.ask("POST", "/v2/models/churn/infer", &rows());
    assert_eq!(status, 200, "it goes on when there is room: {answer}");
    known.extend(crate::prediction_log::ids(&answer));
    server.signal("-KILL");
    drop(server);
    check(&world, &known);
    println!("a full disk: {} rows acknowledged, {refused} requests refused, nothing lost", known.len());
    drop(disk);
}
