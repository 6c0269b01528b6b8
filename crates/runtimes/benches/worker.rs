//! One request over the socket of a Python worker: 1 and 1,000 rows of 50 numbers, and what the DataFrame of MLflow costs beside it.
//!
//! Needs a Python with MLflow in `KILTER_MLFLOW_PYTHON`.

use std::{hint::black_box, path::PathBuf, process::Command};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kilter_domain::table::{Column, Table};
use kilter_runtimes::python::{ModelFolder, WorkerSettings, load};

fn bench_worker(criterion: &mut Criterion) {
    let python = PathBuf::from(
        std::env::var_os("KILTER_MLFLOW_PYTHON").expect("KILTER_MLFLOW_PYTHON names a Python with MLflow"),
    );
    let above = tempfile::tempdir().expect("a folder");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models.py");
    let output = Command::new(&python).arg(script).arg(above.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (model, log) = (above.path().join("sum"), above.path().join("sum.log"));
    let model = load(&python, ModelFolder::new(above, model), &log, WorkerSettings::default(), None).expect("a model");
    let mut group = criterion.benchmark_group("python_worker");
    for rows in [1, 1_000] {
        let columns = (0..50).map(|at| (format!("c{at}"), Column::Float(vec![0.5; rows]))).collect();
        let table = Table::new(columns).expect("a table");
        group.bench_function(BenchmarkId::new("sum_of_50", rows), |bencher| {
            bencher.iter(|| model.predict(black_box(&table)).expect("an answer"));
        });
    }
    group.finish();
}

criterion_group!(benches, bench_worker);
criterion_main!(benches);
