//! Trees as the explanations of `stats` take them: read back from the forest that answers, so that both see the same.

use kilter_stats::explain::{Missing, TreeNode};

use super::forest::{Forest, Packed};

/// A tree for one output, children after their parent.
pub(super) type Nodes = Vec<TreeNode>;

/// By how much, relative to a node, the covers of its children may miss it: they are float32.
const COVER_TOLERANCE: f32 = 1e-4;

impl Forest {
    /// By output: the trees that add to it. Unless `with_covers`, every node counts alike, which explanations against
    /// background rows do not see.
    pub(crate) fn by_output(&self, with_covers: bool) -> Vec<Vec<Nodes>> {
        let mut all = vec![Vec::new(); self.outputs()];
        for tree in 0..self.trees() {
            let (range, outputs) = self.tree(tree);
            for output in outputs {
                let node = |at| self.node(range.start, at, output, with_covers);
                all[output as usize].push(range.clone().map(node).collect());
            }
        }
        all
    }

    /// Whether the file says how much training weight came by every node: positive, and at a split the sum of its
    /// children. Converters that do not know it write the same number everywhere.
    pub(crate) fn has_covers(&self) -> bool {
        (0..self.trees()).all(|tree| self.tree(tree).0.all(|at| self.adds_up(at)))
    }

    fn adds_up(&self, at: usize) -> bool {
        let (cover, first) = (self.cover(at), self.packed(at).first as usize);
        let children = || self.cover(first) + self.cover(first + 1);
        cover > 0.0 && cover.is_finite() && (first == at || (cover - children()).abs() <= COVER_TOLERANCE * cover)
    }

    fn node(&self, root: usize, at: usize, output: u32, with_covers: bool) -> TreeNode {
        let Packed { value, threshold, first, .. } = self.packed(at);
        let cover = if with_covers { f64::from(self.cover(at)) } else { 1.0 };
        if first as usize == at {
            return TreeNode::Leaf { value: self.vote(at, output), cover };
        }
        let left = first as usize - root;
        TreeNode::Split {
            feature: value as usize / 2,
            threshold: f64::from(threshold),
            left,
            right: left + 1,
            missing: if value.is_multiple_of(2) { Missing::Left } else { Missing::Right },
            cover,
        }
    }
}
