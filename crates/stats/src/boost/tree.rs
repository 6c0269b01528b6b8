//! One regression tree on gradients, grown leaf by leaf where the gain is largest.

use super::Shape;
use super::bins::MISSING;
use serde::{Deserialize, Serialize};

/// A node: a split on a bin, or a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Node {
    Split { feature: u32, last_left: u8, missing_left: bool, left: u32, right: u32 },
    Leaf(f64),
}

/// A tree over binned columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    pub fn at(&self, columns: &[Vec<u8>], row: usize) -> f64 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                Node::Leaf(value) => return value,
                Node::Split { feature, last_left, missing_left, left, right } => {
                    let bin = columns[feature as usize][row];
                    let goes_left = if bin == MISSING { missing_left } else { bin <= last_left };
                    node = if goes_left { left } else { right } as usize;
                }
            }
        }
    }
}

/// Gradient, hessian and rows of each bin of each feature; 256 bins a feature, the last for what is missing.
type Histogram = Vec<[f64; 3]>;

struct Candidate {
    gain: f64,
    feature: usize,
    last_left: u8,
    missing_left: bool,
}

struct Leaf {
    node: usize,
    rows: Vec<u32>,
    histogram: Histogram,
    total: [f64; 3],
    best: Option<Candidate>,
}

/// Everything that growing reads.
pub(super) struct Ground<'a> {
    pub columns: &'a [Vec<u8>],
    pub bins: &'a [usize],
    pub gradient: &'a [f64],
    pub hessian: &'a [f64],
    pub shape: &'a Shape,
}

impl Ground<'_> {
    /// Grows a tree on `rows`.
    pub fn grow(&self, rows: Vec<u32>) -> Tree {
        let mut nodes = vec![Node::Leaf(0.0)];
        let root = self.leaf(0, rows, None);
        nodes[0] = Node::Leaf(self.value(&root.total));
        let mut leaves = vec![root];
        while leaves.len() < self.shape.leaves {
            let gain = |leaf: &Leaf| leaf.best.as_ref().map_or(0.0, |best| best.gain);
            let pick = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b])).then(b.cmp(a)));
            let Some(pick) = pick.filter(|pick| gain(&leaves[*pick]) > 1e-12) else { break };
            let parent = leaves.swap_remove(pick);
            let Some((left, right)) = self.split(parent, &mut nodes) else { break };
            leaves.push(left);
            leaves.push(right);
        }
        Tree { nodes }
    }

    fn split(&self, parent: Leaf, nodes: &mut Vec<Node>) -> Option<(Leaf, Leaf)> {
        let best = parent.best?;
        let column = &self.columns[best.feature];
        let goes_left = |row: &u32| {
            let bin = column[*row as usize];
            if bin == MISSING { best.missing_left } else { bin <= best.last_left }
        };
        let (left, right): (Vec<u32>, Vec<u32>) = parent.rows.into_iter().partition(goes_left);
        let (at_left, at_right) = (nodes.len(), nodes.len() + 1);
        nodes[parent.node] = Node::Split {
            feature: best.feature as u32,
            last_left: best.last_left,
            missing_left: best.missing_left,
            left: at_left as u32,
            right: at_right as u32,
        };
        // The larger child's histogram is the parent's minus the smaller's.
        let (small, large, left_is_small) =
            if left.len() <= right.len() { (left, right, true) } else { (right, left, false) };
        let (at_small, at_large) = if left_is_small { (at_left, at_right) } else { (at_right, at_left) };
        let small = self.leaf(at_small, small, None);
        let mut rest = parent.histogram;
        rest.iter_mut().zip(&small.histogram).for_each(|(a, b)| (0..3).for_each(|i| a[i] -= b[i]));
        let large = self.leaf(at_large, large, Some(rest));
        let (left, right) = if left_is_small { (small, large) } else { (large, small) };
        nodes.push(Node::Leaf(self.value(&left.total)));
        nodes.push(Node::Leaf(self.value(&right.total)));
        Some((left, right))
    }

    fn leaf(&self, node: usize, rows: Vec<u32>, histogram: Option<Histogram>) -> Leaf {
        let histogram = histogram.unwrap_or_else(|| self.histogram(&rows));
        let mut total = [0.0; 3];
        for row in &rows {
            total[0] += self.gradient[*row as usize];
            total[1] += self.hessian[*row as usize];
        }
        total[2] = rows.len() as f64;
        let best = self.best(&histogram, &total);
        Leaf { node, rows, histogram, total, best }
    }

    fn histogram(&self, rows: &[u32]) -> Histogram {
        let mut histogram = vec![[0.0; 3]; 256 * self.columns.len()];
        for (column, bins) in self.columns.iter().zip(histogram.chunks_mut(256)) {
            for row in rows {
                let row = *row as usize;
                let bin = &mut bins[usize::from(column[row])];
                bin[0] += self.gradient[row];
                bin[1] += self.hessian[row];
                bin[2] += 1.0;
            }
        }
        histogram
    }

    fn score(&self, sum: &[f64; 3]) -> f64 {
        sum[0] * sum[0] / (sum[1] + self.shape.ridge).max(1e-300)
    }

    fn value(&self, sum: &[f64; 3]) -> f64 {
        -sum[0] / (sum[1] + self.shape.ridge).max(1e-300) * self.shape.rate
    }

    fn best(&self, histogram: &Histogram, total: &[f64; 3]) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        let whole = self.score(total);
        let enough = |sum: &[f64; 3]| sum[2] >= self.shape.leaf_rows as f64 && sum[1] >= 1e-3;
        for (feature, bins) in histogram.chunks(256).enumerate() {
            let missing = bins[usize::from(MISSING)];
            for missing_left in [false, true] {
                if missing_left && missing[2] == 0.0 {
                    continue;
                }
                let mut left = if missing_left { missing } else { [0.0; 3] };
                let last = self.bins[feature].saturating_sub(usize::from(missing[2] == 0.0));
                for (bin, sum) in bins[..last].iter().enumerate() {
                    (0..3).for_each(|i| left[i] += sum[i]);
                    let right = [total[0] - left[0], total[1] - left[1], total[2] - left[2]];
                    if !enough(&left) || !enough(&right) {
                        continue;
                    }
                    let gain = self.score(&left) + self.score(&right) - whole;
                    if best.as_ref().is_none_or(|best| gain > best.gain) {
                        best = Some(Candidate { gain, feature, last_left: bin as u8, missing_left });
                    }
                }
            }
        }
        best
    }
}
