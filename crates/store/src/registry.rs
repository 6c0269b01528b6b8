//! The registry that clients see: models with versions, tags, aliases and stages.
//!
//! Invariants: a number is given once, whoever makes the version; each change says what happened, in its transaction.
//! A model that has a project is under its contract: its versions have rows in [`crate::model`] too, with the same
//! numbers, and its aliases are there alone. Out of scope: rights, and what a contract asks of a change.

pub mod alias;
pub(crate) mod event;
pub mod import;
pub(crate) mod keys;
pub mod model;
pub mod platform;
pub mod version;

pub use model::{NewRegisteredModel, RegisteredModel};
pub use version::{NewRegisteredVersion, RegisteredVersion};

pub use crate::tracking::Tags;
