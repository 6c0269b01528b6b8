//! TLS of the client: whose certificates of servers it believes, and its own certificate where a server wants one.
//!
//! Invariants: a server proves that it has the name of its address, by an authority; the server of a data folder has the certificate
//! that is in the folder. Nothing is sent before. Out of scope: which servers encrypt (their address says it).

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use kilter_api::{Code, Problem};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// The largest file of certificates or keys.
const MAX_BYTES: u64 = 1 << 20;

/// The files of a client about TLS, all of PEM.
#[derive(Clone, Debug, Default)]
pub struct TlsFiles {
    /// The authorities that certificates of servers are believed by; `None`: those that this machine trusts.
    pub ca: Option<PathBuf>,
    /// The certificate of the client and its private key, where servers want one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// How one server is spoken to.
pub(crate) struct Tls {
    name: ServerName<'static>,
    trust: Trust,
    identity: Option<(PathBuf, PathBuf)>,
    /// Made for the first request.
    connector: OnceLock<Result<TlsConnector, Problem>>,
}

enum Trust {
    Authorities(Option<PathBuf>),
    /// This certificate alone.
    Pinned(CertificateDer<'static>),
}

impl Tls {
    /// With a server whose certificate has the name or address `host`.
    ///
    /// # Errors
    /// If `host` is neither.
    pub(crate) fn with(host: &str, files: &TlsFiles) -> Result<Self, Problem> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            Problem::new(Code::UsageInvalid, format!("`{host}` is no name of a server")).caused_by(Some(&error))
        })?;
        Ok(Self::new(name, Trust::Authorities(files.ca.clone()), files))
    }

    /// With the server whose certificate this is, whatever name it has.
    pub(crate) fn with_owner_of(certificate: Vec<u8>, files: &TlsFiles) -> Self {
        let name = ServerName::IpAddress(std::net::IpAddr::from([127, 0, 0, 1]).into());
        Self::new(name, Trust::Pinned(certificate.into()), files)
    }

    fn new(name: ServerName<'static>, trust: Trust, files: &TlsFiles) -> Self {
        Self { name, trust, identity: files.identity.clone(), connector: OnceLock::new() }
    }

    /// The same server, with other files.
    pub(crate) fn reading(self, files: &TlsFiles) -> Self {
        let trust = match self.trust {
            Trust::Authorities(_) => Trust::Authorities(files.ca.clone()),
            pinned @ Trust::Pinned(_) => pinned,
        };
        Self::new(self.name, trust, files)
    }

    /// What encrypts connections.
    ///
    /// # Errors
    /// If a file cannot be read, or holds something else than it should.
    pub(crate) fn connector(&self) -> Result<&TlsConnector, Problem> {
        let connector = self.connector.get_or_init(|| self.config().map(|config| Arc::new(config).into()));
        connector.as_ref().map_err(Clone::clone)
    }

    /// Encrypts a connection.
    ///
    /// # Errors
    /// If the server is not who it should be, or does not encrypt.
    pub(crate) async fn encrypt(
        &self,
        connector: &TlsConnector,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        connector.connect(self.name.clone(), stream).await
    }

    fn config(&self) -> Result<ClientConfig, Problem> {
        let failed = |error: rustls::Error| Problem::of(Code::FileInvalid, &error);
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(failed)?;
        let builder = match &self.trust {
            Trust::Authorities(file) => builder.with_root_certificates(authorities(file.as_deref())?),
            Trust::Pinned(certificate) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Pinned { certificate: certificate.clone(), provider })),
        };
        let Some((certificate, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate)?;
        let private = PrivateKeyDer::from_pem_reader(open(key)?)
            .map_err(|_| unusable(key, "it holds no private key of PEM that is not encrypted"))?;
        builder.with_client_auth_cert(chain, private).map_err(|error| unusable(certificate, error))
    }
}

/// The authorities of a file, or those that this machine trusts.
fn authorities(file: Option<&Path>) -> Result<RootCertStore, Problem> {
    let mut store = RootCertStore::empty();
    match file {
        Some(path) => {
            for certificate in certificates(path)? {
                store.add(certificate).map_err(|error| unusable(path, error))?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        let detail = "this machine has no list of authorities by which a server could be believed";
        return Err(Problem::new(Code::FileInvalid, detail).hint("name a file with --ca-file"));
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found = CertificateDer::pem_reader_iter(open(path)?).collect::<Result<Vec<_>, _>>();
    match found.map_err(|error| unusable(path, error))? {
        found if found.is_empty() => Err(unusable(path, "there is no certificate of PEM in it")),
        found => Ok(found),
    }
}

fn open(path: &Path) -> Result<BufReader<impl Read>, Problem> {
    let file = File::open(path).map_err(|error| {
        Problem::new(Code::FileInvalid, format!("could not read `{}`", path.display())).caused_by(Some(&error))
    })?;
    Ok(BufReader::new(file.take(MAX_BYTES)))
}

fn unusable(path: &Path, reason: impl ToString) -> Problem {
    Problem::new(Code::FileInvalid, format!("`{}` cannot be used: {}", path.display(), reason.to_string()))
}

/// Takes one certificate; that the server has its key is proven.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *certificate == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::General("it is not the certificate that the data folder names".to_owned())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
