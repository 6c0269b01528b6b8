//! What performance promises: definitions, honest intervals, pairing, and a clear word for rows that allow no number.

use kilter_stats::performance::{
    Better, BinaryRows, Labelled, Metric, MulticlassRows, RankingRows, RegressionRows, Task, difference, metric,
};
use kilter_stats::random::Random;
use kilter_stats::{Estimate, Unmeasured};

fn world(seed: u64, n: usize) -> (Vec<bool>, Vec<f64>, Vec<f64>) {
    let mut random = Random::seeded(seed);
    let (mut truth, mut a, mut b) = (vec![], vec![], vec![]);
    for _ in 0..n {
        let z = random.normal();
        let p = 1.0 / (1.0 + (-z + 0.7).exp());
        truth.push(random.uniform() < p);
        a.push(1.0 / (1.0 + (-(z + 0.4 * random.normal()) + 0.7).exp()));
        b.push(1.0 / (1.0 + (-(z + 1.2 * random.normal()) + 0.7).exp()));
    }
    (truth, a, b)
}

/// Share of 300 samples whose interval holds the metric of a very large sample.
fn coverage(name: &str, n: usize) -> f64 {
    let (truth, score, _) = world(1, 200_000);
    let law = metric(name, &Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5).unwrap())).unwrap().value;
    let mut held = 0;
    for seed in 0..300 {
        let (truth, score, _) = world(100 + seed, n);
        let rows = Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5).unwrap());
        held += usize::from(metric(name, &rows).unwrap().holds(law));
    }
    held as f64 / 300.0
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    // 300 draws: 95 % +- 3 standard errors is 0.912 to 0.988; ECE, MCE and KS are conservative by design.
    for name in [
        "auc",
        "gini",
        "average_precision",
        "log_loss",
        "brier",
        "accuracy",
        "precision",
        "recall",
        "specificity",
        "f1",
        "f2",
        "balanced_accuracy",
        "mcc",
        "kappa",
        "lift@0.1",
        "precision_at@0.2",
        "recall_at@0.2",
        "calibration_slope",
        "calibration_intercept",
        "calibration_bias",
    ] {
        let held = coverage(name, 300);
        assert!((0.905..=0.995).contains(&held), "{name}: {held}");
    }
    for name in ["ks", "ece", "mce"] {
        let held = coverage(name, 300);
        assert!(held >= 0.93, "{name}: {held}");
    }
}

#[test]
fn the_interval_of_a_paired_difference_holds_the_truth_as_often_as_it_says() {
    let rows = |truth: &[bool], score: &[f64], name: &str| -> f64 {
        metric(name, &Labelled::Binary(BinaryRows::scored(truth, score, 0.5).unwrap())).unwrap().value
    };
    let (truth, a, b) = world(1, 200_000);
    for name in ["auc", "average_precision", "log_loss", "accuracy", "f1", "mcc", "recall"] {
        let law = rows(&truth, &a, name) - rows(&truth, &b, name);
        let mut held = 0;
        for seed in 0..300 {
            let (truth, a, b) = world(100 + seed, 250);
            let a = Labelled::Binary(BinaryRows::scored(&truth, &a, 0.5).unwrap());
            let b = Labelled::Binary(BinaryRows::scored(&truth, &b, 0.5).unwrap());
            held += usize::from(difference(name, &a, &b).unwrap().holds(law));
        }
        assert!((272..=299).contains(&held), "{name}: {held} of 300");
    }
}

#[test]
fn pairing_narrows_the_interval_of_a_difference() {
    let (truth, a, _) = world(5, 2000);
    let c: Vec<f64> = a.iter().map(|p| (p * 1.01).min(1.0 - 1e-9)).rev().rev().collect();
    let a = Labelled::Binary(BinaryRows::scored(&truth, &a, 0.5).unwrap());
    let c = Labelled::Binary(BinaryRows::scored(&truth, &c, 0.5).unwrap());
    let alone = metric("log_loss", &a).unwrap();
    let paired = difference("log_loss", &a, &c).unwrap();
    assert!(paired.high - paired.low < 0.2 * (alone.high - alone.low), "{paired:?} {alone:?}");
}

