//! Golden requests: rows that a version carries with the answers that its model gave, asked again when it matters.
//!
//! Invariants: the model is asked as callers ask (a V2 body in, a V2 body out), together and row by row; answers are
//! compared bit by bit, those of a model outside of our own kernels to five digits. Asking a version moves none of its counters. Out of scope: labels and
//! columns that no model reads.

mod difference;
mod error;
mod lines;
mod requests;
mod sample;
mod table;
#[cfg(test)]
mod tests;

pub use difference::Difference;
pub use error::GoldenError;
pub use requests::{GoldenRequests, GoldenResult, is_near};
