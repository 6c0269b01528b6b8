//! Packages in an OCI registry, as CNCF ModelPack artifacts: one layer per file, byte for byte.
//!
//! Invariants: no layer is in memory as a whole; what was received has the digest that the registry was asked for, or is not
//! kept; a package appears in its folder completely or not at all; a password is sent over TLS or to this machine, and is in no
//! message.
//!
//! Out of scope: what the files of a package mean, and whether its signature is valid (whoever pulls verifies).

mod address;
mod client;
mod credentials;
mod error;
mod facts;
mod manifest;
mod options;
mod pull;
mod push;
mod referrers;
mod transport;

use std::{
    path::{Path, PathBuf},
    thread,
};

pub use address::OciAddress;
pub use credentials::Login;
pub use error::OciError;
pub use facts::{ArtifactFacts, Attachment, MAX_ATTACHMENT_BYTES};
pub use options::RegistryOptions;
pub use pull::Pulled;
pub use push::Pushed;

/// Sends the package in `folder` to a registry. Layers that are there already are not sent again.
///
/// # Errors
/// When the folder is no package, or the registry refuses, is away, or takes other bytes than were sent.
pub fn push(
    folder: &Path,
    facts: &ArtifactFacts,
    address: &OciAddress,
    options: &RegistryOptions,
) -> Result<Pushed, OciError> {
    blocking(async || push::push(folder, facts, address, options).await)
}

/// Brings a package from a registry into `folder`, which must not exist. What an interrupted pull has left beside it is used.
///
/// # Errors
/// When there is no such artifact, it is no package, the registry refuses, is away, or sends other bytes than it says.
pub fn pull(address: &OciAddress, folder: &Path, options: &RegistryOptions) -> Result<Pulled, OciError> {
    blocking(async || pull::pull(address, folder, options).await)
}

/// The caller may be in an async context, which must not be blocked by another one: a thread of its own.
fn blocking<T: Send>(work: impl AsyncFnOnce() -> Result<T, OciError> + Send) -> Result<T, OciError> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| OciError::File { path: PathBuf::new(), source })?;
        runtime.block_on(work())
    };
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
