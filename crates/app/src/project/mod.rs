//! Projects: a folder with a contract, and the contract that the platform has recorded of it.

pub(crate) mod contract_cache;
pub(crate) mod error;
pub(crate) mod folder;
pub(crate) mod registered;
pub(crate) mod registration;

pub use error::ProjectError;
pub use folder::Project;
pub use registered::{project_folder, projects};
pub use registration::{RegisterError, register, register_to_run};