#[test]
fn a_perfect_score_on_few_rows_is_not_certain() {
    let truth = [true, true, true, false, false, false, false];
    let score = [0.9, 0.8, 0.7, 0.3, 0.2, 0.1, 0.0];
    let rows = Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5).unwrap());
    for name in ["auc", "average_precision", "accuracy", "f1", "mcc", "kappa", "recall", "precision", "ks"] {
        let Estimate { value, low, high, .. } = metric(name, &rows).unwrap();
        assert!(value == 1.0 && low < 0.9 && high == 1.0, "{name}: {value} in {low}..{high}");
    }
    let same = difference("accuracy", &rows, &rows).unwrap();
    assert!(same.value == 0.0 && same.low < -0.1 && same.high > 0.1, "{same:?}");
}

#[test]
fn rows_that_allow_no_number_say_why() {
    let one_class = Labelled::Binary(BinaryRows::scored(&[true, true], &[0.1, 0.9], 0.5).unwrap());
    for name in ["auc", "average_precision", "ks", "mcc", "specificity", "fpr", "balanced_accuracy"] {
        assert!(matches!(metric(name, &one_class), Err(Unmeasured::Undefined { .. })), "{name}");
    }
    let empty = Labelled::Binary(BinaryRows::scored(&[], &[], 0.5).unwrap());
    for entry in Metric::catalogue(Task::Binary) {
        assert!(metric(entry.name, &empty).is_err(), "{}", entry.name);
    }
    assert!(BinaryRows::scored(&[true], &[f64::NAN], 0.5).is_err());
    assert!(BinaryRows::scored(&[true], &[0.5, 0.6], 0.5).is_err());
    let margins = Labelled::Binary(BinaryRows::scored(&[true, false], &[3.0, -2.0], 0.0).unwrap());
    assert!(matches!(metric("log_loss", &margins), Err(Unmeasured::BadInput { .. })));
    assert_eq!(metric("auc", &margins).unwrap().value, 1.0);
}

#[test]
fn every_metric_answers_on_one_row_and_on_constant_scores_without_a_nan() {
    for n in [1usize, 2, 3, 40] {
        let truth: Vec<bool> = (0..n).map(|row| row % 2 == 0).collect();
        let score = vec![0.5; n];
        let rows = Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5).unwrap());
        check_all(&rows);
        let truth: Vec<u32> = (0..n as u32).map(|row| row % 3).collect();
        let p: Vec<f64> = (0..3 * n).map(|_| 1.0 / 3.0).collect();
        check_all(&Labelled::Multiclass(MulticlassRows::scored(&truth, 3, &p).unwrap()));
        let truth = vec![2.0; n];
        check_all(&Labelled::Regression(RegressionRows::new(&truth, &truth).unwrap()));
        let query = vec![1; n];
        check_all(&Labelled::Ranking(RankingRows::new(&query, &truth, &truth).unwrap()));
    }
}

fn check_all(rows: &Labelled) {
    for entry in Metric::catalogue(rows.task()) {
        if let Ok(estimate) = entry.metric.measure(rows, 0.95) {
            assert!(!estimate.value.is_nan() && estimate.low <= estimate.value && estimate.value <= estimate.high);
        }
        if let Ok(estimate) = entry.metric.difference(rows, rows, 0.95, 7) {
            assert_eq!(estimate.value, 0.0, "{}", entry.name);
        }
    }
}

