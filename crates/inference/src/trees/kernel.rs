//! Walks rows through a forest.
//!
//! The two children of a node lie side by side, so a step is an addition instead of a branch. A leaf leads to itself, so that many walks
//! take the same number of steps and run in lockstep: 16 trees for one row, 8 rows for one tree in a batch.
//!
//! Missing values cost no comparison of their own: every value stands twice, once with NaN as minus infinity, where `x <= t` holds,
//! and once as it is, where NaN makes it fail. A node reads the one that its missing values want. Behind the values stands minus infinity, which
//! leaves read: it is below everything.
//!
//! Single-precision rows use nodes of 12 bytes: a threshold that is rounded down to single precision parts them as the wide one does,
//! and a leaf has what it adds in the place of its threshold.
//!
//! Many rows at once pass through small trees by [`super::masks`] instead.
//!
//! Invariants: both kinds of nodes answer the same. Sums run in double precision in the order of the trees.

use super::{
    forest::{Aggregate, Forest},
    masks::MIN_ROWS,
    nodes::{LeafSum, NarrowNode, PackedNode, Root},
};

/// Trees walked at the same time for one row.
const TREE_LANES: usize = 16;
/// Rows walked at the same time in one tree.
const ROW_LANES: usize = 8;
/// Rows whose values stay in the cache while all trees pass over them.
const BLOCK: usize = 64;
/// Steps between looks whether all walks have ended.
const STRIDE: u32 = 3;

/// A node as walks read it.
trait Walked: Copy {
    /// A value, and a threshold.
    type Number: Copy + PartialOrd + Into<f64> + 'static;
    /// Below every number.
    const BELOW: Self::Number;

    /// The place of the value that it reads, and with what it is compared.
    fn comparison(self) -> (usize, Self::Number);
    /// The place of the value that it reads, and the number of the test that it asks, if it does not compare.
    fn test(self) -> Option<(usize, u32)>;
    /// The first child; the second follows it.
    fn first(self) -> u32;
    /// What this leaf adds in a tree with [`LeafSum::One`].
    fn vote(self) -> f64;
}

impl Walked for PackedNode {
    type Number = f64;
    const BELOW: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn comparison(self) -> (usize, f64) {
        (self.value as usize, self.threshold)
    }

    #[inline(always)]
    fn test(self) -> Option<(usize, u32)> {
        Some((self.place(), self.test_number()?))
    }

    #[inline(always)]
    fn first(self) -> u32 {
        self.first
    }

    #[inline(always)]
    fn vote(self) -> f64 {
        self.threshold
    }
}

impl Walked for NarrowNode {
    type Number = f32;
    const BELOW: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn comparison(self) -> (usize, f32) {
        (self.value.into(), self.threshold)
    }

    #[inline(always)]
    fn test(self) -> Option<(usize, u32)> {
        None
    }

    #[inline(always)]
    fn first(self) -> u32 {
        self.first
    }

    #[inline(always)]
    fn vote(self) -> f64 {
        self.threshold.into()
    }
}

