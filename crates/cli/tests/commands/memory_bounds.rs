//! Memory stays within what is stated: of a server whatever it is sent, of a command whatever file it is given.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::symlink,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    App, AppOptions, Project, monitor,
    prediction::{self, Request},
};
use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::write_table;

use crate::{World, contract::project, customers, server::Server};

/// Sends `body` and answers the status; 0 when the server ended the connection before it answered.
fn post(address: &str, path: &str, body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // A server that refuses early closes early.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// A body of labels with `bytes` bytes: as many and as short ones as go into it.
fn labels(bytes: usize) -> Vec<u8> {
    let count = bytes / 10;
    let mut body = b"{\"ids\":[".to_vec();
    (0..count).for_each(|at| write!(body, "{}\"{:05}\"", if at == 0 { "" } else { "," }, at % 100_000).unwrap());
    body.extend_from_slice(b"],\"values\":[");
    body.extend_from_slice(&b"1,".repeat(count - 1));
    body.extend_from_slice(b"1]}");
    body
}

#[test]
fn eight_large_bodies_of_labels_at_once_take_a_small_multiple_of_their_bytes() {
    let world = World::new();
    let server = Server::start(&world);
    let body = labels(40 << 20);
    let began = Instant::now();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let path = "/api/v1/endpoints/churn/labels";
        let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| post(&server.address, path, &body))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    let allowed = |status: &u16| matches!(status, 413 | 503 | 0);
    assert!(statuses.contains(&413) && statuses.iter().all(allowed), "{statuses:?}");
    assert!(server.peak_bytes() < 768 << 20, "{} MiB", server.peak_bytes() >> 20);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(server.get("/health").0, 200);
}

/// How a command ends within 2 GiB of address space, and how long it took.
fn within_two_gib(world: &World, arguments: &[&str]) -> (Option<i32>, String, Duration) {
    let kilter = world.command(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v 2097152; exec \"$0\" \"$@\""]).arg(kilter).args(arguments).arg("--json");
    let began = Instant::now();
    let output = command.current_dir(world.path()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), began.elapsed())
}

