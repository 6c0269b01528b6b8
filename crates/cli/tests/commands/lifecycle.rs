//! What people do to a version besides a yes or a no: retired, revoked, returned, reviewed, waived; and what ends by itself.

use std::process::Command;

use serde_json::Value;

use crate::{World, contract::project};

/// Types a command as someone; its exit code and everything that it says.
pub fn by(world: &World, who: &str, arguments: &[&str]) -> (i32, String) {
    let output = world.command(arguments).env("USER", who).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout) + &text(output.stderr))
}

pub fn shown(world: &World, who: &str, arguments: &[&str]) -> Value {
    let (exit, text) = by(world, who, &[arguments, &["--json"]].concat());
    assert_eq!(exit, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

pub fn state(world: &World, version: &str) -> String {
    shown(world, "auditor", &["model", "show", version])["state"].as_str().unwrap().to_owned()
}

pub fn live(world: &World) -> Value {
    shown(world, "auditor", &["status"])["endpoints"][0]["live"]["version"].clone()
}

const ROLES: &str = "[project.roles]\nvalidator = [\"user:vera\", \"user:vito\"]\noperator = [\"user:olga\"]\n\
    developer = [\"user:dev\"]\nauditor = [\"user:auditor\"]\nadmin = [\"user:ida\"]\n";

/// A project with roles, an owner and what `further` states.
pub fn governed(bound: &str, further: &str) -> World {
    let world = project(bound);
    let contract = world.read("kilter.toml").replace("name = \"churn\"", "name = \"churn\"\nowner = \"user:ona\"");
    world.write("kilter.toml", &format!("{contract}{further}\n{ROLES}"));
    world
}

#[test]
fn a_revoked_version_stops_and_the_last_approved_one_answers_again() {
    let world = governed("0.55", "");
    for _ in 0..2 {
        let (exit, text) = by(&world, "dev", &["run", "--force"]);
        assert_eq!(exit, 0, "{text}");
    }
    assert_eq!(live(&world), 2);
    assert_eq!(by(&world, "dev", &["revoke", "churn@2", "--reason", "leak"]).0, 5, "a developer revokes nothing");
    assert_eq!(by(&world, "vera", &["revoke", "churn@2", "--reason", " "]).0, 6, "it needs its incident");
    let (exit, text) = by(&world, "vera", &["revoke", "churn@2", "--reason", "INC-7: it learned from returns"]);
    assert!(exit == 0 && text.contains("churn@2 is revoked") && text.contains("v1 answers at churn"), "{text}");
    assert_eq!((live(&world), state(&world, "churn@2")), (1.into(), "revoked".to_owned()));
    let (exit, text) = by(&world, "olga", &["deploy", "--version", "2"]);
    assert!(exit == 6 && text.contains("revoked"), "{text}");
    let (exit, text) = by(&world, "vera", &["revoke", "churn@1", "--reason", "INC-8"]);
    assert!(exit == 0 && text.contains("nothing answers at churn now"), "{text}");
    assert_eq!(live(&world), Value::Null);
    assert_eq!(by(&world, "vera", &["revoke", "churn@1", "--reason", "again"]).0, 6, "it is for good");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

#[test]
fn a_live_version_is_retired_only_with_what_takes_its_place() {
    let world = governed("0.55", "");
    for _ in 0..2 {
        assert_eq!(by(&world, "dev", &["run", "--force"]).0, 0);
    }
    assert_eq!(by(&world, "vera", &["retire", "churn@2"]).0, 5, "it is the owner's");
    let (exit, text) = by(&world, "ona", &["retire", "churn@2"]);
    assert!(exit == 6 && text.contains("a replacement for 1 live deployments"), "{text}");
    let (exit, text) = by(&world, "ona", &["retire", "churn@2", "--replacement", "2"]);
    assert!(exit == 6 && text.contains("the version itself"), "{text}");
    let (exit, text) = by(&world, "ona", &["retire", "churn@2", "--replacement", "1", "--retain-until", "2036-12-31"]);
    assert!(exit == 0 && text.contains("v1 answers at churn"), "{text}");
    assert_eq!((live(&world), state(&world, "churn@2")), (1.into(), "retired".to_owned()));
    assert_eq!(by(&world, "vera", &["revoke", "churn@2", "--reason", "x"]).0, 6, "it is over");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

#[test]
fn a_version_that_is_returned_is_submitted_again_and_asks_everyone_anew() {
    let world = governed("0.55", "[approve]\nrule = \"2 of validator\"");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "vera", &["approve", "churn@1"]).0, 8, "one more is asked");
    assert_eq!(by(&world, "dev", &["return", "churn@1", "--reason", "x"]).0, 5);
    assert_eq!(by(&world, "vito", &["return", "churn@1", "--reason", ""]).0, 6, "it needs its reason");
    assert_eq!(by(&world, "vito", &["return", "churn@1", "--reason", "show the calibration"]).0, 0);
    assert_eq!(state(&world, "churn@1"), "candidate");
    let (exit, text) = by(&world, "dev", &["submit", "churn@1", "--reason", "the report has it"]);
    assert!(exit == 0 && text.contains("validated"), "{text}");
    let (exit, text) = by(&world, "vito", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("1 more validator"), "the yes of before is of another time: {text}");
    let standing = shown(&world, "auditor", &["model", "show", "churn@1"])["standing"].clone();
    let acts: Vec<_> = standing["acts"].as_array().unwrap().iter().map(|act| act["kind"].clone()).collect();
    assert_eq!(acts, ["submitted", "returned"]);
    assert_eq!(by(&world, "vera", &["approve", "churn@1"]).0, 0);
}

#[test]
fn a_condition_bounds_the_traffic_and_the_time_of_an_approval() {
    let further = "canary = { steps = [10, 50, 100], every = \"1h\" }\n[approve]\nrule = \"validator\"";
    let world = governed("0.55", further);
    world.write("kilter.toml", &world.read("kilter.toml").replace("auto = true\n", ""));
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    let (exit, text) = by(&world, "vera", &["approve", "churn@1", "--until", "2020-01-01"]);
    assert!(exit == 6 && text.contains("over already"), "{text}");
    assert_eq!(by(&world, "vera", &["approve", "churn@1", "--max-traffic", "100"]).0, 2, "that is no condition");
    assert_eq!(by(&world, "vera", &["approve", "churn@1", "--max-traffic", "20", "--until", "2099-01-01"]).0, 0);
    let (exit, text) = by(&world, "olga", &["deploy", "--version", "1"]);
    assert!(exit == 6 && text.contains("at most 20 % of the traffic, and would answer 100 %"), "{text}");
    assert_eq!(by(&world, "dev", &["run", "--force"]).0, 8);
    assert_eq!(by(&world, "vera", &["approve", "churn@2"]).0, 0);
    assert_eq!(by(&world, "olga", &["deploy", "--version", "2"]).0, 0);
    let (exit, text) = by(&world, "olga", &["deploy", "--version", "1"]);
    assert!(exit == 0 && text.contains("canary 10"), "what it was approved for: {text}");
    let (_, text) = by(&world, "auditor", &["model", "show", "churn@1"]);
    assert!(
        text.contains("approved by user:vera (validator), until 2099-01-01, at most 20 % of the traffic"),
        "{text}"
    );
}

#[test]
fn a_waiver_lets_a_version_pass_is_shown_and_takes_the_approval_with_it_when_it_ends() {
    let world = governed("0.999", "");
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 3, "{text}");
    let waiver = |who: &str, which: &str, rule: &str, until: &str, reason: &str| {
        by(
            &world,
            who,
            &["waiver", "grant", which, "--gate", "quality", "--rule", rule, "--until", until, "--reason", reason],
        )
    };
    assert_eq!(waiver("dev", "churn", "auc >= 0.999", "2099-01-01", "pilot").0, 5, "it needs a validator");
    assert_eq!(waiver("vera", "churn", "auc >= 0.999", "2099-01-01", " ").0, 6, "and a reason");
    assert_eq!(waiver("vera", "churn", "auc >= 0.999", "2020-01-01", "pilot").0, 6, "and a time to come");
    let (exit, text) = waiver("vera", "churn", "auc >= 0.5", "2099-01-01", "pilot");
    assert!(exit == 4 && text.contains("its rules are: auc >= 0.999"), "{text}");
    assert_eq!(waiver("vera", "churn", "auc>=0.9990", "2099-01-01", "the pilot of 200 customers").0, 0);
    assert_eq!(state(&world, "churn@1"), "rejected", "what was refused stays so: a fix is a new version");
    let (exit, text) = by(&world, "dev", &["run", "--force"]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!((state(&world, "churn@2"), live(&world)), ("approved".to_owned(), 2.into()));
    let (_, text) = by(&world, "auditor", &["model", "show", "churn@2"]);
    assert!(text.contains("gate quality: `auc >= 0.999` is waived until 2099-01-01 by user:vera"), "{text}");
    assert!(text.contains("gate quality: failed"), "a waiver is no pass: {text}");
    let (_, text) = by(&world, "auditor", &["status"]);
    assert!(text.contains("v2: gate quality: `auc >= 0.999` is waived until 2099-01-01"), "{text}");
    let listed = shown(&world, "auditor", &["waiver", "list", "churn"]);
    let id = listed["waivers"][0]["id"].as_str().unwrap();
    let (exit, text) = by(&world, "vera", &["waiver", "revoke", "churn", &id[id.len() - 8..]]);
    assert_eq!(exit, 0, "{text}");
    assert_eq!((state(&world, "churn@2"), live(&world)), ("validated".to_owned(), Value::Null));
    assert_eq!(shown(&world, "auditor", &["waiver", "list", "churn"])["waivers"][0]["state"], "revoked");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

fn git(world: &World, arguments: &[&str]) {
    let done = Command::new("git").args(arguments).current_dir(world.path()).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn commit(world: &World, author: &str) {
    git(world, &["add", "-A"]);
    let author = format!("--author={author}");
    let name = ["-c", "user.name=build", "-c", "user.email=build@example.org"];
    git(world, &[&name[..], &["commit", "-q", "-m", "x", &author]].concat());
}

const HIGH: &str = "[approve]\nrule = \"1 of validator and owner\"\n[objective.saved]\nkpi = \"saved customers\"";

const CARD: &str = "# Card\n<!-- human:limitations -->\nNot for pricing.\n<!-- /human:limitations -->\n\
    <!-- human:ethics -->\nNobody is called twice a week.\n<!-- /human:ethics -->\n\
    <!-- human:oversight -->\nThe desk may ignore each score.\n<!-- /human:oversight -->\n";

/// A high-risk project in Git, whose last commit is by `author`.
pub fn high_risk(author: &str) -> World {
    let world = governed("0.55", HIGH);
    let stated = "name = \"churn\"\nrisk = \"high\"\npurpose = \"whom to call\"\nnot_for = [\"pricing\"]";
    world.write("kilter.toml", &world.read("kilter.toml").replace("name = \"churn\"", stated));
    world.write("docs/MODEL_CARD.md", CARD);
    world.write(".gitignore", "work/\n.kilter/\nkilter.lock\nkilter-data/\n");
    git(&world, &["init", "-q"]);
    commit(&world, author);
    world
}

#[test]
fn a_high_risk_version_needs_a_review_by_someone_who_did_not_make_it() {
    let world = high_risk("Dev <dev@example.org>");
    let (exit, text) = by(&world, "dev", &["run"]);
    assert_eq!(exit, 8, "{text}");
    let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("an independent review"), "{text}");
    assert_eq!(by(&world, "dev", &["review", "churn@1"]).0, 5, "a developer does not review");
    let reviewed = shown(&world, "vito", &["review", "churn@1", "--reason", "measured on the packed rows"]);
    assert_eq!(reviewed["outcome"], "confirmed", "{reviewed}");
    assert!(reviewed["rows"].as_u64().unwrap() > 50, "{reviewed}");
    assert_eq!(reviewed["rules"][0]["measured"], "passed", "{reviewed}");
    let (exit, text) = by(&world, "ona", &["approve", "churn@1"]);
    assert!(exit == 0 && text.contains("churn@1 is approved"), "{text}");
    let (_, text) = by(&world, "auditor", &["model", "show", "churn@1"]);
    assert!(text.contains("reviewed by user:vito") && text.contains("confirmed"), "{text}");
}

/// Acceptance check 2: whoever wrote the code does not approve it, whoever started the run, and by whatever name.
#[test]
fn an_author_does_not_approve_what_another_one_started() {
    for author in ["Somebody <Vera@example.org>", "Vera <v.k@example.org>", "V K <vera@example.org>"] {
        let world = high_risk(author);
        assert_eq!(by(&world, "dev", &["run"]).0, 8);
        assert_eq!(by(&world, "vito", &["review", "churn@1"]).0, 0);
        assert_eq!(by(&world, "ona", &["approve", "churn@1"]).0, 8);
        let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
        assert!(exit == 8 && text.contains("people who did not make the version"), "{author}: {text}");
        let (exit, text) = by(&world, "vera", &["review", "churn@1"]);
        assert!(exit == 6 && text.contains("made by user:vera"), "{author}: {text}");
        assert_eq!(by(&world, "vito", &["approve", "churn@1"]).0, 0, "{author}");
    }
}

/// Whoever submits a version is one of its makers.
#[test]
fn a_submitter_does_not_approve() {
    let roles = ROLES.replace("developer = [\"user:dev\"]", "developer = [\"user:dev\", \"user:vera\"]");
    let world = governed("0.55", "[approve]\nrule = \"validator\"");
    world.write("kilter.toml", &world.read("kilter.toml").replace(ROLES, &roles));
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "vito", &["return", "churn@1", "--reason", "x"]).0, 0);
    assert_eq!(by(&world, "vera", &["submit", "churn@1"]).0, 0);
    let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("people who did not make the version"), "{text}");
    assert_eq!(by(&world, "vito", &["approve", "churn@1"]).0, 0);
}

