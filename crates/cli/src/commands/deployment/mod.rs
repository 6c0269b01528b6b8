//! Deployments: which version serves at which endpoint.

pub(crate) mod deploy;
pub(crate) mod endpoint;
pub(crate) mod list;
pub(crate) mod rollback;