/// Rows times columns, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'r> {
    Single(&'r [f32]),
    Double(&'r [f64]),
}

impl Forest {
    /// What all trees make together of `rows` rows of `columns` values, by row and output. Sums begin with `start`, by output;
    /// without one they begin with zero.
    pub fn answer(
        &self,
        values: Rows<'_>,
        (rows, columns): (usize, usize),
        aggregate: Aggregate,
        start: &[f64],
    ) -> Result<Vec<f64>, String> {
        if columns < self.width() {
            return Err(format!("the trees read {} columns, the rows have {columns}", self.width()));
        }
        let size = rows.checked_mul(self.outputs()).filter(|&size| size <= crate::tensor::MAX_ELEMENTS);
        let size = size.ok_or("the result would be too large")?;
        let is_sum = matches!(aggregate, Aggregate::Sum | Aggregate::SumSingle);
        // `min` and `max` of a float and NaN are the float: NaN stands for nothing as yet.
        let mut answers = match is_sum && start.len() == self.outputs() {
            true => start.repeat(rows),
            false => vec![if is_sum { 0.0 } else { f64::NAN }; size],
        };
        let single = |sum: f64| f64::from(sum as f32);
        match aggregate {
            Aggregate::Sum => self.fold(values, columns, &mut answers, |sum, vote| *sum += vote),
            // Rounded twice it is the sum of single precision: double precision has more than twice as many digits.
            Aggregate::SumSingle => self.fold(values, columns, &mut answers, |sum, vote| *sum = single(*sum + vote)),
            Aggregate::Min => self.fold(values, columns, &mut answers, |least, vote| *least = least.min(vote)),
            Aggregate::Max => self.fold(values, columns, &mut answers, |most, vote| *most = most.max(vote)),
        }
        if !is_sum {
            answers.iter_mut().filter(|answer| answer.is_nan()).for_each(|answer| *answer = 0.0);
        }
        Ok(answers)
    }

    fn fold(&self, values: Rows<'_>, columns: usize, answers: &mut [f64], join: impl Fn(&mut f64, f64) + Copy) {
        let done = self.fold_groups(values, columns, answers, join);
        let answers = &mut answers[done * self.outputs()..];
        let values = match values {
            Rows::Single(values) => Rows::Single(&values[done * columns..]),
            Rows::Double(values) => Rows::Double(&values[done * columns..]),
        };
        let twice = |x: f64| [if x.is_nan() { f64::NEG_INFINITY } else { x }, x];
        let narrow = |x: f32| [if x.is_nan() { f32::NEG_INFINITY } else { x }, x];
        match (values, self.narrow()) {
            (Rows::Single(values), Some(nodes)) => {
                let row = |row| values[row * columns..].iter().map(|&x| narrow(x));
                Walk::<_, _, false> { forest: self, nodes, join }.fold(row, answers);
            }
            (Rows::Single(values), None) => {
                self.fold_wide(|row| values[row * columns..].iter().map(|&x| twice(f64::from(x))), answers, join);
            }
            (Rows::Double(values), _) => {
                self.fold_wide(|row| values[row * columns..].iter().map(|&x| twice(x)), answers, join);
            }
        }
    }

    /// Passes rows through small trees many at a time; answers with how many rows these are.
    fn fold_groups(
        &self,
        values: Rows<'_>,
        columns: usize,
        answers: &mut [f64],
        join: impl Fn(&mut f64, f64) + Copy,
    ) -> usize {
        let outputs = self.outputs();
        if answers.len() < MIN_ROWS * outputs {
            return 0;
        }
        let done = match values {
            Rows::Single(values) => self
                .single_splits()
                .map(|list| list.fold(|row| values[row * columns..].iter().copied(), answers, outputs, join)),
            Rows::Double(values) => self
                .double_splits()
                .map(|list| list.fold(|row| values[row * columns..].iter().copied(), answers, outputs, join)),
        };
        done.unwrap_or(0)
    }

    fn fold_wide<R: Iterator<Item = [f64; 2]>>(
        &self,
        row: impl Fn(usize) -> R,
        answers: &mut [f64],
        join: impl Fn(&mut f64, f64) + Copy,
    ) {
        if self.has_tests() {
            Walk::<_, _, true> { forest: self, nodes: self.wide(), join }.fold(row, answers);
        } else {
            Walk::<_, _, false> { forest: self, nodes: self.wide(), join }.fold(row, answers);
        }
    }
}

/// A forest, the nodes that are walked, and what joins what leaves add. Without `TESTS` no node is looked at for one.
struct Walk<'f, N, J, const TESTS: bool> {
    forest: &'f Forest,
    nodes: &'f [N],
    join: J,
}

