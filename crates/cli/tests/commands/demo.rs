//! The portfolio of the demo: what its data make of each model, as the API says it.

use serde_json::Value;

use crate::{World, server::Server};

/// The endpoint of a project, as `kilter status` has it.
fn endpoint<'s>(status: &'s Value, name: &str) -> &'s Value {
    let endpoints = status["endpoints"].as_array().unwrap();
    endpoints.iter().find(|endpoint| endpoint["name"] == name).unwrap_or_else(|| panic!("{name}: {status}"))
}

#[test]
#[ignore = "replays five projects: ./test --replays -- demo"]
fn the_demo_shows_a_model_in_each_state_and_its_folder_goes_on() {
    let world = World::new();
    let told = world.kilter(&["demo", "--keep", "demo", "--once"]);
    assert_eq!(told.exit, 0, "{}{}", told.out, told.err);
    assert!(told.out.lines().all(|line| line.chars().count() <= 100), "{}", told.out);
    for line in ["canary started     v4", "performance alert", "gate refused       v3", "The present is reached"] {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    let server = Server::start_on(&world, "demo/.kilter");
    // The loop goes on: it measures the objectives, and finds nothing to undo.
    let mut measured = Value::Null;
    for _ in 0..300 {
        measured = server.get("/api/v1/models/hotel/objectives").1;
        if measured["items"][0]["readings"].as_array().is_some_and(|readings| !readings.is_empty()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert_eq!(measured["items"][0]["readings"][0]["is_met"], true, "{measured}");
    let status = server.get("/api/v1/status").1;
    let alerts = server.get("/api/v1/alerts?open=true&limit=200").1;
    let kinds = |name: &str| -> Vec<&str> {
        let of_endpoint = alerts["items"].as_array().unwrap().iter().filter(|alert| alert["endpoint"] == name);
        of_endpoint.map(|alert| alert["kind"].as_str().unwrap()).collect()
    };
    let models = server.get("/api/v1/models?limit=100").1;
    let newest = |name: &str| {
        let model = models["items"].as_array().unwrap().iter().find(|model| model["name"] == name);
        model.unwrap()["versions"][0].clone()
    };

    assert_eq!((&endpoint(&status, "hotel")["live"]["version"], kinds("hotel")), (&3.into(), vec![]), "healthy");
    let machines = endpoint(&status, "machines");
    assert_eq!(
        (&machines["candidate"]["state"], &machines["candidate"]["canary_percent"]),
        (&"canary".into(), &25.into())
    );
    assert!(kinds("cards").contains(&"performance"), "breached: {alerts}");
    assert_eq!(endpoint(&status, "cards")["candidate"], Value::Null, "people decide whether to train again");
    assert_eq!((&newest("churn")["state"], newest("churn")["number"].as_u64()), (&"rejected".into(), Some(3)));
    assert_eq!(newest("loans")["state"], "validated");
    assert!(endpoint(&status, "loans")["waits"]["reason"].as_str().unwrap().contains("1 more validator"), "{status}");
    drop(server);
    let verified = world.kilter(&["audit", "verify", "--data", "demo/.kilter"]);
    assert_eq!(verified.exit, 0, "{}{}", verified.out, verified.err);
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let world = World::new();
    world.write("demo/notes.txt", "mine");
    for arguments in [&["demo", "--keep", "demo"][..], &["demo", "--story", "--keep", "demo"]] {
        let refused = world.kilter(arguments);
        assert_eq!(refused.exit, 6, "{}", refused.err);
        assert!(refused.err.contains("`demo` holds something already"), "{}", refused.err);
    }
    assert_eq!(world.kilter(&["demo", "--story", "--port", "1"]).exit, 2, "a story has no pages");
}

#[test]
fn a_demo_that_is_stopped_leaves_nothing() {
    let world = World::new();
    let folder = world.path().join("temporary");
    std::fs::create_dir(&folder).unwrap();
    let mut command = world.command(&["demo", "--port", "0", "--json"]);
    command.env("TMPDIR", &folder);
    let server = Server::of(command);
    // Its first model is there: files are written all the time.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while server.get("/api/v1/models").1["items"].as_array().is_none_or(Vec::is_empty) {
        assert!(std::time::Instant::now() < deadline, "no model came");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let (status, refused) = server.ask("POST", "/api/v1/models/hotel/versions/1/approve", &serde_json::json!({}));
    assert_eq!((status, &refused["code"]), (503, &"past_played".into()), "{refused}");
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
