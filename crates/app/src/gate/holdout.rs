//! The rows that gates are measured on, as the candidate answers them.
//!
//! Invariants: a row that the model refuses is left out and counted, as an endpoint answers every row but that; what it
//! refuses of every row is an error.

use kilter_domain::table::Table;
use kilter_evaluation::gate_metrics::Predictions;
use kilter_inference::{Model, PredictError, Task};

use crate::{
    causes::ScoringError,
    dataset::column_roles::ColumnRoles,
    gate::{GateError, threshold_choice},
    prediction::bisect::by_halves,
    project::folder::Project,
};

/// Held-out rows and what a model answers on them.
pub(crate) struct HeldOut {
    pub rows: Table,
    pub scored: Predictions,
    /// Rows that the model refuses; they are not among `rows`.
    pub unfit: Option<RejectedRows>,
}

/// Rows that a model refuses for their own sake.
#[derive(Debug, PartialEq)]
pub(crate) struct RejectedRows {
    pub count: usize,
    /// Why the first of them is refused, by its number in the table.
    pub first: PredictError,
}

impl HeldOut {
    /// Asks the model for the rows, at the threshold that it starts with: the one that the contract states, else the best
    /// for the goal of `[threshold]`, else where the model decides by itself.
    pub fn score(project: &Project, model: &Model, rows: Table, roles: &ColumnRoles) -> Result<Self, GateError> {
        let failed = ScoringError::of("the rows that the gates are measured on");
        let (rows, scored, unfit) = match Predictions::by_itself(model, &rows) {
            Ok(scored) => (rows, scored, None),
            Err(_) => {
                let (fit, unfit) = parted(model, &rows).map_err(&failed)?;
                let rows = rows.take(&fit);
                let scored = Predictions::by_itself(model, &rows).map_err(&failed)?;
                (rows, scored, unfit)
            }
        };
        let stated = project.main_deploy().and_then(|deploy| deploy.threshold);
        let chosen = match (stated, &project.contract.threshold) {
            (None, Some(tuning)) if scored.task == Task::Binary => {
                threshold_choice::initial(tuning, &scored.outcomes(roles.label(&rows)?, None))
            }
            _ => None,
        };
        let threshold = stated.or(chosen).unwrap_or(scored.threshold);
        Ok(Self { rows, scored: Predictions { threshold, ..scored }, unfit })
    }
}

/// The rows that a model answers, in their order, and what it refuses of the others.
fn parted(model: &Model, table: &Table) -> Result<(Vec<usize>, Option<RejectedRows>), PredictError> {
    let all: Vec<usize> = (0..table.rows()).collect();
    let (mut fit, mut unfit) = (Vec::new(), None);
    let ask = |part: &[usize]| model.predict(&table.take(part)).map(|_| fit.extend_from_slice(part));
    for (part, mut first) in by_halves(&all, ask, |error| error.row().is_some()) {
        if first.row().is_none() {
            return Err(first);
        }
        first.set_row(part[0]);
        unfit.get_or_insert(RejectedRows { count: 0, first }).count += 1;
    }
    match (fit.is_empty(), unfit) {
        (true, Some(unfit)) => Err(unfit.first),
        (_, unfit) => Ok((fit, unfit)),
    }
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;
    use kilter_train::{Learner, TrainOptions, train_model};

    use super::*;

    /// A linear model of `y` by `x`, which refuses what is infinite.
    fn model() -> Model {
        let number = |of: fn(usize) -> f64| Column::Float((0..100).map(of).collect());
        let columns = vec![("x".into(), number(|row| row as f64)), ("y".into(), number(|row| 2.5 * row as f64))];
        let options = TrainOptions { learner: Learner::Linear, ..TrainOptions::new("y") };
        Model::from_onnx(&train_model(&Table::new(columns).unwrap(), &options).unwrap().onnx).unwrap()
    }

    fn xs(values: Vec<f64>) -> Table {
        Table::new(vec![("x".into(), Column::Float(values))]).unwrap()
    }

    #[test]
    fn the_first_threshold_of_a_model_that_answers_margins_is_its_own_zero() {
        let bytes = include_bytes!("../../../cli/tests/data/cases/margins-decided-at-one-half/margin.onnx");
        let model = Model::from_onnx(bytes).unwrap();
        let column = |of: fn(usize) -> f64| Column::Float((0..40).map(of).collect());
        // Small rows have small margins, within a half of zero: what they are is no matter of their size.
        let rows = vec![("X_0".into(), column(|row| 0.01 * row as f64 - 0.2)), ("X_1".into(), column(|_| 0.05))];
        let scored = Predictions::by_itself(&model, &Table::new(rows).unwrap()).unwrap();
        assert!(scored.is_margin && scored.scores.iter().all(|score| score.abs() < 0.5), "{:?}", scored.scores);
        let own = scored.labels.clone().unwrap();
        let decided = scored.scores.iter().map(|score| *score >= scored.threshold);
        assert!(own.iter().zip(decided).all(|(label, is_positive)| (**label == *scored.classes[1]) == is_positive));
        let half = Predictions::by_itself(&self::model(), &xs(vec![1.0; 3])).unwrap();
        assert!(!half.is_margin && half.threshold == 0.5);
    }

    #[test]
    fn a_row_that_is_refused_costs_no_other_row() {
        let mut values = vec![1.0; 500];
        (values[490], values[491], values[7]) = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY);
        let (fit, unfit) = parted(&model(), &xs(values)).unwrap();
        let unfit = unfit.unwrap();
        assert_eq!((fit.len(), unfit.count, unfit.first.row()), (497, 3, Some(7)));
        assert!(fit.is_sorted() && !fit.contains(&7) && !fit.contains(&490));
    }

    #[test]
    fn what_is_refused_of_every_row_is_an_error() {
        let refused = parted(&model(), &xs(vec![f64::INFINITY; 20])).unwrap_err();
        assert_eq!(refused.row(), Some(0));
        let other = Table::new(vec![("z".into(), Column::Float(vec![1.0]))]).unwrap();
        assert!(matches!(parted(&model(), &other), Err(PredictError::MissingColumns { .. })));
    }
}
