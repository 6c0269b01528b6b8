//! The bill of materials (CycloneDX 1.6, ML-BOM): the model with what was measured, its data, and the packages of its environment.

use kilter_inference::Task;
use kilter_keys::sha256;
use serde_json::{Value, json};

use crate::{
    documents::{origin::Origin, text::pretty},
    manifest::Manifest,
    sha256::hex,
};

/// The text of `sbom.cdx.json`, about the model with this SHA-256.
pub fn bill_of_materials(manifest: &Manifest, origin: &Origin, model_sha256: &[u8; 32]) -> Vec<u8> {
    let made = manifest.made.clone().unwrap_or_default();
    let mut components: Vec<Value> = origin
        .datasets
        .iter()
        .map(|(name, dataset)| {
            let properties = [
                Some(("kilter:blake3", dataset.digest.to_string())),
                dataset.rows.map(|rows| ("kilter:rows", rows.to_string())),
                Some(("kilter:path", dataset.path.clone())),
            ];
            let properties =
                properties.into_iter().flatten().map(|(name, value)| json!({ "name": name, "value": value }));
            let mut data = json!({ "type": "dataset", "name": name });
            if !dataset.sensitive.is_empty() {
                data["sensitiveData"] = json!(dataset.sensitive);
            }
            json!({
                "type": "data",
                "bom-ref": format!("data/{name}"),
                "name": name,
                "data": [data],
                "properties": properties.collect::<Vec<Value>>(),
            })
        })
        .collect();
    if let Some(python) = &origin.python {
        components.push(json!({
            "type": "platform", "bom-ref": "platform/python", "name": "python", "version": python.version,
        }));
        components.extend(python.packages.iter().map(|(name, version)| library(name, version)));
    }
    pretty(&json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid_of(manifest, model_sha256)),
        "version": 1,
        "metadata": {
            "timestamp": made.at.to_string(),
            "tools": { "components": [{ "type": "application", "name": "kilter", "version": made.kilter }] },
            "component": model(manifest, origin, model_sha256),
        },
        "components": components,
    }))
}

/// A package of the environment. Of one from elsewhere than an index, the version says where from: that is a property.
fn library(name: &str, version: &str) -> Value {
    let (plain, source) = match version.split_once(" (") {
        Some((plain, source)) => (plain, Some(source.trim_end_matches(')'))),
        None => (version, None),
    };
    let mut library = json!({
        "type": "library",
        "bom-ref": format!("pkg:pypi/{name}@{version}"),
        "name": name,
        "version": plain,
        "purl": format!("pkg:pypi/{}@{}", escaped(&name.to_lowercase().replace('_', "-")), escaped(plain)),
    });
    if let Some(source) = source {
        library["properties"] = json!([{ "name": "kilter:source", "value": source }]);
    }
    library
}

/// What a package URL does not take as it stands.
fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let escape = |byte: u8| if is_plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}

/// A UUID of version 8 that follows from the model and its run.
fn uuid_of(manifest: &Manifest, model_sha256: &[u8; 32]) -> String {
    let mut bytes = sha256(&[manifest.run.as_bytes(), model_sha256].concat());
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex(&bytes[..16]);
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn model(manifest: &Manifest, origin: &Origin, model_sha256: &[u8; 32]) -> Value {
    let made = manifest.made.clone().unwrap_or_default();
    let mut model = json!({
        "type": "machine-learning-model",
        "bom-ref": "model",
        "name": manifest.model,
        "version": manifest.run,
        "hashes": [{ "alg": "SHA-256", "content": hex(model_sha256) }],
        "modelCard": card(manifest, origin),
    });
    if let Some(purpose) = &origin.purpose {
        model["description"] = json!(purpose);
    }
    if let Some(owner) = &made.owner {
        model["authors"] = json!([{ "name": owner }]);
    }
    if let Some(licence) = &made.licence {
        model["licenses"] = json!([{ "license": { "name": licence } }]);
    }
    model
}

fn card(manifest: &Manifest, origin: &Origin) -> Value {
    let task = match manifest.signature.task {
        Task::Binary => "binary classification",
        Task::Multiclass => "multiclass classification",
        Task::Regression => "regression",
    };
    let inputs = manifest
        .signature
        .inputs
        .iter()
        .map(|input| json!({ "format": format!("{}: {:?}", input.name, input.kind).to_lowercase() }));
    let metrics = origin
        .metrics
        .iter()
        .map(|(name, value)| json!({ "type": name, "value": value.to_string(), "slice": "held-out rows" }));
    let mut considerations = json!({});
    if let Some(purpose) = &origin.purpose {
        considerations["useCases"] = json!([purpose]);
    }
    if !origin.not_for.is_empty() {
        let not_for: Vec<String> = origin.not_for.iter().map(|use_| format!("not for {use_}")).collect();
        considerations["technicalLimitations"] = json!(not_for);
    }
    json!({
        "modelParameters": {
            "approach": { "type": "supervised" },
            "task": task,
            "datasets": origin.datasets.keys().map(|name| json!({ "ref": format!("data/{name}") })).collect::<Vec<Value>>(),
            "inputs": inputs.collect::<Vec<Value>>(),
            "outputs": [{ "format": "score" }],
        },
        "quantitativeAnalysis": { "performanceMetrics": metrics.collect::<Vec<Value>>() },
        "considerations": considerations,
    })
}
