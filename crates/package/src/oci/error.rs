//! Why a package did not go to a registry, or come from one.

use std::{io, path::PathBuf};

/// Why a package did not go to a registry, or come from one.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The address cannot be read.
    #[error("`{text}` is no address of a package: {reason}; write one like oci://registry.example/models/churn:7")]
    Address {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The registry would be reached without encryption.
    #[error("{host} would be reached without encryption; let it speak TLS, or allow it with --plain-http")]
    PlainHttp {
        /// The host, with its port.
        host: String,
    },
    /// The registry does not know who asks.
    #[error(
        "{host} does not let us in{}; log in with `docker login {host}`, or set KILTER_REGISTRY_USER and KILTER_REGISTRY_PASSWORD",
        if *.with_login { " with the name and password that we have" } else { " without a name and password" }
    )]
    Unauthorized {
        /// The host, with its port.
        host: String,
        /// Whether a name and password were sent.
        with_login: bool,
    },
    /// The registry knows who asks, and refuses.
    #[error("{host} refuses to let us {attempted} (status {status}); ask its operator for the right to do so")]
    Refused {
        /// The host, with its port.
        host: String,
        /// What was asked.
        attempted: String,
        /// The HTTP status.
        status: u16,
    },
    /// There is no such artifact.
    #[error("there is no {what} at {address}")]
    NotFound {
        /// What was asked for.
        what: &'static str,
        /// The address.
        address: String,
    },
    /// The registry does not answer, or not to the end, also after several tries.
    #[error("{host} could not {attempted}: {reason}; what was transferred is used by the next try")]
    Unavailable {
        /// The host, with its port.
        host: String,
        /// What was asked.
        attempted: String,
        /// What went wrong.
        reason: String,
    },
    /// The registry answers otherwise than the standard says.
    #[error("{host} answers otherwise than a registry does: {reason}")]
    Protocol {
        /// The host, with its port.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Bytes do not have their digest.
    #[error("{what} has the digest {found}, and should have {expected}; nothing of it is kept")]
    Digest {
        /// The file, or the manifest.
        what: String,
        /// The digest that was asked for.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// The artifact is none that holds a package.
    #[error("{address} is no model package: {reason}")]
    NotAPackage {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the package cannot be sent as a layer.
    #[error("{} cannot be sent: {reason}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The target folder is taken.
    #[error("{} exists already; name a folder that does not", .path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The system does not read or write a file.
    #[error("could not read or write {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The files with names and passwords cannot be used.
    #[error("the login for {host} cannot be read: {reason}")]
    Login {
        /// The host, with its port.
        host: String,
        /// What is wrong; never with a secret.
        reason: String,
    },
}
