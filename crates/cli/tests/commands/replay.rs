//! `replay` as a person sees it: the timeline, its width, where it ends, what is kept.

use crate::{World, command_output, contract::project};

fn replay(world: &World, more: &[&str]) -> crate::CommandOutput {
    let mut command = world.command(&[&["replay", "."][..], more].concat());
    command_output(command.env("COLUMNS", "100").output().unwrap())
}

#[test]
fn the_timeline_is_the_answer_and_fits_the_terminal() {
    let world = project("0.55");
    let result = replay(&world, &[]);
    assert_eq!(result.exit, 0, "{}", result.err);
    assert!(result.out.contains("first training of a replay") && result.out.contains("by period"), "{}", result.out);
    assert!(!result.err.contains("trained"), "what is decided is no noise: {}", result.err);
    let widest = result.out.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest}: {}", result.out);
    let unwrapped = world.kilter(&["replay", "."]);
    assert!(unwrapped.out.lines().count() <= result.out.lines().count());
    let quiet = world.kilter(&["replay", ".", "--quiet"]);
    assert_eq!((quiet.out.as_str(), quiet.exit), ("", 0));
}

#[test]
fn until_stops_the_clock_there() {
    let world = project("0.55");
    let whole = world.json(&["replay", "."]);
    let report = world.json(&["replay", ".", "--until", "2024-08-10"]);
    assert!(report["end"].as_str().unwrap().starts_with("2024-08-10"), "{}", report["end"]);
    let rows = |report: &serde_json::Value| -> u64 {
        report["periods"].as_array().unwrap().iter().map(|period| period["rows"].as_u64().unwrap()).sum()
    };
    assert!(rows(&report) < rows(&whole));
    for entry in report["timeline"].as_array().unwrap() {
        assert!(entry["at"].as_str().unwrap() <= "2024-08-10T00:00:00Z", "{entry}");
    }
    assert!(!report["notes"].to_string().contains("waited for"), "{}", report["notes"]);
}

#[test]
fn what_a_replay_keeps_is_a_data_folder_that_commands_show() {
    let world = project("0.55");
    assert_eq!(replay(&world, &["--keep", ".kilter"]).exit, 0);
    let status = world.json(&["status"]);
    assert!(status["endpoints"][0]["live"]["version"].as_u64().is_some(), "{status}");
    let shown = world.kilter(&["status"]);
    assert!(shown.out.contains("churn"), "{}{}", shown.out, shown.err);
}

/// A page that needs nothing else: no script, nothing from elsewhere, as large as a mail takes.
fn check_page(page: &str) {
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "{page}");
    assert!(page.contains("default-src 'none'") && page.len() < 500_000, "{} bytes", page.len());
    for no in ["<script", "src=", "@import", "url(", "javascript:"] {
        assert!(!page.contains(no), "{no}: {page}");
    }
}

#[test]
fn a_replay_a_run_and_a_version_are_pages_that_need_nothing_else() {
    let world = project("0.55");
    let played = replay(&world, &["--keep", ".kilter", "--html", "replay.html"]);
    assert_eq!(played.exit, 0, "{}", played.err);
    for arguments in
        [&["model", "show", "churn@1", "--html", "version.html"][..], &["runs", "show", "--html", "run.html"]]
    {
        let shown = world.kilter(arguments);
        assert_eq!(shown.exit, 0, "{}{}", shown.out, shown.err);
    }
    let [replayed, version, run] = ["replay.html", "version.html", "run.html"].map(|name| world.read(name));
    [&replayed, &version, &run].into_iter().for_each(|page| check_page(page));
    for part in ["Replay of churn", "as served", "<svg", "gate passed", "Decisions", "Periods"] {
        assert!(replayed.contains(part), "{part}: {replayed}");
    }
    for part in ["churn@1", "Gates", "required", "Metrics"] {
        assert!(version.contains(part), "{part}: {version}");
    }
    for part in ["Run of churn", "succeeded", "Steps", "train", "Version 1 of churn"] {
        assert!(run.contains(part), "{part}: {run}");
    }
}
