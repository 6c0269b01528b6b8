//! `kilter backup`: copies everything that a data folder holds into another folder.

use std::path::PathBuf;

use clap::Args;
use kilter_app::data_folder::{Manifest, back_up};
use kilter_domain::{plural::counted, time::Timestamp};
use serde::Serialize;

use crate::{
    context::act,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Back up the data folder into a new folder, also while a server uses it.
///
/// The backup holds all that was acknowledged before it began: the database, blobs, the prediction log, its partitions, and
/// the counts of what was served. Each file is compared with the digest that the platform keeps of it: of a damaged folder
/// there is no backup. What can be made again (the cache of steps) is left out.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder to write. It must be empty or absent.
    target: PathBuf,
    /// The data folder to back up.
    #[arg(long, value_name = "DIR", env = "KILTER_DATA", default_value = ".kilter", hide_env_values = true)]
    data: PathBuf,
}

#[derive(Serialize)]
pub(super) struct Copied {
    folder: PathBuf,
    files: usize,
    bytes: u64,
    /// When the backup was taken.
    created: Timestamp,
    /// The version of Kilter that took it.
    kilter: String,
}

impl Backup {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let manifest = back_up(&self.data, &self.target, act().at)?;
        let page = Page::new()
            .marked(Status::Ok, format!("{} is backed up in {}", self.data.display(), self.target.display()))
            .line(size(&manifest))
            .line(format!("restore it with: kilter restore {} --data DIR", self.target.display()));
        Ok(Answer::done(&copied(self.target, manifest), page))
    }
}

pub(super) fn size(manifest: &Manifest) -> String {
    format!(
        "{}, {:.1} MiB, each compared with its digest",
        counted(manifest.files.len(), "file"),
        manifest.bytes() as f64 / f64::from(1 << 20)
    )
}

pub(super) fn copied(folder: PathBuf, manifest: Manifest) -> Copied {
    let (files, bytes) = (manifest.files.len(), manifest.bytes());
    Copied { folder, files, bytes, created: manifest.created, kilter: manifest.kilter }
}
