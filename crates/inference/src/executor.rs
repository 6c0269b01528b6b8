//! Models that something else than our own kernels answers: a process of Python, a library that is loaded at run time.
//!
//! Invariants: an executor is handed exactly the columns of the signature, in its order, each of the type that its kind says; rows that
//! do not fit are refused before. Out of scope: how an executor answers.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use kilter_domain::table::{Column, Table};

use crate::{
    error::{ExecutorError, PredictError},
    input::{self, Source},
    prediction::{Outcome, Prediction},
    signature::{Input, InputKind},
};

/// Numbers that are handed over in one call: more rows are split.
const BLOCK_NUMBERS: usize = 1 << 20;
/// Rows that are handed over in one call.
const BLOCK_ROWS: usize = 8_192;

/// Answers the rows of a model whose signature is known.
pub trait Executor: Send + Sync + fmt::Debug {
    /// The answers to all rows of `columns`, which are those of the signature in its order: numbers are [`Column::Float`], whole numbers
    /// [`Column::Int`], booleans [`Column::Bool`], texts [`Column::Text`], times [`Column::Time`].
    ///
    /// # Errors
    /// If the model does not answer; whose fault it is says the variant.
    fn execute(&self, columns: &[Cow<'_, Column>], rows: usize) -> Result<Outcome, ExecutorError>;

    /// The memory that the model takes, in bytes: measured, or an estimate where the runtime does not say it.
    fn memory_bytes(&self) -> u64;

    /// What its workers did so far; `None` where it has none.
    fn worker_counts(&self) -> Option<WorkerCounts> {
        None
    }
}

/// What the worker processes of a model did since it was loaded, and what waits for them. All but the last two only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerCounts {
    /// Calls of the model: several requests may be one.
    pub batches: u64,
    /// Requests that were answered, with or without an error.
    pub requests: u64,
    /// Workers that were started after the first ones.
    pub restarts: u64,
    /// Requests that took longer than is allowed.
    pub timeouts: u64,
    /// Requests that were not taken because too many waited.
    pub overloads: u64,
    /// Requests that wait now.
    pub waiting: u64,
    /// Workers that are ready or busy now.
    pub alive: u64,
}

/// When executors were asked, the wait for a free worker included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorCall {
    /// When the first call began.
    pub began: Instant,
    /// Until the last one came back.
    pub took: Duration,
}

thread_local! {
    static LAST_CALL: Cell<Option<ExecutorCall>> = const { Cell::new(None) };
}

/// The calls of executors that this thread made since it asked last; `None` where it made none. Rows of many blocks are several calls.
pub fn take_executor_call() -> Option<ExecutorCall> {
    LAST_CALL.take()
}

fn note_call(began: Instant) {
    let began = LAST_CALL.get().map_or(began, |call| call.began);
    LAST_CALL.set(Some(ExecutorCall { began, took: began.elapsed() }));
}

/// A model that an executor answers.
#[derive(Debug)]
pub(crate) struct ExternalModel {
    pub executor: Arc<dyn Executor>,
    /// What error messages call its block of columns.
    pub block: String,
}

impl ExternalModel {
    /// Adds the answers to `rows` of `table` to `answer`.
    pub fn predict(
        &self,
        inputs: &[Input],
        table: &Table,
        rows: Range<usize>,
        answer: &mut Prediction,
    ) -> Result<(), PredictError> {
        input::check_columns(inputs, table)?;
        if rows.is_empty() {
            return Ok(());
        }
        let mut finder = table.finder();
        let columns = inputs.iter().map(|input| column(input, (finder.find(&input.name), table.rows()), rows.clone()));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let began = Instant::now();
        let outcome = self.executor.execute(&columns, rows.len());
        note_call(began);
        let outcome = outcome?;
        let failed = |reason| PredictError::Executor(ExecutorError::Failed { reason });
        answer.push_outcome(outcome, rows.len()).map_err(failed)
    }

    /// How many rows go into one call.
    pub fn block_rows(&self, inputs: &[Input]) -> usize {
        (BLOCK_NUMBERS / inputs.len().max(1)).clamp(1, BLOCK_ROWS)
    }
}

/// The rows of one input, as values of its kind.
fn column<'t>(
    input: &'t Input,
    (column, all): (Option<&'t Column>, usize),
    rows: Range<usize>,
) -> Result<Cow<'t, Column>, PredictError> {
    let is_whole = rows.len() == all;
    if let (true, Some(column)) = (is_whole, column.filter(|column| is_ready(input, column))) {
        return Ok(Cow::Borrowed(column));
    }
    let source = Source::of(input, column, rows);
    Ok(Cow::Owned(match input.kind {
        InputKind::Number => Column::Float(source.numbers(|value| value, |value| value.is_infinite())?),
        InputKind::Integer => Column::Int(source.whole_numbers()?),
        InputKind::Boolean => Column::Bool(source.booleans()?),
        InputKind::Time => Column::Time(source.points_in_time()?),
        InputKind::Text => Column::Text(source.optional_texts()?),
    }))
}

