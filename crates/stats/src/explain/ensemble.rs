//! Trees as plain numbers: what a boosted model says, and where each leaf's path leads.

use std::sync::Arc;

use crate::outcome::{MetricResult, Unmeasured};

/// What a split does with a value that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It goes left.
    Left,
    /// It goes right.
    Right,
    /// It counts as 0.
    Zero,
    /// Zeros are missing, too; both go left.
    ZeroLeft,
    /// Zeros are missing, too; both go right.
    ZeroRight,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum TreeNode {
    /// Rows whose `feature` is at most (or, in a strict tree, below) `threshold` go to `left`.
    Split {
        /// Which column.
        feature: usize,
        /// Where it is cut.
        threshold: f64,
        /// Node for small values.
        left: usize,
        /// Node for large values.
        right: usize,
        /// Where missing values go.
        missing: Missing,
        /// Training weight that reached this node.
        cover: f64,
    },
    /// Rows whose `feature` is one of `categories` go to `left`.
    SplitCategories {
        /// Which column: the whole part of its value is the category.
        feature: usize,
        /// Bit `c % 32` of word `c / 32` is category `c`. What is negative or behind the last word is none of them.
        categories: Arc<[u32]>,
        /// Node for these categories.
        left: usize,
        /// Node for all others.
        right: usize,
        /// Whether missing values go left.
        missing_goes_left: bool,
        /// Training weight that reached this node.
        cover: f64,
    },
    /// The tree's answer.
    Leaf {
        /// What it adds to the prediction.
        value: f64,
        /// Training weight that reached this leaf.
        cover: f64,
    },
}

impl TreeNode {
    fn cover(&self) -> f64 {
        match self {
            TreeNode::Split { cover, .. } | TreeNode::SplitCategories { cover, .. } | TreeNode::Leaf { cover, .. } => {
                *cover
            }
        }
    }

    /// Of a split: its feature and its children.
    const fn split(&self) -> Option<(usize, [usize; 2])> {
        match *self {
            TreeNode::Split { feature, left, right, .. } | TreeNode::SplitCategories { feature, left, right, .. } => {
                Some((feature, [left, right]))
            }
            TreeNode::Leaf { .. } => None,
        }
    }

    /// Whether a row with this value of the feature goes left; no row does at a leaf.
    fn goes_left(&self, value: f64, strict: bool) -> bool {
        match self {
            TreeNode::Split { threshold, missing, .. } => goes_left(value, *threshold, *missing, strict),
            TreeNode::SplitCategories { missing_goes_left, .. } if value.is_nan() => *missing_goes_left,
            TreeNode::SplitCategories { categories, .. } => value > -1.0 && is_member(categories, value as u64),
            TreeNode::Leaf { .. } => false,
        }
    }
}

/// Conditions of a leaf's path on one feature, as far as their splits' decisions lie in one word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check {
    pub word: u32,
    /// Which of the leaf's distinct features.
    pub player: u32,
    /// The splits, and which way each must go.
    pub mask: u64,
    pub left: u64,
}

/// A leaf, its path, and for each distinct feature on it the share of training weight that stays on the path.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub value: f64,
    pub checks: Vec<Check>,
    pub features: Vec<u32>,
    pub stays: Vec<f64>,
}

/// A tree, checked, with its leaves' paths.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    nodes: Vec<TreeNode>,
    strict: bool,
    /// Of a split: which of the tree's splits it is, in the order of the nodes.
    place: Vec<u32>,
    pub leaves: Vec<Leaf>,
}

/// Splits on one path: a bound for trees of hostile files, whose paths would fill the memory.
const MAX_SPLITS: usize = 1000;

/// Distinct features on one path that exact attribution handles.
pub(super) const MAX_PLAYERS: usize = 60;

