//! Datasets: what their columns are for, and which of them requests may carry.

pub(crate) mod column_roles;
pub(crate) mod context_columns;
pub(crate) mod history;

pub use column_roles::{ColumnRoles, RolesError};
