//! Who acts at the terminal: names until there is an account, tokens from then on.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _, process::Stdio};

use serde_json::Value;

use crate::{CommandOutput, World, command_output, contract::project, server::Server};

pub const PASSWORD: &str = "correct horse battery";

/// A project whose commands find their stored tokens in a folder of their own.
pub fn world(roles: &str) -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[project.roles]\n{roles}"));
    as_person(&world, "root");
    world
}

/// From now on commands are typed by another person of this machine.
pub fn as_person(world: &World, name: &str) {
    world.set_variable("USER", name);
    world.set_variable("XDG_CONFIG_HOME", world.path().join("home").join(name).to_str().unwrap());
}

/// A command to which `line` is typed.
fn typed(world: &World, line: &str, arguments: &[&str]) -> CommandOutput {
    let mut command = world.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    command_output(child.wait_with_output().unwrap())
}

pub fn done(world: &World, line: &str, arguments: &[&str]) -> String {
    let shown = typed(world, line, arguments);
    assert_eq!(shown.exit, 0, "{arguments:?}: {}{}", shown.out, shown.err);
    shown.out
}

pub const ROLES: &str =
    "owner = [\"user:olga\"]\ndeveloper = [\"group:ds\"]\nvalidator = [\"group:risk\"]\noperator = [\"svc:ci\"]\n";