impl Tree {
    /// The memory that it takes, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let of_leaf = |leaf: &Leaf| {
            leaf.checks.capacity() * size_of::<Check>()
                + leaf.features.capacity() * size_of::<u32>()
                + leaf.stays.capacity() * size_of::<f64>()
        };
        size_of::<Self>()
            + self.nodes.capacity() * size_of::<TreeNode>()
            + self.place.capacity() * size_of::<u32>()
            + self.leaves.capacity() * size_of::<Leaf>()
            + self.leaves.iter().map(of_leaf).sum::<usize>()
    }

    pub fn new(nodes: Vec<TreeNode>, strict: bool, features: usize) -> MetricResult<Self> {
        check(&nodes, features)?;
        let mut splits = 0;
        let count = |node: &TreeNode| {
            splits += u32::from(node.split().is_some());
            splits.saturating_sub(1)
        };
        let place = nodes.iter().map(count).collect();
        let mut tree = Tree { nodes, strict, place, leaves: Vec::new() };
        let mut path = Vec::new();
        tree.walk(0, &mut path)?;
        Ok(tree)
    }

    fn walk(&mut self, node: usize, path: &mut Vec<(usize, bool)>) -> MetricResult<()> {
        if let TreeNode::Leaf { value, .. } = self.nodes[node] {
            let leaf = self.leaf(value, path)?;
            self.leaves.push(leaf);
        }
        let Some((_, children)) = self.nodes[node].split() else { return Ok(()) };
        if path.len() == MAX_SPLITS {
            return Err(Unmeasured::bad_input("tree", format!("a path has more than {MAX_SPLITS} splits")));
        }
        for (child, goes_left) in children.into_iter().zip([true, false]) {
            path.push((node, goes_left));
            self.walk(child, path)?;
            path.pop();
        }
        Ok(())
    }

    fn leaf(&self, value: f64, path: &[(usize, bool)]) -> MetricResult<Leaf> {
        let mut leaf = Leaf { value, checks: Vec::new(), features: Vec::new(), stays: Vec::new() };
        for (node, goes_left) in path {
            let Some((feature, [left, right])) = self.nodes[*node].split() else { continue };
            let child = self.nodes[if *goes_left { left } else { right }].cover();
            let player = leaf.features.iter().position(|known| *known as usize == feature);
            let player = player.unwrap_or_else(|| {
                leaf.features.push(feature as u32);
                leaf.stays.push(1.0);
                leaf.features.len() - 1
            });
            leaf.stays[player] *= child / self.nodes[*node].cover();
            let (word, bit) = (self.place[*node] / 64, 1u64 << (self.place[*node] % 64));
            let known = leaf.checks.iter().position(|check| (check.word, check.player as usize) == (word, player));
            let known = known.unwrap_or_else(|| {
                leaf.checks.push(Check { word, player: player as u32, mask: 0, left: 0 });
                leaf.checks.len() - 1
            });
            leaf.checks[known].mask |= bit;
            leaf.checks[known].left |= if *goes_left { bit } else { 0 };
        }
        if leaf.features.len() > MAX_PLAYERS {
            let (got, most) = (leaf.features.len(), MAX_PLAYERS);
            return Err(Unmeasured::bad_input("tree", format!("a path splits on {got} features; {most} are possible")));
        }
        Ok(leaf)
    }

    /// For every split, in words of 64, whether the row goes left there.
    pub fn decide(&self, row: &[f64], into: &mut Vec<u64>) {
        into.clear();
        let (mut word, mut bits) = (0u64, 0);
        for node in &self.nodes {
            let Some((feature, _)) = node.split() else { continue };
            word |= u64::from(node.goes_left(row[feature], self.strict)) << bits;
            bits += 1;
            if bits == 64 {
                into.push(word);
                (word, bits) = (0, 0);
            }
        }
        into.push(word);
    }

    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        while let Some((feature, [left, right])) = self.nodes[node].split() {
            node = if self.nodes[node].goes_left(row[feature], self.strict) { left } else { right };
        }
        match self.nodes[node] {
            TreeNode::Leaf { value, .. } => value,
            _ => 0.0,
        }
    }

    /// The mean over the training weights.
    pub fn mean(&self) -> f64 {
        self.leaves.iter().map(|leaf| leaf.value * leaf.stays.iter().product::<f64>()).sum()
    }
}

fn is_member(categories: &[u32], category: u64) -> bool {
    categories.get((category / 32) as usize).is_some_and(|word| word >> (category % 32) & 1 == 1)
}

fn goes_left(value: f64, threshold: f64, missing: Missing, strict: bool) -> bool {
    let below = |value: f64| if strict { value < threshold } else { value <= threshold };
    let zero = value.abs() <= f64::from(1e-35_f32);
    match missing {
        Missing::Left if value.is_nan() => true,
        Missing::Right if value.is_nan() => false,
        Missing::Zero if value.is_nan() => below(0.0),
        Missing::ZeroLeft if value.is_nan() || zero => true,
        Missing::ZeroRight if value.is_nan() || zero => false,
        _ => below(value),
    }
}

/// Children come after their parent and have one parent each; covers are positive and add up.
fn check(nodes: &[TreeNode], features: usize) -> MetricResult<()> {
    let wrong = |why: String| Err(Unmeasured::bad_input("tree", why));
    if nodes.is_empty() {
        return wrong("it has no node".to_owned());
    }
    let mut reached = vec![0u8; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        if node.cover().is_nan() || node.cover() <= 0.0 || !node.cover().is_finite() {
            return wrong(format!("node {place} has the cover {}", node.cover()));
        }
        if let TreeNode::Leaf { value, .. } = node
            && !value.is_finite()
        {
            return wrong(format!("leaf {place} is {value}"));
        }
        let Some((feature, children)) = node.split() else { continue };
        if feature >= features {
            return wrong(format!("node {place} splits on feature {feature} of {features}"));
        }
        for child in children {
            if child <= place || child >= nodes.len() || reached[child] > 0 {
                return wrong(format!("node {place} has the child {child}, which is not a fresh later node"));
            }
            reached[child] = 1;
        }
    }
    Ok(())
}
