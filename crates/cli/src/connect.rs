//! How commands reach the platform: the server that has the data folder, a server that is named, or this process.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use clap::Args;
use kilter_api::{Code, Problem, Token};
use kilter_app::{App, AppOptions, RequestContext, data_folder, identity, make_data_folder};
use kilter_client::{Bytes, Client, Credentials, Request, Response, StreamBody, TlsFiles, stream_body};
use kilter_server::{InProcess, ServerOptions, error::problem_of, read_token};
use tokio::runtime::Runtime;

use crate::{
    context::{DataFolder, act, app_options, now},
    credentials,
    ui::error::{CliError, usage},
};

/// The variables with the certificate of this client and its private key.
const CLIENT_CERTIFICATE: &str = "KILTER_CLIENT_CERTIFICATE";
const CLIENT_KEY: &str = "KILTER_CLIENT_KEY";

/// Where the platform is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    data: DataFolder,
    /// Use this server (`http://HOST:PORT` or `https://HOST:PORT`) instead of a data folder.
    #[arg(long, value_name = "URL", env = "KILTER_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// The file with the authorities (PEM) that a server of https is believed by. Default: those that this machine trusts.
    #[arg(long, value_name = "FILE", env = "KILTER_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,
    /// The file with the token that proves who asks. Default: the one that `kilter login` stored.
    #[arg(long, value_name = "FILE", env = "KILTER_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
}

impl ConnectArgs {
    /// The platform itself where nobody else has the data folder (made when missing), else its server.
    pub(crate) fn platform(&self) -> Result<Platform, CliError> {
        if self.server.is_some() {
            return Ok(Platform::Server(self.api()?));
        }
        let (keys, publish) = (self.data.keys(), self.data.publish());
        let (database, storage) = (self.data.database()?, self.data.storage()?);
        let options = AppOptions { database, storage, keys, publish, ..app_options()? };
        match App::open(&self.data.path, options) {
            Ok(app) => {
                data_folder::recover(&app, now())?;
                let by = self.credentials()?;
                let token = by.token.as_ref().map(Token::as_str);
                let context = identity::local_context(&app, &by.actor, token, now());
                let context = context.map_err(|error| problem_of(&error))?;
                Ok(Platform::InProcess(app, context))
            }
            Err(error) => {
                let problem = problem_of(&error);
                let is_in_use = problem.code == Code::DataFolderInUse.as_str();
                let by = self.credentials()?;
                let found = is_in_use.then(|| Client::of_data_folder(&self.data.path, by)).flatten();
                let client = found.ok_or(problem)?.with_tls(&self.tls()?);
                Ok(Platform::Server(Api { client, runtime: runtime()? }))
            }
        }
    }

    /// The API of the server that is named, else of the data folder: that of the server that has it, else opened in this
    /// process. While another process has it that is no server, and if nobody can write in it, it is read only.
    pub(crate) fn api(&self) -> Result<Api, CliError> {
        let runtime = runtime()?;
        let client = match &self.server {
            Some(url) => Client::of_server(url, self.credentials()?)?,
            None => open_folder(&self.data, self.credentials()?)?,
        };
        Ok(Api { client: client.with_tls(&self.tls()?), runtime })
    }

    /// As [`Self::api`], with a data folder that is made when it is missing.
    pub(crate) fn api_made(&self) -> Result<Api, CliError> {
        if self.server.is_none() {
            make_data_folder(&self.data.path).map_err(|error| problem_of(&error))?;
        }
        self.api()
    }

    /// Whom the system names, and the token that is given, else stored for this platform.
    fn credentials(&self) -> Result<Credentials, CliError> {
        let token = match &self.token_file {
            Some(file) => Some(read_token(file)?),
            None => credentials::stored_token(&self.platform_name())?,
        };
        Ok(Credentials { actor: act().actor, token })
    }

    fn tls(&self) -> Result<TlsFiles, CliError> {
        tls_files(self.ca_file.as_deref())
    }

    /// How the platform is called where its token is stored.
    pub(crate) fn platform_name(&self) -> String {
        credentials::platform_name(self.server.as_deref(), &self.data.path)
    }
}

fn open_folder(folder: &DataFolder, by: Credentials) -> Result<Client, CliError> {
    let data = folder.existing()?;
    let options = ServerOptions {
        database: folder.database()?,
        storage: folder.storage()?,
        keys: folder.keys(),
        publish: folder.publish(),
        ..ServerOptions::local(data)
    };
    let error = match InProcess::open(options.clone()) {
        Ok(api) => return Ok(Client::in_process(Arc::new(LocalApi(api)), by)),
        Err(error) => error,
    };
    let is_read_only = error.is_read_only();
    let problem = Problem::from(error);
    let is_in_use = problem.code == Code::DataFolderInUse.as_str();
    if let Some(running) = is_in_use.then(|| Client::of_data_folder(data, by.clone())).flatten() {
        return Ok(running);
    }
    match InProcess::open_for_reading(options) {
        Ok(api) if is_in_use || is_read_only => Ok(Client::read_only(Arc::new(LocalApi(api)), problem, by)),
        // The first failure says why the folder cannot be used.
        _ => Err(problem.into()),
    }
}

/// The API in this process, as the client reaches it.
struct LocalApi(InProcess);

impl kilter_client::InProcess for LocalApi {
    fn answer(&self, request: Request<Bytes>) -> Pin<Box<dyn Future<Output = Response<Bytes>> + Send + '_>> {
        Box::pin(self.0.answer(request))
    }

    fn stream(&self, request: Request<StreamBody>) -> Pin<Box<dyn Future<Output = Response<StreamBody>> + Send + '_>> {
        Box::pin(async move { self.0.stream(request).await.map(stream_body) })
    }
}

/// Where what changes a project is done.
pub(crate) enum Platform {
    /// Opened in this process, and who acts there.
    InProcess(App, RequestContext),
    Server(Api),
}

fn runtime() -> Result<Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    Ok(runtime.map_err(|error| Problem::of(Code::Internal, &error))?)
}

/// The native API for a command: one request after another.
pub(crate) struct Api {
    client: Client,
    runtime: Runtime,
}

impl Api {
    /// Whether the server accepts a folder of this machine from us.
    pub(crate) fn knows_folder_key(&self) -> bool {
        self.client.knows_folder_key()
    }

    /// The client, and the runtime that its requests need.
    pub(crate) fn into_parts(self) -> (Client, Runtime) {
        (self.client, self.runtime)
    }

    /// Sends one request and waits for its answer.
    pub(crate) fn call<T>(&self, request: impl AsyncFnOnce(&Client) -> Result<T, Problem>) -> Result<T, CliError> {
        Ok(self.runtime.block_on(request(&self.client))?)
    }
}

/// Whose certificates of servers are believed, and the certificate that this client has.
pub(crate) fn tls_files(ca_file: Option<&Path>) -> Result<TlsFiles, CliError> {
    let named = |name| std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let identity = match (named(CLIENT_CERTIFICATE), named(CLIENT_KEY)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => return Err(usage(format!("{CLIENT_CERTIFICATE} is set, and {CLIENT_KEY} is not"))),
        (None, Some(_)) => return Err(usage(format!("{CLIENT_KEY} is set, and {CLIENT_CERTIFICATE} is not"))),
    };
    Ok(TlsFiles { ca: ca_file.map(Path::to_owned), identity })
}
