//! What a package carries beside the model: code, data requirements, evidence and documents, from what the run recorded.
//!
//! Invariants: code that is not as the run used it is left out and named; what was not recorded is left out, never guessed. Times
//! and paths of the machine are in no file that a reader compares.

use std::{collections::BTreeMap, path::Path};

use kilter_blobs::{ensure_inside, read_bounded};
use kilter_domain::{contract::Dataset, digest::Digest, table::ColumnType};
use kilter_keys::sha256;
use kilter_package::{
    Making, Manifest, PackedCommit, PartSource,
    documents::{self, DatasetOrigin, Origin, PythonPackages, StepOrigin},
};
use kilter_workflow::{LockedDataset, Lockfile, Plan, RunLock, RunRecord, StepRecord, declared_files};
use serde_json::{Value, json};

use crate::{
    project::folder::Project,
    training::{data::FinishedRun, request::cause_sentence},
};

/// The largest file of the code that is packed.
const MAX_CODE_BYTES: u64 = 64 << 20;

/// Everything that a package carries beside the model, and how it was made.
pub(crate) struct PackageFiles {
    pub made: Making,
    pub files: BTreeMap<String, PartSource>,
    origin: Origin,
}

impl PackageFiles {
    /// Of a run that came to these metrics.
    pub fn of(run: &FinishedRun<'_>, metrics: &BTreeMap<String, f64>) -> Self {
        let (project, record) = (run.project, run.record);
        let mut files = BTreeMap::new();
        let changed_code = pack_code(project, record, &mut files);
        pack_lock(project, &mut files);
        pack_data(project, record, &mut files);
        pack_run(record, metrics, &mut files);
        let patch = record.git.as_ref().filter(|git| git.dirty).and_then(|_| kilter_workflow::patch(&project.folder));
        if let Some(patch) = patch {
            files.insert("flow/dirty.patch".to_owned(), PartSource::Bytes(patch));
        }
        let origin = origin(run, metrics);
        let package = project.contract.package.as_ref();
        let made = Making {
            kilter: env!("CARGO_PKG_VERSION").to_owned(),
            at: run.training.context.at,
            python: origin.python.as_ref().map(|python| python.version.clone()),
            commit: record.git.as_ref().map(|git| PackedCommit { id: git.commit.clone(), dirty: git.dirty }),
            owner: project.contract.project.owner.as_ref().map(ToString::to_string),
            licence: package.and_then(|package| package.licence.clone()),
            changed_code,
        };
        Self { made, files, origin }
    }

    /// The files, with the documents about the model that these bytes are.
    pub fn with_documents(self, manifest: &Manifest, model: &[u8]) -> BTreeMap<String, PartSource> {
        let Self { mut files, origin, .. } = self;
        let hash = sha256(model);
        let written = [
            ("evidence/provenance.intoto.json", documents::provenance(manifest, &origin, &hash)),
            ("sbom.cdx.json", documents::bill_of_materials(manifest, &origin, &hash)),
            ("docs/MODEL_CARD.md", documents::model_card(manifest, &origin).into_bytes()),
        ];
        for (path, bytes) in written {
            // A card that people wrote, and that `include` names, stays theirs: it is packed under `code/` as well.
            files.insert(path.to_owned(), PartSource::Bytes(bytes));
        }
        files
    }
}

