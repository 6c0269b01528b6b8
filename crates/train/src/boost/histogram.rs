//! Sums of gradients by bin, and the best split they offer.
//!
//! Each worker owns some columns and, for those, the histograms of the open leaves. A column is always summed by one
//! worker in row order, so the number of threads changes nothing.

use std::{ops::Range, sync::Arc};

use super::bins::{Column, MISSING};

/// First and second derivative of the loss of one row, times its weight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gradient {
    pub slope: f32,
    pub curve: f32,
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub slope: f64,
    pub curve: f64,
    pub rows: u64,
}

impl Sums {
    pub fn add(&mut self, gradient: Gradient) {
        self.slope += f64::from(gradient.slope);
        self.curve += f64::from(gradient.curve);
        self.rows += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self { slope: self.slope + other.slope, curve: self.curve + other.curve, rows: self.rows + other.rows }
    }

    fn minus(self, other: Self) -> Self {
        Self { slope: self.slope - other.slope, curve: self.curve - other.curve, rows: self.rows - other.rows }
    }

    /// What a leaf of these rows takes off the loss, twice.
    fn score(self, l2: f64) -> f64 {
        self.slope * self.slope / (self.curve + l2)
    }
}

/// What a split must fulfil.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub l2: f64,
    pub min_rows: u64,
    pub min_curve: f64,
}

/// A way to part the rows of a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Split {
    pub column: usize,
    /// Rows of this bin and below go left.
    pub bin: u8,
    pub missing_left: bool,
    pub gain: f64,
    pub left: Sums,
    pub right: Sums,
}

/// Rows of a leaf with their gradients in the same order.
#[derive(Clone, Debug)]
pub(super) struct LeafRows {
    pub rows: Arc<Vec<u32>>,
    pub gradients: Arc<Vec<Gradient>>,
}

/// Columns in which this share of rows lies in one bin are summed by their other rows alone.
const SPARSE_SHARE: f64 = 0.8;

/// The histograms of some columns.
pub(super) struct Worker<'a> {
    columns: &'a [Column],
    mine: Range<usize>,
    /// Where each of my columns begins in a histogram; the last bin of a column is the missing one.
    offsets: Vec<usize>,
    size: usize,
    sparse: Sparse,
    limits: Limits,
    /// By leaf.
    histograms: Vec<Vec<Sums>>,
    spare: Vec<Vec<Sums>>,
}

impl<'a> Worker<'a> {
    pub fn new(columns: &'a [Column], mine: Range<usize>, limits: Limits) -> Self {
        let mut size = 0;
        let mut offsets = Vec::with_capacity(mine.len());
        for column in &columns[mine.clone()] {
            offsets.push(size);
            size += column.count() + 1;
        }
        let sparse = Sparse::new(&columns[mine.clone()], &offsets);
        Self { columns, mine, offsets, size, sparse, limits, histograms: Vec::new(), spare: Vec::new() }
    }

    /// A new tree: leaf 0 holds `rows`.
    pub fn begin(&mut self, rows: &LeafRows, total: Sums) -> Option<Split> {
        self.spare.append(&mut self.histograms);
        let histogram = self.sum(rows);
        self.histograms.push(histogram);
        self.best(0, total)
    }

    /// Leaf `parent` was parted: `small` is summed anew, the other is the rest. The left part keeps the parent's
    /// number, the right one gets the next. Gives the best splits of left and right.
    pub fn part(
        &mut self,
        parent: usize,
        small: &LeafRows,
        small_is_left: bool,
        sums: [Sums; 2],
    ) -> [Option<Split>; 2] {
        let small = self.sum(small);
        let mut large = std::mem::take(&mut self.histograms[parent]);
        large.iter_mut().zip(&small).for_each(|(large, small)| *large = large.minus(*small));
        let (left, right) = if small_is_left { (small, large) } else { (large, small) };
        self.histograms[parent] = left;
        self.histograms.push(right);
        [self.best(parent, sums[0]), self.best(self.histograms.len() - 1, sums[1])]
    }

    fn sum(&mut self, leaf: &LeafRows) -> Vec<Sums> {
        let mut histogram = self.spare.pop().unwrap_or_default();
        histogram.clear();
        histogram.resize(self.size, Sums::default());
        self.sparse.sum(leaf, &mut histogram);
        for (at, (column, &offset)) in self.columns[self.mine.clone()].iter().zip(&self.offsets).enumerate() {
            if self.sparse.usual[at].is_some() {
                continue;
            }
            let sums = &mut histogram[offset..=offset + column.count()];
            let missing = column.count();
            let bins = &column.bins[..];
            let rows = leaf.rows.iter().zip(leaf.gradients.iter());
            if column.has_missing {
                rows.for_each(|(&row, &gradient)| {
                    let bin = bins[row as usize];
                    sums[if bin == MISSING { missing } else { usize::from(bin) }].add(gradient);
                })
            } else {
                rows.for_each(|(&row, &gradient)| sums[usize::from(bins[row as usize])].add(gradient))
            }
        }
        histogram
    }

