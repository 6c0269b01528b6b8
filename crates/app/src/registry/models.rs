//! Registered models: made, described, tagged, renamed, searched and deleted.

use kilter_domain::{
    actor::Action,
    registry::{RegisteredName, Stage},
    search::{Scope, Search},
};
use kilter_store::{
    StoreError,
    registry::{NewRegisteredModel, RegisteredModel, RegisteredVersion, model},
    search::{self, SearchPage},
};

use super::{RegistryError, access};
use crate::{
    app::App,
    context::RequestContext,
    tracking::{FoundPage, Query},
};

/// Registers a model that is under no contract.
///
/// # Errors
/// When its name is taken.
pub fn create_model(
    app: &App,
    context: &RequestContext,
    new: NewRegisteredModel,
) -> Result<RegisteredModel, RegistryError> {
    access::authorize(app, context, Action::Run, None)?;
    let (at, name) = (context.at, new.name.clone());
    app.store().write(move |tx| model::create(tx, &new, at)).map_err(|error| taken(name, error))
}

/// The name is what a model contradicts.
fn taken(name: RegisteredName, error: StoreError) -> RegistryError {
    match error {
        StoreError::Conflict { .. } => RegistryError::NameTaken { name },
        other => other.into(),
    }
}

/// A model with its tags, its aliases, and the newest version of each stage.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn get_model(app: &App, context: &RequestContext, name: &RegisteredName) -> Result<RegisteredModel, RegistryError> {
    access::project_of(app, context, Action::Read, name)?;
    Ok(app.store().read(|reader| model::get(reader, name))?)
}

/// The newest version of each of these stages (empty: of every one).
///
/// # Errors
/// When there is no such model, or its project may not be read.
pub fn latest_versions(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    stages: &[Stage],
) -> Result<Vec<RegisteredVersion>, RegistryError> {
    access::project_of(app, context, Action::Read, name)?;
    Ok(app.store().read(|reader| model::latest_versions(reader, name, stages))?)
}

/// Registered models, page by page: what whoever asks may not read is not found.
///
/// # Errors
/// When the filter or the order cannot be read.
pub fn search_models(
    app: &App,
    context: &RequestContext,
    query: &Query<'_>,
) -> Result<FoundPage<RegisteredModel>, RegistryError> {
    let projects = access::readable(app, context)?;
    let search = Search::parse(Scope::RegisteredModels { projects }, query.filter, query.order_by)?;
    let page = SearchPage { token: query.token, limit: query.limit };
    Ok(app.store().read(|reader| {
        let found = search::find(reader, &search, page)?;
        Ok(FoundPage { items: model::read_by_keys(reader, &found.keys)?, next: found.next })
    })?)
}

/// Says what a model is for.
///
/// # Errors
/// When there is no such model.
pub fn describe_model(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    description: &str,
) -> Result<RegisteredModel, RegistryError> {
    access::project_of(app, context, Action::Run, name)?;
    let (at, name, description) = (context.at, name.clone(), description.to_owned());
    Ok(app.store().write(move |tx| model::describe(tx, &name, &description, at))?)
}

/// Gives a model another name.
///
/// # Errors
/// When there is no such model, another one has the name, or it is under a contract, which its name belongs to.
pub fn rename_model(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    new: &RegisteredName,
) -> Result<RegisteredModel, RegistryError> {
    access::check_free(app, context, name, ("registered model", "renamed"))?;
    let (at, name, new) = (context.at, name.clone(), new.clone());
    let wanted = new.clone();
    app.store().write(move |tx| model::rename(tx, &name, &new, at)).map_err(|error| taken(wanted, error))
}

/// Deletes a model with its versions. Their files stay where they are.
///
/// # Errors
/// When there is no such model, or it is under a contract: what was decided of its versions is evidence.
pub fn delete_model(app: &App, context: &RequestContext, name: &RegisteredName) -> Result<(), RegistryError> {
    access::check_free(app, context, name, ("registered model", "deleted"))?;
    let name = name.clone();
    Ok(app.store().write(move |tx| model::delete(tx, &name))?)
}

/// Writes a tag of a model.
///
/// # Errors
/// When there is no such model.
pub fn put_model_tag(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    (key, value): (&str, &str),
) -> Result<(), RegistryError> {
    access::project_of(app, context, Action::Run, name)?;
    let (name, key, value) = (name.clone(), key.to_owned(), value.to_owned());
    Ok(app.store().write(move |tx| model::put_tag(tx, &name, (&key, &value)))?)
}

/// Deletes a tag of a model, if it is there.
///
/// # Errors
/// When there is no such model.
pub fn delete_model_tag(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    key: &str,
) -> Result<(), RegistryError> {
    access::project_of(app, context, Action::Run, name)?;
    let (name, key) = (name.clone(), key.to_owned());
    Ok(app.store().write(move |tx| model::delete_tag(tx, &name, &key))?)
}
