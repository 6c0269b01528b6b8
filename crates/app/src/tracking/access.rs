//! Who may read and write an experiment.

use kilter_domain::{actor::Action, tracking::ExperimentId};
use kilter_store::{
    run as platform_runs,
    tracking::{
        experiment::{self, Experiment},
        run::{self, TrackedRun},
    },
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

/// Asks for a right to an experiment: that of its project; where it has none, that of the token that is shown.
pub(super) fn authorize(
    app: &App,
    context: &RequestContext,
    action: Action,
    experiment: &Experiment,
) -> Result<(), TrackingError> {
    match &experiment.project {
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
    authorize(app, context, action, &found).map(|()| found)
}

/// The run, if whoever asks has the right to its experiment and the platform does not execute it: what it logs is evidence.
pub(super) fn changeable_run(app: &App, context: &RequestContext, id: &str) -> Result<TrackedRun, TrackingError> {
    let run = run(app, context, Action::Run, id)?;
    match app.store().read(|reader| platform_runs::is_known(reader, id))? {
        false => Ok(run),
        true => Err(TrackingError::Kept { what: "run", name: id.to_owned(), act: "changed", reason: EXECUTED }),
    }
}

/// The run, if whoever asks has the right to its experiment.
pub(super) fn run(app: &App, context: &RequestContext, action: Action, id: &str) -> Result<TrackedRun, TrackingError> {
    let (run, of) = app.store().read(|reader| {
        let run = run::get(reader, id)?;
        let of = experiment::get(reader, run.experiment)?;
        Ok((run, of))
    })?;
    authorize(app, context, action, &of).map(|()| run)
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
