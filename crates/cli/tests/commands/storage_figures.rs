//! What the object store costs, beside the folder, in one run: `bench/storage.sh`.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use kilter_app::{
    App, AppOptions, DEFAULT_CACHE_BYTES, StorageOptions,
    prediction::{self, Request},
    reconcile,
};
use kilter_domain::{
    table::{Column, Table},
    time::Timestamp,
};

use crate::{
    object_store::prefix,
    prediction_log::{ask_once, live_in},
    server::Server,
};

const ROWS: usize = 1_000_000;
const ROWS_OF_REQUEST: usize = 1_000;
const CLIENTS: usize = 8;
const REQUESTS_OF_CLIENT: usize = 200;

fn request(number: usize, at: Timestamp) -> Request {
    let rows = number * ROWS_OF_REQUEST..(number + 1) * ROWS_OF_REQUEST;
    let float = |of: fn(usize) -> usize| Column::Float(rows.clone().map(|row| of(row) as f64).collect());
    let region = |row: usize| Some(["north", "south", "west"][row % 3].into());
    let columns = vec![
        ("age".to_owned(), float(|row| 20 + row % 60)),
        ("visits".to_owned(), float(|row| row % 20)),
        ("region".to_owned(), Column::Text(rows.clone().map(region).collect())),
    ];
    let ids = rows.clone().map(|row| Arc::from(format!("row-{row}"))).collect();
    Request { table: Table::new(columns).unwrap(), ids, events: vec![at; ROWS_OF_REQUEST], consumer: None }
}

/// Processor time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

fn seal_a_million(place: &str, storage: Option<&str>) {
    let world = live_in(storage);
    let storage = storage.map(|url| StorageOptions { url: url.parse().unwrap(), cache_bytes: DEFAULT_CACHE_BYTES });
    let options = AppOptions { storage, ..AppOptions::new(env!("CARGO_BIN_EXE_kilter").into()) };
    let app = App::open(&world.path().join(".kilter"), options).unwrap();
    let (churn, at) = ("churn".parse().unwrap(), Timestamp(1_800_000_000_000));
    let began = Instant::now();
    for number in 0..ROWS / ROWS_OF_REQUEST {
        prediction::predict(&app, &churn, request(number, at), at).unwrap();
    }
    let answered = began.elapsed();
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let done = reconcile::compact_logs(&app, at);
    assert!(done.failures.is_empty(), "{:?}", done.failures);
    println!(
        "{place}: {ROWS} predictions answered in {:.1} s, sealed in {:.1} s ({:.1} s CPU)",
        answered.as_secs_f64(),
        began.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
}

/// How long requests of several clients take, in milliseconds, in order; and all of them together, in seconds.
fn latencies(storage: &str, record_ack: &str) -> (Vec<f64>, f64) {
    let world = live_in(Some(storage));
    world.set_variable("KILTER_RECORD_ACK", record_ack);
    let server = Server::start(&world);
    ask_once(&server);
    let began = Instant::now();
    let mut latencies: Vec<f64> = thread::scope(|scope| {
        let client = || {
            let ask = |_| {
                let began = Instant::now();
                ask_once(&server);
                began.elapsed()
            };
            (0..REQUESTS_OF_CLIENT).map(ask).map(|taken: Duration| taken.as_secs_f64() * 1000.0).collect::<Vec<_>>()
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    (latencies, seconds)
}

#[test]
#[ignore = "a measurement of some minutes: bench/storage.sh"]
fn figures_of_the_object_store() {
    let Some(storage) = prefix() else { return };
    seal_a_million("folder", None);
    seal_a_million("object store", Some(&storage));
    for record_ack in ["disk", "storage"] {
        let Some(storage) = prefix() else { return };
        let (found, seconds) = latencies(&storage, record_ack);
        let at = |share: f64| found[((found.len() - 1) as f64 * share) as usize];
        println!(
            "--record-ack {record_ack}, {CLIENTS} clients, {} requests: median {:.1} ms, 99 % {:.1} ms, {:.0} requests/s",
            found.len(),
            at(0.5),
            at(0.99),
            found.len() as f64 / seconds
        );
    }
}
