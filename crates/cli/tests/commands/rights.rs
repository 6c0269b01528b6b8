//! Who may do what at the terminal: by the contract in force, not by the file at hand.

use std::collections::BTreeSet;

use kilter_api::rights::{ACCESS_RULES, Operation, Requirement};

use crate::{World, contract::project};

const ROLES: &str = "owner = [\"user:olga\"]\ndeveloper = [\"user:dev\"]\nvalidator = [\"user:vera\"]\n\
    operator = [\"user:ops\"]\nauditor = [\"user:ada\"]\nconsumer = [\"user:con\"]\n";

fn guarded() -> World {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}\n[project.roles]\n{ROLES}"));
    world
}

fn by(world: &World, who: &str, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).env("USER", who).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

fn edit(world: &World, from: &str, to: &str) {
    let before = world.read("kilter.toml");
    assert!(before.contains(from), "{from}");
    world.write("kilter.toml", &before.replace(from, to));
}

#[test]
fn every_command_has_its_row_and_every_row_its_command() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("### kilter ")).collect();
    // A command above others runs itself only where its usage names no command.
    let is_group = |name: &str| {
        let below = page.split_once(&format!("### kilter {name}\n")).unwrap().1;
        below.lines().find(|line| line.starts_with("    kilter ")).unwrap().ends_with("<COMMAND>")
    };
    let commands: BTreeSet<&str> = headings.into_iter().filter(|name| !is_group(name)).chain(["reference"]).collect();
    let rows: BTreeSet<&str> = ACCESS_RULES
        .iter()
        .filter_map(|rule| match rule.operation {
            Operation::Command(name) => Some(name),
            Operation::Route(..) => None,
        })
        .collect();
    assert_eq!(rows, commands, "rows (left) of api/src/rights.rs and commands (right) differ");
    let routes: BTreeSet<String> = ACCESS_RULES
        .iter()
        .filter_map(|rule| match rule.operation {
            Operation::Route(method, path) => Some(format!("{method} {path}")),
            Operation::Command(_) => None,
        })
        .collect();
    for rule in ACCESS_RULES {
        if let Requirement::Routes(called) = rule.requirement {
            assert!(called.iter().all(|route| routes.contains(*route)), "{rule:?} names a route that is not there");
        }
    }
}

#[test]
fn a_run_asks_for_its_right_by_the_contract_in_force_and_cannot_give_itself_one() {
    let world = guarded();
    assert_eq!(by(&world, "eve", &["run"]).0, 5, "the first run too: the contract trusts nobody else");
    assert_eq!(by(&world, "dev", &["run"]).0, 0);
    let (exit, shown) = by(&world, "eve", &["run"]);
    assert!(exit == 5 && shown.contains("owner (user:olga) or developer (user:dev)"), "{shown}");
    let as_it_was = world.read("kilter.toml");
    for role in ["vera", "ops", "ada", "con"] {
        assert_eq!(by(&world, role, &["run"]).0, 5, "{role}");
    }
    // The roles deleted from the file, or given to oneself: the recorded ones count.
    let deleted = as_it_was.split("\n[project.roles]").next().unwrap().to_owned();
    world.write("kilter.toml", &deleted);
    for who in ["eve", "dev", "vera", "ops"] {
        let (exit, shown) = by(&world, who, &["run"]);
        assert_eq!(exit, 5, "{who}: {shown}");
    }
    world.write("kilter.toml", &as_it_was.replace("\"user:vera\"", "\"user:vera\", \"user:dev\""));
    let (exit, shown) = by(&world, "dev", &["run"]);
    assert!(exit == 5 && shown.contains("change the owner or the roles"), "{shown}");
    world.write("kilter.toml", &as_it_was);
    let models: serde_json::Value = serde_json::from_str(&by(&world, "ada", &["model", "list", "--json"]).1).unwrap();
    assert_eq!(models["models"][0]["versions"].as_array().unwrap().len(), 1, "no refused run made a version: {models}");
    assert_eq!(by(&world, "ada", &["audit", "verify"]).0, 0);
}

