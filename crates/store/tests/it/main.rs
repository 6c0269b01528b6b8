//! What the store promises, on real files.

mod audit_log;
mod crash;
mod deployments;
mod lists;
mod metrics;
mod monitoring;
mod shared;
mod tampering;
mod versions;
mod world;
mod writes;
