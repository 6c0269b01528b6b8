//! Who may do what to a project, and what was refused to whom.

pub(crate) mod access_map;
pub(crate) mod administration;
pub(crate) mod authorized;
pub(crate) mod error;
pub(crate) mod permission;
pub(crate) mod refused_actions;

pub use crate::causes::PermissionDenied;
pub use crate::components::{
    access::Subject,
    refusal_log::{RefusalTopic, RefusedAction},
};
pub use access_map::{grant_in_memory, grant_of_nothing, readable, require};
pub use authorized::{Act, Authorized, AuthorizedContext, Grant, act};
pub use error::AuthorizeError;
pub use refused_actions::{record_refusal, record_repeated_refusals};
