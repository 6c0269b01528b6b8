//! The models that are in memory, under one bound for all of them, and the packages that were read.
//!
//! A model has a slot by the digest of what it was made from. Over the bound the model that was asked for least recently is released; whoever
//! asks for it loads it again. What a request or a use case has in hand is never taken from it.
//!
//! Invariants: what is in memory was verified when it was read; one load of a model at a time, whoever asks for it; a model that worker
//! processes answer stays only while a version serves it or somebody uses it, so that they end with their last use.
//! Out of scope: where a model is read from, and what is checked then.

mod memory;
mod packages;
mod served_model;
mod slot;

pub use memory::{Loaded, ModelMemoryCounts};
pub(crate) use memory::{ModelMemory, ReadModel};
pub(crate) use served_model::ServedModel;