#[test]
fn the_first_account_ends_that_names_are_believed() {
    let world = world(ROLES);
    as_person(&world, "olga");
    assert_eq!(world.kilter(&["run"]).exit, 0, "a name is enough while nobody has an account");
    assert!(world.kilter(&["status"]).out.contains("Single-user mode"));
    as_person(&world, "root");
    done(&world, PASSWORD, &["user", "add", "root", "--admin"]);
    done(&world, PASSWORD, &["user", "add", "dora", "--group", "ds"]);
    for arguments in [&["status"][..], &["run"], &["model", "list"], &["audit", "list"], &["approve", "churn@1"]] {
        as_person(&world, "olga");
        let refused = world.problem(arguments, 5);
        assert_eq!(refused["code"], "token_missing", "{arguments:?}: {refused}");
        assert!(refused["hint"].as_str().unwrap().contains("kilter login"), "{refused}");
    }
    as_person(&world, "dora");
    assert_eq!(typed(&world, "not my password", &["login"]).exit, 5);
    done(&world, PASSWORD, &["login"]);
    let me = world.json(&["whoami"]);
    assert_eq!((me["actor"].as_str(), me["proven"].as_bool()), (Some("user:dora"), Some(true)), "{me}");
    assert_eq!(world.kilter(&["run", "--force"]).exit, 0, "a member of the group may");
    let stored = world.path().join("home/dora/kilter/credentials.json");
    assert_eq!(fs::metadata(&stored).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!world.kilter(&["status"]).out.contains("Single-user mode"));
    fs::set_permissions(&stored, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(world.problem(&["status"], 1)["code"], "file_invalid", "others can read it");
    fs::set_permissions(&stored, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(world.kilter(&["logout"]).exit, 0);
    assert_eq!(world.problem(&["status"], 5)["code"], "token_missing");
    // The one who can write in the folder administers without a token, and the entries say by what right.
    as_person(&world, "root");
    done(&world, "", &["user", "groups", "dora", "ds", "risk"]);
    done(&world, PASSWORD, &["login"]);
    let log = world.json(&["audit", "list"]);
    let entries = log["entries"].as_array().unwrap();
    let of = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(of("account.change")["actor"], "system:data-folder");
    assert_eq!(of("account.login")["actor"], "user:root");
    let failed = entries.iter().find(|entry| entry["outcome"] == "denied" && entry["action"] == "account.login");
    assert_eq!(failed.unwrap()["object"], "account:user:dora");
    assert!(!log.to_string().contains(PASSWORD));
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_server_and_its_commands_ask_for_tokens_and_follow_what_changes() {
    let world = world(ROLES);
    as_person(&world, "olga");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    as_person(&world, "root");
    let server = Server::start(&world);
    assert_eq!(server.get("/api/v1/status").1["code"], "permission_denied", "the contract gives roles");
    // Through the server: the key of the data folder proves who may make the first account.
    done(&world, PASSWORD, &["user", "add", "root", "--admin"]);
    let (status, refused) = server.get("/api/v1/status");
    assert_eq!((status, refused["code"].as_str()), (401, Some("token_missing")), "{refused}");
    done(&world, "", &["user", "add", "svc:ci", "--owner", "olga"]);
    done(&world, PASSWORD, &["login"]);
    let file = world.path().join("ci.token");
    let made = world.json(&[
        "token",
        "create",
        "nightly",
        "--for",
        "svc:ci",
        "--right",
        "read",
        "--right",
        "deploy",
        "--project",
        "churn",
        "--out",
        file.to_str().unwrap(),
    ]);
    assert_eq!(made["info"]["scope"]["projects"][0], "churn", "{made}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&file).unwrap();
    assert!(token.starts_with("klt_") && !made.to_string().contains(token.trim()));
    as_person(&world, "nobody");
    let with_token = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--token-file", file.to_str().unwrap()]);
        world.kilter(&[&all[..], &["--json"]].concat())
    };
    assert_eq!(with_token(&["status"]).exit, 0);
    let deployed = with_token(&["deploy", "--version", "1"]);
    assert!(!deployed.err.contains("permission_denied"), "{}", deployed.err);
    let refused = with_token(&["rollback"]);
    assert!(refused.exit == 5 && refused.err.contains("its scope is read, deploy in churn"), "{}", refused.err);
    as_person(&world, "root");
    let listed = world.json(&["token", "list"]);
    let of_ci = |listed: &Value| {
        listed["tokens"].as_array().unwrap().iter().find(|token| token["actor"] == "svc:ci").unwrap().clone()
    };
    assert!(of_ci(&listed)["last_used"].is_string(), "{listed}");
    done(&world, "", &["token", "revoke", of_ci(&listed)["id"].as_str().unwrap()]);
    let refused = with_token(&["status"]);
    assert!(refused.exit == 5 && refused.err.contains("token_invalid"), "{}", refused.err);
    done(&world, "", &["user", "disable", "svc:ci"]);
    assert_eq!(world.kilter(&["token", "create", "again", "--for", "svc:ci"]).exit, 6);
    let accounts = world.json(&["user", "list"]);
    assert_eq!(accounts["accounts"].as_array().unwrap().len(), 2, "{accounts}");
    drop(server);
    let again = Server::start(&world);
    assert_eq!(again.get("/api/v1/status").0, 401, "accounts are there after a start");
}

#[test]
fn passwords_are_asked_for_twice_as_long_as_nobody_says_a_file() {
    let world = world(ROLES);
    assert_eq!(typed(&world, "short", &["user", "add", "ana"]).exit, 2);
    world.write("secret", PASSWORD);
    done(&world, "", &["user", "add", "ana", "--password-file", "secret"]);
    as_person(&world, "ana");
    done(&world, "", &["login", "--password-file", "secret"]);
    world.write("new", "another good password");
    done(&world, "", &["user", "password", "--current-file", "secret", "--password-file", "new"]);
    assert_eq!(world.problem(&["whoami"], 5)["code"], "token_invalid", "the session is over");
    done(&world, "", &["login", "--password-file", "new"]);
    assert_eq!(typed(&world, PASSWORD, &["login"]).exit, 5);
    for wrong in [&["user", "add", "system:gate"][..], &["user", "add", "a b"], &["user", "add", "svc:x", "--admin"]] {
        assert_ne!(typed(&world, PASSWORD, wrong).exit, 0, "{wrong:?}");
    }
}

/// Acceptance check 2: the person behind a service does not approve what it made, whatever group they are in; and the
/// service itself approves nothing.
#[test]
fn an_author_does_not_approve_through_a_service_or_a_group() {
    let roles = "owner = [\"user:olga\"]\ndeveloper = [\"svc:ci\"]\nvalidator = [\"group:risk\", \"svc:ci\"]\n\
        [approve]\nrule = \"validator\"\n";
    let world = world(roles);
    done(&world, PASSWORD, &["user", "add", "root", "--admin"]);
    done(&world, PASSWORD, &["user", "add", "dora", "--group", "risk"]);
    done(&world, PASSWORD, &["user", "add", "vito", "--group", "risk"]);
    done(&world, "", &["user", "add", "svc:ci", "--owner", "dora"]);
    done(&world, PASSWORD, &["login"]);
    let file = world.path().join("ci.token");
    let path = file.to_str().unwrap();
    world.json(&["token", "create", "nightly", "--for", "svc:ci", "--out", path]);
    let by_ci = |arguments: &[&str]| world.kilter(&[arguments, &["--token-file", path]].concat());
    let ran = by_ci(&["run"]);
    assert_eq!(ran.exit, 8, "{}{}", ran.out, ran.err);
    let refused = by_ci(&["approve", "churn@1"]);
    assert!(refused.exit == 5 && refused.err.contains("only a person may"), "{}", refused.err);
    as_person(&world, "dora");
    done(&world, PASSWORD, &["login"]);
    let refused = world.kilter(&["approve", "churn@1"]);
    assert!(refused.exit == 8 && refused.out.contains("people who did not make the version"), "{}", refused.out);
    assert_eq!(world.kilter(&["review", "churn@1"]).exit, 6, "nor do they review it");
    as_person(&world, "vito");
    done(&world, PASSWORD, &["login"]);
    let approved = world.kilter(&["approve", "churn@1"]);
    assert_eq!(approved.exit, 0, "{}{}", approved.out, approved.err);
}
