//! Models that clients log, before or without their registration.

use std::collections::BTreeMap;

use kilter_domain::{
    actor::Action,
    search::{DatasetSelector, LoggedModelOrder, PageToken, Search},
    tracking::{ExperimentId, Lifecycle},
};
use kilter_store::{
    StoreError, Tx,
    search::{self, SearchPage},
    tracking::{
        Tags,
        logged_model::{self, LoggedModel, ModelLink, ModelStatus, NewLoggedModel},
    },
};

use super::{FoundPage, TrackingError, access, runs};
use crate::{app::App, context::RequestContext};

/// A model that a client begins to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewClientModel {
    /// Its id; handed in.
    pub id: String,
    /// Of which experiment.
    pub experiment: ExperimentId,
    /// The run that made it.
    pub source_run: Option<String>,
    /// How people call it.
    pub name: String,
    /// What it is for, as the client says.
    pub model_type: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Its tags.
    pub tags: Tags,
}

/// A search of logged models.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelQuery<'q> {
    /// Of these experiments.
    pub experiments: &'q [ExperimentId],
    /// Metrics count only on these datasets; empty: on all.
    pub datasets: Vec<DatasetSelector>,
    /// What must hold; empty: everything is found.
    pub filter: &'q str,
    /// By what it is sorted; empty: the newest first.
    pub order_by: &'q [LoggedModelOrder],
    /// Where the page begins.
    pub token: PageToken,
    /// How many models the page has at most.
    pub limit: u32,
}

/// Begins to log a model. Its files come afterwards.
///
/// # Errors
/// When there is no such experiment, or it is deleted.
pub fn create_logged_model(
    app: &App,
    context: &RequestContext,
    new: NewClientModel,
) -> Result<LoggedModel, TrackingError> {
    let of = access::experiment(app, context, Action::Run, new.experiment)?;
    if of.lifecycle == Lifecycle::Deleted {
        return Err(TrackingError::Deleted { what: "experiment", id: of.id.to_string() });
    }
    let begun = NewLoggedModel {
        artifact_uri: format!("{}/models/{}/artifacts", of.artifact_location.trim_end_matches('/'), new.id),
        id: new.id,
        experiment: new.experiment,
        source_run: new.source_run,
        name: new.name,
        model_type: new.model_type,
    };
    let (at, params, tags) = (context.at, new.params, new.tags);
    Ok(app.store().write(move |tx| logged_model::create(tx, &begun, (&params, &tags), at))?)
}

/// A model with everything that was logged for it; one that is deleted only where `with_deleted` says so.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn get_logged_model(
    app: &App,
    context: &RequestContext,
    id: &str,
    with_deleted: bool,
) -> Result<LoggedModel, TrackingError> {
    let found = model(app, context, Action::Read, id)?;
    match found.lifecycle {
        Lifecycle::Deleted if !with_deleted => Err(TrackingError::not_found("logged model", id)),
        _ => Ok(found),
    }
}

fn model(app: &App, context: &RequestContext, action: Action, id: &str) -> Result<LoggedModel, TrackingError> {
    let found = app.store().read(|reader| logged_model::get(reader, id))?;
    access::experiment(app, context, action, found.experiment).map(|_| found)
}

fn change<T: Send + 'static>(
    app: &App,
    context: &RequestContext,
    id: &str,
    work: impl FnOnce(&Tx, &LoggedModel) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, TrackingError> {
    let found = model(app, context, Action::Run, id)?;
    if found.lifecycle == Lifecycle::Deleted {
        return Err(TrackingError::not_found("logged model", id));
    }
    Ok(app.store().write(move |tx| work(tx, &found))?)
}

/// Says how far a model is.
///
/// # Errors
/// When there is no such model.
pub fn finalize_logged_model(
    app: &App,
    context: &RequestContext,
    id: &str,
    status: ModelStatus,
) -> Result<LoggedModel, TrackingError> {
    let at = context.at;
    change(app, context, id, move |tx, found| logged_model::update(tx, &found.id, (status, Lifecycle::Active), at))
}

/// Deletes a model.
///
/// # Errors
/// When there is no such model.
pub fn delete_logged_model(app: &App, context: &RequestContext, id: &str) -> Result<(), TrackingError> {
    let at = context.at;
    change(app, context, id, move |tx, found| {
        logged_model::update(tx, &found.id, (found.status, Lifecycle::Deleted), at).map(|_| ())
    })
}

/// Writes parameters and tags of a model.
///
/// # Errors
/// When there is no such model.
pub fn describe_logged_model(
    app: &App,
    context: &RequestContext,
    id: &str,
    (params, tags): (BTreeMap<String, String>, Tags),
) -> Result<(), TrackingError> {
    change(app, context, id, move |tx, found| {
        logged_model::put_params(tx, &found.id, &params)?;
        logged_model::put_tags(tx, &found.id, tags.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    })
}

/// Deletes a tag of a model.
///
/// # Errors
/// When there is no such model or tag.
pub fn delete_logged_model_tag(app: &App, context: &RequestContext, id: &str, name: &str) -> Result<(), TrackingError> {
    let tag = name.to_owned();
    match change(app, context, id, move |tx, found| logged_model::delete_tag(tx, &found.id, &tag))? {
        true => Ok(()),
        false => Err(TrackingError::not_found("tag", name)),
    }
}

/// Records models that a run read or made.
///
/// # Errors
/// When there is no such run, or it is deleted.
pub fn log_models(app: &App, context: &RequestContext, run: &str, links: Vec<ModelLink>) -> Result<(), TrackingError> {
    runs::write_active(app, context, run, move |tx, run| logged_model::link(tx, run, &links))
}

/// Logged models of experiments.
///
/// # Errors
/// When the filter or the order cannot be read.
pub fn search_logged_models(
    app: &App,
    context: &RequestContext,
    query: ModelQuery<'_>,
) -> Result<FoundPage<LoggedModel>, TrackingError> {
    let experiments = access::readable(app, context, query.experiments)?;
    let search = Search::parse_logged_models(experiments, query.datasets, query.filter, query.order_by)?;
    let page = SearchPage { token: query.token, limit: query.limit };
    Ok(app.store().read(|reader| {
        let found = search::find(reader, &search, page)?;
        Ok(FoundPage { items: logged_model::read_by_keys(reader, &found.keys)?, next: found.next })
    })?)
}
