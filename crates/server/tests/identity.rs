//! Who asks: accounts, passwords, tokens; and the table of doors once more, by tokens, their scopes, services and groups.

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
    context::Credential,
    identity::{self, AccountChange, NewAccount, TokenRequest},
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

const PASSWORD: &str = "correct horse battery";

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

/// The contract `name`, whose roles are given to groups alone: the members of `role-x` have the role x.
fn contract(name: &str) -> String {
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

struct World {
    folder: tempfile::TempDir,
    state: AppState,
    app: App,
}

impl World {
    /// A platform with two projects and no account.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::open(ServerOptions::local(folder.path())).unwrap();
        let app = state.app();
        let act = RequestContext::new(now(), "user:root".parse().unwrap());
        for name in ["churn", "other"] {
            let project = Project::of(folder.path(), contract(name)).unwrap();
            registration::register(&app, &act, &project).unwrap();
        }
        Self { folder, state, app }
    }

    fn router(&self) -> Router {
        router(self.state.clone())
    }

    /// Whoever can read the data folder.
    fn folder(&self) -> RequestContext {
        identity::by_folder(&self.app, &"user:root".parse().unwrap(), now())
    }

    fn account(&self, actor: &str, groups: &[&str], is_admin: bool) -> RequestContext {
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

    fn token(&self, of: &RequestContext, scope: TokenScope) -> String {
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
struct By<'a> {
    token: Option<&'a str>,
    actor: Option<&'a str>,
    key: Option<&'a str>,
}

async fn send(router: &Router, by: By<'_>, method: &str, path: &str, body: &str) -> (u16, Value) {
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

fn by(token: &str) -> By<'_> {
    By { token: Some(token), ..By::default() }
}

fn filled(path: &str) -> String {
    let part = |part: &str| match part {
        "{endpoint}" | "{model}" => "churn".to_owned(),
        "{version}" => "1".to_owned(),
        "{account}" => "user:nobody".to_owned(),
        part => part.replace(['{', '}'], ""),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn body(path: &str) -> String {
    match path.rsplit('/').next() {
        Some("mute") => json!({ "until": "2030-01-01T00:00:00Z" }),
        Some("deploy") => json!({ "version": 1 }),
        Some("labels") => json!({ "ids": ["a"], "values": [1] }),
        Some("infer") => json!({ "inputs": [] }),
        Some("runs") => json!({ "project": "churn" }),
        _ => json!({}),
    }
    .to_string()
}

fn is_missing(path: &str, (status, body): &(u16, Value)) -> bool {
    match path.starts_with("/v2") {
        true => *status == 403 && body["error"].as_str().is_some_and(|error| error.contains("may not")),
        false => body["code"] == "permission_denied",
    }
}

fn is_unknown((status, body): &(u16, Value)) -> bool {
    *status == 401
        && (body["code"] == "token_missing" || body["error"].as_str().is_some_and(|e| e.contains("accounts")))
}

/// Routes whose right is asked in a project that their path or body names, and exists.
fn project_routes() -> impl Iterator<Item = (&'static str, &'static str, Action)> {
    ACCESS_RULES.iter().filter_map(|rule| match (rule.operation, rule.requirement) {
        (Operation::Route(method, path), Requirement::Right(action, of)) => {
            let is_of_project = matches!(of, ProjectScope::Endpoint | ProjectScope::Model | ProjectScope::Named);
            is_of_project.then_some((method, path, action))
        }
        _ => None,
    })
}

#[tokio::test]
async fn groups_services_and_scopes_decide_at_each_door() {
    let world = World::new();
    let mut callers = Vec::new();
    for role in Role::ALL {
        let group = format!("role-{role}");
        let person = world.account(&format!("user:{role}"), &[&group], false);
        let service = world.account(&format!("svc:{role}"), &[&group], false);
        callers.push((role, false, world.token(&person, TokenScope::default())));
        callers.push((role, true, world.token(&service, TokenScope::default())));
    }
    let owner = RequestContext::new(now(), "user:owner".parse().unwrap());
    let elsewhere = TokenScope { projects: Some(["other".parse().unwrap()].into()), ..TokenScope::default() };
    let elsewhere = world.token(&owner, elsewhere);
    let router = world.router();
    for (method, path, action) in project_routes() {
        let (path, body) = (filled(path), body(path));
        for (role, is_service, token) in &callers {
            let may = action.roles().contains(role) && !(*is_service && action.needs_a_person());
            let answer = send(&router, by(token), method, &path, &body).await;
            assert_eq!(!is_missing(&path, &answer), may, "{role} {is_service}: {method} {path} {answer:?}");
        }
        // A name, also that of somebody with the role, is nobody; and so is access to the data folder.
        for name in ["user:owner", "user:root", "svc:operator"] {
            let named = By { actor: Some(name), ..By::default() };
            assert!(is_unknown(&send(&router, named, method, &path, &body).await), "{name}: {method} {path}");
        }
        assert!(is_missing(&path, &send(&router, by(&elsewhere), method, &path, &body).await), "{method} {path}");
        // A token that is for everything but this right.
        let others = Action::ALL.into_iter().filter(|other| *other != action).collect();
        let others = TokenScope { actions: Some(others), projects: None };
        for role in action.roles() {
            let person = RequestContext::new(now(), format!("user:{role}").parse().unwrap());
            let token = world.token(&person, others.clone());
            let answer = send(&router, by(&token), method, &path, &body).await;
            assert!(is_missing(&path, &answer), "{role} without {action:?}: {method} {path} {answer:?}");
        }
    }
}

#[tokio::test]
async fn the_platform_is_administered_by_its_administrators_and_the_data_folder_alone() {
    let world = World::new();
    let router = world.router();
    let add = json!({ "actor": "svc:new", "owner": "user:ana" }).to_string();
    let stranger = By { actor: Some("user:eve"), ..By::default() };
    let refused = send(&router, stranger, "POST", "/api/v1/accounts", &add).await;
    assert!(is_missing("", &refused), "nobody makes the first account from elsewhere: {refused:?}");
    let root = world.account("user:chief", &[], true);
    let admin = world.account("user:admin", &["role-admin"], false);
    let (root, admin) = (world.token(&root, TokenScope::default()), world.token(&admin, TokenScope::default()));
    assert_eq!(send(&router, by(&root), "POST", "/api/v1/accounts", &add).await.0, 200);
    let refused = send(&router, by(&admin), "POST", "/api/v1/accounts", &add).await;
    assert!(is_missing("", &refused), "the admin of a project is not the administrator: {refused:?}");
    assert_eq!(send(&router, by(&root), "POST", "/api/v1/accounts", &add).await.0, 409, "the name is taken");
    // An administrator approves nothing, and reads as an admin does.
    let approve = "/api/v1/models/churn/versions/1/approve";
    assert!(is_missing("", &send(&router, by(&root), "POST", approve, "{}").await));
    assert_eq!(send(&router, by(&root), "GET", "/api/v1/audit/verify", "").await.0, 200);
    // Nor do they make tokens of people.
    let of_admin = json!({ "name": "x", "actor": "user:admin" }).to_string();
    assert!(is_missing("", &send(&router, by(&root), "POST", "/api/v1/tokens", &of_admin).await));
    let of_service = json!({ "name": "x", "actor": "svc:new" }).to_string();
    assert_eq!(send(&router, by(&root), "POST", "/api/v1/tokens", &of_service).await.0, 200);
    assert!(is_missing("", &send(&router, by(&admin), "POST", "/api/v1/tokens", &of_service).await));
}

#[tokio::test]
async fn a_token_makes_no_token_that_may_more_than_itself() {
    let world = World::new();
    let ana = world.account("user:ana", &["role-developer"], false);
    let narrow = TokenScope { actions: Some([Action::Read].into()), projects: Some(["churn".parse().unwrap()].into()) };
    let narrow = world.token(&ana, narrow);
    let router = world.router();
    let ask = async |scope: Value| {
        send(&router, by(&narrow), "POST", "/api/v1/tokens", &json!({ "name": "x", "scope": scope }).to_string()).await
    };
    for wider in [
        json!({}),
        json!({ "actions": ["read", "run"], "projects": ["churn"] }),
        json!({ "actions": ["read"] }),
        json!({ "actions": ["read"], "projects": ["churn", "other"] }),
    ] {
        assert!(is_missing("", &ask(wider.clone()).await), "{wider}");
    }
    let (status, made) = ask(json!({ "actions": ["read"], "projects": ["churn"] })).await;
    assert_eq!(status, 200, "{made}");
    for (valid, allowed) in [("366d", true), ("367d", false), ("0d", false)] {
        let body = json!({ "name": "x", "scope": { "actions": [], "projects": [] }, "valid": valid }).to_string();
        let (status, answer) = send(&router, by(&narrow), "POST", "/api/v1/tokens", &body).await;
        assert_eq!(status == 200, allowed, "{valid}: {answer}");
    }
}

#[tokio::test]
async fn a_token_that_is_damaged_unknown_expired_revoked_or_disabled_is_refused_with_its_reason_and_an_entry() {
    let world = World::new();
    let ana = world.account("user:ana", &["role-auditor"], false);
    let token = world.token(&ana, TokenScope::default());
    let other = world.token(&ana, TokenScope::default());
    let router = world.router();
    let status = async |token: &str| send(&router, by(token), "GET", "/api/v1/status", "").await;
    assert_eq!(status(&token).await.0, 200);
    let expired = {
        let wanted = TokenRequest {
            actor: None,
            name: "short".into(),
            scope: TokenScope::default(),
            expires: now().after(Span::seconds(1)),
        };
        identity::create_token(&world.app, &ana, wanted).unwrap().1
    };
    assert!(identity::authenticate(&world.app, &expired, now()).is_ok());
    let late = identity::authenticate(&world.app, &expired, now().after(Span::seconds(1))).unwrap_err();
    assert!(late.to_string().contains("the token `short` of user:ana expired at"), "{late}");
    let strange = {
        // Whole, and of another platform.
        let elsewhere = World::new();
        let ana = elsewhere.account("user:ana", &[], false);
        elsewhere.token(&ana, TokenScope::default())
    };
    for (wrong, why) in [
        ("no-token", "does not begin"),
        (&token[..40], "cut off"),
        (&token.replace(&token[10..12], "00"), "checksum"),
        (&strange, "unknown or revoked"),
    ] {
        let (code, answer) = status(wrong).await;
        assert_eq!((code, answer["code"].as_str()), (401, Some("token_invalid")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains(why), "{answer}");
    }
    let tokens = send(&router, by(&token), "GET", "/api/v1/tokens", "").await.1;
    let listed = tokens["tokens"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["last_used"].is_string()), "{tokens}");
    let first = listed.last().unwrap()["id"].as_str().unwrap().to_owned();
    assert!(!tokens.to_string().contains("hash"), "{tokens}");
    let revoke = format!("/api/v1/tokens/{first}/revoke");
    let eve = world.account("user:eve", &[], false);
    let eve = world.token(&eve, TokenScope::default());
    assert!(is_missing("", &send(&router, by(&eve), "POST", &revoke, "{}").await));
    assert_eq!(send(&router, by(&other), "POST", &revoke, "{}").await.0, 200);
    assert_eq!(status(&token).await.0, 401, "a revoked one ends at once");
    assert_eq!(send(&router, by(&other), "POST", &revoke, "{}").await.0, 409);
    assert_eq!(send(&router, by(&other), "POST", "/api/v1/tokens/no-such/revoke", "{}").await.0, 404);
    let change = AccountChange { is_disabled: Some(true), ..AccountChange::default() };
    let actor = "user:ana".parse().unwrap();
    identity::change_account(&world.app, &world.folder(), &actor, change).unwrap();
    let (code, answer) = status(&other).await;
    assert!(code == 401 && answer["detail"].as_str().unwrap().contains("disabled"), "{answer}");
    // The entries are written beside the answers.
    let denied = || {
        let page = kilter_store::PageRequest::first(100);
        let found = world.app.store().read(|reader| kilter_store::audit::list(reader, &page)).unwrap().items;
        found.into_iter().filter(|record| record.entry.action == "token.refuse").count()
    };
    for _ in 0..100 {
        if denied() >= 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(denied(), 5, "one entry of each kind of attempt");
}

#[tokio::test]
async fn a_person_logs_in_by_password_and_wrong_ones_wait() {
    let world = World::new();
    let new = NewAccount {
        actor: "user:ana".parse().unwrap(),
        password: Some(PASSWORD.into()),
        groups: vec![],
        is_admin: true,
        owner: None,
    };
    identity::create_account(&world.app, &world.folder(), new).unwrap();
    let router = world.router();
    let log_in = async |who: &str, password: &str| {
        let body = json!({ "actor": who, "password": password }).to_string();
        send(&router, By::default(), "POST", "/api/v1/login", &body).await
    };
    let (status, session) = log_in("user:ana", PASSWORD).await;
    assert_eq!(status, 200, "{session}");
    let token = session["token"].as_str().unwrap().to_owned();
    let (_, me) = send(&router, by(&token), "GET", "/api/v1/whoami", "").await;
    assert_eq!((me["actor"].as_str(), me["admin"].as_bool()), (Some("user:ana"), Some(true)), "{me}");
    // A wrong name answers as a wrong password does.
    let (wrong, unknown) = (log_in("user:ana", "wrong password").await, log_in("user:nobody", "wrong password").await);
    assert_eq!((wrong.0, &wrong.1["detail"]), (401, &unknown.1["detail"]));
    for _ in 0..3 {
        log_in("user:ana", "wrong password").await;
    }
    let (status, limited) = log_in("user:ana", PASSWORD).await;
    assert_eq!((status, limited["code"].as_str()), (429, Some("login_limited")), "{limited}");
    assert_eq!(log_in("user:nobody", PASSWORD).await.0, 401, "others are not kept out");
    let change = |current: &str, new: &str| json!({ "current": current, "password": new }).to_string();
    let path = "/api/v1/accounts/ana/password";
    let (status, refused) = send(&router, by(&token), "POST", path, &change(PASSWORD, "another password")).await;
    assert_eq!(status, 429, "{refused}");
    assert_eq!(send(&router, by(&token), "POST", path, &change(PASSWORD, "short")).await.0, 400);
    let text = format!("{session:?} {limited:?}");
    assert!(!text.contains(PASSWORD));
}

#[tokio::test]
async fn another_password_ends_the_sessions_and_keeps_the_tokens() {
    let world = World::new();
    let actor: Actor = "user:ana".parse().unwrap();
    let new = NewAccount {
        actor: actor.clone(),
        password: Some(PASSWORD.into()),
        groups: vec![],
        is_admin: false,
        owner: None,
    };
    identity::create_account(&world.app, &world.folder(), new).unwrap();
    let session = identity::log_in(&world.app, &actor, PASSWORD, now()).unwrap().token;
    let me = identity::authenticate(&world.app, &session, now()).unwrap();
    let token = world.token(&me, TokenScope::default());
    let wrong = identity::set_password(&world.app, &me, &actor, (Some("not the password"), "another password"));
    assert!(wrong.is_err(), "whoever has the session alone does not change it");
    identity::set_password(&world.app, &me, &actor, (Some(PASSWORD), "another password")).unwrap();
    assert!(identity::authenticate(&world.app, &session, now()).is_err());
    assert!(identity::authenticate(&world.app, &token, now()).is_ok());
    assert!(identity::log_in(&world.app, &actor, PASSWORD, now()).is_err());
    assert!(identity::log_in(&world.app, &actor, "another password", now().after(Span::seconds(60))).is_ok());
}

#[tokio::test]
async fn who_answers_for_a_service_stands_behind_what_it_does() {
    let world = World::new();
    world.account("user:olga", &["role-developer"], false);
    let service = world.account("svc:ci", &["role-developer"], false);
    let token = world.token(&service, TokenScope::default());
    let context = identity::authenticate(&world.app, &token, now()).unwrap();
    assert_eq!(context.everyone().iter().map(ToString::to_string).collect::<Vec<_>>(), ["svc:ci", "user:olga"]);
    let olga = RequestContext::new(now(), "user:olga".parse().unwrap());
    let wanted = |scope| TokenRequest {
        actor: Some("svc:ci".parse().unwrap()),
        name: "by its owner".into(),
        scope,
        expires: now().after(Span::days(1)),
    };
    let (stored, _) = identity::create_token(&world.app, &olga, wanted(TokenScope::default())).unwrap();
    assert_eq!(identity::list_tokens(&world.app, &olga).unwrap().len(), 2, "its owner sees its tokens");
    assert!(
        identity::list_tokens(&world.app, &RequestContext::new(now(), "user:eve".parse().unwrap())).unwrap().is_empty()
    );
    identity::revoke_token(&world.app, &olga, &stored.id).unwrap();
    let entry = {
        let page = kilter_store::PageRequest::first(1);
        world.app.store().read(|reader| kilter_store::audit::list(reader, &page)).unwrap().items.remove(0).entry
    };
    assert_eq!((entry.action.as_str(), entry.actor.to_string()), ("token.revoke", "user:olga".to_owned()));
}

#[tokio::test]
async fn the_data_folder_proves_administration_and_its_entries_say_so() {
    let world = World::new();
    let first = world.folder();
    assert_eq!(first.actor.to_string(), "user:root", "nobody has an account yet");
    world.account("user:ana", &[], true);
    let later = world.folder();
    assert_eq!(later.actor.to_string(), "system:data-folder");
    assert_eq!(later.credential.on_behalf.as_ref().map(ToString::to_string), Some("user:root".to_owned()));
    world.account("user:ben", &[], false);
    let page = kilter_store::PageRequest::first(1);
    let entry =
        world.app.store().read(|reader| kilter_store::audit::list(reader, &page)).unwrap().items.remove(0).entry;
    assert_eq!(entry.actor.to_string(), "system:data-folder");
    assert_eq!(entry.on_behalf.map(|actor| actor.to_string()), Some("user:root".to_owned()));
    // Who has the folder and a request of another kind is asked for a token.
    let text = std::fs::read_to_string(world.folder.path().join("server.json")).unwrap_or_default();
    assert!(text.is_empty(), "no server has the folder: the key is tried by the tests of commands");
    let nobody = Credential::default();
    assert!(!nobody.has_folder && !nobody.is_admin);
}

#[tokio::test]
async fn without_an_account_everything_is_as_before() {
    let world = World::new();
    let router = world.router();
    let named = By { actor: Some("user:root"), ..By::default() };
    let (status, answer) = send(&router, named, "GET", "/api/v1/status", "").await;
    assert_eq!((status, answer["single_user"].as_bool()), (200, Some(true)), "{answer}");
    world.account("user:ana", &["role-owner"], false);
    assert!(is_unknown(&send(&router, named, "GET", "/api/v1/status", "").await), "the first account ends it");
    for path in ["/health", "/ready", "/v2/health/live"] {
        assert_eq!(send(&router, By::default(), "GET", path, "").await.0, 200, "{path}: a balancer has no token");
    }
    assert_eq!(send(&router, By::default(), "GET", "/metrics", "").await.0, 401);
}