/// The files that the steps ran, and those that `[package] include` names. Returns those that are not as the run used them.
fn pack_code(project: &Project, record: &RunRecord, files: &mut BTreeMap<String, PartSource>) -> Vec<String> {
    let used: BTreeMap<&String, &Digest> = record.steps.iter().flat_map(|step| &step.code).collect();
    let mut changed = Vec::new();
    for (path, digest) in used {
        match read_project_file(&project.folder, path) {
            // Of a notebook the run used the cells alone; it is packed as it is.
            Some(bytes) if path.ends_with(".ipynb") || Digest::of(&bytes) == *digest => {
                files.insert(format!("code/{path}"), PartSource::Bytes(bytes));
            }
            _ => changed.push(path.clone()),
        }
    }
    // What belongs to the lock of the environment is no code that a key names, and is needed to make the run again.
    let declared = Plan::of(&project.contract).ok().and_then(|plan| declared_files(&plan, &project.folder).ok());
    for path in declared.unwrap_or_default() {
        if let (false, Ok(place)) = (changed.contains(&path), ensure_inside(&project.folder, Path::new(&path))) {
            files.entry(format!("code/{path}")).or_insert(PartSource::File(place));
        }
    }
    let included = project.contract.package.as_ref().map(|package| package.include.as_slice()).unwrap_or_default();
    for path in kilter_workflow::matching_files(&project.folder, included).unwrap_or_default() {
        // A link may lead anywhere; it is no part of the project.
        if let Ok(place) = ensure_inside(&project.folder, Path::new(&path)) {
            files.entry(format!("code/{path}")).or_insert(PartSource::File(place));
        }
    }
    changed
}

fn read_project_file(folder: &Path, path: &str) -> Option<Vec<u8>> {
    let place = ensure_inside(folder, Path::new(path)).ok()?;
    read_bounded(&place, MAX_CODE_BYTES).ok()
}

/// The lock of the environment, under its own name; and where the steps find it, with what belongs to it.
fn pack_lock(project: &Project, files: &mut BTreeMap<String, PartSource>) {
    let Some(lock) = &project.contract.env.lock else { return };
    let name = Path::new(lock).file_name().and_then(|name| name.to_str());
    if let (Some(name), Some(bytes)) = (name, read_project_file(&project.folder, lock)) {
        // The loader's requirements have their own name.
        let name = if name == "requirements.txt" { "lock.txt" } else { name };
        files.insert(format!("env/{name}"), PartSource::Bytes(bytes));
    }
    for path in kilter_workflow::lock_files(lock, &project.folder) {
        if let Some(bytes) = read_project_file(&project.folder, &path) {
            files.insert(format!("code/{path}"), PartSource::Bytes(bytes));
        }
    }
}

/// What is required of the data, what it looked like, and which of its versions it was.
fn pack_data(project: &Project, record: &RunRecord, files: &mut BTreeMap<String, PartSource>) {
    let mut put = |path: String, document: Value| files.insert(path, PartSource::Bytes(pretty(&document)));
    let stated = |name: &str| project.contract.data.iter().find(|dataset| dataset.name.as_str() == name);
    let (mut requirements, mut pins) = (json!({}), json!({}));
    for (name, pin) in &record.data {
        put(format!("data/{name}.schema.json"), schema(name.as_str(), pin));
        if let Some(dataset) = stated(name.as_str()) {
            requirements[name.as_str()] = required(dataset);
        }
        pins[name.as_str()] = json!({
            "path": pin.path,
            "version": pin.version,
            "digest": pin.content.digest,
            "kind": pin.content.kind,
            "bytes": pin.content.bytes,
            "files": pin.content.files,
            "rows": pin.profile.rows,
        });
    }
    put("data/requirements.json".to_owned(), requirements);
    put("data/pins.json".to_owned(), pins);
    if let Some(text) = Lockfile::text_of(&record.data) {
        files.insert("flow/kilter.lock".to_owned(), PartSource::Bytes(text.into_bytes()));
    }
}

/// A JSON Schema of one row, as the columns were read.
fn schema(name: &str, pin: &LockedDataset) -> Value {
    let mut properties = json!({});
    for column in &pin.profile.columns {
        let kind = match column.kind {
            ColumnType::Float => "number",
            ColumnType::Int | ColumnType::Time => "integer",
            ColumnType::Bool => "boolean",
            ColumnType::Text => "string",
        };
        let may_be_missing = column.missing.is_none_or(|missing| missing > 0);
        properties[column.name.as_str()] =
            json!({ "type": if may_be_missing { json!([kind, "null"]) } else { json!(kind) } });
    }
    let names: Vec<&String> = pin.profile.columns.iter().map(|column| &column.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        "type": "object",
        "properties": properties,
        "required": names,
    })
}

