//! Numbers that nobody chose: all missing, constant, infinite, huge, tiny, one row. A number or a reason, never NaN.

use kilter_stats::drift::{
    CategoricalReference, NumericReference, Sample, anderson_darling, cramer_von_mises, distances, energy_distance,
    ks_test, t_test,
};
use kilter_stats::fairness::{Groups, calibration_by_group};
use kilter_stats::multivariate::{MeanFill, Reconstruction};
use kilter_stats::performance::{BinaryRows, Labelled, Metric, MulticlassRows, RankingRows, RegressionRows, Task};
use kilter_stats::performance_estimation::{Calibration, Expected, powered_mean};
use kilter_stats::random::Random;
use kilter_stats::sequential::{ColumnEvidence, ConformalMartingale, judge_rate, model_detector};
use kilter_stats::{Estimate, MetricResult};
use proptest::collection::vec;
use proptest::prelude::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -4.0..4.0,
        3 => (-3i32..3).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        1 => prop_oneof![Just(1.7e308), Just(-1.7e308), Just(5e-324), Just(-0.0), Just(1e155)],
    ]
}

/// Columns: mixed, all missing, constant, of one row.
fn column() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        5 => vec(number(), 0..80),
        1 => (1usize..40).prop_map(|n| vec![f64::NAN; n]),
        1 => (number(), 1usize..40).prop_map(|(value, n)| vec![value; n]),
        1 => number().prop_map(|value| vec![value]),
    ]
}

fn honest(what: &str, estimate: MetricResult<Estimate>) -> Result<(), TestCaseError> {
    if let Ok(got) = estimate {
        prop_assert!(!got.value.is_nan() && got.low <= got.value && got.value <= got.high, "{what}: {got:?}");
    }
    Ok(())
}

