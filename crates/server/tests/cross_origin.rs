//! What a page of the web can reach: nothing. Every route there is, through the router that the server answers with.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode},
};
use kilter_api::mlflow_routes::{self, MLFLOW_ROUTES};
use kilter_server::{AppState, HostPort, ServerOptions, openapi, router};
use serde_json::Value;
use tower::ServiceExt;

const JSON: (&str, &str) = ("content-type", "application/json");

struct World {
    _folder: tempfile::TempDir,
    router: Router,
}

impl World {
    fn new(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = ServerOptions::local(folder.path());
        change(&mut options);
        Self { router: router(AppState::open(options).unwrap()), _folder: folder }
    }

    async fn send(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &str) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn get(&self, headers: &[(&str, &str)]) -> StatusCode {
        self.send(&Method::GET, "/api/v1/status", headers, "").await.0
    }
}

/// Method and path of every route, its parameters filled in.
fn every_route() -> Vec<(Method, String)> {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        for method in methods.as_object().unwrap().keys() {
            if let Ok(method) = method.to_uppercase().parse::<Method>() {
                found.push((method, filled.join("/")));
            }
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

/// As [`every_route`], of MLflow's API, below both prefixes.
fn every_route_of_mlflow() -> Vec<(Method, String)> {
    let fill = |path: &str| {
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
        filled.join("/")
    };
    let both = |path: &str| [fill(path), fill(&mlflow_routes::ajax(path))];
    let routes = MLFLOW_ROUTES.iter().flat_map(|(method, path)| both(path).map(|path| (method.parse().unwrap(), path)));
    routes.collect()
}

#[tokio::test]
async fn no_route_answers_a_page_of_the_web() {
    let world = World::new(|_| {});
    let foreign: [&[(&str, &str)]; 9] = [
        &[("host", "evil.example:8484"), JSON],
        &[("host", "evil.example"), ("origin", "http://evil.example"), JSON],
        &[("host", "localhost"), ("origin", "http://evil.example"), JSON],
        &[("host", "localhost:8484"), ("origin", "http://localhost:3000"), JSON],
        &[("host", "localhost"), ("origin", "null"), JSON],
        &[("host", "localhost"), ("sec-fetch-site", "cross-site"), JSON],
        &[("host", "localhost"), ("sec-fetch-site", "same-site"), JSON],
        &[("host", "localhost"), ("sec-fetch-site", "same-origin"), ("origin", "http://evil.example"), JSON],
        &[("host", "127.0.0.1:8484"), ("origin", "http://[::1]:8484"), JSON],
    ];
    for (method, path) in every_route().into_iter().chain(every_route_of_mlflow()) {
        for headers in foreign {
            let (status, body) = world.send(&method, &path, headers, "{}").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path} {headers:?} {body}");
            let has_words = ["detail", "error", "message"].iter().any(|field| body[*field].is_string());
            assert!(has_words, "{method} {path} answers in the words of its protocol: {body}");
        }
        let (status, _) =
            world.send(&method, &format!("http://evil.example{path}"), &[("host", "localhost"), JSON], "{}").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "an absolute target names the host: {method} {path}");
    }
}

#[tokio::test]
async fn nothing_is_done_for_a_body_that_a_form_could_send() {
    let world = World::new(|_| {});
    // Nobody administers the platform from here, so what does is refused before its body is looked at.
    let of_platform = ["/api/v1/accounts", "/api/v1/events", "/api/v1/keys", "/api/v1/imports"];
    let is_open = |(method, path): &(Method, String)| {
        method != Method::GET && !of_platform.iter().any(|of| path.starts_with(*of))
    };
    for (method, path) in every_route().into_iter().filter(is_open) {
        for kind in [
            None,
            Some("text/plain"),
            Some("text/plain; application/json"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/json, text/plain"),
            Some("text/plain, application/json"),
            Some(""),
        ] {
            let reads_any_type = path.starts_with("/v2") || path.starts_with("/v1/models");
            if reads_any_type || (path.ends_with("/invocations") && kind.is_none()) {
                continue;
            }
            let headers: Vec<_> =
                [Some(("host", "localhost")), kind.map(|kind| ("content-type", kind))].into_iter().flatten().collect();
            let (status, body) = world.send(&method, &path, &headers, "{}").await;
            assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{method} {path} {kind:?} {body}");
            let output = body.to_string();
            assert!(output.contains("JSON"), "{output}");
        }
        for kind in ["application/json", "Application/JSON; charset=utf-8"] {
            let (status, _) = world.send(&method, &path, &[("host", "localhost"), ("content-type", kind)], "{}").await;
            assert_ne!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{method} {path} {kind}");
        }
    }
    let binary = [("host", "localhost"), ("content-type", "application/octet-stream")];
    let (status, _) = world.send(&Method::POST, "/v2/models/m/infer", &binary, "{}").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "the binary type of the protocol is read");
}

