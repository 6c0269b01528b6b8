//! The speed table: what a million rows cost, in CPU seconds of the thread that does the work.
//!
//! `cargo bench -p kilter-stats --bench speed`. Wall clocks lie on a busy machine, so time is what the kernel gave this
//! thread (`/proc/thread-self/schedstat`; elsewhere the wall clock, and the table says so). Every job runs once after its
//! data are made; drift and profiles are measured at 100 k and 1 M rows to show that cost grows linearly, and with
//! `KILTER_BENCH_10M=1` at 10 M. `KILTER_BENCH_ONLY=shap` runs the jobs whose name holds that word.

use kilter_stats::drift::{Measure, NumericReference, Sample, binned_distance, distances, ks_and_w1};
use kilter_stats::drift::{quantile_edges, right_closed_counts};
use kilter_stats::explain::{Missing, TreeEnsemble, TreeNode};
use kilter_stats::fairness::Groups;
use kilter_stats::multivariate::Reconstruction;
use kilter_stats::performance::{BinaryRows, Labelled, metric};
use kilter_stats::performance_estimation::{Calibration, Expected};
use kilter_stats::profile::{ColumnProfile, Stored, TableProfile};
use kilter_stats::random::Random;
use kilter_stats::sequential::{ColumnEvidence, model_detector};
use std::hint::black_box;
use std::time::{Duration, Instant};

const MILLION: usize = 1_000_000;
const COLUMNS: usize = 50;

/// CPU time of this thread so far; `None` where the kernel does not say.
fn thread_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// What `work` costs.
fn cost<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let (before, clock) = (thread_time(), Instant::now());
    let made = black_box(work());
    let spent = thread_time().zip(before).map(|(after, before)| after - before);
    (made, spent.unwrap_or_else(|| clock.elapsed()))
}

/// A line of the table.
fn say(job: &str, spent: Duration, limit: Option<f64>) {
    let seconds = spent.as_secs_f64();
    let verdict = limit.map_or(String::new(), |limit| {
        format!("  at most {limit}  {}", if seconds <= limit { "held" } else { "MISSED" })
    });
    println!("{job:<64} {seconds:>10.4} cpu s{verdict}");
}

fn wanted(job: &str) -> bool {
    std::env::var("KILTER_BENCH_ONLY").map_or(true, |word| job.contains(&word))
}

/// Columns of several shapes: normal, skewed, heavy, rounded, whole numbers, a tenth missing.
fn column(at: usize, seed: u64, rows: usize, shift: f64) -> Vec<f64> {
    let mut random = Random::seeded(1_000 * seed + at as u64);
    let mut draw = || random.normal() + shift;
    let mut values: Vec<f64> = (0..rows)
        .map(|_| match at % 5 {
            0 | 1 => draw(),
            2 => draw().exp(),
            3 => (draw() * 100.0).round() / 100.0,
            _ => (draw() * 50.0).round(),
        })
        .collect();
    if at % 5 == 1 {
        values.iter_mut().step_by(10).for_each(|value| *value = f64::NAN);
    }
    values
}

fn drift(rows: usize, columns: usize) {
    let (mut exact, mut stored, mut frozen) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for at in 0..columns {
        let (reference, current) = (column(at, 1, rows, 0.0), column(at, 2, rows, 0.05));
        let (_, spent) = cost(|| {
            let (a, b) = (Sample::of(&reference), Sample::of(&current));
            let ks_w1 = ks_and_w1(a.values(), b.values());
            let edges = quantile_edges(a.values(), 10);
            let (p, q) = (right_closed_counts(a.values(), &edges), right_closed_counts(b.values(), &edges));
            let rest = [Measure::Psi, Measure::Js, Measure::Chi2].map(|measure| binned_distance(measure, &p, &q));
            (ks_w1, rest)
        });
        exact += spent;
        let (profile, spent) = cost(|| NumericReference::of(&reference).unwrap());
        frozen += spent;
        stored += cost(|| profile.distances(&profile.count(&current))).1;
    }
    let is_whole = rows == MILLION && columns == COLUMNS;
    let job = |what: &str| format!("{what}, {rows} rows x {columns}");
    say(&job("drift: exact KS, W1, PSI, JS, chi2"), exact, is_whole.then_some(8.0));
    say(&job("drift: against a stored profile, all measures"), stored, is_whole.then_some(4.0));
    say(&job("freeze the references"), frozen, None);
    let value = |spent: Duration| spent.as_nanos() as f64 / (rows * columns) as f64;
    println!("{:<64} {:>10.1} {:.1} {:.1} ns a row", "  of these", value(exact), value(stored), value(frozen));
}

