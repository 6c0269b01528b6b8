//! An endpoint with a model of numbers, texts, whole numbers and truth values, for the targets that read requests.

use std::sync::Arc;

use kilter_domain::{deployment::AdmissionPolicy, digest::Digest, model::VersionState, table::Table};
use kilter_inference::{Format, Infinite, Input, InputKind, Missing, PredictError, Signature, Task};
use kilter_serving::{
    Endpoint, EndpointOptions, Limits, LoadRequest, Routes, ServedVersion, VersionRef,
    counters::ScoreEdges,
    endpoint::{ModelOutput, Predictor},
};

/// Answers 0.5 to every row; what is fuzzed is the reading.
struct Half(Signature);

impl Predictor for Half {
    fn signature(&self) -> &Signature {
        &self.0
    }

    fn format(&self) -> Format {
        Format::Onnx
    }

    fn predict(&self, table: &Table) -> Result<ModelOutput, PredictError> {
        Ok(ModelOutput { scores: vec![0.5; table.rows()], labels: None, probabilities: None })
    }
}

/// Bounds that keep one input quick.
pub fn limits() -> Limits {
    Limits { rows: 1_000, ..Limits::default() }
}

/// Serves the model.
pub fn endpoint() -> Endpoint {
    let kinds = [
        ("age", InputKind::Number),
        ("visits", InputKind::Integer),
        ("plan", InputKind::Text),
        ("member", InputKind::Boolean),
        ("since", InputKind::Time),
    ];
    let input = |(name, kind): (&str, InputKind)| Input {
        name: name.to_owned(),
        kind,
        missing: Missing::Allowed,
        infinite: Infinite::Refused,
        optional: name == "since",
    };
    let inputs = kinds.into_iter().map(input).collect();
    let signature = Signature { inputs, task: Task::Regression, classes: vec![], target: None };
    let admission = LoadRequest {
        version: VersionRef { number: 1, digest: Digest::of(b"package") },
        model: Digest::of(b"model"),
        state: VersionState::Approved,
        admits: AdmissionPolicy::Approved,
        threshold: None,
    };
    let version = ServedVersion::with_predictor(Arc::new(Half(signature)), &admission, ScoreEdges::default());
    let options = EndpointOptions { limits: limits(), id_prefix: "p".into() };
    let endpoint = Endpoint::new("churn".parse().expect("a name"), options, None);
    let routes = Routes::new(Arc::new(version.expect("approved")), None, &[]).expect("one version fits itself");
    endpoint.deploy(routes);
    endpoint
}
