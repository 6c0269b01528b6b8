//! Predictions as MLflow's scoring server and KServe V1 answer them.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::{endpoint::InferResponse, explanation::Explanation, v2::PROBABILITIES};

#[derive(Serialize)]
struct Body<'a> {
    predictions: Predictions<'a>,
    /// By which labels find their rows.
    prediction_ids: Vec<&'a str>,
    /// The version of the first row.
    model_version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
    /// Why, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanations: Option<Vec<RowExplanation<'a>>>,
}

/// What input rules say of the rows.
#[derive(Serialize)]
struct Parameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    flagged: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imputed: Option<String>,
}

/// Why a row was answered as it was.
#[derive(Serialize)]
#[serde(untagged)]
enum RowExplanation<'a> {
    One(ScoreExplanation<'a>),
    /// By class.
    Classes(Named<'a, ScoreExplanation<'a>>),
}

/// From which score a row starts, and what each column adds to it.
#[derive(Serialize)]
struct ScoreExplanation<'a> {
    base: f64,
    attributions: Named<'a, f64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Predictions<'a> {
    Values(&'a [f64]),
    Labels(Vec<&'a str>),
    Numbers(Vec<i64>),
    Probabilities(Vec<&'a [f32]>),
}

/// Values by name, as an object in their order.
struct Named<'a, T>(Vec<(&'a str, T)>);

impl<T: Serialize> Serialize for Named<'_, T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
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
    let explanations = answer.explanation.as_ref().map(|explanation| explained(explanation, answer.classes()));
    let (prediction_ids, model_version) = (texts(&answer.ids), first.to_string());
    let body = Body { predictions, prediction_ids, model_version, parameters, explanations };
    // Numbers and texts go into memory: this cannot fail.
    serde_json::to_vec(&body).unwrap_or_default()
}

fn explained<'a>(explanation: &'a Explanation, classes: &'a [String]) -> Vec<RowExplanation<'a>> {
    let Explanation { columns, scores, base, values } = explanation;
    let one = |(base, values): (&f64, &[f64])| {
        let attributions = columns.iter().map(|name| &**name).zip(values.iter().copied());
        ScoreExplanation { base: *base, attributions: Named(attributions.collect()) }
    };
    let mut all = base.iter().zip(values.chunks(columns.len().max(1))).map(one);
    match scores {
        1 => all.map(RowExplanation::One).collect(),
        _ => {
            let row = |_| {
                let classes = classes.iter().map(String::as_str);
                RowExplanation::Classes(Named(classes.zip(all.by_ref()).collect()))
            };
            (0..base.len() / scores).map(row).collect()
        }
    }
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
