//! What a row of metrics costs in each database, beside its bare driver: `tests/servers/with-postgres cargo bench -p kilter-store
//! --bench databases`, with `KILTER_TEST_FSYNC=on` for a PostgreSQL that waits for the disk as SQLite does.
//!
//! 8 clients write 100 rows a request, each acknowledged after its commit. Bare means the same rows into the same table and nothing
//! else: one SQLite connection that commits 8 requests together; 8 connections to PostgreSQL that commit each. Rows per second are
//! wall time; microseconds of CPU are those of this process, without the server's.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use kilter_domain::{actor::Actor, ids::ProjectName, run::Cause, time::Timestamp, tracking::MetricPoint};
use kilter_store::{Store, StoreOptions, audit::AuditEvent, project, run, tracking::metric};
use serde_json::json;
use tokio_postgres::NoTls;

const CLIENTS: u64 = 8;
const ROWS: u64 = 100;
const LONG: Duration = Duration::from_secs(4);
const ADDRESS: &str = "KILTER_TEST_POSTGRES";

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let long = if std::env::args().any(|argument| argument == "--bench") { LONG } else { Duration::from_millis(50) };
    println!("{:<34} {:>12} {:>16} {:>8}", "", "rows/s", "CPU us per row", "ratio");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bare = measure(|| bare_sqlite(&folder.path().join("bare.db"), long));
    report("SQLite, bare driver", &bare, &bare);
    let store = Store::open(folder.path().join("store")).expect("an empty folder opens");
    report("SQLite, the store", &measure(|| through_the_store(&store, long)), &bare);
    let Ok(server) = std::env::var(ADDRESS) else {
        println!("PostgreSQL is skipped: {ADDRESS} names no server (tests/servers/with-postgres COMMAND)");
        return;
    };
    let bare = measure(|| bare_postgres(&server, long));
    report("PostgreSQL, bare driver", &bare, &bare);
    let url = server.parse().expect("an address");
    let store = Store::open_server(folder.path(), &url, StoreOptions::default()).expect("an empty database opens");
    report("PostgreSQL, the store", &measure(|| through_the_store(&store, long)), &bare);
}

struct Measured {
    rows: u64,
    wall: Duration,
    cpu: Duration,
}

fn measure(work: impl FnOnce() -> u64) -> Measured {
    let (started, before) = (Instant::now(), cpu_time());
    let rows = work();
    Measured { rows, wall: started.elapsed(), cpu: cpu_time() - before }
}

/// User and system time of all threads, in ticks of ten milliseconds.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

fn report(name: &str, measured: &Measured, bare: &Measured) {
    let rate = |measured: &Measured| measured.rows as f64 / measured.wall.as_secs_f64();
    let cpu = measured.cpu.as_secs_f64() * 1e6 / measured.rows as f64;
    println!("{name:<34} {:>12.0} {cpu:>16.2} {:>8.2}", rate(measured), rate(measured) / rate(bare));
}

/// Rows that all clients have written when the time is over.
fn clients(long: Duration, write: impl Fn(u64, u64) + Sync) -> u64 {
    let started = Instant::now();
    thread::scope(|scope| {
        let one = |client| {
            let write = &write;
            move || {
                let mut request = 0;
                while started.elapsed() < long {
                    write(client, request);
                    request += 1;
                }
                request * ROWS
            }
        };
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(one(client))).collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).sum()
    })
}

fn through_the_store(store: &Store, long: Duration) -> u64 {
    let id = |client: u64| format!("0198f3c2-0000-7000-8000-{client:012}");
    let add_runs = move |tx: &kilter_store::Tx| {
        let project: ProjectName = "bench".parse().expect("a name");
        let audited = tx.audited(AuditEvent {
            at: Timestamp(0),
            actor: Actor::system("bench"),
            on_behalf: None,
            action: "furnish".into(),
            reason: None,
            evidence: Vec::new(),
        });
        project::register(&audited, &project)?;
        (0..CLIENTS).try_for_each(|client| {
            let (id, project, cause) = (id(client), project.clone(), Cause::Replay);
            run::create(&audited, &run::NewRun { id, project, cause, record: json!({}) }).map(drop)
        })
    };
    store.write(add_runs).expect("runs are added");
    clients(long, |client, request| {
        let (run, points) = (id(client), (0..ROWS).map(|row| point(request, row)).collect::<Vec<_>>());
        store.write(move |tx| metric::log_metrics(tx, &run, &points)).expect("a batch is kept");
    })
}

fn point(request: u64, row: u64) -> MetricPoint {
    let (metric, step, at, value) = plain(request, row);
    MetricPoint { metric: format!("validation_metric_{metric}"), step, at: Timestamp(at), value }
}

/// Metric, step, time and value of a row.
fn plain(request: u64, row: u64) -> (i64, i64, i64, f64) {
    let step = ((request * ROWS + row) / 4) as i64;
    ((row % 4) as i64, step, 1_764_000_000_000 + step, row as f64 / 7.0)
}

const TABLE: &str =
    "CREATE TABLE bare_metric (run BIGINT, metric BIGINT, step BIGINT, at BIGINT, value DOUBLE PRECISION,
    is_nan SMALLINT, PRIMARY KEY (run, metric, step, at, value, is_nan))";

fn bare_sqlite(path: &Path, long: Duration) -> u64 {
    let connection = rusqlite::Connection::open(path).expect("a file opens");
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
    connection.execute_batch(&format!("{settings} {TABLE} WITHOUT ROWID")).expect("a table");
    let started = Instant::now();
    let mut request = 0;
    while started.elapsed() < long {
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for client in 0..CLIENTS {
            let insert = "INSERT INTO bare_metric VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT DO NOTHING";
            let mut statement = connection.prepare_cached(insert).expect("a statement");
            for row in 0..ROWS {
                let (metric, step, at, value) = plain(request, row);
                statement.execute((client as i64, metric, step, at, value)).expect("a row");
            }
        }
        connection.execute_batch("COMMIT").expect("a commit");
        request += 1;
    }
    request * CLIENTS * ROWS
}

fn bare_postgres(address: &str, long: Duration) -> u64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads");
    let connect = || {
        runtime.block_on(async {
            let (client, socket) = tokio_postgres::connect(address, NoTls).await.expect("a connection");
            tokio::spawn(socket);
            client
        })
    };
    let first = connect();
    runtime.block_on(first.batch_execute(TABLE)).expect("a table");
    let insert = "INSERT INTO bare_metric SELECT $1::int8, m, s, a, v, 0 FROM unnest($2::int8[], $3::int8[], $4::int8[], $5::float8[])
        AS rows (m, s, a, v) ON CONFLICT DO NOTHING";
    let connections: Vec<_> = (0..CLIENTS).map(|_| connect()).collect();
    let prepared = |place: usize| runtime.block_on(connections[place].prepare(insert)).expect("a statement");
    let statements: Vec<_> = (0..connections.len()).map(prepared).collect();
    let rows = clients(long, |client, request| {
        let rows: Vec<_> = (0..ROWS).map(|row| plain(request, row)).collect();
        let metrics: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let steps: Vec<i64> = rows.iter().map(|row| row.1).collect();
        let times: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let values: Vec<f64> = rows.iter().map(|row| row.3).collect();
        let (place, run) = (client as usize, client as i64);
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [&run, &metrics, &steps, &times, &values];
        let sent = connections[place].execute(&statements[place], &params);
        runtime.block_on(sent).expect("rows");
    });
    runtime.block_on(first.batch_execute("DROP TABLE bare_metric")).expect("the table goes");
    rows
}
