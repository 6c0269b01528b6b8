//! `kilter inventory`: every model with its risk tier, owner, dates and findings.

use clap::Args;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List every model with its risk tier, owner, review date and findings.
#[derive(Debug, Args)]
pub(crate) struct Inventory {
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Inventory {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let inventory = self.connect.api()?.call(async |api| api.inventory().await)?;
        let mut table = TextTable::new(["model", "risk", "owner", "live", "approval ends", "findings"]);
        for entry in &inventory.items {
            let live: Vec<String> =
                entry.live.iter().map(|live| format!("v{} at {}", live.version, live.endpoint)).collect();
            table.row([
                entry.model.clone(),
                entry.risk.clone(),
                entry.owner.clone().unwrap_or_else(|| "–".to_owned()),
                if live.is_empty() { "–".to_owned() } else { live.join(", ") },
                entry.review_due.map_or_else(|| "–".to_owned(), minute),
                entry.findings.len().to_string(),
            ]);
        }
        let mut page = match table.is_empty() {
            true => Page::new().line("There is no model yet: kilter run"),
            false => Page::new().table(table),
        };
        for entry in &inventory.items {
            for finding in &entry.findings {
                page = page.marked(Status::Warn, format!("{}: {finding}", entry.model));
            }
        }
        Ok(Answer::done(&inventory, page))
    }
}
