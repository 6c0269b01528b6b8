//! Which names a server answers to. A page of the web can point a name of its own at this machine (DNS rebinding); a
//! request that names a host which is not ours was made by such a page, whatever address it reached.
//!
//! Invariants: without any option a server answers to `localhost`, to the loopback addresses and to the address that it
//! is bound to; one that is bound beyond this machine also answers to addresses, because nobody can point an address
//! elsewhere. Every other name is listed with `--allowed-host`.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use axum::http::uri::Authority;

/// A host, and the port where one was written: `kilter.example`, `10.0.0.7:8484`, `[::1]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case, without the dot of the root.
    Name(String),
    Address(IpAddr),
}

/// A text that names no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no host: write it like kilter.example, kilter.example:8443, 10.0.0.7 or [fd00::7]")]
pub struct InvalidHost(String);

impl FromStr for HostPort {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.chars().take(80).collect());
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self { host: Host::Address(IpAddr::V6(address).to_canonical()), port: None });
        }
        let authority: Authority = text.parse().map_err(|_| invalid())?;
        if text.contains('@') {
            return Err(invalid());
        }
        // What follows the host is nothing, a colon, or a colon and a number.
        let port = match authority.as_str()[authority.host().len()..].strip_prefix(':') {
            None | Some("") => None,
            Some(port) => Some(port.parse().map_err(|_| invalid())?),
        };
        Ok(Self { host: Host::parse(authority.host()).ok_or_else(invalid)?, port })
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Address(IpAddr::V6(address).to_canonical()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        (!name.is_empty() && name.chars().all(is_name)).then_some(Self::Name(name))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => out.write_str(name)?,
            Host::Address(IpAddr::V4(address)) => write!(out, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(out, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(out, ":{port}"))
    }
}

/// Every host that a server answers to.
#[derive(Clone, Debug)]
pub(crate) struct AllowedHosts<'o> {
    /// The address that the server is bound to.
    pub(crate) bound: IpAddr,
    /// What `--allowed-host` lists.
    pub(crate) listed: &'o [HostPort],
}

impl AllowedHosts<'_> {
    /// Whether a request may name this host. Its port says nothing: a tunnel or a container changes it.
    pub(crate) fn admit(&self, asked: &HostPort) -> bool {
        let is_listed =
            |listed: &HostPort| listed.host == asked.host && (listed.port.is_none() || listed.port == asked.port);
        let is_own = match &asked.host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => {
                let bound = self.bound.to_canonical();
                address.is_loopback() || *address == bound || !bound.is_loopback()
            }
        };
        is_own || self.listed.iter().any(is_listed)
    }

    /// Whether pages of this origin (`https://kilter.example`) are ours: it is the host of the request itself, or
    /// listed. Two ports of one machine are two origins, as they are for a browser.
    pub(crate) fn admit_origin(&self, origin: &str, asked: &HostPort) -> bool {
        let Some((scheme, rest)) = origin.split_once("://") else { return false };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let Ok(from) = rest.parse::<HostPort>() else { return false };
        let port = |of: &HostPort| of.port.unwrap_or(usual);
        let is_same = |other: &HostPort| other.host == from.host && port(other) == port(&from);
        is_same(asked) || self.listed.iter().any(is_same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts<'o>(bound: &str, listed: &'o [HostPort]) -> AllowedHosts<'o> {
        AllowedHosts { bound: bound.parse().unwrap(), listed }
    }

    fn admits(hosts: &AllowedHosts<'_>, text: &str) -> bool {
        text.parse().is_ok_and(|host| hosts.admit(&host))
    }

    #[test]
    fn a_server_of_this_machine_answers_to_loopback_names_in_every_spelling() {
        let own = hosts("127.0.0.1", &[]);
        for text in [
            "localhost",
            "LOCALHOST:8484",
            "localhost.",
            "localhost:",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.9.9.9",
            "[::1]:8484",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(admits(&own, text), "{text}");
        }
        for text in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:8484",
            "10.0.0.7",
            "0.0.0.0:8484",
            "[fd00::7]",
            "user@localhost",
            "localhost@evil.example",
            "localhost,evil.example",
            "localhost:8484:8484",
            "localhost:x",
            "localhost/evil",
            "xlocalhost",
            "2130706433",
            "[::1",
            "",
        ] {
            assert!(!admits(&own, text), "{text}");
        }
    }

    #[test]
    fn a_server_beyond_this_machine_answers_to_addresses_and_to_listed_names() {
        let listed = ["kilter.example".parse().unwrap(), "other.example:8443".parse().unwrap()];
        let wide = hosts("0.0.0.0", &listed);
        for text in ["10.244.1.17:8484", "[fd00::7]:8484", "kilter.example", "KILTER.example:9", "other.example:8443"] {
            assert!(admits(&wide, text), "{text}");
        }
        for text in ["evil.example", "other.example", "other.example:1", "x.kilter.example"] {
            assert!(!admits(&wide, text), "{text}");
        }
        assert!(admits(&hosts("192.168.1.5", &[]), "192.168.1.5:8484"));
    }

    #[test]
    fn an_origin_is_ours_when_it_is_the_host_of_the_request_or_listed() {
        let listed = ["kilter.example".parse().unwrap()];
        let (own, proxied) = (hosts("127.0.0.1", &[]), hosts("127.0.0.1", &listed));
        let from =
            |hosts: &AllowedHosts<'_>, origin: &str, host: &str| hosts.admit_origin(origin, &host.parse().unwrap());
        assert!(from(&own, "http://localhost:8484", "localhost:8484") && from(&own, "http://[::1]:8484", "[::1]:8484"));
        assert!(
            from(&own, "http://localhost", "localhost:80")
                && from(&proxied, "https://kilter.example", "127.0.0.1:8484")
        );
        for origin in [
            "null",
            "",
            "http://localhost:3000",
            "http://127.0.0.1:8484",
            "http://evil.example",
            "http://localhost:8484.evil.example",
            "file://",
            "chrome-extension://abc",
            "http://kilter.example:8080",
        ] {
            assert!(!from(&own, origin, "localhost:8484"), "{origin}");
            assert!(!from(&proxied, origin, "localhost:8484"), "{origin}");
        }
    }

    #[test]
    fn a_listed_host_is_written_as_it_is_read() {
        for text in ["kilter.example", "kilter.example:8443", "10.0.0.7:1", "[fd00::7]:8484"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        assert_eq!("fd00::7".parse::<HostPort>().unwrap().to_string(), "[fd00::7]");
        for text in ["", "*", "https://kilter.example", "a b", "kilter.example/x", "kilter.example:99999"] {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
    }
}
