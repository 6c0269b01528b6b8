//! `kilter package build`: a version as a folder or an archive.

use std::path::PathBuf;

use clap::Args;
use kilter_app::package::{BuiltPackage, PackageTarget, build_package};
use kilter_domain::plural::counted;
use serde::Serialize;

use crate::{
    byte_size::in_words,
    commands::model::version_name::version_named,
    context::{DataFolder, now},
    ui::{
        error::{CliError, usage},
        view::{Answer, Page, Status},
    },
};

/// Write the package of a version: a signed folder that MLflow loads, or an archive of it.
///
/// A server may have the data folder meanwhile. The archive has the same bytes whenever and wherever it is built.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    /// The folder to write. It must not be there.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The tar archive to write. It must not be there.
    #[arg(long, value_name = "FILE")]
    tar: Option<PathBuf>,
    /// A folder for signed statements about the package: provenance, what each gate said, which rules are waived, who reviewed and
    /// decided, and what people wrote in the card.
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    data: DataFolder,
}

#[derive(Serialize)]
struct Document {
    version: String,
    digest: String,
    files: usize,
    bytes: u64,
    signed_by: Option<String>,
    statements: Vec<String>,
}

impl Build {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        if self.out.is_none() && self.tar.is_none() && self.evidence.is_none() {
            return Err(usage("say what to write: --out DIR, --tar FILE or --evidence DIR"));
        }
        let (model, number) = version_named(&self.which)?;
        let model = model.parse().map_err(|error: kilter_domain::ids::InvalidName| usage(error.to_string()))?;
        let app = self.data.open_for_reading()?;
        let target = PackageTarget {
            folder: self.out.as_deref(),
            archive: self.tar.as_deref(),
            evidence: self.evidence.as_deref(),
        };
        let built = build_package(&app, (&model, number), &target, now())?;
        Ok(Answer::done(&self.document(&built), self.page(&built)))
    }

    fn page(&self, built: &BuiltPackage) -> Page {
        let (files, bytes) = (counted(built.files, "file"), in_words(built.bytes));
        let mut page = Page::new();
        for place in [&self.out, &self.tar].into_iter().flatten() {
            page = page.marked(Status::Ok, format!("{} is in {} ({files}, {bytes})", self.which, place.display()));
        }
        if let Some(folder) = &self.evidence {
            let statements = counted(built.statements.len(), "statement");
            page = page.marked(Status::Ok, format!("{statements} about it are in {}", folder.display()));
        }
        match &built.signed_by {
            Some(key) => {
                page.line(format!("signed by the key {}; `kilter key export` writes it for others", &key[..12]))
            }
            None => page.marked(Status::Warn, "it is not signed: it was registered before packages were"),
        }
    }

    fn document(&self, built: &BuiltPackage) -> Document {
        Document {
            version: self.which.clone(),
            digest: built.digest.to_string(),
            files: built.files,
            bytes: built.bytes,
            signed_by: built.signed_by.clone(),
            statements: built.statements.clone(),
        }
    }
}
