//! The reference of a version: how its columns and its score looked when it was made, frozen for the monitors.
//!
//! Invariant: it needs no raw row afterwards.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::table::Table;
use kilter_stats::{
    drift::{CategoricalReference, NumericReference},
    performance::Labelled,
    performance_estimation::Calibration,
};
use serde::{Deserialize, Serialize};

use crate::{
    column_reference::ColumnReference, event_time::Months, labelled_predictions::LabelledPredictions,
    season::SeasonalColumns, variation::ReferenceVariation,
};

/// The name of the score among the columns of a reference.
pub const SCORE: &str = "score";

/// The name of the predicted class among the answers of a reference.
pub const PREDICTION: &str = "prediction";

/// The name of the loss of labelled rows among the answers of a reference.
pub const LOSS: &str = "loss";

/// How the data of a version looked: its features and, under [`SCORE`], its answers on rows it was not trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Rows of the table that it was made of.
    pub rows: u64,
    /// The features, and under [`SCORE`] the score, by name.
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

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;

    use super::*;

    fn ints(values: impl Iterator<Item = i64>) -> Column {
        Column::Int(values.map(Some).collect())
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
