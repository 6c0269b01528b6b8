//! Model versions: what is packaged, how a version moves through its states, and who approved it.

pub(crate) mod approval;
pub(crate) mod error;
pub(crate) mod facts;
pub(crate) mod golden_replay;
pub(crate) mod load;
pub(crate) mod model_cache;
pub use approval::{ApproveError, approve, reject};
pub use error::VersionError;
pub(crate) use kilter_package as package;
pub use kilter_package::{PackageError, golden::GoldenError};
