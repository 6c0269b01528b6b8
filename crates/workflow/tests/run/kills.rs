//! A run that is killed, and the next one.

use super::*;

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
        .args(["kills::child_that_is_killed", "--exact", "--include-ignored"])
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
