//! Where a model is worse than elsewhere: slices of one or two columns whose loss is surely larger than that of the rest.
//!
//! Invariants: columns are cut by the reference of the version, so that a slice means the same in a gate, in a window and on
//! held-out rows; the false discovery rate over all slices is [`DISCOVERY`].

use kilter_domain::table::Table;
use kilter_stats::{
    Estimate,
    root_cause::{SliceFeature, weak_slices},
};

use crate::{bins::Bins, reference::Reference};

/// Rows of a slice at least.
pub const MIN_ROWS: u64 = 100;
/// The false discovery rate of slices.
const DISCOVERY: f64 = 0.1;
/// Columns that slices are searched in.
const MAX_COLUMNS: usize = 30;

/// A column, cut, and the bin of it that a slice holds.
#[derive(Clone, Debug)]
struct Condition {
    column: String,
    bins: Bins,
    bin: u16,
}

/// Rows on which the loss is larger than on the rest.
#[derive(Clone, Debug)]
pub struct WeakSlice {
    conditions: Vec<Condition>,
    /// Rows of the slice.
    pub rows: u64,
    /// The mean loss per row.
    pub loss: f64,
    /// By how much it is larger than on the rest.
    pub excess: Estimate,
    /// Evidence that the loss is larger here, as an e-value: 20 is like p = 0.05.
    pub e_value: f64,
}

impl WeakSlice {
    /// Its conditions, for a person: `age > 51 and region = north`.
    pub fn description(&self) -> String {
        let words = self.conditions.iter().map(|condition| condition.bins.describe(&condition.column, condition.bin));
        words.collect::<Vec<_>>().join(" and ")
    }

    /// Which rows of a table it holds; `None` where the table lacks one of its columns.
    pub fn contains(&self, table: &Table) -> Option<Vec<bool>> {
        let mut inside = vec![true; table.rows()];
        for Condition { column, bins, bin } in &self.conditions {
            let placed = bins.place(table.get(column)?)?;
            inside.iter_mut().zip(placed).for_each(|(inside, placed)| *inside &= placed == *bin);
        }
        Some(inside)
    }
}

/// The weak slices of rows of a table, worst first. `losses` has one value for each of `rows`. Columns without a reference,
/// or of another kind than theirs, are passed over; `None` where the losses say nothing.
pub fn find_weak_slices<'n>(
    table: &Table,
    rows: &[usize],
    losses: &[f64],
    columns: impl Iterator<Item = &'n str>,
    reference: &Reference,
) -> Option<Vec<WeakSlice>> {
    let place = |name: &'n str| {
        let bins = Bins::of(reference.columns.get(name)?);
        let placed = bins.place(&table.get(name)?.take(rows))?;
        Some((name, bins, placed))
    };
    let placed: Vec<(&str, Bins, Vec<u16>)> = columns.filter_map(place).take(MAX_COLUMNS).collect();
    let features: Vec<SliceFeature> =
        placed.iter().map(|(_, bins, bin)| SliceFeature { bin, bins: bins.count() }).collect();
    let found = weak_slices(losses, &features, MIN_ROWS, DISCOVERY).ok()?;
    let slice = |slice: kilter_stats::root_cause::Slice| WeakSlice {
        conditions: slice
            .conditions
            .iter()
            .map(|(at, bin)| Condition { column: placed[*at].0.to_owned(), bins: placed[*at].1.clone(), bin: *bin })
            .collect(),
        rows: slice.rows,
        loss: slice.loss,
        excess: slice.excess,
        e_value: slice.e_value,
    };
    Some(found.into_iter().map(slice).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kilter_domain::table::Column;

    use super::*;

    #[test]
    fn the_region_that_fails_is_found_and_described_and_its_rows_are_known() {
        let region = |row: usize| Some(Arc::from(["north", "south", "west", "east"][row % 4]));
        let rows: Vec<usize> = (0..2_000).collect();
        let columns = vec![
            ("region".to_owned(), Column::Text(rows.iter().map(|row| region(*row)).collect())),
            ("noise".to_owned(), Column::Float(rows.iter().map(|row| (row * 7 % 13) as f64).collect())),
        ];
        let table = Table::new(columns).unwrap();
        let reference = Reference::of(&table, |_| true);
        let losses: Vec<f64> =
            rows.iter().map(|row| if row % 4 == 1 { 1.0 } else { 0.1 } + (row % 10) as f64 / 100.0).collect();
        let found = find_weak_slices(&table, &rows, &losses, ["region", "noise"].into_iter(), &reference).unwrap();
        let worst = &found[0];
        assert_eq!((worst.description().as_str(), worst.rows), ("region = south", 500));
        assert!(worst.loss > 1.0 && worst.excess.low > 0.5, "{worst:?}");
        let inside = worst.contains(&table).unwrap();
        assert_eq!(inside.iter().filter(|inside| **inside).count(), 500);
        assert!(inside[1] && !inside[0]);
        assert!(worst.contains(&table.select(|name| name == "noise")).is_none());
    }
}
