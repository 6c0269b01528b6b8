//! What a run is made of: data that is pinned, a contract, options.

use super::*;

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

#[test]
fn options_that_name_nothing_are_refused() {
    let mut world = pipeline();
    world.options.project_folder = world.folder.path().join("nowhere");
    world.options.state_folder = world.folder.path().join("state");
    let error = world.try_run().unwrap_err().to_string();
    assert!(error.starts_with("there is no project in "), "{error}");
}
