//! What changes is told as it changes, and what is hashed of the audit log is enough to verify it elsewhere.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    World,
    server::{Server, ask_with},
    tracked_runs::Events,
};

/// An act that is refused, which leaves an entry: one for each who asks.
fn leave_entry(server: &Server, by: &str) {
    let header = format!("x-kilter-actor: user:{by}\r\n");
    let asked = ("POST", "/api/v1/keys/rotate", &json!({ "purpose": "package" }));
    let (status, said) = ask_with(&server.address, &header, asked).unwrap();
    assert_eq!(status, 403, "{said}");
}

/// Waits for a signed checkpoint of all entries; its note.
fn checkpoint(server: &Server) -> (u64, String) {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let (_, head) = server.get("/api/v1/audit/checkpoint");
        let (_, newest) = server.get("/api/v1/audit?limit=1");
        let size = head["checkpoint"]["size"].as_u64();
        if let Some(size) = size.filter(|size| newest["items"][0]["seq"] == *size) {
            return (size, head["checkpoint"]["note"].as_str().unwrap().to_owned());
        }
        assert!(Instant::now() < until, "no checkpoint of all entries: {head}, {newest}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn each_kind_of_object_that_changes_is_told_and_nothing_else_of_it() {
    let world = World::new();
    let server = Server::start(&world);
    leave_entry(&server, "ana");
    let (before, _) = checkpoint(&server);
    let mut events = Events::of(&server, "/api/v1/changes");
    leave_entry(&server, "ben");
    let (name, change) = events.next();
    assert_eq!((name.as_str(), &change["object"]), ("change", &json!("platform")));
    let fields: BTreeSet<&str> = change.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["object", "seq"].into(), "a change says nothing that one may not read");
    assert_eq!(change["seq"], before + 1, "the entries before the stream began are not told");
}

/// The root of the tree of RFC 6962 over these leaves.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [leaf] => *leaf,
        _ => {
            let (first, second) = leaves.split_at((leaves.len().next_power_of_two() / 2).max(1));
            Sha256::digest([&[1u8][..], &root(first), &root(second)].concat()).into()
        }
    }
}

#[test]
fn the_bodies_of_all_entries_make_the_root_of_the_signed_checkpoint() {
    let world = World::new();
    let server = Server::start(&world);
    ["ana", "ben", "cho", "dan", "eva", "fay"].iter().for_each(|by| leave_entry(&server, by));
    let (size, note) = checkpoint(&server);
    let (mut bodies, mut after) = (Vec::new(), Some(0));
    while let Some(from) = after {
        let (status, page) = server.get(&format!("/api/v1/audit/bodies?after={from}&limit=2"));
        assert_eq!(status, 200, "{page}");
        bodies.extend(page["items"].as_array().unwrap().iter().map(|one| one["body"].as_str().unwrap().to_owned()));
        after = page["next"].as_u64();
    }
    assert!(size >= 6 && bodies.len() as u64 == size, "{} bodies of {size} entries", bodies.len());
    let leaf = |body: &String| <[u8; 32]>::from(Sha256::digest([&[0u8][..], body.as_bytes()].concat()));
    let leaves: Vec<[u8; 32]> = bodies.iter().map(leaf).collect();
    let stated = note.lines().nth(2).unwrap().to_owned();
    assert_eq!(kilter_app::audit::encode(&root(&leaves)), stated, "of {note}");
    for (query, detail) in [("limit=0", "1 to 1000"), ("limit=1001", "1 to 1000"), ("after=x", "after")] {
        let (status, said): (u16, Value) = server.get(&format!("/api/v1/audit/bodies?{query}"));
        assert!(status == 400 && said.to_string().contains(detail), "{query}: {said}");
    }
}