#[test]
fn what_judges_and_releases_is_changed_by_the_owner_and_the_rest_by_developers() {
    let world = guarded();
    assert_eq!(by(&world, "dev", &["run"]).0, 0);
    edit(&world, "auc >= 0.55", "auc >= 0.5");
    let (exit, shown) = by(&world, "dev", &["run"]);
    assert!(exit == 5 && shown.contains("owner (user:olga)") && shown.contains("gates"), "{shown}");
    let (exit, shown) = by(&world, "olga", &["run"]);
    assert!(exit == 8 && shown.contains("a validator must accept it first"), "the owner proposes it: {shown}");
    let listed: serde_json::Value =
        serde_json::from_str(&by(&world, "vera", &["policy", "list", "churn", "--json"]).1).unwrap();
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!(by(&world, "vera", &["policy", "accept", "churn", id]).0, 0);
    assert_eq!(by(&world, "dev", &["run"]).0, 0, "what a validator accepted is in force");
    edit(&world, "auc >= 0.5\"", "auc >= 0.51\"");
    assert_eq!(by(&world, "dev", &["run"]).0, 5);
    assert_eq!(by(&world, "olga", &["run"]).0, 0, "the owner may tighten");
    edit(&world, "[project.roles]", "# a developer's word\n[replay]\nperiod = \"7d\"\n[project.roles]");
    let (exit, shown) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 0, "{shown}");
}

#[test]
fn a_project_without_roles_keeps_its_owner_and_lets_everybody_work() {
    let world = project("0.55");
    edit(&world, "[project]\n", "[project]\nowner = \"user:ana\"\n");
    assert_eq!(by(&world, "eve", &["run"]).0, 0);
    edit(&world, "auc >= 0.55", "auc >= 0.5");
    assert_eq!(by(&world, "eve", &["run"]).0, 0);
    edit(&world, "user:ana", "user:eve");
    assert_eq!(by(&world, "eve", &["run"]).0, 5);
    assert_eq!(by(&world, "ana", &["run"]).0, 0);
}

#[test]
fn a_contract_that_nobody_could_ever_change_is_refused_before_it_is_recorded() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    let with = |roles: &str| world.write("kilter.toml", &format!("{contract}\n[project.roles]\n{roles}\n"));
    for locked in
        ["developer = [\"user:dev\"]", "owner = [\"group:ds\"]\ndeveloper = [\"user:dev\"]", "admin = [\"svc:ci\"]"]
    {
        with(locked);
        let shown = world.kilter(&["check", "--json"]);
        let checked: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!((shown.exit, checked["valid"].as_bool()), (3, Some(false)), "{locked}: {checked}");
        assert!(checked["errors"][0]["message"].as_str().unwrap().contains("nobody could ever change"), "{checked}");
        let (exit, shown) = by(&world, "dev", &["run"]);
        // Who may run is asked first: nobody may by the last one.
        let is_refused = shown.contains("nobody could ever change") || shown.contains("may not start");
        assert!(exit != 0 && is_refused, "{locked}: {shown}");
    }
    with("owner = [\"user:olga\"]\ndeveloper = [\"user:dev\"]");
    assert_eq!(by(&world, "dev", &["run"]).0, 0, "nothing of the refused ones is in force");
    // Nor does a contract in force become one.
    with("developer = [\"user:dev\", \"user:olga\"]");
    let (exit, shown) = by(&world, "olga", &["run"]);
    assert!(exit != 0 && shown.contains("nobody could ever change"), "{shown}");
    with("owner = [\"user:olga\"]\ndeveloper = [\"user:dev\", \"user:eve\"]");
    assert_eq!(by(&world, "olga", &["run"]).0, 0);
}

#[test]
fn labels_and_looks_ask_at_the_terminal_too() {
    let world = guarded();
    assert_eq!(by(&world, "dev", &["run"]).0, 0);
    world.write("labels.csv", "id,label\na,1\n");
    for arguments in [
        &["label", "churn", "labels.csv"][..],
        &["status"],
        &["model", "list"],
        &["model", "show", "churn@1"],
        &["deployment", "list"],
        &["alert", "list"],
        &["audit", "list"],
        &["audit", "verify"],
        &["monitor", "list"],
        &["deploy", "--version", "1"],
        &["rollback"],
        &["approve", "churn@1"],
        &["reject", "churn@1", "--reason", "x"],
    ] {
        let (exit, shown) = by(&world, "eve", arguments);
        assert!(exit == 5 && shown.contains("may not"), "{arguments:?}: {shown}");
    }
    assert_eq!(by(&world, "con", &["label", "churn", "labels.csv"]).0, 0);
    assert_eq!(by(&world, "con", &["audit", "list"]).0, 5);
    assert_eq!(by(&world, "ada", &["audit", "list"]).0, 0);
}