/// What the contract says of a dataset: its rules, and what its columns are for.
fn required(dataset: &Dataset) -> Value {
    json!({
        "require": dataset.require.iter().map(ToString::to_string).collect::<Vec<String>>(),
        "label": dataset.label,
        "positive": dataset.positive,
        "time": dataset.time,
        "id": dataset.id,
        "weight": dataset.weight,
        "sensitive": dataset.sensitive,
        "ignore": dataset.ignore,
        "categorical": dataset.categorical,
        "schema": dataset.schema,
    })
}

/// The record of the run, what it measured, and the Python that it ran.
fn pack_run(record: &RunRecord, metrics: &BTreeMap<String, f64>, files: &mut BTreeMap<String, PartSource>) {
    let mut put = |path: &str, document: Value| files.insert(path.to_owned(), PartSource::Bytes(pretty(&document)));
    let of_steps: BTreeMap<String, Value> = record
        .steps
        .iter()
        .filter(|step| !step.metrics.is_empty())
        .map(|step| (step.step.to_string(), json!(step.metrics)))
        .collect();
    put("evidence/metrics.json", json!({ "held_out": metrics, "steps": of_steps }));
    let lock = RunLock::of(record);
    if !lock.environments.is_empty() {
        put("env/python.json", json!(lock.environments));
    }
    files.insert("flow/run.json".to_owned(), PartSource::Bytes(lock.to_json().into_bytes()));
}

fn origin(run: &FinishedRun<'_>, metrics: &BTreeMap<String, f64>) -> Origin {
    let (project, record) = (run.project, run.record);
    let contract = &project.contract;
    let sensitive = |name: &str| {
        let dataset = contract.data.iter().find(|dataset| dataset.name.as_str() == name);
        dataset.map(|dataset| dataset.sensitive.clone()).unwrap_or_default()
    };
    let datasets = record.data.iter().map(|(name, pin)| {
        let origin = DatasetOrigin {
            path: pin.path.clone(),
            version: pin.version.clone(),
            digest: pin.content.digest,
            bytes: pin.content.bytes,
            rows: pin.profile.rows,
            sensitive: sensitive(name.as_str()),
        };
        (name.to_string(), origin)
    });
    Origin {
        started: record.started,
        ended: record.ended,
        cause: cause_sentence(&run.training.cause),
        purpose: contract.project.purpose.clone(),
        not_for: contract.project.not_for.clone(),
        risk: json!(contract.project.risk).as_str().unwrap_or_default().to_owned(),
        metrics: metrics.clone(),
        params: Value::Object(record.params.clone()),
        datasets: datasets.collect(),
        steps: record.steps.iter().map(|step| step_origin(project, step)).collect(),
        python: python(record),
    }
}

fn step_origin(project: &Project, step: &StepRecord) -> StepOrigin {
    let stated = project.contract.step(&step.step);
    let command = stated.map(|stated| stated.run.to_string()).unwrap_or_default();
    StepOrigin {
        name: step.step.to_string(),
        command,
        key: step.key,
        params: step.params.clone(),
        inputs: step.inputs.iter().map(|(name, content)| (name.clone(), content.digest)).collect(),
        outputs: step.outputs.iter().map(|(name, output)| (name.clone(), output.content.digest)).collect(),
        code: step.code.clone(),
        log: step.log,
    }
}

/// The Python of the run: the first that was recorded, with every package.
fn python(record: &RunRecord) -> Option<PythonPackages> {
    let found = record.environments.first()?;
    Some(PythonPackages { version: found.version.clone(), packages: found.packages.clone() })
}

fn pretty(document: &Value) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}
