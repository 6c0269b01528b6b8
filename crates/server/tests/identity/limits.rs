//! What a token, a login and a role do not do, and which entries their refusals leave.

use kilter_app::identity::{self, AccountChange, NewAccount, TokenRequest};
use kilter_domain::{
    actor::{Action, Actor},
    identity::TokenScope,
    time::Span,
};
use serde_json::{Value, json};

use crate::world::{By, PASSWORD, World, by, is_missing, now, send};

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
}

#[tokio::test]
async fn a_token_makes_none_that_outlives_it_and_a_session_makes_any() {
    let world = World::new();
    let actor: Actor = "user:ana".parse().unwrap();
    let password = Some(PASSWORD.to_owned());
    let new = NewAccount { actor: actor.clone(), password, groups: vec![], is_admin: false, owner: None };
    identity::create_account(&world.app, &world.folder(), new).unwrap();
    let session = identity::log_in(&world.app, &actor, PASSWORD, now()).unwrap().token;
    let router = world.router();
    let make = async |token: &str, valid: &str| {
        let body = json!({ "name": "x", "valid": valid }).to_string();
        let (status, answer) = send(&router, by(token), "POST", "/api/v1/tokens", &body).await;
        (status, answer["token"].as_str().unwrap_or_default().to_owned(), answer)
    };
    for (valid, wanted) in [("366d", 200), ("367d", 400), ("0d", 400)] {
        assert_eq!(make(&session, valid).await.0, wanted, "{valid}: a person has logged in");
    }
    let (_, two_days, _) = make(&session, "2d").await;
    let (status, one_day, answer) = make(&two_days, "1d").await;
    assert_eq!(status, 200, "{answer}");
    for (token, valid) in [(&one_day, "2d"), (&two_days, "3d"), (&two_days, "90d")] {
        let (status, _, refused) = make(token, valid).await;
        assert_eq!((status, refused["code"].as_str()), (403, Some("permission_denied")), "{valid}: {refused}");
        assert!(refused["detail"].as_str().unwrap().contains("the token that is shown ends at"), "{refused}");
    }
    assert_eq!(make(&one_day, "12h").await.0, 200);
    assert_eq!(world.denied("token.create").len(), 3, "each has its entry");
}

