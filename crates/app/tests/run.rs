//! What a run promises, with real processes in real folders. A test waits for events, never for a span of time.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::Duration,
};

use kilter_app::run::{
    CancelToken, Change, Force, Plan, PlanParts, Retry, RetryOn, RunError, RunEvent, RunOptions, RunRecord, Source,
    Step, execute,
};
use kilter_domain::{
    run::{Cause, RunState},
    time::Timestamp,
};
use serde_json::json;
use tempfile::TempDir;

/// A project folder, and the steps it states.
struct World {
    folder: TempDir,
    parts: PlanParts,
    options: RunOptions,
    events: Vec<RunEvent>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        fs::write(&tool, "#!/bin/sh\necho tool $*\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        let now = Arc::new(|| Timestamp(1_000));
        let mut options = RunOptions::new("run-1", Cause::Replay, &project, &tool, now);
        options.cores = 4;
        Self { folder, parts: PlanParts::default(), options, events: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.options.project_folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn data(&mut self, name: &str, path: &str, text: &str) {
        self.write(path, text);
        self.parts.datasets.insert(name.parse().unwrap(), path.into());
    }

    /// Adds the step `name: inputs -> outputs | command`; an output is `name=path`.
    fn step(&mut self, line: &str) -> &mut Step {
        let (name, rest) = line.split_once(':').unwrap();
        let (flow, command) = rest.split_once('|').unwrap();
        let (inputs, outputs) = flow.split_once("->").unwrap();
        let mut step = Step::shell(command.trim());
        for input in inputs.split_whitespace() {
            let (name, source) = match input.split_once('.') {
                Some((step, output)) => {
                    (output, Source::Output { step: step.parse().unwrap(), output: output.to_owned() })
                }
                None => (input, Source::Dataset(input.parse().unwrap())),
            };
            step.inputs.insert(name.to_owned(), source);
        }
        for output in outputs.split_whitespace() {
            let (name, path) = output.split_once('=').unwrap();
            step.outputs.insert(name.to_owned(), path.parse().unwrap());
        }
        let name: kilter_domain::ids::StepName = name.parse().unwrap();
        self.parts.steps.insert(name.clone(), step);
        self.parts.steps.get_mut(&name).unwrap()
    }

    fn try_run(&mut self) -> Result<RunRecord, RunError> {
        let plan = Plan::new(self.parts.clone())?;
        self.events.clear();
        let events = &mut self.events;
        execute(&plan, &self.options, &mut |event| events.push(event))
    }

    fn run(&mut self) -> RunRecord {
        self.try_run().unwrap()
    }

    /// The steps that were executed, in the order in which they started.
    fn executed(&self) -> Vec<&str> {
        let started = self.events.iter().filter_map(|event| match event {
            RunEvent::StepStarted { step, .. } => Some(step.as_str()),
            _ => None,
        });
        started.collect()
    }

    /// Nothing of an attempt is left behind.
    fn assert_tidy(&self) {
        let left = fs::read_dir(self.path(".kilter/tmp")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "attempts left folders behind");
        for entry in fs::read_dir(self.path("")).unwrap() {
            let name = entry.unwrap().file_name();
            assert!(!name.to_string_lossy().ends_with(".tmp"), "{name:?}");
        }
    }
}

fn states(record: &RunRecord) -> String {
    let state = |step: &kilter_app::run::StepRecord| format!("{}: {}", step.step, step.state.as_str());
    record.steps.iter().map(state).collect::<Vec<_>>().join(", ")
}

fn error_of<'a>(record: &'a RunRecord, step: &str) -> &'a str {
    record.step(step).unwrap().error.as_deref().unwrap_or_default()
}

fn changes(record: &RunRecord, step: &str) -> String {
    record.step(step).unwrap().because.iter().map(Change::to_string).collect::<Vec<_>>().join("; ")
}

