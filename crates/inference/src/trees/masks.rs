//! Passes many rows through a forest split by split instead of tree by tree.
//!
//! A row that fails a test cannot end in any leaf below its first child. A tree of at most 32 leaves keeps the leaves that are left
//! as the bits of one number, in their order from first to last: when all splits have been asked, the row ends in the first leaf
//! that is left. Splits need not be asked from the root down for that. They are asked by the value that they read, in the order
//! of their thresholds, up to the largest value among the rows: no step depends on the one before it, nothing is fetched from a
//! place that only the last step knew, and 16 rows share each split that is read. (QuickScorer of Lucchese et al., SIGIR 2015,
//! over rows side by side: V-QuickScorer, SIGIR 2016.)
//!
//! Invariants: the leaf is the one that a walk finds, what leaves add is added in the order of the trees: the answers are those of
//! [`super::kernel`] to the last bit. Only forests that fit have these lists: every tree is one in itself and small, no split asks
//! anything but `x <= t`, every leaf adds one number.

use std::{ops::Range, sync::OnceLock};

use super::nodes::{LeafSum, PackedNode, Root, rounded_down};

/// Rows that share each split.
const LANES: usize = 16;

/// From so many rows on a group pays, however many of its lanes stay empty.
pub(super) const MIN_ROWS: usize = 6;

/// The leaves of one tree that a row may still reach; the first leaf is the lowest bit.
type LeafSet = u32;

/// Leaves of the largest tree that fits.
const MAX_LEAVES: usize = LeafSet::BITS as usize;

/// A number that rows hold and splits compare.
pub(super) trait Compared: Copy + PartialOrd {
    const BELOW: Self;
    fn is_nan(self) -> bool;
    /// The threshold that parts the numbers of this kind as `threshold` does.
    fn threshold(threshold: f64) -> Self;
}

impl Compared for f32 {
    const BELOW: Self = Self::NEG_INFINITY;

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    fn threshold(threshold: f64) -> Self {
        rounded_down(threshold)
    }
}

impl Compared for f64 {
    const BELOW: Self = Self::NEG_INFINITY;

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    fn threshold(threshold: f64) -> Self {
        threshold
    }
}

/// A forest whose every node compares with a threshold and has one parent.
#[derive(Clone, Copy)]
pub(super) struct PlainTrees<'f> {
    pub(super) nodes: &'f [PackedNode],
    pub(super) roots: &'f [Root],
    pub(super) width: usize,
}

impl PlainTrees<'_> {
    fn is_leaf(&self, at: u32) -> bool {
        self.nodes[at as usize].first == at
    }

    /// Whether a tree has few enough leaves.
    fn is_small(&self, root: &Root) -> bool {
        let (mut below, mut leaves) = (vec![root.node], 0);
        while let Some(at) = below.pop() {
            match self.is_leaf(at) {
                true => leaves += 1,
                false => below.extend([self.nodes[at as usize].first, self.nodes[at as usize].first + 1]),
            }
            if leaves + below.len() > MAX_LEAVES {
                return false;
            }
        }
        true
    }
}

/// The lists of a forest, each made when it is first asked for: few models are asked for many rows of both kinds.
#[derive(Debug, Default)]
pub(super) struct SplitLists {
    single: OnceLock<Option<SplitList<f32>>>,
    double: OnceLock<Option<SplitList<f64>>>,
}

impl SplitLists {
    pub(super) fn single(&self, forest: Option<PlainTrees<'_>>) -> Option<&SplitList<f32>> {
        self.single.get_or_init(|| SplitList::of(forest?)).as_ref()
    }

    pub(super) fn double(&self, forest: Option<PlainTrees<'_>>) -> Option<&SplitList<f64>> {
        self.double.get_or_init(|| SplitList::of(forest?)).as_ref()
    }

    /// The memory that the lists take that were made, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        let single = self.single.get().and_then(Option::as_ref).map_or(0, SplitList::memory_bytes);
        let double = self.double.get().and_then(Option::as_ref).map_or(0, SplitList::memory_bytes);
        single + double
    }
}

/// A split of some tree.
#[derive(Clone, Copy, Debug)]
struct Split<N> {
    threshold: N,
    tree: u32,
    /// The leaves that are left where `x <= threshold` does not hold.
    left: LeafSet,
}

/// A forest as a list of splits, for values of one kind.
#[derive(Debug)]
pub(super) struct SplitList<N> {
    /// By the place of the value that they read (see [`super::kernel`]), then by their thresholds.
    splits: Vec<Split<N>>,
    /// Where the splits of each place end.
    ends: Vec<usize>,
    /// What each leaf adds: [`MAX_LEAVES`] for each tree.
    votes: Vec<f64>,
    /// By tree: the output to which its leaves add.
    outputs: Vec<u32>,
}

impl<N: Compared> SplitList<N> {
    /// `None` where a forest does not fit.
    fn of(forest: PlainTrees<'_>) -> Option<Self> {
        forest.roots.iter().all(|root| forest.is_small(root)).then_some(())?;
        let mut list = Self {
            splits: Vec::new(),
            ends: Vec::with_capacity(2 * forest.width),
            votes: Vec::with_capacity(MAX_LEAVES * forest.roots.len()),
            outputs: Vec::with_capacity(forest.roots.len()),
        };
        let mut of_places: Vec<Vec<Split<N>>> = vec![Vec::new(); 2 * forest.width];
        for (tree, root) in (0..).zip(forest.roots) {
            let LeafSum::One(output) = root.adds else { return None };
            list.outputs.push(output);
            let first_vote = list.votes.len();
            list.add_below(forest, root.node, (tree, first_vote), &mut of_places)?;
            list.votes.resize(first_vote + MAX_LEAVES, 0.0);
        }
        list.splits.reserve_exact(of_places.iter().map(Vec::len).sum());
        for mut splits in of_places {
            let order = |one: &Split<N>, other: &Split<N>| one.threshold.partial_cmp(&other.threshold);
            splits.sort_by(|one, other| order(one, other).unwrap_or(std::cmp::Ordering::Equal));
            list.splits.append(&mut splits);
            list.ends.push(list.splits.len());
        }
        Some(list)
    }

