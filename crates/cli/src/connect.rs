//! How commands reach the platform: the server that has the data folder, a server that is named, or this process.

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::App;
use kilter_server::{Token, client::Client, error::problem_of};
use serde::{Serialize, de::DeserializeOwned};
use std::path::PathBuf;
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
    /// Ask this server (`http://HOST:PORT`) instead of a folder.
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
        match App::open(&self.data.path, app_options()?) {
            Ok(app) => {
                app.recover(now())?;
                Ok(Platform::InProcess(app))
            }
            Err(error) => {
                let problem = problem_of(&error);
                let is_in_use = problem.code == Code::DataFolderInUse.as_str();
                let token = self.token_file.as_deref().map(Token::read).transpose()?;
                let found = is_in_use.then(|| Client::of_running(&self.data.path, token, act().actor)).flatten();
                Ok(Platform::Server(Api { client: found.ok_or(problem)?, runtime: runtime()? }))
            }
        }
    }

    /// Opens the way.
    pub(crate) fn api(&self) -> Result<Api, CliError> {
        let runtime = runtime()?;
        let token = self.token_file.as_deref().map(Token::read).transpose()?;
        let client = match &self.server {
            Some(url) => Client::of_server(url, token, act().actor)?,
            None => Client::of_folder(self.data.existing()?, token, act().actor)?,
        };
        Ok(Api { client, runtime })
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
    /// Whether the server takes a folder of this machine from us.
    pub(crate) fn knows_folder(&self) -> bool {
        self.client.knows_folder()
    }

    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.get(path))?)
    }

    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        Ok(self.runtime.block_on(self.client.post(path, body))?)
    }
}
