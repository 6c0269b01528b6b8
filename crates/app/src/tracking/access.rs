//! Who may read and write an experiment.

use kilter_domain::{actor::Action, tracking::ExperimentId};
use kilter_store::tracking::{
    experiment::{self, Experiment},
    run::{self, TrackedRun},
};

use super::TrackingError;
use crate::{
    app::App,
    authz::{self, Subject},
    components::access::outside_scope,
    context::RequestContext,
};

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

/// The run, if whoever asks has the right to its experiment.
pub(super) fn run(app: &App, context: &RequestContext, action: Action, id: &str) -> Result<TrackedRun, TrackingError> {
    let (run, of) = app.store().read(|reader| {
        let run = run::get(reader, id)?;
        let of = experiment::get(reader, run.experiment)?;
        Ok((run, of))
    })?;
    authorize(app, context, action, &of).map(|()| run)
}

/// Those of these experiments that whoever asks may read.
pub(super) fn readable(
    app: &App,
    context: &RequestContext,
    ids: &[ExperimentId],
) -> Result<Vec<ExperimentId>, TrackingError> {
    let mut readable = Vec::new();
    for id in ids {
        match experiment(app, context, Action::Read, *id) {
            Ok(found) => readable.push(found.id),
            Err(TrackingError::Denied(_) | TrackingError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(readable)
}