    /// The best split of a leaf over my columns. Of equals the first column, then the lowest bin wins.
    fn best(&self, leaf: usize, total: Sums) -> Option<Split> {
        if total.rows < 2 * self.limits.min_rows {
            return None;
        }
        let mut best: Option<Split> = None;
        for (at, &offset) in self.offsets.iter().enumerate() {
            let column = self.mine.start + at;
            let count = self.columns[column].count();
            let sums = &self.histograms[leaf][offset..offset + count];
            let missing = self.histograms[leaf][offset + count];
            self.scan(column, sums, missing, total, &mut best);
        }
        best
    }

    fn scan(&self, column: usize, sums: &[Sums], missing: Sums, total: Sums, best: &mut Option<Split>) {
        let base = total.score(self.limits.l2);
        let mut offer = |bin: usize, left: Sums, missing_left: Option<bool>| {
            let right = total.minus(left);
            if left.rows.min(right.rows) < self.limits.min_rows || left.curve.min(right.curve) < self.limits.min_curve {
                return;
            }
            let gain = left.score(self.limits.l2) + right.score(self.limits.l2) - base;
            if gain > best.as_ref().map_or(1e-9 * base.abs().max(1e-9), |best| best.gain) {
                // Where no value was missing, later ones go with the larger part.
                let missing_left = missing_left.unwrap_or(left.rows > right.rows);
                *best = Some(Split { column, bin: bin as u8, missing_left, gain, left, right });
            }
        };
        let mut left = Sums::default();
        for (bin, &here) in sums.iter().enumerate() {
            left = left.plus(here);
            let is_last = bin + 1 == sums.len();
            if missing.rows == 0 {
                if !is_last && here.rows > 0 {
                    offer(bin, left, None);
                }
                continue;
            }
            if here.rows > 0 || is_last {
                offer(bin, left, Some(false));
                if !is_last {
                    offer(bin, left.plus(missing), Some(true));
                }
            }
        }
    }
}

/// Columns that are nearly always in one bin: by row, where the others are.
#[derive(Default)]
struct Sparse {
    /// By column of the worker: its usual bin, if it is sparse.
    usual: Vec<Option<usize>>,
    /// By sparse column: its bins in a histogram, and the usual one among them.
    spans: Vec<(Range<usize>, usize)>,
    /// Row `r` adds to the bins `entries[ends[r]..ends[r + 1]]` of a histogram.
    ends: Vec<usize>,
    entries: Vec<u32>,
}

impl Sparse {
    fn new(columns: &[Column], offsets: &[usize]) -> Self {
        let mut sparse = Self { usual: columns.iter().map(usual_bin).collect(), ..Self::default() };
        let rows = columns.first().map_or(0, |column| column.bins.len());
        let mut counts = vec![0usize; rows + 1];
        let chosen: Vec<(&Column, usize, usize)> = columns
            .iter()
            .zip(offsets)
            .zip(&sparse.usual)
            .filter_map(|((column, &offset), usual)| Some((column, offset, (*usual)?)))
            .collect();
        for &(column, offset, usual) in &chosen {
            sparse.spans.push((offset..offset + column.count() + 1, offset + usual));
            let unusual = column.bins.iter().enumerate().filter(|(_, bin)| column.slot(**bin) != usual);
            unusual.for_each(|(row, _)| counts[row + 1] += 1);
        }
        for row in 0..rows {
            counts[row + 1] += counts[row];
        }
        sparse.entries = vec![0; counts[rows]];
        let mut next = counts.clone();
        for &(column, offset, usual) in &chosen {
            for (row, &bin) in column.bins.iter().enumerate() {
                let slot = column.slot(bin);
                if slot != usual {
                    sparse.entries[next[row]] = (offset + slot) as u32;
                    next[row] += 1;
                }
            }
        }
        sparse.ends = counts;
        sparse
    }

    fn sum(&self, leaf: &LeafRows, histogram: &mut [Sums]) {
        if self.spans.is_empty() {
            return;
        }
        let mut total = Sums::default();
        for (&row, &gradient) in leaf.rows.iter().zip(leaf.gradients.iter()) {
            total.add(gradient);
            let row = row as usize;
            let entries = &self.entries[self.ends[row]..self.ends[row + 1]];
            entries.iter().for_each(|&at| histogram[at as usize].add(gradient));
        }
        for (span, usual) in &self.spans {
            let others = histogram[span.clone()].iter().fold(Sums::default(), |sum, &bin| sum.plus(bin));
            histogram[*usual] = total.minus(others);
        }
    }
}

/// The bin (the missing one behind the others) of nearly all rows.
fn usual_bin(column: &Column) -> Option<usize> {
    let mut counts = vec![0usize; column.count() + 1];
    column.bins.iter().for_each(|&bin| counts[column.slot(bin)] += 1);
    let (bin, &count) = counts.iter().enumerate().max_by_key(|(_, count)| **count)?;
    (count as f64 >= SPARSE_SHARE * column.bins.len() as f64).then_some(bin)
}
