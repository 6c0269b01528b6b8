//! Registered models and versions as MLflow's clients read them.

use kilter_store::registry::{RegisteredModel, RegisteredVersion};
use serde::Serialize;

use super::run_json::{KeyValue, pairs};

/// A registered model.
#[derive(Serialize)]
pub(super) struct ModelJson<'r> {
    name: &'r str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'r str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latest_versions: Vec<VersionJson<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<AliasJson<'r>>,
}

#[derive(Serialize)]
struct AliasJson<'r> {
    alias: &'r str,
    version: String,
}

impl<'r> ModelJson<'r> {
    pub(super) fn of(model: &'r RegisteredModel) -> Self {
        let alias = |(alias, number): (&'r String, &u32)| AliasJson { alias, version: number.to_string() };
        Self {
            name: model.name.as_str(),
            creation_timestamp: model.created.millis(),
            last_updated_timestamp: model.updated.millis(),
            description: &model.description,
            latest_versions: model.latest.iter().map(VersionJson::without_aliases).collect(),
            tags: pairs(&model.tags),
            aliases: model.aliases.iter().map(alias).collect(),
        }
    }
}

/// A version of a registered model.
#[derive(Serialize)]
pub(super) struct VersionJson<'r> {
    name: &'r str,
    version: String,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_id: &'r str,
    current_stage: &'static str,
    description: &'r str,
    source: &'r str,
    run_id: &'r str,
    run_link: &'r str,
    status: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_message: &'r str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<KeyValue<'r>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aliases: &'r [String],
}

impl<'r> VersionJson<'r> {
    pub(super) fn of(version: &'r RegisteredVersion) -> Self {
        Self {
            name: version.model.as_str(),
            version: version.number.to_string(),
            creation_timestamp: version.created.millis(),
            last_updated_timestamp: version.updated.millis(),
            user_id: &version.user_id,
            current_stage: version.stage.as_str(),
            description: &version.description,
            source: &version.source,
            run_id: &version.run_id,
            run_link: &version.run_link,
            status: version.status.as_str().to_ascii_uppercase(),
            status_message: &version.status_message,
            tags: pairs(&version.tags),
            aliases: &version.aliases,
        }
    }

    /// As MLflow's server answers it in searches and within a model.
    pub(super) fn without_aliases(version: &'r RegisteredVersion) -> Self {
        Self { aliases: &[], ..Self::of(version) }
    }
}