#[test]
fn rows_that_would_fill_the_memory_are_refused_by_every_command_that_holds_a_table() {
    let world = World::new();
    world.write("good.csv", &customers());
    world.json(&[
        "train",
        "good.csv",
        "--target",
        "left",
        "--exclude",
        "id,at",
        "--param",
        "rounds=3",
        "--out",
        "model",
    ]);
    let rows = 20 << 20;
    let table = Table::new(vec![
        ("age".into(), Column::Float(vec![1.0; rows])),
        ("left".into(), Column::Bool(vec![Some(true); rows])),
    ]);
    let path = world.path().join("bomb.parquet");
    write_table(&path, &table.unwrap()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20, "run lengths make it small");
    let commands: [&[&str]; 4] = [
        &["train", "bomb.parquet", "--target", "left", "--out", "its"],
        &["predict", "bomb.parquet", "--model", "model", "--out", "scored.csv"],
        &["evaluate", "model", "bomb.parquet"],
        &["label", "churn", "bomb.parquet", "--id", "age", "--label", "left"],
    ];
    for arguments in commands {
        let (exit, shown, took) = within_two_gib(&world, arguments);
        assert!(exit == Some(1) && shown.contains("KILTER_TABLE_MEMORY"), "{arguments:?}: {exit:?} {shown}");
        assert!(took < Duration::from_secs(10), "{arguments:?}: {took:?}");
    }
    // By column it is looked at whatever its length.
    let (exit, shown, _) = within_two_gib(&world, &["profile", "bomb.parquet"]);
    assert_eq!(exit, Some(0), "{shown}");
    let refused = world.command(&["check"]).env("KILTER_TABLE_MEMORY", "much").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn what_is_no_file_is_refused_by_every_command_before_it_is_opened() {
    let world = World::new();
    world.write("good.csv", &customers());
    world.json(&[
        "train",
        "good.csv",
        "--target",
        "left",
        "--exclude",
        "id,at",
        "--param",
        "rounds=3",
        "--out",
        "model",
    ]);
    for name in ["pipe.csv", "pipe.parquet", "pipe.onnx", "pipe.sql", "project/kilter.toml", "locked/kilter.lock"] {
        let path = world.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    symlink("/dev/zero", world.path().join("zero.csv")).unwrap();
    world.write("locked/kilter.toml", "[step.a]\nrun = \"touch {out.o}\"\nout = { o = \"o\" }\n");
    let commands: [&[&str]; 15] = [
        &["profile", "pipe.csv"],
        &["profile", "zero.csv"],
        &["drift", "good.csv", "pipe.parquet"],
        &["train", "pipe.csv", "--target", "left", "--out", "its"],
        &["predict", "pipe.csv", "--model", "model", "--out", "scored.csv"],
        &["predict", "good.csv", "--model", "pipe.onnx", "--out", "scored.csv"],
        &["evaluate", "pipe.onnx", "good.csv"],
        &["explain", "model", "pipe.csv"],
        &["data", "split", "pipe.csv", "older.csv", "newer.csv", "--time", "at"],
        &["sql", "select 1 from t", "--table", "t=pipe.csv"],
        &["sql", "--file", "pipe.sql"],
        &["label", "churn", "pipe.csv"],
        &["init", "--from", "pipe.csv"],
        &["check", "project"],
        &["run", "--project", "locked"],
    ];
    for arguments in commands {
        let mut child = world.command(&[arguments, &["--json"]].concat());
        let began = Instant::now();
        let mut child = child.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let exit = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if began.elapsed() > Duration::from_secs(30) => {
                    child.kill().unwrap();
                    panic!("{arguments:?} waits for ever");
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        let mut shown = String::new();
        child.stderr.take().unwrap().read_to_string(&mut shown).unwrap();
        assert!(matches!(exit, Some(1 | 2)), "{arguments:?}: {exit:?} {shown}");
        assert!(shown.contains("a pipe") || shown.contains("a device"), "{arguments:?}: {shown}");
    }
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

/// `rows` answers within a day of the endpoint, and what a look at that day took: memory and time.
fn look_at_a_window_of(rows: usize) -> (u64, Duration) {
    let world = project("0.55");
    let contract = world.read("kilter.toml");
    world.write("kilter.toml", &format!("{contract}[monitor]\nevery = \"1d\"\ndrift = [\"psi(*) < 0.25\"]\n"));
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let options = AppOptions::new(env!("CARGO_BIN_EXE_kilter").into());
    let app = App::open(&world.path().join(".kilter"), options).unwrap();
    let endpoint = "churn".parse().unwrap();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let made = Timestamp(since.as_millis() as i64 + 60_000);
    for first in (0..rows).step_by(50_000) {
        let part = 50_000.min(rows - first);
        let number = |at: usize, modulus: usize| ((first + at) * 2_654_435_761 % modulus) as f64;
        let table = Table::new(vec![
            ("age".into(), Column::Float((0..part).map(|at| 20.0 + number(at, 60)).collect())),
            ("visits".into(), Column::Float((0..part).map(|at| number(at, 20)).collect())),
            ("region".into(), Column::Text(vec![Some("north".into()); part])),
        ]);
        let ids = (first..first + part).map(|at| format!("id-{at}").into()).collect();
        let request = Request { table: table.unwrap(), ids, events: vec![made; part], consumer: None };
        prediction::predict(&app, &endpoint, request, made).unwrap();
    }
    prediction::compact_log(&app, &endpoint).unwrap();
    let project = Project::open(world.path()).unwrap();
    let later = Timestamp(made.millis() + 3 * 86_400_000);
    // From here on the kernel counts the peak anew.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, began) = (peak(), Instant::now());
    monitor::evaluate_monitors(&app, later, &project, &endpoint).unwrap();
    let (took, bytes) = (began.elapsed(), peak() - before);
    drop(app);
    let readings = world.json(&["monitor", "history", "churn", "rows"]).to_string();
    assert!(readings.contains(&rows.to_string()), "the window was read: {readings}");
    (bytes, took)
}

#[test]
fn a_window_is_read_once_and_held_once() {
    let rows = std::env::var("KILTER_WINDOW_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let (bytes, took) = look_at_a_window_of(rows);
    println!("a look at a window of {rows} rows: {} MiB more, {took:?}", bytes >> 20);
    // Ids, scores, events, three columns and their like, a few hundred bytes a row.
    assert!(bytes / (rows as u64) < 900, "{} bytes a row", bytes / rows as u64);
}

#[test]
fn an_output_larger_than_its_step_may_write_fails_it_with_its_size_and_what_to_do() {
    let world = World::new();
    let run = |command: &str, bound: &str| {
        let step = format!("[step.make]\nrun = \"{command}\"\nout = {{ rows = \"work/rows\" }}\n{bound}\n");
        world.write("kilter.toml", &format!("[project]\nname = \"x\"\n{step}"));
        let shown = world.kilter(&["run"]);
        (shown.exit, shown.out + &shown.err)
    };
    let file = "head -c 3000 /dev/zero > {out.rows}";
    let folder = "mkdir -p {out.rows}/deep && head -c 1500 /dev/zero | tee {out.rows}/a > {out.rows}/deep/b";
    for command in [file, folder] {
        let (exit, shown) = run(command, "max_output = \"2KiB\"");
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            exit != 0 && words.contains("output `rows` has 3000 bytes, more than the 2048 that it may have"),
            "{shown}"
        );
        assert!(words.contains("write `max_output = \"1GiB\"` into [step.make]"), "{shown}");
        assert!(!world.path().join("work/rows").exists(), "nothing of it is kept");
        let (exit, shown) = run(command, "max_output = \"3KiB\"");
        assert_eq!(exit, 0, "the cure: {shown}");
        fs::remove_dir_all(world.path().join("work")).unwrap();
    }
    let (exit, shown) = run(file, "max_output = \"much\"");
    assert!(exit == 2 && shown.contains("is not a size"), "{exit} {shown}");
    assert_eq!(run(file, "").0, 0, "64 GiB unless it is stated");
}
