//! `kilter inbox`: what waits for you.

use clap::Args;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List what waits for you: approvals, reviews, gates, proposals, and what ends soon.
#[derive(Debug, Args)]
pub(crate) struct Inbox {
    /// Show what waits for others too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Inbox {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let mut inbox = self.connect.api()?.call(async |api| api.inbox().await)?;
        inbox.items.retain(|item| self.all || item.is_mine);
        if inbox.items.is_empty() {
            return Ok(Answer::done(&inbox, Page::new().marked(Status::Ok, "Nothing waits for you.")));
        }
        let mut page = Page::new();
        for item in &inbox.items {
            let due = item.due.map_or_else(String::new, |due| format!(", due {}", minute(due)));
            let line = format!("{} of {}{due} ({})", item.kind.words(), item.subject, item.roles.join(", "));
            page = page.marked(Status::Wait, line).reason(None, "    ", item.text.clone());
        }
        let mut table = TextTable::new(["what", "command"]);
        for item in &inbox.items {
            table.row([item.subject.clone(), item.command.clone()]);
        }
        Ok(Answer::done(&inbox, page.table(table)))
    }
}
