//! MLflow's servers and folders: what they have is read as records, compared with what the platform has, and copied both ways.
//!
//! Invariants: a source is never changed; what is read from outside is bounded and never leaves the folder that was named; a copy that
//! was ended anywhere goes on where it stopped, and nothing of it is there twice. Out of scope: traces and prompts, and how the
//! platform keeps what it gets.

#![deny(missing_docs)]

mod copy;
mod copy_registry;
mod error;
mod folder;
mod folder_files;
mod folder_registry;
mod folder_write;
mod http;
mod json;
mod platform;
mod report;
mod rest;
mod same;
mod source;
mod target;
mod yaml;

pub use copy::{CopyOptions, export, import};
pub use error::TransferError;
pub use folder::FolderSource;
pub use folder_write::FolderTarget;
pub use http::{Credentials, HttpTransport};
pub use platform::Platform;
pub use report::{Count, Kind, Report};
pub use rest::RestSource;
pub use source::Source;
