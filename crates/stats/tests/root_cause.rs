//! What causes, thresholds, maturity and seasons promise.

use kilter_stats::explain::linear;
use kilter_stats::label_delay::LabelDelay;
use kilter_stats::performance::{BinaryRows, Labelled, Metric, Rate, ThresholdTarget, operating_point};
use kilter_stats::random::Random;
use kilter_stats::root_cause::{SliceFeature, estimated_damage, split_prediction_drift, weak_slices};

#[test]
fn the_split_of_prediction_drift_adds_up_and_names_the_feature_that_moved() {
    let mut random = Random::seeded(1);
    let mut rows = |shift: f64| (0..3000).flat_map(|_| [random.normal(), random.normal() + shift]).collect::<Vec<_>>();
    let (before, after) = (rows(0.0), rows(0.5));
    let (a, b) = (
        linear(&[2.0, -3.0], 1.0, &[0.0, 0.0], &before).unwrap(),
        linear(&[2.0, -3.0], 1.0, &[0.0, 0.0], &after).unwrap(),
    );
    let split = split_prediction_drift(&a, &b, 0.999).unwrap();
    let mean = |rows: &[f64]| rows.chunks(2).map(|row| 1.0 + 2.0 * row[0] - 3.0 * row[1]).sum::<f64>() / 3000.0;
    assert!((split.total - (mean(&after) - mean(&before))).abs() < 1e-9);
    let [still, moved] = split.parts[..] else { panic!("{split:?}") };
    assert!(still.holds(0.0) && moved.holds(-1.5) && !moved.holds(0.0), "{split:?}");
    let other = linear(&[2.0, -3.0], 9.0, &[0.0, 0.0], &after).unwrap();
    assert!(split_prediction_drift(&a, &other, 0.95).is_err());
}

#[test]
fn damage_estimated_on_the_reference_holds_what_the_drift_would_cost() {
    // The loss is 1 in bin 0 and 3 in bin 1; drift moves the share of bin 1 from 20 % to 60 %: the damage is 0.8.
    let mut held = 0;
    for seed in 0..100 {
        let mut random = Random::seeded(77 + seed);
        let bin: Vec<u32> = (0..800).map(|_| u32::from(random.uniform() < 0.2)).collect();
        let loss: Vec<f64> = bin.iter().map(|bin| 1.0 + 2.0 * f64::from(*bin) + 0.5 * random.normal()).collect();
        held += usize::from(estimated_damage(&loss, &bin, &[40.0, 60.0], 0.95).unwrap().holds(0.8));
    }
    assert!(held >= 88, "{held}");
    assert!(estimated_damage(&[1.0, 2.0], &[0, 0], &[0.1, 0.9], 0.95).is_err());
    assert!(estimated_damage(&[1.0], &[7], &[1.0], 0.95).is_err());
}

#[test]
fn a_weak_slice_is_found_and_noise_is_not() {
    let mut random = Random::seeded(3);
    let n = 6000;
    let a: Vec<u16> = (0..n).map(|_| random.below(6) as u16).collect();
    let b: Vec<u16> = (0..n).map(|_| random.below(5) as u16).collect();
    let features = [SliceFeature { bin: &a, bins: 6 }, SliceFeature { bin: &b, bins: 5 }];
    let noise: Vec<f64> = (0..n).map(|_| random.normal().abs()).collect();
    assert_eq!(weak_slices(&noise, &features, 100, 0.1).unwrap(), []);
    let loss: Vec<f64> =
        noise.iter().enumerate().map(|(i, x)| x + if a[i] == 2 && b[i] == 3 { 0.7 } else { 0.0 }).collect();
    let found = weak_slices(&loss, &features, 100, 0.1).unwrap();
    assert!(found.iter().any(|slice| slice.conditions == [(0, 2), (1, 3)] && slice.excess.holds(0.7)), "{found:?}");
    assert!(weak_slices(&loss, &[SliceFeature { bin: &a, bins: 2 }], 100, 0.1).is_err());
}

