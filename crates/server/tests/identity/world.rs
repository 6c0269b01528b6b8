//! A platform with two projects, and requests by whoever asks.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use kilter_api::{
    ACTOR_HEADER,
    rights::{ACCESS_RULES, Operation, ProjectScope, Requirement},
};
use kilter_app::{
    App, Project, RequestContext,
    identity::{self, NewAccount, TokenRequest},
    registration,
};
use kilter_domain::{
    actor::{Action, Actor, Role},
    identity::TokenScope,
    time::{Span, Timestamp},
};
use kilter_server::{AppState, ServerOptions, router};
use serde_json::{Value, json};
use tower::ServiceExt;

pub const PASSWORD: &str = "correct horse battery";

pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// The contract `name`, whose roles are given to groups alone: the members of `role-x` have the role x.
pub fn contract(name: &str) -> String {
    let roles: Vec<String> = Role::ALL
        .iter()
        .map(|role| match role {
            // A contract must leave a person who can change it.
            Role::Owner => format!("{role} = [\"group:role-{role}\", \"user:root\"]"),
            _ => format!("{role} = [\"group:role-{role}\"]"),
        })
        .collect();
    format!("[project]\nname = \"{name}\"\n[project.roles]\n{}\n[deploy.production]\n", roles.join("\n"))
}

pub struct World {
    pub folder: tempfile::TempDir,
    state: AppState,
    pub app: App,
}

impl World {
    /// A platform with two projects and no account.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::open(ServerOptions::local(folder.path())).unwrap();
        let app = state.app();
        let act = RequestContext::new(now(), "user:root".parse().unwrap());
        for name in ["churn", "other"] {
            let project = Project::of(folder.path(), contract(name)).unwrap();
            registration::register_to_run(&app, &act, &project).unwrap();
        }
        Self { folder, state, app }
    }

    pub fn router(&self) -> Router {
        router(self.state.clone())
    }

    /// Whoever can read the data folder.
    pub fn folder(&self) -> RequestContext {
        identity::by_folder(&self.app, &"user:root".parse().unwrap(), now())
    }

    pub fn account(&self, actor: &str, groups: &[&str], is_admin: bool) -> RequestContext {
        let actor: Actor = actor.parse().unwrap();
        let is_person = actor.to_string().starts_with("user:");
        let new = NewAccount {
            actor: actor.clone(),
            password: None,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            is_admin,
            owner: (!is_person).then(|| "user:olga".parse().unwrap()),
        };
        identity::create_account(&self.app, &self.folder(), new).unwrap();
        RequestContext::new(now(), actor)
    }

    /// The objects of the entries that say that this was refused.
    pub fn denied(&self, action: &str) -> Vec<String> {
        let page = kilter_store::PageRequest::first(1000);
        let found = self.app.store().read(|reader| kilter_store::audit::list(reader, &page)).unwrap().items;
        let denied = found.into_iter().filter(|record| record.entry.outcome == kilter_store::audit::Outcome::Denied);
        denied.filter(|record| record.entry.action == action).map(|record| record.entry.object).collect()
    }

    /// Entries of requests are written beside the answers.
    pub async fn wait_for(&self, action: &str, count: usize) {
        for _ in 0..250 {
            if self.denied(action).len() >= count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} entries of {action}: {:?}", self.denied(action));
    }

    pub fn token(&self, of: &RequestContext, scope: TokenScope) -> String {
        let by = match of.actor.to_string().starts_with("svc:") {
            true => self.folder(),
            false => of.clone(),
        };
        let expires = now().after(Span::days(1));
        let wanted = TokenRequest { actor: Some(of.actor.clone()), name: "test".into(), scope, expires };
        identity::create_token(&self.app, &by, wanted).unwrap().1
    }
}

#[derive(Clone, Copy, Default)]
pub struct By<'a> {
    pub token: Option<&'a str>,
    pub actor: Option<&'a str>,
    pub key: Option<&'a str>,
}

pub async fn send(router: &Router, by: By<'_>, method: &str, path: &str, body: &str) -> (u16, Value) {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in [(ACTOR_HEADER, by.actor), ("x-kilter-folder-key", by.key)] {
        request = value.into_iter().fold(request, |request, value| request.header(name, value));
    }
    if let Some(token) = by.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), 4 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

pub fn by(token: &str) -> By<'_> {
    By { token: Some(token), ..By::default() }
}

pub fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{endpoint}" | "{model}" => "churn".to_owned(),
        "{version}" => "1".to_owned(),
        "{account}" => "user:nobody".to_owned(),
        part => part.replace(['{', '}'], ""),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

pub fn body(path: &str) -> String {
    match path.rsplit('/').next() {
        Some("mute") => json!({ "until": "2030-01-01T00:00:00Z" }),
        Some("deploy") => json!({ "version": 1 }),
        Some("labels") => json!({ "ids": ["a"], "values": [1] }),
        Some("infer") => json!({ "inputs": [] }),
        Some("invocations") => json!({ "instances": [] }),
        Some("runs") => json!({ "project": "churn" }),
        _ => json!({}),
    }
    .to_string()
}

pub fn is_missing(path: &str, (status, body): &(u16, Value)) -> bool {
    match path {
        path if path.starts_with("/v2") || path.starts_with("/v1/") => {
            *status == 403 && body["error"].as_str().is_some_and(|error| error.contains("may not"))
        }
        path if path.ends_with("/invocations") => *status == 403 && body["error_code"] == "PERMISSION_DENIED",
        _ => body["code"] == "permission_denied",
    }
}

pub fn is_unknown((status, body): &(u16, Value)) -> bool {
    let words = body["error"].as_str().or(body["message"].as_str());
    *status == 401 && (body["code"] == "token_missing" || words.is_some_and(|words| words.contains("accounts")))
}

/// Routes whose right is asked in a project that their path or body names, and exists.
pub fn project_routes() -> impl Iterator<Item = (&'static str, &'static str, Action)> {
    ACCESS_RULES.iter().filter_map(|rule| match (rule.operation, rule.requirement) {
        (Operation::Route(method, path), Requirement::Right(action, of)) => {
            let is_of_project = matches!(of, ProjectScope::Endpoint | ProjectScope::Model | ProjectScope::Named);
            is_of_project.then_some((method, path, action))
        }
        _ => None,
    })
}
