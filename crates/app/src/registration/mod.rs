//! The contract in force: what a project is registered with, and who may put another in its place.

pub(crate) mod register;

pub use register::{PolicyProposed, RegisterError, register_to_run};
