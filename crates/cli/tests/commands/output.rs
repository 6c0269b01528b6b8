//! How every command behaves: help, colour, quiet, pipes, completions.

use std::process::Stdio;

use crate::World;

#[test]
fn without_a_command_the_help_is_shown_and_the_exit_says_usage() {
    let shown = World::new().kilter(&[]);
    assert_eq!((shown.exit, shown.out.as_str()), (2, ""));
    assert!(shown.err.contains("Commands:"), "{}", shown.err);
}

#[test]
fn a_mistyped_command_is_led_to_the_nearest_one() {
    let world = World::new();
    let shown = world.kilter(&["replai"]);
    assert_eq!(shown.exit, 2);
    assert!(shown.err.contains("'replay'"), "{}", shown.err);
    let problem = world.problem(&["replai"], 2);
    assert_eq!(problem["code"], "usage_invalid");
    assert_eq!(problem["hint"], "did you mean `replay`?");
}

#[test]
fn a_failure_says_what_why_and_what_next_and_nothing_on_standard_output() {
    let shown = World::new().kilter(&["check", "nowhere"]);
    assert_eq!((shown.exit, shown.out.as_str()), (4, ""));
    assert_eq!(shown.err, "✕ there is no contract `nowhere`\n  → write a first one with `kilter init --from DATA`\n");
}

#[test]
fn nothing_is_coloured_where_it_would_end_up_in_a_file_unless_asked_for() {
    let world = World::new();
    assert!(!world.kilter(&["doctor"]).out.contains('\x1b'));
    assert!(world.kilter(&["doctor", "--color", "always"]).out.contains("\x1b[32m✓"));
    assert!(!world.kilter(&["doctor", "--color", "always", "--json"]).out.contains('\x1b'));
}

#[test]
fn a_quiet_command_answers_by_its_exit_code_alone() {
    let world = World::new();
    world.write("kilter.toml", "[project]\nname = \"x\"\n");
    let shown = world.kilter(&["check", "--quiet"]);
    assert_eq!((shown.exit, shown.out.as_str(), shown.err.as_str()), (0, "", ""));
}

#[test]
fn a_closed_pipe_is_the_end_and_not_a_failure() {
    let world = World::new();
    let mut child = world.command(&["reference", "cli"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn completions_know_every_command() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let shown = world.kilter(&["completions", shell]);
        assert_eq!(shown.exit, 0);
        for command in ["replay", "evaluate", "doctor"] {
            assert!(shown.out.contains(command), "{shell} does not know {command}");
        }
    }
    assert_eq!(world.kilter(&["completions", "csh"]).exit, 2);
}

#[test]
fn a_doctor_leaves_nothing_behind() {
    let world = World::new();
    let report = world.json(&["doctor", "--port", "0"]);
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(std::fs::read_dir(world.path()).unwrap().count(), 0);
}

#[test]
fn commands_that_read_a_data_folder_do_not_make_one() {
    let world = World::new();
    for arguments in
        [&["status"][..], &["model", "list"], &["deployment", "list"], &["alert", "list"], &["audit", "verify"]]
    {
        assert_eq!(world.problem(arguments, 4)["code"], "file_not_found", "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(world.path()).unwrap().count(), 0);
}
