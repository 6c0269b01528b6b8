//! Trees laid out for speed.
//!
//! One flat list of 16-byte nodes, and where they fit another of 12-byte nodes: [`super::kernel`] walks them. The two children of a node
//! lie side by side.
//!
//! A branch that several nodes lead to stands once: the node above it is copied, what lies below is shared, so a file that
//! shares branches never grows. A comparison for equality becomes two: `x <= t`, and not `x <= t'` with the float before.
//!
//! Invariants: every index of a child is below the number of nodes, every feature below `width`. Sums run in double
//! precision in the order of the trees, and whoever reads them rounds once: ten leaves of a tenth are one, and a forest
//! that parts in halves says a half. Comparisons are turned into `x <= t`, exactly: `x < t` is `x <= t'` with the float
//! before `t`.

use std::{collections::HashMap, ops::Range};

use super::{
    masks::{PlainTrees, SplitList, SplitLists},
    nodes::{LeafSum, NarrowNode, PackedNode, Root},
    tree::{Mode, Node, Test, Tree},
};

/// What the leaves that a row reaches make together, by output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Sum,
    /// The sum, rounded to single precision after every tree, as XGBoost adds.
    SumSingle,
    Min,
    Max,
}

/// A checked ensemble, ready to run.
#[derive(Debug)]
pub(crate) struct Forest {
    nodes: Vec<PackedNode>,
    narrow: Option<Vec<NarrowNode>>,
    /// Comparisons that are none with a threshold, by the number that their node holds in its place.
    tests: Vec<Test>,
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
    /// The same forest as lists of splits.
    split_lists: SplitLists,
}

/// What the layout still has to place: a node, or the second comparison of a node that compares for equality.
#[derive(Clone, Copy, Debug)]
enum Branch {
    Node(usize),
    NotBelow(usize),
}

impl Forest {
    pub fn new(trees: &[Tree], outputs: usize) -> Result<Self, String> {
        let mut forest = Self {
            nodes: Vec::new(),
            narrow: None,
            tests: Vec::new(),
            roots: Vec::new(),
            by_depth: Vec::new(),
            ranges: HashMap::new(),
            votes: Vec::new(),
            outputs,
            width: 0,
            covers: Vec::new(),
            has_shared: false,
            split_lists: SplitLists::default(),
        };
        trees.iter().try_for_each(|tree| forest.add(tree))?;
        forest.finish_leaves();
        forest.by_depth = (0..forest.roots.len() as u32).collect();
        forest.by_depth.sort_by_key(|&tree| forest.roots[tree as usize].depth);
        forest.narrow = forest.narrowed();
        // A list that grew has up to twice the room that it needs.
        forest.nodes.shrink_to_fit();
        forest.covers.shrink_to_fit();
        forest.votes.shrink_to_fit();
        Ok(forest)
    }

    /// The memory that it takes, in bytes.
    pub fn memory_bytes(&self) -> usize {
        let narrow = self.narrow.as_ref().map_or(0, |nodes| nodes.capacity() * size_of::<NarrowNode>());
        let ranges = self.ranges.capacity() * (size_of::<(u32, Range<usize>)>() + 1);
        self.nodes.capacity() * size_of::<PackedNode>()
            + narrow
            + self.covers.capacity() * size_of::<f32>()
            + self.votes.capacity() * size_of::<(u32, f64)>()
            + ranges
            + self.roots.capacity() * size_of::<Root>()
            + self.by_depth.capacity() * size_of::<u32>()
            + self.tests.capacity() * size_of::<Test>()
            + self.split_lists.memory_bytes()
    }