impl<N: Walked, J: Fn(&mut f64, f64) + Copy, const TESTS: bool> Walk<'_, N, J, TESTS> {
    /// `row` has the values of a row, each twice; what is behind the width of the forest is not read.
    fn fold<R: Iterator<Item = [N::Number; 2]>>(&self, row: impl Fn(usize) -> R, answers: &mut [f64]) {
        let (width, outputs) = (self.forest.width(), self.forest.outputs());
        let rows = answers.len() / outputs;
        let stride = 2 * width + 1;
        let mut twice = Vec::with_capacity(BLOCK.min(rows) * stride);
        let mut leaves = Vec::new();
        for first in (0..rows).step_by(BLOCK) {
            let last = rows.min(first + BLOCK);
            twice.clear();
            for at in first..last {
                twice.extend(row(at).take(width).flatten());
                twice.push(N::BELOW);
            }
            let answers = &mut answers[first * outputs..last * outputs];
            let in_lockstep = (last - first) / ROW_LANES * ROW_LANES;
            if in_lockstep > 0 {
                self.forest.roots().iter().for_each(|root| self.fold_rows(root, &twice, in_lockstep, answers));
            }
            for at in in_lockstep..last - first {
                self.fold_row(&twice[at * stride..][..stride], &mut leaves, &mut answers[at * outputs..][..outputs]);
            }
        }
    }

    /// One row: [`TREE_LANES`] trees at a time. `leaves` has room for the leaves of all trees.
    fn fold_row(&self, values: &[N::Number], leaves: &mut Vec<u32>, answers: &mut [f64]) {
        let roots = self.forest.roots();
        leaves.resize(roots.len(), 0);
        for group in self.forest.by_depth().chunks(TREE_LANES) {
            // Unused lanes repeat the last tree: they cost nothing beyond the lockstep.
            let root = |lane: usize| &roots[group[lane.min(group.len() - 1)] as usize];
            let mut at: [u32; TREE_LANES] = std::array::from_fn(|lane| root(lane).node);
            self.descend(&mut at, root(TREE_LANES).depth, |_| values);
            group.iter().zip(at).for_each(|(&tree, leaf)| leaves[tree as usize] = leaf);
        }
        for (root, &leaf) in roots.iter().zip(&*leaves) {
            self.add(root, leaf, answers);
        }
    }

    /// One tree over the first `rows` rows of a block, [`ROW_LANES`] at a time.
    fn fold_rows(&self, root: &Root, values: &[N::Number], rows: usize, answers: &mut [f64]) {
        let (stride, outputs) = (2 * self.forest.width() + 1, self.forest.outputs());
        for row in (0..rows).step_by(ROW_LANES) {
            let mut at = [root.node; ROW_LANES];
            let lanes: [&[N::Number]; ROW_LANES] =
                std::array::from_fn(|lane| &values[(row + lane) * stride..][..stride]);
            self.descend(&mut at, root.depth, |lane| lanes[lane]);
            for (lane, &leaf) in at.iter().enumerate() {
                self.add(root, leaf, &mut answers[(row + lane) * outputs..][..outputs]);
            }
        }
    }

    /// Takes all lanes down to their leaves.
    #[inline(always)]
    fn descend<'v, const LANES: usize>(
        &self,
        at: &mut [u32; LANES],
        depth: u32,
        values: impl Fn(usize) -> &'v [N::Number],
    ) {
        let mut left = depth;
        while left > 0 {
            let before = *at;
            for _ in 0..left.min(STRIDE) {
                for (lane, node) in at.iter_mut().enumerate() {
                    let here = self.nodes[*node as usize];
                    *node = here.first() + u32::from(!self.goes_first(here, values(lane)));
                }
            }
            if *at == before {
                break;
            }
            left = left.saturating_sub(STRIDE);
        }
    }

    #[inline(always)]
    fn goes_first(&self, node: N, values: &[N::Number]) -> bool {
        if TESTS && let Some((place, test)) = node.test() {
            return self.forest.test(test).holds(values[place].into());
        }
        let (place, threshold) = node.comparison();
        values[place] <= threshold
    }

    #[inline(always)]
    fn add(&self, root: &Root, leaf: u32, answers: &mut [f64]) {
        match root.adds {
            LeafSum::One(output) => {
                let vote = self.nodes[leaf as usize].vote();
                (self.join)(&mut answers[output as usize], vote);
            }
            LeafSum::Many => {
                self.forest
                    .votes(leaf)
                    .iter()
                    .for_each(|&(output, vote)| (self.join)(&mut answers[output as usize], vote));
            }
        }
    }
}