    fn memory_bytes(&self) -> usize {
        self.splits.capacity() * size_of::<Split<N>>()
            + self.ends.capacity() * size_of::<usize>()
            + self.votes.capacity() * size_of::<f64>()
            + self.outputs.capacity() * size_of::<u32>()
    }

    /// Numbers the leaves below a node, and keeps its splits. Answers with how many leaves the tree has by then.
    fn add_below(
        &mut self,
        forest: PlainTrees<'_>,
        at: u32,
        (tree, first_vote): (u32, usize),
        of_places: &mut [Vec<Split<N>>],
    ) -> Option<usize> {
        let node = forest.nodes[at as usize];
        if forest.is_leaf(at) {
            self.votes.push(node.threshold);
            return Some(self.votes.len() - first_vote);
        }
        // A threshold that is no number has no place in an order.
        (!node.threshold.is_nan()).then_some(())?;
        let begin = self.votes.len() - first_vote;
        let end = self.add_below(forest, node.first, (tree, first_vote), of_places)?;
        let split = Split { threshold: N::threshold(node.threshold), tree, left: without(begin..end) };
        of_places.get_mut(node.place())?.push(split);
        self.add_below(forest, node.first + 1, (tree, first_vote), of_places)
    }

    /// Joins to `answers`, by row and output, what the leaves of rows add, [`LANES`] rows at a time; fewer than [`MIN_ROWS`] at the
    /// end are left out. `row` has the values of a row. Answers with how many rows were answered.
    pub(super) fn fold<R: Iterator<Item = N>>(
        &self,
        row: impl Fn(usize) -> R,
        answers: &mut [f64],
        outputs: usize,
        join: impl Fn(&mut f64, f64),
    ) -> usize {
        let mut values = vec![[N::BELOW; LANES]; self.ends.len() / 2];
        let mut left = vec![[LeafSet::MAX; LANES]; self.outputs.len()];
        let mut rows = 0;
        for answers in answers.chunks_mut(LANES * outputs) {
            let count = answers.len() / outputs;
            if count < MIN_ROWS {
                break;
            }
            for lane in 0..LANES {
                // Lanes without a row repeat the last one.
                let row = row(rows + lane.min(count - 1));
                values.iter_mut().zip(row).for_each(|(values, value)| values[lane] = value);
            }
            left.fill([LeafSet::MAX; LANES]);
            self.ask_all(&values, &mut left);
            let votes = self.votes.chunks_exact(MAX_LEAVES);
            for ((left, votes), &output) in left.iter().zip(votes).zip(&self.outputs) {
                for (leaves, answers) in left.iter().zip(answers.chunks_exact_mut(outputs)) {
                    // Some leaf is always left; the bound spares a look whether it is one of the tree.
                    let leaf = leaves.trailing_zeros() as usize % MAX_LEAVES;
                    join(&mut answers[output as usize], votes[leaf]);
                }
            }
            rows += count;
        }
        rows
    }

    /// Takes from each row the leaves that it cannot reach.
    fn ask_all(&self, values: &[[N; LANES]], left: &mut [[LeafSet; LANES]]) {
        let mut begin = 0;
        for (place, &end) in self.ends.iter().enumerate() {
            let splits = &self.splits[begin..end];
            begin = end;
            if splits.is_empty() {
                continue;
            }
            let missing_goes_first = place % 2 == 0;
            let below = |value: N| if missing_goes_first && value.is_nan() { N::BELOW } else { value };
            let values = values[place / 2].map(below);
            let is_missing = values.iter().any(|value| value.is_nan());
            let most = values.iter().copied().fold(N::BELOW, |most, value| if value > most { value } else { most });
            // Behind it `x <= t` holds for every row; a missing value fails everywhere.
            let asked = if is_missing { splits.len() } else { splits.partition_point(|split| split.threshold < most) };
            ask(&splits[..asked], &values, left);
        }
    }
}

/// All leaves but those of a range.
fn without(leaves: Range<usize>) -> LeafSet {
    leaves.fold(LeafSet::MAX, |set, leaf| set & !(1 << leaf))
}

/// Asks splits of one value.
fn ask<N: Compared>(splits: &[Split<N>], values: &[N; LANES], left: &mut [[LeafSet; LANES]]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the same code for processors with wider registers")]
        // SAFETY: the processor was just asked whether it has what the function is compiled for.
        unsafe {
            return ask_avx2(splits, values, left);
        }
    }
    ask_with(splits, values, left);
}

/// As [`ask_with`], in half or a third of the time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn ask_avx2<N: Compared>(splits: &[Split<N>], values: &[N; LANES], left: &mut [[LeafSet; LANES]]) {
    ask_with(splits, values, left);
}

#[inline(always)]
fn ask_with<N: Compared>(splits: &[Split<N>], values: &[N; LANES], left: &mut [[LeafSet; LANES]]) {
    for &Split { threshold, tree, left: kept } in splits {
        let left = &mut left[tree as usize];
        // Without a branch, and written back once: so the compiler takes all lanes at once.
        let mut sets = *left;
        for (set, value) in sets.iter_mut().zip(values) {
            *set &= kept | LeafSet::from(*value <= threshold).wrapping_neg();
        }
        *left = sets;
    }
}
