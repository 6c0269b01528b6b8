//! The table of doors against the router: role × act × door. Every route has its row and asks what the row says.

use std::collections::BTreeSet;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use kilter_api::{
    ACTOR_HEADER,
    rights::{ACCESS_RULES, Operation, ProjectScope, Requirement},
};
use kilter_app::{App, AppOptions, Project, RequestContext, registration};
use kilter_domain::{
    actor::{Action, Role},
    alert::{AlertDetail, AlertKey, AlertState, AlertTopic},
    run::Cause,
    time::{Interval, Timestamp},
};
use kilter_server::{AppState, ServerOptions, openapi, router};
use kilter_store::{monitor::alert::NewAlert, run::NewRun};
use serde_json::{Value, json};
use tower::ServiceExt;

/// `role-x` has the role x, and no other.
fn contract(name: &str) -> String {
    let roles: Vec<String> =
        Role::ALL.iter().map(|role| format!("{role} = [\"user:role-{role}\", \"svc:{role}\"]")).collect();
    format!("[project]\nname = \"{name}\"\n[project.roles]\n{}\n[deploy.production]\n", roles.join("\n"))
}

struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// A platform with the projects of these contracts, and an alert and a run of the first.
    fn new(contracts: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = AppOptions::new("kilter".into());
        let app = App::open(folder.path(), options).unwrap();
        let act = RequestContext::new(Timestamp(1_700_000_000_000), "user:role-owner".parse().unwrap());
        for text in contracts {
            registration::register_to_run(&app, &act, &Project::of(folder.path(), text.clone()).unwrap()).unwrap();
        }
        let project = Project::of(folder.path(), contracts[0].clone()).unwrap();
        let alert = NewAlert {
            id: "an-alert".into(),
            key: AlertKey::new(project.endpoint(project.main_deploy().unwrap()), AlertTopic::Data),
            state: AlertState::Firing { clean: 0 },
            detail: AlertDetail::new(Interval::new(act.at, act.at), "missing values"),
        };
        let cause = Cause::Manual { by: act.actor.clone() };
        let run = NewRun { id: "a-run".into(), project: project.name.clone(), cause, record: json!({}) };
        let draft = kilter_store::audit::AuditEvent {
            at: act.at,
            actor: act.actor.clone(),
            on_behalf: None,
            action: "test".into(),
            reason: None,
            evidence: vec![],
        };
        app.store()
            .write(move |tx| {
                kilter_store::monitor::alert::open(&tx.audited(draft.clone()), &alert)?;
                kilter_store::run::create(&tx.audited(draft), &run).map(|_| ())
            })
            .unwrap();
        Self { folder }
    }

    fn router(&self) -> Router {
        router(AppState::open(ServerOptions::local(self.folder.path())).unwrap())
    }
}

async fn send(router: &Router, actor: Option<&str>, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    if let Some(actor) = actor {
        request = request.header(ACTOR_HEADER, actor);
    }
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), 4 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// The path of a row with names that exist where rights are asked by them.
fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{endpoint}" | "{model}" => "churn".to_owned(),
        "{version}" => "1".to_owned(),
        "{id}" if path.contains("/alerts/") => "an-alert".to_owned(),
        "{id}" => "a-run".to_owned(),
        part => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// A body that the route reads, so that nothing is refused before the right is asked for.
fn body(path: &str) -> String {
    match path.rsplit('/').next() {
        Some("mute") => json!({ "until": "2030-01-01T00:00:00Z" }),
        Some("deploy") => json!({ "version": 1 }),
        Some("predictions") => json!({ "sha256": "0", "ids": [], "times": [], "versions": [], "scores": [] }),
        Some("imports") => json!({ "sha256": "0", "rows": 0 }),
        Some("labels") => json!({ "ids": ["a"], "values": [1] }),
        Some("infer") => json!({ "inputs": [] }),
        Some("invocations") => json!({ "instances": [] }),
        Some("runs") => json!({ "project": "churn" }),
        Some("replay") => json!({ "first": 1, "last": 2 }),
        Some("accounts") => json!({ "actor": "svc:new" }),
        _ => json!({}),
    }
    .to_string()
}

/// Whether the answer says that the right is missing, in the words of the address.
fn is_missing(path: &str, (status, body): &(u16, Value)) -> bool {
    let is_said = match path {
        path if path.starts_with("/v2") || path.starts_with("/v1/") => {
            body["error"].as_str().is_some_and(|error| error.contains("may not"))
        }
        path if path.ends_with("/invocations") => body["error_code"] == "PERMISSION_DENIED",
        _ => body["code"] == "permission_denied",
    };
    assert!(!is_said || *status == 403, "{path} {status} {body}");
    is_said
}

