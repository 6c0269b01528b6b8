//! A request that names a version is answered by it, in every protocol, and counts for nothing but itself.

use serde_json::{Value, json};

use crate::{
    World,
    contract::project,
    predictions::rows,
    server::{Server, ask_for_head},
};

/// Version 1 live, version 2 on its way.
pub fn two_versions(terms: &str) -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml").replace("auto = true", terms);
    for (number, rounds) in [(1, "rounds=20"), (2, "rounds=22")] {
        world.write("kilter.toml", &contract.replace("rounds=20", rounds));
        assert_eq!(world.json(&["run"])["version"]["number"], number);
        world.json(&["deploy", "--version", &number.to_string()]);
    }
    world
}

fn frame() -> Value {
    json!({ "dataframe_records": [{ "age": 25, "visits": 18, "region": "north" }] })
}

/// The requests of each protocol that can name a version in a header.
fn requests() -> [(&'static str, Value); 5] {
    let instances = json!({ "instances": [{ "age": 25, "visits": 18, "region": "north" }] });
    [
        ("/v2/models/churn/infer", rows()),
        ("/v2/models/churn/versions/2/infer", rows()),
        ("/v1/models/churn:predict", instances),
        ("/invocations", frame()),
        ("/endpoints/churn/invocations", frame()),
    ]
}

/// What the headers of an answer say: the status, the versions and their roles.
fn status_and_route(head: &str) -> (u16, String, String) {
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default().to_owned()
    };
    (head.split(' ').nth(1).unwrap().parse().unwrap(), header("kilter-version"), header("kilter-route"))
}

/// How many rows are recorded in each role.
fn recorded(world: &World) -> Value {
    let query = "select __role, __version, count(*) as n from predictions_churn group by 1, 2 order by 1, 2";
    world.json(&["sql", query, "--data", ".kilter"])["rows"].clone()
}

#[test]
fn every_protocol_answers_by_the_version_that_a_header_names_whatever_its_stage() {
    for (terms, stage) in [("canary = { steps = [1, 100] }", "canary 1 %"), ("shadow = \"1d\"", "shadow")] {
        let world = two_versions(terms);
        let server = Server::start(&world);
        for (path, body) in requests() {
            let (head, answer) = ask_for_head(&server.address, "kilter-version: 2\r\n", ("POST", path, &body)).unwrap();
            assert_eq!(status_and_route(&head), (200, "2".to_owned(), "pinned".to_owned()), "{path}: {answer}");
            let (head, answer) = ask_for_head(&server.address, "Kilter-Version: 9\r\n", ("POST", path, &body)).unwrap();
            let (status, ..) = status_and_route(&head);
            if path.contains("/versions/") {
                assert_eq!(status, 400, "{answer}");
            } else {
                assert_eq!(status, 404, "{path}: {answer}");
                let named = format!("1 (live) and 2 ({stage})");
                assert!(answer.to_string().contains(&named), "{path}: {answer}");
            }
            let (head, _) = ask_for_head(&server.address, "kilter-version: two\r\n", ("POST", path, &body)).unwrap();
            assert_eq!(status_and_route(&head).0, 400, "{path}");
        }
        let (head, answer) = ask_for_head(&server.address, "", ("POST", "/v2/models/churn/infer", &rows())).unwrap();
        let (status, versions, roles) = status_and_route(&head);
        assert_eq!(status, 200, "{answer}");
        assert!(versions.starts_with('1') && roles.starts_with("champion"), "{head}");
        server.signal("-TERM");
        assert_eq!(server.wait(), Some(0));
        let roles = recorded(&world).to_string();
        // Two rows of two V2 requests, and one of each other.
        assert!(roles.contains(r#"{"__role":"pinned","__version":2,"n":7}"#), "{roles}");
        assert!(roles.contains(r#"{"__role":"champion","__version":1,"n":2}"#), "{roles}");
        assert!(!roles.contains("candidate"), "{roles}");
    }
}
