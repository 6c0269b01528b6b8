//! Every route of MLflow's own server that classic clients and tools use is answered here, and none by accident with "not found".

use std::process::Command;

use crate::{World, mlflow::mlflow_python, mlflow_attacks::send, server::Server};

#[test]
fn every_route_of_the_classic_client_is_answered() {
    let Some(python) = mlflow_python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/mlflow_routes.py");
    let output = Command::new(python).arg(script).output().unwrap();
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    let world = World::new();
    let server = Server::start(&world);
    let mut asked = 0;
    for line in listed.lines() {
        let (method, path) = line.split_once(' ').unwrap();
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('<') { "x" } else { part }).collect();
        let head = format!(
            "{method} {} HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n",
            filled.join("/")
        );
        let answer = send(&server, &head, b"{}");
        let is_unknown = answer.status == 404 && answer.head.contains("text/html");
        assert!(!is_unknown && answer.status != 405, "{line}: {}", answer.status);
        assert!(answer.status < 500 || answer.status == 501, "{line}: {} {}", answer.status, answer.text());
        asked += 1;
    }
    assert!(asked >= 120, "{asked} of\n{listed}{}", String::from_utf8_lossy(&output.stderr));
    // What is for language models is not there, and says so in the way that clients know.
    for path in ["/api/3.0/mlflow/traces/x", "/graphql", "/api/2.0/mlflow/gateway/routes"] {
        let answer = send(&server, &format!("GET {path} HTTP/1.1\r\n"), b"");
        assert!(answer.status == 404 && answer.head.contains("text/html"), "{path}: {}", answer.text());
    }
}

