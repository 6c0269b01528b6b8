//! `kilter card`: the model card of a version, and the parts of it that people write.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api as api;
use kilter_domain::{
    card::{human_parts, revision_of},
    plural::counted,
};

use crate::{
    commands::{document::page, model::version_name::version_named},
    connect::ConnectArgs,
    ui::{
        error::{CliError, disk, usage},
        view::{Answer, Page, Status},
    },
};

/// The largest card that is read.
const MAX_CARD_BYTES: u64 = 1 << 20;

/// Write the model card of a version, filled from records. What people write stands between marks.
///
/// A file that exists keeps what people wrote in it. `--set FILE` sends these parts to the platform, where they count for
/// approvals: from `risk = "medium"` on, limitations, ethics and oversight must be written. A part that someone else wrote since
/// the file was made is not overwritten.
#[derive(Debug, Args)]
pub(crate) struct Card {
    /// The version, like `churn@3`.
    #[arg(value_name = "VERSION")]
    which: String,
    /// Send the parts that people wrote in this file.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    /// The revision that the file was made from. Without it: the one that `--out` wrote into the file.
    #[arg(long, value_name = "REVISION", requires = "set")]
    revision: Option<u64>,
    /// Write the card into a file. A run reads `MODEL_CARD.md` in the folder `docs` of the project.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Card {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (model, number) = version_named(&self.which)?;
        let body = self.set.as_deref().map(|file| parts_of(file, self.revision)).transpose()?;
        let mut document = self.connect.api()?.call(async |client| match &body {
            Some(body) => client.write_card(&model, number, body).await,
            None => client.document(&model, number, "card").await,
        })?;
        let gaps = document.gaps.len();
        let mark = if gaps == 0 { Status::Ok } else { Status::Wait };
        let mut page = Page::new();
        if let Some(out) = &self.out {
            keep_prose(&mut document, out);
            write(out, &page::markdown(&document))?;
            page = page.marked(
                mark,
                format!("the card of {model}@{number} is in {}; {}", out.display(), counted(gaps, "gap")),
            );
        } else if self.set.is_some() {
            page = page.marked(mark, format!("the card of {model}@{number} has {}", counted(gaps, "gap")));
            page = document.gaps.iter().fold(page, |page, gap| page.reason(None, "    ", gap.clone()));
        } else {
            page = page::markdown(&document).lines().fold(page, |page, line| page.line(line));
        }
        Ok(Answer::done(&document, page))
    }
}

fn parts_of(file: &Path, revision: Option<u64>) -> Result<api::CardParts, CliError> {
    let text = kilter_app::read_bounded_text(file, MAX_CARD_BYTES).map_err(|error| disk("read", file, &error))?;
    match human_parts(&text) {
        parts if parts.is_empty() => Err(usage(format!(
            "`{}` has no part that a person wrote: write between `<!-- human:limitations -->` and `<!-- /human:limitations -->`",
            file.display()
        ))),
        parts => Ok(api::CardParts { parts, revision: revision.or_else(|| revision_of(&text)) }),
    }
}

/// What people wrote in a file that is there counts, until it is sent; it stays bound to the revision that it was made from.
fn keep_prose(document: &mut api::Document, out: &Path) {
    let Ok(known) = kilter_app::read_bounded_text(out, MAX_CARD_BYTES) else { return };
    let parts = human_parts(&known);
    for block in document.sections.iter_mut().flat_map(|section| &mut section.blocks) {
        if let api::DocumentBlock::Human { part, text } = block
            && let Some(written) = parts.get(part)
            && text.as_ref() != Some(written)
        {
            *text = Some(written.clone());
            document.revision = revision_of(&known);
        }
    }
}

/// Writes a document into a file; its folder is made where it is missing.
pub(super) fn write(out: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| disk("make", folder, &error))?;
    }
    std::fs::write(out, text).map_err(|error| disk("write", out, &error))
}
