//! `kilter audit`: who changed what, when and why, and whether the record is intact.

use clap::{Args, Subcommand};
use kilter_api::{self as api, Exit};
use kilter_client::Client;
use kilter_domain::plural::{counted, plural};
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Show or verify the audit log: who changed what, when and why.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// List the newest entries.
    List {
        /// The number of entries, at most 1000.
        #[arg(long, default_value_t = 40)]
        limit: u32,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Verify the hash chain and compare every entry with the stored states. Exits with 3 if something differs.
    Verify {
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

impl Audit {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.what {
            AuditVerb::List { limit, connect } => list_audit(limit, &connect),
            AuditVerb::Verify { connect } => verify_audit(&connect),
        }
    }
}

fn list_audit(limit: u32, connect: &ConnectArgs) -> Result<Answer, CliError> {
    let query = api::PageQuery { limit: Some(limit), cursor: None };
    let found = connect.api()?.call(async |api| api.audit(&query).await)?;
    let mut table = TextTable::new(["entry", "at", "who", "what", "object", "why"]).detail(&["why"]).reason("object");
    for entry in &found.items {
        let why = entry.reason.clone().unwrap_or_default();
        let cells = [&entry.actor, &entry.action, &entry.object, &why].map(Clone::clone);
        table.row([entry.seq.to_string(), minute(entry.at)].into_iter().chain(cells));
    }
    Ok(Answer::done(&json!({ "entries": found.items, "next": found.next }), Page::new().table(table)))
}

fn verify_audit(connect: &ConnectArgs) -> Result<Answer, CliError> {
    let check = connect.api()?.call(Client::verify_audit)?;
    let entries = counted(check.entries, "entry");
    if check.valid {
        let page = Page::new().marked(Status::Ok, format!("{entries}, unbroken; every row is as its entry wrote it"));
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
