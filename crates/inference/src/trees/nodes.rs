//! Nodes of trees as they lie in memory: a wide kind, and one in less room for rows of single precision.

/// What the leaves of one tree add to.
#[derive(Clone, Copy, Debug)]
pub(super) enum LeafSum {
    /// Every leaf adds one number to this output.
    One(u32),
    /// Leaves add to several outputs.
    Many,
}

/// Where a tree begins, the most steps to a leaf, and what its leaves add to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root {
    pub node: u32,
    pub depth: u32,
    pub adds: LeafSum,
}

/// A node. The two children lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedNode {
    pub threshold: f64,
    /// Twice the feature, plus one when missing values go to the second child; with [`TEST`] when the threshold is the number of
    /// a test.
    pub value: u32,
    /// The first child; the second follows it. A leaf names itself.
    pub first: u32,
}

/// Marks a node of a test in its [`PackedNode::value`].
const TEST: u32 = 1 << 31;

impl PackedNode {
    /// A node that asks a test of a feature, whose missing values the test sees.
    pub(super) fn test(test: u32, feature: u32) -> Self {
        Self { threshold: test.into(), value: (2 * feature + 1) | TEST, first: 0 }
    }

    /// The number of its test, if it has one.
    #[inline(always)]
    pub(super) const fn test_number(self) -> Option<u32> {
        if self.value & TEST == 0 { None } else { Some(self.threshold as u32) }
    }

    /// The place of the value that it reads.
    #[inline(always)]
    pub(super) const fn place(self) -> usize {
        (self.value & !TEST) as usize
    }
}

/// A node in less room, of 12 bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct NarrowNode {
    /// Of a leaf: what it adds.
    pub threshold: f32,
    /// The place of the value that it reads.
    pub value: u16,
    /// The first child. A leaf names itself.
    pub first: u32,
}

impl NarrowNode {
    /// A leaf of a forest of this width that adds `vote`; `None` where that does not fit.
    pub(super) fn leaf(at: u32, width: usize, vote: f64) -> Option<Self> {
        let threshold = vote as f32;
        let is_same = f64::from(threshold) == vote;
        is_same.then_some(Self { threshold, value: u16::try_from(2 * width).ok()?, first: at })
    }

    /// The node `at` that parts; `None` where it does not fit.
    pub(super) fn split(node: &PackedNode) -> Option<Self> {
        Some(Self {
            threshold: rounded_down(node.threshold),
            value: u16::try_from(node.value).ok()?,
            first: node.first,
        })
    }
}

/// The largest number of single precision that is not above `threshold`: between the two lies no other, so `x <= t` is the same for
/// each `x` of single precision.
pub(super) fn rounded_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}