#[test]
fn every_route_has_its_row_and_every_row_its_route() {
    let document = serde_json::to_value(openapi()).unwrap();
    let routes: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let rows: Vec<String> = ACCESS_RULES
        .iter()
        .filter_map(|rule| match rule.operation {
            Operation::Route(method, path) => Some(format!("{method} {path}")),
            Operation::Command(_) => None,
        })
        .collect();
    let unique: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), unique.len(), "a route has two rows");
    assert_eq!(unique, routes, "rows (left) and routes (right) of api/src/rights.rs and the router differ");
}

#[tokio::test]
async fn each_door_opens_to_the_roles_of_its_right_and_to_nobody_else() {
    let world = World::new(&[contract("churn")]);
    let router = world.router();
    for rule in ACCESS_RULES {
        let (Operation::Route(method, path), Requirement::Right(action, of)) = (rule.operation, rule.requirement)
        else {
            continue;
        };
        let (path, body) = (filled(path), body(path));
        if of == ProjectScope::Platform {
            let answer = send(&router, Some("user:role-admin"), method, &path, &body).await;
            assert!(is_missing(&path, &answer), "the admin of a project: {method} {path} {answer:?}");
            continue;
        }
        for role in Role::ALL {
            let may = action.roles().contains(&role);
            let answer = send(&router, Some(&format!("user:role-{role}")), method, &path, &body).await;
            assert_eq!(!is_missing(&path, &answer), may, "{role}: {method} {path} ({action:?}) {answer:?}");
            let by_service = may && !action.needs_a_person();
            let answer = send(&router, Some(&format!("svc:{role}")), method, &path, &body).await;
            assert_eq!(!is_missing(&path, &answer), by_service, "svc:{role}: {method} {path} ({action:?}) {answer:?}");
        }
        for stranger in [None, Some("user:eve"), Some("svc:other"), Some("svc:role-owner"), Some("user:owner")] {
            let answer = send(&router, stranger, method, &path, &body).await;
            assert!(is_missing(&path, &answer), "{stranger:?}: {method} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn an_alert_that_is_named_by_the_end_of_its_id_asks_for_the_same_right() {
    let world = World::new(&[contract("churn")]);
    let router = world.router();
    let acknowledge = async |actor: &str, id: &str| {
        send(&router, Some(actor), "POST", &format!("/api/v1/alerts/{id}/acknowledge"), "{}").await
    };
    let answer = acknowledge("user:eve", "alert").await;
    assert!(is_missing("/api/v1/alerts/{id}/acknowledge", &answer), "{answer:?}");
    let (_, audit) = send(&router, Some("user:role-auditor"), "GET", "/api/v1/audit", "").await;
    assert!(audit["items"].as_array().unwrap().iter().any(|entry| entry["outcome"] == "denied"), "{audit}");
    assert_eq!(acknowledge("user:eve", "no-such-alert").await.0, 404);
}

#[tokio::test]
async fn what_asks_for_nothing_answers_a_stranger() {
    let world = World::new(&[contract("churn")]);
    let router = world.router();
    for rule in ACCESS_RULES {
        let (Operation::Route(method, path), Requirement::Nothing(_)) = (rule.operation, rule.requirement) else {
            continue;
        };
        let path = filled(path);
        let answer = send(&router, Some("user:eve"), method, &path, "").await;
        assert!(answer.0 != 403, "{method} {path} {answer:?}");
    }
}

#[tokio::test]
async fn a_contract_that_gives_no_role_lets_a_person_through_every_door() {
    let world = World::new(&["[project]\nname = \"churn\"\n[deploy.production]\n".to_owned()]);
    let router = world.router();
    for rule in ACCESS_RULES {
        let (Operation::Route(method, path), Requirement::Right(action, of)) = (rule.operation, rule.requirement)
        else {
            continue;
        };
        if of == ProjectScope::Platform {
            continue;
        }
        let (path, body) = (filled(path), body(path));
        let answer = send(&router, Some("user:eve"), method, &path, &body).await;
        assert!(!is_missing(&path, &answer), "{method} {path} {answer:?}");
        if !action.needs_a_person() {
            let answer = send(&router, None, method, &path, &body).await;
            assert!(!is_missing(&path, &answer), "svc:api: {method} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_says_which_right_who_has_it_and_how_a_nameless_caller_names_itself() {
    let world = World::new(&[contract("churn")]);
    let router = world.router();
    let (_, refused) =
        send(&router, Some("user:eve"), "POST", "/api/v1/endpoints/churn/deploy", "{\"version\":1}").await;
    assert_eq!(
        refused["detail"],
        "user:eve may not deploy a version of project `churn`: this needs the role operator (user:role-operator, svc:operator)"
    );
    let (_, nameless) = send(&router, None, "GET", "/api/v1/status", "").await;
    assert!(nameless["hint"].as_str().unwrap().contains("x-kilter-actor"), "{nameless}");
    for _ in 0..50 {
        send(&router, Some("user:eve"), "POST", "/api/v1/endpoints/churn/deploy", "{\"version\":1}").await;
    }
    let (_, audit) = send(&router, Some("user:role-auditor"), "GET", "/api/v1/audit", "").await;
    let of_eve: Vec<_> =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["actor"] == "user:eve").collect();
    assert_eq!((of_eve.len(), &of_eve[0]["outcome"]), (1, &Value::from("denied")), "{of_eve:?}");
}

#[tokio::test]
async fn lists_hold_what_the_caller_may_read_and_the_audit_table_asks_for_every_project() {
    let other = contract("other").replace("user:role-", "user:other-").replace("user:other-owner", "user:role-owner");
    let world = World::new(&[contract("churn"), other]);
    let router = world.router();
    let names = |body: &Value| -> Vec<String> {
        body["items"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect()
    };
    let models = |actor| send(&router, actor, "GET", "/api/v1/models", "");
    assert_eq!(names(&models(Some("user:role-consumer")).await.1), ["churn"]);
    assert_eq!(names(&models(Some("user:other-consumer")).await.1), ["other"]);
    assert_eq!(names(&models(Some("user:role-owner")).await.1).len(), 2);
    let (_, status) = send(&router, Some("user:other-consumer"), "GET", "/api/v1/status", "").await;
    assert_eq!((status["endpoints"].as_array().unwrap().len(), &status["alerts"]), (1, &json!([])), "{status}");
    let (_, alerts) = send(&router, Some("user:other-auditor"), "GET", "/api/v1/alerts", "").await;
    assert_eq!(alerts["items"], json!([]));
    let (status, refused) = send(&router, Some("user:role-auditor"), "GET", "/api/v1/audit/verify", "").await;
    assert_eq!(status, 403, "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("project `other`"), "{refused}");
    assert_eq!(send(&router, Some("user:role-owner"), "GET", "/api/v1/audit/verify", "").await.0, 200);
}

#[test]
fn a_row_asks_about_what_its_path_names() {
    for rule in ACCESS_RULES {
        let (Operation::Route(_, path), Requirement::Right(action, of)) = (rule.operation, rule.requirement) else {
            continue;
        };
        let named = match of {
            ProjectScope::Endpoint => {
                let models = ["/v1/models/{model}", "/v2/models/{model}", "/v2/repository/models/{model}"];
                path.contains("{endpoint}") || models.iter().any(|start| path.starts_with(start))
            }
            ProjectScope::Model => path.starts_with("/api/v1/models/{model}"),
            ProjectScope::Alert => path.starts_with("/api/v1/alerts/{id}"),
            ProjectScope::Run => path.starts_with("/api/v1/runs/{id}"),
            ProjectScope::Platform => {
                let starts = ["/api/v1/accounts", "/api/v1/events", "/api/v1/imports", "/api/v1/keys/"];
                starts.iter().any(|start| path.starts_with(start))
            }
            ProjectScope::EveryProject if path.starts_with("/api/v1/audit/{entry}") => true,
            ProjectScope::EveryProject if path == "/api/v1/keys/{id}" => true,
            // Only the log knows of which project an answer is; what is of others is not found.
            ProjectScope::AnyProject if path == "/api/v1/predictions/{id}" => true,
            ProjectScope::Named | ProjectScope::AnyProject | ProjectScope::EveryProject => !path.contains('{'),
        };
        assert!(named, "{path} {of:?}");
        // Without a name it is the only endpoint at which the caller may predict, and that is asked again for it.
        // The plan holds what is of the projects in which the caller may follow.
        let is_of_caller = [(Action::Predict, "/invocations"), (Action::Replicate, "/api/v1/serving-plan")];
        if is_of_caller.contains(&(action, path)) {
            continue;
        }
        // What concerns no one project is asked in every one.
        let is_of_all = matches!(of, ProjectScope::EveryProject | ProjectScope::Platform);
        assert!(
            action == Action::Read
                || path.contains('{')
                || path.contains("audit")
                || of == ProjectScope::Named
                || is_of_all,
            "{path} {action:?}"
        );
    }
}
