//! Where each key of a search stands in the tables. The row that is found is always `t`.

use kilter_domain::search::{Attribute, Entity};

/// A column of the row that is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// As a filter reads it: the text or number that clients know.
    pub sql: &'static str,
    /// As an order reads it.
    pub sorted: &'static str,
    /// Whether it may be missing.
    pub is_nullable: bool,
}

const fn column(sql: &'static str) -> Column {
    Column { sql, sorted: sql, is_nullable: false }
}

const fn nullable(sql: &'static str) -> Column {
    Column { sql, sorted: sql, is_nullable: true }
}

/// A table of values by name that belong to rows of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueTable {
    pub table: &'static str,
    /// The column with the key of the row that they belong to.
    pub owner: &'static str,
}

/// The rows that are searched.
pub(super) const fn rows(entity: Entity) -> &'static str {
    match entity {
        Entity::Run => "tracked_run AS t",
        Entity::Experiment => "experiment AS t",
        Entity::RegisteredModel => "registered_model AS t",
        Entity::ModelVersion => "registered_version AS t JOIN registered_model AS m ON m.key = t.model",
        Entity::LoggedModel => "logged_model AS t",
    }
}

/// The column of an attribute. Other attributes than those of the entity are in no search.
pub(super) const fn attribute(entity: Entity, attribute: Attribute) -> Column {
    match (entity, attribute) {
        (Entity::Run, Attribute::RunId) | (Entity::LoggedModel, Attribute::ModelId) => column("t.id"),
        (Entity::Run, Attribute::RunName) => column("t.name"),
        (Entity::Run, Attribute::Status) => column("upper(t.status)"),
        (Entity::Run, Attribute::UserId) => column("t.user_id"),
        (Entity::Run, Attribute::ArtifactUri) => column("t.artifact_uri"),
        (Entity::Run, Attribute::StartTime) => nullable("t.started"),
        (Entity::Run, Attribute::EndTime) => nullable("t.ended"),
        (Entity::Experiment, Attribute::ExperimentId) => {
            Column { sql: "CAST(t.key AS TEXT)", sorted: "t.key", is_nullable: false }
        }
        (Entity::ModelVersion, Attribute::Name) => column("m.name"),
        (Entity::ModelVersion, Attribute::RunId) => column("t.run_id"),
        (Entity::ModelVersion, Attribute::SourcePath) => column("t.source"),
        (Entity::ModelVersion, Attribute::VersionNumber) => column("t.number"),
        (Entity::LoggedModel, Attribute::ModelType) => column("t.model_type"),
        // The word of clients for the status `upload_failed` is shorter than that of the wire.
        (Entity::LoggedModel, Attribute::Status) => {
            column("(CASE t.status WHEN 'upload_failed' THEN 'FAILED' ELSE upper(t.status) END)")
        }
        (Entity::LoggedModel, Attribute::SourceRunId) => nullable("t.source_run"),
        (Entity::LoggedModel, Attribute::ExperimentId) => {
            Column { sql: "CAST(t.experiment AS TEXT)", sorted: "t.experiment", is_nullable: false }
        }
        (_, Attribute::Name) => column("t.name"),
        (_, Attribute::CreationTime) => column("t.created"),
        (_, Attribute::LastUpdateTime) => column("t.updated"),
        _ => nullable("NULL"),
    }
}

/// The tags of an entity.
pub(super) const fn tags(entity: Entity) -> ValueTable {
    match entity {
        Entity::Run => ValueTable { table: "run_tag", owner: "run" },
        Entity::Experiment => ValueTable { table: "experiment_tag", owner: "experiment" },
        Entity::RegisteredModel => ValueTable { table: "registered_model_tag", owner: "model" },
        Entity::ModelVersion => ValueTable { table: "registered_version_tag", owner: "version" },
        Entity::LoggedModel => ValueTable { table: "logged_model_tag", owner: "model" },
    }
}

/// The parameters of an entity. Only runs and logged models have some.
pub(super) const fn params(entity: Entity) -> ValueTable {
    match entity {
        Entity::LoggedModel => ValueTable { table: "logged_model_param", owner: "model" },
        _ => ValueTable { table: "run_param", owner: "run" },
    }
}

/// The metrics of an entity. Only runs and logged models have some.
pub(super) const fn metrics(entity: Entity) -> ValueTable {
    match entity {
        Entity::LoggedModel => ValueTable { table: "logged_model_metric", owner: "model" },
        _ => ValueTable { table: "run_metric_latest", owner: "run" },
    }
}