/// split -> train -> evaluate over one dataset.
fn pipeline() -> World {
    let mut world = World::new();
    world.data("customers", "data/customers.csv", "a\n1\n2\n3\n4\n");
    world.write("split.sh", "head -n 3 $1 > $2; tail -n 2 $1 > $3\n");
    world.step("split: customers -> train=work/train.csv test=work/test.csv | sh split.sh {in.customers} {out.train} {out.test}");
    world.step("train: split.train -> model=work/model | mkdir {out.model}; sort {in.train} > {out.model}/weights");
    world.step(r#"evaluate: train.model split.test -> report=work/report.json | echo "{\"rows\": $(wc -l < {in.test}), \"deep\": {\"x\": 0.5}}" > {out.report}; cat {in.model}/weights"#)
        .metrics = Some("report".to_owned());
    world
}

#[test]
fn steps_run_in_order_and_their_outputs_metrics_and_logs_are_kept() {
    let mut world = pipeline();
    let record = world.run();
    assert_eq!(states(&record), "split: succeeded, train: succeeded, evaluate: succeeded");
    assert_eq!(record.state, RunState::Succeeded);
    assert_eq!(world.read("work/test.csv"), "3\n4\n");
    assert_eq!(world.read("work/model/weights"), "1\n2\na\n");
    let metrics = BTreeMap::from([("deep.x".to_owned(), 0.5), ("rows".to_owned(), 2.0)]);
    assert_eq!(record.metrics(), metrics);
    let blobs = kilter_blobs::BlobStore::open(&world.path(".kilter/blobs")).unwrap();
    let log = blobs.read(&record.step("evaluate").unwrap().log.unwrap(), 100).unwrap();
    assert_eq!(log, b"1\n2\na\n");
    let model = record.output("train.model").unwrap();
    assert_eq!(model.path, "work/model");
    assert!(blobs.has_content(&model.content));
    world.assert_tidy();
    // A record is a document: it reads back as it was written.
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), record);
}

#[test]
fn a_second_run_executes_nothing_and_says_the_same() {
    let mut world = pipeline();
    let first = world.run();
    world.options.run_id = "run-2".to_owned();
    let second = world.run();
    assert_eq!(states(&second), "split: cached, train: cached, evaluate: cached");
    assert_eq!(world.executed(), Vec::<&str>::new());
    assert_eq!(second.metrics(), first.metrics());
    assert_eq!(second.step("train").unwrap().made_by.as_deref(), Some("run-1"));
}

#[test]
fn a_change_that_changes_no_output_stops_there() {
    let mut world = pipeline();
    world.run();
    world.write("split.sh", "# better\nhead -n 3 $1 > $2; tail -n 2 $1 > $3\n");
    let record = world.run();
    assert_eq!(states(&record), "split: succeeded, train: cached, evaluate: cached");
    let because = changes(&record, "split");
    assert!(because.starts_with("code.split.sh: ") && because.contains(" -> "), "{because}");
}

#[test]
fn each_reason_to_execute_is_named() {
    let mut world = World::new();
    world.data("raw", "raw.csv", "1\n");
    world.parts.params.insert("train".to_owned(), json!({ "lr": 0.1, "depth": 6 }));
    let step = world.step("train: raw -> model=model | echo {params.train.lr} > {out.model}; cat {in.raw}");
    step.params.insert("train".to_owned());
    step.env.insert("CARGO_MANIFEST_DIR".to_owned());
    assert_eq!(changes(&world.run(), "train"), "");

    world.options.param_overrides.insert("train.lr".to_owned(), json!(0.2));
    assert_eq!(changes(&world.run(), "train"), "params.train.lr: 0.1 -> 0.2");
    assert_eq!(world.read("model"), "0.2\n");

    world.write("raw.csv", "2\n");
    let because = changes(&world.run(), "train");
    assert!(because.starts_with("inputs.raw: file "), "{because}");

    world.parts.steps.get_mut(&"train".parse().unwrap()).unwrap().env.clear();
    let because = changes(&world.run(), "train");
    assert!(because.starts_with("env.CARGO_MANIFEST_DIR: gone"), "{because}");

    world.options.force = Force::Steps(BTreeSet::from(["train".parse().unwrap()]));
    assert_eq!(changes(&world.run(), "train"), "force: new, asked to execute it again");
}

