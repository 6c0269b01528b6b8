//! Projects: a folder with a contract, and the contract that the platform has recorded of it.

pub(crate) mod dataset_error;
pub(crate) mod error;
pub(crate) mod folder;

pub use dataset_error::DatasetError;
pub use error::ProjectError;
pub use folder::Project;
