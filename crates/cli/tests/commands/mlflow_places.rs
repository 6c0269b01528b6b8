//! Where artifacts of clients lie: `--artifacts-destination` and `--default-artifact-root`, as MLflow's server has them.

use std::time::Duration;

use serde_json::json;

use crate::{
    World,
    garbage::{age, files},
    mlflow_attacks::send,
    object_store::prefix,
    server::Server,
};

const FILE: &str = "/api/2.0/mlflow-artifacts/artifacts/0/run/artifacts/note.txt";

fn put(server: &Server, path: &str, text: &str) {
    let head = format!("PUT {path} HTTP/1.1\r\ncontent-length: {}\r\n", text.len());
    let answer = send(server, &head, text.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn get(server: &Server, path: &str) -> (u16, String) {
    let answer = send(server, &format!("GET {path} HTTP/1.1\r\n"), b"");
    (answer.status, answer.text())
}

#[test]
fn artifacts_lie_by_content_where_the_server_is_told_and_the_folder_remembers_it() {
    let world = World::new();
    let before = FILE.replace("note", "before");
    put(&Server::start(&world), &before, "before there was a place");
    world.write("kilter-server.toml", "[server]\nartifacts_destination = \"elsewhere/artifacts\"\n");
    let server = Server::start(&world);
    put(&server, FILE, "some text");
    assert_eq!(get(&server, FILE), (200, "some text".to_owned()));
    assert_eq!(
        get(&server, &before),
        (200, "before there was a place".to_owned()),
        "what was kept before is still there"
    );
    let objects = world.path().join("elsewhere/artifacts/objects");
    let texts = || files(&objects).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<Vec<_>>();
    assert_eq!(texts(), ["some text"]);
    drop(server);
    // Without the option the folder knows the place, and a collection frees the bytes there.
    std::fs::remove_file(world.path().join("kilter-server.toml")).unwrap();
    let server = Server::start(&world);
    assert_eq!(get(&server, FILE).0, 200);
    assert_eq!(server.ask("DELETE", FILE, &json!({})).0, 200);
    drop(server);
    age(&objects, Duration::from_secs(3 * 24 * 3600));
    let freed = world.json(&["gc", "--delete"]);
    assert_eq!(freed["garbage"][0]["kind"], "artifacts", "{freed}");
    assert!(texts().is_empty());
    let refused = world.problem(&["server", "--port", "0", "--artifacts-destination", "other"], 6);
    assert_eq!(refused["code"], "storage_mismatch", "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("elsewhere/artifacts"), "{refused}");
    // Another platform does not write among them.
    let other = World::new();
    let place = world.path().join("elsewhere/artifacts");
    let refused = other.problem(&["server", "--port", "0", "--artifacts-destination", place.to_str().unwrap()], 6);
    assert_eq!(refused["code"], "storage_mismatch", "{refused}");
    let refused = other.kilter(&["server", "--port", "0", "--artifacts-destination", "gs://bucket/x"]);
    assert!(refused.exit == 2 && refused.err.contains("the server cannot write to gs://"), "{}", refused.err);
}

#[test]
fn artifacts_lie_in_a_bucket_without_the_packages() {
    let Some(place) = prefix() else { return };
    let world = World::new();
    world.set_variable("KILTER_ARTIFACTS_DESTINATION", &place);
    let server = Server::start(&world);
    put(&server, FILE, &"a large text ".repeat(100_000));
    drop(server);
    std::fs::remove_dir_all(world.path().join(".kilter/cache/artifacts/objects")).unwrap();
    let server = Server::start(&world);
    let (status, text) = get(&server, FILE);
    assert_eq!((status, text.len()), (200, 1_300_000), "it comes back from the bucket");
    assert!(files(&world.path().join(".kilter/blobs/objects")).is_empty());
}

#[test]
fn new_experiments_have_the_root_that_the_server_is_told() {
    let world = World::new();
    world.write("kilter-server.toml", "[server]\ndefault_artifact_root = \"s3://bucket/runs/\"\n");
    let server = Server::start(&world);
    let post = |path: &str, body| server.ask("POST", &format!("/api/2.0/mlflow/{path}"), &body).1;
    let uri = |experiment: &str| {
        let run = post("runs/create", json!({ "experiment_id": experiment }));
        (run["run"]["info"]["run_id"].as_str().unwrap().to_owned(), run["run"]["info"]["artifact_uri"].clone())
    };
    let (id, of_default) = uri("0");
    assert_eq!(of_default, format!("s3://bucket/runs/0/{id}/artifacts"));
    let made = post("experiments/create", json!({ "name": "a" }));
    let experiment = made["experiment_id"].as_str().unwrap();
    let (other, of_made) = uri(experiment);
    assert_eq!(of_made, format!("s3://bucket/runs/{experiment}/{other}/artifacts"));
    let stated = post("experiments/create", json!({ "name": "b", "artifact_location": "mlflow-artifacts:/team" }));
    let (run, of_stated) = uri(stated["experiment_id"].as_str().unwrap());
    assert_eq!(of_stated, format!("mlflow-artifacts:/team/{run}/artifacts"));
    // What clients write themselves is not listed here, and the answer says where it is.
    let (status, said) = server.get(&format!("/api/2.0/mlflow/artifacts/list?run_id={id}"));
    assert!(status == 400 && said["message"].as_str().unwrap().contains("s3://bucket/runs/0"), "{said}");
    drop(server);
    for wrong in ["runs", "s3://b/../x", "https://host/x"] {
        let refused = World::new().kilter(&["server", "--port", "0", "--default-artifact-root", wrong]);
        assert!(refused.exit == 2 && refused.err.contains("is no root for artifacts"), "{wrong}: {}", refused.err);
    }
}
