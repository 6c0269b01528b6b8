//! The server that has a data folder, by the file that it writes there.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use kilter_api::ServerFile;

/// How soon a server that has a folder accepts a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// What the server that has `data` says of itself, with an address of this machine, if anybody listens: a server that was killed
/// leaves its file behind.
pub(crate) fn find_listening(data: &Path) -> Option<ServerFile> {
    let file: ServerFile = serde_json::from_slice(&std::fs::read(data.join(ServerFile::NAME)).ok()?).ok()?;
    let address = local_address(file.address);
    TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok().then_some(ServerFile { address, ..file })
}

/// A server that listens on every address is reached on this machine.
fn local_address(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
    } else {
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_this_machine() {
        assert_eq!(local_address("0.0.0.0:9".parse().unwrap()).to_string(), "127.0.0.1:9");
        assert_eq!(local_address("[::]:9".parse().unwrap()).to_string(), "127.0.0.1:9");
        assert_eq!(local_address("10.0.0.1:9".parse().unwrap()).to_string(), "10.0.0.1:9");
    }
}
