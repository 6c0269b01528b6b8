//! Experiments: made, renamed, tagged, deleted and restored.

use kilter_domain::{
    actor::Action,
    tracking::{ExperimentId, Lifecycle},
};
use kilter_store::{
    StoreError,
    tracking::{
        Tags,
        experiment::{self, Experiment, Location, OWN_ARTIFACTS},
        run,
    },
};

use super::{TrackingError, access};
use crate::{app::App, artifact_place::ArtifactRoot, context::RequestContext};

/// Makes sure that there is the experiment of what is logged without saying where.
pub(crate) fn ensure_default_experiment(app: &App) -> Result<(), StoreError> {
    let is_there = app.store().read(|reader| experiment::find(reader, ExperimentId::DEFAULT))?.is_some();
    if is_there {
        return Ok(());
    }
    let root = root_of(app);
    app.store().write(move |tx| experiment::ensure_default(tx, &root))
}

/// Below which address a new experiment has its folder that states none.
fn root_of(app: &App) -> String {
    app.options().artifact_root.as_ref().map_or(OWN_ARTIFACTS, ArtifactRoot::as_str).to_owned()
}

/// An experiment that is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewExperiment {
    /// Its name: 1 to 500 characters.
    pub name: String,
    /// The address below which its runs have their folders; `None`: below the root of the server.
    pub artifact_location: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Makes an experiment that belongs to no project.
///
/// # Errors
/// When its name is taken, also by one that is deleted.
pub fn create_experiment(app: &App, context: &RequestContext, new: NewExperiment) -> Result<Experiment, TrackingError> {
    access::authorize_outside(context, Action::Run)?;
    let (at, name) = (context.at, new.name.clone());
    let location = match new.artifact_location {
        Some(address) => Location::At(address),
        None => Location::Below(root_of(app)),
    };
    let tags = new.tags;
    let made = app.store().write(move |tx| {
        let made = experiment::create(tx, &new.name, &location, at)?;
        let tags = tags.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        experiment::put_tags(tx, made.id, tags, at)?;
        Ok(made)
    });
    made.map_err(|error| taken(app, name, error))
}

/// The name is what an experiment contradicts.
fn taken(app: &App, name: String, error: StoreError) -> TrackingError {
    let StoreError::Conflict { .. } = error else { return error.into() };
    let found = app.store().read(|reader| experiment::find_by_name(reader, &name)).ok().flatten();
    let is_deleted = found.is_some_and(|found| found.lifecycle == Lifecycle::Deleted);
    TrackingError::NameTaken { name, is_deleted }
}

/// An experiment with its tags.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn get_experiment(
    app: &App,
    context: &RequestContext,
    id: ExperimentId,
) -> Result<(Experiment, Tags), TrackingError> {
    let found = access::experiment(app, context, Action::Read, id)?;
    let tags = app.store().read(|reader| experiment::list_tags(reader, id))?;
    Ok((found, tags))
}

/// As [`get_experiment`], by its name; one that is deleted too.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn get_experiment_by_name(
    app: &App,
    context: &RequestContext,
    name: &str,
) -> Result<(Experiment, Tags), TrackingError> {
    let found = app.store().read(|reader| experiment::find_by_name(reader, name))?;
    let found = found.ok_or_else(|| TrackingError::not_found("experiment", name))?;
    get_experiment(app, context, found.id)
}

/// Gives an experiment another name (`None`: the one it has), deletes it with its runs, or restores it with them.
///
/// # Errors
/// When another one has the name; when it is that of a project or the default one, which keep their names and stay.
pub fn change_experiment(
    app: &App,
    context: &RequestContext,
    id: ExperimentId,
    (name, lifecycle): (Option<&str>, Lifecycle),
) -> Result<Experiment, TrackingError> {
    let found = access::experiment(app, context, Action::Run, id)?;
    let act = match (name, lifecycle) {
        (Some(_), _) => "renamed",
        (None, Lifecycle::Deleted) => "deleted",
        (None, Lifecycle::Active) => "restored",
    };
    let kept = |reason| TrackingError::Kept { what: "experiment", name: found.name.clone(), act, reason };
    if act == "renamed" && found.lifecycle == Lifecycle::Deleted {
        return Err(TrackingError::Deleted { what: "experiment", id: id.to_string() });
    }
    if act != "restored" && found.project.is_some() {
        return Err(kept("it is that of a project, which logs to it"));
    }
    let name = name.unwrap_or(&found.name).to_owned();
    let (at, wanted) = (context.at, name.clone());
    let changed = app.store().write(move |tx| {
        if act != "renamed" {
            run::set_lifecycle_of_all(tx, id, lifecycle, at)?;
        }
        experiment::update(tx, id, (&name, lifecycle), at)
    });
    changed.map_err(|error| taken(app, wanted, error))
}

/// Writes a tag of an experiment.
///
/// # Errors
/// When there is no such experiment, or it is deleted.
pub fn put_experiment_tag(
    app: &App,
    context: &RequestContext,
    id: ExperimentId,
    (name, value): (&str, &str),
) -> Result<(), TrackingError> {
    active(app, context, id)?;
    let (at, name, value) = (context.at, name.to_owned(), value.to_owned());
    Ok(app.store().write(move |tx| experiment::put_tags(tx, id, [(name.as_str(), value.as_str())], at))?)
}

/// Deletes a tag of an experiment.
///
/// # Errors
/// When there is no such experiment or tag, or it is deleted.
pub fn delete_experiment_tag(
    app: &App,
    context: &RequestContext,
    id: ExperimentId,
    name: &str,
) -> Result<(), TrackingError> {
    active(app, context, id)?;
    let (at, tag) = (context.at, name.to_owned());
    match app.store().write(move |tx| experiment::delete_tag(tx, id, &tag, at))? {
        true => Ok(()),
        false => Err(TrackingError::not_found("tag", name)),
    }
}

fn active(app: &App, context: &RequestContext, id: ExperimentId) -> Result<Experiment, TrackingError> {
    let found = access::experiment(app, context, Action::Run, id)?;
    match found.lifecycle {
        Lifecycle::Active => Ok(found),
        Lifecycle::Deleted => Err(TrackingError::Deleted { what: "experiment", id: id.to_string() }),
    }
}
