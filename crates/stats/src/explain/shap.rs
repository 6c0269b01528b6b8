//! Exact Shapley values of tree ensembles, leaf by leaf.
//!
//! On one leaf the game of its path's features is a product, so a feature's Shapley value is
//! `v (o_i - z_i)` times the integral over t in [0, 1] of the product of `z_j (1 - t) + o_j t` over the other features j
//! (o: the row stays on the path there; z: the share of the background that does). The integrand is a polynomial, so
//! Gauss-Legendre is exact, all terms are positive, and no depth overflows. Rows that agree on a leaf's conditions share
//! one pattern, whose values are computed once.

use super::ensemble::{Leaf, MAX_PLAYERS, Tree, TreeNode};
use crate::outcome::{MetricResult, Unmeasured};
use std::collections::HashMap;
use std::sync::OnceLock;

/// An ensemble of trees whose raw (margin) predictions add up.
#[derive(Debug, Clone)]
pub struct TreeEnsemble {
    trees: Vec<Tree>,
    offset: f64,
    features: usize,
}

/// Attributions of rows: `base + sum of a row's values = raw prediction`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The mean prediction that the attributions start from.
    pub base: f64,
    /// `rows x features`.
    pub values: Vec<f64>,
    /// Columns.
    pub features: usize,
}

/// Background rows as the leaves of one ensemble see them, made once for many explanations. See [`TreeEnsemble::background`].
#[derive(Debug, Clone, PartialEq)]
pub struct TreeBackground {
    /// The mean prediction over the rows.
    base: f64,
    /// The patterns that the rows have on each leaf, leaf by leaf and in their order, with the share of the rows that has each.
    patterns: Vec<(u64, f64)>,
    /// Where the patterns of each leaf end, over all trees.
    ends: Vec<usize>,
}

impl TreeBackground {
    /// The mean prediction over the rows: where values against them start.
    pub fn base(&self) -> f64 {
        self.base
    }

    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.patterns.capacity() * size_of::<(u64, f64)>() + self.ends.capacity() * size_of::<usize>()
    }

    /// The patterns of a leaf, counted over all trees.
    fn of_leaf(&self, leaf: usize) -> &[(u64, f64)] {
        let from = leaf.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.patterns[from..self.ends[leaf]]
    }
}

impl Attribution {
    /// Mean absolute attribution of each feature.
    pub fn mean_absolute(&self) -> Vec<f64> {
        let rows = (self.values.len() / self.features.max(1)).max(1) as f64;
        (0..self.features)
            .map(|feature| self.values.iter().skip(feature).step_by(self.features).map(|v| v.abs()).sum::<f64>() / rows)
            .collect()
    }

    /// Mean attribution of each feature.
    pub fn mean(&self) -> Vec<f64> {
        let rows = (self.values.len() / self.features.max(1)).max(1) as f64;
        (0..self.features)
            .map(|feature| self.values.iter().skip(feature).step_by(self.features).sum::<f64>() / rows)
            .collect()
    }
}

