//! Trees as the explanations of `stats` take them: read back from the forest that answers, so that both see the same.

use std::sync::Arc;

use kilter_stats::explain::{Missing, TreeNode};

use super::{forest::Forest, nodes::PackedNode, tree::Test};

/// A tree for one output, children after their parent.
pub(super) type Nodes = Vec<TreeNode>;

/// By how much, relative to a node, the covers of its children may miss it: they are float32.
const COVER_TOLERANCE: f32 = 1e-4;

/// Nodes of a forest whose branches are shared, written out as trees: explanations walk every way to a leaf.
const MAX_WRITTEN_OUT: usize = 1 << 18;

impl Forest {
    /// By output: the trees that add to it. Unless `with_covers`, every node counts alike, which explanations against
    /// background rows do not see.
    pub(crate) fn by_output(&self, with_covers: bool) -> Result<Vec<Vec<Nodes>>, String> {
        let mut all = vec![Vec::new(); self.outputs()];
        let mut room = if self.has_shared() { MAX_WRITTEN_OUT } else { usize::MAX };
        for tree in 0..self.trees() {
            let (root, outputs) = self.tree(tree);
            let places = self.written_out(root, room)?;
            room -= places.len();
            for output in outputs {
                let node = |&(at, left): &(usize, usize)| self.node(at, left, output, with_covers);
                all[output as usize].push(places.iter().map(node).collect());
            }
        }
        Ok(all)
    }

    /// The nodes of a tree breadth first, each with the place of its first child in this list.
    fn written_out(&self, root: usize, room: usize) -> Result<Vec<(usize, usize)>, String> {
        let mut places = vec![(root, 0)];
        let mut next = 0;
        while let Some(&(at, _)) = places.get(next) {
            if places.len() > room {
                return Err(format!("written out as trees its shared branches are more than {MAX_WRITTEN_OUT} nodes"));
            }
            let first = self.packed(at).first as usize;
            if first != at {
                places[next].1 = places.len();
                places.extend([(first, 0), (first + 1, 0)]);
            }
            next += 1;
        }
        Ok(places)
    }

    /// Whether the file says how much training weight came by every node: positive, and at a split the sum of its
    /// children. Converters that do not know it write the same number everywhere.
    pub(crate) fn has_covers(&self) -> bool {
        !self.has_shared() && (0..self.nodes()).all(|at| self.adds_up(at))
    }

    fn adds_up(&self, at: usize) -> bool {
        let (cover, first) = (self.cover(at), self.packed(at).first as usize);
        let children = || self.cover(first) + self.cover(first + 1);
        cover > 0.0 && cover.is_finite() && (first == at || (cover - children()).abs() <= COVER_TOLERANCE * cover)
    }

    fn node(&self, at: usize, left: usize, output: u32, with_covers: bool) -> TreeNode {
        let PackedNode { threshold, value, first } = self.packed(at);
        let cover = if with_covers { f64::from(self.cover(at)) } else { 1.0 };
        if first as usize == at {
            return TreeNode::Leaf { value: self.vote(at, output), cover };
        }
        let node = self.packed(at);
        if let Some(test) = node.test_number() {
            return split_by_test(self.test(test), node.place() / 2, left, cover);
        }
        TreeNode::Split {
            feature: value as usize / 2,
            threshold,
            left,
            right: left + 1,
            missing: if value.is_multiple_of(2) { Missing::Left } else { Missing::Right },
            cover,
        }
    }
}

/// A node of a test: what passes it goes to `left`.
fn split_by_test(test: &Test, feature: usize, left: usize, cover: f64) -> TreeNode {
    let right = left + 1;
    match test {
        Test::Member { words, missing_is_yes } => {
            let (categories, missing_goes_left) = (Arc::clone(words), *missing_is_yes);
            TreeNode::SplitCategories { feature, categories, left, right, missing_goes_left, cover }
        }
        Test::ZeroIsMissing { threshold, missing_is_yes } => {
            let missing = if *missing_is_yes { Missing::ZeroLeft } else { Missing::ZeroRight };
            TreeNode::Split { feature, threshold: *threshold, left, right, missing, cover }
        }
    }
}
