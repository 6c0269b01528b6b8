//! How steps are executed: order, room, time, retries, outputs, metrics.

use super::*;

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
    let shown = "step `bad`: the step ended with exit code 3; its log ends with `reason`";
    assert_eq!(record.failed_step().and_then(|step| step.failure()).as_deref(), Some(shown));
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
    let error = world.try_run().unwrap_err();
    assert!(matches!(&error, RunError::Plan(PlanError::UnsafePath { .. })), "{error:?}");
    assert!(format!("{error:?}").contains("Symlink(\"work\")"), "{error:?}");
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
fn a_step_may_run_in_a_folder_of_the_project() {
    let mut world = World::new();
    world.write("sub/go.sh", "pwd > $1");
    world.step("a: -> x=x | sh go.sh {out.x}").folder = Some("sub".parse().unwrap());
    assert_eq!(states(&world.run()), "a: succeeded");
    assert!(world.read("x").ends_with("project/sub\n"));
    world.write("sub/go.sh", "pwd > $1 # new");
    assert!(changes(&world.run(), "a").starts_with("code.sub/go.sh"));
}