#[test]
fn an_undeclared_parameter_or_variable_changes_nothing_and_cannot_be_seen() {
    let mut world = World::new();
    world.parts.params.insert("other".to_owned(), json!({ "x": 1 }));
    world.step("a: -> out=out | echo \"[$CARGO_MANIFEST_DIR]\" > {out.out}; cat $KILTER_PARAMS >> {out.out}");
    world.run();
    assert_eq!(world.read("out"), "[]\n{}");
    world.options.param_overrides.insert("other.x".to_owned(), json!(2));
    assert_eq!(states(&world.run()), "a: cached");
    world.options.param_overrides.insert("other.y".to_owned(), json!(2));
    let error = world.try_run().unwrap_err().to_string();
    assert!(error.contains("`other.y` cannot be set"), "{error}");
}

#[test]
fn a_moved_project_still_hits() {
    let mut world = pipeline();
    world.run();
    let moved = world.folder.path().join("moved");
    fs::rename(&world.options.project_folder, &moved).unwrap();
    world.options.state_folder = moved.join(".kilter");
    world.options.project_folder = moved;
    assert_eq!(states(&world.run()), "split: cached, train: cached, evaluate: cached");
}

#[test]
fn explaining_executes_and_writes_nothing() {
    let mut world = pipeline();
    world.run();
    let lock = world.read("kilter.lock");
    world.write("data/customers.csv", "a\n9\n");
    world.options.explain_only = true;
    let record = world.run();
    assert_eq!(states(&record), "split: queued, train: queued, evaluate: queued");
    assert_eq!(record.state, RunState::Queued);
    assert!(changes(&record, "split").starts_with("inputs.customers: file "));
    assert!(changes(&record, "train").contains("`split` is due"));
    assert_eq!((world.executed(), world.read("kilter.lock")), (vec![], lock));
}

#[test]
fn an_output_that_vanished_or_was_edited_comes_back_from_the_store_and_the_edit_is_kept() {
    let mut world = pipeline();
    world.run();
    fs::remove_dir_all(world.path("work/model")).unwrap();
    world.write("work/train.csv", "my own edit\n");
    let record = world.run();
    assert_eq!(states(&record), "split: cached, train: cached, evaluate: cached");
    assert_eq!(world.read("work/model/weights"), "1\n2\na\n");
    assert_eq!(world.read("work/train.csv"), "a\n1\n2\n");
    let kept = world.events.iter().find_map(|event| match event {
        RunEvent::Kept { path, content, .. } => Some((path.as_str(), content.digest)),
        _ => None,
    });
    let (path, digest) = kept.unwrap();
    assert_eq!(path, "work/train.csv");
    let blobs = kilter_blobs::BlobStore::open(&world.path(".kilter/blobs")).unwrap();
    assert_eq!(blobs.read(&digest, 100).unwrap(), b"my own edit\n");
}

#[test]
fn a_result_whose_files_are_gone_is_made_again() {
    let mut world = pipeline();
    let record = world.run();
    let blobs = kilter_blobs::BlobStore::open(&world.path(".kilter/blobs")).unwrap();
    fs::remove_file(blobs.path_of(&record.output("split.test").unwrap().content.digest)).unwrap();
    let record = world.run();
    assert_eq!(states(&record), "split: succeeded, train: cached, evaluate: cached");
    assert!(changes(&record, "split").contains("gone from the store"));
}

#[test]
fn a_failed_step_skips_what_depends_on_it_and_nothing_else() {
    let mut world = World::new();
    world.step("bad: -> x=bad | echo reason >&2; echo '  → a way out' >&2; exit 3");
    world.step("after: bad.x -> y=after | cp {in.x} {out.y}");
    world.step("last: after.y -> z=last | cp {in.y} {out.z}");
    world.step("good: -> x=good | echo fine > {out.x}");
    let record = world.run();
    assert_eq!(states(&record), "bad: failed, good: succeeded, after: skipped, last: skipped");
    assert_eq!(record.state, RunState::Failed);
    assert_eq!(error_of(&record, "bad"), "the step ended with exit code 3");
    let bad = record.step("bad").unwrap();
    assert_eq!(bad.log_tail.as_deref(), Some("reason\n  → a way out"));
    assert_eq!(fs::read_to_string(bad.log_file.as_ref().unwrap()).unwrap(), "reason\n  → a way out\n");
    let said = "step `bad`: the step ended with exit code 3; its log ends with `reason`";
    assert_eq!(record.failed_step().and_then(|step| step.failure()).as_deref(), Some(said));
    assert_eq!(error_of(&record, "after"), "skipped: step `bad`, which feeds it, did not succeed");
    assert_eq!(error_of(&record, "last"), "skipped: step `after`, which feeds it, did not succeed");
    assert_eq!(world.read("good"), "fine\n");
    world.assert_tidy();
    // Failures are not remembered: the next run tries again.
    assert_eq!(states(&world.run()), "bad: failed, good: cached, after: skipped, last: skipped");
}

