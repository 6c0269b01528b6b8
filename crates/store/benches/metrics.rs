//! Rows per second of metric batches, acknowledged after the commit that holds them (8 clients, 100 rows a request);
//! what it takes to open a store, and to verify its audit log.

use std::{
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kilter_domain::{
    actor::Actor,
    ids::ProjectName,
    run::{Cause, RunState},
    time::Timestamp,
    tracking::MetricPoint,
};
use kilter_store::{
    Store,
    audit::{self, AuditEvent},
    project, run,
    tracking::metric,
};
use serde_json::json;

const CLIENTS: u64 = 8;
const ROWS: u64 = 100;

/// A store with one run for each client.
fn with_records(dir: &std::path::Path) -> Store {
    let store = Store::open(dir).expect("an empty folder opens");
    let add_records = |tx: &kilter_store::Tx| {
        let project: ProjectName = "bench".parse().expect("a name");
        let draft = AuditEvent {
            at: Timestamp(0),
            actor: Actor::system("bench"),
            on_behalf: None,
            action: "furnish".into(),
            reason: None,
            evidence: Vec::new(),
        };
        let audited = tx.audited(draft);
        project::register(&audited, &project)?;
        for client in 0..CLIENTS {
            let (id, project, cause) = (id(client), project.clone(), Cause::Replay);
            run::create(&audited, &run::NewRun { id, project, cause, record: json!({}) })?;
        }
        Ok(())
    };
    store.write(add_records).expect("an empty store can be furnished");
    store
}

/// As long as a real one, so that the rows weigh what they will.
fn id(client: u64) -> String {
    format!("0198f3c2-0000-7000-8000-{client:012}")
}

fn batch(first_step: u64) -> Vec<MetricPoint> {
    let point = |row: u64| {
        let step = (first_step + row / 4) as i64;
        let metric = format!("validation_metric_{}", row % 4);
        MetricPoint { metric, step, at: Timestamp(1_764_000_000_000 + step), value: row as f64 / 7.0 }
    };
    (0..ROWS).map(point).collect()
}

/// The time that `requests` requests take, spread over the clients.
fn send(store: &Store, requests: u64, round: u64) -> Duration {
    let started = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                for request in (client..requests).step_by(CLIENTS as usize) {
                    let points = batch((round * requests + request) * ROWS);
                    let run = id(client);
                    store.write(move |tx| metric::log_metrics(tx, &run, &points)).expect("a batch is kept");
                }
            });
        }
    });
    started.elapsed()
}

fn metric_batches(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = with_records(dir.path());
    let mut group = criterion.benchmark_group("metrics");
    let mut round = 0;
    group.throughput(Throughput::Elements(CLIENTS * ROWS)).sample_size(20).measurement_time(Duration::from_secs(8));
    group.bench_function("8 clients x 100 rows, synchronous=FULL", |bencher| {
        bencher.iter_custom(|iterations| {
            round += 1;
            send(&store, iterations * CLIENTS, round)
        });
    });
    group.finish();
}

const ENTRIES: u64 = 10_000;

/// Runs that begin and end, 3 entries each, until the audit log has [`ENTRIES`].
fn with_a_long_audit_log(dir: &std::path::Path) -> Store {
    let store = with_records(dir);
    let work = |tx: &kilter_store::Tx| {
        let draft = AuditEvent {
            at: Timestamp(1),
            actor: Actor::system("bench"),
            on_behalf: None,
            action: "run".into(),
            reason: Some("a monitor failed".into()),
            evidence: vec!["alert:a-1".into()],
        };
        let audited = tx.audited(draft);
        let project: ProjectName = "bench".parse().expect("a name");
        let mut client = CLIENTS;
        while audit::size(tx)? < ENTRIES {
            let new = run::NewRun { id: id(client), project: project.clone(), cause: Cause::Replay, record: json!({}) };
            run::create(&audited, &new)?;
            run::advance(&audited, &new.id, RunState::Queued, RunState::Running, None)?;
            run::advance(&audited, &new.id, RunState::Running, RunState::Succeeded, None)?;
            client += 1;
        }
        Ok(())
    };
    store.write(work).expect("an audit log can be filled");
    store
}

fn audit_log(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = with_a_long_audit_log(dir.path());
    let mut group = criterion.benchmark_group("audit log");
    group.throughput(Throughput::Elements(ENTRIES)).sample_size(10);
    group.bench_function("verify 10,000 entries and their lives", |bencher| {
        bencher.iter(|| assert!(store.read(audit::verify).expect("an audit log can be read").is_sound()));
    });
    group.finish();
    drop(store);
    criterion.bench_function("open a store that is there", |bencher| {
        bencher.iter(|| Store::open(dir.path()).expect("it opens"));
    });
}

criterion_group!(benches, metric_batches, audit_log);
criterion_main!(benches);
