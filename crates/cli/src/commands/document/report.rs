//! `kilter report`: documents for regulators, filled from records.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kilter_domain::plural::counted;

use crate::{
    commands::{
        document::{card::write, page},
        model::version_name::version_named,
    },
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

/// Write a document for a regulator about a version, filled from records, with gaps marked.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Which document.
    #[arg(value_enum)]
    kind: ReportKind,
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    /// Write it into a file: HTML if it ends in `.html`, else Markdown.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ReportKind {
    /// The technical documentation of Annex IV of the EU AI Act.
    AnnexIv,
    /// The inventory sheet of SR 26-2.
    #[value(name = "sr-26-2")]
    Sr262,
}

impl Report {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let kind = match self.kind {
            ReportKind::AnnexIv => "annex-iv",
            ReportKind::Sr262 => "sr-26-2",
        };
        let document = self.connect.api()?.call(async |api| api.document(&model, number, kind).await)?;
        let gaps = document.gaps.len();
        let mark = if gaps == 0 { Status::Ok } else { Status::Wait };
        let page = match &self.out {
            Some(out) => {
                let is_html = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
                write(out, &if is_html { page::html(&document) } else { page::markdown(&document) })?;
                Page::new()
                    .marked(mark, format!("{} is in {}; {}", document.title, out.display(), counted(gaps, "gap")))
            }
            None => page::markdown(&document).lines().fold(Page::new(), |page, line| page.line(line)),
        };
        Ok(Answer::done(&document, page))
    }
}
