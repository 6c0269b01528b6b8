//! Trees laid out for speed.
//!
//! One flat list of 16-byte nodes. The two children of a node lie side by side, so a step is an addition instead of a
//! branch. A leaf leads to itself, so that many walks take the same number of steps and run in lockstep: 16 trees for
//! one row, 8 rows for one tree in a batch (measured: 5 and 4 times as fast as node by node).
//!
//! Missing values cost no comparison of their own: every value stands twice, once as it is, where NaN makes `x <= t`
//! fail, and once with NaN as minus infinity, where it holds. A node reads the one that its missing values want.
//!
//! A branch that several nodes lead to stands once: the node above it is copied, what lies below is shared, so a file that
//! shares branches never grows. A comparison for equality becomes two: `x <= t`, and not `x <= t'` with the float before.
//!
//! Invariants: every index of a child is below the number of nodes, every feature below `width`. Sums run in double
//! precision in the order of the trees, and whoever reads them rounds once: ten leaves of a tenth are one, and a forest
//! that parts in halves says a half. Comparisons are turned into `x <= t`, exactly: `x < t` is `x <= t'` with the float
//! before `t`.

use std::{collections::HashMap, ops::Range};

use super::read::{Mode, Node, Tree};

/// Trees walked at the same time for one row.
const TREE_LANES: usize = 16;
/// Rows walked at the same time in one tree.
const ROW_LANES: usize = 8;
/// Rows whose values stay in the cache while all trees pass over them.
const BLOCK: usize = 64;

/// Steps between looks whether all walks have ended.
const STRIDE: u32 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct PackedNode {
    pub threshold: f64,
    /// Twice the feature, plus one when missing values go to the second child.
    pub value: u32,
    /// The first child; the second follows it. A leaf names itself.
    pub first: u32,
}

/// What the leaves that a row reaches make together, by output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Min,
    Max,
}

/// What the leaves of one tree add to.
#[derive(Clone, Copy, Debug)]
enum LeafSum {
    /// Every leaf adds one number to this output.
    One(u32),
    /// Leaves add to several outputs: see [`Forest::votes`].
    Many,
}

#[derive(Clone, Copy, Debug)]
struct Root {
    node: u32,
    depth: u32,
    adds: LeafSum,
}

/// A checked ensemble, ready to run.
#[derive(Debug)]
pub(crate) struct Forest {
    nodes: Vec<PackedNode>,
    /// By node: of a leaf of a tree with [`LeafSum::One`], what it adds.
    leaves: Vec<f64>,
    roots: Vec<Root>,
    /// Trees by depth: those that walk together should end together.
    by_depth: Vec<u32>,
    /// Of trees with [`LeafSum::Many`]: by node, the range of `votes`.
    ranges: HashMap<u32, Range<usize>>,
    votes: Vec<(u32, f64)>,
    outputs: usize,
    /// One more than the largest feature index.
    width: usize,
    /// By node: training weight that came by. Explanations read it, answers do not.
    covers: Vec<f32>,
    /// Whether some branch has several parents.
    has_shared: bool,
}

/// What the layout still has to place: a node, or the second comparison of a node that compares for equality.
#[derive(Clone, Copy, Debug)]
enum Branch {
    Node(usize),
    NotBelow(usize),
}

impl Forest {
    pub(super) fn new(trees: &[Tree], outputs: usize) -> Result<Self, String> {
        let mut forest = Self {
            nodes: Vec::new(),
            leaves: Vec::new(),
            roots: Vec::new(),
            by_depth: Vec::new(),
            ranges: HashMap::new(),
            votes: Vec::new(),
            outputs,
            width: 0,
            covers: Vec::new(),
            has_shared: false,
        };
        trees.iter().try_for_each(|tree| forest.add(tree))?;
        forest.by_depth = (0..forest.roots.len() as u32).collect();
        forest.by_depth.sort_by_key(|&tree| forest.roots[tree as usize].depth);
        Ok(forest)
    }

    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// One more than the largest feature that a tree asks for.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether some branch has several parents: written out as trees the forest is larger.
    pub(super) const fn has_shared(&self) -> bool {
        self.has_shared
    }

