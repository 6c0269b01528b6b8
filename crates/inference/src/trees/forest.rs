//! Trees laid out for speed.
//!
//! One flat list of 16-byte nodes. The two children of a node lie side by side, so a step is an addition instead of a
//! branch. A leaf leads to itself, so that many walks take the same number of steps and run in lockstep: 16 trees for
//! one row, 8 rows for one tree in a batch (measured in `design/serving.md`: 5x and 4x over node by node).
//!
//! Missing values cost no comparison of their own: every value stands twice, once as it is, where NaN makes `x <= t`
//! fail, and once with NaN as minus infinity, where it holds. A node reads the one that its missing values want.
//!
//! Holds true: every index of a child is below the number of nodes, every feature below `width`. Sums run in float32 in
//! the order of the trees, as onnxruntime's do. Comparisons are turned into `x <= t`, exactly: `x < t` is `x <= t'` with
//! the float before `t`.

use super::read::{Mode, Tree};

/// Trees walked at the same time for one row.
const TREE_LANES: usize = 16;
/// Rows walked at the same time in one tree.
const ROW_LANES: usize = 8;
/// Rows whose values stay in the cache while all trees pass over them.
const BLOCK: usize = 64;

/// Steps between looks whether all walks have ended.
const STRIDE: u32 = 3;

#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    /// Twice the feature, plus one when missing values go to the second child.
    pub value: u32,
    pub threshold: f32,
    /// The first child; the second follows it. A leaf names itself.
    pub first: u32,
    /// Of a leaf: what it adds, or where its votes begin.
    leaf: f32,
}

/// What the leaves of one tree add to.
#[derive(Clone, Copy, Debug)]
enum Adds {
    /// Every leaf adds one number to this output.
    One(u32),
    /// Leaves add to several outputs: see [`Forest::votes`].
    Many,
}

#[derive(Clone, Copy, Debug)]
struct Root {
    node: u32,
    depth: u32,
    adds: Adds,
}

/// A checked ensemble, ready to run.
#[derive(Debug)]
pub(crate) struct Forest {
    nodes: Vec<Packed>,
    roots: Vec<Root>,
    /// Trees by depth: those that walk together should end together.
    by_depth: Vec<u32>,
    /// Of trees with [`Adds::Many`]: by node, the range of `votes`.
    ranges: std::collections::HashMap<u32, std::ops::Range<usize>>,
    votes: Vec<(u32, f32)>,
    outputs: usize,
    /// One more than the largest feature index.
    width: usize,
    /// By node: training weight that came by. Explanations read it, answers do not.
    covers: Vec<f32>,
}