#[test]
fn steps_that_do_not_feed_each_other_run_at_the_same_time() {
    let mut world = World::new();
    // Each waits for the other's mark: one after the other they would never end.
    let wait = |mine: &str, other: &str| {
        format!("touch {mine}; while [ ! -e {other} ]; do sleep 0.01; done; echo {mine} > {{out.x}}")
    };
    for (name, mine, other) in [("a", "mark-a", "mark-b"), ("b", "mark-b", "mark-a")] {
        world.step(&format!("{name}: -> x={name}.txt | {}", wait(mine, other))).timeout = Some(Duration::from_secs(60));
    }
    assert_eq!(states(&world.run()), "a: succeeded, b: succeeded");
}

#[test]
fn steps_wait_for_room_on_the_machine() {
    let mut world = World::new();
    world.options.cores = 2;
    world.options.memory_bytes = Some(100);
    for (name, cpu, memory) in [("a", 2, 0), ("b", 8, 0), ("c", 1, 60), ("d", 1, 60)] {
        let step = world.step(&format!(
            "{name}: -> x={name}.txt | [ ! -e busy ] && touch busy && sleep 0.02 && rm busy && echo > {{out.x}}"
        ));
        (step.needs.cpu, step.needs.memory_bytes) = (cpu, memory);
    }
    // No two of them have room together: each would fail if it met another.
    assert_eq!(states(&world.run()), "a: succeeded, b: succeeded, c: succeeded, d: succeeded");
}

#[test]
fn a_timeout_ends_the_step_with_its_grandchildren() {
    let mut world = World::new();
    let step = world.step("slow: -> x=x | sh -c 'sleep 1000 & echo $! > grandchild; wait' & wait");
    step.timeout = Some(Duration::from_millis(500));
    let record = world.run();
    assert_eq!(error_of(&record, "slow"), "the step took longer than its timeout and was stopped");
    let stat = PathBuf::from(format!("/proc/{}/stat", world.read("grandchild").trim()));
    let is_dead = || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "));
    while !is_dead() {
        std::thread::yield_now();
    }
}

#[test]
fn a_retry_begins_afresh_and_is_told() {
    let mut world = World::new();
    let step =
        world.step("flaky: -> x=x | echo try >> {out.x}; echo try >> tries; [ $(wc -l < tries) -ge 3 ] || exit 137");
    step.retry = Retry { times: 3, on: vec![RetryOn::Exit(137)], backoff: Duration::ZERO };
    let record = world.run();
    assert_eq!((states(&record).as_str(), record.step("flaky").unwrap().attempts), ("flaky: succeeded", 3));
    assert_eq!(world.read("x"), "try\n", "an attempt must not see what the one before it wrote");
    let retried = world.events.iter().filter(|event| matches!(event, RunEvent::StepRetrying { .. })).count();
    assert_eq!((retried, world.executed().len()), (2, 3));
    world.write("tries", "");
    world.options.force = Force::All;
    world.parts.steps.get_mut(&"flaky".parse().unwrap()).unwrap().retry.times = 1;
    assert_eq!(
        error_of(&world.run(), "flaky"),
        "the step ended with exit code 137 (killed, often for lack of memory) in each of 2 attempts"
    );
}

