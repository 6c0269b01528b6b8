//! What a run costs that has nothing to do. Target: 50 steps in under 50 ms.

use std::{fs, path::Path, sync::Arc};

use criterion::{Criterion, criterion_group, criterion_main};
use kilter_domain::{
    run::{Cause, RunState, StepState},
    time::Timestamp,
};
use kilter_workflow::{Plan, PlanParts, RunOptions, Source, Step, execute};

const STEPS: usize = 50;

/// A dataset, and a chain of steps each of which copies what the one before it made.
fn chain(project: &Path) -> Plan {
    fs::write(project.join("data.csv"), "a\n1\n").unwrap();
    let mut parts = PlanParts::default();
    parts.datasets.insert("data".parse().unwrap(), "data.csv".into());
    for number in 0..STEPS {
        let mut step = Step::shell("cp {in.x} {out.y}");
        let source = match number.checked_sub(1) {
            None => Source::Dataset("data".parse().unwrap()),
            Some(before) => Source::Output { step: format!("s{before}").parse().unwrap(), output: "y".to_owned() },
        };
        step.inputs.insert("x".to_owned(), source);
        step.outputs.insert("y".to_owned(), format!("work/{number}.csv").parse().unwrap());
        parts.steps.insert(format!("s{number}").parse().unwrap(), step);
    }
    Plan::new(parts).unwrap()
}

fn no_op(bench: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let plan = chain(folder.path());
    let now = Arc::new(|| Timestamp(0));
    let options = RunOptions::new("bench", Cause::Replay, folder.path(), Path::new("/bin/true"), now);
    // The first run makes the files, the second hashes what was too fresh to be remembered.
    for _ in 0..2 {
        assert_eq!(execute(&plan, &options, &mut |_| {}).unwrap().state, RunState::Succeeded);
    }
    bench.bench_function("a run of 50 steps with nothing to do", |bench| {
        bench.iter(|| {
            let record = execute(&plan, &options, &mut |_| {}).unwrap();
            assert!(record.steps.iter().all(|step| step.state == StepState::Cached));
        });
    });
}

criterion_group!(benches, no_op);
criterion_main!(benches);
