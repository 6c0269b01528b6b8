//! Whether a result can be made again, as a person asks for it.

use std::fs;

use crate::{World, contract::project};

fn steps(text: &str) -> World {
    let world = World::new();
    world.write("kilter.toml", &format!("[project]\nname = \"again\"\n{text}"));
    world
}

#[test]
fn a_run_that_makes_the_same_again_is_said_to_be_reproducible_and_nothing_of_the_project_changes() {
    let world = project("0.55");
    let before = world.json(&["run"]);
    let left = |world: &World| {
        let entries = fs::read_dir(world.path()).unwrap().map(|entry| entry.unwrap().file_name());
        entries.collect::<std::collections::BTreeSet<_>>()
    };
    let files = left(&world);
    let checked = world.kilter(&["run", "--check"]);
    assert_eq!(checked.exit, 0, "{}{}", checked.out, checked.err);
    assert!(checked.out.starts_with("✓ reproducible: 2 steps made the same outputs again\n"), "{}", checked.out);
    assert!(checked.out.contains("train: the same outputs"), "{}", checked.out);
    assert_eq!(left(&world), files);
    assert_eq!(
        world.json(&["run"])["version"],
        before["version"],
        "no version was made, and every result is still known"
    );
}

#[test]
fn a_step_that_makes_something_else_is_named_with_the_first_difference() {
    let world = steps(
        "[step.same]\nrun = \"echo 1 > {out.x}\"\nout = { x = \"x.txt\" }\n\
         [step.random]\nrun = \"cp {in.x} {out.log}; date +%N >> {out.log}\"\nin = [\"same.x\"]\nout = { log = \"y.txt\" }\n\
         [step.after]\nrun = \"cp {in.log} {out.z}\"\nin = [\"random.log\"]\nout = { z = \"z.txt\" }\n",
    );
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let made = world.read("y.txt");
    let checked = world.kilter(&["run", "--check"]);
    assert_eq!(checked.exit, 3, "{}{}", checked.out, checked.err);
    assert!(
        checked.out.starts_with("✕ not reproducible: step random makes other outputs from the same inputs"),
        "{}",
        checked.out
    );
    assert!(checked.out.contains("random.log: line 2 is `"), "{}", checked.out);
    assert!(checked.out.contains(&format!("`, and was `{}`", made.lines().nth(1).unwrap())), "{}", checked.out);
    // What comes after it is compared on the inputs that it had.
    assert!(
        checked.out.contains("after: the same outputs") && checked.out.contains("same: the same outputs"),
        "{}",
        checked.out
    );
    assert_eq!(world.read("y.txt"), made);
    assert_eq!(world.json(&["run"])["run"]["steps"][1]["state"], "cached");

    // What the contract does not claim is not held against it.
    let text = world.read("kilter.toml").replace("[step.random]", "[step.random]\ndeterministic = false");
    world.write("kilter.toml", &text);
    let checked = world.kilter(&["run", "--check"]);
    assert_eq!(checked.exit, 0, "{}{}", checked.out, checked.err);
    assert!(checked.out.contains("2 steps made the same again; 1 not deterministic"), "{}", checked.out);
    let one = world.json(&["run", "--check", "same"]);
    assert_eq!(one["run"]["steps"].as_array().unwrap().len(), 1);
}

#[test]
fn a_file_that_a_step_reads_without_saying_so_is_found() {
    let world = steps("[step.read]\nrun = \"cat $(echo settings).txt > {out.x}\"\nout = { x = \"x.txt\" }\n");
    world.write("settings.txt", "rate = 1\n");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let checked = world.kilter(&["run", "--check"]);
    assert_eq!(checked.exit, 1, "{}{}", checked.out, checked.err);
    assert!(checked.out.starts_with("✕ not checked: step read does not run in a clean folder"), "{}", checked.out);
    assert!(checked.out.contains("add what is missing to `code`"), "{}", checked.out);
    let text = world.read("kilter.toml").replace("[step.read]", "[step.read]\ncode = [\"settings.txt\"]");
    world.write("kilter.toml", &text);
    assert_eq!(world.kilter(&["run", "--check"]).exit, 0);
}

/// A package of the last run of a project, as `package build` writes it: code, contract, pins, lock of the run.
fn packed(world: &World, run: &serde_json::Value, code: &[&str]) {
    for name in code {
        let text = world.read(name);
        world.write(&format!("package/code/{name}"), &text);
    }
    fs::create_dir_all(world.path().join("package/code")).unwrap();
    for name in ["kilter.toml", "kilter.lock"] {
        if world.path().join(name).exists() {
            let text = world.read(name);
            world.write(&format!("package/flow/{name}"), &text);
        }
    }
    let mut lock = run["run"].clone();
    lock["version"] = 1.into();
    world.write("package/flow/run.json", &lock.to_string());
}

