//! What other tools compute, by their own definitions, so that numbers can be compared and moved over.
//!
//! Invariants: each function equals the tool's number (checked by the oracles). Nothing else in this crate uses them.

pub mod argsort;
pub mod bins;
pub mod evidently;
pub mod nannyml;
pub mod numpy_random;
