//! The protocols that predictions are asked for by.

mod answer;
mod body;
mod compression;
mod endpoint;
pub(crate) mod grpc;
pub(crate) mod invocations;
pub(crate) mod kserve_v1;
pub(crate) mod repository;
pub(crate) mod rest_v2;
mod route;
pub(crate) mod statistics;
