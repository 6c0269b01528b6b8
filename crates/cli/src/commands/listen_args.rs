//! Where a server listens, whom it answers, and what bounds it: the options that `kilter server` and `kilter serve` share.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use kilter_domain::time::{Span, Timestamp};
use kilter_server::{HostPort, Limits, LogFormat, ServerOptions, TlsOptions, init_logs, read_token};

use crate::{
    byte_size::Size,
    ui::error::{CliError, usage},
};

/// Where it listens, and whom it answers.
#[derive(Clone, Debug, Args)]
pub(crate) struct ListenArgs {
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
    /// The file with the certificate (PEM) by which HTTP and gRPC are encrypted, followed by those between it and its authority. It is
    /// read again when it changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The file with the private key of the certificate (PEM).
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The file with the authorities (PEM) of which every client must have a certificate. A token says who asks in any case.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_client_ca: Option<PathBuf>,
    /// Accept requests from other machines. Requires --token-file.
    #[arg(long)]
    allow_remote: bool,
    /// The file with the token that requests must send.
    #[arg(long, value_name = "FILE", env = "KILTER_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
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
    /// The most memory that models may take together, like `2GiB`. Models are then loaded when they are asked for, and over it the one that
    /// was asked for least recently is released. Without it all of them are loaded at the start, and stay.
    #[arg(long, value_name = "SIZE")]
    model_memory: Option<Size>,
    /// The longest duration of a request, like `30s`.
    #[arg(long, value_name = "TIME", default_value = "30s")]
    timeout: Span,
    /// The longest time that a stop waits for open requests.
    #[arg(long, value_name = "TIME", default_value = "10s")]
    drain: Span,
    /// What to log: a level (`error`, `warn`, `info`, `debug`), or levels of parts (`info,kilter_server=debug`).
    #[arg(long, value_name = "FILTER", env = "KILTER_LOG", default_value = "info", hide_env_values = true)]
    log: String,
    /// The format of a log line.
    #[arg(long, value_name = "FORMAT", value_parser = ["text", "json"], default_value = "text")]
    log_format: String,
}

impl ListenArgs {
    /// Begins the log of this process.
    pub(crate) fn begin_log(&self, may_animate: bool) -> Result<(), CliError> {
        let format = if self.log_format == "json" { LogFormat::Json } else { LogFormat::Text };
        init_logs(format, &self.log, may_animate)
            .map_err(|why| usage(format!("`--log {}` cannot be understood: {why}", self.log)))
    }

    /// The options of a server that listens so; the rest is that of `others`.
    pub(crate) fn set(&self, others: ServerOptions) -> Result<ServerOptions, CliError> {
        let tls = self.tls_certificate.clone().zip(self.tls_key.clone());
        let client_ca = self.tls_client_ca.clone();
        Ok(ServerOptions {
            host: self.host,
            port: self.port,
            grpc_port: self.grpc_port,
            tls: tls.map(|(certificate, key)| TlsOptions { certificate, key, client_ca }),
            allow_remote: self.allow_remote,
            token: self.token_file.as_deref().map(read_token).transpose()?,
            allowed_hosts: self.allowed_hosts.clone(),
            traces: true,
            model_memory: self.model_memory.map(|size| size.bytes() as u64),
            limits: Limits {
                body: self.max_body.bytes(),
                bodies: self.max_bodies.bytes(),
                request: duration(self.timeout),
                drain: duration(self.drain),
                ..others.limits
            },
            ..others
        })
    }
}

/// A span as a duration (a month as long as it is in January).
fn duration(span: Span) -> Duration {
    Duration::from_millis(u64::try_from(Timestamp(0).after(span).millis()).unwrap_or(0))
}
