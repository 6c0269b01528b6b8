//! The registry of models: models, versions, aliases and stages, as clients register them.
//!
//! Invariants: a model of a project is read and written by those whom its contract gives the right; one without a project by everyone
//! who is known. What a contract decides is not decided here. Out of scope: the words of any client's protocol.

mod access;
mod aliases;
mod error;
mod governance;
mod models;
mod package;
mod source;
mod versions;

pub use aliases::{delete_alias, get_version_by_alias, set_alias};
pub use error::RegistryError;
pub use models::{
    create_model, delete_model, delete_model_tag, describe_model, get_model, latest_versions, put_model_tag,
    rename_model, search_models,
};
pub use package::fetch_files;
pub use source::{NewClientVersion, VersionSource};
pub use versions::{
    create_version, delete_version, delete_version_tag, describe_version, get_version, move_version, put_version_tag,
    search_versions,
};