#[tokio::test]
async fn a_token_that_may_less_sees_and_ends_none_that_may_more_but_itself() {
    let world = World::new();
    let root = world.account("user:chief", &[], true);
    let ana = world.account("user:ana", &["role-auditor"], false);
    let read = TokenScope { actions: Some([Action::Read].into()), projects: None };
    let (wide, narrow, other) =
        (world.token(&root, TokenScope::default()), world.token(&root, read.clone()), world.token(&ana, read));
    let router = world.router();
    let names = async |token: &str| {
        let listed = send(&router, by(token), "GET", "/api/v1/tokens", "").await.1;
        listed["tokens"].as_array().unwrap().iter().map(|one| one["actor"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&wide).await.len(), 3, "who administers the platform sees all");
    assert_eq!(names(&narrow).await, ["\"user:chief\"", "\"user:chief\""], "its scope takes that away");
    let id =
        |token: &str| identity::authenticate(&world.app, token, now()).unwrap().credential.token.clone().unwrap().0;
    let revoke = async |token: &str, id: &str| {
        send(&router, by(token), "POST", &format!("/api/v1/tokens/{id}/revoke"), "{}").await.0
    };
    let (wide_id, narrow_id, other_id) = (id(&wide), id(&narrow), id(&other));
    assert_eq!(revoke(&narrow, &wide_id).await, 403, "a token for everything");
    assert_eq!(revoke(&narrow, &other_id).await, 403, "it does not administer the platform");
    assert!(identity::authenticate(&world.app, &wide, now()).is_ok());
    assert_eq!(world.denied("token.revoke"), [format!("token:{wide_id}")]);
    assert_eq!(revoke(&narrow, &narrow_id).await, 200, "itself");
    assert!(identity::authenticate(&world.app, &narrow, now()).is_err());
    assert_eq!(revoke(&wide, &other_id).await, 200);
}

#[tokio::test]
async fn made_up_tokens_paths_and_names_keep_no_refusal_of_a_right_away() {
    let world = World::new();
    let eve = world.account("user:eve", &[], false);
    let eve = world.token(&eve, TokenScope::default());
    let router = world.router();
    for number in 0..300 {
        let path = format!("/api/v1/models/m{number}/versions/{number}");
        for token in [format!("made-up-{number}"), format!("klt_{number}"), format!("{}{number}", &eve[..45])] {
            assert_eq!(send(&router, by(&token), "GET", &path, "").await.0, 401);
        }
        let actor: Actor = format!("user:made-up-{number}").parse().unwrap();
        identity::record_failed_login(&world.app, &actor, now());
    }
    world.wait_for("token.refuse", 2).await;
    assert!(is_missing("", &send(&router, by(&eve), "POST", "/api/v1/models/churn/versions/1/approve", "{}").await));
    assert_eq!(world.denied("right.refuse"), ["project:churn"]);
    assert!(world.denied("token.refuse").len() <= 3, "{:?}", world.denied("token.refuse"));
    assert_eq!(world.denied("account.login").len(), 1, "names that have no account are counted together");
    identity::record_failed_login(&world.app, &"user:eve".parse().unwrap(), now());
    assert_eq!(world.denied("account.login").len(), 2, "an account has its own entry");
}

#[tokio::test]
async fn a_login_that_fails_has_its_entry_and_so_has_a_password_that_is_not_changed() {
    let world = World::new();
    let actor: Actor = "user:ana".parse().unwrap();
    let password = Some(PASSWORD.to_owned());
    let new = NewAccount { actor: actor.clone(), password, groups: vec![], is_admin: false, owner: None };
    identity::create_account(&world.app, &world.folder(), new).unwrap();
    let body = json!({ "actor": "user:ana", "password": "not the password" }).to_string();
    assert_eq!(send(&world.router(), By::default(), "POST", "/api/v1/login", &body).await.0, 401);
    world.wait_for("account.login", 1).await;
    let session = identity::log_in(&world.app, &actor, PASSWORD, now()).unwrap().token;
    let body = json!({ "current": "not the password", "password": "another password" }).to_string();
    let path = "/api/v1/accounts/ana/password";
    assert_eq!(send(&world.router(), by(&session), "POST", path, &body).await.0, 401);
    assert_eq!(world.denied("account.password"), ["account:user:ana"]);
}

#[tokio::test]
async fn keys_are_rotated_and_revoked_by_who_administers_the_platform_and_no_admin_of_projects() {
    let world = World::new();
    let root = world.account("user:chief", &[], true);
    let admin = world.account("user:admin", &["role-admin"], false);
    let (root, admin) = (world.token(&root, TokenScope::default()), world.token(&admin, TokenScope::default()));
    let router = world.router();
    let rotate = json!({ "purpose": "package" }).to_string();
    let refused = send(&router, by(&admin), "POST", "/api/v1/keys/rotate", &rotate).await;
    assert!(is_missing("", &refused), "the admin of every project is not enough: {refused:?}");
    let (status, key) = send(&router, by(&root), "POST", "/api/v1/keys/rotate", &rotate).await;
    assert_eq!(status, 200, "{key}");
    let revoke = format!("/api/v1/keys/{}/revoke", key["id"].as_str().unwrap());
    let reason = json!({ "reason": "the laptop is lost" }).to_string();
    assert!(is_missing("", &send(&router, by(&admin), "POST", &revoke, &reason).await));
    assert_eq!(send(&router, by(&root), "POST", &revoke, &reason).await.0, 200);
    assert_eq!(send(&router, by(&admin), "GET", "/api/v1/keys", "").await.0, 200, "public keys are for whoever audits");
    assert_eq!(world.denied("right.refuse"), ["platform"]);
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
    world.wait_for("token.refuse", 5).await;
    assert_eq!(world.denied("token.refuse").len(), 5, "one entry of each kind of attempt");
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
