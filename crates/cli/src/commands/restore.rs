//! `kilter restore`: makes a data folder from a backup.

use std::path::PathBuf;

use clap::Args;
use kilter_app::data_folder::restore;

use crate::{
    commands::backup::{copied, size},
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Restore a data folder from a backup.
///
/// Each file is compared with the list in the backup, and the database is checked. A folder with content is never
/// changed.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder that `kilter backup` wrote.
    backup: PathBuf,
    /// The data folder to write. It must be empty or absent.
    #[arg(long, value_name = "DIR", env = "KILTER_DATA", default_value = ".kilter", hide_env_values = true)]
    data: PathBuf,
}

impl Restore {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let manifest = restore(&self.backup, &self.data)?;
        let page = Page::new()
            .marked(Status::Ok, format!("{} is restored from {}", self.data.display(), self.backup.display()))
            .line(format!("{}, as of {}", size(&manifest), manifest.created));
        Ok(Answer::done(&copied(self.data, manifest), page))
    }
}