#[test]
fn a_threshold_costs_least_or_keeps_its_rate() {
    let mut random = Random::seeded(4);
    let score: Vec<f64> = (0..4000).map(|_| (random.uniform() * 200.0).floor() / 200.0).collect();
    let truth: Vec<bool> = score.iter().map(|score| random.uniform() < *score).collect();
    let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
    // With calibrated scores the best threshold is cost_fp / (cost_fp + cost_fn).
    let cost = ThresholdTarget::Cost { false_positive: 1.0, false_negative: 4.0 };
    let point = operating_point(&rows, cost, false).unwrap();
    assert!((point.threshold - 0.2).abs() < 0.06, "{}", point.threshold);
    let brute = (0..=200)
        .map(|cut| {
            let t = f64::from(cut) / 200.0;
            let cost = |i: usize| match (truth[i], score[i] >= t) {
                (false, true) => 1.0,
                (true, false) => 4.0,
                _ => 0.0,
            };
            (0..4000).map(cost).sum::<f64>() / 4000.0
        })
        .fold(f64::INFINITY, f64::min);
    assert!((point.cost.unwrap().value - brute).abs() < 1e-9);
    for sure in [false, true] {
        let point = operating_point(&rows, ThresholdTarget::FalsePositiveRate(0.05), sure).unwrap();
        let rate = point.table.rate(Rate::FalsePositiveRate, 0.95).unwrap();
        assert!(if sure { rate.high } else { rate.value } <= 0.05);
    }
    assert!(operating_point(&rows, ThresholdTarget::Precision(1.1), false).is_err());
}

#[test]
fn clustered_rows_get_the_wider_interval_that_they_deserve() {
    let (mut held_plain, mut held_clustered) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::seeded(seed);
        let (mut truth, mut score, mut cluster) = (vec![], vec![], vec![]);
        for customer in 0..60u32 {
            let ease = random.normal();
            for _ in 0..15 {
                let right = random.normal() + ease > 0.0;
                truth.push(right);
                score.push(1.0);
                cluster.push(customer);
            }
        }
        let rows = Labelled::Binary(BinaryRows::scored(&truth, &score, 0.5).unwrap());
        held_plain += usize::from(Metric::Rate(Rate::Accuracy).measure(&rows, 0.95).unwrap().holds(0.5));
        held_clustered +=
            usize::from(Metric::Rate(Rate::Accuracy).measure_clustered(&rows, &cluster, 0.95).unwrap().holds(0.5));
    }
    // Rows of one customer go together: the plain interval holds in about half of the draws.
    assert!(held_plain < 140 && held_clustered >= 182, "{held_plain} {held_clustered}");
}

#[test]
fn maturity_is_not_fooled_by_predictions_that_still_wait() {
    let mut random = Random::seeded(5);
    let mut held = 0;
    for _ in 0..100 {
        // Lags are exponential with mean 10; ages run from 0 to 30, so the young ones have mostly no label yet.
        let age: Vec<f64> = (0..400).map(|_| 30.0 * random.uniform()).collect();
        let lag: Vec<Option<f64>> =
            age.iter().map(|age| Some(-10.0 * (1.0 - random.uniform()).ln()).filter(|lag| lag <= age)).collect();
        let curve = LabelDelay::of(&age, &lag).unwrap();
        held += usize::from(curve.share_by(10.0, 0.95).unwrap().holds(1.0 - (-1.0f64).exp()));
    }
    assert!(held >= 88, "{held}");
    let curve = LabelDelay::of(&[5.0, 5.0, 5.0, 1.0], &[Some(1.0), Some(2.0), None, None]).unwrap();
    assert_eq!((curve.age_when(0.2), curve.age_when(0.99)), (Some(1.0), None));
    assert!(LabelDelay::of(&[1.0], &[Some(-1.0)]).is_err() && LabelDelay::of(&[], &[]).is_err());
}

/// Mean cost of the pairs by hand: of four rows, the new threshold spares two wrong "yes" (at 1) and misses one (at 5).
#[test]
fn the_difference_in_cost_of_two_thresholds_is_that_of_the_pairs() {
    let truth = [false, false, true, true, false, true];
    let score = [0.4, 0.45, 0.45, 0.9, 0.1, 0.95];
    let rows = BinaryRows::scored(&truth, &score, 0.5).unwrap();
    let found = kilter_stats::performance::cost_difference(&rows, (0.3, 0.6), (1.0, 5.0), 0.95).unwrap();
    // -1, -1, +5, 0, 0, 0: mean 0.5, variance of the mean sum((d - 0.5)^2) / 36, Student with five degrees.
    let (mean, margin) = (0.5, 2.570_581_835_6 * (25.5_f64 / 36.0).sqrt());
    assert!((found.value - mean).abs() < 1e-12, "{found:?}");
    assert!((found.high - mean - margin).abs() < 1e-6 && (mean - margin - found.low).abs() < 1e-6, "{found:?}");
}
