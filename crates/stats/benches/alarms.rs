//! How often rules alarm without drift, and how soon they find one: the table of the monitoring page, by simulation.
//!
//! `cargo bench -p kilter-stats --bench alarms`. 50 features, ten models of 200 clean windows each, then one feature
//! shifts. "Alarms a year" counts daily windows.

use kilter_stats::drift::{Measure, NumericReference, Sample, distance};
use kilter_stats::random::Random;
use kilter_stats::sequential::{ColumnEvidence, model_detector, model_e_process};

const MODELS: u64 = 10;
const FEATURES: usize = 50;
const REFERENCE: usize = 10_000;
const CLEAN: usize = 200;
const SHIFTED: usize = 30;

/// What every rule says of one window.
struct Said {
    rules: [bool; 8],
}

const RULES: [&str; 8] = [
    "KS p < .05",
    "KS Bonferroni",
    "KS Benjamini-Hochberg",
    "W1/sd >= .1",
    "PSI >= .1",
    "PSI >= .2",
    "e-detector, ARL 1,000",
    "e-process, alpha .05 for ever",
];

fn normals(random: &mut Random, rows: usize, shift: f64) -> Vec<f64> {
    (0..rows).map(|_| random.normal() + shift).collect()
}

fn window(
    random: &mut Random,
    references: &[(Sample, NumericReference)],
    columns: &mut [ColumnEvidence],
    rows: usize,
    shift: f64,
) -> Said {
    let (mut p_values, mut w1, mut psi) = (Vec::new(), 0.0f64, 0.0f64);
    for (feature, ((sample, profile), column)) in references.iter().zip(columns.iter_mut()).enumerate() {
        let values = normals(random, rows, if feature == 0 { shift } else { 0.0 });
        let current = Sample::of(&values);
        p_values.push(distance(Measure::Ks, sample, &current).unwrap().p.unwrap());
        w1 = w1.max(distance(Measure::W1OverSd, sample, &current).unwrap().value);
        psi = psi.max(distance(Measure::Psi, sample, &current).unwrap().value);
        column.update_numeric(&profile.count(&values)).unwrap();
    }
    p_values.sort_by(f64::total_cmp);
    let n = p_values.len() as f64;
    let hochberg = p_values.iter().enumerate().any(|(i, p)| *p <= 0.05 * (i + 1) as f64 / n);
    Said {
        rules: [
            p_values[0] < 0.05,
            p_values[0] < 0.05 / n,
            hochberg,
            w1 >= 0.1,
            psi >= 0.1,
            psi >= 0.2,
            model_detector(columns.iter()) >= 1000.0,
            model_e_process(columns.iter()) >= 20.0,
        ],
    }
}

fn main() {
    println!("{:<32} {:>9} {:>12} {:>10} {:>7}", "rule", "alarms/yr", "windows %", "delay", "missed");
    for (rows, shift) in [(1000, 0.15), (200, 0.3)] {
        println!("windows of {rows} rows, one of {FEATURES} features shifts by {shift} sd");
        let mut alarms = [0usize; RULES.len()];
        let mut delays: [Vec<usize>; RULES.len()] = Default::default();
        for model in 0..MODELS {
            let mut random = Random::seeded(1000 + model);
            let references: Vec<(Sample, NumericReference)> = (0..FEATURES)
                .map(|_| {
                    let sample = Sample::of(&normals(&mut random, REFERENCE, 0.0));
                    let profile = NumericReference::of_sample(&sample).unwrap();
                    (sample, profile)
                })
                .collect();
            let mut columns: Vec<ColumnEvidence> =
                references.iter().map(|(_, profile)| ColumnEvidence::numeric(profile)).collect();
            for _ in 0..CLEAN {
                let said = window(&mut random, &references, &mut columns, rows, 0.0);
                alarms.iter_mut().zip(said.rules).for_each(|(count, alarmed)| *count += usize::from(alarmed));
                if said.rules[6] {
                    columns.iter_mut().for_each(ColumnEvidence::restart);
                }
            }
            let mut first = [None; RULES.len()];
            for delay in 0..SHIFTED {
                let said = window(&mut random, &references, &mut columns, rows, shift);
                for (first, alarmed) in first.iter_mut().zip(said.rules) {
                    *first = first.or(alarmed.then_some(delay));
                }
            }
            delays.iter_mut().zip(first).for_each(|(delays, first)| delays.extend(first));
        }
        for ((rule, alarms), mut delays) in RULES.iter().zip(alarms).zip(delays) {
            delays.sort_unstable();
            let share = alarms as f64 / (MODELS as usize * CLEAN) as f64;
            let median = delays.get(delays.len() / 2).map_or("never".to_owned(), usize::to_string);
            let missed = MODELS as usize - delays.len();
            println!("{rule:<32} {:>9.1} {:>12.2} {median:>10} {missed:>7}", share * 365.0, share * 100.0);
        }
    }
}
