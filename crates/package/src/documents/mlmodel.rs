//! `MLmodel`: how tools of MLflow load the package, and what goes in and out.
//!
//! The flavor `onnx`, `lightgbm` or `xgboost` gives the bare model. `python_function` goes through a loader of our own (`pyfunc/kilter_pyfunc.py`), because
//! MLflow's loader of ONNX takes neither inputs of the shape `[N, 1]` nor outputs of the shape `[N, 2]`, and knows no threshold.

use kilter_domain::time::Timestamp;
use kilter_inference::{Format, Input, InputKind, Signature};
use kilter_keys::sha256;
use serde_json::{Value, json};

use crate::{layout::model_path, manifest::Manifest, sha256::hex};

/// The version of MLflow that was tried with this layout.
const MLFLOW: &str = "3.17.2";
/// The version of Python that is stated where the run recorded none.
const PYTHON: &str = "3.11";

/// The text of `MLmodel`. `model` is the path of the model, `prefix` that of the package, both as the file's folder sees them.
pub(crate) fn mlmodel(manifest: &Manifest, bytes: u64, at_root: bool) -> String {
    let (model, prefix) =
        if at_root { (model_path(manifest.format), "") } else { (manifest.format.file_name(), "../") };
    let made = manifest.made.as_ref();
    let python = made.and_then(|made| made.python.as_deref()).unwrap_or(PYTHON);
    let created = made.map_or(Timestamp(0), |made| made.at);
    let id = hex(&sha256(format!("{} {}", manifest.run, created.millis()).as_bytes())[..16]);
    let (inputs, outputs) = signature(&manifest.signature);
    let text = |value: &str| json!(value).to_string();
    let rest = [
        "  python_function:".to_owned(),
        format!("    code: {prefix}pyfunc"),
        format!("    data: {model}"),
        "    env:".to_owned(),
        format!("      virtualenv: {prefix}env/python_env.yaml"),
        "    loader_module: kilter_pyfunc".to_owned(),
        format!("    python_version: {}", text(python)),
        "metadata:".to_owned(),
        format!(
            "  kilter: {}",
            json!({ "project": manifest.project, "model": manifest.model, "threshold": manifest.threshold })
        ),
        format!("mlflow_version: {MLFLOW}"),
        format!("model_size_bytes: {bytes}"),
        format!("model_uuid: {}", text(&id)),
        format!("run_id: {}", text(&manifest.run)),
        "signature:".to_owned(),
        format!("  inputs: {}", text(&inputs.to_string())),
        format!("  outputs: {}", text(&outputs.to_string())),
        "  params: null".to_owned(),
        format!("utc_time_created: {}", text(&mlflow_time(created))),
    ];
    [vec!["flavors:".to_owned()], flavor(manifest.format, model), rest.to_vec()].concat().join("\n") + "\n"
}

/// The flavor of the bare model.
fn flavor(format: Format, model: &str) -> Vec<String> {
    let common = [format!("  {}:", format.library()), "    code: null".to_owned(), format!("    data: {model}")];
    let own: &[&str] = match format {
        Format::Onnx => &["    onnx_version: null", "    providers: [CPUExecutionProvider]"],
        Format::LightGbm => &["    lgb_version: null", "    model_class: lightgbm.basic.Booster"],
        Format::XgboostJson => {
            &["    model_class: xgboost.core.Booster", "    model_format: json", "    xgb_version: null"]
        }
        Format::XgboostUbjson => {
            &["    model_class: xgboost.core.Booster", "    model_format: ubj", "    xgb_version: null"]
        }
        // The folder of MLflow is in the archive, with its own flavors.
        Format::Pyfunc => return Vec::new(),
    };
    common.into_iter().chain(own.iter().map(|line| (*line).to_owned())).collect()
}

/// A time as MLflow writes it: `2026-11-30 07:25:05.120000`, in UTC.
fn mlflow_time(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.trim_end_matches('Z').replace('T', " ");
    match text.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}"),
        None => format!("{text}.000000"),
    }
}

/// Inputs and outputs in the words of MLflow.
fn signature(signature: &Signature) -> (Value, Value) {
    let input = |input: &Input| {
        let kind = match input.kind {
            InputKind::Number => "double",
            InputKind::Integer | InputKind::Time => "long",
            InputKind::Boolean => "boolean",
            InputKind::Text => "string",
        };
        json!({ "type": kind, "name": input.name, "required": !input.optional })
    };
    let output = |kind: &str, name: &str| json!({ "type": kind, "name": name, "required": true });
    let mut outputs = vec![output("double", "score")];
    if !signature.classes.is_empty() {
        outputs.push(output("string", "label"));
        outputs.extend(signature.classes.iter().map(|class| output("float", &format!("probability_{class}"))));
    }
    (signature.inputs.iter().map(input).collect(), Value::Array(outputs))
}

/// The text of `env/python_env.yaml`.
pub(crate) fn python_env(manifest: &Manifest) -> String {
    let python = manifest.made.as_ref().and_then(|made| made.python.as_deref()).unwrap_or(PYTHON);
    format!("python: {}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n", json!(python))
}

/// The text of `env/requirements.txt`: what loads the model.
pub(crate) fn requirements(format: Format) -> String {
    let libraries = match format {
        Format::Onnx => "mlflow\nnumpy\nonnx\nonnxruntime\npandas\n",
        Format::LightGbm => "lightgbm\nmlflow\nnumpy\npandas\n",
        Format::XgboostJson | Format::XgboostUbjson => "mlflow\nnumpy\npandas\nxgboost>=3.1\n",
        Format::Pyfunc => "mlflow\nnumpy\npandas\n",
    };
    format!(
        "# What loads the model in Python. What its steps ran in is in python.json and in the lock beside it.\n{libraries}"
    )
}
