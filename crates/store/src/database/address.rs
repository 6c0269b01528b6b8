//! The address of a database of PostgreSQL: what the driver takes from it, and how the connection is encrypted.

use std::path::PathBuf;

use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::error::{DatabaseError, Result};

/// How a connection is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Not at all.
    Off,
    /// The server shows some certificate: nobody else reads the bytes, but who the server is stays unknown.
    Unverified,
    /// The server shows a certificate of its name by an authority of `roots`; `None`: by one that this machine trusts.
    Verified { roots: Option<PathBuf> },
}

/// An address without its secrets, and what the driver needs.
#[derive(Debug)]
pub(super) struct Address {
    pub config: Config,
    pub encryption: Encryption,
}

/// The name of the database at `url`, without its secrets.
pub(crate) fn database_name(url: &str) -> Result<String> {
    Address::parse(url).map(|address| address.name())
}

impl Address {
    /// `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…&sslrootcert=…`, with the words of libpq. Without `sslmode` a server on
    /// this machine is spoken to without encryption, and any other must prove its name.
    pub(super) fn parse(url: &str) -> Result<Self> {
        // The driver also takes a text of keys and values, in which a mistyped address would be a key.
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(DatabaseError::Scheme);
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value.to_owned()),
                Some(("sslrootcert", value)) => roots = Some(file_of(value)?),
                _ => others.push(part),
            }
        }
        let mut config: Config = match others.is_empty() {
            true => address.parse()?,
            false => format!("{address}?{}", others.join("&")).parse()?,
        };
        let encryption = match mode.as_deref() {
            Some("disable") => Encryption::Off,
            Some("require") if roots.is_none() => Encryption::Unverified,
            Some("require" | "verify-full") => Encryption::Verified { roots },
            Some(_) => return Err(DatabaseError::EncryptionMode),
            None if roots.is_none() && config.get_hosts().iter().all(is_here) => Encryption::Off,
            None => Encryption::Verified { roots },
        };
        config.ssl_mode(if encryption == Encryption::Off { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, encryption })
    }

    /// Hosts, ports and name.
    pub(super) fn name(&self) -> String {
        let ports = self.config.get_ports();
        let hosts = self.config.get_hosts().iter().enumerate().map(|(place, host)| {
            let port = ports.get(place).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Host::Tcp(host) => format!("{host}:{port}"),
                Host::Unix(folder) => format!("{}:{port}", folder.display()),
            }
        });
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("postgres://{}/{database}", hosts.collect::<Vec<_>>().join(","))
    }
}

/// A path in a query, whose signs may be escaped.
fn file_of(value: &str) -> Result<PathBuf> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded.map(|path| PathBuf::from(&*path)).map_err(|_| DatabaseError::EncryptionMode)
}

/// Whether a server listens on this machine only.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encryption(rest: &str) -> Option<Encryption> {
        Address::parse(&format!("postgres://ana:secret@{rest}")).ok().map(|address| address.encryption)
    }

    #[test]
    fn a_server_elsewhere_proves_its_name_unless_it_is_said_otherwise() {
        let verified = |roots: Option<&str>| Some(Encryption::Verified { roots: roots.map(PathBuf::from) });
        assert_eq!(encryption("127.0.0.1/kilter"), Some(Encryption::Off));
        assert_eq!(encryption("localhost:6432/kilter"), Some(Encryption::Off));
        assert_eq!(encryption("%2Frun%2Fpostgresql/kilter"), Some(Encryption::Off));
        assert_eq!(encryption("db.example/kilter"), verified(None));
        assert_eq!(encryption("127.0.0.1,db.example/kilter"), verified(None));
        assert_eq!(encryption("db.example/kilter?sslmode=verify-full"), verified(None));
        assert_eq!(encryption("db.example/kilter?sslmode=disable"), Some(Encryption::Off));
        assert_eq!(encryption("db.example/kilter?sslmode=require"), Some(Encryption::Unverified));
        assert_eq!(encryption("db/kilter?sslrootcert=/a%20b.pem&connect_timeout=3"), verified(Some("/a b.pem")));
        assert_eq!(encryption("127.0.0.1/kilter?sslmode=require&sslrootcert=ca.pem"), verified(Some("ca.pem")));
        assert_eq!(encryption("127.0.0.1/kilter?sslmode=prefer"), None);
    }

    #[test]
    fn other_settings_reach_the_driver() {
        let address = Address::parse("postgres://db.example/kilter?connect_timeout=3&sslmode=disable").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        assert_eq!(address.name(), "postgres://db.example:5432/kilter");
    }
}