    pub(super) fn packed(&self, at: usize) -> PackedNode {
        self.nodes[at]
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn cover(&self, at: usize) -> f32 {
        self.covers[at]
    }

    /// Where a tree begins, and the outputs that its leaves add to.
    pub(super) fn tree(&self, tree: usize) -> (usize, Vec<u32>) {
        let start = self.roots[tree].node as usize;
        let end = self.roots.get(tree + 1).map_or(self.nodes.len(), |next| next.node as usize);
        let outputs = match self.roots[tree].adds {
            LeafSum::One(output) => vec![output],
            LeafSum::Many => {
                let votes = (start..end).filter_map(|at| self.ranges.get(&(at as u32))).cloned();
                let mut outputs: Vec<u32> = votes.flat_map(|range| &self.votes[range]).map(|vote| vote.0).collect();
                outputs.sort_unstable();
                outputs.dedup();
                outputs
            }
        };
        (start, outputs)
    }

    /// What the leaf `at` adds to `output`.
    pub(super) fn vote(&self, at: usize, output: u32) -> f64 {
        match self.ranges.get(&(at as u32)) {
            None => self.leaves[at],
            Some(range) => {
                let votes = self.votes[range.clone()].iter().filter(|vote| vote.0 == output);
                votes.map(|vote| vote.1).sum()
            }
        }
    }

    /// Lays `tree` out breadth first.
    fn add(&mut self, tree: &Tree) -> Result<(), String> {
        if u32::try_from(self.nodes.len() + 4 * tree.nodes.len()).is_err() {
            return Err("there are too many nodes".into());
        }
        let root = self.nodes.len() as u32;
        let adds = adds(tree);
        let mut placed: Vec<Option<u32>> = vec![None; tree.nodes.len()];
        self.push(tree.nodes[tree.root].cover);
        let mut queue = std::collections::VecDeque::from([(Branch::Node(tree.root), root)]);
        while let Some((branch, at)) = queue.pop_front() {
            let index = match branch {
                Branch::Node(index) => index,
                Branch::NotBelow(index) => {
                    let (yes, no, _) = equality(&tree.nodes[index]);
                    let split = PackedNode {
                        threshold: before(tree.nodes[index].threshold).unwrap_or(f64::NAN),
                        value: 2 * tree.nodes[index].feature as u32 + 1,
                        first: 0,
                    };
                    self.split(split, at, [Branch::Node(no), Branch::Node(yes)], tree, &mut queue);
                    continue;
                }
            };
            if let Some(copied) = placed[index] {
                self.copy(copied, at);
                continue;
            }
            placed[index] = Some(at);
            let node = &tree.nodes[index];
            if node.mode == Mode::Leaf {
                self.add_leaf(&node.votes, at, adds);
                continue;
            }
            let (threshold, missing_goes_first, children) = comparison(index, node)?;
            let value = 2 * node.feature as u32 + u32::from(!missing_goes_first);
            self.split(PackedNode { threshold, value, first: 0 }, at, children, tree, &mut queue);
            self.width = self.width.max(node.feature + 1);
        }
        self.roots.push(Root { node: root, depth: depth(tree), adds });
        Ok(())
    }

    /// A new node, a leaf that adds nothing as yet.
    fn push(&mut self, cover: f32) {
        let first = self.nodes.len() as u32;
        self.nodes.push(PackedNode { threshold: f64::INFINITY, value: 0, first });
        self.leaves.push(0.0);
        self.covers.push(cover);
    }

    fn split(
        &mut self,
        split: PackedNode,
        at: u32,
        children: [Branch; 2],
        tree: &Tree,
        queue: &mut std::collections::VecDeque<(Branch, u32)>,
    ) {
        self.nodes[at as usize] = PackedNode { first: self.nodes.len() as u32, ..split };
        for child in children {
            queue.push_back((child, self.nodes.len() as u32));
            self.push(match child {
                Branch::Node(index) => tree.nodes[index].cover,
                Branch::NotBelow(_) => 0.0,
            });
        }
    }

    /// Makes the node `at` the same as `copied`: its children are shared.
    fn copy(&mut self, copied: u32, at: u32) {
        self.has_shared = true;
        let PackedNode { threshold, value, first } = self.nodes[copied as usize];
        let first = if first == copied { at } else { first };
        self.nodes[at as usize] = PackedNode { threshold, value, first };
        self.leaves[at as usize] = self.leaves[copied as usize];
        if let Some(range) = self.ranges.get(&copied).cloned() {
            self.ranges.insert(at, range);
        }
    }

    fn add_leaf(&mut self, votes: &[(u32, f64)], at: u32, adds: LeafSum) {
        match adds {
            LeafSum::One(_) => self.leaves[at as usize] = votes.first().map_or(0.0, |vote| vote.1),
            LeafSum::Many => {
                let start = self.votes.len();
                self.votes.extend_from_slice(votes);
                self.ranges.insert(at, start..self.votes.len());
            }
        }
    }

    /// What all trees make together of `values` (rows x columns, row-major), by row and output.
    pub(super) fn answer<T: Copy + Into<f64>>(
        &self,
        values: &[T],
        columns: usize,
        rows: usize,
        aggregate: Aggregate,
    ) -> Result<Vec<f64>, String> {
        if columns < self.width {
            return Err(format!("the trees read {} columns, the rows have {columns}", self.width));
        }
        let size = rows.checked_mul(self.outputs).filter(|&size| size <= crate::tensor::MAX_ELEMENTS);
        let size = size.ok_or("the result would be too large")?;
        // `min` and `max` of a float and NaN are the float: NaN stands for nothing as yet.
        let start = if aggregate == Aggregate::Sum { 0.0 } else { f64::NAN };
        let mut answers = vec![start; size];
        match aggregate {
            Aggregate::Sum => self.fold(values, columns, &mut answers, |sum, vote| *sum += vote),
            Aggregate::Min => self.fold(values, columns, &mut answers, |least, vote| *least = least.min(vote)),
            Aggregate::Max => self.fold(values, columns, &mut answers, |most, vote| *most = most.max(vote)),
        }
        if aggregate != Aggregate::Sum {
            answers.iter_mut().filter(|answer| answer.is_nan()).for_each(|answer| *answer = 0.0);
        }
        Ok(answers)
    }

    fn fold<T: Copy + Into<f64>>(
        &self,
        values: &[T],
        columns: usize,
        answers: &mut [f64],
        join: impl Fn(&mut f64, f64) + Copy,
    ) {
        let rows = answers.len() / self.outputs;
        let mut twice = Vec::with_capacity(BLOCK.min(rows) * 2 * self.width);
        let mut leaves = vec![0; self.roots.len()];
        for first in (0..rows).step_by(BLOCK) {
            let last = rows.min(first + BLOCK);
            twice.clear();
            for row in first..last {
                let values = values[row * columns..][..self.width].iter().map(|&x| x.into());
                twice.extend(values.flat_map(|x: f64| [if x.is_nan() { f64::NEG_INFINITY } else { x }, x]));
            }
            let answers = &mut answers[first * self.outputs..last * self.outputs];
            let in_lockstep = (last - first) / ROW_LANES * ROW_LANES;
            for root in &self.roots {
                self.fold_block(root, &twice, in_lockstep, answers, join);
            }
            for row in in_lockstep..last - first {
                let values = &twice[row * 2 * self.width..][..2 * self.width];
                self.fold_row(values, &mut leaves, &mut answers[row * self.outputs..][..self.outputs], join);
            }
        }
    }

    /// One row: [`TREE_LANES`] trees at a time. `values` holds every value twice; `leaves` has room for all trees.
    fn fold_row(&self, values: &[f64], leaves: &mut [u32], answers: &mut [f64], join: impl Fn(&mut f64, f64) + Copy) {
        for group in self.by_depth.chunks(TREE_LANES) {
            // Unused lanes repeat the last tree: they cost nothing beyond the lockstep.
            let root = |lane: usize| &self.roots[group[lane.min(group.len() - 1)] as usize];
            let at =
                self.walk(std::array::from_fn(|lane| root(lane).node), root(TREE_LANES).depth, [values; TREE_LANES]);
            group.iter().zip(at).for_each(|(&tree, leaf)| leaves[tree as usize] = leaf);
        }
        for (root, &leaf) in self.roots.iter().zip(&*leaves) {
            self.add_votes(root, leaf, answers, join);
        }
    }

    /// One tree over the first `rows` rows of a block, [`ROW_LANES`] at a time. `values` holds every value twice.
    fn fold_block(
        &self,
        root: &Root,
        values: &[f64],
        rows: usize,
        answers: &mut [f64],
        join: impl Fn(&mut f64, f64) + Copy,
    ) {
        let width = 2 * self.width;
        for row in (0..rows).step_by(ROW_LANES) {
            let lanes = std::array::from_fn(|lane| &values[(row + lane) * width..][..width]);
            let at = self.walk([root.node; ROW_LANES], root.depth, lanes);
            for (lane, &leaf) in at.iter().enumerate() {
                self.add_votes(root, leaf, &mut answers[(row + lane) * self.outputs..][..self.outputs], join);
            }
        }
    }

    /// Takes all lanes down to their leaves.
    #[inline(always)]
    fn walk<const LANES: usize>(&self, mut at: [u32; LANES], depth: u32, values: [&[f64]; LANES]) -> [u32; LANES] {
        let nodes = &self.nodes[..];
        let mut left = depth;
        while left > 0 {
            let before = at;
            for _ in 0..left.min(STRIDE) {
                for (node, values) in at.iter_mut().zip(values) {
                    let here = &nodes[*node as usize];
                    let goes_first = values[here.value as usize] <= here.threshold;
                    *node = here.first + u32::from(!goes_first);
                }
            }
            if at == before {
                break;
            }
            left = left.saturating_sub(STRIDE);
        }
        at
    }

    #[inline(always)]
    fn add_votes(&self, root: &Root, leaf: u32, answers: &mut [f64], join: impl Fn(&mut f64, f64)) {
        match root.adds {
            LeafSum::One(output) => join(&mut answers[output as usize], self.leaves[leaf as usize]),
            LeafSum::Many => {
                let range = self.ranges.get(&leaf).cloned().unwrap_or(0..0);
                self.votes[range].iter().for_each(|&(output, vote)| join(&mut answers[output as usize], vote));
            }
        }
    }
}

/// The one output all leaves of a tree add to, if there is one. A leaf with several weights for it adds them one by one.
fn adds(tree: &Tree) -> LeafSum {
    let mut leaves = tree.nodes.iter().filter(|node| node.mode == Mode::Leaf).map(|node| &node.votes[..]);
    match leaves.next() {
        Some(&[(output, _)]) if leaves.all(|votes| matches!(votes, [(other, _)] if *other == output)) => {
            LeafSum::One(output)
        }
        _ => LeafSum::Many,
    }
}

/// The most steps from the root to a leaf. Branches are shared: it is the longest way, not the first found.
fn depth(tree: &Tree) -> u32 {
    let mut levels = vec![0u32; tree.nodes.len()];
    for &index in &tree.order {
        let node = &tree.nodes[index];
        let steps = match node.mode {
            Mode::Leaf => continue,
            Mode::Equal | Mode::NotEqual => 2,
            _ => 1,
        };
        for child in [node.yes, node.no] {
            levels[child] = levels[child].max(levels[index].saturating_add(steps));
        }
    }
    levels.into_iter().max().unwrap_or(0)
}

/// Of a comparison for equality: where equal values go, where others go, and whether missing ones count as equal. NaN is
/// unequal to everything, so that `x != t` holds for it whatever is said of missing values, as in onnxruntime.
fn equality(node: &Node) -> (usize, usize, bool) {
    match node.mode {
        Mode::NotEqual => (node.no, node.yes, false),
        _ => (node.yes, node.no, node.missing_is_yes),
    }
}

/// The threshold `t` for which `x <= t` means the same, whether missing values go first, and where both ways lead.
fn comparison(index: usize, node: &Node) -> Result<(f64, bool, [Branch; 2]), String> {
    let Node { threshold, yes, no, missing_is_yes, .. } = *node;
    // Below the smallest float nothing is less: `x < -inf` never holds, and no `x <= t` says so.
    let below = || before(threshold).ok_or("a comparison with minus infinity is not supported");
    let ways = |first, second| [Branch::Node(first), Branch::Node(second)];
    Ok(match node.mode {
        Mode::LessOrEqual => (threshold, missing_is_yes, ways(yes, no)),
        Mode::Less => (below()?, missing_is_yes, ways(yes, no)),
        Mode::GreaterOrEqual => (below()?, !missing_is_yes, ways(no, yes)),
        Mode::Greater => (threshold, !missing_is_yes, ways(no, yes)),
        Mode::Equal | Mode::NotEqual => {
            let (_, differs, missing_is_equal) = equality(node);
            (threshold, missing_is_equal, [Branch::NotBelow(index), Branch::Node(differs)])
        }
        Mode::Leaf => return Err("a leaf compares nothing".into()),
    })
}

/// The float before: `x <= before(t)` is `x < t`.
fn before(threshold: f64) -> Option<f64> {
    match threshold {
        f64::NEG_INFINITY => None,
        // Both zeros are equal: the float before either is the largest negative one.
        0.0 => Some(-f64::from_bits(1)),
        threshold => Some(threshold.next_down()),
    }
}
