//! What a picture of a column needs: the same bins, or the same categories, for both tables.

use crate::drift::{CategoricalCounts, CategoricalReference, NumericCounts, NumericReference};
use crate::profile::{ColumnProfile, ReferenceDistribution};
use serde::{Deserialize, Serialize};

/// Bars of a histogram.
const BARS: usize = 24;
/// Categories that stand by name.
const NAMED: usize = 10;
/// Share left out at either end, so that a few extremes do not flatten the rest.
const CUT: f64 = 0.005;

/// Shares of the two tables, bar by bar.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChartData {
    /// Bars of equal width; the first and the last hold what lies beyond them too.
    Histogram {
        /// One more than there are bars, ascending.
        edges: Vec<f64>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current table.
        current: Vec<f64>,
    },
    /// Categories by their larger share, then the others together, then those that the reference never had.
    Categories {
        /// As they are called.
        names: Vec<String>,
        /// Shares of the reference.
        reference: Vec<f64>,
        /// Shares of the current table.
        current: Vec<f64>,
    },
}

impl ChartData {
    /// The picture of one table's column, both sides the same; `None` for columns that are not compared by values.
    pub fn of(profile: &ColumnProfile) -> Option<ChartData> {
        match profile.reference.as_ref()? {
            ReferenceDistribution::Numeric(reference) => histogram(reference, reference.counts()),
            ReferenceDistribution::Categorical(reference) => Some(categories(reference, reference.counts())),
        }
    }
}

/// The histogram of numbers; `None` when all are one value.
pub(super) fn histogram(reference: &NumericReference, current: &NumericCounts) -> Option<ChartData> {
    let own = reference.counts();
    let (low, high) = (quantile(reference, own, CUT), quantile(reference, own, 1.0 - CUT));
    let (low, high) = match current.values() {
        0 => (low, high),
        _ => {
            let (a, b) = (quantile(reference, current, CUT), quantile(reference, current, 1.0 - CUT));
            (low.min(a), high.max(b))
        }
    };
    let width = (high - low) / BARS as f64;
    if !(width > 0.0 && width.is_finite()) {
        return None;
    }
    let edges: Vec<f64> = (0..=BARS).map(|at| low + width * at as f64).collect();
    let shares = |counts: &NumericCounts| {
        let mut before = 0.0;
        (1..=BARS)
            .map(|at| {
                let up_to = if at == BARS { 1.0 } else { reference.share_up_to(counts, edges[at]) };
                let share = (up_to - before).max(0.0);
                before = up_to;
                share
            })
            .collect()
    };
    let (own, current) = (shares(own), shares(current));
    // Bins of whole numbers that doubles would round lie about their origin; bars that share both ends show nothing.
    let edges: Vec<f64> = edges.iter().map(|edge| edge + reference.origin() as f64).collect();
    (edges[0] < edges[BARS]).then_some(ChartData::Histogram { reference: own, current, edges })
}

/// The place at which the share `p` is reached, by halving.
fn quantile(reference: &NumericReference, counts: &NumericCounts, p: f64) -> f64 {
    let Ok((mut low, mut high)) = counts.moments.range() else { return 0.0 };
    for _ in 0..60 {
        let middle = low + (high - low) * 0.5;
        if reference.share_up_to(counts, middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The bars of categories.
pub(super) fn categories(reference: &CategoricalReference, current: &CategoricalCounts) -> ChartData {
    let own = reference.counts();
    let share = |count: u64, of: u64| if of == 0 { 0.0 } else { count as f64 / of as f64 };
    let mut bars: Vec<(String, f64, f64)> = reference
        .values()
        .iter()
        .zip(own.counts().iter().zip(current.counts()))
        .map(|(name, (a, b))| (name.clone(), share(*a, own.values()), share(*b, current.values())))
        .collect();
    bars.sort_by(|a, b| b.1.max(b.2).total_cmp(&a.1.max(a.2)));
    let rest = bars.split_off(bars.len().min(NAMED));
    let other = (
        rest.iter().map(|bar| bar.1).sum::<f64>() + share(own.other, own.values()),
        rest.iter().map(|bar| bar.2).sum::<f64>() + share(current.other, current.values()),
    );
    if other.0 + other.1 > 0.0 {
        bars.push(("(other)".to_owned(), other.0, other.1));
    }
    if current.unseen > 0 {
        bars.push(("(unseen)".to_owned(), 0.0, share(current.unseen, current.values())));
    }
    ChartData::Categories {
        reference: bars.iter().map(|bar| bar.1).collect(),
        current: bars.iter().map(|bar| bar.2).collect(),
        names: bars.into_iter().map(|bar| bar.0).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_of_either_table_add_up_to_one() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(i * i % 977)).collect();
        let reference = NumericReference::of(&values).unwrap();
        let window = reference.count(&values.iter().map(|x| x * 1.5).collect::<Vec<_>>());
        let Some(ChartData::Histogram { edges, reference, current }) = histogram(&reference, &window) else {
            panic!("no histogram")
        };
        assert_eq!((edges.len(), reference.len(), current.len()), (BARS + 1, BARS, BARS));
        let sum = |shares: &[f64]| shares.iter().sum::<f64>();
        assert!((sum(&reference) - 1.0).abs() < 1e-12 && (sum(&current) - 1.0).abs() < 1e-12);
        // Uniform on 0..977 against uniform on 0..1465: about 1.5 to 1 where both are.
        assert!((reference[5] / current[5] - 1.5).abs() < 0.2, "{reference:?} {current:?}");
    }

    #[test]
    fn a_constant_has_no_histogram_and_an_empty_window_an_empty_one() {
        let constant = NumericReference::of(&[3.0; 100]).unwrap();
        assert_eq!(histogram(&constant, &constant.count(&[3.0])), None);
        let reference = NumericReference::of(&[1.0, 2.0, 3.0]).unwrap();
        assert!(histogram(&reference, &reference.window()).is_some());
    }

    #[test]
    fn many_categories_are_drawn_as_ten_and_the_rest() {
        let names: Vec<String> = (0..40).map(|i| format!("c{i:02}")).collect();
        let reference = CategoricalReference::of(names.iter().map(|name| Some(name.as_str()))).unwrap();
        let window = reference.count([Some("c07"), Some("new")]);
        let ChartData::Categories { names, reference, current } = categories(&reference, &window) else { panic!() };
        assert_eq!((names.len(), names[0].as_str()), (12, "c07"));
        assert_eq!((current[0], current[11], names[11].as_str()), (0.5, 0.5, "(unseen)"));
        assert!((reference[10] - 0.75).abs() < 1e-12);
    }
}
