//! Who may read and change a registered model.

use kilter_domain::{actor::Action, ids::ProjectName, registry::RegisteredName, search::Projects};
use kilter_store::registry::model;

use super::RegistryError;
use crate::{app::App, authz, context::RequestContext, tracking};

/// Asks for a right to a model: that of its project; where it has none, that of the token that is shown.
pub(super) fn authorize(
    app: &App,
    context: &RequestContext,
    action: Action,
    project: Option<&ProjectName>,
) -> Result<(), RegistryError> {
    Ok(tracking::authorize(app, context, action, project)?)
}

/// The project of a model, if whoever asks has the right to it.
pub(super) fn project_of(
    app: &App,
    context: &RequestContext,
    action: Action,
    name: &RegisteredName,
) -> Result<Option<ProjectName>, RegistryError> {
    let project = app.store().read(|reader| model::project(reader, name))?;
    authorize(app, context, action, project.as_ref()).map(|()| project)
}

/// Asks for the right to change a model as one likes: it is under no contract.
pub(super) fn check_free(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    (what, act): (&'static str, &'static str),
) -> Result<(), RegistryError> {
    match project_of(app, context, Action::Run, name)? {
        None => Ok(()),
        Some(project) => Err(RegistryError::Governed {
            what,
            name: name.to_string(),
            act,
            reason: format!("it is under the contract of project `{project}`"),
        }),
    }
}

/// The project of a model, whose contract decides who may change it; where it has none, whoever asks must have the right to run.
pub(super) fn governing(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
) -> Result<Option<ProjectName>, RegistryError> {
    match app.store().read(|reader| model::project(reader, name))? {
        Some(project) => Ok(Some(project)),
        None => authorize(app, context, Action::Run, None).map(|()| None),
    }
}

/// Those whose models whoever asks may read.
pub(super) fn readable(app: &App, context: &RequestContext) -> Result<Projects, RegistryError> {
    authorize(app, context, Action::Read, None)?;
    Ok(Projects::Only(authz::readable(app, context).projects.into_iter().collect()))
}
