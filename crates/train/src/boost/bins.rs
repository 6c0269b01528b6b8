//! Columns cut into at most 255 bins, so that a split is found by looking at bins instead of values.
//!
//! Invariants: a value lies in bin `b` exactly when it is `<= cuts[b]` and `> cuts[b - 1]`, as float32. A split after
//! bin `b` is therefore the comparison `x <= cuts[b]` in the exported tree, on training rows and on all others.

use kilter_inference::Matrix;

/// The bin of missing values.
pub(super) const MISSING: u8 = 255;

/// The most bins of a column, the missing one apart.
const MAX_BINS: usize = 255;

/// Rows looked at to choose the cuts.
const SAMPLE: usize = 200_000;

/// One column in bins.
#[derive(Debug)]
pub(super) struct Column {
    pub bins: Vec<u8>,
    /// Upper ends of all bins but the last.
    pub cuts: Vec<f32>,
    pub has_missing: bool,
}

impl Column {
    pub fn new(values: &[f32]) -> Self {
        let cuts = cuts(values);
        let bin = |&value: &f32| if value.is_nan() { MISSING } else { cuts.partition_point(|&cut| cut < value) as u8 };
        let bins: Vec<u8> = values.iter().map(bin).collect();
        Self { has_missing: bins.contains(&MISSING), bins, cuts }
    }

    /// Where a bin stands in a histogram: the missing one behind the others.
    pub fn slot(&self, bin: u8) -> usize {
        if bin == MISSING { self.count() } else { usize::from(bin) }
    }

    /// Bins of present values.
    pub fn count(&self) -> usize {
        self.cuts.len() + 1
    }
}

/// All columns of `matrix`; `threads` share the work.
pub(super) fn columns(matrix: &Matrix, threads: usize) -> Vec<Column> {
    let width = matrix.columns();
    let share = width.div_ceil(threads.max(1)).max(1);
    let make = |range: std::ops::Range<usize>| range.map(|column| Column::new(&values(matrix, column))).collect();
    let ranges = (0..width).step_by(share).map(|start| start..width.min(start + share));
    std::thread::scope(|scope| {
        let workers: Vec<_> = ranges.map(|range| scope.spawn(move || -> Vec<Column> { make(range) })).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("binning does not panic")).collect()
    })
}

fn values(matrix: &Matrix, column: usize) -> Vec<f32> {
    match matrix {
        Matrix::Dense { columns, data } => data.iter().skip(column).step_by(*columns).copied().collect(),
        Matrix::Sparse { ends, entries, .. } => {
            let mut values = vec![0.0; ends.len()];
            let mut start = 0;
            for (row, &end) in ends.iter().enumerate() {
                let found = entries[start..end].binary_search_by_key(&(column as u32), |entry| entry.0);
                values[row] = found.map_or(0.0, |at| entries[start + at].1);
                start = end;
            }
            values
        }
    }
}

/// Ascending cuts between bins: between all distinct values where there are few, else at quantiles.
fn cuts(values: &[f32]) -> Vec<f32> {
    let stride = values.len().div_ceil(SAMPLE).max(1);
    let mut sorted: Vec<f32> = values.iter().step_by(stride).copied().filter(|value| !value.is_nan()).collect();
    // Adding zero makes -0 and 0 one value.
    sorted.iter_mut().for_each(|value| *value += 0.0);
    sorted.sort_unstable_by(f32::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let mut cuts: Vec<f32> = if distinct.len() <= MAX_BINS {
        distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect()
    } else {
        (1..MAX_BINS).map(|at| quantile_cut(&sorted, at * sorted.len() / MAX_BINS)).collect()
    };
    cuts.dedup();
    // A cut at or above the largest value leaves nothing on its other side.
    let largest = distinct.last().copied().unwrap_or(f32::NAN);
    cuts.retain(|&cut| cut < largest);
    cuts
}

/// A cut between the value at `at` and the next larger one.
fn quantile_cut(sorted: &[f32], at: usize) -> f32 {
    let low = sorted[at];
    let next = sorted.partition_point(|&value| value <= low);
    sorted.get(next).map_or(low, |&high| between(low, high))
}

/// A float `t` with `low <= t < high`, near the middle.
fn between(low: f32, high: f32) -> f32 {
    let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f32]) {
        let column = Column::new(values);
        assert!(column.count() <= MAX_BINS);
        assert!(column.cuts.is_sorted_by(|a, b| a < b), "{:?}", column.cuts);
        for (&value, &bin) in values.iter().zip(&column.bins) {
            if value.is_nan() {
                assert_eq!(bin, MISSING);
                continue;
            }
            for (cut_at, &cut) in column.cuts.iter().enumerate() {
                assert_eq!(value <= cut, usize::from(bin) <= cut_at, "{value} {cut}");
            }
        }
    }

    #[test]
    fn a_bin_and_its_threshold_say_the_same_of_every_value() {
        check(&[]);
        check(&[f32::NAN, f32::NAN]);
        check(&[1.0, 1.0, 1.0]);
        check(&[0.0, -0.0, f32::MIN_POSITIVE, -f32::MIN_POSITIVE]);
        check(&[f32::NEG_INFINITY, -1.0, f32::MAX, f32::INFINITY, f32::NAN]);
        check(&[1.0, 1.0f32.next_up(), 1.0f32.next_up().next_up()]);
        check(&(0..5_000).map(|i| ((i * 7919) % 5_003) as f32 / 7.0).collect::<Vec<_>>());
        let mut skewed = vec![0.0; 3_000];
        skewed.extend((0..600).map(|i| i as f32));
        check(&skewed);
    }

    #[test]
    fn distinct_values_get_bins_of_their_own() {
        let column = Column::new(&[3.0, 1.0, 2.0, 1.0]);
        assert_eq!((column.cuts, column.bins), (vec![1.5, 2.5], vec![2, 0, 1, 0]));
    }
}
