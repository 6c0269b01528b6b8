//! The steps of a run that the platform executes.

use kilter_domain::{ids::StepName, run::StepState, time::Timestamp};
use serde_json::Value;

use crate::{Reader, StoreError, Tx, database::named_params, row, run::key_of, statement::statements};

statements! {
    PUT_STEP = "record a step": "
        INSERT INTO run_step (run, step, state, started, ended, record)
        VALUES (:run, :step, :state, :started, :ended, :record)
        ON CONFLICT (run, step) DO UPDATE SET state = excluded.state, started = excluded.started,
                                              ended = excluded.ended, record = excluded.record";
    STEPS = "list the steps of a run": "
        SELECT step, state, started, ended, record FROM run_step WHERE run = :run ORDER BY started, step";
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step within the run.
    pub step: StepName,
    /// Where the step is in its life.
    pub state: StepState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its cache key, exit, log and the like, as a document.
    pub record: Value,
}

/// Records where a step stands. A step is identified by its run and name.
pub fn put_step(tx: &Tx, run: &str, step: &Step) -> Result<(), StoreError> {
    let params = named_params! {
        ":run": key_of(tx, run)?, ":step": step.step.as_str(), ":state": step.state.as_str(),
        ":started": step.started.map(Timestamp::millis), ":ended": step.ended.map(Timestamp::millis),
        ":record": row::text_of(PUT_STEP.attempt, &step.record)?,
    };
    tx.execute(&PUT_STEP, params).map(drop)
}

/// The steps of a run in the order in which they started.
pub fn steps(reader: &Reader, run: &str) -> Result<Vec<Step>, StoreError> {
    reader.all(&STEPS, named_params! { ":run": key_of(reader, run)? }, |row| {
        Ok(Step {
            step: row::parsed(row, "step")?,
            state: row::word(row, "state")?,
            started: row::maybe_time(row, "started")?,
            ended: row::maybe_time(row, "ended")?,
            record: row::document(row, "record")?,
        })
    })
}
