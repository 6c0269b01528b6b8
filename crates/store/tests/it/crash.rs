//! `kill -9` at any moment: everything acknowledged is there, every state has its entry, every entry its change.
//! `KILTER_KILLS` says how often (25 unless told).

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use kilter_domain::{
    actor::Role, deployment::DeploymentState, gate::ApprovalConditions, model::VersionState, run::RunState,
    tracking::MetricPoint,
};
use kilter_store::{
    Store, StoreError, audit, deployment,
    gate::{self, Decision, NewApproval},
    model,
    page::PageRequest,
    run::{self, RunFilter},
    setting,
    tracking::{logged_run, metric},
};

use crate::world::{add_records, churn_endpoint, churn_model, draft, new_deployment, new_run, new_version};

const FOLDER: &str = "KILTER_STORE_CRASH_FOLDER";
const WRITERS: u64 = 4;

/// The child: several threads write state changes as fast as they can and say on stdout what was acknowledged.
/// Does nothing unless its parent names the folder.
#[test]
#[ignore = "runs only as the child of the crash test"]
fn crash_child() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let store = Store::open(Path::new(&dir)).unwrap();
    let base = store.read(audit::size).unwrap();
    let serial = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                loop {
                    let id = format!("k-{base}-{}", serial.fetch_add(1, Ordering::Relaxed));
                    let acknowledged = one_life(&store, &id).unwrap();
                    println!("ack {id} {acknowledged}");
                }
            });
        }
    });
}

/// A run with metrics, the version it makes, its approval, and its promotion to live: four writes; answers with the version.
fn one_life(store: &Store, id: &str) -> Result<u32, StoreError> {
    let begun = id.to_owned();
    store.write(move |tx| {
        run::create(&tx.audited(draft(1, "run")), &new_run(&begun))?;
        run::advance(&tx.audited(draft(1, "run")), &begun, RunState::Queued, RunState::Running, None)
    })?;
    let ended = id.to_owned();
    let number = store.write(move |tx| {
        let audited = tx.audited(draft(2, "finish"));
        let point = MetricPoint { metric: "auc".into(), step: 0, at: audited.at(), value: 0.8 };
        metric::log_metrics(tx, &ended, &[point])?;
        run::advance(&audited, &ended, RunState::Running, RunState::Succeeded, None)?;
        let version = model::NewVersion { run: Some(ended.clone()), ..new_version(&ended) };
        let number = model::create(&audited, &version)?.number;
        model::advance(&audited, &churn_model(), number, VersionState::Draft, VersionState::Candidate)?;
        Ok(number)
    })?;
    store.write(move |tx| {
        let audited = tx.audited(draft(3, "approve"));
        model::advance(&audited, &churn_model(), number, VersionState::Candidate, VersionState::Validated)?;
        let approval = NewApproval {
            model: churn_model(),
            number,
            role: Role::Validator,
            decision: Decision::Approved,
            conditions: ApprovalConditions::default(),
            expires: None,
        };
        gate::record_approval(&audited, &approval)?;
        model::advance(&audited, &churn_model(), number, VersionState::Validated, VersionState::Approved)
    })?;
    let promoted = id.to_owned();
    store.write(move |tx| {
        let audited = tx.audited(draft(4, "promote"));
        deployment::request(&audited, &new_deployment(&promoted, number))?;
        if let Some(live) = deployment::live(tx, &churn_endpoint())? {
            deployment::advance(&audited, &live.id, live.state, DeploymentState::Superseded)?;
        }
        deployment::advance(&audited, &promoted, DeploymentState::Requested, DeploymentState::Live)
    })?;
    Ok(number)
}

/// Starts the child, kills it after a while, and returns what it had acknowledged by then.
fn acknowledged_before_the_kill(dir: &Path, after: Duration) -> BTreeMap<String, u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "crash::crash_child", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let listener = thread::spawn(move || {
        let mut seen = BTreeMap::new();
        // The kill can cut the last line: only whole ones count.
        for line in stdout.lines().map_while(Result::ok) {
            let Some(at) = line.find("ack ") else { continue };
            let mut words = line[at..].split(' ').skip(1);
            if let (Some(id), Some(Ok(number))) = (words.next(), words.next().map(str::parse)) {
                seen.insert(id.to_owned(), number);
            }
        }
        seen
    });
    thread::sleep(after);
    // SIGKILL on Unix: no handler runs, no buffer is flushed.
    child.kill().unwrap();
    child.wait().unwrap();
    listener.join().unwrap()
}

