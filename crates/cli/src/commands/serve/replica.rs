//! `kilter serve URL`: a replica of a server, apart from it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_app::{deployment::refused_endpoints, prediction::open_endpoints, replication::KeyRing};
use kilter_client::TlsFiles;
use kilter_domain::plural::counted;
use kilter_server::{ReplicaOptions, ServerOptions, read_token};
use serde::Serialize;

use super::package_check::read_keys;
use crate::{
    connect::tls_files,
    context::act,
    credentials,
    ui::{
        error::{CliError, usage},
        output::Output,
        view::{Answer, Page, Status},
    },
};

/// What a replica is told besides.
#[derive(Debug, Args)]
pub(super) struct ReplicaArgs {
    /// The fingerprint of a key that may have signed packages, plans and approvals: 64 hexadecimal digits, as `kilter key list --json` has
    /// them. Can be repeated. For the address of a server.
    #[arg(long = "trust", value_name = "FINGERPRINT")]
    fingerprints: Vec<String>,
    /// The folder of a replica: packages that it fetched, and records that its server does not have yet. It goes on with it after a restart.
    #[arg(long, value_name = "FOLDER", default_value = ".kilter-replica")]
    cache: PathBuf,
    /// The file with the token that proves to the server who follows it. Default: the one that `kilter login` stored.
    #[arg(long, value_name = "FILE", env = "KILTER_SERVER_TOKEN_FILE", hide_env_values = true)]
    server_token_file: Option<PathBuf>,
    /// The file with the authorities (PEM) that a server of https is believed by. Default: those that this machine trusts.
    #[arg(long, value_name = "FILE", env = "KILTER_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Following {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_address: Option<String>,
    server: String,
    endpoints: Vec<String>,
    refused: Vec<RefusedEndpoint>,
    pid: u32,
}

#[derive(Serialize)]
struct RefusedEndpoint {
    endpoint: String,
    reason: String,
}

/// Whether a source is the address of a server.
pub(super) fn is_server(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Answers as a server says, until the process is told to stop.
pub(super) async fn follow(options: ServerOptions, cache: &Path, output: &Output) -> Result<Answer, CliError> {
    let followed = options.replica.as_ref().map_or_else(String::new, |replica| replica.server.clone());
    let server = kilter_server::Server::bind(options).await?;
    let stop = kilter_server::stop_signal()?;
    server.begin_to_follow().await?;
    let app = server.app();
    let mut endpoints = Vec::new();
    for (name, serving) in open_endpoints(&app) {
        if serving.endpoint().routes().champion().is_some() {
            endpoints.push(name.to_string());
        }
    }
    let refused = refused_endpoints(&app).into_iter();
    let following = Following {
        address: server.url()?,
        grpc_address: server.grpc_address()?.map(|address| address.to_string()),
        server: followed,
        endpoints,
        refused: refused.map(|(endpoint, reason)| RefusedEndpoint { endpoint: endpoint.to_string(), reason }).collect(),
        pid: std::process::id(),
    };
    output.announce(&following, page(&following, cache))?;
    server.run_until(stop).await;
    Ok(Answer::written())
}

impl ReplicaArgs {
    /// Where it keeps what it fetched.
    pub(super) fn cache(&self) -> &Path {
        &self.cache
    }

    /// Which server it follows, as whom, and whom it believes.
    pub(super) fn options(&self, server: &str, plain_http: bool, keys: &[PathBuf]) -> Result<ReplicaOptions, CliError> {
        let mut fingerprints = BTreeSet::new();
        for text in &self.fingerprints {
            let text = text.to_ascii_lowercase();
            if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(usage(format!(
                    "`{text}` is no fingerprint of a key: write all 64 hexadecimal digits (`kilter key list --json`)"
                )));
            }
            fingerprints.insert(text);
        }
        let keys = KeyRing { keys: read_keys(keys)?, fingerprints };
        if keys.keys.is_empty() && keys.fingerprints.is_empty() {
            return Err(usage(
                "name the key that signs on the server: --key FILE (`kilter key export` writes it), or --trust FINGERPRINT",
            ));
        }
        let token = match &self.server_token_file {
            Some(file) => Some(read_token(file)?),
            None => credentials::stored_token(&credentials::platform_name(Some(server), Path::new(".")))?,
        };
        let server = server.trim_end_matches('/').to_owned();
        let TlsFiles { ca, identity } = tls_files(self.ca_file.as_deref())?;
        Ok(ReplicaOptions { server, plain_http, ca, identity, token, actor: act().actor, keys })
    }
}

fn page(following: &Following, cache: &Path) -> Page {
    let Following { address, grpc_address, server, endpoints, refused, .. } = following;
    let sentence = format!("follows {server} at {}", counted(endpoints.len(), "endpoint"));
    let mut page =
        Page::new().line(format!("kilter {} {sentence}, and answers at {address}", env!("CARGO_PKG_VERSION")));
    if let Some(address) = grpc_address {
        page = page.line(format!("gRPC is answered on {address}."));
    }
    for endpoint in endpoints {
        page = page.marked(Status::Ok, format!("{endpoint}: {address}/v2/models/{endpoint}/infer"));
    }
    for RefusedEndpoint { endpoint, reason } in refused {
        page = page.marked(Status::Bad, format!("{endpoint}: {reason}"));
    }
    page.line(format!(
        "What it answers is recorded in {} and sent to the server. Stop it with Ctrl-C.",
        cache.display()
    ))
}
