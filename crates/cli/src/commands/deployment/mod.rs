//! Deployments: which version serves at which endpoint.

pub(crate) mod deploy;
