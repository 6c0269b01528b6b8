//! Runs: by the server that has the folder as by the command itself; what they say, what can be read of them afterwards.

use kilter_app::reconcile::{self, EvaluationMode};
use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::{World, contract::project, server::Server};

/// A project of one step, a shell line.
fn one_step(line: &str) -> World {
    let world = World::new();
    world.write("kilter.toml", &format!("[project]\nname = \"one\"\n[step.work]\nrun = '''{line}'''\n"));
    world
}

fn versions(world: &World) -> usize {
    let models = world.json(&["model", "list"]);
    models["models"].as_array().unwrap().iter().map(|model| model["versions"].as_array().unwrap().len()).sum()
}

/// Asks until `is_so`, for at most a minute.
pub fn wait_for(ask: impl Fn() -> Value, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let found = ask();
        if is_so(&found) {
            return found;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not come: {}", ask());
}

#[test]
fn a_run_goes_through_the_server_that_has_the_folder() {
    let world = project("0.55");
    let server = Server::start(&world);
    let text = world.kilter(&["run"]);
    assert_eq!(text.exit, 0, "{}{}", text.out, text.err);
    assert!(text.out.contains("churn v1 is approved") && text.out.contains("2 executed"), "{}", text.out);
    assert!(text.err.contains("The server executes run") && text.err.contains("train"), "{}", text.err);
    assert_eq!(server.get("/api/v1/status").1["endpoints"][0]["live"]["version"], 1, "and it answers at once");
    let listed = world.json(&["runs", "list"]);
    let (id, run) = (listed["runs"][0]["id"].as_str().unwrap(), &listed["runs"][0]["executed"]);
    assert_eq!((&run["state"], &run["version"], &run["project"]), (&"succeeded".into(), &1.into(), &"churn".into()));
    let shown = world.json(&["runs", "show", id]);
    assert_eq!(shown["version"]["state"], "approved");
    assert_eq!(shown["steps"].as_array().unwrap().len(), 2);
    let again = world.json(&["run"]);
    assert_eq!((&again["unchanged"], &again["version"]["number"]), (&true.into(), &1.into()), "{again}");
    assert_eq!(world.json(&["run", "--dry-run"])["run"]["steps"][0]["state"], "cached");
}

#[test]
fn an_unchanged_run_makes_no_version_and_force_makes_one() {
    let world = project("0.55");
    assert_eq!(world.json(&["run"])["unchanged"], false);
    let text = world.kilter(&["run"]);
    assert!(text.exit == 0 && text.out.contains("unchanged: version 1 of churn is approved"), "{}", text.out);
    assert!(text.out.contains("--force"), "{}", text.out);
    assert_eq!(versions(&world), 1);
    assert_eq!(world.json(&["run", "--force"])["version"]["number"], 2);
    assert_eq!(world.json(&["run"])["version"]["number"], 2, "the newest of the same content is named");
    // A tighter gate judges again; a comment does not.
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("# a word\n{contract}"));
    assert_eq!(world.json(&["run"])["unchanged"], true);
    world.write("kilter.toml", &contract.replace("auc >= 0.55", "auc >= 0.56"));
    assert_eq!(world.json(&["run"])["version"]["number"], 3);
    // Data that comes back is known, and so is its version.
    let rows = world.read("customers.csv");
    world.write("customers.csv", &(rows.clone() + "400,2024-11-01,33,4,north,0\n"));
    assert_eq!(world.json(&["run"])["version"]["number"], 4);
    world.write("customers.csv", &rows);
    let back = world.json(&["run"]);
    assert_eq!((&back["unchanged"], &back["version"]["number"]), (&true.into(), &3.into()), "{back}");
    assert_eq!(versions(&world), 4);
}

#[test]
fn a_run_says_its_verdict_its_metrics_and_why_it_was_refused() {
    let world = project("1.0");
    let text = world.kilter(&["run"]);
    assert_eq!(text.exit, 3, "{}{}", text.out, text.err);
    assert!(text.out.contains("rejected by a gate"), "{}", text.out);
    assert!(text.out.contains("gate quality: failed") && text.out.contains("required >= 1"), "{}", text.out);
    assert!(text.out.lines().any(|line| line.trim_start().starts_with("auc ")), "{}", text.out);
    let again = world.kilter(&["run"]);
    assert!(
        again.exit == 3 && again.out.contains("unchanged: version 1"),
        "an unchanged refusal stays one: {}",
        again.out
    );
    let document: Value = serde_json::from_str(&world.kilter(&["run", "--json"]).out).unwrap();
    assert_eq!((&document["version"]["gates"][0]["verdict"], &document["unchanged"]), (&"failed".into(), &true.into()));
    assert!(document["version"]["metrics"]["auc"].is_number(), "{document}");
}

