//! `registered-models/*`.

use kilter_app::{App, RequestContext, registry};
use kilter_domain::registry::{AliasName, InvalidAliasName, InvalidStage, RegisteredName, Stage};
use kilter_store::registry::{NewRegisteredModel, RegisteredModel, RegisteredVersion};
use serde::Serialize;

use super::{
    body::Body,
    message::Message,
    registry_json::{ModelJson, VersionJson},
    search_query, validate,
};
use crate::error::MlflowError;

#[derive(Serialize)]
struct Found<'r> {
    registered_model: ModelJson<'r>,
}

#[derive(Serialize)]
struct FoundVersion<'r> {
    model_version: VersionJson<'r>,
}

#[derive(Serialize)]
struct FoundModels<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registered_models: Vec<ModelJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct LatestVersions<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<VersionJson<'r>>,
}

fn found(model: &RegisteredModel) -> Result<Body, MlflowError> {
    Body::of(&Found { registered_model: ModelJson::of(model) })
}

fn name(message: &Message) -> Result<RegisteredName, MlflowError> {
    validate::registered_name(message.required("name")?)
}

pub(super) fn create(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let new = NewRegisteredModel {
        name: name(message)?,
        description: validate::description(message)?.to_owned(),
        tags: validate::registry_tags(message)?,
    };
    found(&registry::create_model(app, context, new)?)
}

pub(super) fn get(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    found(&registry::get_model(app, context, &name(message)?)?)
}

pub(super) fn search(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let limit = search_query::limit(message, 100, 1000)?;
    let stated = search_query::Stated::of(message, "view_type")?;
    let found = registry::search_models(app, context, &stated.query(limit))?;
    let registered_models = found.items.iter().map(ModelJson::of).collect();
    Body::of(&FoundModels { registered_models, next_page_token: found.next.map(|next| next.to_string()) })
}

pub(super) fn update(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    found(&registry::describe_model(app, context, &name(message)?, validate::description(message)?)?)
}

pub(super) fn rename(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let new = message.required("new_name")?;
    if new.trim().is_empty() {
        return Err(MlflowError::missing("new_name"));
    }
    found(&registry::rename_model(app, context, &name(message)?, &validate::registered_name(new)?)?)
}

pub(super) fn delete(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    registry::delete_model(app, context, &name(message)?)?;
    Ok(Body::empty())
}

pub(super) fn latest_versions(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let stage = |text: &String| text.parse().map_err(|error: InvalidStage| MlflowError::invalid(error.to_string()));
    let stages = message.texts("stages")?.iter().map(stage).collect::<Result<Vec<Stage>, _>>()?;
    let found = registry::latest_versions(app, context, &name(message)?, &stages)?;
    Body::of(&LatestVersions { model_versions: found.iter().map(VersionJson::of).collect() })
}

pub(super) fn set_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    registry::put_model_tag(app, context, &name(message)?, validate::registry_tag(message)?)?;
    Ok(Body::empty())
}

pub(super) fn delete_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (key, _) = validate::registry_tag(message)?;
    registry::delete_model_tag(app, context, &name(message)?, key)?;
    Ok(Body::empty())
}

pub(super) fn set_alias(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let alias: AliasName = message.required("alias")?.parse().map_err(wrong_alias)?;
    let (name, number) = validate::version(message)?;
    registry::set_alias(app, context, (&name, number), &alias)?;
    Ok(Body::empty())
}

fn wrong_alias(error: InvalidAliasName) -> MlflowError {
    MlflowError::invalid(error.to_string())
}

pub(super) fn delete_alias(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let alias = message.required("alias")?;
    match alias.parse::<AliasName>() {
        Err(error) if !error.is_reserved() => return Err(wrong_alias(error)),
        _ => {}
    }
    registry::delete_alias(app, context, &name(message)?, alias)?;
    Ok(Body::empty())
}

pub(super) fn get_by_alias(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let found = registry::get_version_by_alias(app, context, &name(message)?, message.required("alias")?)?;
    found_version(&found)
}

/// A version, as an answer.
pub(super) fn found_version(version: &RegisteredVersion) -> Result<Body, MlflowError> {
    Body::of(&FoundVersion { model_version: VersionJson::of(version) })
}
