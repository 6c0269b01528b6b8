//! What the server and a model say of themselves. Health has bodies too: the kserve client fails without one.

use kilter_inference::{Format, InputKind, Signature, Task};
use serde::Serialize;

/// The extensions of the protocol that there are here, by the names that Triton gives them.
const EXTENSIONS: [&str; 5] =
    ["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"];

/// Body of `GET /v2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerMetadata {
    /// The name of the server.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Extensions of the protocol that it has.
    pub extensions: Vec<String>,
}

impl ServerMetadata {
    /// `version` is the version of the binary.
    pub fn kilter(version: impl Into<String>) -> Self {
        Self { name: "kilter".into(), version: version.into(), extensions: EXTENSIONS.map(str::to_owned).to_vec() }
    }
}

/// Body of `GET /v2/models/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelMetadata {
    /// The name of the endpoint.
    pub name: String,
    /// The versions that are deployed now, the live one first.
    pub versions: Vec<String>,
    /// The library whose file it is, and what runs it: `lightgbm_kilter`.
    pub platform: String,
    /// What a request has.
    pub inputs: Vec<TensorMetadata>,
    /// What a response has.
    pub outputs: Vec<TensorMetadata>,
}

/// One input or output; `-1` is the number of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Its type, as the protocol writes it.
    pub datatype: String,
    /// Its shape; -1 is any number of rows.
    pub shape: Vec<i64>,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<TensorParameters>,
}

/// What more there is to know of an input or output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TensorParameters {
    /// What the columns of the probabilities stand for, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Whether a request may come without this input; any other is refused when it lacks one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

impl ModelMetadata {
    /// `classes` are those of the probabilities that callers get: of the live version, and of one on trial behind them.
    pub fn new(
        name: impl Into<String>,
        versions: Vec<String>,
        format: Format,
        signature: &Signature,
        classes: &[String],
    ) -> Self {
        let inputs = signature.inputs.iter().map(|input| TensorMetadata {
            parameters: input.optional.then(|| TensorParameters { optional: true, ..TensorParameters::default() }),
            ..TensorMetadata::rows(&input.name, datatype(input.kind))
        });
        let mut outputs = vec![TensorMetadata::rows("score", "FP64")];
        if signature.task != Task::Regression {
            outputs.push(TensorMetadata::rows("label", "BYTES"));
            let probabilities = TensorMetadata::rows("probabilities", "FP32");
            let parameters = Some(TensorParameters { classes: classes.to_vec(), optional: false });
            outputs.push(TensorMetadata { shape: vec![-1, classes.len() as i64], parameters, ..probabilities });
        }
        Self {
            name: name.into(),
            versions,
            platform: format!("{}_kilter", format.library()),
            inputs: inputs.collect(),
            outputs,
        }
    }
}

impl TensorMetadata {
    fn rows(name: &str, datatype: &str) -> Self {
        Self { name: name.to_owned(), datatype: datatype.to_owned(), shape: vec![-1], parameters: None }
    }
}

/// The datatype in which a client best sends an input of this kind.
fn datatype(kind: InputKind) -> &'static str {
    match kind {
        InputKind::Number => "FP64",
        InputKind::Integer | InputKind::Time => "INT64",
        InputKind::Boolean => "BOOL",
        InputKind::Text => "BYTES",
    }
}

/// Body of `GET /v2/health/live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Whether the server runs.
    pub live: bool,
}

/// Body of `GET /v2/health/ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Whether it takes requests.
    pub ready: bool,
}

/// Body of `GET /v2/models/NAME/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelReady {
    /// The name of the endpoint.
    pub name: String,
    /// Whether it serves a version.
    pub ready: bool,
}

/// Body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody {
    /// What is wrong, for a person.
    pub error: String,
}

impl ErrorBody {
    /// The error with all its causes, in one line.
    pub fn of(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            text.push_str(": ");
            text.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        Self { error: text }
    }
}
