//! What a model answered on its held-out rows, as the reference of a version remembers it.

use kilter_domain::table::{Column, Table};

use kilter_evaluation::{
    column_view::ReferenceTimes,
    gate_metrics::Predictions,
    labelled_predictions::LabelledPredictions,
    reference::{LOSS, PREDICTION, Reference, SCORE},
};

use crate::{
    dataset::column_roles::{ColumnRoles, RolesError},
    project::folder::Project,
};

/// Answers of a model on its held-out rows.
pub struct HeldOutAnswers<'a> {
    /// The scores of the rows.
    pub scored: &'a Predictions,
    /// Those of the rows that have a label, beside it.
    pub outcomes: &'a LabelledPredictions,
    /// The held-out rows.
    pub rows: &'a Table,
}

impl HeldOutAnswers<'_> {
    /// Adds to a reference the seasons of its columns, and how much its windows differ by themselves, where the rows have
    /// a clock. Blocks are no longer than the windows that the project's monitor will read.
    pub fn with_times(
        &self,
        reference: Reference,
        project: &Project,
        roles: &ColumnRoles,
        trained_on: &Table,
    ) -> Result<Reference, RolesError> {
        let has_clock = |table: &Table| roles.time.as_deref().is_some_and(|time| table.get(time).is_some());
        if !has_clock(trained_on) || !has_clock(self.rows) {
            return Ok(reference);
        }
        let (events, scored) = (roles.event_times(trained_on)?, roles.event_times(self.rows)?);
        let every = project.contract.monitor.as_ref().map(|monitor| monitor.every);
        let labelled = self.outcomes.rows.iter().map(|row| scored[*row]).collect();
        let scores = Column::Float(self.scored.scores.clone());
        let mut answers =
            vec![(LOSS, Column::Float(self.outcomes.losses()), labelled), (SCORE, scores, scored.clone())];
        if let Some(labels) = self.scored.labels.as_ref() {
            answers.push((PREDICTION, Column::Text(labels.iter().cloned().map(Some).collect()), scored));
        }
        let times = ReferenceTimes { events: &events, every, ..ReferenceTimes::default() };
        Ok(reference.with_times(trained_on, times, &answers))
    }
}