#[test]
fn whatever_was_acknowledged_survives_kill_nine_and_no_state_is_without_its_entry() {
    let dir = tempfile::tempdir().unwrap();
    add_records(&Store::open(dir.path()).unwrap());
    let mut acknowledged = BTreeMap::new();
    let kills: u64 = std::env::var("KILTER_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(25);
    for kill in 0..kills {
        // Spread over starting, recovering and full speed; not random, so that a failure can be repeated.
        acknowledged.extend(acknowledged_before_the_kill(dir.path(), Duration::from_millis(30 + kill * 37 % 400)));
        let store = Store::open(dir.path()).unwrap();
        let found = store.read(audit::verify).unwrap();
        assert!(found.is_sound(), "after kill {kill}: {:?}", found.faults);
        for (id, number) in &acknowledged {
            assert_whole(&store, id, *number);
        }
        assert_at_most_one_live(&store);
    }
    println!("{kills} kills, {} acknowledged lives, each with its approval, all there", acknowledged.len());
    assert!(acknowledged.len() > 50, "too few writes between the kills to say anything: {}", acknowledged.len());
}

/// Run, metric, version, approval and deployment of an acknowledged life.
fn assert_whole(store: &Store, id: &str, number: u32) {
    store
        .read(|reader| {
            assert_eq!(run::get(reader, id)?.state, RunState::Succeeded, "{id}");
            assert_eq!(logged_run::read(reader, id)?.metrics.len(), 1, "{id}");
            let version = model::get(reader, &churn_model(), number)?;
            assert_eq!((version.run.as_deref(), version.state), (Some(id), VersionState::Approved));
            let approvals = gate::list_approvals(reader, &churn_model(), number, &PageRequest::default())?;
            assert_eq!(approvals.items.len(), 1, "{id}");
            let deployed = deployment::get(reader, id)?;
            assert!(matches!(deployed.state, DeploymentState::Live | DeploymentState::Superseded), "{id}");
            Ok(())
        })
        .unwrap();
}

fn assert_at_most_one_live(store: &Store) {
    let page = PageRequest::first(1000);
    store
        .read(|reader| {
            assert!(deployment::list_serving(reader, &page)?.items.len() <= 1);
            // A run is running or has ended; its second write is whole or absent.
            for one in run::list(reader, &RunFilter::default(), &page)?.items {
                let versions = model::find_by_run(reader, &one.id)?.len();
                assert_eq!(versions, usize::from(one.state == RunState::Succeeded), "{}", one.id);
            }
            Ok(())
        })
        .unwrap();
}

/// The child of the test below: writes until the disk fails, then tries once more.
#[test]
#[ignore = "runs only as the child of the failing-disk test"]
fn failing_disk_child() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let store = Store::open(Path::new(&dir)).unwrap();
    let put = |number: u32| {
        store.write(move |tx| {
            let value = serde_json::json!("x".repeat(100_000));
            setting::put(&tx.audited(draft(1, "put")), &format!("s{number}"), &value).map(drop)
        })
    };
    for number in 0..10_000 {
        match put(number) {
            Ok(()) => println!("ack {number}"),
            Err(error) => {
                println!("first: {error}");
                println!("then: {}", put(number).unwrap_err());
                return;
            }
        }
    }
}

#[test]
fn a_failing_disk_stops_all_writes_and_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    // Files may not grow past 4 MiB, and the signal for it is ignored: writes then fail as on a broken disk.
    let script = "trap '' XFSZ; ulimit -f 8192; exec \"$0\" --ignored --exact crash::failing_disk_child --nocapture";
    let mut child = Command::new("sh");
    child.arg("-c").arg(script).arg(std::env::current_exe().unwrap()).env(FOLDER, dir.path());
    let child = child.output().unwrap();
    let shown = String::from_utf8_lossy(&child.stdout);
    let acknowledged = shown.lines().filter(|line| line.contains("ack ")).count();
    assert!(shown.contains("first: the disk failed while committing"), "{shown}");
    assert!(shown.contains("then: the disk failed while committing"), "{shown}");
    assert!(shown.contains("writes are refused until the store is opened again"), "{shown}");
    assert!(acknowledged > 3, "{shown}");

    let store = Store::open(dir.path()).unwrap();
    for number in 0..acknowledged {
        let found = store.read(|reader| setting::find(reader, &format!("s{number}"))).unwrap();
        assert!(found.is_some(), "s{number} was acknowledged");
    }
    assert!(store.read(audit::verify).unwrap().is_sound());
    store.write(|tx| setting::put(&tx.audited(draft(2, "put")), "again", &serde_json::json!(true))).unwrap();
}