#[tokio::test]
async fn an_inference_client_is_read_whatever_type_it_states_unless_it_is_a_browser() {
    let world = World::new(|_| {});
    let form = ("content-type", "application/x-www-form-urlencoded");
    let plain = ("content-type", "text/plain");
    for stated in [&[("host", "localhost")][..], &[("host", "localhost"), form], &[("host", "localhost"), plain]] {
        for path in ["/v2/models/m/infer", "/v1/models/m:predict"] {
            let (status, body) = world.send(&Method::POST, path, stated, "{}").await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path} {stated:?} {body}");
        }
        for path in ["/v2/models/m/infer", "/v2/repository/index", "/v1/models/m:predict", "/endpoints/m/invocations"] {
            for of_browser in [("sec-fetch-site", "same-origin"), ("origin", "http://localhost")] {
                let headers = [stated, &[of_browser]].concat();
                let (status, body) = world.send(&Method::POST, path, &headers, "{}").await;
                assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} {headers:?} {body}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_sent_to_the_server_itself_is_answered() {
    let world = World::new(|_| {});
    for headers in [
        &[("host", "localhost")][..],
        &[("host", "127.0.0.1:8484")],
        &[("host", "[::1]:8484")],
        &[("host", "localhost:9000"), ("origin", "http://localhost:9000"), ("sec-fetch-site", "same-origin")],
        &[("host", "localhost:8484"), ("sec-fetch-site", "none")],
    ] {
        assert_eq!(world.get(headers).await, StatusCode::OK, "{headers:?}");
    }
    for headers in [&[][..], &[("host", "localhost"), ("host", "evil.example")], &[("host", "user@localhost")]] {
        assert_eq!(world.get(headers).await, StatusCode::BAD_REQUEST, "{headers:?}");
    }
}

#[tokio::test]
async fn a_listed_name_is_answered_and_probes_come_by_address() {
    let name: HostPort = "kilter.example".parse().unwrap();
    let proxied = World::new(|options| options.allowed_hosts = vec![name.clone()]);
    assert_eq!(proxied.get(&[("host", "kilter.example"), ("origin", "https://kilter.example")]).await, StatusCode::OK);
    assert_eq!(proxied.get(&[("host", "127.0.0.1:8484"), ("origin", "https://kilter.example")]).await, StatusCode::OK);
    assert_eq!(proxied.get(&[("host", "other.example")]).await, StatusCode::FORBIDDEN);
    let pod = World::new(|options| options.host = "0.0.0.0".parse().unwrap());
    for path in ["/", "/health", "/ready", "/metrics", "/v2/health/live", "/v2/health/ready"] {
        let (status, _) = pod.send(&Method::GET, path, &[("host", "10.244.1.17:8484")], "").await;
        assert_eq!(status, StatusCode::OK, "{path} of a pod, by its address");
        let (status, body) = pod.send(&Method::GET, path, &[("host", "kilter.default.svc")], "").await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            path.starts_with("/v2") || body["hint"].as_str().unwrap().contains("--allowed-host kilter.default.svc"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn refused_decisions_leave_one_entry_however_often_they_are_sent() {
    let world = World::new(|_| {});
    let foreign = [("host", "localhost"), ("origin", "http://evil.example"), ("x-kilter-actor", "user:ana"), JSON];
    for number in 0..500 {
        let path = format!("/api/v1/models/crash/versions/{number}/approve");
        assert_eq!(world.send(&Method::POST, &path, &foreign, "{}").await.0, StatusCode::FORBIDDEN);
        assert_eq!(world.send(&Method::POST, "/v2/models/crash/infer", &foreign, "{}").await.0, StatusCode::FORBIDDEN);
    }
    let mut entries = Value::Null;
    for _ in 0..100 {
        entries = world.send(&Method::GET, "/api/v1/audit", &[("host", "localhost")], "").await.1["items"].clone();
        if entries.as_array().is_some_and(|entries| !entries.is_empty()) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let entries = entries.as_array().unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((&entries[0]["outcome"], &entries[0]["actor"]), (&"denied".into(), &"user:ana".into()));
    assert!(entries[0]["reason"].as_str().unwrap().contains("http://evil.example"), "{}", entries[0]);
    // A browser that says nothing of the page is kept out by the type of the body; that is an entry too.
    let silent = [("host", "localhost"), ("content-type", "text/plain")];
    for _ in 0..20 {
        let (status, _) = world.send(&Method::POST, "/api/v1/endpoints/crash/rollback", &silent, "{}").await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    for _ in 0..100 {
        let found = world.send(&Method::GET, "/api/v1/audit", &[("host", "localhost")], "").await.1;
        if found["items"].as_array().is_some_and(|items| items.len() == 2) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("no entry of the decision whose body was a text");
}
