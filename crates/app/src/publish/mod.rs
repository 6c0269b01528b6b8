//! Packages on their way out of the platform: as folders, and into the registry that a contract names.
//!
//! Invariants: what leaves is what is stored, byte for byte; a version is sent by itself only once it is approved; a registry that is
//! away keeps nothing else from happening.

mod error;
mod push_approved;
mod stored_package;

pub use error::PublishError;
pub use push_approved::{DuePush, PushOutcome, due_pushes, may_be_due, push_due};
pub use stored_package::{StoredPackage, check_out};
