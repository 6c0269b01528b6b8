use std::sync::Arc;

use kilter_stats::drift::{CategoricalReference, NumericReference};
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;

fn watched() -> Vec<TrackedColumn> {
    let numbers: Vec<f64> = (0..500).map(|i| f64::from(i % 97) / 3.0).collect();
    let few = CategoricalReference::of([Some("0"), Some("1"), Some("1"), Some("2")]).unwrap();
    let words = CategoricalReference::of([Some("gold"), Some("basic"), None]).unwrap();
    let column = |name: &str, place, frozen| TrackedColumn { name: name.into(), kind: place, reference: frozen };
    vec![
        column("x", ColumnKind::Feature, ReferenceDistribution::Numeric(NumericReference::of(&numbers).unwrap())),
        column("few", ColumnKind::Feature, ReferenceDistribution::Categorical(few)),
        column("plan", ColumnKind::Feature, ReferenceDistribution::Categorical(words.clone())),
        column(
            "score",
            ColumnKind::Score,
            ReferenceDistribution::Numeric(NumericReference::of(&[0.0, 0.25, 0.5, 1.0]).unwrap()),
        ),
        column("prediction", ColumnKind::Prediction, ReferenceDistribution::Categorical(words)),
    ]
}

type Row = (f64, Option<i64>, Option<u8>);

fn rows(rows: &[Row]) -> (Table, ModelOutput) {
    let plan = |plan: &Option<u8>| plan.map(|plan| Arc::from(["gold", "basic", "silver"][usize::from(plan % 3)]));
    let table = Table::new(vec![
        ("x".into(), Column::Float(rows.iter().map(|row| row.0).collect())),
        ("few".into(), Column::Int(rows.iter().map(|row| row.1).collect())),
        ("unwatched".into(), Column::Bool(vec![None; rows.len()])),
        ("plan".into(), Column::Text(rows.iter().map(|row| plan(&row.2)).collect())),
    ]);
    let scores = rows.iter().map(|row| row.0 / 30.0).collect();
    let labels = Some(rows.iter().map(|_| "gold".into()).collect());
    (table.unwrap(), ModelOutput { scores, labels, probabilities: None })
}

fn numeric(counts: &ColumnCounts) -> &kilter_stats::drift::NumericCounts {
    match counts {
        ColumnCounts::Numeric(counts) => counts,
        ColumnCounts::Categorical(_) => panic!("a numeric column"),
    }
}

fn categorical(counts: &ColumnCounts) -> &CategoricalCounts {
    match counts {
        ColumnCounts::Categorical(counts) => counts,
        ColumnCounts::Numeric(_) => panic!("a categorical column"),
    }
}

#[test]
fn every_kind_of_value_has_its_count() {
    let profile = ColumnStats::new(watched());
    let (table, answers) = rows(&[
        (5.0, Some(1), Some(0)),
        (f64::NAN, None, None),
        (-1.0, Some(7), Some(2)),
        (1e9, Some(0), Some(1)),
        (f64::INFINITY, Some(2), Some(1)),
    ]);
    profile.count(Role::Champion, (&table, &answers), Timestamp(2 * HOUR + 5), &|_| false);
    let [slot] = &profile.peek_buckets()[..] else { panic!("one slot") };
    assert_eq!((slot.role, slot.hour, slot.window.rows), (Role::Champion, 2, 5));
    let [x, few, plan, score, prediction] = &slot.window.columns[..] else { panic!("five columns") };
    let x = numeric(x);
    assert_eq!((x.rows, x.missing, x.below, x.above, x.infinite), (5, 1, 1, 1, 1));
    let few = categorical(few);
    assert_eq!((few.rows, few.missing, few.unseen, few.counts().iter().sum::<u64>()), (5, 1, 1, 3));
    let plan = categorical(plan);
    assert_eq!((plan.missing, plan.unseen, &plan.unseen_values), (1, 1, &vec![("silver".to_owned(), 1)]));
    assert_eq!((numeric(score).rows, numeric(score).missing, numeric(score).infinite), (5, 1, 1));
    assert_eq!((categorical(prediction).rows, categorical(prediction).unseen), (5, 0));
}

