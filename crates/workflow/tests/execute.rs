//! What an attempt promises, with real processes. Nothing here waits for a span of time: a test waits for an event,
//! under a bound that only a failure meets.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use kilter_workflow::executor::{
    Attempt, CancelToken, Command, End, Outcome, ProcessMark, Retry, RetryOn, RunnerError, execute,
    execute_with_retries, inherited_environment, link_tool,
};
use tempfile::TempDir;

/// Far more than any of these needs.
const LONG: Duration = Duration::from_secs(60);

struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn attempt(&self, line: &str) -> Attempt {
        Attempt {
            command: Command::Shell(line.to_owned()),
            folder: self.folder.path().to_owned(),
            environment: inherited_environment([], &[]),
            log: self.path("log"),
            log_limit_bytes: 1 << 20,
            timeout: Some(LONG),
            grace: LONG,
            tee: None,
            mark: None,
        }
    }

    fn run(&self, line: &str) -> (Outcome, String) {
        let outcome = execute(&self.attempt(line), &CancelToken::new()).unwrap();
        (outcome, fs::read_to_string(self.path("log")).unwrap())
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let until = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < until, "{what} did not come true");
        thread::sleep(Duration::from_millis(2));
    }
}

fn is_running(pid: &str) -> bool {
    // A zombie that nobody reaps in this container is dead.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')))
}

fn read_pid(path: &Path) -> String {
    wait_until("the pid file", || fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n')));
    fs::read_to_string(path).unwrap().trim().to_owned()
}

#[test]
fn output_and_errors_are_logged_in_their_order() {
    let (outcome, log) = World::new().run("echo one; echo two >&2; echo three; exit 3");
    assert_eq!((outcome.end, log.as_str()), (End::Exited(3), "one\ntwo\nthree\n"));
}

#[test]
fn a_killed_process_says_its_signal() {
    let (outcome, _) = World::new().run("kill -9 $$");
    assert_eq!((outcome.end.clone(), outcome.end.exit_code()), (End::Signalled(9), Some(137)));
}

#[test]
fn cpu_and_memory_are_measured_for_this_child_alone() {
    let world = World::new();
    let (idle, _) = world.run("true");
    let (busy, _) = world.run(
        "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; head -c 300000000 /dev/zero | tail -c 250000000 > all",
    );
    assert!(busy.cpu_ms >= idle.cpu_ms + 10, "{busy:?} {idle:?}");
    // A small child is hidden behind the memory of the process that started it, and says so.
    assert_eq!(idle.max_rss_bytes, None);
    assert!(busy.max_rss_bytes.is_some_and(|peak| peak > 240_000_000), "{busy:?}");
}

#[test]
fn a_step_sees_only_what_was_declared() {
    let world = World::new();
    let mut attempt = world.attempt("env");
    attempt.environment.insert("DECLARED".to_owned(), "yes".to_owned());
    execute(&attempt, &CancelToken::new()).unwrap();
    let log = fs::read_to_string(world.path("log")).unwrap();
    assert!(log.contains("DECLARED=yes") && log.contains("PATH="), "{log}");
    // Cargo sets this for the test itself.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok() && !log.contains("CARGO_MANIFEST_DIR"), "{log}");
    assert!(inherited_environment(["CARGO_MANIFEST_DIR"], &[]).contains_key("CARGO_MANIFEST_DIR"));
}

#[test]
fn a_timeout_ends_grandchildren_too() {
    let world = World::new();
    let mut attempt = world.attempt("sh -c 'sleep 1000 & echo $! > grandchild; wait' & wait");
    // The time runs out only after the grandchild exists.
    attempt.timeout = Some(Duration::from_millis(500));
    let outcome = execute(&attempt, &CancelToken::new()).unwrap();
    assert_eq!(outcome.end, End::TimedOut);
    let pid = read_pid(&world.path("grandchild"));
    wait_until("the end of the grandchild", || !is_running(&pid));
}

#[test]
fn a_process_that_ignores_the_polite_signal_is_killed() {
    let world = World::new();
    let mut attempt = world.attempt("trap '' TERM; echo $$ > pid; while :; do sleep 1000; done");
    attempt.timeout = Some(Duration::from_millis(200));
    attempt.grace = Duration::from_millis(50);
    assert_eq!(execute(&attempt, &CancelToken::new()).unwrap().end, End::TimedOut);
    assert!(!is_running(&read_pid(&world.path("pid"))));
}

#[test]
fn a_process_may_tidy_up_when_it_is_stopped() {
    let world = World::new();
    let line = "trap 'echo tidy; exit 0' TERM; echo ready > ready; while :; do sleep 0.01; done";
    let (attempt, cancel) = (world.attempt(line), CancelToken::new());
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| execute(&attempt, &cancel).unwrap());
        wait_until("the start", || world.path("ready").exists());
        cancel.cancel();
        running.join().unwrap()
    });
    assert_eq!(outcome.end, End::Cancelled);
    assert!(fs::read_to_string(world.path("log")).unwrap().ends_with("tidy\n"));
}

