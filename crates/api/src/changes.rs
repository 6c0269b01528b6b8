//! What changed, as it changes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something changed (`GET /api/v1/changes`, as server-sent events named `change`; the id of an event is its number).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectChange {
    /// The number of the newest audit entry about it.
    pub seq: u64,
    /// The kind of what changed: `version`, `deployment`, `alert`, `run`, … Which one it is, the lists say, to those who may read them.
    pub object: String,
}
