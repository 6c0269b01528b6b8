//! What estimates without labels promise: right when calibration holds, honest about luck, narrower with some labels.

use kilter_stats::performance::{BinaryRows, Labelled, metric};
use kilter_stats::performance_estimation::{Calibration, ESTIMABLE, Expected, Isotonic, powered_mean};
use kilter_stats::random::Random;

/// Overconfident scores with known truth; `shift` moves the population, not the concept.
fn world(seed: u64, n: usize, shift: f64) -> (Vec<bool>, Vec<f64>, Vec<bool>) {
    let mut random = Random::seeded(seed);
    let (mut truth, mut score) = (vec![], vec![]);
    for _ in 0..n {
        let z = random.normal() + shift;
        truth.push(random.uniform() < 1.0 / (1.0 + (-z).exp()));
        score.push(1.0 / (1.0 + (-1.8 * z).exp()));
    }
    let decision = score.iter().map(|score| *score >= 0.5).collect();
    (truth, score, decision)
}

#[test]
fn the_interval_of_an_estimate_holds_what_comes_true() {
    let (truth, score, _) = world(1, 20_000, 0.0);
    let calibration = Calibration::fit(&BinaryRows::scored(&truth, &score, 0.5).unwrap()).unwrap();
    assert!(calibration.raw_error.unwrap() > 0.05);
    for name in ESTIMABLE {
        let mut held = 0;
        for seed in 0..60 {
            let (truth, score, decision) = world(100 + seed, 500, 0.7);
            let expected = Expected::new(&score, &decision, &calibration).unwrap();
            let estimate = expected.estimate(name, &calibration, 0.95, 100, seed).unwrap();
            let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
            held += usize::from(estimate.holds(metric(name, &Labelled::Binary(rows)).unwrap().value));
        }
        assert!(held >= 52, "{name}: {held} of 60");
    }
}

#[test]
fn without_calibration_overconfident_scores_flatter_the_model() {
    let (truth, score, decision) = world(3, 20_000, 0.0);
    let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
    let real = metric("accuracy", &Labelled::Binary(rows)).unwrap().value;
    let trusted = Expected::new(&score, &decision, &Calibration::trusted(20_000)).unwrap().value("accuracy").unwrap();
    let fitted = Calibration::fit(&rows).unwrap();
    let honest = Expected::new(&score, &decision, &fitted).unwrap().value("accuracy").unwrap();
    assert!(trusted - real > 0.05 && (honest - real).abs() < 0.01, "{real} {trusted} {honest}");
}

#[test]
fn isotonic_regression_pools_violators_and_clips_outside() {
    let fit = Isotonic::fit(&[1.0, 2.0, 3.0, 4.0, 4.0], &[1.0, 3.0, 2.0, 5.0, 7.0], None).unwrap();
    assert_eq!(
        [0.0, 1.0, 2.0, 2.5, 3.0, 3.5, 4.0, 9.0].map(|x| fit.value_at(x)),
        [1.0, 1.0, 2.5, 2.5, 2.5, 4.25, 6.0, 6.0]
    );
    assert!(Isotonic::fit(&[], &[], None).is_err() && Isotonic::fit(&[f64::NAN], &[1.0], None).is_err());
    assert!(Isotonic::fit(&[1.0], &[1.0], Some(&[0.0])).is_err());
}

#[test]
fn some_labels_and_good_estimates_give_a_narrower_honest_interval() {
    let (mut held, mut narrower) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::seeded(seed);
        let mut draw = || {
            let z = random.normal();
            (z + 0.3 * random.normal() + 1.0, z + 0.5)
        };
        let labelled: Vec<(f64, f64)> = (0..60).map(|_| draw()).collect();
        let unlabelled: Vec<f64> = (0..2000).map(|_| draw().1).collect();
        let (truth, estimate): (Vec<f64>, Vec<f64>) = labelled.into_iter().unzip();
        let powered = powered_mean(&truth, &estimate, &unlabelled, 0.95).unwrap();
        let alone = powered_mean(&truth, &estimate, &[], 0.95).unwrap();
        held += usize::from(powered.holds(1.0));
        narrower += usize::from(powered.high - powered.low < 0.6 * (alone.high - alone.low));
    }
    assert!((181..=198).contains(&held) && narrower > 190, "{held} {narrower}");
}

#[test]
fn rows_that_allow_no_estimate_say_why() {
    let calibration = Calibration::trusted(10);
    assert!(Expected::new(&[0.5], &[true, false], &calibration).is_err());
    assert!(Expected::new(&[f64::NAN], &[true], &calibration).is_err());
    let empty = Expected::new(&[], &[], &calibration).unwrap();
    assert!(ESTIMABLE.iter().all(|name| empty.value(name).is_err()));
    let none = Expected::new(&[0.2, 0.3], &[false, false], &calibration).unwrap();
    assert!(none.value("precision").is_err() && none.value("mcc").is_err());
    assert!(powered_mean(&[1.0], &[1.0], &[1.0], 0.95).is_err());
}
