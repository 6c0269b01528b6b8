//! A package from elsewhere becomes a draft of a model that is registered here.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use kilter_domain::{
    event::{EventKind, EventMetrics},
    ids::ModelName,
    model::VersionState,
    table::Table,
};
use kilter_evaluation::reference::Reference;
use kilter_package::{CheckResult, MANIFEST_PATH, Making, Manifest, Package, Parts, SCHEMA, verify_folder};
use kilter_store::{
    model::{self as versions, Version},
    registry::NewRegisteredVersion,
};
use serde_json::json;

use crate::{
    app::App,
    approval::project_of,
    authz::{AuthorizedContext, Subject, access_map, act},
    components::model_memory::Loaded,
    context::RequestContext,
    model::{input_rules::RuleSource, load, mlflow_folder, runtime::ModelLoader, signature},
    package::error::PackageUseError,
    project::folder::Project,
};

/// As what a package is registered.
#[derive(Clone, Debug)]
pub struct ImportTarget<'t> {
    /// The model that it becomes a version of.
    pub model: &'t ModelName,
    /// Why, for the audit log.
    pub reason: &'t str,
}

/// Registers the package in `folder` as a draft: one of our own, or a model folder of MLflow. The number of the version.
///
/// # Errors
/// If the folder is no package, its files are not those that it lists, the model is not registered here, or the actor may not
/// submit a version.
pub fn import_package(
    app: &App,
    context: &RequestContext,
    folder: &Path,
    target: &ImportTarget<'_>,
) -> Result<(u32, VersionState), PackageUseError> {
    let by: AuthorizedContext =
        access_map::require_act::<act::Submit>(app, context, &Subject::Model(target.model.clone()))?.into();
    let project = project_of(app, target.model).map_err(|error| PackageUseError::Invalid(error.to_string()))?;
    let taken = FolderSource { folder, reason: target.reason, registration: NewRegisteredVersion::default() };
    let (version, _) = register_folder(app, &by, &project, taken)?;
    Ok((version.number, version.state))
}

/// A folder that becomes a version.
pub(crate) struct FolderSource<'f> {
    /// Where it is.
    pub folder: &'f Path,
    /// Why, for the audit log.
    pub reason: &'f str,
    /// What a client of the registry says of the version.
    pub registration: NewRegisteredVersion,
}

/// Registers a folder as a draft of the model of a project, for someone who may submit it. Beside the version its model, where it was loaded: as
/// long as it is held, nobody starts workers for it again.
pub(crate) fn register_folder(
    app: &App,
    by: &AuthorizedContext,
    project: &Project,
    FolderSource { folder, reason, registration }: FolderSource<'_>,
) -> Result<(Version, Option<Loaded>), PackageUseError> {
    let model = project.model();
    let (package, loaded) = if folder.join(MANIFEST_PATH).is_file() {
        (Arc::new(store_package(app, folder)?), None)
    } else {
        let loaded = pack_model(app, by, project, folder)?;
        (loaded.0.clone(), Some(loaded))
    };
    let signed_by = signature::sign_package(app, by, &model, &package)?;
    let new = versions::NewVersion {
        model: model.clone(),
        run: None,
        digest: package.digest,
        makers: by.everyone(),
        signature: json!(package.manifest.signature),
        policy: project.contract.policy_text(),
        metrics: json!({}),
    };
    tracing::info!(%model, digest = package.digest.short(), signed_by, "a package is imported");
    let draft = by.decision_event(EventKind::Trained, reason, &EventMetrics::default());
    let version = app.store().write(move |tx| versions::create_registered(&tx.audited(draft), &new, &registration))?;
    Ok((version, loaded))
}

/// Stores a folder of our own as it is, without its signature: it keeps its identity.
fn store_package(app: &App, folder: &Path) -> Result<Package, PackageUseError> {
    let nobody = |_: &str| Err("it is not asked who signed it".to_owned());
    let verified = verify_folder(folder, &nobody)?;
    for check in [&verified.hashes, &verified.golden] {
        if check.is_failure() {
            return Err(PackageUseError::Invalid(check.detail().to_owned()));
        }
    }
    if let CheckResult::Skipped(reason) = &verified.hashes {
        // Packages of earlier layouts list no digests: nothing would show that a file was changed.
        return Err(PackageUseError::Invalid(reason.clone()));
    }
    let digest = kilter_package::store_folder(app.blobs(), folder)?;
    if digest != verified.digest {
        return Err(PackageUseError::Invalid("its files changed while they were read".to_owned()));
    }
    Ok(Package::load(app.blobs(), digest)?)
}

/// Packs the model of a folder that MLflow wrote. What a training would know of it is not known.
fn pack_model(app: &App, by: &AuthorizedContext, project: &Project, folder: &Path) -> Result<Loaded, PackageUseError> {
    if mlflow_folder::flavors(folder).is_none() {
        return Err(PackageUseError::NoPackage(folder.to_owned()));
    }
    let (model, model_bytes) = ModelLoader::of(app).load_folder(folder)?;
    let (reference, trained_on) = (Reference::of(&Table::default(), |_| false), Table::default());
    let source = RuleSource {
        contract: &project.contract,
        signature: model.signature(),
        recorded: &[],
        trained_on: &trained_on,
        reference: &reference,
    };
    let manifest = Manifest {
        schema: SCHEMA,
        project: project.name.clone(),
        model: project.model(),
        run: format!("import-{}", app.new_id()),
        format: model.format(),
        signature: model.signature().clone(),
        recorded: Vec::new(),
        input_rules: source.rules()?,
        datasets: BTreeMap::new(),
        trained_through: None,
        trained_rows: 0,
        threshold: 0.5,
        tuned_from: None,
        made: Some(Making {
            kilter: env!("CARGO_PKG_VERSION").to_owned(),
            at: by.at,
            owner: project.contract.project.owner.as_ref().map(ToString::to_string),
            ..Making::default()
        }),
        files: Vec::new(),
    };
    let parts = Parts {
        manifest,
        reference,
        sample: None,
        golden: None,
        model_bytes,
        contract: &project.text,
        files: BTreeMap::new(),
    };
    let scratch = app.scratch(&app.new_id())?;
    let stored = Package::put(app.blobs(), &scratch.path().join("package"), parts)?;
    Ok(load::keep_version(app, stored.digest, Arc::new(model))?)
}