impl TreeEnsemble {
    /// Trees over `features` columns, plus a constant. In a strict tree values equal to a threshold go right (XGBoost),
    /// else left (LightGBM, scikit-learn). Fails on trees that are no trees, without positive covers, or with more than
    /// 60 distinct features on one path.
    pub fn new(trees: Vec<Vec<TreeNode>>, strict: bool, offset: f64, features: usize) -> MetricResult<Self> {
        let trees = trees.into_iter().map(|nodes| Tree::new(nodes, strict, features)).collect::<MetricResult<_>>()?;
        Ok(TreeEnsemble { trees, offset, features })
    }

    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        self.trees.iter().map(Tree::memory_bytes).sum()
    }

    fn rows<'a>(&self, rows: &'a [f64]) -> MetricResult<Vec<&'a [f64]>> {
        if self.features == 0 || !rows.len().is_multiple_of(self.features) {
            return Err(Unmeasured::bad_input(
                "rows",
                format!("they do not come in rows of {} columns", self.features),
            ));
        }
        Ok(rows.chunks(self.features).collect())
    }

    /// Raw predictions of rows (`rows x features`, NaN is missing).
    pub fn predict(&self, rows: &[f64]) -> MetricResult<Vec<f64>> {
        let one = |row: &&[f64]| self.offset + self.trees.iter().map(|tree| tree.predict(row)).sum::<f64>();
        Ok(self.rows(rows)?.iter().map(one).collect())
    }

    /// The mean prediction over the training weights: where path-dependent values start.
    pub fn mean(&self) -> f64 {
        self.offset + self.trees.iter().map(Tree::mean).sum::<f64>()
    }

    /// The mean prediction over `rows`: where values against these background rows start.
    pub fn mean_over(&self, rows: &[f64]) -> MetricResult<f64> {
        let predictions = self.predict(rows)?;
        match predictions.len() {
            0 => Err(Unmeasured::too_few("background rows", 0, 1)),
            count => Ok(predictions.iter().sum::<f64>() / count as f64),
        }
    }

    /// Path-dependent values: an absent feature follows the training weights down each tree.
    pub fn path_dependent(&self, rows: &[f64]) -> MetricResult<Attribution> {
        let lines = self.rows(rows)?;
        let mut values = vec![0.0; rows.len()];
        for tree in &self.trees {
            let mut known: Vec<PatternValues> =
                tree.leaves.iter().map(|leaf| PatternValues::new(leaf, lines.len())).collect();
            self.each_block(tree, &lines, &mut values, |at, leaf, pattern, out| {
                known[at].add(leaf, pattern, out, |into| against_shares(leaf, pattern, into));
            });
        }
        Ok(Attribution { base: self.mean(), values, features: self.features })
    }

    /// Calls `see(leaf's place, leaf, the row's pattern on it, the row's values)` for all leaves and rows, leaf by leaf over
    /// blocks of rows: a leaf's table and a block's values stay in the cache.
    fn each_block(
        &self,
        tree: &Tree,
        lines: &[&[f64]],
        values: &mut [f64],
        mut see: impl FnMut(usize, &Leaf, u64, &mut [f64]),
    ) {
        let (mut decisions, mut words) = (Vec::new(), Vec::new());
        for (lines, values) in lines.chunks(BLOCK).zip(values.chunks_mut(BLOCK * self.features)) {
            words.clear();
            for line in lines {
                tree.decide(line, &mut decisions);
                words.extend_from_slice(&decisions);
            }
            for (at, leaf) in tree.leaves.iter().enumerate() {
                for (decisions, out) in words.chunks_exact(decisions.len()).zip(values.chunks_mut(self.features)) {
                    see(at, leaf, pattern(leaf, decisions), out);
                }
            }
        }
    }

    /// Background rows (`rows x features`) for [`TreeEnsemble::interventional`]. Costs `rows x leaves`, and 16 bytes for
    /// each pattern that differs.
    pub fn background(&self, rows: &[f64]) -> MetricResult<TreeBackground> {
        let (base, lines) = (self.mean_over(rows)?, self.rows(rows)?);
        let (mut patterns, mut ends, mut decisions) = (Vec::new(), Vec::new(), Vec::new());
        for tree in &self.trees {
            let mut met: Vec<Vec<u64>> = vec![Vec::with_capacity(lines.len()); tree.leaves.len()];
            for line in &lines {
                tree.decide(line, &mut decisions);
                tree.leaves.iter().zip(&mut met).for_each(|(leaf, met)| met.push(pattern(leaf, &decisions)));
            }
            for mut met in met {
                met.sort_unstable();
                let same = met.chunk_by(|one, next| one == next);
                patterns.extend(same.map(|same| (same[0], same.len() as f64 / lines.len() as f64)));
                ends.push(patterns.len());
            }
        }
        patterns.shrink_to_fit();
        Ok(TreeBackground { base, patterns, ends })
    }

    /// Interventional values: an absent feature is drawn from the background rows, which were summed up for this ensemble.
    pub fn interventional(&self, rows: &[f64], background: &TreeBackground) -> MetricResult<Attribution> {
        let lines = self.rows(rows)?;
        let leaves: usize = self.trees.iter().map(|tree| tree.leaves.len()).sum();
        if background.ends.len() != leaves {
            return Err(Unmeasured::bad_input("background", "it was made for other trees".to_owned()));
        }
        let (mut values, mut first) = (vec![0.0; rows.len()], 0);
        for tree in &self.trees {
            let mut known: Vec<PatternValues> =
                tree.leaves.iter().map(|leaf| PatternValues::new(leaf, lines.len())).collect();
            self.each_block(tree, &lines, &mut values, |at, leaf, pattern, out| {
                let behind = background.of_leaf(first + at);
                known[at].add(leaf, pattern, out, |into| against_rows(leaf, pattern, behind, into));
            });
            first += tree.leaves.len();
        }
        Ok(Attribution { base: background.base, values, features: self.features })
    }
}

