//! The reference of a version: how its columns and its score looked when it was made, frozen for the monitors.
//!
//! Invariants: needs no raw row afterwards; a numeric column with at most twenty distinct values is compared by
//! category; identifiers (texts that are mostly unique) and times are not compared, because they always differ.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    table::{Column, Table},
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use kilter_stats::{
    MetricResult,
    drift::{CategoricalCounts, CategoricalReference, Distance, Measure, NumericCounts, NumericReference},
    performance::Labelled,
    performance_estimation::Calibration,
    profile::ReferenceDistribution,
};
use serde::{Deserialize, Serialize};

use super::{season::SeasonalColumns, variation::ReferenceVariation};
use crate::labelled_predictions::{LabelledPredictions, class_name};

/// Distinct values up to which a number is a category.
const CATEGORY_VALUES: usize = 20;

/// The name of the score among the columns of a reference.
pub const SCORE: &str = "score";

/// The name of the predicted class among the answers of a reference.
pub const PREDICTION: &str = "prediction";

/// The name of the loss of labelled rows among the answers of a reference.
pub const LOSS: &str = "loss";

/// The frozen reference of one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnReference {
    Numeric(NumericReference),
    Categorical(CategoricalReference),
}

/// A window of a column, counted by its reference.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnCounts {
    Numeric(NumericCounts),
    Categorical(CategoricalCounts),
}

/// How the data of a version looked: its features and, under [`SCORE`], its answers on rows it was not trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub rows: u64,
    pub columns: BTreeMap<String, ColumnReference>,
    /// What the model answered on held-out rows besides the score: [`PREDICTION`] and [`LOSS`].
    #[serde(default)]
    pub answers: BTreeMap<String, ColumnReference>,
    /// The same by season, where that matters.
    #[serde(default)]
    pub season: Option<SeasonalColumns>,
    /// How far windows of the reference itself lie from it; none where its rows have no clock.
    #[serde(default)]
    pub variation: Option<ReferenceVariation>,
    /// The months of the year that its rows are of; none where the rows have no clock.
    #[serde(default, skip_serializing_if = "Months::is_empty")]
    pub months: Months,
    /// How scores of a binary model mean probabilities, learned on the held-out rows; for estimates before labels.
    pub calibration: Option<Calibration>,
}

/// Months of the year, as bits from January on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Months(u16);

impl Months {
    /// Those in which something happened.
    pub fn of(events: &[Timestamp]) -> Self {
        Self(events.iter().fold(0, |months, event| months | 1 << month_of(*event).rem_euclid(12)))
    }

    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// The name of the month of most of `events` where no row was of it before; `None` also where no month is known.
    pub fn first_seen(self, events: &[Timestamp]) -> Option<String> {
        let mut rows = [0_usize; 12];
        let of_year = |event: &Timestamp| month_of(*event).rem_euclid(12) as usize;
        // Rows of a day follow each other: a date is worked out once for each run of them.
        let (mut day, mut month) = (i64::MIN, 0);
        for event in events {
            let of_event = event.millis().div_euclid(DAY_MS);
            if of_event != day {
                (day, month) = (of_event, of_year(event));
            }
            rows[month] += 1;
        }
        let most = rows.iter().max().copied()?;
        let most = events.iter().rev().find(|event| rows[of_year(event)] == most)?;
        let is_new = !self.is_empty() && self.0 >> of_year(most) & 1 == 0;
        is_new.then(|| most.civil().strftime("%B").to_string())
    }
}

/// Hours since a Monday 00:00 UTC.
pub(super) fn hour_of(event: Timestamp) -> i64 {
    // The epoch began on a Thursday.
    event.millis().div_euclid(HOUR_MS) + 72
}

/// Months since January of the year 0.
pub(super) fn month_of(event: Timestamp) -> i64 {
    let date = event.civil().date();
    12 * i64::from(date.year()) + i64::from(date.month()) - 1
}

