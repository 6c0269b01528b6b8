//! The gates of a package that came from elsewhere: it brings no rows to be measured on.

use std::collections::BTreeMap;

use kilter_domain::{contract::GateSpec, ids::ModelName, model::GateResult, table::Table};
use kilter_package::Package;
use kilter_store::{PageRequest, model as versions};

use crate::{
    app::App,
    authz::AuthorizedContext,
    gate::{
        GateError,
        evaluate::{Champion, GateEvaluation},
        judge,
        transition::VersionTransition,
    },
    model::{approval_mode::ApprovalMode, golden_replay, load},
    prediction::live,
    project::folder::Project,
};

/// Versions that are asked for their rows.
const MAX_VERSIONS: u32 = 100;

/// Holds an imported draft against the gates of the contract, on the held-out rows of the newest version that a run made and beside the
/// champion, and keeps the verdicts; whether there were such rows.
///
/// # Errors
/// When the model does not accept the rows, or they cannot be read.
pub(crate) fn judge_imported(
    app: &App,
    context: &AuthorizedContext,
    project: &Project,
    number: u32,
) -> Result<bool, GateError> {
    let model = project.model();
    let Some(rows) = held_out_rows(app, &model)? else { return Ok(false) };
    let (package, loaded) = load::load_version(app, &model, number)?;
    let replayed = golden_replay::replay_golden(app, &package, &loaded)?;
    let labelled = project.labelled_dataset()?;
    let roles = project.roles(labelled);
    let champion = live::champion(app, project)?;
    let against = champion.as_ref().map(|(package, model)| Champion {
        model,
        threshold: package.manifest.threshold,
        trained_through: package.manifest.trained_through,
    });
    let gates: &[GateSpec] = &project.contract.gates;
    let bench = GateEvaluation { rows: &rows, roles: &roles, now: context.at, golden: replayed.counted() };
    let facts = BTreeMap::from([("size".to_owned(), package.model_size() as f64)]);
    let measured = bench.measure(&loaded, package.manifest.threshold, against.as_ref(), facts, gates)?;
    let judged: Vec<GateResult> = judge::judge(gates, &measured);
    let mover = VersionTransition { app, project, context, approval_mode: ApprovalMode::Required, number };
    mover.record_draft_verdicts(&judged, None)?;
    Ok(true)
}

/// The labelled rows that the newest version with some was not trained on.
fn held_out_rows(app: &App, model: &ModelName) -> Result<Option<Table>, GateError> {
    let page = PageRequest::first(MAX_VERSIONS);
    let listed = app.store().read(|reader| versions::list(reader, model, None, &page))?.items;
    let scratch = app.scratch(&app.new_id())?;
    for version in listed.iter().filter(|version| version.run.is_some() && app.blobs().has(&version.digest)) {
        let package = Package::load(app.blobs(), version.digest)?;
        if let Some(sample) = package.sample(app.blobs(), scratch.path())? {
            return Ok(Some(sample));
        }
    }
    Ok(None)
}
