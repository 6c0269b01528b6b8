//! The other side of the protocol: a table as the body of a request, the body of an answer as answers.
//!
//! Invariants: what [`read_answers`] reads equals, bit by bit, what was written; a request says every value of its table.

use std::sync::Arc;

use kilter_domain::table::{Column, Table};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::response::{LABEL, PROBABILITIES, SCORE, Separator, TensorHead, tensor};
use crate::endpoint::ModelOutput;

/// Appends `table` as the body of `POST /v2/models/NAME/infer`, one tensor a column. JSON has no infinity: it is written
/// as missing, like NaN.
pub fn write_request(table: &Table, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"inputs\":[");
    let mut separator = Separator::default();
    let shape = [table.rows()];
    for (name, column) in table.columns() {
        separator.put(out);
        match column {
            Column::Float(values) => tensor(out, TensorHead::new(name, "FP64", &shape), values, json),
            Column::Int(values) | Column::Time(values) => {
                tensor(out, TensorHead::new(name, "INT64", &shape), values, json)
            }
            Column::Bool(values) => tensor(out, TensorHead::new(name, "BOOL", &shape), values, json),
            Column::Text(values) => {
                tensor(out, TensorHead::new(name, "BYTES", &shape), values, |out, text| json(out, &text.as_deref()))
            }
        }
    }
    out.extend_from_slice(b"]}");
}

fn json(out: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Numbers and texts go into memory: this cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[derive(Deserialize)]
struct Body {
    outputs: Vec<Output>,
}

#[derive(Deserialize)]
struct Output {
    name: String,
    data: Box<RawValue>,
}

/// Reads the body of an answer. `null` is a score that is no number.
///
/// # Errors
/// When the body is no answer.
pub fn read_answers(body: &[u8]) -> Result<ModelOutput, serde_json::Error> {
    let body: Body = serde_json::from_slice(body)?;
    let mut answers = ModelOutput::default();
    for Output { name, data } in body.outputs {
        let data = data.get();
        match name.as_str() {
            SCORE => {
                let scores: Vec<Option<f64>> = serde_json::from_str(data)?;
                answers.scores = scores.into_iter().map(|score| score.unwrap_or(f64::NAN)).collect();
            }
            LABEL => {
                let labels: Vec<String> = serde_json::from_str(data)?;
                answers.labels = Some(labels.into_iter().map(Arc::from).collect());
            }
            PROBABILITIES => {
                let values: Vec<Option<f32>> = serde_json::from_str(data)?;
                answers.probabilities = Some(values.into_iter().map(|value| value.unwrap_or(f32::NAN)).collect());
            }
            _ => {}
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{Answer, Limits, read_request, write_response},
        *,
    };

    proptest! {
        #[test]
        fn an_answer_reads_back_bit_by_bit(
            scores in prop::collection::vec(any::<f64>(), 1..20), label in "\\PC{0,9}", bits in any::<u32>(),
        ) {
            let value = f32::from_bits(bits);
            let labels = vec![Arc::from(label.as_str()); scores.len()];
            let probabilities = vec![value; scores.len() * 2];
            let answer = Answer {
                model_name: "m", model_version: "1", id: None, ids: &[], versions: &[], scores: &scores,
                labels: Some(&labels), probabilities: Some(&probabilities), explanation: None, wanted: &[],
                made_ids: false, flagged: None, imputed: None, route: None,
            };
            let mut body = Vec::new();
            write_response(&answer, &mut body);
            let read = read_answers(&body).unwrap();
            let same = |sent: f64, read: f64| sent.to_bits() == read.to_bits() || (!sent.is_finite() && read.is_nan());
            prop_assert!(scores.iter().zip(&read.scores).all(|(sent, read)| same(*sent, *read)));
            prop_assert_eq!(read.labels, Some(labels));
            let got = read.probabilities.unwrap();
            prop_assert_eq!(got.len(), probabilities.len());
            prop_assert!(got[0].to_bits() == value.to_bits() || (!value.is_finite() && got[0].is_nan()));
        }

        #[test]
        fn a_request_says_every_value(
            numbers in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..20), whole in any::<i64>(),
        ) {
            let rows = numbers.len();
            let columns = vec![
                ("x".to_owned(), Column::Float(numbers)),
                ("n".to_owned(), Column::Int((0..rows).map(|row| (row > 0).then_some(whole)).collect())),
                ("b".to_owned(), Column::Bool(vec![Some(true); rows])),
                ("t".to_owned(), Column::Text((0..rows).map(|row| (row > 0).then(|| "a\"b".into())).collect())),
            ];
            let mut body = Vec::new();
            write_request(&Table::new(columns.clone()).unwrap(), &mut body);
            let request = read_request(&body, &Limits::default()).unwrap();
            let read = request.inputs.into_iter().map(|tensor| (tensor.name, tensor.values)).collect::<Vec<_>>();
            prop_assert_eq!(read, columns);
        }
    }
}
