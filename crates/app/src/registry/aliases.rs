//! Names that move between the versions of a model.

use kilter_domain::{
    actor::Action,
    registry::{AliasName, InvalidAliasName, RegisteredName},
};
use kilter_store::registry::{RegisteredVersion, alias, model, version};

use super::{RegistryError, access, governance};
use crate::{app::App, causes::NotFound, context::RequestContext};

/// Points an alias at a version.
///
/// # Errors
/// When there is no such version, or the contract of its model does not let the alias name it.
pub fn set_alias(
    app: &App,
    context: &RequestContext,
    (name, number): (&RegisteredName, u32),
    wanted: &AliasName,
) -> Result<(), RegistryError> {
    app.store().read(|reader| version::get(reader, name, number))?;
    if let Some(project) = access::governing(app, context, name)? {
        return governance::set_alias(app, context, &project, (name, number), wanted);
    }
    let (name, wanted) = (name.clone(), wanted.clone());
    Ok(app.store().write(move |tx| alias::set(tx, &name, &wanted, number))?)
}

/// Takes an alias away, if it is there.
///
/// # Errors
/// When there is no such model.
pub fn delete_alias(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    unwanted: &str,
) -> Result<(), RegistryError> {
    if let Some(project) = access::governing(app, context, name)? {
        return governance::delete_alias(app, context, &project, name, unwanted);
    }
    let (name, unwanted) = (name.clone(), unwanted.to_owned());
    Ok(app.store().write(move |tx| alias::remove(tx, &name, &unwanted))?)
}

/// The version that an alias names; `latest` names the one with the highest number.
///
/// # Errors
/// When there is no such model or alias.
pub fn get_version_by_alias(
    app: &App,
    context: &RequestContext,
    name: &RegisteredName,
    wanted: &str,
) -> Result<RegisteredVersion, RegistryError> {
    let parsed: Result<AliasName, InvalidAliasName> = wanted.parse();
    if let Err(error) = &parsed
        && !error.is_reserved()
    {
        return Err(error.clone().into());
    }
    access::project_of(app, context, Action::Read, name)?;
    if parsed.is_err_and(|error| error.is_latest()) {
        let newest = app.store().read(|reader| model::latest_versions(reader, name, &[]))?.pop();
        let missing = || NotFound {
            what: "version",
            id: name.to_string(),
            how: "the model has no version yet: register one".to_owned(),
        };
        return newest.ok_or_else(|| missing().into());
    }
    let found = app.store().read(|reader| match alias::resolve(reader, name, wanted)? {
        Some(number) => version::get(reader, name, number).map(Some),
        None => Ok(None),
    })?;
    found.ok_or_else(|| RegistryError::NoAlias { alias: wanted.to_owned() })
}
