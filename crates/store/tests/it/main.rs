//! What the store promises, on real files and on a real server.

#[macro_use]
mod databases;

mod audit_log;
mod audit_tree;
mod audited_rows;
mod crash;
mod deliveries;
mod deployments;
mod encryption;
mod lists;
mod metadata_copy;
mod metrics;
mod monitoring;
mod registry;
mod server_faults;
mod several_servers;
mod shared;
mod tampering;
mod tracking;
mod versions;
mod world;
mod writes;
