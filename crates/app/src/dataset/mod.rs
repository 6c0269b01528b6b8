//! Datasets: what their columns are for, and which of them requests may carry.

pub(crate) mod column_roles;
pub(crate) mod context_columns;
pub(crate) mod error;
pub(crate) mod history;
pub(crate) mod training_source;

pub use column_roles::{ColumnRoles, RolesError};
pub use error::DatasetError;
pub use training_source::FileSource;
