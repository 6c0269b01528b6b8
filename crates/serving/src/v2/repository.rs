//! Which models there are, as the model repository extension of the protocol words it.

use serde::Serialize;

/// One entry of the answer to `POST /v2/repository/index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepositoryEntry {
    /// The name of the endpoint.
    pub name: String,
    /// The number of the version; absent where none is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it answers.
    pub state: ModelState,
    /// Why it does not; empty where it does.
    pub reason: String,
}

/// Whether a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ModelState {
    /// It answers.
    Ready,
    /// It answers nobody.
    Unavailable,
}

impl ModelState {
    /// As the protocol writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}