fn profiles(rows: usize, columns: usize) {
    let mut spent = Duration::ZERO;
    let mut made = Vec::new();
    for at in 0..columns {
        let values = column(at, 1, rows, 0.0);
        let (profile, more) = cost(|| ColumnProfile::of_numbers(&format!("column {at}"), Stored::Float, values).0);
        spent += more;
        made.push(profile);
    }
    let is_whole = rows == MILLION && columns == COLUMNS;
    say(&format!("profile, {rows} rows x {columns}"), spent, is_whole.then_some(3.0));
    let table = TableProfile::new(rows as u64, made);
    let mut into = table.clone();
    // The kernel's clock of a thread ticks in milliseconds: one merge is too short for it.
    let ((), spent) = cost(|| (0..1000).for_each(|_| into.merge(&table).unwrap()));
    say(&format!("merge two profiles of {columns} columns"), spent / 1000, Some(0.001));
    println!("{:<64} {:>10.1} kB", "  size of a profile", table.to_bytes().len() as f64 / 1000.0);
}

fn labelled() {
    let mut random = Random::seeded(4);
    let score: Vec<f64> = (0..MILLION).map(|_| random.uniform()).collect();
    let truth: Vec<bool> = score.iter().map(|score| random.uniform() < score * score).collect();
    let decision: Vec<bool> = score.iter().map(|score| *score >= 0.5).collect();
    let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
    let (_, spent) = cost(|| {
        let calibration = Calibration::fit(&rows).unwrap();
        let expected = Expected::new(&score, &decision, &calibration).unwrap();
        ["auc", "f1", "accuracy"].map(|name| expected.value(name))
    });
    say("CBPE: calibrate on 1 M, AUC, F1, accuracy of 1 M", spent, Some(0.7));
    let (_, spent) = cost(|| metric("auc", &Labelled::Binary(rows)));
    say("AUC with DeLong's interval, 1 M rows", spent, None);
    let attributes: Vec<[u32; 3]> =
        (0..MILLION).map(|_| [random.below(2), random.below(5), random.below(4)].map(|code| code as u32)).collect();
    let judge = || {
        // Codes of three attributes become codes of their crossing; margins are sums of it.
        let crossed: Vec<u32> = attributes.iter().map(|[a, b, c]| (a * 5 + b) * 4 + c).collect();
        let cells = Groups::of(&crossed, 40, &truth, &decision, None).unwrap();
        let margin = |of: fn(u32) -> u32, groups: usize| {
            let into: Vec<u32> = (0..40).map(of).collect();
            cells.regrouped(&into, groups).unwrap().summary(0.95)
        };
        (cells.summary(0.95), margin(|g| g / 20, 2), margin(|g| g / 4 % 5, 5), margin(|g| g % 4, 4))
    };
    // Once is too short for the kernel's clock of a thread.
    let ((), spent) = cost(|| (0..50).for_each(|_| drop(black_box(judge()))));
    say("fairness: 1 M rows, 3 attributes alone and crossed, intervals", spent / 50, Some(0.2));
}

