//! What fairness promises: one pass, intervals, minimum counts, intersections that hold their margins.

use kilter_stats::fairness::Groups;
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
