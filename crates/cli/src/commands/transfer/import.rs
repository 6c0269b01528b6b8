//! `kilter import mlflow`: everything that an MLflow server or a folder of MLflow has.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kilter_mlflow::{CopyOptions, Credentials, FolderSource, HttpTransport, Platform, RestSource, Source, import};

use super::copied::{Words, answer, failed, show_progress};
use crate::{
    connect::ConnectArgs,
    ui::{
        error::{CliError, usage},
        output::Output,
        view::Answer,
    },
};

const TOKEN: &str = "MLFLOW_TRACKING_TOKEN";
const USERNAME: &str = "MLFLOW_TRACKING_USERNAME";
const PASSWORD: &str = "MLFLOW_TRACKING_PASSWORD";

/// Bring experiments, runs, artifacts and models from another server.
#[derive(Debug, Args)]
pub(crate) struct Imports {
    #[command(subcommand)]
    verb: ImportVerb,
}

#[derive(Debug, Subcommand)]
enum ImportVerb {
    Mlflow(Mlflow),
}

impl Imports {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            ImportVerb::Mlflow(mlflow) => mlflow.run(output),
        }
    }
}

/// Bring everything that an MLflow server or a folder `mlruns` has, with its ids, times, users and lifecycle, and compare it.
///
/// The same command again goes on where it was ended, and brings what has changed since. Nothing is there twice, and what is here
/// already stays. Files in an object store stay there: clients read them themselves. Credentials of the server come from
/// `MLFLOW_TRACKING_TOKEN`, or from `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
#[derive(Debug, Args)]
pub(crate) struct Mlflow {
    /// The address of the server (`http://HOST:PORT`, `https://HOST/PATH`), or the folder that MLflow calls `mlruns`.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The folder that `mlflow-artifacts:/` means in a folder that was that of a server; MLflow calls it `mlartifacts`.
    #[arg(long, value_name = "DIR")]
    artifact_root: Option<PathBuf>,
    /// Change nothing, and count what would be brought.
    #[arg(long)]
    dry_run: bool,
    /// Read and compare again also what is the same by its latest state: histories of runs that ended, and bytes of files.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Mlflow {
    fn run(self, output: &Output) -> Result<Answer, CliError> {
        let source = self.source()?;
        let (client, runtime) = self.connect.api_made()?.into_parts();
        let platform = Platform::new(client, runtime);
        let options = CopyOptions { is_dry_run: self.dry_run, is_whole: self.all };
        let words = Words { done: "imported", undone: "would be imported", there: "at the source", here: "here" };
        let report = show_progress(output, |progress| import(source.as_ref(), &platform, options, progress));
        Ok(answer(&report.map_err(failed)?, options, &source.name(), &words))
    }

    fn source(&self) -> Result<Box<dyn Source>, CliError> {
        if self.source.contains("://") && !self.source.starts_with("file:") {
            if self.artifact_root.is_some() {
                return Err(usage("--artifact-root is for a folder: a server knows its own"));
            }
            let transport = HttpTransport::new(&self.source, &credentials()).map_err(failed)?;
            return Ok(Box::new(RestSource::new(transport)));
        }
        let folder = self.source.strip_prefix("file://").or(self.source.strip_prefix("file:")).unwrap_or(&self.source);
        Ok(Box::new(FolderSource::new(Path::new(folder), self.artifact_root.as_deref()).map_err(failed)?))
    }
}

/// Those of MLflow's own clients.
fn credentials() -> Credentials {
    let stated = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    match (stated(TOKEN), stated(USERNAME)) {
        (_, Some(name)) => Credentials::Basic(name, stated(PASSWORD).unwrap_or_default()),
        (Some(token), None) => Credentials::Bearer(token),
        (None, None) => Credentials::None,
    }
}