#[test]
fn doubling_every_weight_changes_nothing_and_a_weight_of_zero_removes_the_row() {
    let (mut truth, mut score, _) = world(8, 400);
    let weight: Vec<f64> = (0..400).map(|row| 1.0 + (row % 3) as f64).collect();
    let double: Vec<f64> = weight.iter().map(|weight| 2.0 * weight).collect();
    let names: Vec<&str> = Metric::catalogue(Task::Binary).iter().map(|entry| entry.name).collect();
    let values = |truth: &[bool], score: &[f64], weight: &[f64]| -> Vec<Estimate> {
        let rows = BinaryRows::scored(truth, score, 0.5).unwrap().with_weights(weight).unwrap();
        names.iter().map(|name| metric(name, &Labelled::Binary(rows)).unwrap()).collect()
    };
    for ((a, b), name) in values(&truth, &score, &weight).iter().zip(values(&truth, &score, &double)).zip(&names) {
        assert!((a.value - b.value).abs() < 1e-9 && (a.low - b.low).abs() < 1e-6, "{name}: {a:?} {b:?}");
    }
    let before = values(&truth, &score, &weight);
    truth.push(true);
    score.push(0.001);
    let mut weight = weight;
    weight.push(0.0);
    for ((a, b), name) in before.iter().zip(values(&truth, &score, &weight)).zip(&names) {
        // Metrics that cut by numbers of rows (top share, equal-mass bins) may move a row across a cut.
        if !["lift", "top_decile_lift", "precision_at", "recall_at", "ece_mass", "mce_mass"].contains(name) {
            assert!((a.value - b.value).abs() < 1e-9, "{name}: {a:?} {b:?}");
        }
    }
}

#[test]
fn names_carry_numbers_and_wrong_names_get_a_hint() {
    assert_eq!(Metric::named("lift@10", Task::Binary).unwrap(), Metric::Lift { top: 0.1 });
    assert_eq!(Metric::named("f@2", Task::Binary).unwrap(), Metric::F { beta: 2.0 });
    assert_eq!(Metric::named("pinball@0.9", Task::Regression).unwrap(), Metric::Pinball { quantile: 0.9 });
    let error = Metric::named("acuracy", Task::Binary).unwrap_err();
    assert_eq!(error.nearest, "accuracy");
    for bad in ["auc@3", "lift@0", "lift@-1", "f@nan", "pinball@2", "", "@", "ndcg@0"] {
        assert!(Metric::named(bad, Task::Binary).is_err() && Metric::named(bad, Task::Ranking).is_err(), "{bad}");
    }
    assert_eq!(Metric::named("log_loss", Task::Binary).unwrap().better(), Better::Smaller);
    assert_eq!(Metric::Auc.larger_is_better(), Some(true));
}

#[test]
fn models_measured_on_different_truths_cannot_be_paired() {
    let a = Labelled::Binary(BinaryRows::scored(&[true, false], &[0.2, 0.3], 0.5).unwrap());
    let b = Labelled::Binary(BinaryRows::scored(&[false, true], &[0.2, 0.3], 0.5).unwrap());
    assert!(matches!(difference("auc", &a, &b), Err(Unmeasured::BadInput { .. })));
}

#[test]
fn ranking_counts_queries_and_agrees_with_hand_computed_values() {
    let query = [1, 1, 1, 2, 2, 2];
    let gain = [3.0, 0.0, 1.0, 0.0, 1.0, 0.0];
    let score = [0.2, 0.9, 0.1, 0.5, 0.4, 0.3];
    let rows = Labelled::Ranking(RankingRows::new(&query, &gain, &score).unwrap());
    let mrr = metric("mrr", &rows).unwrap();
    assert!(mrr.value == 0.5 && mrr.count == 2, "{mrr:?}");
    let dcg = |gains: [f64; 3]| gains[0] + gains[1] / 3f64.log2() + gains[2] / 2.0;
    let want = 0.5 * (dcg([0.0, 3.0, 1.0]) / dcg([3.0, 1.0, 0.0]) + dcg([0.0, 1.0, 0.0]));
    assert!((metric("ndcg", &rows).unwrap().value - want).abs() < 1e-12);
}

#[test]
fn a_probability_that_misses_one_by_rounding_is_one() {
    let truth = [true, false, true, false];
    let exact = [1.0, 0.0, 0.75, 0.25];
    let rounded = [1.000_000_1, -0.000_000_1, 0.75, 0.25];
    for name in ["log_loss", "brier", "ece", "mce", "calibration_bias"] {
        let of = |score: &[f64]| metric(name, &Labelled::Binary(BinaryRows::scored(&truth, score, 0.5).unwrap()));
        assert_eq!(of(&rounded).unwrap(), of(&exact).unwrap(), "{name}");
        let beyond = of(&[1.01, 0.0, 0.75, 0.25]).unwrap_err().to_string();
        assert!(beyond.contains("row 0 has the score 1.01"), "{beyond}");
    }
}
