//! What is executed again and what is taken from the cache, and why.

use super::*;

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
    let reason = changes(&record, "split");
    assert!(reason.starts_with("code.split.sh: ") && reason.contains(" -> "), "{reason}");
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
    let reason = changes(&world.run(), "train");
    assert!(reason.starts_with("inputs.raw: file "), "{reason}");

    world.parts.steps.get_mut(&"train".parse().unwrap()).unwrap().env.clear();
    let reason = changes(&world.run(), "train");
    assert!(reason.starts_with("env.CARGO_MANIFEST_DIR: gone"), "{reason}");

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
    fs::remove_file(blobs.fetch(&record.output("split.test").unwrap().content.digest).unwrap()).unwrap();
    let record = world.run();
    assert_eq!(states(&record), "split: succeeded, train: cached, evaluate: cached");
    assert!(changes(&record, "split").contains("gone from the store"));
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
    world.step("a: -> x=x | kilter train --seed 7 > {out.x}");
    world.step("b: -> x=y | echo no tool > {out.x}");
    world.run();
    assert_eq!(world.read("x"), "tool train --seed 7\n");
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
fn a_step_that_is_never_cached_runs_each_time() {
    let mut world = World::new();
    world.step("a: -> x=x | echo once >> count; cp count {out.x}").cache = false;
    world.step("b: a.x -> y=y | cp {in.x} {out.y}");
    world.run();
    assert_eq!(states(&world.run()), "a: succeeded, b: succeeded");
    assert_eq!(world.read("y"), "once\nonce\n");
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
