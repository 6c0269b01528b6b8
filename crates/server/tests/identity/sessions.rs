//! Sessions of browsers: a cookie that no script reads, and a word that only pages of ours know.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, header},
};
use kilter_api::rights::{ACCESS_RULES, Operation, Requirement};
use kilter_app::identity::{self, NewAccount};
use kilter_domain::identity::TokenScope;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{By, PASSWORD, World, body, by, filled, send};

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// What the browser keeps: name and value of the first cookie.
    fn cookie(&self) -> String {
        let cookie = self.headers[header::SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    }
}

async fn request(router: &Router, (method, path): (&str, &str), headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let bytes = to_bytes(body, 4 << 20).await.unwrap();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

async fn begin(router: &Router, headers: &[(&str, &str)], way: &Value) -> Answer {
    request(router, ("POST", "/api/v1/session"), headers, &way.to_string()).await
}

/// A platform on which ana has a password and administers.
fn world_of_ana() -> World {
    let world = World::new();
    let new = NewAccount {
        actor: "user:ana".parse().unwrap(),
        password: Some(PASSWORD.into()),
        groups: vec![],
        is_admin: true,
        owner: None,
    };
    identity::create_account(&world.app, &world.folder(), new).unwrap();
    world
}

fn by_password() -> Value {
    json!({ "password": { "actor": "user:ana", "password": PASSWORD } })
}

const ACT: (&str, &str) = ("POST", "/api/v1/accounts");

fn account(name: &str) -> String {
    json!({ "actor": format!("svc:{name}"), "owner": "user:ana" }).to_string()
}

#[tokio::test]
async fn a_browser_signs_in_acts_with_its_word_and_signs_out_on_the_server_too() {
    let world = world_of_ana();
    let router = world.router();
    let session = begin(&router, &[], &by_password()).await;
    assert_eq!((session.status, session.body["actor"].as_str()), (200, Some("user:ana")), "{}", session.body);
    let set = session.headers[header::SET_COOKIE].to_str().unwrap();
    for part in ["kilter-session=klt_", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure") && !session.body.to_string().contains("klt_"), "{set} {}", session.body);
    let (cookie, csrf) = (session.cookie(), session.body["csrf"].as_str().unwrap().to_owned());
    let me = request(&router, ("GET", "/api/v1/whoami"), &[("cookie", &cookie)], "").await;
    assert_eq!((me.body["actor"].as_str(), me.body["csrf"].as_str()), (Some("user:ana"), Some(&*csrf)), "{}", me.body);

    let without = request(&router, ACT, &[("cookie", &cookie)], &account("a")).await;
    assert_eq!((without.status, without.code()), (403, "csrf_missing"), "{}", without.body);
    let with = request(&router, ACT, &[("cookie", &cookie), ("x-kilter-csrf", &csrf)], &account("a")).await;
    assert_eq!(with.status, 200, "{}", with.body);
    let other = begin(&router, &[], &by_password()).await;
    let foreign = other.body["csrf"].as_str().unwrap();
    let crossed = request(&router, ACT, &[("cookie", &cookie), ("x-kilter-csrf", foreign)], &account("b")).await;
    assert_eq!((crossed.status, crossed.code()), (403, "csrf_missing"), "the word of another session");
    let page = [("cookie", &*cookie), ("x-kilter-csrf", &*csrf), ("origin", "http://evil.example")];
    let elsewhere = request(&router, ACT, &page, &account("c")).await;
    assert_eq!((elsewhere.status, elsewhere.code()), (403, "cross_site_refused"), "a page of another origin");

    let out = request(&router, ("POST", "/api/v1/session/end"), &[("cookie", &cookie)], "{}").await;
    assert_eq!(out.status, 204);
    let cleared: Vec<&str> =
        out.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cleared.len() == 2 && cleared.iter().all(|cookie| cookie.contains("=; ") && cookie.contains("Max-Age=0")));
    let gone = request(&router, ("GET", "/api/v1/whoami"), &[("cookie", &cookie)], "").await;
    assert_eq!(gone.status, 401, "{}", gone.body);
    let still = request(&router, ("GET", "/api/v1/whoami"), &[("cookie", &other.cookie())], "").await;
    assert_eq!(still.status, 200, "another session of the same person goes on");
}

#[tokio::test]
async fn every_route_that_acts_refuses_a_cookie_alone() {
    let world = world_of_ana();
    let router = world.router();
    let cookie = begin(&router, &[], &by_password()).await.cookie();
    let mut tried = 0;
    let acting = ACCESS_RULES.iter().filter_map(|rule| match (rule.operation, rule.requirement) {
        (Operation::Route(method, path), Requirement::Right(..) | Requirement::Caller(_)) => Some((method, path)),
        _ => None,
    });
    for (method, path) in acting.filter(|(method, _)| *method != "GET") {
        let (path, body) = (filled(path), body(path));
        let answer = request(&router, (method, &path), &[("cookie", &cookie)], &body).await;
        assert_eq!(answer.status, 403, "{method} {path} {}", answer.body);
        assert!(answer.body.to_string().contains("x-kilter-csrf"), "{method} {path} {}", answer.body);
        tried += 1;
    }
    assert!(tried > 45, "{tried}");
    // Those of the protocols too.
    for path in ["/api/2.0/mlflow/experiments/create", "/v2/models/churn/infer", "/invocations"] {
        let answer = request(&router, ("POST", path), &[("cookie", &cookie)], "{}").await;
        assert_eq!(answer.status, 403, "{path} {}", answer.body);
    }
}

#[tokio::test]
async fn a_cookie_that_was_there_before_is_worth_nothing_after_a_login() {
    let world = world_of_ana();
    let router = world.router();
    let planted = begin(&router, &[], &by_password()).await.cookie();
    let session = begin(&router, &[("cookie", &planted)], &by_password()).await;
    assert_ne!(session.cookie(), planted, "a login has a token of its own");
    let old = request(&router, ("GET", "/api/v1/whoami"), &[("cookie", &planted)], "").await;
    assert_eq!(old.status, 401, "{}", old.body);
    let nonsense = begin(&router, &[("cookie", "kilter-session=klt_nonsense")], &by_password()).await;
    assert_eq!(nonsense.status, 200, "what a browser has from before keeps nobody out: {}", nonsense.body);
}

#[tokio::test]
async fn a_token_becomes_a_session_that_may_no_more_and_outlives_a_sign_out() {
    let world = world_of_ana();
    let ana = kilter_app::RequestContext::new(crate::world::now(), "user:ana".parse().unwrap());
    let token = world.token(&ana, TokenScope { actions: Some(Default::default()), projects: None });
    let router = world.router();
    let session = begin(&router, &[], &json!({ "token": format!(" {token} ") })).await;
    assert_eq!((session.status, session.body["actor"].as_str()), (200, Some("user:ana")), "{}", session.body);
    let (cookie, csrf) = (session.cookie(), session.body["csrf"].as_str().unwrap().to_owned());
    let refused = request(&router, ACT, &[("cookie", &cookie), ("x-kilter-csrf", &csrf)], &account("a")).await;
    assert_eq!((refused.status, refused.code()), (403, "permission_denied"), "{}", refused.body);
    request(&router, ("POST", "/api/v1/session/end"), &[("cookie", &cookie)], "{}").await;
    assert_eq!(
        send(&router, by(&token), "GET", "/api/v1/whoami", "").await.0,
        200,
        "its owner made it, and revokes it"
    );
    for wrong in [json!({ "token": "klt_nobody" }), json!({ "token": "" }), json!({ "token": "klt_\n" })] {
        let answer = begin(&router, &[], &wrong).await;
        assert_eq!(answer.status, 401, "{wrong}: {}", answer.body);
        assert!(!answer.headers.contains_key(header::SET_COOKIE), "{wrong}");
    }
    let unknown = begin(&router, &[], &json!({ "magic": "x" })).await;
    assert_eq!(unknown.status, 400, "{}", unknown.body);
}

#[tokio::test]
async fn a_browser_behind_tls_gets_a_cookie_that_only_tls_carries() {
    let world = world_of_ana();
    // A proxy encrypts, and passes on what the browser says of its page.
    let proxied = [("x-forwarded-proto", "https"), ("origin", "https://localhost")];
    let session = begin(&world.router(), &proxied, &by_password()).await;
    let set = session.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(set.starts_with("__Host-kilter-session=klt_") && set.contains("; Secure"), "{set}");
}

#[tokio::test]
async fn whoever_signs_in_is_told_how_and_without_accounts_a_name_is_enough() {
    let open = World::new();
    let (_, options) = send(&open.router(), By::default(), "GET", "/api/v1/login/options", "").await;
    assert_eq!(options, json!({ "required": false, "token": false, "password": false }));
    let refused = begin(&open.router(), &[], &json!({ "token": "klt_x" })).await;
    assert_eq!((refused.status, refused.code()), (409, "invalid_state"), "{}", refused.body);
    let (_, options) = send(&world_of_ana().router(), By::default(), "GET", "/api/v1/login/options", "").await;
    assert_eq!(options, json!({ "required": true, "token": true, "password": true }));
}