/// Rows whose values stay in the cache while all leaves of a tree pass over them.
const BLOCK: usize = 128;

/// Distinct features of a leaf up to which every pattern has its place in a table.
const TABLE_PLAYERS: usize = 10;

/// Rows up to which each computes its own values: to make a table for them costs more.
const FEW_ROWS: usize = 8;

/// The values of one leaf's patterns, computed when a pattern is first met.
enum PatternValues {
    /// Of few rows: nothing is kept.
    Fresh(Vec<f64>),
    Table {
        met: Vec<bool>,
        shares: Vec<f64>,
    },
    Map(HashMap<u64, Vec<f64>>),
}

impl PatternValues {
    fn new(leaf: &Leaf, rows: usize) -> Self {
        let players = leaf.features.len();
        if rows <= FEW_ROWS {
            return PatternValues::Fresh(vec![0.0; players]);
        }
        if players > TABLE_PLAYERS {
            return PatternValues::Map(HashMap::new());
        }
        PatternValues::Table { met: vec![false; 1 << players], shares: vec![0.0; players << players] }
    }

    /// Adds the pattern's values to a row's.
    fn add(&mut self, leaf: &Leaf, pattern: u64, out: &mut [f64], compute: impl FnOnce(&mut [f64])) {
        let players = leaf.features.len();
        let shares = match self {
            PatternValues::Fresh(shares) => {
                shares.fill(0.0);
                compute(shares);
                shares.as_mut_slice()
            }
            PatternValues::Table { met, shares } => {
                let from = pattern as usize * players;
                let shares = &mut shares[from..from + players];
                if !met[pattern as usize] {
                    met[pattern as usize] = true;
                    compute(shares);
                }
                shares
            }
            PatternValues::Map(known) => known
                .entry(pattern)
                .or_insert_with(|| {
                    let mut shares = vec![0.0; players];
                    compute(&mut shares);
                    shares
                })
                .as_mut_slice(),
        };
        leaf.features.iter().zip(shares.iter()).for_each(|(feature, share)| out[*feature as usize] += share);
    }
}

/// Bit j is set when the row meets every condition of the path on the leaf's feature j.
fn pattern(leaf: &Leaf, decisions: &[u64]) -> u64 {
    let mut fails = 0u64;
    for check in &leaf.checks {
        let off = (decisions[check.word as usize] ^ check.left) & check.mask;
        fails |= u64::from(off != 0) << check.player;
    }
    !fails & ((1u64 << leaf.features.len()) - 1)
}

fn against_shares(leaf: &Leaf, pattern: u64, shares: &mut [f64]) {
    let players = leaf.features.len();
    let stays = |j: usize| if pattern >> j & 1 == 1 { 1.0 } else { 0.0 };
    for (t, weight) in quadrature(players.div_ceil(2)) {
        let factor = |j: usize| leaf.stays[j] * (1.0 - t) + stays(j) * t;
        let product: f64 = (0..players).map(factor).product();
        for (j, share) in shares.iter_mut().enumerate() {
            *share += weight * leaf.value * (stays(j) - leaf.stays[j]) * product / factor(j);
        }
    }
}