#[test]
fn a_missing_output_says_where_it_was_expected() {
    for (command, standing, expected) in [
        ("true", false, "did not write its output `x`; let it write to {out.x}, or to the path in $KILTER_OUT_X"),
        ("true", true, "something stands at `work/x`: let the command write to {out.x} instead of that path"),
        ("true {out.x}", false, "did not write its output `x` to the path that {out.x} stood for; see its log"),
    ] {
        let mut world = World::new();
        if standing {
            world.write("work/x", "");
        }
        world.step(&format!("a: -> x=work/x | {command}"));
        let record = world.run();
        assert!(error_of(&record, "a").contains(expected), "{}", error_of(&record, "a"));
    }
}

#[test]
fn outputs_and_inputs_are_also_told_by_the_environment() {
    let mut world = World::new();
    world.data("raw", "raw.csv", "1\n");
    world.step("a: raw -> x-y=work/x | cp $KILTER_IN_RAW $KILTER_OUT_X_Y");
    assert_eq!(states(&world.run()), "a: succeeded");
    assert_eq!(world.read("work/x"), "1\n");
}

#[test]
fn an_output_that_leads_outside_through_a_link_is_refused() {
    let mut world = World::new();
    let outside = world.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, world.path("work")).unwrap();
    world.step("a: -> x=work/x | echo > {out.x}");
    let record = world.run();
    assert!(error_of(&record, "a").contains("`work` in it is a symbolic link"), "{}", error_of(&record, "a"));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn an_output_that_is_a_link_is_refused() {
    let mut world = World::new();
    world.step("a: -> x=x | mkdir {out.x}; ln -s /etc/passwd {out.x}/p");
    let record = world.run();
    assert!(error_of(&record, "a").contains("/p` is a symbolic link"), "{}", error_of(&record, "a"));
    assert!(!world.path("x").exists());
}

#[test]
fn metrics_that_are_no_numbers_are_refused() {
    for (text, expected) in [
        ("{\"auc\": NaN}", "output `r` holds no metrics: line 1 holds NaN or Infinity"),
        ("auc=1", "output `r` holds no metrics: it is not JSON"),
        ("[0.8]", "it must be an object"),
    ] {
        let mut world = World::new();
        world.write("text", text);
        world.step("a: -> r=r.json | cp text {out.r}").metrics = Some("r".to_owned());
        let record = world.run();
        assert!(error_of(&record, "a").contains(expected), "{}", error_of(&record, "a"));
    }
}

#[test]
fn data_is_pinned_and_a_change_is_told() {
    let mut world = pipeline();
    world.run();
    let lock = world.read("kilter.lock");
    assert!(lock.contains("[data.customers]") && lock.contains("path = \"data/customers.csv\""), "{lock}");
    assert!(matches!(&world.events[0], RunEvent::DataChanged { was: None, .. }));
    world.run();
    assert_eq!(world.read("kilter.lock"), lock);
    assert!(!world.events.iter().any(|event| matches!(event, RunEvent::DataChanged { .. })));

    world.write("data/customers.csv", "a\n1\n2\n3\n5\n");
    world.options.locked = true;
    let error = world.try_run().unwrap_err().to_string();
    assert!(error.starts_with("customers changed: was ") && error.contains("the run is --locked"), "{error}");
    assert_eq!(world.read("kilter.lock"), lock);

    world.options.locked = false;
    world.run();
    assert!(world.events.iter().any(|event| matches!(event, RunEvent::DataChanged { was: Some(_), .. })));
    world.options.locked = true;
    assert_eq!(states(&world.run()), "split: cached, train: cached, evaluate: cached");
}

#[test]
fn data_that_is_not_there_is_an_error_before_anything_runs() {
    for (path, expected) in [
        ("data/none.csv", "there is nothing at"),
        ("../x.csv", "leaves the project"),
        ("s3://bucket/key", "is no local path"),
    ] {
        let mut world = pipeline();
        world.parts.datasets.insert("customers".parse().unwrap(), path.into());
        let error = world.try_run().unwrap_err().to_string();
        assert!(error.contains("dataset `customers`") && error.contains(expected), "{error}");
        assert_eq!(world.executed(), Vec::<&str>::new());
    }
}

