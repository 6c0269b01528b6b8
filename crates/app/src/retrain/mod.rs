//! Retraining: what triggers it, and what holds it back.

pub(crate) mod cool_down;
pub(crate) mod error;
pub(crate) mod triggers;

pub use error::RetrainError;
