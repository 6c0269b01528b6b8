//! What a person sees in a terminal: a line has at most 100 characters, and `--verbose` shows what it holds back.

use crate::{World, contract::project};

const WIDEST: usize = 100;

/// Types a command, compares the width of its lines, and returns what it wrote.
fn check_lines(world: &World, arguments: &[&str], exits: &[i32]) -> String {
    let output = world.command(arguments).env_remove("COLUMNS").output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    let command = arguments.join(" ");
    assert!(output.status.code().is_some_and(|code| exits.contains(&code)), "{command}: {out}{err}");
    for line in out.lines() {
        let width = line.chars().count();
        assert!(width <= WIDEST, "{command}: {width} characters: {line}");
    }
    out
}

#[test]
fn every_line_about_a_project_has_at_most_100_characters() {
    let world = project("0.55");
    check_lines(&world, &["check"], &[0]);
    check_lines(&world, &["run"], &[0, 3, 8]);
    for arguments in [
        &["status"][..],
        &["runs", "list"],
        &["runs", "show"],
        &["model", "list"],
        &["model", "show", "churn@1"],
        &["deployment", "list"],
        &["monitor", "list"],
        &["alert", "list"],
        &["audit", "list"],
        &["audit", "verify"],
    ] {
        check_lines(&world, arguments, &[0]);
    }
    check_lines(&world, &["evaluate", "work/model", "work/test.parquet", "--rule", "auc >= 0.99"], &[3]);
    check_lines(&world, &["drift", "work/train.parquet", "work/test.parquet"], &[0]);
    check_lines(&world, &["profile", "work/test.parquet", "--columns", "age,visits"], &[0]);
}

#[test]
fn the_story_of_the_demo_has_short_lines_and_its_folder_shows_short_lines_too() {
    let world = World::new();
    let result = check_lines(&world, &["demo", "--story", "--keep", "demo"], &[0]);
    assert!(
        result.contains("gate passed") && result.contains("drift alert") && result.contains("promoted"),
        "{result}"
    );
    for arguments in [
        &["status"][..],
        &["deployment", "list"],
        &["model", "show", "churn@4"],
        &["monitor", "list"],
        &["monitor", "show", "churn"],
        &["alert", "list"],
        &["alert", "list", "--all"],
    ] {
        check_lines(&world, &[arguments, &["--data", "demo/.kilter"]].concat(), &[0]);
    }
    let show = ["monitor", "show", "churn", "--data", "demo/.kilter"];
    let (short, whole) = (world.kilter(&show).out, world.kilter(&[&show[..], &["--verbose"]].concat()).out);
    assert!(!short.contains("what is known") && whole.contains("what is known"), "{short}{whole}");
    assert!(whole.lines().any(|line| line.chars().count() > WIDEST), "{whole}");
}
