//! `kilter audit prove`, `checkpoint` and `consistency`: what others verify, as files.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::{self as api, Code, Exit, Problem};
use kilter_app::audit::shows_growth;
use kilter_client::Client;
use serde::Serialize;
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    fs::write_whole,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, minute},
    },
};

#[derive(Debug, Args)]
pub(super) struct Prove {
    /// The number of the entry.
    entry: u64,
    /// The file to write; `receipt-ENTRY.json` if it is left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Prove {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let receipt = api.call(async |api| api.audit_receipt(self.entry).await)?;
        let path = self.out.unwrap_or_else(|| format!("receipt-{}.json", self.entry).into());
        write_json(&path, &receipt)?;
        let page = Page::new()
            .marked(Status::Ok, format!("entry {} is proved in {}", self.entry, path.display()))
            .line("verify it anywhere: kilter audit verify --receipt FILE --key KEY")
            .line("the key: kilter audit checkpoint");
        Ok(Answer::done(&json!({ "file": path, "receipt": receipt }), page))
    }
}

fn write_json(path: &Path, document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_vec_pretty(document).map_err(|error| Problem::of(Code::Internal, &error))?;
    write_whole(path, &[text.as_slice(), b"\n"].concat())
}

#[derive(Debug, Args)]
pub(super) struct ShowCheckpoint {
    /// Write the signed note to this file too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl ShowCheckpoint {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let head = self.connect.api()?.call(Client::audit_head)?;
        let Some(checkpoint) = &head.checkpoint else {
            return Ok(Answer::done(&head, Page::new().line("Nothing was signed yet: kilter run")));
        };
        if let Some(path) = &self.out {
            write_whole(path, checkpoint.note.as_bytes())?;
        }
        let mut page = Page::new()
            .marked(Status::Ok, format!("{} entries, signed {}", checkpoint.size, minute(checkpoint.at)))
            .line(checkpoint.note.trim_end());
        page = head.keys.iter().fold(page, |page, key| page.line(format!("key {key}")));
        for place in &head.places {
            page = match (&place.error, place.size) {
                (Some(error), _) => page.marked(Status::Bad, format!("{}: {error}", place.place)),
                (None, Some(size)) if place.is_current => {
                    page.marked(Status::Ok, format!("{} has {size} entries", place.place))
                }
                (None, size) => page.marked(Status::Wait, format!("{} has {} entries", place.place, size.unwrap_or(0))),
            };
        }
        Ok(Answer::done(&head, page))
    }
}

#[derive(Debug, Args)]
pub(super) struct Consistency {
    /// The smaller number of entries.
    from: u64,
    /// The larger one; all entries if it is left out.
    to: Option<u64>,
    /// The file to write; `consistency-FROM-TO.json` if it is left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Consistency {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let query = api::ConsistencyQuery { from: self.from, to: self.to };
        let proof = self.connect.api()?.call(async |api| api.consistency(&query).await)?;
        let path = self.out.unwrap_or_else(|| format!("consistency-{}-{}.json", proof.from, proof.to).into());
        write_json(&path, &proof)?;
        let (from, to) = ((proof.from, proof.from_root.as_str()), (proof.to, proof.to_root.as_str()));
        let document = json!({ "file": path, "proof": proof });
        if !shows_growth(from, to, &proof.hashes) {
            let wrong =
                format!("the proof does not show that the log of {} entries begins with that of {}", to.0, from.0);
            return Ok(Answer::done(&document, Page::new().marked(Status::Bad, wrong)).exit(Exit::CheckFailed));
        }
        let page = Page::new().marked(
            Status::Ok,
            format!("the log of {} entries begins with that of {}: {}", proof.to, proof.from, path.display()),
        );
        Ok(Answer::done(&document, page))
    }
}
