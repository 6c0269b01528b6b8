//! Why a server could not begin.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use kilter_api::{Code, Problem};
use kilter_app::data_folder::DataFolderError;

use crate::{error::problem_of, tls::TlsError};

/// Why a server could not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Others can reach the address, and that was not allowed or no token guards it.
    #[error("will not listen on {host}: others can reach it, and {}", if *has_token { "that was not allowed" } else { "no token guards it" })]
    AddressRefused {
        /// The address that was asked for.
        host: IpAddr,
        /// Whether there is a token; then the permission is what is missing.
        has_token: bool,
    },
    /// Another process listens on the address.
    #[error("could not listen on {address}: another process does")]
    AddressInUse {
        /// The address and port that were asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// The system does not give the address.
    #[error("could not listen on {address}")]
    Bind {
        /// The address and port that were asked for.
        address: SocketAddr,
        /// What the system answered.
        source: io::Error,
    },
    /// The listener failed after it had the address.
    #[error("could not listen")]
    Listen(#[source] io::Error),
    /// The data folder cannot be opened.
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    /// The path of the running program is not known, so runs could not start it.
    #[error("could not find the program itself")]
    Program(#[source] io::Error),
    /// The token is too short, or a header cannot carry it.
    #[error("the token in `{}` cannot be used: {why}", .path.display())]
    BadToken {
        /// The path of the token file.
        path: PathBuf,
        /// What is wrong with the token.
        why: &'static str,
    },
    /// The token file cannot be read.
    #[error("could not read the token file `{}`", .path.display())]
    TokenFile {
        /// The path of the token file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The files that connections are to be encrypted by cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Traces cannot be exported as the environment says.
    #[error("{0}")]
    BadTraces(String),
    /// The OpenID provider cannot be used as it is named.
    #[error("the OpenID provider cannot be used: {0}")]
    BadProvider(String),
    /// No key for the data folder could be made.
    #[error("the system gave no random bytes")]
    Randomness,
    /// The server could not be told to stop.
    #[error("could not listen to the signals of the system")]
    Signals(#[source] io::Error),
}

impl ServerError {
    /// Whether a folder could not be opened because nobody, or not this person, may write in it.
    pub fn is_read_only(&self) -> bool {
        let mut link: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = link {
            let shared = || error.downcast_ref::<Arc<io::Error>>().map(|error| &**error);
            if let Some(error) = error.downcast_ref::<io::Error>().or_else(shared) {
                return matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem);
            }
            link = error.source();
        }
        false
    }

    /// Whether another process has the address.
    pub const fn is_address_in_use(&self) -> bool {
        matches!(self, Self::AddressInUse { .. })
    }

    pub(crate) fn bind(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::AddressInUse { address, source },
            _ => Self::Bind { address, source },
        }
    }
}

impl From<ServerError> for Problem {
    fn from(error: ServerError) -> Self {
        let code = match &error {
            ServerError::AddressRefused { .. } => Code::AddressRefused,
            ServerError::AddressInUse { .. } => Code::AddressInUse,
            ServerError::BadToken { .. } | ServerError::TokenFile { .. } | ServerError::Tls(_) => Code::FileInvalid,
            ServerError::BadProvider(_) | ServerError::BadTraces(_) => Code::UsageInvalid,
            ServerError::Bind { .. } => Code::StorageFailed,
            ServerError::DataFolder(error) => return problem_of(error),
            ServerError::Program(_) | ServerError::Listen(_) | ServerError::Randomness | ServerError::Signals(_) => {
                Code::Internal
            }
        };
        Self::of(code, &error)
    }
}