fn against_rows(leaf: &Leaf, pattern: u64, background: &[(u64, f64)], shares: &mut [f64]) {
    let all = (1u64 << leaf.features.len()) - 1;
    for &(behind, weight) in background {
        if pattern | behind != all {
            continue;
        }
        let (ours, theirs) = (pattern & !behind, behind & !pattern);
        let (a, b) = (ours.count_ones() as usize, theirs.count_ones() as usize);
        // The integral of t^(a-1) (1-t)^b, and of t^a (1-t)^(b-1).
        let (up, down) = (if a > 0 { beta(a, b + 1) } else { 0.0 }, if b > 0 { beta(a + 1, b) } else { 0.0 });
        for (j, share) in shares.iter_mut().enumerate() {
            if ours >> j & 1 == 1 {
                *share += weight * leaf.value * up;
            } else if theirs >> j & 1 == 1 {
                *share -= weight * leaf.value * down;
            }
        }
    }
}

/// The beta function of whole numbers from 1 to one more than the features of a path, computed once.
fn beta(x: usize, y: usize) -> f64 {
    const SIDE: usize = MAX_PLAYERS + 2;
    static VALUES: OnceLock<Vec<f64>> = OnceLock::new();
    let values = VALUES.get_or_init(|| {
        let value = |at: usize| crate::distributions::ln_beta((at / SIDE) as f64, (at % SIDE) as f64).exp();
        (0..SIDE * SIDE).map(|at| if at / SIDE == 0 || at % SIDE == 0 { 0.0 } else { value(at) }).collect()
    });
    values[x * SIDE + y]
}

/// The rule of `n` nodes; those that paths need are computed once.
fn quadrature(n: usize) -> &'static [(f64, f64)] {
    static RULES: OnceLock<Vec<Vec<(f64, f64)>>> = OnceLock::new();
    let rules = RULES.get_or_init(|| (0..=MAX_PLAYERS.div_ceil(2)).map(gauss_legendre).collect());
    rules.get(n).map_or(&[], Vec::as_slice)
}

