//! What the store promises, on real files.

mod crash;
mod deployments;
mod ledger;
mod lists;
mod metrics;
mod monitoring;
mod stairwell;
mod tampering;
mod versions;
mod world;
mod writes;
