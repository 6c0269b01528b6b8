//! SLSA provenance (v1): which run made the model, from which data, code and environment.

use std::collections::BTreeMap;

use kilter_domain::digest::Digest;
use serde_json::{Value, json};

use crate::{
    documents::{
        origin::{Origin, StepOrigin},
        text::pretty,
    },
    manifest::Manifest,
    sha256::hex,
    statement::{Statement, Subject},
};

/// The kind of the statement.
pub const PROVENANCE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// The kind of the build: a run of a contract.
const BUILD_TYPE: &str = "urn:kilter:run:v1";
const BUILDER: &str = "urn:kilter:platform";

/// The text of `evidence/provenance.intoto.json`, about the model with this SHA-256.
pub fn provenance(manifest: &Manifest, origin: &Origin, model_sha256: &[u8; 32]) -> Vec<u8> {
    let digest = BTreeMap::from([("sha256".to_owned(), hex(model_sha256))]);
    let subject = Subject { name: crate::layout::model_path(manifest.format).to_owned(), digest };
    let statement = Statement::new(subject, PROVENANCE_TYPE, predicate(manifest, origin));
    pretty(&json!(statement))
}

fn predicate(manifest: &Manifest, origin: &Origin) -> Value {
    let made = manifest.made.clone().unwrap_or_default();
    let steps: Vec<Value> = origin.steps.iter().map(step).collect();
    let logs = origin.steps.iter().filter_map(|step| Some(resource(&format!("log/{}", step.name), &step.log?)));
    let outputs = origin.steps.iter().flat_map(|step| {
        step.outputs.iter().map(|(name, digest)| resource(&format!("output/{}.{name}", step.name), digest))
    });
    let metrics = json!({ "name": "metrics", "annotations": origin.metrics });
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "project": manifest.project,
                "model": manifest.model,
                "params": origin.params,
                "steps": steps,
            },
            "internalParameters": { "cause": origin.cause, "trainedRows": manifest.trained_rows },
            "resolvedDependencies": dependencies(manifest, origin),
        },
        "runDetails": {
            "builder": { "id": BUILDER, "version": { "kilter": made.kilter } },
            "metadata": {
                "invocationId": manifest.run,
                "startedOn": origin.started.to_string(),
                "finishedOn": origin.ended.to_string(),
            },
            "byproducts": outputs.chain(logs).chain([metrics]).collect::<Vec<Value>>(),
        },
    })
}

fn step(step: &StepOrigin) -> Value {
    json!({
        "name": step.name,
        "command": step.command,
        "key": step.key.map(|key| key.to_string()),
        "params": step.params,
    })
}

/// Data, code and environment: each once, whatever steps used it.
fn dependencies(manifest: &Manifest, origin: &Origin) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for (name, dataset) in &origin.datasets {
        let mut data = resource(&format!("data/{name}"), &dataset.digest);
        data["annotations"] = json!({ "path": dataset.path, "version": dataset.version, "rows": dataset.rows });
        found.push(data);
    }
    let code: BTreeMap<&String, &Digest> = origin.steps.iter().flat_map(|step| &step.code).collect();
    found.extend(code.into_iter().map(|(path, digest)| resource(&format!("code/{path}"), digest)));
    if let Some(commit) = manifest.made.as_ref().and_then(|made| made.commit.as_ref()) {
        found.push(json!({
            "name": "commit",
            "digest": { "gitCommit": commit.id },
            "annotations": { "dirty": commit.dirty },
        }));
    }
    if let Some(python) = &origin.python {
        let packages = python.packages.iter().map(|(name, version)| format!("{name}=={version}\n"));
        let text = format!("python=={}\n{}", python.version, packages.collect::<String>());
        let digest = hex(&kilter_keys::sha256(text.as_bytes()));
        found.push(json!({ "name": "environment", "digest": { "sha256": digest } }));
    }
    found
}

fn resource(name: &str, digest: &Digest) -> Value {
    json!({ "name": name, "digest": { "blake3": digest.to_string() } })
}
