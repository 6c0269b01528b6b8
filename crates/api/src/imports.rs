//! What is brought from another tracking server.

use kilter_domain::transfer::Record;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `POST /api/v1/imports/mlflow` is asked: things of another server, brought in their order, all of them or none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportRecords {
    /// The things.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<Record>,
}

/// What `POST /api/v1/imports/mlflow/finish` is told: an import came to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportFinished {
    /// Where it came from, without credentials.
    pub source: String,
    /// How much, by kind.
    pub counts: Vec<ImportCount>,
}

/// How much of one kind was brought, and whether it is the same here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportCount {
    /// What: `runs`, `points`, …
    pub kind: String,
    /// How many the source has.
    pub source: u64,
    /// How many of them are here.
    pub here: u64,
    /// How many this import brought.
    pub brought: u64,
    /// What the contents of all of them add up to at the source.
    pub source_digest: String,
    /// What they add up to here.
    pub here_digest: String,
}

/// That it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// How many things there were.
    pub records: usize,
}
