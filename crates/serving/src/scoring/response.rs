//! Predictions as MLflow's scoring server and KServe V1 answer them.

use std::sync::Arc;

use serde::Serialize;

use crate::{endpoint::InferResponse, v2::PROBABILITIES};

#[derive(Serialize)]
struct Body<'a> {
    predictions: Predictions<'a>,
    /// By which labels find their rows.
    prediction_ids: Vec<&'a str>,
    /// The version of the first row.
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
}

/// What input rules say of the rows.
#[derive(Serialize)]
struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    flagged: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imputed: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Predictions<'a> {
    Values(&'a [f64]),
    Labels(Vec<&'a str>),
    Numbers(Vec<i64>),
    Probabilities(Vec<&'a [f32]>),
}

/// The body of an answer: for each row its class (its value in a regression), or the probabilities of the classes where they
/// were asked for. Classes that are all whole numbers are written as numbers, as the libraries that trained on them do. What
/// is no number is `null`.
pub fn write_predictions(answer: &InferResponse) -> Vec<u8> {
    let rows = answer.scores.len().max(1);
    let predictions = match (&answer.probabilities, &answer.labels) {
        (Some(values), _) if answer.is_asked_for(PROBABILITIES) => {
            Predictions::Probabilities(values.chunks((values.len() / rows).max(1)).collect())
        }
        (_, Some(labels)) => whole_numbers(answer.classes(), labels)
            .map_or_else(|| Predictions::Labels(texts(labels)), Predictions::Numbers),
        (_, None) => Predictions::Values(&answer.scores),
    };
    let first = answer.versions.first().map(|version| version.number).unwrap_or_default();
    let parameters = answer.marked().map(|marked| Parameters { flagged: marked.flagged(), imputed: marked.imputed() });
    let body = Body { predictions, prediction_ids: texts(&answer.ids), model_version: first.to_string(), parameters };
    // Numbers and texts go into memory: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn texts(texts: &[Arc<str>]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

/// The labels as numbers, where every class is one.
fn whole_numbers(classes: &[String], labels: &[Arc<str>]) -> Option<Vec<i64>> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    classes.iter().all(|class| number(class).is_some()).then_some(())?;
    labels.iter().map(|label| number(label)).collect()
}
