//! Packages that leave the platform and come in: built as a folder or an archive, verified, signed again, imported.
//!
//! Invariants: what is built has the files, the digest and the signature that were registered; a package that comes in is
//! registered as a draft, after its files were compared with their list, and is signed by this platform.
//!
//! Out of scope: the format (`kilter_package`), and when a version is packed (`training`).

pub(crate) mod approval_statement;
mod build;
mod error;
mod evidence;
mod import;
mod judge_imported;
mod verify;

pub use approval_statement::{ApprovalClaim, ApprovalVote, verify_approval};
pub use build::{BuiltPackage, PackageTarget, build_package};
pub use error::PackageUseError;
pub(crate) use import::{FolderSource, register_folder};
pub use import::{ImportTarget, import_package};
pub(crate) use judge_imported::judge_imported;

pub use kilter_keys::{KeyError, PublicKey};
pub use kilter_package::{
    BUNDLE_TYPE, Bundle, CheckResult, PackageDifference, Verified, compare_folders, unpack, verify_folder,
};
pub use verify::{sign_version, verify_version};
