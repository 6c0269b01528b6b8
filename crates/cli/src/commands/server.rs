//! `kilter server`: everything in one process, until it is told to stop.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{ArtifactPlace, ArtifactRoot, RecordAck};
use kilter_domain::time::{Span, Timestamp};
use kilter_server::{HostPort, Limits, LogFormat, ProviderOptions, ServerOptions, init_logs, read_secret, read_token};
use serde::Serialize;

use crate::{
    byte_size::Size,
    commands::event_args::EventArgs,
    context::{DatabaseArgs, KeyArgs, PublishArgs, StorageArgs},
    python_args::PythonArgs,
    server_config::{self, FILE_VARIABLE},
    ui::{
        error::{CliError, usage},
        output::Output,
        view::{Answer, Page},
    },
};

/// Run the server: predictions, API, monitoring, retraining and deployments in one process.
///
/// SIGTERM and SIGINT stop it after open requests are answered; a second signal stops it at once. Everything that was
/// acknowledged is stored.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The file with what is not given here nor in the environment; without it `kilter-server.toml` of this folder.
    #[arg(long, value_name = "FILE", env = FILE_VARIABLE, hide_env_values = true)]
    config: Option<PathBuf>,
    /// The data folder.
    #[arg(long, value_name = "DIR", env = "KILTER_DATA", default_value = ".kilter", hide_env_values = true)]
    data: PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    storage: StorageArgs,
    /// Where files lie that clients of MLflow log through this server: a folder, or `s3://BUCKET/PREFIX`. The data folder remembers it.
    /// Default: with the packages.
    #[arg(long, value_name = "PLACE", env = "KILTER_ARTIFACTS_DESTINATION", hide_env_values = true)]
    artifacts_destination: Option<ArtifactPlace>,
    /// Below which address new experiments have their folders that state none. With another one than `mlflow-artifacts:/`, clients write
    /// there themselves.
    #[arg(long, value_name = "URI", env = "KILTER_DEFAULT_ARTIFACT_ROOT", hide_env_values = true)]
    default_artifact_root: Option<ArtifactRoot>,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    publish: PublishArgs,
    /// When a prediction or a label is acknowledged: after it is on the disk of this machine, or only after it is in the object
    /// store too, which a loss of the machine does not take away. With `memory` a prediction is answered before it is written: a
    /// crash loses the last milliseconds, a loss of power about the last half second.
    #[arg(
        long,
        value_name = "WHERE",
        value_parser = ["memory", "disk", "storage"],
        env = "KILTER_RECORD_ACK",
        default_value = "disk",
        hide_env_values = true
    )]
    record_ack: String,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port to listen on; 0 chooses a free port.
    #[arg(long, default_value_t = 8484)]
    port: u16,
    /// The port to answer gRPC on (Open Inference Protocol, health checks, reflection), at the same address; 0 chooses a free
    /// port. Without it gRPC is not answered.
    #[arg(long, value_name = "PORT")]
    grpc_port: Option<u16>,
    /// Accept requests from other machines. Requires --token-file.
    #[arg(long)]
    allow_remote: bool,
    /// The file with the token that requests must send.
    #[arg(long, value_name = "FILE", env = "KILTER_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    events: EventArgs,
    /// A host name that requests may use besides `localhost` and the address, like `kilter.example` behind a proxy.
    /// Can be repeated.
    #[arg(long = "allowed-host", value_name = "HOST[:PORT]")]
    allowed_hosts: Vec<HostPort>,
    /// The largest request body, and the largest message of gRPC, like `64MiB`.
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    max_body: Size,
    /// The largest size of all request bodies in memory together, like `256MiB`. Further requests are rejected until
    /// others are answered.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    max_bodies: Size,
    /// The longest duration of a request, like `30s`.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Span,
    /// The longest time that a stop waits for open requests.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    drain: Span,
    #[command(flatten)]
    python: PythonArgs,
    /// What to log: a level (`error`, `warn`, `info`, `debug`), or levels of parts (`info,kilter_server=debug`).
    #[arg(long, value_name = "FILTER", env = "KILTER_LOG", default_value = "info", hide_env_values = true)]
    log: String,
    /// The format of a log line.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    log_format: String,
}

