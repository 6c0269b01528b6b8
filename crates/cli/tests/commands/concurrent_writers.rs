//! Several clients log to the same runs at once, and send some of it twice: no request fails, and each point is there once.
//!
//! `./test --replays -- concurrent_writers` writes a million points on each database.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    World,
    database::Database,
    server::{Server, ask},
};

const CLIENTS: usize = 8;
const RUNS: usize = 4;
const METRICS: usize = 10;
/// Points of a page of a history.
const PAGE: usize = 25_000;
/// A batch of so many is sent twice.
const REPEATED: usize = 8;

/// What each client writes.
#[derive(Clone, Copy)]
struct Load {
    batches: usize,
    /// Points of a batch: a multiple of [`METRICS`], at most 1,000.
    points: usize,
}

impl Load {
    /// Steps of a batch: each has a point of every metric.
    const fn steps(self) -> usize {
        self.points / METRICS
    }

    /// Steps of a run: the first batch is the same for all its clients, the others are each client's own.
    const fn steps_of_run(self) -> usize {
        self.steps() * (1 + CLIENTS / RUNS * (self.batches - 1))
    }

    /// The first step of a batch of a client.
    const fn first_step(self, client: usize, batch: usize) -> usize {
        let own = if batch == 0 { 0 } else { client / RUNS * (self.batches - 1) + batch };
        own * self.steps()
    }
}

fn value(metric: usize, step: usize) -> f64 {
    step as f64 / 7.0 + metric as f64
}

/// Writes the batches of one client; how long each request took.
fn write(address: &str, run: &str, client: usize, load: Load) -> Vec<Duration> {
    let mut took = Vec::new();
    for batch in 0..load.batches {
        let first = load.first_step(client, batch);
        let point = |place: usize| {
            let (metric, step) = (place % METRICS, first + place / METRICS);
            json!({ "key": format!("m{metric}"), "value": value(metric, step), "timestamp": step, "step": step })
        };
        let metrics: Vec<Value> = (0..load.points).map(point).collect();
        let params = json!([{ "key": "lr", "value": "0.1" }, { "key": format!("client{client}"), "value": "here" }]);
        let tags = json!([{ "key": format!("batches{client}"), "value": batch.to_string() }]);
        // The bounds of a batch count all that it has.
        let body = json!({ "run_id": run, "metrics": metrics, "params": params, "tags": tags });
        for _ in 0..if batch % REPEATED == 0 { 2 } else { 1 } {
            let began = Instant::now();
            let answer = ask(address, "POST", "/api/2.0/mlflow/runs/log-batch", &body);
            took.push(began.elapsed());
            assert!(matches!(&answer, Ok((200, _))), "client {client}, batch {batch}: {answer:?}");
        }
    }
    took
}

fn create_run(server: &Server) -> String {
    let (_, made) = server.ask("POST", "/api/2.0/mlflow/runs/create", &json!({ "experiment_id": "0" }));
    made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
}

/// That a metric of a run has each of its points once; how many there are.
fn check_history(server: &Server, run: &str, metric: usize, load: Load) -> usize {
    let (mut step, mut token) = (0, String::new());
    loop {
        let path = format!(
            "/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m{metric}&max_results={PAGE}&page_token={token}"
        );
        let (status, page) = server.get(&path);
        assert_eq!(status, 200, "{page}");
        for point in page["metrics"].as_array().into_iter().flatten() {
            let expected =
                json!({ "key": format!("m{metric}"), "value": value(metric, step), "timestamp": step, "step": step });
            assert_eq!(point, &expected);
            step += 1;
        }
        match page["next_page_token"].as_str() {
            Some(next) => token = next.replace('+', "%2B").replace('=', "%3D"),
            None => break,
        }
    }
    assert_eq!(step, load.steps_of_run(), "points of m{metric} of run {run}");
    step
}

fn check_run(server: &Server, run: &str, number: usize, load: Load) {
    let (_, found) = server.get(&format!("/api/2.0/mlflow/runs/get?run_id={run}"));
    let data = &found["run"]["data"];
    let clients: Vec<usize> = (0..CLIENTS).filter(|client| client % RUNS == number).collect();
    let mut params: Vec<Value> =
        clients.iter().map(|client| json!({ "key": format!("client{client}"), "value": "here" })).collect();
    params.push(json!({ "key": "lr", "value": "0.1" }));
    assert_eq!(data["params"], json!(params));
    for client in clients {
        let tag = json!({ "key": format!("batches{client}"), "value": (load.batches - 1).to_string() });
        assert!(data["tags"].as_array().unwrap().contains(&tag), "{tag}: {data}");
    }
    let last = load.steps_of_run() - 1;
    for metric in data["metrics"].as_array().unwrap() {
        assert_eq!(metric["step"], last, "the latest point: {metric}");
    }
}

fn write_at_once(world: &World, load: Load) {
    let server = Server::start(world);
    let runs: Vec<String> = (0..RUNS).map(|_| create_run(&server)).collect();
    let began = Instant::now();
    let mut took: Vec<Duration> = thread::scope(|scope| {
        let start = |client: usize| {
            let (address, run) = (&server.address, &runs[client % RUNS]);
            scope.spawn(move || write(address, run, client, load))
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let elapsed = began.elapsed();
    took.sort_unstable();
    let mut points = 0;
    for (number, run) in runs.iter().enumerate() {
        points += (0..METRICS).map(|metric| check_history(&server, run, metric, load)).sum::<usize>();
        check_run(&server, run, number, load);
    }
    println!(
        "{points} points of {CLIENTS} clients in {} batches: {elapsed:.1?}, p50 {:.1?}, p99 {:.1?}, {} MB at most",
        took.len(),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        server.peak_bytes() >> 20
    );
}

fn on_postgres(load: Load) {
    let Some(database) = Database::new() else { return };
    let world = World::new();
    world.set_database(&database.url());
    write_at_once(&world, load);
}

const SOME: Load = Load { batches: 17, points: 100 };
const A_MILLION: Load = Load { batches: 129, points: 980 };

#[test]
fn clients_that_log_to_the_same_runs_at_once_lose_and_repeat_nothing() {
    write_at_once(&World::new(), SOME);
}

#[test]
fn clients_that_log_at_once_lose_and_repeat_nothing_on_postgresql() {
    on_postgres(SOME);
}

#[test]
#[ignore = "writes a million points: a minute or two; ./test --replays -- concurrent_writers"]
fn a_million_points_of_eight_clients_are_there_once() {
    write_at_once(&World::new(), A_MILLION);
}

#[test]
#[ignore = "writes a million points: a minute or two; ./test --replays -- concurrent_writers"]
fn a_million_points_of_eight_clients_are_there_once_on_postgresql() {
    on_postgres(A_MILLION);
}
