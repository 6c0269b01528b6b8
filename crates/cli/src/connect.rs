//! How commands reach the platform: the server that has the data folder, a server that is named, or this process.

use std::{path::PathBuf, pin::Pin, sync::Arc};

use clap::Args;
use kilter_api::{Code, Problem, Token};
use kilter_app::{App, AppOptions, data_folder};
use kilter_client::{Bytes, Client, Request, Response};
use kilter_server::{InProcess, ServerOptions, error::problem_of, read_token};
use tokio::runtime::Runtime;

use crate::{
    context::{DataFolder, act, app_options, now},
    ui::error::CliError,
};

/// Where the platform is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectArgs {
    #[command(flatten)]
    data: DataFolder,
    /// Use this server (`http://HOST:PORT`) instead of a data folder.
    #[arg(long, value_name = "URL", env = "KILTER_SERVER", hide_env_values = true)]
    server: Option<String>,
    /// The file with the token of the server.
    #[arg(long, value_name = "FILE", env = "KILTER_TOKEN_FILE", hide_env_values = true)]
    token_file: Option<PathBuf>,
}

impl ConnectArgs {
    /// The platform itself where nobody else has the data folder (made when missing), else its server.
    pub(crate) fn platform(&self) -> Result<Platform, CliError> {
        if self.server.is_some() {
            return Ok(Platform::Server(self.api()?));
        }
        let (database, storage) = (self.data.database()?, self.data.storage()?);
        match App::open(&self.data.path, AppOptions { database, storage, keys: self.data.keys(), ..app_options()? }) {
            Ok(app) => {
                data_folder::recover(&app, now())?;
                Ok(Platform::InProcess(app))
            }
            Err(error) => {
                let problem = problem_of(&error);
                let is_in_use = problem.code == Code::DataFolderInUse.as_str();
                let token = self.token_file.as_deref().map(read_token).transpose()?;
                let found = is_in_use.then(|| Client::of_data_folder(&self.data.path, token, act().actor)).flatten();
                Ok(Platform::Server(Api { client: found.ok_or(problem)?, runtime: runtime()? }))
            }
        }
    }

    /// The API of the server that is named, else of the data folder: that of the server that has it, else opened in this
    /// process. While another process has it that is no server, and if nobody can write in it, it is read only.
    pub(crate) fn api(&self) -> Result<Api, CliError> {
        let runtime = runtime()?;
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let client = match &self.server {
            Some(url) => Client::of_server(url, token, act().actor)?,
            None => open_folder(&self.data, token)?,
        };
        Ok(Api { client, runtime })
    }
}

fn open_folder(folder: &DataFolder, token: Option<Token>) -> Result<Client, CliError> {
    let (data, actor) = (folder.existing()?, act().actor);
    let options = ServerOptions {
        database: folder.database()?,
        storage: folder.storage()?,
        keys: folder.keys(),
        ..ServerOptions::local(data)
    };
    let error = match InProcess::open(options.clone()) {
        Ok(api) => return Ok(Client::in_process(Arc::new(LocalApi(api)), actor)),
        Err(error) => error,
    };
    let is_read_only = error.is_read_only();
    let problem = Problem::from(error);
    let is_in_use = problem.code == Code::DataFolderInUse.as_str();
    if let Some(running) = is_in_use.then(|| Client::of_data_folder(data, token, actor.clone())).flatten() {
        return Ok(running);
    }
    match InProcess::open_for_reading(options) {
        Ok(api) if is_in_use || is_read_only => Ok(Client::read_only(Arc::new(LocalApi(api)), problem, actor)),
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
}

/// Where what changes a project is done.
pub(crate) enum Platform {
    InProcess(App),
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

    /// Sends one request and waits for its answer.
    pub(crate) fn call<T>(&self, request: impl AsyncFnOnce(&Client) -> Result<T, Problem>) -> Result<T, CliError> {
        Ok(self.runtime.block_on(request(&self.client))?)
    }
}
