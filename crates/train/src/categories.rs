//! Categories of a column: which are kept, which are one group, and in which order trees see them.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::table::Column;

use crate::{columns::is_missing, target::TargetValues};

/// Rows below which a category joins the group of rare ones.
const MIN_ROWS: usize = 5;
/// Rows of the overall mean that are mixed into a category's own: few rows must not order far out.
const PRIOR_ROWS: f64 = 10.0;

/// The categories that a model knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Categories {
    /// Kept categories, the most frequent first.
    pub kept: Vec<Arc<str>>,
    /// Whether rare ones were grouped: then unseen ones are taken as rare, else as missing.
    pub has_rare: bool,
    pub has_missing: bool,
}

impl Categories {
    /// Reads them off the training rows.
    pub fn of(column: &Column, most: usize) -> Self {
        let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
        let mut has_missing = false;
        for row in 0..column.len() {
            match column.label(row).filter(|_| !is_missing(column, row)) {
                Some(label) => *counts.entry(label).or_default() += 1,
                None => has_missing = true,
            }
        }
        let total = counts.len();
        let mut sorted: Vec<(Arc<str>, usize)> = counts.into_iter().collect();
        sorted.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        // With few categories even rare ones are worth a name of their own.
        let least = if total <= 3 { 1 } else { MIN_ROWS };
        let kept: Vec<Arc<str>> =
            sorted.into_iter().take(most).filter(|&(_, count)| count >= least).map(|(label, _)| label).collect();
        Self { has_rare: kept.len() < total, kept, has_missing }
    }

    /// Groups that rows fall into: the kept ones, then the rare one.
    pub fn groups(&self) -> usize {
        self.kept.len() + usize::from(self.has_rare)
    }

    /// The group of each row; `None` where the value is missing.
    pub fn groups_of(&self, column: &Column) -> Vec<Option<usize>> {
        let index: HashMap<&str, usize> = self.kept.iter().enumerate().map(|(at, label)| (&**label, at)).collect();
        let group = |row: usize| {
            let label = column.label(row).filter(|_| !is_missing(column, row))?;
            Some(index.get(&*label).copied().unwrap_or(self.kept.len()))
        };
        (0..column.len()).map(group).collect()
    }

    /// The rank of each group when ordered by what it says of the target. Trees can then part any such groups with one
    /// comparison (Fisher 1958 for two classes and numbers; Coppersmith et al. 1999 for more classes).
    pub fn ranks(&self, column: &Column, outcome: &TargetValues, weights: &[f64]) -> Vec<f32> {
        let groups = self.groups_of(column);
        let positions = match outcome {
            TargetValues::Values(values) => self.means(&groups, weights, |row| values[row]),
            TargetValues::Classes { of_row, count: 2 } => self.means(&groups, weights, |row| f64::from(of_row[row])),
            TargetValues::Classes { of_row, count } => {
                let shares: Vec<Vec<f64>> = (0..*count as u32)
                    .map(|class| self.means(&groups, weights, |row| f64::from(u8::from(of_row[row] == class))))
                    .collect();
                first_component(&shares, &self.sizes(&groups, weights))
            }
        };
        let mut order: Vec<usize> = (0..positions.len()).collect();
        order.sort_by(|&a, &b| positions[a].total_cmp(&positions[b]).then(a.cmp(&b)));
        let mut ranks = vec![0.0; order.len()];
        order.into_iter().enumerate().for_each(|(rank, group)| ranks[group] = rank as f32);
        ranks
    }

    fn sizes(&self, groups: &[Option<usize>], weights: &[f64]) -> Vec<f64> {
        let mut sizes = vec![0.0; self.groups()];
        groups.iter().zip(weights).for_each(|(group, weight)| {
            if let Some(group) = group {
                sizes[*group] += weight;
            }
        });
        sizes
    }

    /// Shrunken mean of `value` by group.
    fn means(&self, groups: &[Option<usize>], weights: &[f64], value: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut sums = vec![0.0; self.groups()];
        let (mut total, mut weight) = (0.0, 0.0);
        for (row, group) in groups.iter().enumerate() {
            let here = weights[row] * value(row);
            total += here;
            weight += weights[row];
            if let Some(group) = group {
                sums[*group] += here;
            }
        }
        let prior = total / weight.max(f64::MIN_POSITIVE);
        let sizes = self.sizes(groups, weights);
        sums.iter().zip(sizes).map(|(sum, size)| (sum + PRIOR_ROWS * prior) / (size + PRIOR_ROWS)).collect()
    }
}

/// Position of each group along the direction in which the class shares (class by group) vary most.
fn first_component(shares: &[Vec<f64>], sizes: &[f64]) -> Vec<f64> {
    let total: f64 = sizes.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let centred: Vec<Vec<f64>> = shares
        .iter()
        .map(|share| {
            let mean = share.iter().zip(sizes).map(|(share, size)| share * size).sum::<f64>() / total;
            share.iter().map(|share| share - mean).collect()
        })
        .collect();
    // Power iteration from a fixed start; the sign is set by the first class.
    let mut direction: Vec<f64> = (0..centred.len()).map(|class| 1.0 / (1.0 + class as f64)).collect();
    let project = |direction: &[f64], group: usize| -> f64 {
        centred.iter().zip(direction).map(|(share, weight)| share[group] * weight).sum()
    };
    for _ in 0..100 {
        let positions: Vec<f64> = (0..sizes.len()).map(|group| project(&direction, group) * sizes[group]).collect();
        let next: Vec<f64> =
            centred.iter().map(|share| share.iter().zip(&positions).map(|(a, b)| a * b).sum()).collect();
        let length = next.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length < 1e-300 {
            break;
        }
        direction = next.into_iter().map(|value| value / length).collect();
    }
    let sign = if direction.first().is_some_and(|&first| first < 0.0) { -1.0 } else { 1.0 };
    (0..sizes.len()).map(|group| sign * project(&direction, group)).collect()
}