fn reconstruction() {
    let columns: Vec<Vec<f64>> = (0..7).map(|at| column(5 * at, 1, MILLION, 0.0)).collect();
    let current: Vec<Vec<f64>> = (0..7).map(|at| column(5 * at, 2, MILLION, 0.1)).collect();
    let (columns, current): (Vec<&[f64]>, Vec<&[f64]>) =
        (columns.iter().map(Vec::as_slice).collect(), current.iter().map(Vec::as_slice).collect());
    let (_, spent) = cost(|| {
        let fitted = Reconstruction::fit(&columns, 0.65).unwrap();
        fitted.reading(&current, 0.95).unwrap()
    });
    say("PCA reconstruction: fit on 1 M x 7, read 1 M x 7", spent, Some(0.8));
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

fn attributions() {
    let mut random = Random::seeded(6);
    let trees = (0..500)
        .map(|_| {
            let mut nodes = Vec::new();
            grow(&mut random, &mut nodes, 31, 1.0);
            nodes
        })
        .collect();
    let ensemble = TreeEnsemble::new(trees, false, 0.0, 20).unwrap();
    let rows: Vec<f64> = (0..20 * 10_000).map(|_| random.normal()).collect();
    say("exact SHAP, 500 trees of 31 leaves x 10,000 rows", cost(|| ensemble.path_dependent(&rows)).1, Some(3.0));
    let behind = &rows[..20 * 100];
    let (_, spent) = cost(|| {
        let background = ensemble.background(behind)?;
        ensemble.interventional(&rows[..20 * 500], &background)
    });
    say("exact SHAP against 100 background rows, 500 rows", spent, None);
}

fn serving() {
    let references: Vec<NumericReference> =
        (0..COLUMNS).map(|at| NumericReference::of(&column(at, 1, 10_000, 0.0)).unwrap()).collect();
    let mut evidence: Vec<ColumnEvidence> = references.iter().map(ColumnEvidence::numeric).collect();
    let mut windows: Vec<_> = references.iter().map(NumericReference::window).collect();
    let columns: Vec<Vec<f64>> = (0..COLUMNS).map(|at| column(at, 2, 1000, 0.0)).collect();
    let rounds = 20;
    let (_, one_by_one) = cost(|| {
        for row in 0..rounds * 1000 {
            for ((reference, window), values) in references.iter().zip(&mut windows).zip(&columns) {
                reference.add(window, values[row % 1000]);
            }
        }
    });
    let mut blocks: Vec<_> = references.iter().map(NumericReference::window).collect();
    let (_, in_blocks) = cost(|| {
        for block in 0..rounds * 4 {
            for ((reference, window), values) in references.iter().zip(&mut blocks).zip(&columns) {
                let from = block % 4 * 250;
                window.merge(&reference.count(&values[from..from + 250])).unwrap();
            }
        }
    });
    let (_, bets) = cost(|| {
        for _ in 0..rounds {
            for (evidence, window) in evidence.iter_mut().zip(&windows) {
                evidence.update_numeric(window).unwrap();
            }
        }
        model_detector(evidence.iter())
    });
    let each = |spent: Duration| spent / rounds as u32;
    say("serving: 1,000 rows x 50 columns counted row by row", each(one_by_one), None);
    say("serving: the same in blocks of 250 rows", each(in_blocks), None);
    say("serving: bets of 50 columns on a window", each(bets), None);
    say("serving: a window of 1,000 rows, blocks and bets (5 us a row)", each(in_blocks + bets), Some(0.005));
    let samples: Vec<[Sample; 2]> =
        (0..COLUMNS).map(|at| [1, 2].map(|seed| Sample::of(&column(at, seed, 1000, 0.0)))).collect();
    let (_, spent) = cost(|| samples.iter().map(|[a, b]| distances(a, b).len()).sum::<usize>());
    say("distances of 50 sorted windows of 1,000 rows", spent, None);
}

fn main() {
    if thread_time().is_none() {
        println!("the kernel does not tell a thread's CPU time: these are seconds on the clock");
    }
    let mut sizes = vec![(MILLION / 10, COLUMNS), (MILLION, COLUMNS)];
    if std::env::var_os("KILTER_BENCH_10M").is_some() {
        sizes.push((10 * MILLION, 5));
    }
    let jobs: [(&str, &dyn Fn()); 6] = [
        ("drift", &|| sizes.iter().for_each(|(rows, columns)| drift(*rows, *columns))),
        ("profile", &|| sizes.iter().for_each(|(rows, columns)| profiles(*rows, *columns))),
        ("labelled", &labelled),
        ("pca", &reconstruction),
        ("shap", &attributions),
        ("serving", &serving),
    ];
    jobs.iter().filter(|(name, _)| wanted(name)).for_each(|(_, job)| job());
}
