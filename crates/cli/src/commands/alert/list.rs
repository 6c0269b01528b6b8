//! `kilter alert list`: alerts, the newest first.

use clap::Args;
use kilter_api as api;
use serde_json::json;

use crate::{
    commands::alert::short_id::short,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

#[derive(Debug, Args)]
pub(super) struct List {
    /// Include resolved alerts.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let query = api::AlertQuery { open: !self.all, ..api::AlertQuery::default() };
        let found = self.connect.api()?.call(async |api| api.alerts(&query).await)?;
        let mut table = TextTable::new(["id", "opened", "endpoint", "kind", "state", "what"]).reason("what");
        for alert in &found.items {
            let what = alert.detail.text.clone();
            let opened = minute(alert.opened);
            let id = short(&alert.id);
            table.row([
                id.to_owned(),
                opened,
                alert.endpoint.clone(),
                alert.kind.to_string(),
                alert.state.to_string(),
                what,
            ]);
        }
        let page =
            if table.is_empty() { Page::new().marked(Status::Ok, "no open alert") } else { Page::new().table(table) };
        Ok(Answer::done(&json!({ "alerts": found.items, "next": found.next }), page))
    }
}