/// Acceptance check 8: a gate that is tightened is asked of what was approved by the older one.
#[test]
fn a_tightened_gate_re_validates_what_was_approved() {
    let world = governed("0.55", "");
    assert_eq!(by(&world, "ona", &["run"]).0, 0);
    assert_eq!(live(&world), 1);
    let tighten = |from: &str, to: &str| {
        world.write("kilter.toml", &world.read("kilter.toml").replace(from, to));
        by(&world, "ona", &["run", "--force"])
    };
    // What was measured meets the stricter bound: the approval stands.
    let (exit, text) = tighten("auc >= 0.55", "auc >= 0.56");
    assert_eq!(exit, 0, "{text}");
    assert_eq!(state(&world, "churn@1"), "approved");
    let gates = shown(&world, "auditor", &["model", "show", "churn@1"])["gates"].clone();
    assert!(gates[0]["reason"].to_string().contains("0.56"), "the new rule has its verdict: {gates}");
    // What was measured does not: both lapse, and nothing answers.
    let (exit, text) = tighten("auc >= 0.56", "auc >= 0.9999");
    assert_eq!(exit, 3, "{text}");
    assert_eq!((state(&world, "churn@1"), state(&world, "churn@2")), ("validated".into(), "validated".into()));
    assert_eq!(live(&world), Value::Null);
    let entries = shown(&world, "auditor", &["audit", "list"]);
    let lapsed =
        entries["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "version.lapse").unwrap();
    assert!(lapsed["reason"].as_str().unwrap().contains("0.9999"), "{lapsed}");
    assert_eq!(by(&world, "auditor", &["audit", "verify"]).0, 0);
}

/// A review is of the verdicts and of the policy that it measured: it counts for no later one.
#[test]
fn a_review_of_an_older_policy_does_not_count_for_a_newer_one() {
    let world = high_risk("Dev <dev@example.org>");
    assert_eq!(by(&world, "dev", &["run"]).0, 8);
    assert_eq!(by(&world, "vito", &["review", "churn@1"]).0, 0);
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &contract.replace("auc >= 0.55", "auc >= 0.56"));
    commit(&world, "Dev <dev@example.org>");
    assert_eq!(by(&world, "ona", &["run", "--force"]).0, 8);
    let (exit, text) = by(&world, "vera", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("an independent review"), "{text}");
    let reviewed = shown(&world, "vito", &["review", "churn@1"]);
    assert_eq!(reviewed["outcome"], "confirmed", "{reviewed}");
    assert!(reviewed["rules"].to_string().contains("0.56"), "{reviewed}");
    let (exit, text) = by(&world, "ona", &["approve", "churn@1"]);
    assert!(exit == 0 && text.contains("churn@1 is approved"), "{text}");
}

