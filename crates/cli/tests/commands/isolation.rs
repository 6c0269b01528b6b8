//! What others wrote stays where it belongs: links and outputs in their step, control characters off the terminal, data
//! with its owner; and whoever only looks is kept out by nobody.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use kilter_workflow::KEPT_NAMES;
use serde_json::json;

use crate::{
    World,
    contract::project,
    customers,
    predictions::rows as rows_of_two,
    server::{Server, ask},
};

const NAMED: &str = "[project]\nname = \"contained\"\n";

#[test]
fn an_output_that_is_a_link_is_refused_each_time_and_leaves_nothing_in_place() {
    for target in ["$PWD/data.csv", "/etc/hostname", "$PWD", "nowhere"] {
        let world = World::new();
        world.write("data.csv", &customers());
        let contract =
            format!("{NAMED}[step.link]\nrun = \"ln -s {target} {{out.o}}\"\nout = {{ o = \"work/o.csv\" }}\n");
        world.write("kilter.toml", &contract);
        for turn in 0..2 {
            let shown = world.kilter(&["run"]);
            let result = shown.out.clone() + &shown.err;
            assert!(shown.exit == 1 && result.contains("a symbolic link"), "{target}, turn {turn}: {result}");
            assert!(world.path().join("work/o.csv").symlink_metadata().is_err(), "{target}");
        }
        assert_eq!(world.read("data.csv"), customers());
    }
}

#[test]
fn the_contract_is_no_output() {
    let world = World::new();
    let contract = format!("{NAMED}[step.a]\nrun = \"echo >{{out.o}}\"\nout = {{ o = \"kilter.toml\" }}\n");
    world.write("kilter.toml", &contract);
    assert_eq!(world.problem(&["run"], 2)["code"], "contract_invalid");
    assert_eq!(world.read("kilter.toml"), contract);
}

/// A project whose step writes to `output`, with `more` in its contract; it says when it ran.
fn writing_to(output: &str, more: &str) -> World {
    let world = World::new();
    for folder in ["config", "store"] {
        fs::create_dir(world.path().join(folder)).unwrap();
    }
    let run = "touch ran; echo > {out.o}";
    let step = format!("[step.a]\nrun = \"{run}\"\nout = {{ o = \"{output}\" }}\n[data.d]\npath = \"d.csv\"\n");
    world.write("config/kilter.toml", &format!("{NAMED}{step}{more}"));
    world.write("store/d.csv", &customers());
    world.write("packages.lock", "numpy\n");
    for (link, real) in [("kilter.toml", "config/kilter.toml"), ("d.csv", "store/d.csv"), ("alias", "kept")] {
        symlink(real, world.path().join(link)).unwrap();
    }
    world
}

#[test]
fn an_output_over_what_kilter_reads_or_keeps_is_refused_before_anything_runs() {
    for (data, output) in [
        ("kept", "kept"),
        ("kept", "kept/kilter.db"),
        ("kept", "kept/work/model"),
        ("kept", "Kept/model"),
        ("alias", "kept/model"),
        ("work/../kept", "kept/model"),
        ("deep/kept", "deep"),
        (".", "blobs/model"),
        (".", "kilter.db"),
        (".kilter", "Kilter.toml"),
        (".kilter", "x/../KILTER.lock"),
        (".kilter", ".Kilter/model"),
        (".kilter", ".GIT/hooks"),
        (".kilter", "config/kilter.toml"),
        (".kilter", "config"),
        (".kilter", "store/d.csv"),
        (".kilter", "store/D.csv"),
        (".kilter", "packages.lock"),
    ] {
        let world = writing_to(output, "[env]\nlock = \"packages.lock\"\n");
        fs::create_dir(world.path().join("kept")).unwrap();
        let (contract, data_before) = (world.read("kilter.toml"), world.read("d.csv"));
        let problem = world.problem(&["run", "--data", data], 2);
        assert_eq!(problem["code"], "contract_invalid", "{data} {output}: {problem}");
        assert!(!world.path().join("ran").exists(), "{data} {output}: the step ran");
        assert_eq!((world.read("kilter.toml"), world.read("d.csv")), (contract, data_before), "{output}");
    }
    for (data, output) in [("kept", "kept2/model"), (".", "work/model"), ("kept/../deep", "kept/model")] {
        let world = writing_to(output, "");
        assert_eq!(world.kilter(&["run", "--data", data]).exit, 0, "{data} {output}");
        assert!(world.path().join(output).exists());
    }
}

