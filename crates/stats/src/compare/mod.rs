//! Two tables beside each other: which columns changed, by how much, how surely, and in which order to look at them.
//!
//! Invariants: a distance is judged after its expectation without drift was taken off, at the thresholds of the
//! monitoring page; it gets a level only where a test supports it, after Benjamini and Hochberg's correction for the number
//! of columns; missing, infinite, unseen and out-of-range values are rates with evidence of their own. A column with
//! fewer than 50 values in either table is too thin for a distance. Out of scope: time; evidence that adds up over windows is
//! `sequential`.

mod chart_data;
mod column;
mod level;
mod range;
mod table;

pub use self::level::{Level, benjamini_hochberg};
pub use chart_data::ChartData;
pub use column::{ColumnDrift, ColumnRate, CurrentColumn, EVIDENCE, MIN_ROWS, ReadingKind, RowCounts};
pub use table::{SchemaChange, TableDrift};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_p_values_agree_with_scipy() {
        // scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.005, 0.5])
        let got = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (got, want) in got.iter().zip([0.025, 0.05, 0.05, 0.025, 0.5]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }
}