#[test]
fn a_package_is_made_again_with_the_same_digests_from_its_own_code_and_data() {
    let world = project("0.55");
    let run = world.json(&["run"]);
    packed(&world, &run, &[]);
    let rebuilt = world.kilter(&["package", "rebuild", "package"]);
    assert_eq!(rebuilt.exit, 0, "{}{}", rebuilt.out, rebuilt.err);
    assert!(rebuilt.out.starts_with("✓ rebuilt: 2 steps and the model have the same digests\n"), "{}", rebuilt.out);
    assert!(rebuilt.out.contains("train: the same digests"), "{}", rebuilt.out);
    let document = world.json(&["package", "rebuild", "package"]);
    assert_eq!((&document["same_model"], &document["steps"][0]["outcome"]), (&true.into(), &"same".into()));

    // Somewhere else: the data is named, and has to be the data that it was.
    let away = World::new();
    let package = world.path().join("package").display().to_string();
    let missing = away.problem(&["package", "rebuild", &package], 4);
    assert!(missing["detail"].as_str().unwrap().contains("`--data-file customers=PATH`"), "{missing}");
    let data = format!("customers={}", world.path().join("customers.csv").display());
    let elsewhere = away.kilter(&["package", "rebuild", &package, "--data-file", &data]);
    assert_eq!(elsewhere.exit, 0, "{}{}", elsewhere.out, elsewhere.err);
    let text = world.read("customers.csv");
    let other = away.write("other.csv", &text.replacen("\n1,", "\n9001,", 1));
    let data = format!("customers={}", other.display());
    let wrong = away.problem(&["package", "rebuild", &package, "--data-file", &data], 1);
    assert!(wrong["detail"].as_str().unwrap().contains("is not what the package was made from"), "{wrong}");
}

#[test]
fn a_package_that_comes_out_otherwise_names_the_step_and_compares_its_metrics() {
    let world = steps(
        "[step.noise]\nrun = \"date +%N > {out.n}\"\nout = { n = \"n.txt\" }\n\
         [step.measure]\nrun = \"cat {in.n} > {out.copy}; echo '{\\\"auc\\\": 0.75}' > {out.report}\"\n\
         in = [\"noise.n\"]\nout = { copy = \"c.txt\", report = \"r.json\" }\nmetrics = \"report\"\n\
         [step.same]\nrun = \"sh same.sh > {out.s}\"\nout = { s = \"s.txt\" }\n",
    );
    world.write("same.sh", "echo same\n");
    let run = world.json(&["run"]);
    packed(&world, &run, &["same.sh"]);
    let rebuilt = world.kilter(&["package", "rebuild", "package"]);
    assert_eq!(rebuilt.exit, 3, "{}{}", rebuilt.out, rebuilt.err);
    assert!(rebuilt.out.starts_with("✕ not the same model: step noise is not deterministic\n"), "{}", rebuilt.out);
    assert!(rebuilt.out.contains("measure: not comparable, it was given other n"), "{}", rebuilt.out);
    assert!(
        rebuilt.out.contains("measure: auc = 0.750000, and was 0.750000 (difference +0.000000)"),
        "{}",
        rebuilt.out
    );
    assert!(rebuilt.out.contains("same: the same digests"), "{}", rebuilt.out);
    // A package without the code of a step says which one.
    fs::remove_file(world.path().join("package/code/same.sh")).unwrap();
    let broken = world.kilter(&["package", "rebuild", "package"]);
    assert_eq!(broken.exit, 1, "{}{}", broken.out, broken.err);
    assert!(broken.out.starts_with("✕ not rebuilt: step same does not run from the package"), "{}", broken.out);
}

#[test]
fn a_package_that_was_built_is_made_again_on_another_machine() {
    let world = project("0.55");
    assert_eq!(world.kilter(&["run"]).exit, 0);
    let built = world.kilter(&["package", "build", "churn@1", "--out", "churn-1"]);
    assert_eq!(built.exit, 0, "{}{}", built.out, built.err);
    let away = World::new();
    let package = world.path().join("churn-1").display().to_string();
    let data = format!("customers={}", world.path().join("customers.csv").display());
    let rebuilt = away.kilter(&["package", "rebuild", &package, "--data-file", &data]);
    assert_eq!(rebuilt.exit, 0, "{}{}", rebuilt.out, rebuilt.err);
    assert!(rebuilt.out.starts_with("✓ rebuilt: 2 steps and the model have the same digests\n"), "{}", rebuilt.out);
}
