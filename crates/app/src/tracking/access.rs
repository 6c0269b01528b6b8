//! Who may read and write an experiment.

use kilter_domain::{actor::Action, ids::ProjectName, tracking::ExperimentId};
use kilter_store::tracking::{
    experiment::{self, Experiment},
    run,
};

use super::TrackingError;
use crate::{
    app::App,
    authz::{self, Subject},
    components::access::outside_scope,
    context::RequestContext,
};

/// Why what a run of the platform logged and made stays as it is.
pub(super) const EXECUTED: &str = "the platform executed it";

/// Asks for a right to an experiment: that of its project; where that is none, that of the token that is shown.
pub(crate) fn authorize(
    app: &App,
    context: &RequestContext,
    action: Action,
    project: Option<&ProjectName>,
) -> Result<(), TrackingError> {
    match project {
        Some(project) => Ok(authz::require(app, context, action, &Subject::Project(project.clone())).map(|_| ())?),
        None => authorize_outside(context, action),
    }
}

/// Asks for a right to what belongs to no project.
pub(super) fn authorize_outside(context: &RequestContext, action: Action) -> Result<(), TrackingError> {
    match context.credential.scope.allows(action, None) {
        true => Ok(()),
        false => Err(outside_scope(context, action).into()),
    }
}

/// The experiment, if whoever asks has the right to it.
pub(super) fn experiment(
    app: &App,
    context: &RequestContext,
    action: Action,
    id: ExperimentId,
) -> Result<Experiment, TrackingError> {
    let found = app.store().read(|reader| experiment::get(reader, id))?;
    authorize(app, context, action, found.project.as_ref()).map(|()| found)
}

/// Asks for the right to change a run. One that the platform executes is changed by nobody: what it logs is evidence.
pub(super) fn authorize_change(app: &App, context: &RequestContext, id: &str) -> Result<(), TrackingError> {
    let (project, is_executed) = app.store().read(|reader| run::owner(reader, id))?;
    authorize(app, context, Action::Run, project.as_ref())?;
    match is_executed {
        false => Ok(()),
        true => Err(TrackingError::Kept { what: "run", name: id.to_owned(), act: "changed", reason: EXECUTED }),
    }
}

/// Asks for the right to read a run.
pub(super) fn authorize_reading(app: &App, context: &RequestContext, id: &str) -> Result<(), TrackingError> {
    let (project, _) = app.store().read(|reader| run::owner(reader, id))?;
    authorize(app, context, Action::Read, project.as_ref())
}

/// Those of these experiments that whoever asks may read. The others are left out, without an entry.
pub(super) fn readable(
    app: &App,
    context: &RequestContext,
    ids: &[ExperimentId],
) -> Result<Vec<ExperimentId>, TrackingError> {
    let projects = authz::readable(app, context).projects;
    let is_outside_readable = context.credential.scope.allows(Action::Read, None);
    let is_readable = |found: &Experiment| match &found.project {
        Some(project) => projects.contains(project),
        None => is_outside_readable,
    };
    let found =
        app.store().read(|reader| ids.iter().map(|id| experiment::find(reader, *id)).collect::<Result<Vec<_>, _>>())?;
    Ok(found.into_iter().flatten().filter(is_readable).map(|found| found.id).collect())
}
