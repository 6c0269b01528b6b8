//! Forests: sums that are rounded once, comparisons for equality, branches with several parents, bounds.

mod common;

use common::{forest, leaf, numbers, split};
use kilter_inference::{ExplainError, Model, onnx::AttributeValue};
use proptest::prelude::*;

/// `trees` trees that answer `1 / trees` for what is above a half.
fn equal_votes(trees: i64) -> Model {
    let nodes = (0..trees).flat_map(|tree| {
        let part = 1.0 / trees as f32;
        [split(tree, 0, "BRANCH_GT", 0, 0.5, (1, 2)), leaf(tree, 1, part), leaf(tree, 2, 0.0)]
    });
    Model::from_onnx(&forest(&nodes.collect::<Vec<_>>(), 1, &[]).encode()).unwrap()
}

#[test]
fn equal_votes_add_up_to_one_however_many_they_are() {
    for trees in (1..=60).chain([100, 128, 200, 333, 500, 1000]) {
        let scores = equal_votes(trees).predict(&numbers(&[&[1.0], &[0.0]])).unwrap();
        // Rounded once: never above one, and at most one step of float32 below.
        assert!((1.0 - f64::from(f32::EPSILON) / 2.0..=1.0).contains(&scores.scores()[0]), "{trees}: {scores:?}");
        assert_eq!(scores.scores()[1], 0.0);
    }
}

#[test]
fn averages_least_and_most_of_trees_are_answered() {
    let nodes = [
        [split(0, 0, "BRANCH_LEQ", 0, 0.5, (1, 2)), leaf(0, 1, 0.3), leaf(0, 2, -4.0)],
        [split(1, 0, "BRANCH_LEQ", 0, 0.5, (1, 2)), leaf(1, 1, 0.1), leaf(1, 2, -7.0)],
        [split(2, 0, "BRANCH_LEQ", 0, 0.5, (1, 2)), leaf(2, 1, 0.2), leaf(2, 2, -1.0)],
    ]
    .concat();
    for (aggregate, wanted) in
        [("SUM", [0.6, -12.0]), ("AVERAGE", [0.2, -4.0]), ("MIN", [0.1, -7.0]), ("MAX", [0.3, -1.0])]
    {
        let settings = [("aggregate_function", AttributeValue::Text(aggregate.into()))];
        let model = Model::from_onnx(&forest(&nodes, 1, &settings).encode()).unwrap();
        // Many rows run in lockstep, the last ones alone: both ways answer the same.
        let rows: Vec<Vec<f64>> = (0..75).map(|row| vec![f64::from(row % 2)]).collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let found = model.predict(&numbers(&rows)).unwrap();
        let is_right = |(row, score): (usize, &f64)| *score == f64::from(wanted[row % 2] as f32);
        assert!(found.scores().iter().enumerate().all(is_right), "{aggregate}: {:?}", &found.scores()[..2]);
        let explained = model.explainer_against(&numbers(&rows[..4]));
        assert_eq!(explained.is_err(), matches!(aggregate, "MIN" | "MAX"), "{aggregate}");
    }
}

/// `x in {3, 7, 9}` as a chain whose true branches are one node, as LightGBM's converter writes it.
fn sets() -> Vec<common::Node> {
    vec![
        split(0, 0, "BRANCH_EQ", 0, 3.0, (4, 1)),
        split(0, 1, "BRANCH_EQ", 0, 7.0, (4, 2)),
        split(0, 2, "BRANCH_NEQ", 0, 9.0, (3, 4)),
        leaf(0, 3, -1.0),
        split(0, 4, "BRANCH_LEQ", 1, 0.0, (5, 6)),
        leaf(0, 5, 1.0),
        leaf(0, 6, 2.0),
    ]
}

#[test]
fn a_chain_of_equalities_with_one_true_branch_is_a_set() {
    let model = Model::from_onnx(&forest(&sets(), 2, &[]).encode()).unwrap();
    let of = |x: f64, y: f64| model.predict(&numbers(&[&[x, y]])).unwrap().scores()[0];
    for x in [-1.0, 0.0, 2.0, 3.0, 4.0, 6.999_999, 7.0, 9.0, 1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let inside = [3.0, 7.0, 9.0].contains(&x);
        for y in [-0.0, 1.0, f64::NAN] {
            assert_eq!(
                of(x, y),
                if !inside {
                    -1.0
                } else if y <= 0.0 {
                    1.0
                } else {
                    2.0
                },
                "{x} {y}"
            );
        }
    }
    // Its explanation adds up too.
    let rows: Vec<Vec<f64>> = (0..40).map(|row| vec![f64::from(row % 11), f64::from(row % 3) - 1.0]).collect();
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let explainer = model.explainer_against(&numbers(&rows)).unwrap();
    let parts = explainer.explain(&numbers(&rows)).unwrap();
    for (at, row) in rows.iter().enumerate() {
        let sum = parts.base()[0] + parts.of(at, 0).iter().sum::<f64>();
        assert!((sum - of(row[0], row[1])).abs() < 1e-9);
    }
}

/// A tree of `levels` nodes of which both children are the next one: 2 to the power of `levels` ways to its leaf.
fn ladder(levels: i64) -> Vec<common::Node> {
    let mut nodes: Vec<_> =
        (0..levels).map(|at| split(0, at, "BRANCH_LEQ", at % 3, at as f32, (at + 1, at + 1))).collect();
    nodes.push(leaf(0, levels, 5.0));
    nodes
}

