//! Golden requests: rows as requests carry them, the answer to each, and how a version is asked again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kilter_domain::{model::Golden, table::Table, time::Timestamp};
use kilter_inference::{Model, Signature};
use kilter_serving::{
    Endpoint, EndpointOptions, EventTimes, Limits, Routes, ServedVersion,
    endpoint::{ModelOutput, Predictor},
    v2::{read_answers, write_request},
};

use crate::golden::{difference::Difference, error::GoldenError, sample};

/// Rows of one request when all are asked together.
const TOGETHER: usize = 500;

/// Rows as requests carry them, and the answer to each.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenRequests {
    pub(super) requests: Table,
    pub(super) answers: ModelOutput,
}

/// What came of asking again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldenResult {
    /// Rows that were asked.
    pub rows: usize,
    /// Rows that were answered otherwise, together or alone.
    pub differing: usize,
    /// The first other answer.
    pub first: Option<Difference>,
    /// Rows that time did not suffice to ask alone.
    pub not_alone: usize,
}

impl GoldenResult {
    /// As evidence of a submission.
    pub fn evidence(&self) -> Golden {
        match (self.rows as u64, self.differing as u64) {
            (0, _) => Golden::NotRun,
            (rows, 0) => Golden::Equal { rows },
            (rows, differing) => Golden::Differs { rows, differing },
        }
    }

    /// How many differ of how many, where something was asked.
    pub fn counted(&self) -> Option<(usize, usize)> {
        (self.rows > 0).then_some((self.differing, self.rows))
    }

    /// The result in words; empty if nothing was asked.
    pub fn sentence(&self) -> String {
        match (&self.first, self.rows) {
            (None, 0) => String::new(),
            (None, rows) => format!("{rows} golden requests are answered as the run answered them"),
            (Some(Difference { row, output, expected, found }), rows) => format!(
                "{} of {rows} golden requests have another answer (row {row}: {output} {expected} expected, {found} found)",
                self.differing
            ),
        }
    }
}

impl GoldenRequests {
    /// Takes `count` rows evenly from a table, and what the model answers on them; `None` when no row can be asked.
    ///
    /// # Errors
    /// When the model cannot answer them.
    pub fn record(model: &Model, threshold: f64, table: &Table, count: usize) -> Result<Option<Self>, GoldenError> {
        let signature = model.signature();
        let Some(requests) = sample::requests(signature, table, count)? else { return Ok(None) };
        let answers = Predictor::predict(model, &requests).map_err(GoldenError::Predict)?;
        let answers = answers.at_threshold(threshold, signature);
        Ok(Some(Self { requests, answers }))
    }

    /// The same requests as the same model answers them at another threshold: another label, the same score.
    pub fn at_threshold(&self, threshold: f64, signature: &Signature) -> Self {
        let answers = self.answers.clone().at_threshold(threshold, signature);
        Self { requests: self.requests.clone(), answers }
    }

    /// The number of requests.
    pub fn rows(&self) -> usize {
        self.requests.rows()
    }

    /// Asks a version again: all rows together, then row by row for as long as there is patience.
    ///
    /// # Errors
    /// When the version refuses the requests.
    pub fn ask(&self, version: ServedVersion, patience: Option<Duration>) -> Result<GoldenResult, GoldenError> {
        let same: Same = if version.is_external() { is_near } else { same };
        let caller = GoldenClient::of(version)?;
        let (rows, begin) = (self.rows(), Instant::now());
        let mut differs = vec![false; rows];
        let mut replayed = GoldenResult { rows, ..GoldenResult::default() };
        let mut compare = |from: usize, count: usize| -> Result<(), GoldenError> {
            let chosen: Vec<usize> = (from..from + count).collect();
            let found = caller.ask(&self.requests.take(&chosen))?;
            for at in 0..count {
                if let Some(difference) = self.difference((from + at, &found), (at, count), same) {
                    differs[from + at] = true;
                    replayed.first.get_or_insert(difference);
                }
            }
            Ok(())
        };
        for from in (0..rows).step_by(TOGETHER) {
            compare(from, TOGETHER.min(rows - from))?;
        }
        let mut alone = 0;
        while alone < rows && patience.is_none_or(|patience| begin.elapsed() < patience) {
            compare(alone, 1)?;
            alone += 1;
        }
        replayed.differing = differs.iter().filter(|differs| **differs).count();
        replayed.not_alone = rows - alone;
        Ok(replayed)
    }

    /// Where row `at` of `count` answers is not the recorded answer to `row`.
    fn difference(
        &self,
        (row, found): (usize, &ModelOutput),
        (at, count): (usize, usize),
        same: Same,
    ) -> Option<Difference> {
        let said = |output, expected: String, found: String| Difference { row, output, expected, found };
        let (expected, got) = (self.answers.scores[row], found.scores.get(at).copied());
        if !got.is_some_and(|got| same(expected, got)) {
            return Some(said("score", format!("{expected:?}"), format!("{:?}", got.unwrap_or(f64::NAN))));
        }
        let label =
            |answers: &ModelOutput, at: usize| answers.labels.as_ref().and_then(|labels| labels.get(at).cloned());
        let (expected, got) = (label(&self.answers, row), label(found, at));
        if expected != got {
            let text = |label: Option<Arc<str>>| label.map_or("none".to_owned(), |label| format!("`{label}`"));
            return Some(said("label", text(expected), text(got)));
        }
        let (expected, got) = (probabilities(&self.answers, row, self.rows()), probabilities(found, at, count));
        let equal =
            expected.len() == got.len() && expected.iter().zip(got).all(|(a, b)| same(f64::from(*a), f64::from(*b)));
        (!equal).then(|| said("probabilities", format!("{expected:?}"), format!("{got:?}")))
    }
}

fn probabilities(answers: &ModelOutput, row: usize, rows: usize) -> &[f32] {
    let Some(values) = &answers.probabilities else { return &[] };
    let width = values.len().checked_div(rows).unwrap_or(0);
    values.get(row * width..(row + 1) * width).unwrap_or_default()
}

/// How two numbers are compared.
type Same = fn(f64, f64) -> bool;

/// How far answers of a model outside of our own kernels may differ, in parts of the larger: its libraries sum in another order when rows
/// come together, and some in float32.
const NEAR: f64 = 1e-5;

/// Whether two answers of a model outside of our own kernels are one.
pub fn is_near(expected: f64, found: f64) -> bool {
    same(expected, found) || (expected - found).abs() <= NEAR * expected.abs().max(found.abs()).max(1.0)
}

/// JSON has neither NaN nor infinity: what is no number was answered as `null`.
fn same(expected: f64, found: f64) -> bool {
    expected.to_bits() == found.to_bits() || (!expected.is_finite() && found.is_nan())
}

/// Asks one version as a caller does, and keeps no record of it.
struct GoldenClient(Endpoint);

impl GoldenClient {
    fn of(version: ServedVersion) -> Result<Self, GoldenError> {
        let name = "golden".parse().expect("`golden` is a name of an endpoint");
        let options = EndpointOptions { limits: Limits::default(), id_prefix: "golden".to_owned() };
        let endpoint = Endpoint::new(name, options, None);
        endpoint.deploy(Routes::new(Arc::new(version), None, &[])?);
        Ok(Self(endpoint))
    }

    fn ask(&self, requests: &Table) -> Result<ModelOutput, GoldenError> {
        let mut body = Vec::new();
        write_request(requests, &mut body);
        let request = self.0.read(&body[..], EventTimes::Now)?;
        let answer = self.0.infer(request, Timestamp(0))?.to_json();
        read_answers(&answer).map_err(GoldenError::Answer)
    }
}
