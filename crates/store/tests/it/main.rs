//! What the store promises, on real files.

mod crash;
mod deployments;
mod ledger;
mod lists;
mod metrics;
mod monitoring;
mod shared;
mod tampering;
mod versions;
mod world;
mod writes;
