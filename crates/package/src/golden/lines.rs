//! Golden requests as lines of JSON: one row a line, and its answer in the same line of the other file.

use std::sync::Arc;

use kilter_domain::table::{Column, Table, TableError};
use kilter_inference::{InputKind, Signature};
use kilter_serving::endpoint::ModelOutput;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::golden::{error::GoldenError, requests::GoldenRequests};

/// The answer to one row. JSON has no number for NaN: it is `null`.
#[derive(Serialize, Deserialize)]
struct AnswerLine {
    score: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    probabilities: Vec<Option<f32>>,
}

impl GoldenRequests {
    /// The requests and the answers, each as lines of JSON.
    ///
    /// # Errors
    /// If a value has no form in JSON.
    pub fn to_lines(&self) -> Result<(Vec<u8>, Vec<u8>), GoldenError> {
        let (mut requests, mut answers) = (Vec::new(), Vec::new());
        let values = self.answers.probabilities.as_deref().unwrap_or_default();
        let width = values.len() / self.rows().max(1);
        for row in 0..self.rows() {
            let cells = self.requests.columns().map(|(name, column)| (name.to_owned(), cell(column, row)));
            write_line(&mut requests, &Value::Object(cells.collect()))?;
            let score = self.answers.scores[row];
            let answer = AnswerLine {
                score: score.is_finite().then_some(score),
                label: self.answers.labels.as_ref().map(|labels| labels[row].clone()),
                probabilities: values[row * width..(row + 1) * width]
                    .iter()
                    .map(|value| value.is_finite().then_some(*value))
                    .collect(),
            };
            write_line(&mut answers, &answer)?;
        }
        Ok((requests, answers))
    }

    /// Reads them back, with columns of the kinds that the signature says.
    ///
    /// # Errors
    /// If a line is no JSON of this form, or the two have not equally many lines.
    pub fn from_lines(signature: &Signature, requests: &[u8], answers: &[u8]) -> Result<Self, GoldenError> {
        let rows: Vec<Map<String, Value>> = read_lines(requests)?;
        let answers: Vec<AnswerLine> = read_lines(answers)?;
        if rows.len() != answers.len() {
            return Err(GoldenError::Lines { requests: rows.len(), answers: answers.len() });
        }
        let names: Vec<String> = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
        let mut table = Table::default();
        for name in names {
            let kind = signature.input(&name).map_or(InputKind::Text, |input| input.kind);
            let cells: Vec<&Value> = rows.iter().map(|row| row.get(&name).unwrap_or(&Value::Null)).collect();
            table.push(name, column(&cells, kind))?;
        }
        Ok(Self { requests: table, answers: outputs(answers)? })
    }
}

fn write_line(out: &mut Vec<u8>, line: &impl Serialize) -> Result<(), GoldenError> {
    serde_json::to_writer(&mut *out, line).map_err(GoldenError::Answer)?;
    out.push(b'\n');
    Ok(())
}

fn read_lines<T: for<'de> Deserialize<'de>>(text: &[u8]) -> Result<Vec<T>, GoldenError> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(GoldenError::Answer)).collect()
}

fn cell(column: &Column, row: usize) -> Value {
    match column {
        Column::Float(values) => Value::from(values[row]),
        Column::Int(values) | Column::Time(values) => Value::from(values[row]),
        Column::Bool(values) => Value::from(values[row]),
        Column::Text(values) => values[row].as_deref().map_or(Value::Null, Value::from),
    }
}

/// A column that is sent as the one that was written: whole numbers stay whole.
fn column(cells: &[&Value], kind: InputKind) -> Column {
    let found = || cells.iter().filter(|cell| !cell.is_null());
    match found().next() {
        Some(Value::Bool(_)) => Column::Bool(cells.iter().map(|cell| cell.as_bool()).collect()),
        Some(Value::String(_)) => Column::Text(cells.iter().map(|cell| cell.as_str().map(Arc::from)).collect()),
        Some(_) if found().all(|cell| cell.is_i64()) => Column::Int(cells.iter().map(|cell| cell.as_i64()).collect()),
        Some(_) => Column::Float(cells.iter().map(|cell| cell.as_f64().unwrap_or(f64::NAN)).collect()),
        None if kind == InputKind::Text => Column::Text(vec![None; cells.len()]),
        None => Column::Float(vec![f64::NAN; cells.len()]),
    }
}

fn outputs(answers: Vec<AnswerLine>) -> Result<ModelOutput, TableError> {
    let width = answers.first().map_or(0, |answer| answer.probabilities.len());
    let has_labels = answers.first().is_some_and(|answer| answer.label.is_some());
    let mut found = ModelOutput { labels: has_labels.then(Vec::new), ..ModelOutput::default() };
    let mut probabilities = Vec::with_capacity(width * answers.len());
    for AnswerLine { score, label, probabilities: of_row } in answers {
        found.scores.push(score.unwrap_or(f64::NAN));
        if let Some(labels) = &mut found.labels {
            labels.push(label.unwrap_or_default());
        }
        let of_row = of_row.into_iter().map(|value| value.unwrap_or(f32::NAN));
        probabilities.extend(of_row.chain(std::iter::repeat(f32::NAN)).take(width));
    }
    found.probabilities = (width > 0).then_some(probabilities);
    Ok(found)
}