    /// The nodes in less room; `None` where one does not fit.
    fn narrowed(&self) -> Option<Vec<NarrowNode>> {
        if !self.tests.is_empty() {
            return None;
        }
        let narrowed = |(at, node): (usize, &PackedNode)| match node.first as usize == at {
            true => NarrowNode::leaf(node.first, self.width, node.threshold),
            false => NarrowNode::split(node),
        };
        self.nodes.iter().enumerate().map(narrowed).collect()
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

    /// The test that a node names.
    pub(super) fn test(&self, test: u32) -> &Test {
        &self.tests[test as usize]
    }

    pub(super) const fn has_tests(&self) -> bool {
        !self.tests.is_empty()
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

    /// The forest as a list of splits for rows of single precision, where it fits.
    pub(super) fn single_splits(&self) -> Option<&SplitList<f32>> {
        self.split_lists.single(self.plain_trees())
    }

    /// The same for rows of double precision.
    pub(super) fn double_splits(&self) -> Option<&SplitList<f64>> {
        self.split_lists.double(self.plain_trees())
    }

    fn plain_trees(&self) -> Option<PlainTrees<'_>> {
        let is_plain = self.tests.is_empty() && !self.has_shared;
        is_plain.then_some(PlainTrees { nodes: &self.nodes, roots: &self.roots, width: self.width })
    }

    /// What the leaf `at` adds to `output`.
    pub(super) fn vote(&self, at: usize, output: u32) -> f64 {
        match self.ranges.get(&(at as u32)) {
            None => self.nodes[at].threshold,
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
        let (adds, tests) = (adds(tree), self.tests.len() as u32);
        self.tests.extend_from_slice(&tree.tests);
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
            let children = match node.mode {
                Mode::Test(test) => {
                    self.nodes[at as usize] = PackedNode::test(tests + test, node.feature as u32);
                    [Branch::Node(node.yes), Branch::Node(node.no)]
                }
                _ => {
                    let (threshold, missing_goes_first, children) = comparison(index, node)?;
                    let value = 2 * node.feature as u32 + u32::from(!missing_goes_first);
                    self.nodes[at as usize] = PackedNode { threshold, value, first: 0 };
                    children
                }
            };
            self.split(self.nodes[at as usize], at, children, tree, &mut queue);
            self.width = self.width.max(node.feature + 1);
        }
        self.roots.push(Root { node: root, depth: depth(tree), adds });
        Ok(())
    }

    /// A new node, a leaf that adds nothing as yet.
    fn push(&mut self, cover: f32) {
        let first = self.nodes.len() as u32;
        self.nodes.push(PackedNode { threshold: 0.0, value: 0, first });
        self.covers.push(cover);
    }

    /// Leaves have what they add in the place of a threshold: they read what is below every number, and so lead to themselves.
    fn finish_leaves(&mut self) {
        let below = 2 * self.width as u32;
        let leaves = self.nodes.iter_mut().enumerate().filter(|(at, node)| node.first as usize == *at);
        leaves.for_each(|(_, leaf)| leaf.value = below);
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
        if let Some(range) = self.ranges.get(&copied).cloned() {
            self.ranges.insert(at, range);
        }
    }

    fn add_leaf(&mut self, votes: &[(u32, f64)], at: u32, adds: LeafSum) {
        match adds {
            LeafSum::One(_) => self.nodes[at as usize].threshold = votes.first().map_or(0.0, |vote| vote.1),
            LeafSum::Many => {
                let start = self.votes.len();
                self.votes.extend_from_slice(votes);
                self.ranges.insert(at, start..self.votes.len());
            }
        }
    }

    pub(super) fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// The trees by their depth.
    pub(super) fn by_depth(&self) -> &[u32] {
        &self.by_depth
    }

    pub(super) fn wide(&self) -> &[PackedNode] {
        &self.nodes
    }

    /// The nodes in less room, if they fit.
    pub(super) fn narrow(&self) -> Option<&[NarrowNode]> {
        self.narrow.as_deref()
    }

    /// What the leaf `at` of a tree with [`LeafSum::Many`] adds, by output.
    pub(super) fn votes(&self, at: u32) -> &[(u32, f64)] {
        self.ranges.get(&at).map_or(&[], |range| &self.votes[range.clone()])
    }
}

/// The one output all leaves of a tree add to, if there is one. A leaf with several weights for it adds them one by one, and so does one
/// that adds NaN, which could not stand for a threshold.
fn adds(tree: &Tree) -> LeafSum {
    let mut leaves = tree.nodes.iter().filter(|node| node.mode == Mode::Leaf).map(|node| &node.votes[..]);
    match leaves.next() {
        Some(&[(output, first)])
            if !first.is_nan()
                && leaves.all(|votes| matches!(votes, [(other, vote)] if *other == output && !vote.is_nan())) =>
        {
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
        Mode::Leaf | Mode::Test(_) => return Err("this node compares with no threshold".into()),
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