impl Reference {
    /// Freezes the columns for which `keep` says yes. Columns without a single value have no reference.
    pub fn of(table: &Table, keep: impl Fn(&str) -> bool) -> Self {
        let columns = table
            .columns()
            .filter(|(name, _)| keep(name))
            .filter_map(|(name, column)| Some((name.to_owned(), ColumnReference::of(column)?)))
            .collect();
        Self { rows: table.rows() as u64, columns, ..Self::default() }
    }

    /// Adds the predicted classes of held-out rows; for a binary model the score says more.
    pub fn with_predictions(mut self, predicted: Option<&[Arc<str>]>) -> Self {
        if let Some(predicted) = predicted
            && let Ok(reference) = CategoricalReference::of(predicted.iter().map(|label| Some(&**label)))
        {
            self.answers.insert(PREDICTION.to_owned(), ColumnReference::Categorical(reference));
        }
        self
    }

    /// Adds the losses of labelled held-out rows.
    pub fn with_losses(mut self, losses: &[f64]) -> Self {
        if let Ok(reference) = NumericReference::of(losses) {
            self.answers.insert(LOSS.to_owned(), ColumnReference::Numeric(reference));
        }
        self
    }

    /// Adds the reference of the score.
    pub fn with_score(mut self, scores: &[f64]) -> Self {
        if let Ok(reference) = NumericReference::of(scores) {
            self.columns.insert(SCORE.to_owned(), ColumnReference::Numeric(reference));
        }
        self
    }

    /// Adds the calibration of a binary model from its labelled held-out rows.
    pub fn with_calibration(mut self, held_out: &LabelledPredictions) -> Self {
        if let Ok(Labelled::Binary(rows)) = held_out.labelled() {
            self.calibration = Calibration::fit(&rows).ok();
        }
        self
    }
}

impl ColumnReference {
    /// The reference of a column, or `None` when it cannot be compared.
    pub fn of(column: &Column) -> Option<Self> {
        match column {
            Column::Time(_) => None,
            Column::Text(values) => {
                let reference = CategoricalReference::of(values.iter().map(|value| value.as_deref())).ok()?;
                let known = values.iter().flatten().count();
                let is_identifier = known > 2 * CATEGORY_VALUES && 2 * distinct_up_to(column, known / 2 + 1) > known;
                (!is_identifier).then_some(Self::Categorical(reference))
            }
            _ if distinct_up_to(column, CATEGORY_VALUES + 1) <= CATEGORY_VALUES => {
                let labels = labels(column);
                CategoricalReference::of(labels.iter().map(Option::as_deref)).ok().map(Self::Categorical)
            }
            _ => numeric(column).map(Self::Numeric),
        }
    }

    /// Counts a window of the same column.
    pub fn count(&self, column: &Column) -> Option<ColumnCounts> {
        Some(match self {
            Self::Numeric(reference) => ColumnCounts::Numeric(match column {
                Column::Int(values) => reference.count_wholes(values),
                _ => reference.count(&column.numbers()?),
            }),
            Self::Categorical(reference) => {
                let labels = labels(column);
                ColumnCounts::Categorical(reference.count(labels.iter().map(Option::as_deref)))
            }
        })
    }

    /// The same for a profile.
    pub fn frozen(&self) -> ReferenceDistribution {
        match self {
            Self::Numeric(reference) => ReferenceDistribution::Numeric(reference.clone()),
            Self::Categorical(reference) => ReferenceDistribution::Categorical(reference.clone()),
        }
    }

    /// The distance of a window from this reference.
    pub fn distance(&self, window: &ColumnCounts, measure: Measure) -> MetricResult<Distance> {
        match (self, window) {
            (Self::Numeric(reference), ColumnCounts::Numeric(window)) => reference.distance(window, measure),
            (Self::Categorical(reference), ColumnCounts::Categorical(window)) => reference.distance(window, measure),
            _ => Err(kilter_stats::Unmeasured::bad_input("column", "the window was counted by another reference")),
        }
    }

    /// The measure that leads for this kind of column.
    pub fn headline(&self) -> Measure {
        match self {
            Self::Numeric(_) => Measure::NUMERIC[0],
            Self::Categorical(_) => Measure::CATEGORICAL[0],
        }
    }