#[test]
fn other_data_and_another_root_leave_the_project_as_it_was() {
    let mut world = pipeline();
    let other = world.folder.path().join("known.csv");
    fs::write(&other, "a\n7\n").unwrap();
    let root = world.folder.path().join("replay");
    world.options.data_overrides.insert("customers".parse().unwrap(), other);
    world.options.outputs_root = Some(root.clone());
    world.options.state_folder = world.folder.path().join("state");
    let before: BTreeSet<_> = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let record = world.run();
    assert_eq!(record.state, RunState::Succeeded);
    assert_eq!(fs::read_to_string(root.join("work/train.csv")).unwrap(), "a\n7\n");
    let after: BTreeSet<_> = fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(before, after);
    assert!(record.data[&"customers".parse().unwrap()].path.ends_with("known.csv"));
}

#[test]
fn only_some_steps_use_what_the_others_made_before() {
    let mut world = pipeline();
    world.options.only = Some(BTreeSet::from(["train".parse().unwrap()]));
    let record = world.run();
    assert!(error_of(&record, "train").contains("is made by step `split`, which is not part of this run"));
    world.options.only = Some(BTreeSet::from(["split".parse().unwrap(), "train".parse().unwrap()]));
    assert_eq!(states(&world.run()), "split: succeeded, train: succeeded");
    world.options.only = Some(BTreeSet::from(["evaluate".parse().unwrap()]));
    assert_eq!(states(&world.run()), "evaluate: succeeded");
    world.options.only = Some(BTreeSet::from(["evaluat".parse().unwrap()]));
    let error = world.try_run().unwrap_err().to_string();
    assert!(error.contains("no step `evaluat`"), "{error}");
}

#[test]
fn the_word_kilter_is_the_handed_in_binary_and_part_of_the_key() {
    let mut world = World::new();
    world.step("a: -> x=x | kilter fit --seed 7 > {out.x}");
    world.step("b: -> x=y | echo no tool > {out.x}");
    world.run();
    assert_eq!(world.read("x"), "tool fit --seed 7\n");
    fs::write(&world.options.tool, "#!/bin/sh\necho new $*\n").unwrap();
    let record = world.run();
    assert_eq!(states(&record), "a: succeeded, b: cached");
    assert!(changes(&record, "a").starts_with("environment.kilter: "), "{}", changes(&record, "a"));
}

#[test]
fn an_input_that_changes_while_it_is_used_spoils_the_result() {
    let mut world = World::new();
    world.data("raw", "raw.csv", "1\n");
    world.step("a: raw -> x=x | cp {in.raw} {out.x}; echo 2 >> {in.raw}");
    let record = world.run();
    assert!(error_of(&record, "a").starts_with("input `raw` changed while the run was using it"));
    assert!(!world.path("x").exists());
}

#[test]
fn an_input_made_by_a_step_is_watched_as_well() {
    let mut world = World::new();
    world.step("a: -> x=x | echo 1 > {out.x}");
    world.step("b: a.x -> y=y | cp {in.x} {out.y}; echo 2 >> {in.x}");
    let record = world.run();
    assert!(error_of(&record, "b").starts_with("input `x` changed while the run was using it"));
    // The next run puts back what `a` had made.
    world.step("b: a.x -> y=y | cp {in.x} {out.y}");
    assert_eq!((states(&world.run()).as_str(), world.read("x").as_str()), ("a: cached, b: succeeded", "1\n"));
}

#[test]
fn reproducibility_is_checked_by_executing_once_more() {
    let mut world = World::new();
    world.step("same: -> x=x | echo ran >> count; echo 1 > {out.x}");
    world.step("other: -> y=y z=z | date +%N > {out.y}; echo 1 > {out.z}");
    world.step("free: -> w=w | date +%N > {out.w}").deterministic = false;
    world.options.check = true;
    let record = world.run();
    let verdict = |record: &RunRecord, step: &str| {
        let step = record.step(step).unwrap().clone();
        (step.reproducible, step.differing.join(" "))
    };
    assert_eq!(verdict(&record, "same"), (Some(true), String::new()));
    assert_eq!(verdict(&record, "other"), (Some(false), "y".to_owned()));
    assert_eq!(verdict(&record, "free"), (None, String::new()));
    assert_eq!(world.read("count"), "ran\nran\n");
    // A known result is compared with one more execution; without asking, the verdict is remembered.
    assert_eq!(verdict(&world.run(), "same"), (Some(true), String::new()));
    assert_eq!(world.read("count"), "ran\nran\nran\n");
    world.options.check = false;
    let record = world.run();
    assert_eq!(states(&record), "free: cached, other: cached, same: cached");
    assert_eq!(record.step("other").unwrap().reproducible, Some(false));
}