#[test]
fn roles_and_hours_are_counted_apart_and_taken_once() {
    let profile = ColumnStats::new(watched());
    let (table, answers) = rows(&[(5.0, Some(1), Some(0))]);
    for (role, hour) in [(Role::Champion, 1), (Role::Shadow, 1), (Role::Champion, 2), (Role::Champion, 1)] {
        profile.count(role, (&table, &answers), Timestamp(hour * HOUR), &|_| false);
    }
    let taken = profile.take_buckets();
    let counted: Vec<_> = taken.iter().map(|slot| (slot.role, slot.hour, slot.window.rows)).collect();
    assert_eq!(counted, [(Role::Champion, 1, 2), (Role::Shadow, 1, 1), (Role::Champion, 2, 1)]);
    assert!(profile.take_buckets().is_empty());
    taken.into_iter().for_each(|slot| profile.add_bucket(slot));
    assert_eq!(profile.peek_buckets().iter().map(|slot| slot.window.rows).sum::<u64>(), 4);
}

#[test]
fn a_feature_that_was_not_sent_is_missing() {
    let profile = ColumnStats::new(watched());
    let (table, answers) = rows(&[(5.0, Some(1), Some(0)), (5.0, None, None)]);
    profile.count(Role::Champion, (&table.select(|name| name == "plan"), &answers), Timestamp(0), &|_| false);
    let slot = &profile.peek_buckets()[0];
    let missing: Vec<u64> = slot.window.columns.iter().map(ColumnCounts::missing).collect();
    assert_eq!((missing, slot.window.columns[0].rows()), (vec![2, 2, 1, 0, 0], 2));
}

#[test]
fn what_nobody_takes_is_bounded_and_told() {
    let profile = ColumnStats::new(watched());
    let (table, answers) = rows(&[(5.0, Some(1), Some(0))]);
    (0..MAX_SLOTS as i64 + 3)
        .for_each(|hour| profile.count(Role::Champion, (&table, &answers), Timestamp(hour * HOUR), &|_| false));
    assert_eq!((profile.peek_buckets().len(), profile.lost_rows()), (MAX_SLOTS, 3));
}

#[test]
fn callers_at_once_are_all_counted() {
    let profile = ColumnStats::new(watched());
    let (few, many) = (rows(&[(5.0, Some(1), Some(0)); 3]), rows(&[(6.0, None, Some(2)); 100]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    profile.count(Role::Champion, (&few.0, &few.1), Timestamp(0), &|_| false);
                    profile.count(Role::Candidate, (&many.0, &many.1), Timestamp(0), &|_| false);
                }
            });
        }
    });
    let mut rows: Vec<(&str, u64)> =
        profile.peek_buckets().iter().map(|slot| (slot.role.as_str(), slot.window.rows)).collect();
    rows.sort_by_key(|(_, rows)| *rows);
    assert_eq!(rows, [(Role::Champion.as_str(), 600), (Role::Candidate.as_str(), 20_000)]);
}

fn any_row() -> impl Strategy<Value = Row> {
    let number = prop_oneof![-5.0..40.0f64, Just(f64::NAN), Just(f64::NEG_INFINITY), Just(3.0)];
    (number, prop::option::of(0i64..5), prop::option::of(0u8..6))
}

proptest! {
    #[test]
    fn two_halves_merged_are_the_whole(all in prop::collection::vec(any_row(), 0..150), cut in 0usize..150) {
        let (first, second) = all.split_at(cut.min(all.len()));
        let window = |part: &[Row]| {
            let profile = ColumnStats::new(watched());
            let (table, answers) = rows(part);
            profile.count(Role::Champion, (&table, &answers), Timestamp(0), &|_| false);
            profile.take_buckets().remove(0).window
        };
        let (mut merged, whole) = (window(first), window(&all));
        merged.merge(&window(second)).unwrap();
        prop_assert_eq!(merged.rows, whole.rows);
        for (merged, whole) in merged.columns.iter().zip(&whole.columns) {
            match (merged, whole) {
                (ColumnCounts::Numeric(a), ColumnCounts::Numeric(b)) => {
                    prop_assert_eq!((a.bins(), a.rows, a.missing, a.infinite), (b.bins(), b.rows, b.missing, b.infinite));
                    prop_assert_eq!((a.below, a.above, a.values()), (b.below, b.above, b.values()));
                }
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}
