//! `kilter audit list` and `kilter audit show`.

use clap::Args;
use kilter_api as api;
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

#[derive(Debug, Args)]
pub(super) struct List {
    /// The number of entries, at most 1000.
    #[arg(long, default_value_t = 40)]
    limit: u32,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let query = api::PageQuery { limit: Some(self.limit), cursor: None };
        let found = self.connect.api()?.call(async |api| api.audit(&query).await)?;
        let mut table =
            TextTable::new(["entry", "at", "who", "what", "object", "why"]).detail(&["why"]).reason("object");
        for entry in &found.items {
            let why = entry.reason.clone().unwrap_or_default();
            let cells = [&entry.actor, &entry.action, &entry.object, &why].map(Clone::clone);
            table.row([entry.seq.to_string(), minute(entry.at)].into_iter().chain(cells));
        }
        Ok(Answer::done(&json!({ "entries": found.items, "next": found.next }), Page::new().table(table)))
    }
}

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The number of the entry.
    entry: u64,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Show {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let found = self.connect.api()?.call(async |api| api.audit_entry(self.entry).await)?;
        Ok(Answer::done(&found, page(&found)))
    }
}

/// One entry, line by line.
pub(super) fn page(found: &api::AuditRecord) -> Page {
    let entry = &found.entry;
    let (mark, ended) = match entry.outcome {
        api::AuditOutcome::Done => (Status::Ok, String::new()),
        outcome => (Status::Bad, format!(" ({outcome})")),
    };
    let mut page = Page::new()
        .marked(mark, format!("{} {} {}{ended}", entry.actor, entry.action, entry.object))
        .line(format!("entry {}, {}", entry.seq, entry.at));
    if let Some(after) = &entry.after {
        page = page.line(format!("{} → {after}", entry.before.as_deref().unwrap_or("–")));
    }
    page = match &entry.reason {
        Some(reason) => page.line(format!("reason: {reason}")),
        None if found.is_reason_erased => page.line("its reason was erased; its salted hash stays"),
        None => page,
    };
    page = found.on_behalf.iter().fold(page, |page, person| page.line(format!("on behalf of {person}")));
    page = found.object_digest.iter().fold(page, |page, digest| page.line(format!("digest {digest}")));
    page = found.evidence.iter().fold(page, |page, item| page.line(format!("evidence {item}")));
    page.line(format!("leaf {}", found.leaf))
}
