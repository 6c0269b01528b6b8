//! Garbage: what nothing needs any more or is past its retention.

use kilter_domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::words::GarbageKind;

/// What `POST /api/v1/gc` is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectGarbage {
    /// Whether it is removed; if not, it is only found.
    #[serde(default)]
    pub delete: bool,
    /// For how long results of steps, logs of runs and packages of rejected versions stay that nobody uses, a day at least: `90d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub unused: Option<Span>,
    /// For how long runs, logged models and experiments stay that clients deleted, and can restore: `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub deleted: Option<Span>,
    /// The most bytes that the results of steps of one project may have; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_bytes: Option<u64>,
}

/// Garbage of one kind in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Garbage {
    /// What it is.
    pub kind: GarbageKind,
    /// The endpoint, or the folder.
    pub place: String,
    /// How many: rows of logs and readings, else files.
    pub count: u64,
    /// Their bytes; 0 for rows of the database.
    pub bytes: u64,
    /// What is from before this time; absent where not time decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub before: Option<Timestamp>,
}

/// What was found, and removed if that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GarbageCollection {
    /// Whether it was removed.
    pub deleted: bool,
    /// What it was.
    pub garbage: Vec<Garbage>,
    /// The bytes of all of it.
    pub bytes: u64,
    /// What could not be looked at, and why; nothing of it is removed.
    pub skipped: Vec<String>,
    /// Whether all of it was looked at; if not, ask again.
    pub complete: bool,
}
