//! Projects: a folder with a contract, and the contract that the platform has recorded of it.

pub(crate) mod folder;
pub(crate) mod registered;
pub(crate) mod registration;

pub use folder::Project;
pub use registered::{project_folder, projects};
pub use registration::{register, register_to_run};