    /// Rows of the reference, with or without a value.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Numeric(reference) => reference.counts().rows,
            Self::Categorical(reference) => reference.counts().rows,
        }
    }

    /// Share of the reference's rows without a value.
    pub fn missing_share(&self) -> f64 {
        let missing = match self {
            Self::Numeric(reference) => reference.counts().missing,
            Self::Categorical(reference) => reference.counts().missing,
        };
        if self.rows() == 0 { 0.0 } else { missing as f64 / self.rows() as f64 }
    }
}

impl ColumnCounts {
    pub fn rows(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.rows,
            Self::Categorical(counts) => counts.rows,
        }
    }

    pub fn missing(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.missing,
            Self::Categorical(counts) => counts.missing,
        }
    }

    /// Rows with a value that the reference never had: another category, or outside of its range.
    pub fn strange(&self) -> u64 {
        match self {
            Self::Numeric(counts) => counts.below + counts.above + counts.infinite,
            Self::Categorical(counts) => counts.unseen,
        }
    }
}

/// The reference of a column of numbers. Whole numbers of which some lie beyond 2^53 stay whole.
fn numeric(column: &Column) -> Option<NumericReference> {
    let reference = match column {
        Column::Int(values) if values.iter().flatten().any(|value| value.unsigned_abs() > 1 << 53) => {
            NumericReference::of_wholes(values, None)
        }
        _ => NumericReference::of(&column.numbers()?),
    };
    reference.ok()
}

pub(super) fn labels(column: &Column) -> Vec<Option<Arc<str>>> {
    (0..column.len()).map(|row| class_name(column, row)).collect()
}

/// The number of distinct values, counted no further than `limit`.
fn distinct_up_to(column: &Column, limit: usize) -> usize {
    let mut seen = std::collections::HashSet::new();
    for row in 0..column.len() {
        let is_new = match column {
            Column::Text(values) => values[row].as_deref().is_some_and(|text| seen.insert(hash(text.as_bytes()))),
            _ if column.is_missing(row) => false,
            Column::Int(values) => values[row].is_some_and(|value| seen.insert(value as u64)),
            _ => seen.insert(column.number(row).to_bits()),
        };
        if is_new && seen.len() >= limit {
            break;
        }
    }
    seen.len()
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(values: impl Iterator<Item = i64>) -> Column {
        Column::Int(values.map(Some).collect())
    }

    #[test]
    fn few_values_are_categories_many_are_numbers() {
        assert!(matches!(ColumnReference::of(&ints((0..100).map(|i| i % 5))), Some(ColumnReference::Categorical(_))));
        assert!(matches!(ColumnReference::of(&ints(0..100)), Some(ColumnReference::Numeric(_))));
        let ids = Column::Text((0..100).map(|i| Some(Arc::from(format!("id{i}")))).collect());
        assert!(ColumnReference::of(&ids).is_none());
        assert!(ColumnReference::of(&Column::Float(vec![f64::NAN])).is_none());
    }

    #[test]
    fn a_shifted_window_is_far_and_strange() {
        let reference = ColumnReference::of(&ints(0..1000)).unwrap();
        let window = reference.count(&ints(500..1500)).unwrap();
        assert!(reference.distance(&window, Measure::Psi).unwrap().value > 0.25);
        assert_eq!(window.strange(), 500);
        let same = reference.count(&ints(0..1000)).unwrap();
        assert!(reference.distance(&same, Measure::Psi).unwrap().effect < 0.01);
    }

    #[test]
    fn a_reference_survives_its_json() {
        let table =
            Table::new(vec![("x".into(), ints(0..500)), ("t".into(), Column::Time(vec![Some(1); 500]))]).unwrap();
        let reference = Reference::of(&table, |_| true).with_score(&[0.1, 0.9, 0.4]);
        let text = serde_json::to_string(&reference).unwrap();
        assert_eq!(serde_json::from_str::<Reference>(&text).unwrap(), reference);
        assert_eq!(reference.columns.keys().collect::<Vec<_>>(), ["score", "x"]);
    }
}
