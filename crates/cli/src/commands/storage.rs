//! `kilter storage`: where metadata and bytes of a platform lie.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kilter_app::{
    App, AppOptions, CopiedTable, DEFAULT_CACHE_BYTES,
    data_folder::{CopyTarget, PlatformCopy, copy_platform},
};
use kilter_domain::plural::counted;
use serde::Serialize;

use crate::{
    context::{app_options, database_url, storage_options},
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Move a platform between a data folder, PostgreSQL and an object store.
#[derive(Debug, Args)]
pub(crate) struct Storage {
    #[command(subcommand)]
    verb: StorageVerb,
}

#[derive(Debug, Subcommand)]
enum StorageVerb {
    Copy(Box<Copy>),
}

/// Copy everything that a platform holds to another place: metadata, packages, prediction log, column statistics.
///
/// The log is sealed first. Each object is compared with its digest, each table row by row, and the audit log is the same to the
/// byte. A copy that was interrupted goes on where it was when the command is repeated. No server may use the source or the target.
/// Afterwards use the target alone: the source is not changed any more, but it is not deleted either.
#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The data folder to copy from.
    #[arg(long, value_name = "DIR", default_value = ".kilter")]
    from: PathBuf,
    /// The PostgreSQL database with its metadata, if they are not in the folder.
    #[arg(long, value_name = "URL")]
    from_database: Option<String>,
    /// The file with the address of that database.
    #[arg(long, value_name = "FILE", conflicts_with = "from_database")]
    from_database_file: Option<PathBuf>,
    /// The object store with its packages and log, if they are not in the folder: `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "URL")]
    from_storage: Option<String>,
    /// The new data folder.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// The PostgreSQL database that the metadata go to, instead of a file in the new folder. It must be empty.
    #[arg(long, value_name = "URL")]
    to_database: Option<String>,
    /// The file with the address of that database.
    #[arg(long, value_name = "FILE", conflicts_with = "to_database")]
    to_database_file: Option<PathBuf>,
    /// The object store that packages and log go to, instead of the new folder.
    #[arg(long, value_name = "URL")]
    to_storage: Option<String>,
}

#[derive(Serialize)]
struct Copied {
    folder: PathBuf,
    blobs: u64,
    partitions: u64,
    column_stats: u64,
    bytes: u64,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    name: String,
    rows: u64,
    /// The sum of the digests of all rows.
    sum: String,
}

impl Storage {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            StorageVerb::Copy(copy) => copy.run(),
        }
    }
}

impl Copy {
    fn run(&self) -> Result<Answer, CliError> {
        let database = database_url(self.to_database.as_deref(), self.to_database_file.as_deref())?;
        let storage = storage_options(self.to_storage.as_deref(), DEFAULT_CACHE_BYTES)?;
        let target = CopyTarget { folder: &self.to, database: database.as_ref(), storage: storage.as_ref() };
        // A folder that is not there would be made.
        drop(App::open_for_reading(&self.from, self.source()?)?);
        let app = App::open(&self.from, self.source()?)?;
        let copied = copy_platform(&app, &target)?;
        let mut page = Page::new().marked(Status::Ok, self.sentence(&target)).line(counts(&copied));
        let options = [
            database.as_ref().map(|url| format!(" --database {url}")),
            storage.as_ref().map(|storage| format!(" --storage {}", storage.url)),
        ];
        let options: String = options.into_iter().flatten().collect();
        page = page.line(format!("use it with: kilter server --data {}{options}", self.to.display()));
        Ok(Answer::done(&self.document(copied), page))
    }

    fn source(&self) -> Result<AppOptions, CliError> {
        let database = database_url(self.from_database.as_deref(), self.from_database_file.as_deref())?;
        let storage = storage_options(self.from_storage.as_deref(), DEFAULT_CACHE_BYTES)?;
        Ok(AppOptions { database, storage, ..app_options()? })
    }

    fn sentence(&self, to: &CopyTarget<'_>) -> String {
        let places = [
            to.database.map(ToString::to_string),
            to.storage.map(|storage| storage.url.to_string()),
            Some(self.to.display().to_string()),
        ];
        let places: Vec<String> = places.into_iter().flatten().collect();
        format!("{} is copied to {}", self.from.display(), places.join(", "))
    }

    fn document(&self, copied: PlatformCopy) -> Copied {
        let PlatformCopy { blobs, partitions, column_stats, bytes, tables } = copied;
        let table = |CopiedTable { name, rows, sum }| Table { name, rows, sum: format!("{sum:032x}") };
        let tables = tables.into_iter().map(table).collect();
        Copied { folder: self.to.clone(), blobs, partitions, column_stats, bytes, tables }
    }
}

fn counts(copied: &PlatformCopy) -> String {
    let rows: u64 = copied.tables.iter().map(|table| table.rows).sum();
    let audit = copied.tables.iter().find(|table| table.name == "audit").map_or(0, |table| table.rows);
    format!(
        "{} ({audit} of the audit log), {}, {}: {:.1} MiB, all compared",
        counted(rows, "row"),
        counted(copied.blobs, "blob"),
        counted(copied.partitions, "partition"),
        copied.bytes as f64 / f64::from(1 << 20)
    )
}
