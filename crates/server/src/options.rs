//! What a person may say about a server. Every limit has a default that a small machine can hold.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use kilter_api::Token;
use kilter_app::{
    ArtifactPlace, ArtifactRoot, KeySources, PythonOptions, RecordAck, StorageOptions, audit::PublishPlace,
};
use kilter_store::DatabaseUrl;

use crate::{
    events::EventOptions,
    net::{hosts::HostPort, limits::Limits},
    openid::ProviderOptions,
    server_error::ServerError,
    tls::TlsOptions,
    upstream::ReplicaOptions,
};

/// How a server is run.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Where the metadata lie; `None`: in a file of the data folder.
    pub database: Option<DatabaseUrl>,
    /// Where packages and the sealed prediction log lie; `None`: in the data folder.
    pub storage: Option<StorageOptions>,
    /// Where the files of artifacts lie that clients send; `None`: where they lay before, or with the packages.
    pub artifacts: Option<ArtifactPlace>,
    /// Below which address new experiments have their folders; `None`: this server keeps them.
    pub artifact_root: Option<ArtifactRoot>,
    /// When a prediction or a label is acknowledged.
    pub record_ack: RecordAck,
    /// The private keys that the operator gives.
    pub keys: KeySources,
    /// Where checkpoints of the audit log are published.
    pub publish: Vec<PublishPlace>,
    /// By which Python models run whose code is Python; `None`: by none.
    pub python: Option<PythonOptions>,
    /// Bytes that the models in memory may take together; `None`: all of them stay.
    pub model_memory: Option<u64>,
    /// The address to answer on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The port of gRPC, at the same address; 0 lets the system choose, `None`: gRPC is not answered.
    pub grpc_port: Option<u16>,
    /// The certificate by which connections are encrypted; `None`: they are not.
    pub tls: Option<TlsOptions>,
    /// Whether an address beyond this machine may be used at all.
    pub allow_remote: bool,
    /// What a request must carry. Without one everybody on this machine may do everything.
    pub token: Option<Token>,
    /// The OpenID provider that proves who someone is; `None`: accounts alone do.
    pub provider: Option<ProviderOptions>,
    /// Where events go.
    pub events: EventOptions,
    /// Other names that requests may reach it by: of a proxy, of a service.
    pub allowed_hosts: Vec<HostPort>,
    /// Whether traces are exported where the variables of OpenTelemetry name a collector.
    pub traces: bool,
    /// The server that it follows; `None`: it answers by itself.
    pub replica: Option<ReplicaOptions>,
    /// How much it holds at once and how long it waits.
    pub limits: Limits,
}

impl ServerOptions {
    /// A server on this machine alone, on a port that the system chooses.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            database: None,
            storage: None,
            artifacts: None,
            artifact_root: None,
            record_ack: RecordAck::Disk,
            keys: KeySources::default(),
            publish: Vec::new(),
            python: None,
            model_memory: None,
            host: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            grpc_port: None,
            tls: None,
            allow_remote: false,
            token: None,
            provider: None,
            events: EventOptions::default(),
            allowed_hosts: Vec::new(),
            traces: false,
            replica: None,
            limits: Limits::default(),
        }
    }

    /// Refuses an address that others can reach, unless that was asked for and a token or accounts guard it.
    pub(crate) fn check(&self) -> Result<(), ServerError> {
        // Only a platform that is there can have accounts.
        let may_have_accounts = self.database.is_some() || self.data.is_dir();
        match self.host.is_loopback() || (self.allow_remote && (self.token.is_some() || may_have_accounts)) {
            true => Ok(()),
            false => Err(self.refused()),
        }
    }

    /// As [`Self::check`], when it is known whether there are accounts.
    pub(crate) fn check_guard(&self, has_accounts: bool) -> Result<(), ServerError> {
        match self.host.is_loopback() || self.token.is_some() || has_accounts {
            true => Ok(()),
            false => Err(self.refused()),
        }
    }

    fn refused(&self) -> ServerError {
        ServerError::AddressRefused { host: self.host, has_token: self.token.is_some() }
    }
}