#[test]
fn what_a_step_leaves_in_the_background_ends_with_it() {
    let world = World::new();
    let (outcome, _) = world.run("sleep 1000 & echo $! > left");
    assert_eq!(outcome.end, End::Exited(0));
    let pid = read_pid(&world.path("left"));
    wait_until("the end of the background process", || !is_running(&pid));
}

#[test]
fn endless_output_fills_a_bounded_log_and_no_memory() {
    let world = World::new();
    let mut attempt = world.attempt("echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last");
    attempt.log_limit_bytes = 10_000;
    let outcome = execute(&attempt, &CancelToken::new()).unwrap();
    let log = fs::read_to_string(world.path("log")).unwrap();
    assert!(log.starts_with("first\n") && log.ends_with("last\n") && log.len() < 11_000);
    assert_eq!(outcome.log_bytes_left_out, 5_000_000 + 12 - 10_000);
    assert!(log.contains("4990012 bytes of output left out"), "{}", log.len());
}

#[test]
fn output_can_be_followed_while_it_comes() {
    let world = World::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut attempt, copy) =
        (world.attempt("echo a; while [ ! -e go ]; do sleep 0.01; done; echo b"), Arc::clone(&seen));
    let go = world.path("go");
    attempt.tee = Some(Arc::new(move |bytes: &[u8]| {
        copy.lock().unwrap().extend_from_slice(bytes);
        fs::write(&go, "").unwrap();
    }));
    execute(&attempt, &CancelToken::new()).unwrap();
    assert_eq!(*seen.lock().unwrap(), b"a\nb\n");
}

#[test]
fn commands_that_cannot_start_say_why() {
    let world = World::new();
    let mut attempt = world.attempt("   ");
    assert!(matches!(execute(&attempt, &CancelToken::new()), Err(RunnerError::EmptyCommand)));
    attempt.command = Command::Program(vec!["no-such-program".to_owned()]);
    let error = execute(&attempt, &CancelToken::new()).unwrap_err().to_string();
    assert!(error.starts_with("could not start `no-such-program`"), "{error}");
    attempt.command = Command::Program(vec!["true".to_owned(), "nul\0".to_owned()]);
    assert!(matches!(execute(&attempt, &CancelToken::new()), Err(RunnerError::Start { .. })));
    attempt = world.attempt("true");
    attempt.folder = world.path("missing");
    assert!(matches!(execute(&attempt, &CancelToken::new()), Err(RunnerError::Start { .. })));
    attempt = world.attempt("true");
    attempt.log = world.path("missing/log");
    assert!(matches!(execute(&attempt, &CancelToken::new()), Err(RunnerError::Log { .. })));
}

#[test]
fn a_failed_attempt_is_retried_when_its_end_is_named() {
    let world = World::new();
    let cancel = CancelToken::new();
    let attempt = world.attempt("echo x >> tries; [ $(wc -l < tries) -ge 3 ] || exit 137");
    let mut run = |_| execute(&attempt, &cancel);
    let retry = Retry { times: 5, on: vec![RetryOn::Exit(137)], backoff: Duration::ZERO };
    let mut waits = Vec::new();
    let waiting = &mut |number, end: &End, _| waits.push((number, end.clone()));
    let (number, outcome) = execute_with_retries(&retry, &cancel, &mut run, waiting).unwrap();
    assert_eq!((number, outcome.end), (3, End::Exited(0)));
    assert_eq!(waits, [(1, End::Exited(137)), (2, End::Exited(137))]);
}

#[test]
fn a_cancelled_wait_between_attempts_ends_at_once() {
    let world = World::new();
    let (attempt, cancel) = (world.attempt("exit 1"), CancelToken::new());
    let retry = Retry { times: 5, on: vec![RetryOn::Any], backoff: Duration::from_secs(3000) };
    let mut run = |_| {
        let outcome = execute(&attempt, &cancel);
        cancel.cancel();
        outcome
    };
    let (number, outcome) = execute_with_retries(&retry, &cancel.clone(), &mut run, &mut |_, _, _| {}).unwrap();
    assert_eq!((number, outcome.end), (1, End::Cancelled));
}

