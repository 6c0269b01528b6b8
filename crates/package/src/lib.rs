//! The format of a model package: what a version consists of, as one tree of blobs whose digest is its identity, and as a folder
//! or an archive that others read.
//!
//! A package has a [`Manifest`], the model as ONNX, what loads it in MLflow, the reference that monitors compare with, a labelled
//! sample of held-out rows, golden requests with their answers, the contract that was in force, and what is known of its code, its
//! data, its environment and its run. It is signed as OpenSSF Model Signing says ([`model_signature`]).
//!
//! Invariants: nothing in a package changes after it was written; what is known only later (verdicts, approvals,
//! deployments) never enters it. A package that lacks a part, or whose bytes do not match their digests, is refused.
//!
//! Out of scope: when a package is made and what its gates say (`app`), where versions are listed (`store`), and which keys are
//! trusted (`app`).

#![deny(missing_docs)]

mod archive;
mod compare;
pub mod documents;
mod error;
mod export;
mod files;
pub mod golden;
mod layout;
mod manifest;
mod model_folder;
pub mod model_signature;
pub mod oci;
mod package;
mod sha256;
mod statement;
mod verify;

pub use archive::{ArchiveError, ArchiveWriter, unpack};
pub use compare::{PackageDifference, compare_folders};
pub use error::PackageError;
pub use export::Export;
pub use files::store_folder;
pub use layout::{MANIFEST_PATH, model_path};
pub use manifest::{Making, Manifest, ManifestError, PackedCommit, PackedFile, SCHEMA};
pub use model_folder::{pack_model_folder, unpack_model_folder};
pub use model_signature::{FileHashes, SIGNATURE_PATH};
pub use package::{Package, PartSource, Parts, SAMPLE_LOSS, SAMPLE_ROWS, SAMPLE_SCORE};
pub use statement::{BUNDLE_TYPE, Bundle, SignatureError, Statement, Subject};
pub use verify::{CheckResult, TrustedKeys, Verified, check_hashes, check_signature, first_difference, verify_folder};