impl Forest {
    pub(super) fn new(trees: &[Tree], outputs: usize) -> Result<Self, String> {
        let mut forest = Self {
            nodes: Vec::new(),
            roots: Vec::new(),
            by_depth: Vec::new(),
            ranges: std::collections::HashMap::new(),
            votes: Vec::new(),
            outputs,
            width: 0,
            covers: Vec::new(),
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

    pub(super) fn packed(&self, at: usize) -> Packed {
        self.nodes[at]
    }

    pub(super) fn cover(&self, at: usize) -> f32 {
        self.covers[at]
    }

    /// The nodes of a tree, breadth first, and the outputs that its leaves add to.
    pub(super) fn tree(&self, tree: usize) -> (std::ops::Range<usize>, Vec<u32>) {
        let start = self.roots[tree].node as usize;
        let end = self.roots.get(tree + 1).map_or(self.nodes.len(), |next| next.node as usize);
        let outputs = match self.roots[tree].adds {
            Adds::One(output) => vec![output],
            Adds::Many => {
                let votes = (start..end).filter_map(|at| self.ranges.get(&(at as u32))).cloned();
                let mut outputs: Vec<u32> = votes.flat_map(|range| &self.votes[range]).map(|vote| vote.0).collect();
                outputs.sort_unstable();
                outputs.dedup();
                outputs
            }
        };
        (start..end, outputs)
    }

    /// What the leaf `at` adds to `output`.
    pub(super) fn vote(&self, at: usize, output: u32) -> f64 {
        match self.ranges.get(&(at as u32)) {
            None => f64::from(self.nodes[at].leaf),
            Some(range) => {
                let votes = self.votes[range.clone()].iter().filter(|vote| vote.0 == output);
                votes.map(|vote| f64::from(vote.1)).sum()
            }
        }
    }

    /// Lays `tree` out breadth first.
    fn add(&mut self, tree: &Tree) -> Result<(), String> {
        if u32::try_from(self.nodes.len() + tree.nodes.len()).is_err() {
            return Err("there are too many nodes".into());
        }
        let root = self.nodes.len() as u32;
        self.covers.push(tree.nodes[tree.root].cover);
        let adds = adds(tree);
        let mut queue = std::collections::VecDeque::from([(tree.root, root, 0u32)]);
        let mut depth = 0;
        self.nodes.push(Packed { value: 0, threshold: f32::INFINITY, first: root, leaf: 0.0 });
        while let Some((from, to, level)) = queue.pop_front() {
            depth = depth.max(level);
            let node = &tree.nodes[from];
            if node.mode == Mode::Leaf {
                self.add_leaf(&node.votes, to, adds);
                continue;
            }
            let (threshold, swapped) = as_less_or_equal(node.mode, node.threshold)?;
            let (first, second) = if swapped { (node.no, node.yes) } else { (node.yes, node.no) };
            let missing_goes_first = node.missing_is_yes != swapped;
            let children = self.nodes.len() as u32;
            let value = 2 * node.feature as u32 + u32::from(!missing_goes_first);
            self.nodes[to as usize] = Packed { value, threshold, first: children, leaf: 0.0 };
            self.width = self.width.max(node.feature + 1);
            for (offset, child) in [first, second].into_iter().enumerate() {
                let at = children + offset as u32;
                self.nodes.push(Packed { value: 0, threshold: f32::INFINITY, first: at, leaf: 0.0 });
                self.covers.push(tree.nodes[child].cover);
                queue.push_back((child, at, level + 1));
            }
        }
        self.roots.push(Root { node: root, depth, adds });
        Ok(())
    }

    fn add_leaf(&mut self, votes: &[(u32, f32)], at: u32, adds: Adds) {
        match adds {
            Adds::One(_) => self.nodes[at as usize].leaf = votes.iter().map(|vote| vote.1).sum(),
            Adds::Many => {
                let start = self.votes.len();
                self.votes.extend_from_slice(votes);
                self.ranges.insert(at, start..self.votes.len());
            }
        }
    }

    /// Adds the sums over all trees to `sums` (rows x outputs, row-major) for `values` (rows x columns, row-major).
    pub fn sum(&self, values: &[f32], columns: usize, sums: &mut [f32]) -> Result<(), String> {
        if columns < self.width {
            return Err(format!("the trees read {} columns, the rows have {columns}", self.width));
        }
        let rows = sums.len() / self.outputs;
        let mut twice = Vec::with_capacity(BLOCK.min(rows) * 2 * self.width);
        let mut leaves = vec![0; self.roots.len()];
        for first in (0..rows).step_by(BLOCK) {
            let last = rows.min(first + BLOCK);
            twice.clear();
            for row in first..last {
                let values = &values[row * columns..][..self.width];
                twice.extend(values.iter().flat_map(|&x| [if x.is_nan() { f32::NEG_INFINITY } else { x }, x]));
            }
            let sums = &mut sums[first * self.outputs..last * self.outputs];
            let in_lockstep = (last - first) / ROW_LANES * ROW_LANES;
            for root in &self.roots {
                self.sum_block(root, &twice, in_lockstep, sums);
            }
            for row in in_lockstep..last - first {
                let values = &twice[row * 2 * self.width..][..2 * self.width];
                self.sum_row(values, &mut leaves, &mut sums[row * self.outputs..][..self.outputs]);
            }
        }
        Ok(())
    }

    /// One row: [`TREE_LANES`] trees at a time. `values` holds every value twice; `leaves` has room for all trees.
    fn sum_row(&self, values: &[f32], leaves: &mut [u32], sums: &mut [f32]) {
        for group in self.by_depth.chunks(TREE_LANES) {
            // Unused lanes repeat the last tree: they cost nothing beyond the lockstep.
            let root = |lane: usize| &self.roots[group[lane.min(group.len() - 1)] as usize];
            let at =
                self.walk(std::array::from_fn(|lane| root(lane).node), root(TREE_LANES).depth, [values; TREE_LANES]);
            group.iter().zip(at).for_each(|(&tree, leaf)| leaves[tree as usize] = leaf);
        }
        for (root, &leaf) in self.roots.iter().zip(&*leaves) {
            self.add_votes(root, leaf, sums);
        }
    }

    /// One tree over the first `rows` rows of a block, [`ROW_LANES`] at a time. `values` holds every value twice.
    fn sum_block(&self, root: &Root, values: &[f32], rows: usize, sums: &mut [f32]) {
        let width = 2 * self.width;
        for row in (0..rows).step_by(ROW_LANES) {
            let lanes = std::array::from_fn(|lane| &values[(row + lane) * width..][..width]);
            let at = self.walk([root.node; ROW_LANES], root.depth, lanes);
            for (lane, &leaf) in at.iter().enumerate() {
                self.add_votes(root, leaf, &mut sums[(row + lane) * self.outputs..][..self.outputs]);
            }
        }
    }

    /// Takes all lanes down to their leaves.
    #[inline(always)]
    fn walk<const LANES: usize>(&self, mut at: [u32; LANES], depth: u32, values: [&[f32]; LANES]) -> [u32; LANES] {
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
    fn add_votes(&self, root: &Root, leaf: u32, sums: &mut [f32]) {
        match root.adds {
            Adds::One(output) => sums[output as usize] += self.nodes[leaf as usize].leaf,
            Adds::Many => {
                let range = self.ranges.get(&leaf).cloned().unwrap_or(0..0);
                self.votes[range].iter().for_each(|&(output, vote)| sums[output as usize] += vote);
            }
        }
    }
}

/// The one output all leaves of a tree add to, if there is one.
fn adds(tree: &Tree) -> Adds {
    let mut outputs = tree.nodes.iter().flat_map(|node| &node.votes).map(|vote| vote.0);
    match outputs.next() {
        None => Adds::One(0),
        Some(first) if outputs.all(|output| output == first) => Adds::One(first),
        Some(_) => Adds::Many,
    }
}

/// The threshold `t` for which `x <= t` means the same, and whether yes and no change places.
fn as_less_or_equal(mode: Mode, threshold: f32) -> Result<(f32, bool), String> {
    // Below the smallest float nothing is less: `x < -inf` never holds, and no `x <= t` says so.
    let before = |t: f32| match t {
        f32::NEG_INFINITY => Err("a comparison with minus infinity is not supported".to_owned()),
        // Both zeros are equal: the float before either is the largest negative one.
        0.0 => Ok(-f32::from_bits(1)),
        t => Ok(t.next_down()),
    };
    match mode {
        Mode::LessOrEqual => Ok((threshold, false)),
        Mode::Less => Ok((before(threshold)?, false)),
        Mode::GreaterOrEqual => Ok((before(threshold)?, true)),
        Mode::Greater => Ok((threshold, true)),
        Mode::Equal | Mode::NotEqual => Err("comparisons for equality are not supported".into()),
        Mode::Leaf => Err("a leaf compares nothing".into()),
    }
}
