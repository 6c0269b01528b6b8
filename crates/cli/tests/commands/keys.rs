//! Signing keys at the terminal: made on first use, rotated, revoked, exported; what a data folder and its audit log hold.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use kilter_app::{
    App, AppOptions, KeySource, KeySources, RequestContext,
    authz::{self, Authorized, Subject, act},
    keys::{signing_key, trusted_key},
};
use kilter_domain::{
    actor::{Action, Actor},
    signing_key::KeyPurpose,
    time::Timestamp,
};

use crate::World;

/// Whoever administers the platform.
fn administrator(app: &App) -> Authorized<act::Administer> {
    let context = RequestContext::new(Timestamp(1_000), Actor::user("ana").unwrap());
    authz::require(app, &context, Action::Administer, &Subject::EveryProject).unwrap().to().unwrap()
}

fn open(world: &World, keys: KeySources) -> App {
    App::open(&world.path().join("data"), AppOptions { keys, ..AppOptions::new("kilter".into()) }).unwrap()
}

/// Uses both keys of a new data folder; their ids.
fn used(world: &World) -> [String; 2] {
    let app = open(world, KeySources::default());
    KeyPurpose::ALL.map(|purpose| signing_key(&app, &administrator(&app), purpose).unwrap().public().id())
}

fn key_list(world: &World) -> Vec<(String, String, String)> {
    let listed = world.json(&["key", "list", "--data", "data"]);
    let text = |key: &serde_json::Value, field: &str| key[field].as_str().unwrap().to_owned();
    let rows = listed["keys"].as_array().unwrap().iter();
    rows.map(|key| (text(key, "id"), text(key, "purpose"), text(key, "state"))).collect()
}

#[test]
fn a_key_is_made_on_first_use_and_is_in_its_file_alone() {
    let world = World::new();
    let [package, checkpoint] = used(&world);
    let app = open(&world, KeySources::default());
    for (purpose, id) in KeyPurpose::ALL.into_iter().zip([&package, &checkpoint]) {
        assert_eq!(
            &signing_key(&app, &administrator(&app), purpose).unwrap().public().id(),
            id,
            "the same after a restart"
        );
    }
    drop(app);
    let file = world.path().join("data/keys/package.pem");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(key_list(&world).len(), 2);
    let secret = fs::read_to_string(&file).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    let exported = world.kilter(&["key", "export", &package[..8], "--data", "data"]);
    assert!(
        exported.out.starts_with("-----BEGIN PUBLIC KEY-----") && !exported.out.contains(secret),
        "{}",
        exported.out
    );
    let audit = world.kilter(&["audit", "list", "--data", "data", "--json"]);
    assert_eq!(audit.out.matches("\"key.register\"").count(), 2, "{}", audit.out);
    assert!(!audit.out.contains(secret));
    assert_eq!(world.kilter(&["backup", "copy", "--data", "data"]).exit, 0);
    assert!(!world.path().join("copy/keys").exists(), "a backup has no private key");
    assert_eq!(world.json(&["audit", "verify", "--data", "data"])["valid"], true);
}

#[test]
fn an_old_key_stays_trusted_until_it_is_revoked() {
    let world = World::new();
    let [old, checkpoint] = used(&world);
    let app = open(&world, KeySources::default());
    let signature = signing_key(&app, &administrator(&app), KeyPurpose::Package).unwrap().sign(b"m").unwrap();
    drop(app);
    let new = world.json(&["key", "rotate", "--data", "data", "--reason", "once a year"]);
    let new = new["id"].as_str().unwrap().to_owned();
    let state = |id: &str| key_list(&world).into_iter().find(|key| key.0 == id).unwrap().2;
    assert_eq!([state(&new), state(&old), state(&checkpoint)], ["active", "superseded", "active"]);
    let app = open(&world, KeySources::default());
    assert_eq!(signing_key(&app, &administrator(&app), KeyPurpose::Package).unwrap().public().id(), new);
    let trusted = trusted_key(&app, &old, KeyPurpose::Package).unwrap().unwrap();
    assert!(trusted.has_signed(b"m", &signature));
    assert_eq!(trusted_key(&app, &old, KeyPurpose::Checkpoint).unwrap(), None, "a key has one purpose");
    drop(app);
    for id in [&old, &new] {
        assert_eq!(world.kilter(&["key", "revoke", id, "--data", "data", "--reason", "the laptop is lost"]).exit, 0);
    }
    assert_eq!(
        world.problem(&["key", "revoke", &old, "--data", "data", "--reason", "again"], 6)["code"],
        "invalid_state"
    );
    assert_eq!(world.problem(&["key", "export", "00000000", "--data", "data"], 4)["code"], "not_found");
    let app = open(&world, KeySources::default());
    assert_eq!(trusted_key(&app, &old, KeyPurpose::Package).unwrap(), None);
    let next = signing_key(&app, &administrator(&app), KeyPurpose::Package).unwrap().public().id();
    assert!(next != new && next != old, "a revoked key signs nothing: another one is made");
}

#[test]
fn a_key_that_the_operator_gives_is_used_and_a_wrong_one_is_a_clear_error() {
    let world = World::new();
    let openssl = |arguments: &str| {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(world.path()).output().unwrap();
        assert!(done.status.success(), "{arguments}");
    };
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out given.pem");
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out other.pem");
    openssl("pkey -in given.pem -pubout -out given.pub");
    let path = world.path().join("given.pem");
    let given = |source| KeySources { package: Some(source), checkpoint: None };
    let from_file = || open(&world, given(KeySource::File(path.clone())));
    let failure = |app: &App| {
        let error = signing_key(app, &administrator(app), KeyPurpose::Package).unwrap_err();
        kilter_domain::error_chain::with_causes(&error)
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let open_to_others = failure(&from_file());
    assert!(open_to_others.contains("others can read") && open_to_others.contains("chmod 600"), "{open_to_others}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let app = from_file();
    let used = signing_key(&app, &administrator(&app), KeyPurpose::Package).unwrap();
    assert_eq!(used.public().to_pem(), world.read("given.pub"));
    assert!(!world.path().join("data/keys").exists(), "none is made");
    drop(app);
    let app = open(&world, given(KeySource::Text(world.read("given.pem"))));
    assert_eq!(signing_key(&app, &administrator(&app), KeyPurpose::Package).unwrap().public().id(), used.public().id());
    drop(app);
    let wrong = failure(&open(&world, given(KeySource::Text(world.read("other.pem")))));
    assert!(wrong.contains("ECDSA P-384; this purpose needs ECDSA P-256"), "{wrong}");
    world.set_variable("KILTER_SIGNING_KEY_FILE", path.to_str().unwrap());
    let refused = world.problem(&["key", "rotate", "--data", "data"], 6);
    assert!(refused["detail"].as_str().unwrap().contains("given by the operator"), "{refused}");
}
