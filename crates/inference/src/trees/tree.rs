//! A tree as readers hand it over: nodes with their children, checked so that every walk ends.

use std::sync::Arc;

/// How a node compares the row's value with its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    /// The test of this number in [`Tree::tests`].
    Test(u32),
    Leaf,
}

/// A comparison that is none with a threshold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// Whether the whole part of the value is one of the categories: bit `c % 32` of word `c / 32` is category `c`.
    /// What is negative or behind the last word is none of them.
    Member { words: Arc<[u32]>, missing_is_yes: bool },
    /// `x <= threshold`, but zeros go where missing values go.
    ZeroIsMissing { threshold: f64, missing_is_yes: bool },
}

/// LightGBM counts a number as zero up to here.
const ZERO: f64 = 1e-35_f32 as f64;

impl Test {
    /// Whether it holds for a value of a row.
    pub(super) fn holds(&self, value: f64) -> bool {
        match self {
            Self::Member { missing_is_yes, .. } if value.is_nan() => *missing_is_yes,
            // The cast saturates: what is beyond the categories stays beyond them.
            Self::Member { words, .. } => value > -1.0 && is_member(words, value as u64),
            Self::ZeroIsMissing { missing_is_yes, .. } if value.is_nan() || value.abs() <= ZERO => *missing_is_yes,
            Self::ZeroIsMissing { threshold, .. } => value <= *threshold,
        }
    }
}

fn is_member(words: &[u32], category: u64) -> bool {
    words.get((category / 32) as usize).is_some_and(|word| word >> (category % 32) & 1 == 1)
}

/// One node of a checked tree. Children are indices into [`Tree::nodes`].
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub mode: Mode,
    pub feature: usize,
    pub threshold: f64,
    /// Where the comparison leads when it holds, and when it does not.
    pub yes: usize,
    pub no: usize,
    /// Whether a missing value counts as a comparison that holds.
    pub missing_is_yes: bool,
    /// What a leaf adds, by output.
    pub votes: Vec<(u32, f64)>,
    /// Training weight that came by; 0 where the file does not say.
    pub cover: f32,
}

impl Node {
    /// A leaf that adds `value` to one output.
    pub fn leaf(output: u32, value: f64, cover: f32) -> Self {
        Self {
            mode: Mode::Leaf,
            feature: 0,
            threshold: 0.0,
            yes: 0,
            no: 0,
            missing_is_yes: false,
            votes: vec![(output, value)],
            cover,
        }
    }
}

/// A tree whose root is `nodes[root]`. Branches may be shared: LightGBM's converter writes `x in {3, 7}` as a chain of
/// comparisons for equality that all lead to one node.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    pub root: usize,
    /// All nodes, each behind all of its parents.
    pub order: Vec<usize>,
    pub tests: Vec<Test>,
}

impl Tree {
    /// A tree of these nodes.
    ///
    /// # Errors
    /// If a child is out of range, nodes lead in a circle, or there is not exactly one root.
    pub fn new(nodes: Vec<Node>, tests: Vec<Test>) -> Result<Self, String> {
        let children = |node: &Node| if node.mode == Mode::Leaf { None } else { Some([node.yes, node.no]) };
        let mut parents = vec![0u32; nodes.len()];
        for child in nodes.iter().filter_map(children).flatten() {
            *parents.get_mut(child).ok_or_else(|| format!("has no node {child}"))? += 1;
        }
        let mut roots = (0..nodes.len()).filter(|&index| parents[index] == 0);
        let root = roots.next().ok_or("runs in a circle")?;
        if roots.next().is_some() {
            return Err("has more than one root".into());
        }
        // Nodes are taken when all of their parents were: what is never taken lies on a circle or behind one.
        let (mut open, mut order) = (vec![root], Vec::with_capacity(nodes.len()));
        while let Some(index) = open.pop() {
            order.push(index);
            for child in children(&nodes[index]).into_iter().flatten() {
                parents[child] -= 1;
                if parents[child] == 0 {
                    open.push(child);
                }
            }
        }
        if order.len() != nodes.len() {
            return Err("runs in a circle".into());
        }
        let is_known = |node: &Node| !matches!(node.mode, Mode::Test(test) if test as usize >= tests.len());
        if nodes.iter().all(is_known) { Ok(Self { nodes, root, order, tests }) } else { Err("has no such test".into()) }
    }
}
