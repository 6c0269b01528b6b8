//! The bench: rows with labels that the candidate has not seen, and what both models answer on them.

use std::{collections::BTreeMap, time::Instant};

use kilter_domain::{
    contract::GateSpec,
    rule::{Function, Quantity},
    table::Table,
    time::Timestamp,
};
use kilter_evaluation::{
    gate_metrics::{ModelRows, Predictions, Side},
    latency::latency_quantiles,
};
use kilter_inference::Model;
use kilter_package::golden::is_near;
use kilter_serving::endpoint::Predictor;

use crate::{causes::ScoringError, dataset::column_roles::ColumnRoles, gate::GateError, project::DatasetError};

/// Rows that a comparison needs at least; with fewer unseen ones, all rows are compared.
const MIN_COMPARED: usize = 200;
/// Requests that latency is measured on.
const TIMED_REQUESTS: usize = 300;
/// Rows that are asked one by one to see that answers are the same.
const REPLAYED_ROWS: usize = 50;

/// The version that serves now.
pub struct Champion<'m> {
    /// Its model, loaded.
    pub model: &'m Model,
    /// Its operating threshold, a score.
    pub threshold: f64,
    /// The newest event that it was trained on.
    pub trained_through: Option<Timestamp>,
}

/// Everything that gates are measured on.
pub struct GateEvaluation<'t> {
    /// The held-out rows, with their labels.
    pub rows: &'t Table,
    /// What their columns are for.
    pub roles: &'t ColumnRoles,
    /// The time against which the age of rows is measured.
    pub now: Timestamp,
    /// What the candidate answered to the golden requests that it carries; `None` where it carries none.
    pub golden: Option<(usize, usize)>,
}

impl<'t> GateEvaluation<'t> {
    /// Measures a candidate, and the champion on the same rows.
    ///
    /// `facts` are numbers that steps reported; latency, and answers to rows of a version without golden requests, are
    /// measured only when a gate asks.
    ///
    /// # Errors
    /// When the candidate or the champion does not accept the rows, or the rows lack a column that the roles name.
    pub fn measure<'m>(
        &self,
        candidate: &'m Model,
        threshold: f64,
        champion: Option<&Champion>,
        mut facts: BTreeMap<String, f64>,
        gates: &[GateSpec],
    ) -> Result<ModelRows<'m>, GateError>
    where
        't: 'm,
    {
        if asks_for(gates, |quantity| matches!(quantity, Quantity::Metric { name, .. } if name.ends_with("_ms"))) {
            facts.extend(latencies(candidate, self.rows)?);
        }
        let replayed = match asks_for(gates, |quantity| calls(quantity, Function::Replay)) {
            true => Some(self.golden.map_or_else(|| replay(candidate, self.rows), Ok)?),
            false => None,
        };
        Ok(ModelRows {
            now: self.now,
            table: self.rows,
            candidate: self.side(candidate, threshold, "the candidate on the rows of the gate")?,
            champion: champion
                .map(|champion| self.side(champion.model, champion.threshold, "the champion on the rows of the gate"))
                .transpose()?,
            comparable: self.comparable(champion)?,
            model: candidate,
            facts,
            replayed,
        })
    }

    fn side(&self, model: &Model, threshold: f64, what: &str) -> Result<Side, GateError> {
        let scored = Predictions::by(model, self.rows, threshold).map_err(ScoringError::of(what))?;
        let weight = self.roles.weight.as_deref().and_then(|name| self.rows.get(name));
        let outcomes = scored.outcomes(self.roles.label(self.rows)?, weight);
        Ok(Side { outcomes, scores: scored.scores })
    }

    /// The rows that neither model was trained on, when enough of them remain; else all.
    fn comparable(&self, champion: Option<&Champion>) -> Result<Vec<bool>, DatasetError> {
        let all = vec![true; self.rows.rows()];
        let (Some(through), Some(_)) = (champion.and_then(|champion| champion.trained_through), &self.roles.time)
        else {
            return Ok(all);
        };
        let unseen: Vec<bool> = self.roles.event_times(self.rows)?.iter().map(|&event| event > through).collect();
        let count = unseen.iter().filter(|&&is_unseen| is_unseen).count();
        Ok(if count >= MIN_COMPARED { unseen } else { all })
    }
}

fn asks_for(gates: &[GateSpec], is_asked: impl Fn(&Quantity) -> bool) -> bool {
    gates.iter().flat_map(|gate| &gate.rules).any(|rule| is_asked(&rule.quantity))
}

fn calls(quantity: &Quantity, wanted: Function) -> bool {
    matches!(quantity, Quantity::Call { function, .. } if *function == wanted)
}

/// Percentiles of the time for one row, in milliseconds.
fn latencies(model: &Model, rows: &Table) -> Result<BTreeMap<String, f64>, ScoringError> {
    let failed = ScoringError::of("single rows for latency");
    let mut taken = Vec::with_capacity(TIMED_REQUESTS);
    for request in 0..TIMED_REQUESTS.min(rows.rows().max(1) * 4) {
        if rows.rows() == 0 {
            break;
        }
        let row = rows.take(&[request % rows.rows()]);
        let started = Instant::now();
        // As the data plane asks it, so that a gate times what a monitor will.
        Predictor::predict(model, &row).map_err(&failed)?;
        taken.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(latency_quantiles(taken))
}

/// How many of the first rows are answered otherwise when they come alone.
fn replay(model: &Model, rows: &Table) -> Result<(usize, usize), ScoringError> {
    let failed = ScoringError::of("rows one by one");
    let chosen: Vec<usize> = (0..rows.rows().min(REPLAYED_ROWS)).collect();
    let together = model.predict(&rows.take(&chosen)).map_err(&failed)?;
    let mut differing = 0;
    for &row in &chosen {
        let alone = model.predict(&rows.take(&[row])).map_err(&failed)?;
        differing += usize::from(!is_same_score(model, alone.scores()[0], together.scores()[row]));
    }
    Ok((differing, chosen.len()))
}

/// Whether two answers are one: to the last bit of our own kernels, as libraries of others sum in another order when rows come together.
fn is_same_score(model: &Model, a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (model.is_external() && is_near(a, b))
}