fn all_metrics(task: Task, rows: &Labelled) -> Result<(), TestCaseError> {
    for entry in Metric::catalogue(task) {
        honest(entry.name, entry.metric.measure(rows, 0.95))?;
        honest(entry.name, entry.metric.difference(rows, rows, 0.95, 1))?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_two_columns_have_a_distance_or_a_reason(a in column(), b in column()) {
        let (left, right) = (Sample::of(&a), Sample::of(&b));
        let mut all = distances(&left, &right);
        if let Ok(reference) = NumericReference::of(&a) {
            let window = reference.count(&b);
            all.extend(reference.distances(&window));
            let mut evidence = ColumnEvidence::numeric(&reference);
            evidence.update_numeric(&window).unwrap();
            prop_assert!(model_detector([&evidence]).is_finite());
        }
        for got in all {
            prop_assert!(!got.value.is_nan() && !got.expected.is_nan() && got.effect >= 0.0, "{got:?}");
            prop_assert!(got.p.is_none_or(|p| (0.0..=1.0).contains(&p)), "{got:?}");
        }
        for (name, test) in [("ks", ks_test(&left, &right)), ("t", t_test(&left, &right)), ("cvm", cramer_von_mises(&left, &right))] {
            if let Ok(test) = test {
                prop_assert!(!test.statistic.is_nan() && (0.0..=1.0).contains(&test.p), "{name}: {test:?}");
            }
        }
        for value in [energy_distance(&left, &right), anderson_darling(&left, &right)].into_iter().flatten() {
            prop_assert!(!value.is_nan());
        }
    }

    #[test]
    fn any_labelled_rows_have_metrics_or_reasons(
        rows in vec((any::<bool>(), number(), number(), 0u32..4, number()), 0..60),
    ) {
        let truth: Vec<bool> = rows.iter().map(|row| row.0).collect();
        let (first, second): (Vec<f64>, Vec<f64>) = rows.iter().map(|row| (row.1, row.2)).unzip();
        let chance: Vec<f64> = first.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
        let weight: Vec<f64> = second.iter().map(|x| x.abs()).collect();
        for score in [&first, &chance] {
            if let Ok(binary) = BinaryRows::scored(&truth, score, 0.5) {
                all_metrics(Task::Binary, &Labelled::Binary(binary))?;
                if let Ok(weighted) = binary.with_weights(&weight) {
                    all_metrics(Task::Binary, &Labelled::Binary(weighted))?;
                }
                if let Ok(calibration) = Calibration::fit(&binary) {
                    let decision: Vec<bool> = score.iter().map(|score| *score > 0.5).collect();
                    if let Ok(expected) = Expected::new(score, &decision, &calibration) {
                        for name in ["auc", "f1", "precision", "log_loss", "average_precision", "nonsense"] {
                            prop_assert!(expected.value(name).is_ok_and(|value| !value.is_nan()) || expected.value(name).is_err());
                        }
                    }
                }
            }
        }
        if let Ok(regression) = RegressionRows::new(&first, &second) {
            all_metrics(Task::Regression, &Labelled::Regression(regression))?;
        }
        let class: Vec<u32> = rows.iter().map(|row| row.3).collect();
        let spread: Vec<f64> = rows.iter().flat_map(|row| [row.1, row.2, row.4, 0.25]).collect();
        if let Ok(classes) = MulticlassRows::scored(&class, 4, &spread) {
            all_metrics(Task::Multiclass, &Labelled::Multiclass(classes))?;
        }
        if let Ok(ranking) = RankingRows::new(&class, &weight, &second) {
            all_metrics(Task::Ranking, &Labelled::Ranking(ranking))?;
        }
        honest("powered mean", powered_mean(&first, &second, &chance, 0.95))?;
        let groups = Groups::of(&class, 4, &truth, &truth, Some(&weight));
        if let Ok(summary) = groups.and_then(|groups| groups.summary_of(0.95, 1)) {
            honest("parity", Ok(summary.demographic_parity.difference))?;
        }
        if let Ok(made) = calibration_by_group(&class, 4, &truth, &chance, Some(&weight), (0.95, 2)) {
            for group in made.groups {
                honest("calibration", Ok(group.gap))?;
                prop_assert!(!group.error.is_nan());
            }
        }
    }

    #[test]
    fn any_columns_are_reconstructed_or_refused(a in column(), b in column()) {
        let n = a.len().min(b.len());
        let fill = |values: &[f64]| MeanFill::fit(values).map(|fill| fill.complete(values));
        if let (Ok(a), Ok(b)) = (fill(&a[..n]), fill(&b[..n])) {
            let fitted = Reconstruction::fit(&[&a, &b], 0.65);
            honest("reconstruction", fitted.and_then(|fitted| fitted.reading(&[&a, &b], 0.95)))?;
        }
    }

    #[test]
    fn any_stream_leaves_evidence_a_number(values in column(), hits in any::<u64>(), rows in any::<u64>()) {
        let mut martingale = ConformalMartingale::new(&[-1.0, 0.0, 1.0], 3).unwrap();
        prop_assert!(values.iter().all(|value| martingale.add(*value).is_finite()));
        if let Ok(reading) = judge_rate((hits % 1000, rows % 1000), (rows % 77, hits % 99)) {
            prop_assert!(!reading.e_value.is_nan());
        }
    }
}

#[test]
fn a_million_categories_stay_small_and_are_compared() {
    let names: Vec<String> = (0..1_000_000).map(|i| format!("user-{i}")).collect();
    let reference = CategoricalReference::of(names.iter().map(|name| Some(name.as_str()))).unwrap();
    assert!(reference.to_bytes().len() < 2_000_000, "{} bytes", reference.to_bytes().len());
    let mut random = Random::seeded(4);
    let drawn: Vec<&str> = (0..20_000).map(|_| names[random.below(names.len())].as_str()).collect();
    let window = reference.count(drawn.into_iter().map(Some));
    for got in reference.distances(&window) {
        assert!(!got.value.is_nan() && !got.expected.is_nan(), "{got:?}");
    }
    let mut evidence = ColumnEvidence::categorical(&reference);
    evidence.update_categorical(&window).unwrap();
    assert!(evidence.detector() < 1000.0, "the same law is no drift: {}", evidence.detector());
}