/// One person who has two roles says yes in the one that is still missing, or in the one that they name.
#[test]
fn who_has_two_roles_gives_the_yes_that_is_missing() {
    let world = governed("0.55", "[approve]\nrule = \"1 of validator and owner\"");
    let both = "validator = [\"user:vera\", \"user:vito\", \"user:ona\"]";
    let contract = world.read("kilter.toml").replace("validator = [\"user:vera\", \"user:vito\"]", both);
    world.write("kilter.toml", &contract);
    for _ in 0..2 {
        assert_eq!(by(&world, "dev", &["run", "--force"]).0, 8);
    }
    let (exit, text) = by(&world, "ona", &["approve", "churn@1"]);
    assert!(exit == 8 && text.contains("1 more owner"), "the first that is asked: {text}");
    let (exit, text) = by(&world, "vera", &["approve", "churn@1", "--as", "owner"]);
    assert!(exit == 6 && text.contains("not one in which user:vera can approve"), "{text}");
    assert_eq!(by(&world, "vera", &["approve", "churn@1"]).0, 8);
    let (_, text) = by(&world, "ona", &["inbox"]);
    assert!(text.contains("kilter approve churn@1"), "her other yes is asked: {text}");
    let (exit, text) = by(&world, "ona", &["approve", "churn@1"]);
    assert!(exit == 0 && text.contains("churn@1 is approved"), "{text}");
    let (exit, text) = by(&world, "ona", &["approve", "churn@2", "--as", "owner"]);
    assert!(exit == 8 && text.contains("1 more validator"), "{text}");
    assert_eq!(by(&world, "vera", &["approve", "churn@2"]).0, 0);
}
