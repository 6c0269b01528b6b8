//! Approved versions go to the registry that their contract names.

use kilter_domain::{ids::ModelName, model::VersionState, time::Timestamp};
use kilter_package::oci::{self, OciAddress, Pushed, RegistryOptions};
use kilter_store::{
    PageRequest, audit,
    model::{self as versions, Version},
    setting as settings,
};
use serde_json::json;

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    private_files::temporary_folder,
    project::folder::Project,
    publish::{error::PublishError, stored_package},
    registered,
};

/// Versions of a model that are looked at, the newest first.
const MAX_VERSIONS: u32 = 20;
/// Entries of the log that are read at a time.
const MAX_ENTRIES: u32 = 500;

/// What became of a version that was due.
#[derive(Debug)]
pub struct PushOutcome {
    /// The model.
    pub model: ModelName,
    /// The number of the version.
    pub number: u32,
    /// Where it is now, or why it is not there.
    pub result: Result<Pushed, PublishError>,
}

/// An approved version that is not yet where its contract wants it.
#[derive(Debug)]
pub struct DuePush {
    version: Version,
    stated: String,
}

/// Whether entries of the log behind `seen` can make a push due: a version that changed, or a contract. Without `seen`, anything can. And the
/// last entry that was looked at. Reads these entries alone.
///
/// # Errors
/// When the log cannot be read.
pub fn may_be_due(app: &App, seen: Option<u64>) -> Result<(bool, u64), StorageError> {
    let is_cause = |object: &str| object.starts_with("version:") || object.starts_with("contract:");
    let found = app.store().read(|reader| {
        let end = audit::size(reader)?;
        let Some(mut seen) = seen else { return Ok((true, end)) };
        while seen < end {
            let entries = audit::list_after(reader, seen, MAX_ENTRIES)?;
            if entries.iter().any(|entry| is_cause(&entry.object)) {
                return Ok((true, end));
            }
            seen = entries.last().map_or(end, |entry| entry.seq);
        }
        Ok((false, end))
    });
    Ok(found?)
}

/// Every approved version that is not yet where its contract wants it.
///
/// # Errors
/// When projects or versions cannot be listed.
pub fn due_pushes(app: &App) -> Result<Vec<DuePush>, StorageError> {
    let mut found = Vec::new();
    for name in registered::projects(app)? {
        // A project whose contract cannot be read is reported by whoever evaluates it.
        let Ok(project) = registered::recorded_project(app, &name) else { continue };
        let Some(stated) = project.contract.package.as_ref().and_then(|package| package.push.clone()) else { continue };
        let versions = due(app, &project, &stated)?.into_iter();
        found.extend(versions.map(|version| DuePush { version, stated: stated.clone() }));
    }
    Ok(found)
}

/// Sends versions to the registries of their contracts. Each that arrived has an entry of the audit log; one that did not is due
/// again.
pub fn push_due(app: &App, now: Timestamp, due: Vec<DuePush>) -> Vec<PushOutcome> {
    let by = AuthorizedContext::system("registry", now);
    let outcome = |DuePush { version, stated }: DuePush| {
        let (model, number) = (version.model.clone(), version.number);
        PushOutcome { model, number, result: push(app, &by, &version, &stated) }
    };
    due.into_iter().map(outcome).collect()
}

/// Where it is noted what was sent: by version and by what the contract says.
fn note(version: &Version) -> String {
    format!("package_push:{}@{}", version.model, version.number)
}

fn due(app: &App, project: &Project, stated: &str) -> Result<Vec<Version>, StorageError> {
    let model = project.model();
    let found = app.store().read(|reader| {
        let page = versions::list(reader, &model, Some(VersionState::Approved), &PageRequest::first(MAX_VERSIONS))?;
        let mut found = Vec::new();
        for version in page.items {
            let sent = settings::find(reader, &note(&version))?;
            let is_sent = sent.is_some_and(|sent| sent.value["push"].as_str() == Some(stated));
            found.extend((!is_sent).then_some(version));
        }
        Ok(found)
    })?;
    Ok(found)
}

fn push(app: &App, by: &AuthorizedContext, version: &Version, stated: &str) -> Result<Pushed, PublishError> {
    let address = address_of(stated, version.number, &|name| std::env::var(name).ok())?;
    let scratch = temporary_folder(&app.folder().join("scratch"), "push.")
        .map_err(|source| StorageError::WriteFile { path: app.folder().to_owned(), source })?;
    let package = stored_package::check_out(app, &version.model, version.number, scratch.path())?;
    let pushed = oci::push(&package.folder, &package.facts(by.at), &address, &RegistryOptions::default())?;
    let evidence = vec![pushed.address.to_string()];
    let draft = by.audit_event("package.push", format!("the contract wants approved versions at {stated}"), evidence);
    let (name, value) = (note(version), json!({ "push": stated, "address": pushed.address.to_string() }));
    app.store().write(move |tx| settings::put(&tx.audited(draft), &name, &value).map(|_| ()))?;
    Ok(pushed)
}

/// The address that a contract states, with `${NAME}` from the environment, and the number of the version where it has no tag.
fn address_of(
    stated: &str,
    number: u32,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<OciAddress, PublishError> {
    let mut text = String::new();
    let mut rest = stated;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(&variable(name).ok_or_else(|| PublishError::Variable { variable: name.to_owned() })?);
        rest = behind;
    }
    text.push_str(rest);
    let has_tag = text.rsplit('/').next().is_some_and(|last| last.contains(':'));
    if !has_tag {
        text.push_str(&format!(":{number}"));
    }
    Ok(text.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_variables_and_the_number_of_the_version() {
        let variable = |name: &str| (name == "REGISTRY").then(|| "127.0.0.1:5000".to_owned());
        let shown = |stated: &str| match address_of(stated, 7, &variable) {
            Ok(address) => address.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown("oci://${REGISTRY}/models/churn"), "oci://127.0.0.1:5000/models/churn:7");
        assert_eq!(shown("oci://registry.example/churn:stable"), "oci://registry.example/churn:stable");
        assert!(shown("oci://${HOST}/churn").contains("needs the environment variable HOST"));
        assert!(shown("registry.example/churn").contains("does not begin with oci://"));
    }
}