#[test]
fn the_word_kilter_means_this_binary_whatever_the_path_says() {
    let world = World::new();
    let tools = world.path("bin");
    for text in ["first", "second"] {
        let binary = world.path(text);
        fs::write(&binary, format!("#!/bin/sh\necho {text} $1\n")).unwrap();
        fs::set_permissions(&binary, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let tools = link_tool(&tools, &binary).unwrap();
        for command in
            [Command::Shell("kilter train".to_owned()), Command::Program(vec!["kilter".to_owned(), "train".to_owned()])]
        {
            let environment = inherited_environment([], &[&tools]);
            let attempt = Attempt { command, environment, ..world.attempt("") };
            execute(&attempt, &CancelToken::new()).unwrap();
            assert_eq!(fs::read_to_string(world.path("log")).unwrap(), format!("{text} train\n"));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_orphan_of_a_killed_kilter_can_be_ended_and_a_stranger_is_left_alone() {
    let world = World::new();
    let mark = world.path("mark");
    let mut attempt = world.attempt("echo $$ > pid; sleep 1000");
    attempt.mark = Some(mark.clone());
    let cancel = CancelToken::new();
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| execute(&attempt, &cancel).unwrap());
        let pid = read_pid(&world.path("pid"));
        // The mark is written once the process runs: it may come after the process has said its number.
        while ProcessMark::read(&mark).is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        // The same number with another start time is another process.
        let stranger = world.path("stranger");
        fs::write(&stranger, format!("{pid} 1\n")).unwrap();
        assert!(!ProcessMark::read(&stranger).unwrap().end());
        assert!(is_running(&pid));
        assert!(ProcessMark::read(&mark).unwrap().end());
        running.join().unwrap()
    });
    assert_eq!(outcome.end, End::Signalled(9));
    assert!(!ProcessMark::read(&mark).unwrap().end());
    for torn in ["", "1", "12 3", "x y\n", "1 5\n", "-1 5\n"] {
        fs::write(&mark, torn).unwrap();
        assert_eq!(ProcessMark::read(&mark), None::<ProcessMark>, "{torn:?}");
    }
}

#[test]
fn the_environment_is_a_plain_map() {
    let found: BTreeMap<String, String> = inherited_environment(["NO_SUCH_VARIABLE"], &[Path::new("/tools")]);
    assert!(!found.contains_key("NO_SUCH_VARIABLE"));
    assert!(found["PATH"].starts_with("/tools:"));
}

/// What leaves the group, the session and its parent, and clears what names the attempt.
const ESCAPES: [&str; 4] = [
    "setsid -f sh -c 'echo $$ >pid; exec sleep 600'",
    "env -i PATH=\"$PATH\" setsid -f sh -c 'echo $$ >pid; exec sleep 600'",
    "(setsid sh -c 'setsid -f sh -c \"echo \\$\\$ >pid; exec sleep 600\"' &) ; true",
    "setsid sh -c 'trap \"\" TERM HUP; echo $$ >pid; while :; do sleep 600; done' &",
];

#[test]
fn a_time_out_ends_what_left_the_group_and_the_session() {
    for line in ESCAPES {
        let world = World::new();
        let attempt = Attempt {
            timeout: Some(Duration::from_millis(700)),
            grace: Duration::from_millis(50),
            ..world.attempt(&format!("{line}\nexec >/dev/null 2>&1; sleep 600"))
        };
        let outcome = execute(&attempt, &CancelToken::new()).unwrap();
        assert_eq!(outcome.end, End::TimedOut, "{line}");
        let pid = read_pid(&world.path("pid"));
        assert!(!is_running(&pid), "{line}: {pid} still runs");
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{line}: {pid} is left among the dead");
    }
}

#[test]
fn what_a_step_leaves_behind_ends_with_it_and_others_go_on() {
    let other = World::new();
    let cancel = CancelToken::new();
    thread::scope(|scope| {
        let running = scope.spawn(|| execute(&other.attempt("echo $$ >pid; exec sleep 600"), &cancel).unwrap());
        let beside = read_pid(&other.path("pid"));
        let world = World::new();
        let line = format!("exec 2>&1; {} >/dev/null 2>&1\nwhile [ ! -s pid ]; do sleep 0.01; done", ESCAPES[0]);
        let outcome = execute(&world.attempt(&line), &CancelToken::new()).unwrap();
        assert_eq!(outcome.end, End::Exited(0));
        assert!(!is_running(&read_pid(&world.path("pid"))));
        assert!(is_running(&beside), "another attempt is left alone");
        cancel.cancel();
        assert_eq!(running.join().unwrap().end, End::Cancelled);
    });
}