#[test]
fn shared_branches_cost_no_more_than_they_are() {
    let model = Model::from_onnx(&forest(&ladder(4_000), 3, &[]).encode()).unwrap();
    assert_eq!(model.predict(&numbers(&[&[1.0, 2.0, 3.0]])).unwrap().scores(), [5.0]);
    let refused = model.explainer_against(&numbers(&[&[1.0, 2.0, 3.0]])).unwrap_err();
    assert!(matches!(&refused, ExplainError::Opaque(why) if why.contains("shared branches")), "{refused}");
}

const MODES: [&str; 6] = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"];

/// A split: its mode, feature, threshold, whether a missing value counts as yes, and where yes and no lead.
type Drawn = (usize, i64, i8, bool, usize, usize);

/// A graph of splits whose children stand behind them, with leaves at the end.
fn graph() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec((0..6usize, 0..2i64, -2..3i8, any::<bool>(), any::<prop::sample::Index>()), 1..12).prop_map(
        |splits| {
            let count = splits.len();
            let behind = |at: usize, index: prop::sample::Index| at + 1 + index.index(count + 2 - at);
            // The first child of a node is the next one, so that there is one root.
            let node = |(at, (mode, feature, threshold, missing, other)): (usize, _)| {
                let (first, second) = (at + 1, behind(at, other));
                if missing {
                    (mode, feature, threshold, missing, first, second)
                } else {
                    (mode, feature, threshold, missing, second, first)
                }
            };
            splits.into_iter().enumerate().map(node).collect()
        },
    )
}

fn holds(mode: usize, x: f64, threshold: f64, missing_is_yes: bool) -> bool {
    if x.is_nan() {
        return missing_is_yes || MODES[mode] == "BRANCH_NEQ";
    }
    match MODES[mode] {
        "BRANCH_LEQ" => x <= threshold,
        "BRANCH_LT" => x < threshold,
        "BRANCH_GTE" => x >= threshold,
        "BRANCH_GT" => x > threshold,
        "BRANCH_EQ" => x == threshold,
        _ => x != threshold,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_graph_answers_as_walking_it_node_by_node_does(splits in graph()) {
        let count = splits.len();
        let used: Vec<usize> = splits.iter().flat_map(|split| [split.4, split.5]).collect();
        let mut nodes: Vec<common::Node> = splits
            .iter()
            .enumerate()
            .map(|(at, &(mode, feature, threshold, missing, yes, no))| {
                let node = split(0, at as i64, MODES[mode], feature, f32::from(threshold), (yes as i64, no as i64));
                common::Node { missing_is_yes: missing, ..node }
            })
            .collect();
        nodes.extend((count..count + 3).filter(|at| used.contains(at)).map(|at| leaf(0, at as i64, at as f32)));
        let model = Model::from_onnx(&forest(&nodes, 2, &[]).encode()).unwrap();
        let values = [-3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 1.0, 1.5, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let rows: Vec<[f64; 2]> = values.iter().flat_map(|&x| values.map(|y| [x, y])).collect();
        let slices: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
        let found = model.predict(&numbers(&slices)).unwrap();
        for (row, score) in rows.iter().zip(found.scores()) {
            let mut at = 0;
            while at < count {
                let (mode, feature, threshold, missing, yes, no) = splits[at];
                at = if holds(mode, row[feature as usize], f64::from(threshold), missing) { yes } else { no };
            }
            prop_assert_eq!(*score, at as f64, "{:?} in {:?}", row, splits);
        }
    }
}

/// A tree of a forest: where a row goes at each of its splits is drawn; leaves add their number.
fn drawn_tree(tree: i64, splits: &[Drawn]) -> Vec<common::Node> {
    // A split takes the place of a leaf: the tree that it grows has one leaf more than splits.
    let mut nodes = vec![leaf(tree, 0, 0.0)];
    for &(mode, feature, threshold, missing, place, _) in splits {
        let leaves: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].mode == "LEAF").collect();
        let at = leaves[place % leaves.len()];
        let next = nodes.len() as i64;
        let split = split(tree, at as i64, MODES[mode % 4], feature, f32::from(threshold) / 2.0, (next, next + 1));
        nodes[at] = common::Node { missing_is_yes: missing, ..split };
        nodes.extend([leaf(tree, next, 0.0), leaf(tree, next + 1, 0.0)]);
    }
    let leaves = nodes.iter_mut().filter(|node| node.mode == "LEAF");
    leaves.enumerate().for_each(|(at, node)| node.weight = (tree + 1) as f32 * (0.1 + at as f32));
    nodes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Up to 32 leaves rows are passed through in groups, above they walk: 12 to 40 splits make both.
    #[test]
    fn many_rows_at_once_are_answered_as_each_alone(
        trees in prop::collection::vec(
            prop::collection::vec((0..4usize, 0..3i64, -6..7i8, any::<bool>(), 0..64usize, Just(0usize)), 0..40), 1..6),
        of_rows in prop::collection::vec(prop::array::uniform3(0..12usize), 1..80),
    ) {
        let nodes: Vec<common::Node> =
            trees.iter().enumerate().flat_map(|(tree, splits)| drawn_tree(tree as i64, splits)).collect();
        let model = Model::from_onnx(&forest(&nodes, 3, &[]).encode()).unwrap();
        let values = [-3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 1.0, 1.5, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let rows: Vec<[f64; 3]> = of_rows.iter().map(|row| row.map(|at| values[at])).collect();
        let slices: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
        let together = model.predict(&numbers(&slices)).unwrap();
        for (row, score) in slices.iter().zip(together.scores()) {
            prop_assert_eq!(model.predict(&numbers(&[row])).unwrap().scores()[0], *score, "{:?}", row);
        }
    }
}
