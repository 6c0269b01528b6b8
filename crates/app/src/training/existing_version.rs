//! Whether a run came to what a version holds already: then it makes no other.
//!
//! Invariants: "unchanged" means that no step was executed, and that data, outputs and all of the contract that packs and
//! judges a version are what they were in the run of that version. `--force` asks for another version all the same.

use std::collections::BTreeMap;

use kilter_blobs::Content;
use kilter_domain::{
    contract::{Contract, Environment, Project as Stated, Replay},
    model::VersionState,
    run::{RunState, StepState},
};
use kilter_store::{PageRequest, model as versions, project as projects, run as runs};
use kilter_workflow::{Force, RunRecord, UnchangedVersion};

use crate::{
    app::App, causes::StorageError, model::approval_mode::ApprovalMode, project::folder::Project,
    training::request::Training,
};

/// Versions that are looked at, the newest first.
const MAX_VERSIONS: u32 = 50;

/// The version that `record` would make again, and where that stands.
pub(crate) fn unchanged_version(
    app: &App,
    project: &Project,
    training: &Training,
    record: &RunRecord,
) -> Result<Option<(UnchangedVersion, VersionState)>, StorageError> {
    let is_executed = record.steps.iter().any(|step| step.state != StepState::Cached);
    // A replay plays what was: whether a training was worth anything is what it finds out.
    let is_asked = training.overrides.force == Force::None && training.approval_mode == ApprovalMode::Required;
    if record.state != RunState::Succeeded || project.contract.package.is_none() || is_executed || !is_asked {
        return Ok(None);
    }
    let model = project.model();
    let listed = app.store().read(|reader| versions::list(reader, &model, None, &PageRequest::first(MAX_VERSIONS)))?;
    for version in listed.items {
        // What was taken away is made again by whoever asks for it.
        if matches!(version.state, VersionState::Retired | VersionState::Revoked) {
            continue;
        }
        let Some(id) = &version.run else { continue };
        let (run, contract) = app.store().read(|reader| {
            let run = runs::find(reader, id)?;
            let contract =
                run.as_ref().map(|run| projects::contract_at(reader, &run.project, run.created)).transpose()?.flatten();
            Ok((run, contract))
        })?;
        let before = run.and_then(|run| serde_json::from_value::<RunRecord>(run.record).ok());
        let (Some(before), Some(contract)) = (before, contract) else { continue };
        let is_same_contract =
            Contract::parse(&contract.text).is_ok_and(|then| packed(then) == packed(project.contract.clone()));
        if is_same_contract && contents(&before) == contents(record) {
            let number = version.number;
            return Ok(Some((UnchangedVersion { model, number }, version.state)));
        }
    }
    Ok(None)
}

/// Everything that a run read and wrote, by name.
fn contents(record: &RunRecord) -> BTreeMap<String, Content> {
    let data = record.data.iter().map(|(name, pin)| (format!("data {name}"), pin.content.clone()));
    let outputs = record.steps.iter().flat_map(|step| {
        step.outputs.iter().map(|(name, output)| (format!("{}.{name}", step.step), output.content.clone()))
    });
    data.chain(outputs).collect()
}

/// The contract without what neither packs nor judges a version: how it was trained stands in the outputs.
fn packed(contract: Contract) -> Contract {
    let stated = Stated { risk: contract.project.risk, name: contract.project.name.clone(), ..Stated::default() };
    Contract {
        project: stated,
        objectives: Vec::new(),
        env: Environment::default(),
        params: serde_json::Value::Null,
        steps: Vec::new(),
        retrain: None,
        replay: Replay::default(),
        ..contract
    }
}