#[test]
fn a_cancelled_run_stops_its_steps_and_starts_no_more() {
    let mut world = World::new();
    world.step("a: -> x=x | echo started; sleep 1000");
    world.step("b: a.x -> y=y | cp {in.x} {out.y}");
    world.options.follow = true;
    let plan = Plan::new(world.parts.clone()).unwrap();
    let cancel = CancelToken::new();
    world.options.cancel = cancel.clone();
    let record = execute(&plan, &world.options, &mut |event| {
        if matches!(&event, RunEvent::StepOutput { text, .. } if text == "started\n") {
            cancel.cancel();
        }
    })
    .unwrap();
    assert_eq!((states(&record).as_str(), record.state), ("a: cancelled, b: cancelled", RunState::Cancelled));
    world.assert_tidy();
}

#[test]
fn a_step_that_is_never_cached_runs_each_time() {
    let mut world = World::new();
    world.step("a: -> x=x | echo once >> count; cp count {out.x}").cache = false;
    world.step("b: a.x -> y=y | cp {in.x} {out.y}");
    world.run();
    assert_eq!(states(&world.run()), "a: succeeded, b: succeeded");
    assert_eq!(world.read("y"), "once\nonce\n");
}

#[test]
fn a_step_may_run_in_a_folder_of_the_project() {
    let mut world = World::new();
    world.write("sub/go.sh", "pwd > $1");
    world.step("a: -> x=x | sh go.sh {out.x}").folder = Some("sub".parse().unwrap());
    assert_eq!(states(&world.run()), "a: succeeded");
    assert!(world.read("x").ends_with("project/sub\n"));
    world.write("sub/go.sh", "pwd > $1 # new");
    assert!(changes(&world.run(), "a").starts_with("code.sub/go.sh"));
}

#[test]
fn two_runs_at_once_share_the_work_and_do_not_trample() {
    let mut world = World::new();
    world.step(
        "a: -> x=x | echo ran >> count; echo go > go; while [ ! -e other ]; do sleep 0.01; done; echo made > {out.x}",
    );
    let plan = Plan::new(world.parts.clone()).unwrap();
    let (first, mut second) = (world.options.clone(), world.options.clone());
    second.run_id = "run-2".to_owned();
    let (go, other) = (world.path("go"), world.path("other"));
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| execute(&plan, &first, &mut |_| {}).unwrap());
        while !go.exists() {
            std::thread::yield_now();
        }
        // The second run tells that it waits, which lets the first one end.
        let waits = &mut |event| {
            if matches!(event, RunEvent::StepWaiting { .. }) {
                fs::write(&other, "").unwrap();
            }
        };
        let two = execute(&plan, &second, waits).unwrap();
        (one.join().unwrap(), two)
    });
    assert_eq!((states(&one).as_str(), states(&two).as_str()), ("a: succeeded", "a: cached"));
    assert_eq!((world.read("count").as_str(), world.read("x").as_str()), ("ran\n", "made\n"));
}