/// Whether a column is what the model takes, value by value.
fn is_ready(input: &Input, column: &Column) -> bool {
    use crate::signature::{Infinite, Missing};
    let has_missing = || (0..column.len()).any(|row| column.is_missing(row));
    let fits = match (input.kind, column) {
        (InputKind::Number, Column::Float(values)) => {
            input.infinite == Infinite::Passed || !values.iter().any(|value| value.is_infinite())
        }
        (InputKind::Integer, Column::Int(_))
        | (InputKind::Boolean, Column::Bool(_))
        | (InputKind::Time, Column::Time(_))
        | (InputKind::Text, Column::Text(_)) => true,
        _ => false,
    };
    fits && (input.missing == Missing::Allowed || !has_missing())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{Format, Infinite, Missing, Model, Signature, Task};

    /// Answers the sum of the numbers of each row, and remembers how many rows came.
    #[derive(Debug, Default)]
    struct Sums(Mutex<Vec<usize>>);

    impl Executor for Sums {
        fn execute(&self, columns: &[Cow<'_, Column>], rows: usize) -> Result<Outcome, ExecutorError> {
            self.0.lock().unwrap().push(rows);
            let sum = |row| columns.iter().map(|column| column.number(row)).sum();
            Ok(Outcome::Values((0..rows).map(sum).collect()))
        }

        fn memory_bytes(&self) -> u64 {
            7
        }
    }

    fn model(inputs: &[(&str, InputKind, Missing)]) -> (Model, Arc<Sums>) {
        let input = |(name, kind, missing): &(&str, InputKind, Missing)| Input {
            name: (*name).to_owned(),
            kind: *kind,
            missing: *missing,
            infinite: Infinite::Passed,
            optional: false,
        };
        let inputs = inputs.iter().map(input).collect();
        let signature = Signature { inputs, task: Task::Regression, classes: Vec::new(), target: None };
        let sums = Arc::new(Sums::default());
        (Model::external(Format::Pyfunc, signature, true, sums.clone()), sums)
    }

    #[test]
    fn an_executor_gets_columns_of_the_kinds_of_the_signature_and_large_tables_in_parts() {
        let (model, sums) =
            model(&[("b", InputKind::Boolean, Missing::Allowed), ("n", InputKind::Integer, Missing::Allowed)]);
        let rows = BLOCK_ROWS + 3;
        let columns = vec![
            ("n".to_owned(), Column::Float(vec![2.0; rows])),
            ("other".to_owned(), Column::Text(vec![None; rows])),
            ("b".to_owned(), Column::Int(vec![Some(1); rows])),
        ];
        let answered = model.predict(&Table::new(columns).unwrap()).unwrap();
        assert_eq!((answered.scores().len(), answered.scores()[rows - 1]), (rows, 3.0));
        assert_eq!(*sums.0.lock().unwrap(), [BLOCK_ROWS, 3]);
        assert!((7..10_000).contains(&model.memory_bytes()), "what its executor says, and a signature");
        let call = take_executor_call().unwrap();
        assert!(call.took <= call.began.elapsed() && take_executor_call().is_none(), "both calls are one time");
    }

    #[test]
    fn rows_that_do_not_fit_are_refused_before_the_executor_is_asked() {
        let (model, sums) = model(&[("n", InputKind::Integer, Missing::Refused)]);
        let ask = |column| model.predict(&Table::new(vec![("n".to_owned(), column)]).unwrap()).unwrap_err().to_string();
        for (column, expected) in [
            (Column::Float(vec![1.0, 1.5]), "where the model takes Integer: row 1 is `1.5`"),
            (Column::Text(vec![Some("1".into()), Some("x".into())]), "row 1 is `x`"),
            (Column::Int(vec![None]), "has no value in row 0"),
        ] {
            let error = ask(column);
            assert!(error.contains(expected), "{error}");
        }
        let other = Table::new(vec![("m".to_owned(), Column::Float(vec![1.0]))]).unwrap();
        assert!(matches!(model.predict(&other), Err(PredictError::MissingColumns { .. })));
        assert!(model.explain(&other).is_err() && sums.0.lock().unwrap().is_empty());
    }
}
