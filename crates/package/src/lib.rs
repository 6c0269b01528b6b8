//! The format of a model package: what a version consists of, as one tree of blobs whose digest is its identity.
//!
//! A package has a [`Manifest`], the model as ONNX, the reference that monitors compare with, a labelled sample of
//! held-out rows, golden requests with their answers, and the contract that was in force.
//!
//! Invariants: nothing in a package changes after it was written; what is known only later (verdicts, approvals,
//! deployments) never enters it. A package that lacks a part, or whose bytes do not match their digests, is refused.
//!
//! Out of scope: when a package is made and what its gates say (`app`), and where versions are listed (`store`).

#![deny(missing_docs)]

mod error;
pub mod golden;
mod manifest;
pub mod oci;
mod package;

pub use error::PackageError;
pub use manifest::Manifest;
pub use package::{MODEL_PATH, Package, Parts, SAMPLE_LOSS, SAMPLE_ROWS, SAMPLE_SCORE};