#[test]
fn a_contract_is_a_plan() {
    let text = r#"
        [data.customers]
        path = "data/customers.csv"
        [params.train]
        lr = 0.5
        [env]
        lock = "uv.lock"
        [step.split]
        run = "head -n 3 {in.customers} > {out.train}"
        in = ["customers"]
        out = { train = "work/train.csv" }
        [step.train]
        run = "echo {params.train.lr} | cat - {in.train} > {out.model}; echo '{\"auc\": 0.75}' > {out.report}"
        in = ["split.train"]
        params = ["train"]
        out = { model = "work/model", report = "work/report.json" }
        metrics = "report"
        timeout = "1h"
        retry = { times = 2, on = ["exit:137", "signal:9", "timeout"], backoff = "30s" }
    "#;
    let contract = kilter_domain::contract::Contract::parse(text).unwrap();
    let plan = Plan::of(&contract).unwrap();
    let train = plan.step(&"train".parse().unwrap()).unwrap();
    assert_eq!(train.retry.on, [RetryOn::Exit(137), RetryOn::Signal(9), RetryOn::Timeout]);
    assert_eq!((train.retry.backoff, train.timeout), (Duration::from_secs(30), Some(Duration::from_secs(3600))));
    let world = World::new();
    world.write("data/customers.csv", "a\n1\n2\n3\n");
    let error = execute(&plan, &world.options, &mut |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("the lock file of the environment, `uv.lock`, cannot be read"), "{error}");
    world.write("uv.lock", "numpy==2\n");
    let record = execute(&plan, &world.options, &mut |_| {}).unwrap();
    assert_eq!(record.metrics(), BTreeMap::from([("auc".to_owned(), 0.75)]));
    assert_eq!(world.read("work/model"), "0.5\na\n1\n2\n");
    world.write("uv.lock", "numpy==3\n");
    let record = execute(&plan, &world.options, &mut |_| {}).unwrap();
    assert!(changes(&record, "train").starts_with("environment.lock: "), "{}", changes(&record, "train"));
}

/// What the killed child of the next test executes: this test binary, asked for this test alone.
#[test]
#[ignore = "the child of another test"]
fn child_that_is_killed() {
    let Ok(project) = std::env::var("KILTER_TEST_PROJECT") else { return };
    killed_world(Path::new(&project)).run();
}

fn killed_world(project: &Path) -> World {
    let mut world = pipeline();
    world.options.project_folder = project.to_owned();
    world.options.state_folder = project.join(".kilter");
    world.step("train: split.train -> model=work/model | mkdir {out.model}; echo half > {out.model}/weights; echo $$ > pid; [ -e finish ] || sleep 1000; sort {in.train} > {out.model}/weights");
    world
}

#[test]
fn a_killed_run_loses_nothing_and_the_next_one_completes_it() {
    let world = pipeline();
    world.write("work/model", "precious, written by hand\n");
    world.write("data/customers.csv", "a\n1\n2\n3\n4\n");
    let mut child = process::Command::new(std::env::current_exe().unwrap())
        .args(["child_that_is_killed", "--exact", "--include-ignored"])
        .env("KILTER_TEST_PROJECT", world.path(""))
        .stdout(process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = world.path("pid");
    while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
        assert_eq!(child.try_wait().unwrap(), None, "the child ended before it was killed");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(world.read("work/model"), "precious, written by hand\n");
    assert_eq!(world.read("data/customers.csv"), "a\n1\n2\n3\n4\n");

    let orphan = world.read("pid").trim().to_owned();
    world.write("finish", "");
    let project = world.path("");
    let mut next = killed_world(&project);
    let record = next.run();
    assert_eq!(states(&record), "split: cached, train: succeeded, evaluate: succeeded");
    assert_eq!(world.read("work/model/weights"), "1\n2\na\n");
    next.assert_tidy();
    // The process that the killed run left behind is gone too.
    let stat = PathBuf::from(format!("/proc/{orphan}/stat"));
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
    let kept = next.events.iter().any(|event| matches!(event, RunEvent::Kept { path, .. } if path == "work/model"));
    assert!(kept, "what stood at the output by hand is kept in the store");
}

#[test]
fn options_that_name_nothing_are_refused() {
    let mut world = pipeline();
    world.options.project_folder = world.folder.path().join("nowhere");
    world.options.state_folder = world.folder.path().join("state");
    let error = world.try_run().unwrap_err().to_string();
    assert!(error.starts_with("there is no project in "), "{error}");
}

#[test]
fn a_cache_entry_that_was_damaged_is_a_miss() {
    let mut world = pipeline();
    world.run();
    for step in ["split", "train"] {
        for entry in fs::read_dir(world.path(&format!(".kilter/actions/{step}"))).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            // One is torn; one claims a result for a record that it was not made from.
            let damaged =
                if step == "split" { text[..text.len() / 2].to_owned() } else { text.replace("sort", "tros") };
            fs::write(&path, damaged).unwrap();
        }
    }
    assert_eq!(states(&world.run()), "split: succeeded, train: succeeded, evaluate: cached");
}
