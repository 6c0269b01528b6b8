//! TLS of the listeners: the certificate and its key, and whose certificates clients must have.
//!
//! Invariants: what a file says is used whole or not at all; connections that are open keep the certificate that they began with;
//! files that cannot be used any more are named, and the certificate that was read last goes on. Out of scope: who a client is. Its
//! certificate opens the connection, and a token says who asks.

use std::{
    fmt, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tokio_rustls::TlsAcceptor;

/// The largest file of certificates or keys.
const MAX_BYTES: u64 = 1 << 20;

/// The files that connections are encrypted by, all of PEM.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// The certificate of the server, then those between it and its authority.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The authorities of which a client must have a certificate; `None`: it needs none.
    pub client_ca: Option<PathBuf>,
}

impl TlsOptions {
    fn files(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing, too large or no text.
    #[error("could not read `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("`{}` cannot be used: {reason}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is of another certificate.
    #[error("the key in `{}` is not that of the certificate in `{}`", .key.display(), .certificate.display())]
    OtherKey {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
}

/// What clients of a listener must speak inside of TLS, by the names of ALPN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alpn {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// The certificate that new connections get. Clones share it.
#[derive(Clone)]
pub(crate) struct Certificates(Arc<Inner>);

struct Inner {
    options: TlsOptions,
    current: RwLock<Identity>,
    seen: Mutex<Seen>,
}

/// The files as they were looked at last.
struct Seen {
    stamps: Vec<Option<Stamp>>,
    /// Why they could not be used.
    fault: Option<String>,
}

/// What changes with a file: device, inode, size in bytes, and time of its last change in seconds and nanoseconds.
type Stamp = (u64, u64, u64, i64, i64);

#[derive(Clone)]
struct Identity {
    http1: Arc<ServerConfig>,
    http2: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Certificates").field(&self.0.options).finish()
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// If one cannot be read or used, or the key is not that of the certificate.
    pub(crate) fn read(options: TlsOptions) -> Result<Self, TlsError> {
        let stamps = stamps(&options);
        let current = RwLock::new(Identity::read(&options)?);
        Ok(Self(Arc::new(Inner { options, current, seen: Mutex::new(Seen { stamps, fault: None }) })))
    }

    /// Reads the files again if they have changed; whether new connections get something else from now on.
    ///
    /// # Errors
    /// If they cannot be used, until they can. What was read before goes on.
    pub(crate) fn refresh(&self) -> Result<bool, String> {
        let stamps = stamps(&self.0.options);
        let mut seen = self.seen();
        if seen.stamps == stamps {
            return seen.fault.clone().map_or(Ok(false), Err);
        }
        // A file that changes while it is read has another stamp at the next look.
        seen.stamps = stamps;
        match Identity::read(&self.0.options) {
            Ok(identity) => {
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
                seen.fault = None;
                Ok(true)
            }
            Err(error) => {
                let fault = format!(
                    "{}; connections get the certificate that was read before",
                    kilter_domain::error_chain::with_causes(&error)
                );
                seen.fault = Some(fault.clone());
                Err(fault)
            }
        }
    }

    /// What encrypts a new connection.
    pub(crate) fn acceptor(&self, alpn: Alpn) -> TlsAcceptor {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        match alpn {
            Alpn::Http1 => current.http1.clone().into(),
            Alpn::Http2 => current.http2.clone().into(),
        }
    }

    /// The certificate of the server, as DER.
    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).certificate.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    fn read(options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let invalid = |reason: rustls::Error| invalid(&options.certificate, reason);
        let certificates = certificates(&options.certificate)?;
        let Some(certificate) = certificates.first().cloned() else { return Err(no_certificate(&options.certificate)) };
        let key = private_key(&options.key)?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| self::invalid(&options.key, error))?;
        let certified = CertifiedKey::new(certificates, key);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::OtherKey { key: options.key.clone(), certificate: options.certificate.clone() }
            }
            error => invalid(error),
        })?;
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(invalid)?;
        let builder = match &options.client_ca {
            Some(file) => builder.with_client_cert_verifier(client_verifier(file, provider)?),
            None => builder.with_no_client_auth(),
        };
        let mut http1 = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        let mut http2 = http1.clone();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        http2.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { http1: Arc::new(http1), http2: Arc::new(http2), certificate })
    }
}

/// Believes clients by the authorities of a file.
fn client_verifier(file: &Path, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| invalid(file, error))?;
    }
    if roots.is_empty() {
        return Err(no_certificate(file));
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().map_err(|error| invalid(file, error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(file)?;
    let found = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>();
    found.map_err(|error| invalid(file, error))
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    // What is wrong is said without a byte of the file.
    let unusable = "it holds no private key of PEM that is not encrypted";
    PrivateKeyDer::from_pem_slice(read(file)?.as_bytes()).map_err(|_| invalid(file, unusable))
}

fn read(path: &Path) -> Result<String, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    kilter_app::read_bounded_text(path, MAX_BYTES).map_err(unreadable)
}

fn no_certificate(file: &Path) -> TlsError {
    invalid(file, "there is no certificate of PEM in it")
}

fn invalid(path: &Path, reason: impl ToString) -> TlsError {
    TlsError::Invalid { path: path.to_owned(), reason: reason.to_string() }
}

fn stamps(options: &TlsOptions) -> Vec<Option<Stamp>> {
    let stamp = |path: &Path| {
        let found = path.metadata().ok()?;
        Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
    };
    options.files().map(stamp).collect()
}