/// Outputs are kept off each of these, so the list has to be whole.
#[test]
fn what_the_platform_writes_into_its_data_folder_is_listed() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let server = Server::start(&world);
    assert_eq!(ask(&server.address, "POST", "/v2/models/churn/infer", &rows_of_two()).unwrap().0, 200);
    drop(server);
    let names = fs::read_dir(world.path().join(".kilter")).unwrap().map(|entry| entry.unwrap().file_name());
    let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    let unknown: Vec<&String> = names.iter().filter(|name| !KEPT_NAMES.contains(&name.as_str())).collect();
    assert_eq!(unknown, [".gitignore"; 0], "{names:?}");
}

/// Nothing but line breaks, tabs and what can be seen.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| (c.is_control() && !"\n\t".contains(c)) || ('\u{202a}'..='\u{202e}').contains(&c))
}

#[test]
fn what_a_terminal_obeys_never_reaches_it() {
    let world = World::new();
    let evil = "\u{1b}]0;mine\u{7}\u{1b}[2J\u{9b}31m\u{202e}x";
    let table = customers().replace("region", &format!("reg{evil}ion")).replace("north", &format!("n{evil}"));
    world.write("evil.csv", &table);
    world.write("log.txt", &format!("step {evil}\r\n"));
    let contract = format!("{NAMED}[step.a]\nrun = \"cat log.txt; exit 3\"\nout = {{ o = \"o\" }}\n");
    world.write("kilter.toml", &contract);
    let broken = format!("[step.a{evil}]\nrun = \"x\"\n");
    world.write("broken/kilter.toml", &broken);
    let excluded = format!("no{evil}such");
    let commands: [&[&str]; 9] = [
        &["run"],
        &["profile", "evil.csv"],
        &["drift", "evil.csv", "evil.csv"],
        &["profile", "evil.csv", "--exclude", &excluded],
        &["train", "evil.csv", "--target", "left", "--exclude", "id,at", "--param", "rounds=3", "--out", "model"],
        &["evaluate", "model", "evil.csv"],
        &["sql", "select * from t limit 3", "--table", "t=evil.csv"],
        &["check", "broken"],
        &["init", "--from", "evil.csv", "--label", &excluded],
    ];
    for arguments in commands {
        for json in [&[][..], &["--json"]] {
            let shown = world.kilter(&[arguments, json].concat());
            assert!(is_plain(&shown.out) && is_plain(&shown.err), "{arguments:?}: {:?}{:?}", shown.out, shown.err);
        }
    }
}