/// The OpenID provider that proves who someone is.
#[derive(Clone, Debug, Args)]
struct ProviderArgs {
    /// The OpenID provider that people log in by: its address, as its tokens have it.
    #[arg(long, value_name = "URL", requires = "oidc_client_id")]
    oidc_issuer: Option<String>,
    /// How the provider calls this platform.
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// The file with what proves to the provider that this platform asks.
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Whom tokens of services must be for. Without it none of the provider is taken: services use `kilter token create`.
    #[arg(long, value_name = "NAME", requires = "oidc_issuer")]
    oidc_audience: Option<String>,
    /// The claim with the name of a person.
    #[arg(long, value_name = "CLAIM", default_value = "preferred_username")]
    oidc_user_claim: String,
    /// The claim with the groups of a person or a service.
    #[arg(long, value_name = "CLAIM", default_value = "groups")]
    oidc_groups_claim: String,
}

impl ProviderArgs {
    fn options(&self) -> Result<Option<ProviderOptions>, CliError> {
        let (Some(issuer), Some(client_id)) = (&self.oidc_issuer, &self.oidc_client_id) else { return Ok(None) };
        Ok(Some(ProviderOptions {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: self.oidc_client_secret_file.as_deref().map(read_secret).transpose()?,
            audience: self.oidc_audience.clone(),
            user_claim: self.oidc_user_claim.clone(),
            groups_claim: self.oidc_groups_claim.clone(),
        }))
    }
}

#[derive(Serialize)]
struct Answering {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_address: Option<String>,
    data: PathBuf,
    version: &'static str,
    pid: u32,
}

impl Server {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let format = if self.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
        init_logs(format, &self.log, output.may_animate())
            .map_err(|why| usage(format!("`--log {}` cannot be understood: {why}", self.log)))?;
        let options = self.options()?;
        let (data, config) = (options.data.clone(), self.config.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::of(Code::Internal, &error))?;
        runtime.block_on(async {
            let server = kilter_server::Server::bind(options).await?;
            let stop = kilter_server::stop_signal()?;
            let address = format!("http://{}", server.address()?);
            let grpc_address = server.grpc_address()?.map(|address| address.to_string());
            let page = Page::new().line(format!("kilter {} listens on {address}", env!("CARGO_PKG_VERSION")));
            let page = match &grpc_address {
                Some(address) => page.line(format!("gRPC is answered on {address}.")),
                None => page,
            };
            let page = page.line(format!("The data folder is {}. Stop the server with Ctrl-C.", data.display()));
            let page = match server_config::file(config) {
                Some(file) => page.line(format!("Settings come from {}.", file.display())),
                None => page,
            };
            let page = match server.is_single_user() {
                true => page.line("Single-user mode: who acts is what the caller says."),
                false => page,
            };
            let answering =
                Answering { address, grpc_address, data, version: env!("CARGO_PKG_VERSION"), pid: std::process::id() };
            output.announce(&answering, page)?;
            server.run_until(stop).await;
            Ok(Answer::written())
        })
    }

    fn record_ack(&self) -> Result<RecordAck, CliError> {
        match (self.record_ack.as_str(), self.storage.options()?) {
            ("storage", None) => Err(usage("`--record-ack storage` needs an object store: name one with --storage")),
            ("storage", Some(_)) => Ok(RecordAck::Storage),
            ("memory", _) => Ok(RecordAck::Memory),
            _ => Ok(RecordAck::Disk),
        }
    }

    fn options(&self) -> Result<ServerOptions, CliError> {
        Ok(ServerOptions {
            data: self.data.clone(),
            database: self.database.url()?,
            storage: self.storage.options()?,
            artifacts: self.artifacts_destination.clone(),
            artifact_root: self.default_artifact_root.clone(),
            record_ack: self.record_ack()?,
            keys: self.keys.sources(),
            publish: self.publish.places(),
            python: self.python.options(),
            host: self.host,
            port: self.port,
            grpc_port: self.grpc_port,
            allow_remote: self.allow_remote,
            token: self.token_file.as_deref().map(read_token).transpose()?,
            provider: self.provider.options()?,
            events: self.events.options()?,
            allowed_hosts: self.allowed_hosts.clone(),
            limits: Limits {
                body: self.max_body.bytes(),
                bodies: self.max_bodies.bytes(),
                request: duration(self.timeout),
                drain: duration(self.drain),
                ..Limits::default()
            },
        })
    }
}

/// A span as a duration (a month as long as it is in January).
fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(Timestamp(0).after(span).millis()).unwrap_or(0))
}
