//! `kilter export`: everything as a folder that MLflow's clients read, or what answers as resources of KServe.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kilter_mlflow::{CopyOptions, FolderTarget, Platform, export};

use super::{
    copied::{Words, answer, failed, show_progress},
    kserve::Kserve,
};
use crate::{
    connect::ConnectArgs,
    ui::{error::CliError, output::Output, view::Answer},
};

/// Write experiments, runs, artifacts and models for another server, or what answers for KServe.
#[derive(Debug, Args)]
pub(crate) struct Exports {
    #[command(subcommand)]
    verb: ExportVerb,
}

#[derive(Debug, Subcommand)]
enum ExportVerb {
    Mlflow(Box<Mlflow>),
    Kserve(Box<Kserve>),
}

impl Exports {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            ExportVerb::Mlflow(mlflow) => mlflow.run(output),
            ExportVerb::Kserve(kserve) => kserve.run(output),
        }
    }
}

/// Write everything that you may read as a folder that MLflow's clients read (`MLFLOW_TRACKING_URI=file:FOLDER`), and compare it.
///
/// The folder has ids, times, users, histories, artifacts, logged models and the registry. The same command again goes on where it was
/// ended. MLflow 3.17 reads such a folder if `MLFLOW_ALLOW_FILE_STORE=true` is set, and `mlflow migrate-filestore` brings it into a
/// database of MLflow.
#[derive(Debug, Args)]
pub(crate) struct Mlflow {
    /// The folder to write. It must be empty, absent, or written by an export before.
    folder: PathBuf,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Mlflow {
    fn run(self, output: &Output) -> Result<Answer, CliError> {
        let (client, runtime) = self.connect.api()?.into_parts();
        let platform = Platform::new(client, runtime);
        let target = FolderTarget::new(&self.folder).map_err(failed)?;
        let options = CopyOptions::default();
        let words = Words { done: "exported", undone: "would be exported", there: "here", here: "in the folder" };
        let report = show_progress(output, |progress| export(&platform, &target, options, progress));
        Ok(answer(&report.map_err(failed)?, options, &self.folder.display().to_string(), &words))
    }
}