#[test]
fn logs_of_steps_that_succeeded_are_read_and_do_nothing_to_the_terminal() {
    let world = one_step("printf 'so it goes\\n\\033[31mred\\n'; echo and on >&2");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let text = world.kilter(&["runs", "logs"]);
    assert!(
        text.exit == 0 && text.out.starts_with("so it goes\n") && text.out.contains("and on"),
        "{}{}",
        text.out,
        text.err
    );
    assert!(!text.out.contains('\u{1b}') && text.out.contains("[31mred"), "{:?}", text.out);
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert!(world.kilter(&["runs", "logs", "work"]).out.contains("so it goes"), "of a step that was known already too");
    assert!(
        world.json(&["runs", "logs", "work"])["logs"][0]["text"].as_str().unwrap().contains('\u{1b}'),
        "a program gets all"
    );
    assert_eq!(world.problem(&["runs", "logs", "play"], 4)["hint"], "it has work");
    assert_eq!(world.problem(&["runs", "show", "0190-nothing"], 4)["code"], "not_found");
    assert_eq!(world.problem(&["runs", "show", "../x"], 4)["code"], "not_found");
    assert_eq!(world.json(&["runs", "list"])["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn a_step_may_be_called_like_any_command() {
    let world = World::new();
    world.write("kilter.toml", "[project]\nname = \"x\"\n[step.list]\nrun = \"true\"\n[step.other]\nrun = \"true\"\n");
    let ran = world.json(&["run", "list"]);
    assert_eq!(ran["run"]["steps"].as_array().unwrap().len(), 1);
    assert_eq!(world.json(&["runs", "list"])["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_folder_that_begins_with_an_explanation_is_private_too() {
    use std::os::unix::fs::PermissionsExt;
    let world = one_step("true");
    assert_eq!(world.kilter(&["run", "--dry-run"]).exit, 0);
    let mode = std::fs::metadata(world.path().join(".kilter")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
}

#[test]
fn a_run_of_the_server_is_cancelled_and_ends_with_the_server() {
    let world = one_step("sleep 600");
    assert_eq!(world.kilter(&["run", "--dry-run"]).exit, 0);
    let server = Server::start(&world);
    let mut asked = world.command(&["run"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let newest = || world.json(&["runs", "list"])["runs"][0].clone();
    let run = wait_for(newest, |run| run["executed"]["state"] == "running");
    let id = run["id"].as_str().unwrap();
    assert_eq!(world.kilter(&["runs", "cancel", id, "--reason", "the wrong data"]).exit, 0);
    assert_eq!(asked.wait().unwrap().code(), Some(1), "who waits for it hears that it was cancelled");
    let ended = world.json(&["runs", "show", id]);
    assert_eq!((&ended["summary"]["state"], &ended["steps"][0]["state"]), (&"cancelled".into(), &"cancelled".into()));
    assert_eq!(world.problem(&["runs", "cancel", id], 6)["code"], "invalid_state");
    let entries = world.json(&["audit", "list"]);
    let text =
        entries["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "run.cancel").unwrap().clone();
    assert_eq!(text["reason"], "the wrong data");
    // By its name, over the API: the server knows the folder now.
    let (status, started) = server.ask("POST", "/api/v1/runs", &json!({ "project": "one" }));
    assert_eq!(status, 202, "{started}");
    wait_for(newest, |run| run["executed"]["state"] == "running" && run["id"] == started["id"]);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let last = world.json(&["runs", "show"]);
    assert_eq!((&last["summary"]["id"], &last["summary"]["state"]), (&started["id"], &"cancelled".into()));
    assert_eq!(world.json(&["audit", "verify"])["valid"], true);
}

#[test]
fn a_folder_is_run_in_for_those_alone_who_can_read_the_data_folder() {
    let world = one_step("touch ran");
    let elsewhere = World::new();
    elsewhere.write("kilter.toml", "[project]\nname = \"evil\"\n[step.work]\nrun = \"touch ran\"\n");
    let server = Server::start(&world);
    let folder = elsewhere.path().display().to_string();
    let (status, refused) = server.ask("POST", "/api/v1/runs", &json!({ "folder": folder }));
    assert_eq!((status, &refused["code"]), (403, &"permission_denied".into()), "{refused}");
    assert!(!elsewhere.path().join("ran").exists());
    let (status, unknown) = server.ask("POST", "/api/v1/runs", &json!({ "project": "one" }));
    assert_eq!(status, 404, "{unknown}");
    assert!(unknown["hint"].as_str().unwrap().contains("bring the project's folder there"), "{unknown}");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    assert!(world.path().join("ran").exists());
    // As from another machine: by the name of the project, and only if the contract is the same there.
    let url = format!("http://{}", server.address);
    assert_eq!(world.kilter(&["run", "--server", &url]).exit, 0);
    elsewhere.write("kilter.toml", "[project]\nname = \"one\"\n[step.work]\nrun = \"touch other\"\n");
    let other = elsewhere.problem(&["run", "--server", &url], 6);
    assert!(other["detail"].as_str().unwrap().contains("is not the one at hand"), "{other}");
    elsewhere.write("kilter.toml", "[project]\nname = \"two\"\n[step.work]\nrun = \"true\"\n");
    assert!(elsewhere.problem(&["run", "--server", &url], 4)["hint"].as_str().unwrap().contains("own machine"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &world.path().join(".kilter/server.json").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600, "the key is for the owner of the data folder alone");
}

#[test]
fn a_run_by_the_server_fails_as_one_without() {
    let world = World::new();
    world.write(
        "kilter.toml",
        "[project]\nname = \"one\"\n[params]\nn = 3\n[step.a]\nrun = \"echo n={params.n} >{out.o}\"\nparams = [\"n\"]\n\
         out = { o = \"work/o\" }\n[step.b]\nrun = \"sh -c 'echo so it goes; exit 9'\"\nin = [\"a.o\"]\n",
    );
    let all = [
        (&["run", "a", "--param", "n=5"][..], 0),
        (&["run", "a", "--locked"], 0),
        (&["run", "a", "--param", "m=5"], 1),
        (&["run", "nosuch"], 2),
        (&["run"], 1),
    ];
    for (arguments, exit) in all {
        assert_eq!(world.kilter(arguments).exit, exit, "{arguments:?} by the command itself");
    }
    let server = Server::start(&world);
    for (arguments, exit) in all {
        let text = world.kilter(arguments);
        assert_eq!(text.exit, exit, "{arguments:?} by the server: {}{}", text.out, text.err);
    }
    assert_eq!(world.kilter(&["run", "a", "--param", "n=7"]).exit, 0);
    assert_eq!(world.read("work/o"), "n=7\n");
    assert!(world.kilter(&["run"]).err.contains("so it goes"), "with the end of the log");
    let asked = world.command(&["run", "nosuch", "--server", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(asked.status.code(), Some(7));
    drop(server);
    assert_eq!(world.kilter(&["run", "a"]).exit, 0, "and by itself again once the server is gone");
}

#[test]
fn the_loop_follows_the_contract_in_force_and_not_the_file() {
    let world = project("0.55");
    let contract = world.read("kilter.toml") + "[retrain]\nwhen = [\"schedule every 1d\"]\n";
    world.write("kilter.toml", &contract);
    let data = world.path().join(".kilter");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    world.write("kilter.toml", &contract.replace("auc >= 0.55", "auc >= 1.0"));
    let rows = world.read("customers.csv");
    world.write("customers.csv", &(rows + "400,2024-11-01,33,4,north,0\n"));
    let tool = env!("CARGO_BIN_EXE_kilter").into();
    let options = kilter_app::AppOptions::new(tool);
    let app = kilter_app::App::open(&data, options).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let (churn, soon) = ("churn".parse().unwrap(), kilter_domain::time::Timestamp(now + 2 * 86_400_000));
    let mode = EvaluationMode { may_train: true, seals_first: true };
    let evaluated = reconcile::evaluate_registered_project(&app, &churn, soon, mode).unwrap();
    assert!(evaluated.is_training_due, "the schedule is due");
    reconcile::train_if_due(&app, &churn, soon).unwrap();
    drop(app);
    let shown = world.json(&["model", "show", "churn@2"]);
    assert_eq!((&shown["state"], &shown["gates"][0]["verdict"]), (&"approved".into(), &"passed".into()), "{shown}");
}

#[test]
fn a_run_by_the_server_asks_for_its_right_too() {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write(
        "kilter.toml",
        &format!("{contract}\n[project.roles]\ndeveloper = [\"user:dev\"]\nauditor = [\"user:ada\"]\nadmin = [\"user:ida\"]\n"),
    );
    let _server = Server::start(&world);
    let by = |who: &str, arguments: &[&str]| world.command(arguments).env("USER", who).output().unwrap().status.code();
    assert_eq!(by("eve", &["run"]), Some(5));
    assert_eq!(by("dev", &["run"]), Some(0));
    world.write("kilter.toml", &contract);
    assert_eq!(by("eve", &["run"]), Some(5), "the recorded roles count");
    let seen = world.command(&["runs", "list", "--json"]).env("USER", "eve").output().unwrap();
    let seen: Value = serde_json::from_slice(&seen.stdout).unwrap();
    assert_eq!(seen["runs"], Value::Array(Vec::new()), "what is of others is left out");
    assert_eq!(by("ada", &["runs", "logs"]), Some(0));
    assert_eq!(by("ada", &["runs", "cancel", "x"]), Some(4));
}
