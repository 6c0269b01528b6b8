//! The file in a data folder in which its server says where it answers.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Where the server that has a data folder answers. Only read while the folder is in use, so a file that a killed server
/// left behind misleads nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFile {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// The address that it answers gRPC on; a server that does not, or of an earlier version, has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_address: Option<SocketAddr>,
    /// The process.
    pub pid: u32,
    /// What a request carries that names a folder of this machine. A server of an earlier version has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The certificate that it encrypts connections by: DER in Base64. Whoever can read the file believes this one alone. A server
    /// that does not encrypt, or of an earlier version, has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl ServerFile {
    /// The name of the file in the data folder.
    pub const NAME: &str = "server.json";
}