/// Nodes and weights on [0, 1], exact for polynomials of degree `2 n - 1` (Newton on Legendre's polynomials).
fn gauss_legendre(n: usize) -> Vec<(f64, f64)> {
    let n = n.max(1);
    (1..=n)
        .map(|i| {
            let mut x = (std::f64::consts::PI * (i as f64 - 0.25) / (n as f64 + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 1..=n {
                    let k = k as f64;
                    (p, before) = (((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k, p);
                }
                slope = n as f64 * (x * p - before) / (x * x - 1.0);
                let step = p / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (0.5 * (1.0 + x), 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::ensemble::Missing;
    use super::*;
    use crate::random::Random;

    #[test]
    fn quadrature_is_exact_for_its_degree() {
        for n in 1..20 {
            let degree = 2 * n - 1;
            let sum: f64 = gauss_legendre(n).iter().map(|(t, w)| w * t.powi(degree as i32)).sum();
            assert!((sum - 1.0 / (degree as f64 + 1.0)).abs() < 1e-13, "{n}");
        }
    }

    /// A random tree that splits on few features again and again.
    fn grow(random: &mut Random, nodes: &mut Vec<TreeNode>, depth: usize, cover: f64) -> usize {
        let place = nodes.len();
        nodes.push(TreeNode::Leaf { value: random.normal(), cover });
        if depth > 0 {
            let share = 0.1 + 0.8 * random.uniform();
            let (feature, threshold) = (random.below(4), random.normal());
            let left = grow(random, nodes, depth - 1, cover * share);
            let right = grow(random, nodes, depth - 1, cover * (1.0 - share));
            nodes[place] = TreeNode::Split { feature, threshold, left, right, missing: Missing::Left, cover };
        }
        place
    }

    fn brute(ensemble: &TreeEnsemble, row: &[f64], background: &[f64]) -> Vec<f64> {
        let mean_without = |kept: u32| -> f64 {
            let rows: Vec<f64> = background
                .chunks(4)
                .flat_map(|behind| (0..4).map(move |j| if kept >> j & 1 == 1 { row[j] } else { behind[j] }))
                .collect();
            let got = ensemble.predict(&rows).unwrap();
            got.iter().sum::<f64>() / got.len() as f64
        };
        let weight = |size: u32| [1.0 / 4.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 4.0][size as usize];
        (0..4)
            .map(|j| {
                (0..16u32)
                    .filter(|kept| kept >> j & 1 == 0)
                    .map(|kept| weight(kept.count_ones()) * (mean_without(kept | 1 << j) - mean_without(kept)))
                    .sum()
            })
            .collect()
    }

    #[test]
    fn interventional_values_equal_shapley_by_brute_force_and_both_kinds_add_up() {
        let mut random = Random::seeded(11);
        let trees = (0..5)
            .map(|_| {
                let mut nodes = Vec::new();
                grow(&mut random, &mut nodes, 6, 1.0);
                nodes
            })
            .collect();
        let ensemble = TreeEnsemble::new(trees, false, 0.3, 4).unwrap();
        let mut draw = |rows: usize| (0..4 * rows).map(|_| random.normal()).collect::<Vec<f64>>();
        let (mut rows, background) = (draw(20), draw(12));
        rows[5] = f64::NAN;
        let kept = ensemble.background(&background).unwrap();
        let (path, exact) = (ensemble.path_dependent(&rows).unwrap(), ensemble.interventional(&rows, &kept).unwrap());
        let raw = ensemble.predict(&rows).unwrap();
        for (index, row) in rows.chunks(4).enumerate() {
            for attribution in [&path, &exact] {
                let sum: f64 = attribution.values[4 * index..4 * index + 4].iter().sum();
                assert!((attribution.base + sum - raw[index]).abs() < 1e-10);
            }
            for (got, want) in exact.values[4 * index..].iter().zip(brute(&ensemble, row, &background)) {
                assert!((got - want).abs() < 1e-10, "{got} is not {want}");
            }
        }
        // A row alone has the values that it has among others, for which tables are made.
        for (row, (among_path, among_exact)) in rows.chunks(4).zip(path.values.chunks(4).zip(exact.values.chunks(4))) {
            assert_eq!(ensemble.path_dependent(row).unwrap().values, among_path);
            assert_eq!(ensemble.interventional(row, &kept).unwrap().values, among_exact);
        }
        let other = TreeEnsemble::new(vec![vec![TreeNode::Leaf { value: 1.0, cover: 1.0 }]], false, 0.0, 4).unwrap();
        assert!(other.interventional(&rows, &kept).is_err());
    }

    #[test]
    fn hostile_trees_are_refused() {
        let leaf = || TreeNode::Leaf { value: 1.0, cover: 1.0 };
        let split = |left, right| TreeNode::Split {
            feature: 0,
            threshold: 0.0,
            left,
            right,
            missing: Missing::Left,
            cover: 2.0,
        };
        for nodes in [
            vec![],
            vec![split(0, 1), leaf()],
            vec![split(1, 1), leaf()],
            vec![split(1, 9), leaf()],
            vec![TreeNode::Leaf { value: f64::NAN, cover: 1.0 }],
            vec![TreeNode::Leaf { value: 1.0, cover: 0.0 }],
        ] {
            assert!(TreeEnsemble::new(vec![nodes], false, 0.0, 1).is_err());
        }
        let fine = TreeEnsemble::new(vec![vec![leaf()]], false, 0.0, 2).unwrap();
        assert!(fine.path_dependent(&[1.0]).is_err() && fine.background(&[]).is_err());
    }
}
