//! What fairness promises: one pass, intervals, minimum counts, intersections that hold their margins.

use kilter_stats::fairness::{Groups, calibration_by_group};
use kilter_stats::performance::Rate;
use kilter_stats::random::Random;

fn world(seed: u64, n: usize) -> (Vec<u32>, Vec<bool>, Vec<bool>) {
    let mut random = Random::seeded(seed);
    let (mut group, mut truth, mut decision) = (vec![], vec![], vec![]);
    for _ in 0..n {
        let g = random.below(3) as u32;
        let y = random.uniform() < 0.4;
        let p = [0.5, 0.45, 0.35][g as usize] + if y { 0.2 } else { -0.2 };
        group.push(g);
        truth.push(y);
        decision.push(random.uniform() < p);
    }
    (group, truth, decision)
}

#[test]
fn a_gap_names_its_groups_and_its_interval_holds_the_true_gap() {
    let mut held = 0;
    for seed in 0..200 {
        let (group, truth, decision) = world(seed, 900);
        let gap = Groups::of(&group, 3, &truth, &decision, None).unwrap().gap(Rate::Recall, 0.95, 30).unwrap();
        // True recalls are 0.70, 0.65 and 0.55.
        held += usize::from(gap.difference.holds(0.15));
    }
    assert!(held >= 185, "{held} of 200");
}

#[test]
fn groups_too_small_are_named_and_not_judged() {
    let (mut group, mut truth, mut decision) = world(1, 600);
    group.extend([3; 10]);
    truth.extend([true; 10]);
    decision.extend([true; 10]);
    let groups = Groups::of(&group, 5, &truth, &decision, None).unwrap();
    let gap = groups.gap(Rate::SelectionRate, 0.95, 30).unwrap();
    assert_eq!(gap.too_few, [3]);
    assert!(gap.highest != 3 && gap.difference.value < 0.5);
    assert!(groups.rate(3, Rate::SelectionRate, 0.95, 30).is_err());
    assert!(groups.gap(Rate::SelectionRate, 0.95, 10_000).is_err());
}

#[test]
fn an_intersection_holds_its_margins_and_shards_add_up() {
    let (group, truth, decision) = world(4, 800);
    let fine: Vec<u32> = group.iter().enumerate().map(|(row, group)| group * 2 + (row % 2) as u32).collect();
    let crossed = Groups::of(&fine, 6, &truth, &decision, None).unwrap();
    let coarse = crossed.regrouped(&[0, 0, 1, 1, 2, 2], 3).unwrap();
    let direct = Groups::of(&group, 3, &truth, &decision, None).unwrap();
    assert_eq!(coarse, direct);
    let mut parts = Groups::of(&group[..300], 3, &truth[..300], &decision[..300], None).unwrap();
    parts.merge(&Groups::of(&group[300..], 3, &truth[300..], &decision[300..], None).unwrap()).unwrap();
    assert_eq!(parts, direct);
    let ones = vec![1.0; 800];
    assert_eq!(Groups::of(&group, 3, &truth, &decision, Some(&ones)).unwrap(), direct);
}

#[test]
fn hostile_groups_are_refused() {
    assert!(Groups::of(&[0, 7], 2, &[true, true], &[true, true], None).is_err());
    assert!(Groups::of(&[0], 1, &[true, true], &[true, true], None).is_err());
    assert!(Groups::of(&[0], 1, &[true], &[true], Some(&[-1.0])).is_err());
    assert!(Groups::new(10_000_000).is_err());
    let nobody = Groups::new(3).unwrap();
    assert!(nobody.gap(Rate::Recall, 0.95, 0).is_err() && nobody.summary(0.95).is_err());
}

#[test]
fn calibration_by_group_is_what_the_definitions_give_by_hand() {
    let truth = [true, false, true, true, false, false];
    let score = [0.8, 0.3, 0.6, 0.7, 0.2, 0.4];
    let made = calibration_by_group(&[0, 0, 0, 0, 1, 1], 3, &truth, &score, None, (0.95, 3)).unwrap();
    assert_eq!((made.groups.len(), made.too_few, made.apart), (1, vec![1], None));
    let group = &made.groups[0];
    // Misses 0.2, -0.3, 0.4, 0.3: mean 0.15, standard error 0.155456321, Student's quantile for three degrees 3.182446.
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} is not {b}");
    close(group.predicted, 0.6);
    close(group.observed.value, 0.75);
    close(group.gap.value, 0.15);
    close(group.gap.high, 0.15 + 3.182446 * 0.155456321);
    close(group.error, 0.3);
}

#[test]
fn a_group_whose_scores_are_too_low_is_found_and_equal_groups_are_not() {
    let (mut found, mut held) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::seeded(seed);
        let (mut group, mut truth, mut score) = (vec![], vec![], vec![]);
        for row in 0..900u32 {
            let s = random.uniform();
            group.push(row % 3);
            // The third group comes true more often than its scores say.
            truth.push(random.uniform() < if row % 3 == 2 { s + 0.1 * (1.0 - s) } else { s });
            score.push(s);
        }
        let made = calibration_by_group(&group, 3, &truth, &score, None, (0.95, 30)).unwrap();
        held += usize::from(made.groups[0].gap.holds(0.0));
        let (high, _, apart) = made.apart.unwrap();
        found += usize::from(high == 2 && apart.value > 0.0);
    }
    assert!(held >= 180 && found >= 150, "{held} {found}");
}

#[test]
fn scores_that_are_no_probabilities_are_refused() {
    let ask = |group: &[u32], score: &[f64], weight: Option<&[f64]>| {
        calibration_by_group(group, 2, &[true, false], score, weight, (0.95, 2)).is_err()
    };
    assert!(ask(&[0, 1], &[1.5, 0.1], None) && ask(&[0, 1], &[f64::NAN, 0.1], None) && ask(&[0, 2], &[0.5, 0.1], None));
    assert!(ask(&[0], &[0.5, 0.1], None) && ask(&[0, 1], &[0.5, 0.1], Some(&[1.0, -1.0])));
    let nobody = calibration_by_group(&[], 2, &[], &[], None, (0.95, 2)).unwrap();
    assert!(nobody.groups.is_empty() && nobody.apart.is_none());
    let weightless = calibration_by_group(&[0; 4], 1, &[true; 4], &[0.5; 4], Some(&[0.0; 4]), (0.95, 2)).unwrap();
    assert_eq!(weightless.too_few, [0]);
}
