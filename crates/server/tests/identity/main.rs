//! Who asks: accounts, passwords, tokens; and the table of doors once more, by tokens, their scopes, services and groups.

mod limits;
mod sessions;
mod world;

use kilter_app::{
    RequestContext,
    context::Credential,
    identity::{self, NewAccount, TokenRequest},
};
use kilter_domain::{
    actor::{Action, Role},
    identity::TokenScope,
    time::Span,
};
use serde_json::json;

use crate::world::{By, PASSWORD, World, body, by, filled, is_missing, is_unknown, now, project_routes, send};

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
    for path in ["/", "/health", "/ready", "/v2/health/live"] {
        assert_eq!(send(&router, By::default(), "GET", path, "").await.0, 200, "{path}: a balancer has no token");
    }
    assert_eq!(send(&router, By::default(), "GET", "/metrics", "").await.0, 401);
}
