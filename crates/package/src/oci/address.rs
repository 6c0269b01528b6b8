//! `oci://host[:port]/repository[:tag][@sha256:…]`.

use std::{fmt, str::FromStr};

use super::error::OciError;
use crate::sha256;

/// Longest repository and tag.
const MAX_NAME: usize = 255;
const MAX_TAG: usize = 128;

/// Where a package is in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciAddress {
    /// Host, with the port where one is stated.
    pub host: String,
    /// The name of the repository: `models/churn`.
    pub repository: String,
    /// The tag, or `sha256:…`.
    pub reference: String,
}

impl OciAddress {
    /// The same place with another tag or digest.
    pub fn with_reference(&self, reference: &str) -> Self {
        Self { reference: reference.to_owned(), ..self.clone() }
    }

    /// Whether the reference is a digest, which names one artifact for ever.
    pub fn is_digest(&self) -> bool {
        self.reference.starts_with("sha256:")
    }

    /// Whether the registry is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }
}

/// Whether a host, with or without a port, is this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether requests may go to an address: encrypted, to this machine, or where the operator takes the risk.
pub(crate) fn may_be_asked(url: &reqwest::Url, plain_http: bool) -> bool {
    url.scheme() == "https" || plain_http || is_loopback_host(url.host_str().unwrap_or_default())
}

impl fmt::Display for OciAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let between = if self.is_digest() { '@' } else { ':' };
        write!(out, "oci://{}/{}{between}{}", self.host, self.repository, self.reference)
    }
}

impl FromStr for OciAddress {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let wrong = |reason| OciError::Address { text: text.to_owned(), reason };
        let rest = text.strip_prefix("oci://").ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (host, path) = rest.split_once('/').ok_or_else(|| wrong("it names no repository"))?;
        let (path, digest) = path.split_once('@').map_or((path, None), |(path, digest)| (path, Some(digest)));
        let (repository, tag) = path.split_once(':').map_or((path, None), |(path, tag)| (path, Some(tag)));
        if !is_host(host) {
            return Err(wrong("the host is no name, with or without a port"));
        }
        if repository.len() > MAX_NAME || !repository.split('/').all(is_part) {
            return Err(wrong("a repository has small letters, digits, and one of . _ - between them"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(wrong("a tag has letters, digits and . _ -, at most 128"));
        }
        if digest.is_some_and(|digest| !is_sha256(digest)) {
            return Err(wrong("a digest is sha256: and 64 hexadecimal digits"));
        }
        let reference = digest.or(tag).unwrap_or("latest").to_owned();
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), reference })
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, port)) => (name, port.strip_prefix(':').or(port.is_empty().then_some("80"))),
        None => host.split_once(':').map_or((host, Some("80")), |(name, port)| (name, Some(port))),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    !name.is_empty() && name.chars().all(is_name) && port.is_some_and(|port| port.parse::<u16>().is_ok())
}

fn is_part(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(plain) && part.ends_with(plain) && part.chars().all(|c| plain(c) || "._-".contains(c))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= MAX_TAG && tag.starts_with(word) && tag.chars().all(|c| word(c) || ".-".contains(c))
}

/// Whether a text is the digest of something by SHA-256.
pub(crate) fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| sha256::of_hex(hex).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_registry_a_repository_and_a_version() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        for (text, host, repository, reference) in [
            ("oci://registry.example/models/churn:7", "registry.example", "models/churn", "7"),
            ("oci://127.0.0.1:5000/churn", "127.0.0.1:5000", "churn", "latest"),
            ("oci://[::1]:5000/a/b_c-d.e:v1", "[::1]:5000", "a/b_c-d.e", "v1"),
            (&format!("oci://localhost/churn:7@{digest}"), "localhost", "churn", &digest),
        ] {
            let address: OciAddress = text.parse().unwrap();
            assert_eq!((&*address.host, &*address.repository, &*address.reference), (host, repository, reference));
            assert_eq!(address.is_loopback(), host != "registry.example", "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_asked_without_encryption_wherever_a_registry_leads() {
        let asked = |url: &str, plain_http| may_be_asked(&reqwest::Url::parse(url).unwrap(), plain_http);
        for here in
            ["http://localhost:5000/v2/", "http://127.0.0.1/token", "http://[::1]:5000/", "https://registry.example/"]
        {
            assert!(asked(here, false), "{here}");
        }
        for elsewhere in ["http://registry.example/token", "http://10.0.0.1:5000/", "http://localhost.example/"] {
            assert!(!asked(elsewhere, false) && asked(elsewhere, true), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for text in [
            "registry.example/churn",
            "oci://registry.example",
            "oci:///churn",
            "oci://a b/churn",
            "oci://user:secret@host/churn",
            "oci://host:port/churn",
            "oci://host/Churn",
            "oci://host/../churn",
            "oci://host/churn:a b",
            "oci://host/churn@sha256:12",
        ] {
            let error = text.parse::<OciAddress>().unwrap_err().to_string();
            assert!(error.contains("write one like oci://registry.example/models/churn:7"), "{error}");
        }
    }
}
