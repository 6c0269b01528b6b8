//! The speed table: one column of a million rows against another, and everything else that is done at that size.
//!
//! `cargo bench -p kilter-stats --bench speed`. Sizes 100 k and 1 M show that cost grows linearly; `KILTER_BENCH_10M=1`
//! adds 10 M.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kilter_stats::drift::{CategoricalReference, Measure, NumericReference, Sample, binned_distance, ks_and_w1};
use kilter_stats::drift::{quantile_edges, right_closed_counts};
use kilter_stats::estimated::{Calibration, Expected};
use kilter_stats::evidence::ColumnEvidence;
use kilter_stats::explain::{Missing, TreeEnsemble, TreeNode};
use kilter_stats::fairness::Groups;
use kilter_stats::multivariate::Reconstruction;
use kilter_stats::performance::{BinaryRows, Labelled, metric};
use kilter_stats::random::Random;
use std::hint::black_box;

const MILLION: usize = 1_000_000;

fn sizes() -> Vec<usize> {
    let mut sizes = vec![MILLION / 10, MILLION];
    if std::env::var_os("KILTER_BENCH_10M").is_some() {
        sizes.push(10 * MILLION);
    }
    sizes
}

fn normals(seed: u64, rows: usize, shift: f64) -> Vec<f64> {
    let mut random = Random::seeded(seed);
    (0..rows).map(|_| random.normal() + shift).collect()
}

fn drift(c: &mut Criterion) {
    let mut group = c.benchmark_group("drift of one column, reference and current");
    group.sample_size(10);
    for rows in sizes() {
        let (reference, current) = (normals(1, rows, 0.0), normals(2, rows, 0.1));
        group.throughput(Throughput::Elements(2 * rows as u64));
        group.bench_with_input(BenchmarkId::new("exact: KS, W1, PSI, JS, chi2", rows), &rows, |b, _| {
            b.iter(|| {
                let (a, b) = (Sample::of(&reference), Sample::of(&current));
                let ks_w1 = ks_and_w1(a.values(), b.values());
                let edges = quantile_edges(a.values(), 10);
                let (p, q) = (right_closed_counts(a.values(), &edges), right_closed_counts(b.values(), &edges));
                let rest = [Measure::Psi, Measure::Js, Measure::Chi2].map(|measure| binned_distance(measure, &p, &q));
                black_box((ks_w1, rest))
            });
        });
        let profile = NumericReference::of(&reference).unwrap();
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_with_input(BenchmarkId::new("stored profile: all measures", rows), &rows, |b, _| {
            b.iter(|| black_box(profile.distances(&profile.count(&current))));
        });
        group.bench_with_input(BenchmarkId::new("freeze a profile", rows), &rows, |b, _| {
            b.iter(|| black_box(NumericReference::of(&reference)));
        });
    }
    group.finish();
}

