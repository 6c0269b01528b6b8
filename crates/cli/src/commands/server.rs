//! `kilter server`: everything in one process, until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{ArtifactPlace, ArtifactRoot, RecordAck};
use kilter_server::{ProviderOptions, ServerOptions, read_secret};
use serde::Serialize;

use crate::{
    commands::{event_args::EventArgs, listen_args::ListenArgs},
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
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    events: EventArgs,
    #[command(flatten)]
    python: PythonArgs,
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
        self.listen.begin_log(output.may_animate())?;
        let options = self.options()?;
        let (data, config) = (options.data.clone(), self.config.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Problem::of(Code::Internal, &error))?;
        runtime.block_on(async {
            let server = kilter_server::Server::bind(options).await?;
            let stop = kilter_server::stop_signal()?;
            let address = server.url()?;
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
        self.listen.set(ServerOptions {
            database: self.database.url()?,
            storage: self.storage.options()?,
            artifacts: self.artifacts_destination.clone(),
            artifact_root: self.default_artifact_root.clone(),
            record_ack: self.record_ack()?,
            keys: self.keys.sources(),
            publish: self.publish.places(),
            python: self.python.options(),
            provider: self.provider.options()?,
            events: self.events.options()?,
            ..ServerOptions::local(&self.data)
        })
    }
}
