//! What a request costs: JSON in, a boosted model, JSON out; and how much the log takes.
//!
//! `cargo bench -p kilter-serving`. Requests are measured in CPU time of the thread, so that busy neighbours do not
//! count; the log in wall time, because it waits for the disk.

use std::{hint::black_box, sync::Arc, time::Instant};

use criterion::{
    BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    model::VersionState,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_inference::Model;
use kilter_serving::{
    Endpoint, EndpointOptions, EventTimes, Limits, LoadRequest, LogOptions, PredictionBatch, PredictionLog, Role,
    Routes, ServedVersion, VersionRef,
    column_stats::{ColumnKind, ColumnStats, TrackedColumn},
    counters::ScoreEdges,
    endpoint::ModelOutput,
    v2,
};
use kilter_stats::{
    drift::{CategoricalReference, NumericReference},
    profile::ReferenceDistribution,
};
use kilter_train::{Learner, Params, TrainOptions, train_model};

const FEATURES: usize = 20;

/// Numbers that look drawn and are always the same.
fn drawn(row: usize, feature: usize) -> f64 {
    let mixed = (row as u64 * 6_364_136_223_846_793_005 + feature as u64 * 1_442_695_040_888_963_407).rotate_left(29);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / 16_777_216.0
}

fn table(rows: usize) -> Table {
    let feature = |at| Column::Float((0..rows).map(|row| drawn(row, at)).collect());
    Table::new((0..FEATURES).map(|at| (format!("feature_{at}"), feature(at))).collect()).unwrap()
}

fn model(learner: Learner, rounds: usize) -> Arc<ServedVersion> {
    let mut train = table(4_000);
    let truth = (0..4_000).map(|row| Some(drawn(row, 0) * drawn(row, 1) + drawn(row, 2) > 0.7)).collect();
    train.push("y", Column::Bool(truth)).unwrap();
    let params = Params { rounds, patience: None, ..Params::default() };
    let onnx = train_model(&train, &TrainOptions { learner, params, ..TrainOptions::new("y") }).unwrap().onnx;
    let version = VersionRef { number: 1, digest: Digest::of(b"one") };
    let admission = LoadRequest {
        version,
        model: Digest::of(&onnx),
        state: VersionState::Approved,
        admits: AdmissionPolicy::Approved,
        threshold: None,
    };
    let edges = ScoreEdges::new((1..50).map(|edge| f64::from(edge) / 50.0).collect());
    Arc::new(ServedVersion::with_predictor(Arc::new(Model::from_onnx(&onnx).unwrap()), &admission, edges).unwrap())
}

fn endpoint(version: &Arc<ServedVersion>, log: Option<Arc<PredictionLog>>) -> Endpoint {
    let options = EndpointOptions { limits: Limits::default(), id_prefix: "0192f0c1".into() };
    let endpoint = Endpoint::new("churn".parse().unwrap(), options, log);
    endpoint.deploy(Routes::new(version.clone(), None, &[]).unwrap());
    endpoint
}

/// One block tensor, as numpy clients send it.
fn block(rows: usize) -> String {
    let row = |row| (0..FEATURES).map(|at| drawn(row, at).to_string()).collect::<Vec<_>>().join(",");
    let data = (0..rows).map(row).collect::<Vec<_>>().join(",");
    format!(r#"{{"inputs":[{{"name":"x","shape":[{rows},{FEATURES}],"datatype":"FP64","data":[{data}]}}]}}"#)
}

/// One tensor a column.
fn columns() -> String {
    let one = |at| {
        let value = drawn(0, at);
        format!(r#"{{"name":"feature_{at}","shape":[1],"datatype":"FP64","data":[{value}]}}"#)
    };
    format!(r#"{{"inputs":[{}]}}"#, (0..FEATURES).map(one).collect::<Vec<_>>().join(","))
}

/// Nanoseconds that this thread ran.
struct ThreadTime;

fn thread_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

impl Measurement for ThreadTime {
    type Intermediate = u64;
    type Value = u64;

    fn start(&self) -> u64 {
        thread_time()
    }

    fn end(&self, begin: u64) -> u64 {
        thread_time() - begin
    }

    fn add(&self, one: &u64, other: &u64) -> u64 {
        one + other
    }

    fn zero(&self) -> u64 {
        0
    }

    fn to_f64(&self, value: &u64) -> f64 {
        *value as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        // It formats nanoseconds, which these are.
        WallTime.formatter()
    }
}

fn answer(endpoint: &Endpoint, body: &str) -> Vec<u8> {
    let request = endpoint.read(body.as_bytes(), EventTimes::Now).unwrap();
    endpoint.infer(request, Timestamp(0)).unwrap().to_json()
}

fn requests(criterion: &mut Criterion<ThreadTime>) {
    let (linear, boosted) = (model(Learner::Linear, 1), model(Learner::Boosting, 500));
    let limits = Limits::default();
    let mut group = criterion.benchmark_group("v2_json");
    for (form, body) in [("block", block(1)), ("columns", columns())] {
        group.bench_function(BenchmarkId::new("read_1_row", form), |b| {
            b.iter(|| v2::read_request(black_box(body.as_bytes()), &limits).unwrap());
        });
        for (name, version) in [("linear", &linear), ("boosted_500", &boosted)] {
            let endpoint = endpoint(version, None);
            group.bench_function(BenchmarkId::new(format!("answer_1_row_{name}"), form), |b| {
                b.iter(|| answer(&endpoint, black_box(&body)));
            });
        }
    }
    let body = block(100);
    group.bench_function("read_100_rows", |b| {
        b.iter(|| v2::read_request(black_box(body.as_bytes()), &limits).unwrap());
    });
    for (name, version) in [("linear", &linear), ("boosted_500", &boosted)] {
        let endpoint = endpoint(version, None);
        group.bench_function(BenchmarkId::new("answer_100_rows", name), |b| {
            b.iter(|| answer(&endpoint, black_box(&body)));
        });
    }
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [("durable", LogOptions::default()), ("buffered", LogOptions::without_sync())] {
        let log = Arc::new(PredictionLog::open(dir.path().join(name), options).unwrap().0);
        let endpoint = endpoint(&boosted, Some(log));
        let body = block(1);
        group.bench_function(BenchmarkId::new("answer_1_row_boosted_recorded", name), |b| {
            b.iter(|| answer(&endpoint, black_box(&body)));
        });
    }
    group.finish();
}

/// A watched column of each kind among fifty features: mostly numbers, some of few values, some texts.
fn fifty(rows: usize) -> (Vec<TrackedColumn>, Table, ModelOutput) {
    let numbers = |at: usize, rows: usize| (0..rows).map(|row| drawn(row, at)).collect::<Vec<f64>>();
    let word = |row: usize, at: usize| Arc::from(format!("word {}", (drawn(row, at) * 30.0) as u32));
    let (mut watched, mut table) = (Vec::new(), Table::default());
    for at in 0..50 {
        let name = format!("feature_{at}");
        let (frozen, column) = match at % 10 {
            7 => {
                let few = |row: usize| (drawn(row, at) * 5.0) as i64;
                let names: Vec<String> = (0..5_000).map(|row| few(row).to_string()).collect();
                let reference = CategoricalReference::of(names.iter().map(|name| Some(name.as_str()))).unwrap();
                (
                    ReferenceDistribution::Categorical(reference),
                    Column::Int((0..rows).map(|row| Some(few(row))).collect()),
                )
            }
            8 | 9 => {
                let words: Vec<Arc<str>> = (0..5_000).map(|row| word(row, at)).collect();
                let reference = CategoricalReference::of(words.iter().map(|word| Some(&**word))).unwrap();
                (
                    ReferenceDistribution::Categorical(reference),
                    Column::Text((0..rows).map(|row| Some(word(row, at))).collect()),
                )
            }
            _ => {
                let reference = NumericReference::of(&numbers(at, 5_000)).unwrap();
                (ReferenceDistribution::Numeric(reference), Column::Float(numbers(at, rows)))
            }
        };
        watched.push(TrackedColumn { name: name.clone(), kind: ColumnKind::Feature, reference: frozen });
        table.push(name, column).unwrap();
    }
    let score = ReferenceDistribution::Numeric(NumericReference::of(&numbers(99, 5_000)).unwrap());
    watched.push(TrackedColumn { name: "score".to_owned(), kind: ColumnKind::Score, reference: score });
    let answers = ModelOutput { scores: numbers(99, rows), ..ModelOutput::default() };
    (watched, table, answers)
}

/// What counting a row of fifty features takes; the times are of a whole request.
fn profiles(criterion: &mut Criterion<ThreadTime>) {
    let mut group = criterion.benchmark_group("profile_50_features");
    for rows in [1, 10, 1_000] {
        let (watched, table, answers) = fifty(rows);
        let profile = ColumnStats::new(watched);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::new("count_rows", rows), |b| {
            b.iter(|| profile.count(Role::Champion, (black_box(&table), &answers), Timestamp(0), &|_| false));
        });
    }
    group.finish();
}

fn batch(rows: usize) -> PredictionBatch {
    PredictionBatch {
        version: VersionRef { number: 1, digest: Digest::of(b"one") },
        role: Role::Champion,
        consumer: None,
        recorded_at: Timestamp(0),
        latency_us: 10,
        ids: (0..rows).map(|row| format!("0192f0c1-{row:x}").into()).collect(),
        event_times: vec![Timestamp(0); rows],
        features: table(rows),
        scores: vec![0.5; rows],
        labels: Some(vec!["no".into(); rows]),
        probabilities: None,
        details: None,
    }
}

/// Appends by `threads` callers at once; group commit lets them share a sync.
fn append_all(log: &PredictionLog, threads: usize, appends: u64, batch: &PredictionBatch) {
    let each = appends.div_ceil(threads as u64);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                for _ in 0..each {
                    // A buffered log that is full says so; the bench waits for it, as a patient caller would.
                    while log.append(batch).is_err() {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
}

fn recording(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    let dir = tempfile::tempdir().unwrap();
    for (mode, options) in [("durable", LogOptions::default()), ("buffered", LogOptions::without_sync())] {
        for (threads, rows) in [(1, 1), (32, 1), (32, 100)] {
            let log =
                PredictionLog::open(dir.path().join(format!("{mode}-{threads}-{rows}")), options.clone()).unwrap().0;
            let batch = batch(rows);
            group.bench_function(BenchmarkId::new(mode, format!("{threads}_callers_{rows}_rows")), |b| {
                b.iter_custom(|appends| {
                    let begin = Instant::now();
                    append_all(&log, threads, appends, &batch);
                    begin.elapsed()
                });
            });
            log.sealed().into_iter().for_each(|segment| drop(log.drop_sealed(segment)));
        }
    }
    group.finish();
}

fn short() -> Criterion {
    let (warm_up, measurement) = (std::time::Duration::from_millis(500), std::time::Duration::from_secs(2));
    Criterion::default().warm_up_time(warm_up).measurement_time(measurement)
}

criterion_group! {
    name = processor;
    config = short().with_measurement(ThreadTime);
    targets = requests, profiles
}
criterion_group! {
    name = disk;
    config = short();
    targets = recording
}
criterion_main!(processor, disk);