#[test]
fn the_data_folder_is_its_owners_and_one_that_is_not_is_told() {
    let world = World::new();
    let server = Server::start(&world);
    let mode = |path: &str| fs::metadata(world.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".kilter"), 0o700);
    server.signal("-TERM");
    assert_eq!(server.wait(), Some(0));
    let result = |world: &World| world.kilter(&["doctor", "--port", "0", "--token-file", "token"]).out;
    world.write("token", "0123456789abcdef0123456789abcdef\n");
    fs::set_permissions(world.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(result(&world).contains("who can read it: nobody but its owner"), "{}", result(&world));
    fs::set_permissions(world.path().join("token"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(world.path().join(".kilter"), fs::Permissions::from_mode(0o755)).unwrap();
    let text = result(&world);
    assert!(text.contains("chmod 700 `.kilter`") && text.contains("chmod 600 `token`"), "{text}");
    let mut child = world
        .command(&["server", "--port", "0", "--token-file", "token"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_secs(2));
    child.kill().unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(text.contains("chmod 700") && text.contains("chmod 600"), "{text}");
}

#[test]
fn thirty_two_look_while_a_run_has_the_folder_and_who_would_change_something_waits() {
    let world = World::new();
    let began_file = world.path().join("began");
    let command = format!("echo >{{out.o}}; touch {}; sleep 600", began_file.display());
    world.write("kilter.toml", &format!("{NAMED}[step.a]\nrun = \"{command}\"\nout = {{ o = \"o\" }}\n"));
    let mut run = world.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let waits_since = Instant::now();
    while !began_file.exists() {
        assert!(waits_since.elapsed() < Duration::from_secs(60), "the step does not begin");
        thread::sleep(Duration::from_millis(20));
    }
    let looks: [&[&str]; 4] = [&["status"], &["audit", "list"], &["alert", "list"], &["deployment", "list"]];
    thread::scope(|scope| {
        let looks: Vec<_> = (0..32).map(|at| scope.spawn(move || (at, looks[at % 4]))).collect();
        for look in looks {
            let (at, arguments) = look.join().unwrap();
            let shown = world.kilter(arguments);
            assert_eq!(shown.exit, 0, "look {at}, {arguments:?}: {}", shown.err);
        }
    });
    assert_eq!(world.problem(&["reject", "x@1", "--reason", "no"], 6)["code"], "data_folder_in_use");
    run.kill().unwrap();
    run.wait().unwrap();
    // A server that was killed leaves its address behind: whoever looks is not led astray.
    world.write(".kilter/server.json", "{\"address\":\"127.0.0.1:9\",\"pid\":1}");
    assert_eq!(world.kilter(&["status"]).exit, 0);
}

#[test]
fn a_full_disk_is_507_and_the_answer_names_no_folder_of_the_machine() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    // No file grows past two mebibytes: to whoever writes, the disk is full.
    let server = Server::start_with(&world, "trap '' XFSZ; ulimit -f 2048;");
    let rows = 90_000;
    let numbers = |value: f64| vec![value; rows];
    let body = json!({ "inputs": [
        { "name": "age", "datatype": "FP64", "shape": [rows], "data": numbers(25.0) },
        { "name": "visits", "datatype": "FP64", "shape": [rows], "data": numbers(1.0) },
        { "name": "region", "datatype": "BYTES", "shape": [rows], "data": vec!["north"; rows] },
    ] });
    let ids: Vec<String> = (0..rows).map(|at| format!("an-id-of-some-length-{at}")).collect();
    let labels = json!({ "ids": ids, "values": vec![1; rows] });
    let folder = world.path().display().to_string();
    for (path, body) in [("/v2/models/churn/infer", &body), ("/api/v1/endpoints/churn/labels", &labels)] {
        let (status, answer) = server.ask("POST", path, body);
        assert_eq!(status, 507, "{path}: {answer}");
        assert!(
            !answer.to_string().contains(&folder) && answer.to_string().contains("disk is full"),
            "{path}: {answer}"
        );
    }
    // What fits is still recorded.
    assert_eq!(server.ask("POST", "/v2/models/churn/infer", &rows_of_two()).0, 200);
}

#[test]
fn a_folder_in_which_nobody_can_write_can_be_looked_at() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let commands = ["status", "audit list", "alert list", "deployment list", "model list", "doctor --port 0"];
    // A mount of its own, seen by these commands alone; where the system forbids that, there is nothing to be seen.
    let typed: Vec<String> = commands.iter().map(|command| format!("\"$0\" {command}; echo \"exit $?\"")).collect();
    let line = format!(
        "mount --bind .kilter .kilter && mount -o remount,ro,bind .kilter || exit 77\n! touch .kilter/x 2>/dev/null || exit 77\n{}",
        typed.join("\n")
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", &line]).arg(world.command(&[]).get_program()).current_dir(world.path());
    let Ok(output) = command.output() else { return };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.code() == Some(77) || !text.contains("exit") {
        return;
    }
    let exits: Vec<&str> = text.lines().filter(|line| line.starts_with("exit ")).collect();
    assert_eq!(exits[..5], ["exit 0"; 5], "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("churn") && !text.contains("could not open the database"), "{text}");
}
