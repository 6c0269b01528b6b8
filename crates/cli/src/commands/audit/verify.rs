//! `kilter audit verify`: the log against itself and against checkpoints, or a receipt against a key alone.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::{self as api, Code, Exit, Problem};
use kilter_app::audit::{Receipt, SignedNote, VerifierKey, parse_notes};
use kilter_domain::{
    error_chain::with_causes,
    plural::{counted, plural},
};
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::{CliError, disk, usage},
        view::{Answer, Page, Status},
    },
};

/// More is neither a receipt nor a file of checkpoints.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A file with checkpoints that were kept elsewhere: the log must go on from each of them.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Verify this receipt instead, offline. Needs `--key`.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with = "checkpoint")]
    receipt: Option<PathBuf>,
    /// A key that is believed: NAME+ID+KEY as `kilter audit checkpoint` shows it, or a file with it or with a public key in PEM.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Verify {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        match &self.receipt {
            Some(path) => self.receipt(path),
            None => self.log(),
        }
    }

    fn receipt(&self, path: &Path) -> Result<Answer, CliError> {
        let text = read(path)?;
        let invalid = |error: &dyn std::error::Error| {
            Problem::new(Code::FileInvalid, format!("`{}` is no receipt: {}", path.display(), with_causes(error)))
        };
        let receipt: Receipt = serde_json::from_str(&text).map_err(|error| invalid(&error))?;
        let origin = receipt.origin();
        let keys = self.keys(origin.as_deref())?;
        match receipt.verify(&keys) {
            Ok(proven) => {
                let said = |name: &str| proven.entry[name].as_str().unwrap_or("–").to_owned();
                let page = Page::new()
                    .marked(
                        Status::Ok,
                        format!("entry {}: {} {} {}", proven.seq, said("actor"), said("action"), said("object")),
                    )
                    .line(format!(
                        "it is in the log of {} entries of {}, signed by {}",
                        proven.checkpoint.size, proven.checkpoint.origin, proven.signer
                    ));
                let document = json!({
                    "valid": true, "seq": proven.seq, "entry": proven.entry, "size": proven.checkpoint.size,
                    "origin": proven.checkpoint.origin, "key": proven.signer,
                });
                Ok(Answer::done(&document, page))
            }
            Err(error) => {
                let page = Page::new().marked(Status::Bad, format!("the receipt proves nothing: {error}"));
                Ok(Answer::done(&json!({ "valid": false, "error": error.to_string() }), page).exit(Exit::CheckFailed))
            }
        }
    }

    /// The keys that are believed. A public key in PEM has no name: it signs under the origin of what is verified.
    fn keys(&self, origin: Option<&str>) -> Result<Vec<VerifierKey>, CliError> {
        let read_key = |given: &String| {
            let path = Path::new(given);
            let text = if path.is_file() { read(path)? } else { given.clone() };
            VerifierKey::read(&text, origin).map_err(|error| usage(with_causes(&error)))
        };
        self.key.iter().map(read_key).collect()
    }

    fn log(&self) -> Result<Answer, CliError> {
        let mut notes: Vec<SignedNote> = Vec::new();
        for path in &self.checkpoint {
            let found = parse_notes(&read(path)?).map_err(|error| {
                Problem::new(Code::FileInvalid, format!("`{}` has no checkpoints: {error}", path.display()))
            })?;
            notes.extend(found);
        }
        let origin = notes.first().and_then(|note| note.text().lines().next().map(str::to_owned));
        let given = api::VerifyAudit {
            checkpoints: notes.iter().map(ToString::to_string).collect(),
            keys: self.keys(origin.as_deref())?.iter().map(ToString::to_string).collect(),
        };
        let check = self.connect.api()?.call(async |api| api.verify_audit(&given).await)?;
        let entries = counted(check.entries, "entry");
        if check.valid {
            let page =
                Page::new().marked(Status::Ok, format!("{entries}, unbroken; every row is as its entry wrote it"));
            let page = match check.checkpoints {
                0 => page.line("no checkpoint to compare it with"),
                count => page.line(format!("it goes on from {}", counted(count, "signed checkpoint"))),
            };
            let page = match check.unsealed_rows {
                0 => page,
                rows => {
                    let were = plural(rows, "was", "were");
                    let rows = counted(rows, "row");
                    page.line(format!("{rows} {were} written by an earlier program: there only the state is compared"))
                }
            };
            return Ok(Answer::done(&check, page));
        }
        let page = check.errors.iter().fold(Page::new(), |page, error| page.marked(Status::Bad, error.clone()));
        let page = page.line(format!("{} in {entries}", counted(check.errors.len(), "error")));
        Ok(Answer::done(&check, page).exit(Exit::CheckFailed))
    }
}

fn read(path: &Path) -> Result<String, CliError> {
    kilter_app::read_bounded_text(path, MAX_BYTES).map_err(|error| disk("read", path, &error))
}
