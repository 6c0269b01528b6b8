//! Nodes of trees as they lie in memory: a wide kind, and one in less room for rows of single precision.

/// A node. The two children lie side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedNode {
    pub threshold: f64,
    /// Twice the feature, plus one when missing values go to the second child.
    pub value: u32,
    /// The first child; the second follows it. A leaf names itself.
    pub first: u32,
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
fn rounded_down(threshold: f64) -> f32 {
    let nearest = threshold as f32;
    if f64::from(nearest) > threshold { nearest.next_down() } else { nearest }
}
