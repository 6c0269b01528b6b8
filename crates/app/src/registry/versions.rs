//! Versions of registered models: registered, described, tagged, moved to stages, searched and deleted.

use kilter_domain::{
    actor::Action,
    registry::{RegisteredName, Stage},
    search::{Scope, Search},
};
use kilter_store::{
    registry::{NewRegisteredVersion, RegisteredVersion, platform, version},
    search::{self, SearchPage},
    tracking::logged_model,
};

use super::{
    RegistryError, access, governance, package,
    source::{self, NewClientVersion},
};
use crate::{
    app::App,
    context::RequestContext,
    tracking::{FoundPage, Query},
};

/// Registers the next version of a model. Under a contract it becomes a package, and is held against the gates.
///
/// # Errors
/// When there is no such model, or its files are not where it says; under a contract also when they are no model that runs here.
pub fn create_version(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    new: NewClientVersion,
) -> Result<RegisteredVersion, RegistryError> {
    if let Some(project) = access::governing(app, context, name)? {
        return package::create_version(app, context, (&project, name), new);
    }
    let resolved = source::resolve(app, context, &new.source, &new.tags)?;
    let row = NewRegisteredVersion {
        source: resolved.source,
        storage_location: resolved.storage_location,
        run_id: resolved.run_id,
        run_link: new.run_link,
        logged_model: resolved.logged_model,
        description: new.description,
        user_id: String::new(),
        tags: new.tags,
    };
    let (at, name) = (context.at, name.clone());
    Ok(app.store().write(move |tx| {
        let made = version::create(tx, &name, &row, at)?;
        if let Some(id) = &row.logged_model {
            logged_model::note_version(tx, id, (name.as_str(), made.number))?;
        }
        Ok(made)
    })?)
}

/// A version with its tags and aliases.
///
/// # Errors
/// When there is none, or its project may not be read.
pub fn get_version(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
) -> Result<RegisteredVersion, RegistryError> {
    let found = app.store().read(|reader| version::get(reader, name, number))?;
    access::authorize(app, context, Action::Read, found.project.as_ref()).map(|()| found)
}

/// Versions, page by page: what whoever asks may not read is not found.
///
/// # Errors
/// When the filter or the order cannot be read.
pub fn search_versions(
    app: &App,
    context: &RequestContext,
    query: &Query<'_>,
) -> Result<FoundPage<RegisteredVersion>, RegistryError> {
    let projects = access::readable(app, context)?;
    let search = Search::parse(Scope::ModelVersions { projects }, query.filter, query.order_by)?;
    let page = SearchPage { token: query.token, limit: query.limit };
    Ok(app.store().read(|reader| {
        let found = search::find(reader, &search, page)?;
        Ok(FoundPage { items: version::read_by_keys(reader, &found.keys)?, next: found.next })
    })?)
}

/// Says what a version is.
///
/// # Errors
/// When there is no such version.
pub fn describe_version(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
    description: &str,
) -> Result<RegisteredVersion, RegistryError> {
    changeable(app, context, (name, number))?;
    let (at, name, description) = (context.at, name.clone(), description.to_owned());
    Ok(app.store().write(move |tx| version::describe(tx, (&name, number), &description, at))?)
}

/// Moves a version to a stage, and, where `archives_others`, those that are in it to [`Stage::Archived`].
///
/// # Errors
/// When there is no such version, nobody uses versions of the stage and others are to be archived, or the contract of its model does
/// not let it be moved there.
pub fn move_version(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
    (stage, archives_others): (Stage, bool),
) -> Result<RegisteredVersion, RegistryError> {
    if archives_others && !stage.is_active() {
        return Err(RegistryError::NothingToArchive { stage: stage.as_str() });
    }
    get_version(app, context, (name, number))?;
    if let Some(project) = access::governing(app, context, name)? {
        return governance::move_version(app, context, &project, (name, number), (stage, archives_others));
    }
    let (at, name) = (context.at, name.clone());
    Ok(app.store().write(move |tx| version::put_stage(tx, (&name, number), (stage, archives_others), at))?)
}

/// Deletes a version, with the aliases that name it. Its number is not given again.
///
/// # Errors
/// When there is no such version, or its model is under a contract: what was decided of it is evidence.
pub fn delete_version(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
) -> Result<(), RegistryError> {
    get_version(app, context, (name, number))?;
    access::check_free(app, context, name, ("version of", "deleted"))?;
    let (at, name) = (context.at, name.clone());
    Ok(app.store().write(move |tx| version::delete(tx, (&name, number), at))?)
}

/// Writes a tag of a version.
///
/// # Errors
/// When there is no such version, or the tag is one of the platform's.
pub fn put_version_tag(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
    (key, value): (&str, &str),
) -> Result<(), RegistryError> {
    check_tag(&changeable(app, context, (name, number))?, key)?;
    let (name, key, value) = (name.clone(), key.to_owned(), value.to_owned());
    Ok(app.store().write(move |tx| version::put_tag(tx, (&name, number), (&key, &value)))?)
}

/// Deletes a tag of a version, if it is there.
///
/// # Errors
/// When there is no such version, or the tag is one of the platform's.
pub fn delete_version_tag(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
    key: &str,
) -> Result<(), RegistryError> {
    check_tag(&changeable(app, context, (name, number))?, key)?;
    let (name, key) = (name.clone(), key.to_owned());
    Ok(app.store().write(move |tx| version::delete_tag(tx, (&name, number), &key))?)
}

/// The version, if whoever asks may change what is said of it.
fn changeable(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
) -> Result<RegisteredVersion, RegistryError> {
    let found = app.store().read(|reader| version::get(reader, name, number))?;
    access::authorize(app, context, Action::Run, found.project.as_ref()).map(|()| found)
}

/// What the tags of the platform say is what it decided.
fn check_tag(version: &RegisteredVersion, key: &str) -> Result<(), RegistryError> {
    match &version.project {
        Some(_) if key.starts_with(platform::TAG_PREFIX) => Err(RegistryError::Governed {
            what: "tag",
            name: key.to_owned(),
            act: "changed",
            reason: "the platform writes it".to_owned(),
        }),
        _ => Ok(()),
    }
}
