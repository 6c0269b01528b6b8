//! The words of the domain: what a table, a digest, a rule, a contract, a version *is*.
//!
//! Invariants: a value of these types is valid because it exists (parsed where it enters).
//! Out of scope: clock, file, socket, database. `now`, seeds and ids are handed in.

#![deny(missing_docs)]

pub mod actor;
pub mod alert;
pub mod audit;
pub mod card;
pub mod contract;
pub mod deployment;
pub mod digest;
pub mod error_chain;
pub mod event;
pub mod gate;
pub mod identity;
pub mod ids;
pub mod input_rule;
pub mod log_position;
pub mod merkle;
pub mod model;
pub mod nearest;
pub mod nonempty;
pub mod plural;
pub mod reading;
pub mod registry;
pub mod replica;
pub mod retrain_blocker;
pub mod risk;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod search;
pub mod signing_key;
pub mod table;
pub mod time;
pub mod tracking;
pub mod transfer;
pub mod webhook;
