//! Projects: a folder with a contract, and the contract that the platform has recorded of it.

pub(crate) mod copies;
pub(crate) mod dataset_error;
pub(crate) mod error;
pub(crate) mod fetch;
pub(crate) mod fetch_error;
pub(crate) mod folder;

pub use copies::pinned_copy;
pub use dataset_error::DatasetError;
pub use error::ProjectError;
pub use fetch::fetch_datasets;
pub use fetch_error::{FetchCause, FetchError};
pub use folder::Project;