#[test]
fn health_is_ok_for_clients_of_mlflow_and_json_for_others() {
    let world = World::new();
    let server = Server::start(&world);
    let health = |headers: &str| send(&server, &format!("GET /health HTTP/1.1\r\n{headers}"), b"").text();
    for headers in
        ["user-agent: mlflow-python-client/3.17.2\r\n", "accept: text/plain\r\n", "accept: text/plain, */*;q=0.5\r\n"]
    {
        assert_eq!(health(headers), "OK", "{headers}");
    }
    for headers in ["", "accept: */*\r\n", "accept: application/json, text/plain\r\n", "user-agent: curl/8.0\r\n"] {
        assert!(health(headers).starts_with(r#"{"status":"alive""#), "{headers}");
    }
}

#[test]
fn files_come_and_go_by_their_run_or_model() {
    let world = World::new();
    let server = Server::start(&world);
    let post = |path: &str, body: serde_json::Value| server.ask("POST", &format!("/api/2.0/mlflow/{path}"), &body);
    let (_, run) = post("runs/create", serde_json::json!({ "experiment_id": "0" }));
    let run = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let upload = |query: &str, kind: &str, bytes: &[u8]| {
        let head = format!(
            "POST /ajax-api/2.0/mlflow/upload-artifact?{query} HTTP/1.1\r\n{kind}content-length: {}\r\n",
            bytes.len()
        );
        send(&server, &head, bytes)
    };
    assert_eq!(
        upload(&format!("run_uuid={run}&path=a%20b/c.png"), "content-type: image/png\r\n", b"a picture").status,
        200
    );
    let file = send(
        &server,
        &format!("GET /get-artifact?path=a%20b/c.png&run_uuid={run} HTTP/1.1\r\nrange: bytes=2-\r\n"),
        b"",
    );
    assert_eq!((file.status, file.text().as_str()), (206, "picture"));
    assert!(file.head.contains("content-disposition: attachment") && file.head.contains("nosniff"), "{}", file.head);
    for (query, kind, bytes, expected) in [
        (format!("run_uuid={run}"), "", &b"x"[..], "must specify path"),
        ("path=a".to_owned(), "", b"x", "must specify run_uuid"),
        (format!("run_uuid={run}&path=a"), "", b"", "must specify data"),
        (format!("run_uuid={run}&path=a"), "content-type: text/plain\r\n", b"x", "must specify data"),
        (format!("run_uuid={run}&path=../a"), "", b"x", "Invalid path"),
        (format!("run_uuid={run}&path=a"), "", &vec![0; (10 << 20) + 1], "Max size is 10MB"),
    ] {
        let answer = upload(&query, kind, bytes);
        assert!(
            answer.status == 400 && answer.text().contains(expected),
            "{query} {kind}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let (_, model) = post("logged-models", serde_json::json!({ "experiment_id": "0", "name": "m" }));
    let model = model["model"]["info"]["model_id"].as_str().unwrap().to_owned();
    let put = format!(
        "PUT /api/2.0/mlflow-artifacts/artifacts/0/models/{model}/artifacts/MLmodel HTTP/1.1\r\ncontent-length: 3\r\n"
    );
    assert_eq!(send(&server, &put, b"abc").status, 200);
    let path = format!("/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel");
    assert_eq!(send(&server, &format!("GET {path} HTTP/1.1\r\n"), b"").text(), "abc");
    // As that of the version which it becomes.
    post("registered-models/create", serde_json::json!({ "name": "registered" }));
    let version = serde_json::json!({ "name": "registered", "source": format!("models:/{model}"), "model_id": model });
    assert_eq!(post("model-versions/create", version).0, 200);
    let path = "/model-versions/get-artifact?name=registered&version=1&path=MLmodel";
    assert_eq!(send(&server, &format!("GET {path} HTTP/1.1\r\n"), b"").text(), "abc");
    let path = path.replace("MLmodel", "../x");
    assert_eq!(send(&server, &format!("GET {path} HTTP/1.1\r\n"), b"").status, 400);
    // What a run read is found by its experiment.
    let dataset = serde_json::json!({ "name": "d", "digest": "1", "source_type": "local", "source": "{}" });
    let tags = serde_json::json!([{ "key": "mlflow.data.context", "value": "training" }]);
    post("runs/log-inputs", serde_json::json!({ "run_id": run, "datasets": [{ "dataset": dataset, "tags": tags }] }));
    let (_, found) = post("experiments/search-datasets", serde_json::json!({ "experiment_ids": ["0"] }));
    let expected = serde_json::json!([{ "experiment_id": "0", "name": "d", "digest": "1", "context": "training" }]);
    assert_eq!(found["dataset_summaries"], expected, "{found}");
    // A model of a client before logged models is in a tag of its run.
    let noted = r#"{"artifact_path": "m", "flavors": {"python_function": {"config": 1, "a": 2}}, "utc_time_created": "t", "run_id": "r", "more": 1}"#;
    for _ in 0..2 {
        assert_eq!(post("runs/log-model", serde_json::json!({ "run_id": run, "model_json": noted })).0, 200);
    }
    let (_, found) = server.get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"));
    let tags = found["run"]["data"]["tags"].as_array().unwrap();
    let tag = tags.iter().find(|tag| tag["key"] == "mlflow.log-model.history").unwrap();
    let models: serde_json::Value = serde_json::from_str(tag["value"].as_str().unwrap()).unwrap();
    assert_eq!(
        (models.as_array().unwrap().len(), &models[1]["flavors"]["python_function"]),
        (2, &serde_json::json!({ "a": 2 }))
    );
    // Ways past the server are not there, and clients are told before.
    let (status, said) = post("artifacts/presigned-upload-url", serde_json::json!({ "run_id": run, "path": "a" }));
    assert!(
        status == 400 && said["message"].as_str().unwrap().contains("not supported for proxied artifact storage"),
        "{said}"
    );
    let (status, said) =
        server.ask("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/x", &serde_json::json!({ "path": "x" }));
    assert_eq!((status, &said["error_code"]), (501, &serde_json::json!("NOT_IMPLEMENTED")), "{said}");
}
