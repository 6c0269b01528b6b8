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

/// The histograms of some columns.
pub(super) struct Worker<'a> {
    columns: &'a [Column],
    mine: Range<usize>,
    /// Where each of my columns begins in a histogram; the last bin of a column is the missing one.
    offsets: Vec<usize>,
    size: usize,
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
        Self { columns, mine, offsets, size, limits, histograms: Vec::new(), spare: Vec::new() }
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
        for (column, &offset) in self.columns[self.mine.clone()].iter().zip(&self.offsets) {
            let sums = &mut histogram[offset..=offset + column.count()];
            let missing = column.count();
            let bins = &column.bins[..];
            let rows = leaf.rows.iter().zip(leaf.gradients.iter());
            match column.has_missing {
                false => rows.for_each(|(&row, &gradient)| sums[usize::from(bins[row as usize])].add(gradient)),
                true => rows.for_each(|(&row, &gradient)| {
                    let bin = bins[row as usize];
                    sums[if bin == MISSING { missing } else { usize::from(bin) }].add(gradient);
                }),
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