fn small(c: &mut Criterion) {
    let mut group = c.benchmark_group("one column");
    let profile = NumericReference::of(&normals(1, MILLION / 10, 0.0)).unwrap();
    let values = normals(2, 1000, 0.0);
    let window = profile.count(&values);
    group.bench_function("merge two windows", |b| {
        b.iter_batched(
            || window.clone(),
            |mut into| {
                into.merge(&window).unwrap();
                into
            },
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(1000));
    group.bench_function("add rows one by one", |b| {
        b.iter_batched(
            || profile.window(),
            |mut into| {
                values.iter().for_each(|value| profile.add(&mut into, *value));
                into
            },
            BatchSize::SmallInput,
        );
    });
    let evidence = ColumnEvidence::numeric(&profile);
    group.bench_function("evidence of a window of 1,000 rows", |b| {
        b.iter_batched(
            || evidence.clone(),
            |mut evidence| {
                evidence.see_numeric(&window).unwrap();
                evidence
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn categories(c: &mut Criterion) {
    let mut group = c.benchmark_group("a categorical column of 50 values");
    group.sample_size(10);
    let names: Vec<String> = (0..50).map(|i| format!("value {i:02}")).collect();
    let mut random = Random::seeded(3);
    let column: Vec<&str> = (0..MILLION).map(|_| names[random.below(50)].as_str()).collect();
    let profile = CategoricalReference::of(column.iter().copied().map(Some)).unwrap();
    group.throughput(Throughput::Elements(MILLION as u64));
    group.bench_function("stored profile: all measures", |b| {
        b.iter(|| black_box(profile.distances(&profile.count(column.iter().copied().map(Some)))));
    });
    group.finish();
}

fn labelled(c: &mut Criterion) {
    let mut group = c.benchmark_group("a million rows");
    group.sample_size(10);
    let mut random = Random::seeded(4);
    let score: Vec<f64> = (0..MILLION).map(|_| random.uniform()).collect();
    let truth: Vec<bool> = score.iter().map(|score| random.uniform() < score * score).collect();
    let decision: Vec<bool> = score.iter().map(|score| *score >= 0.5).collect();
    let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
    group.bench_function("CBPE: calibrate on 1 M, estimate AUC, F1, accuracy on 1 M", |b| {
        b.iter(|| {
            let calibration = Calibration::fit(&rows).unwrap();
            let expected = Expected::new(&score, &decision, &calibration).unwrap();
            black_box(["auc", "f1", "accuracy"].map(|name| expected.value(name)))
        });
    });
    group.bench_function("AUC with DeLong's interval", |b| {
        b.iter(|| black_box(metric("auc", &Labelled::Binary(rows))));
    });
    let groups: Vec<u32> = (0..MILLION).map(|_| random.below(40) as u32).collect();
    group.bench_function("fairness: 40 crossed groups, all rates, gaps, intervals", |b| {
        b.iter(|| {
            let table = Groups::of(&groups, 40, &truth, &decision, None).unwrap();
            black_box(table.summary(0.95))
        });
    });
    let columns: Vec<Vec<f64>> = (0..7).map(|column| normals(column, MILLION, 0.0)).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    group.bench_function("PCA: fit on 1 M x 7, read 1 M x 7", |b| {
        b.iter(|| {
            let fitted = Reconstruction::fit(&columns, 0.65).unwrap();
            black_box(fitted.reading(&columns, 0.95))
        });
    });
    group.finish();
}

fn grow(random: &mut Random, nodes: &mut Vec<TreeNode>, leaves: usize, cover: f64) -> usize {
    let place = nodes.len();
    nodes.push(TreeNode::Leaf { value: random.normal(), cover });
    if leaves > 1 {
        let share = 0.2 + 0.6 * random.uniform();
        let left_leaves = ((leaves as f64 * share) as usize).clamp(1, leaves - 1);
        let (feature, threshold) = (random.below(20), random.normal());
        let left = grow(random, nodes, left_leaves, cover * share);
        let right = grow(random, nodes, leaves - left_leaves, cover * (1.0 - share));
        nodes[place] = TreeNode::Split { feature, threshold, left, right, missing: Missing::Left, cover };
    }
    place
}

fn attributions(c: &mut Criterion) {
    let mut group = c.benchmark_group("exact SHAP");
    group.sample_size(10);
    let mut random = Random::seeded(6);
    let trees = (0..500)
        .map(|_| {
            let mut nodes = Vec::new();
            grow(&mut random, &mut nodes, 31, 1.0);
            nodes
        })
        .collect();
    let ensemble = TreeEnsemble::new(trees, false, 0.0, 20).unwrap();
    let rows = normals(7, 20 * 10_000, 0.0);
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("500 trees of 31 leaves x 10,000 rows", |b| {
        b.iter(|| black_box(ensemble.path_dependent(&rows)));
    });
    group.finish();
}

criterion_group!(benches, drift, small, categories, labelled, attributions);
criterion_main!(benches);
