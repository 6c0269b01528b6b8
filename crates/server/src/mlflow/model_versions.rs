//! `model-versions/*`.

use kilter_app::{
    App, RequestContext,
    registry::{self, NewClientVersion, VersionSource},
};
use kilter_domain::registry::InvalidStage;
use serde::Serialize;
use serde_json::Value;

use super::{
    body::Body, message::Message, registered_models::found_version, registry_json::VersionJson, search_query, validate,
};
use crate::error::MlflowError;

#[derive(Serialize)]
struct FoundVersions<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    model_versions: Vec<VersionJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct DownloadUri<'r> {
    artifact_uri: &'r str,
}

pub(super) fn create(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let name = validate::registered_name(message.required("name")?)?;
    let source = message.required("source")?;
    let text = |name: &str| -> Result<Option<&str>, MlflowError> {
        let text = message.text(name)?;
        text.map_or(Ok(()), |text| validate::length(name, validate::MAX_ADDRESS, text)).map(|()| text)
    };
    validate::length("source", validate::MAX_ADDRESS, source)?;
    let new = NewClientVersion {
        source: VersionSource {
            uri: source.to_owned(),
            run_id: text("run_id")?.map(str::to_owned),
            model_id: text("model_id")?.map(str::to_owned),
        },
        run_link: text("run_link")?.unwrap_or_default().to_owned(),
        description: validate::description(message)?.to_owned(),
        tags: validate::registry_tags(message)?,
    };
    found_version(&registry::create_version(app, context, &name, new)?)
}

pub(super) fn get(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    found_version(&registry::get_version(app, context, (&name, number))?)
}

pub(super) fn download_uri(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    let found = registry::get_version(app, context, (&name, number))?;
    Body::of(&DownloadUri { artifact_uri: &found.storage_location })
}

pub(super) fn search(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let limit = search_query::limit(message, 10_000, 200_000)?;
    let stated = search_query::Stated::of(message, "view_type")?;
    let found = registry::search_versions(app, context, &stated.query(limit))?;
    let model_versions = found.items.iter().map(VersionJson::without_aliases).collect();
    Body::of(&FoundVersions { model_versions, next_page_token: found.next.map(|next| next.to_string()) })
}

pub(super) fn update(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    found_version(&registry::describe_version(app, context, (&name, number), validate::description(message)?)?)
}

pub(super) fn transition_stage(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    let stage = message.required("stage")?.parse();
    let stage = stage.map_err(|error: InvalidStage| MlflowError::invalid(error.to_string()))?;
    let archives_others = message.value("archive_existing_versions").is_some_and(is_true);
    found_version(&registry::move_version(app, context, (&name, number), (stage, archives_others))?)
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|word| word.eq_ignore_ascii_case("true")))
}

pub(super) fn delete(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    registry::delete_version(app, context, (&name, number))?;
    Ok(Body::empty())
}

pub(super) fn set_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    registry::put_version_tag(app, context, (&name, number), validate::registry_tag(message)?)?;
    Ok(Body::empty())
}

pub(super) fn delete_tag(app: &App, context: &RequestContext, message: &Message) -> Result<Body, MlflowError> {
    let (name, number) = validate::version(message)?;
    let (key, _) = validate::registry_tag(message)?;
    registry::delete_version_tag(app, context, (&name, number), key)?;
    Ok(Body::empty())
}
