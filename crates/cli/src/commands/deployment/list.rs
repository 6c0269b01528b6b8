//! `kilter deployment list`: which version served where, and when.

use clap::Args;
use kilter_api as api;
use kilter_domain::time::Timestamp;
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, TextTable, minute},
    },
};

/// List deployments, newest first: endpoint, version, state and times.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let found = self.connect.api()?.call(async |api| api.deployments(&api::PageQuery::default()).await)?;
        let mut table = TextTable::new(["endpoint", "version", "state", "requested", "live since", "live until"]);
        for deployment in &found.items {
            let time = |time: Option<Timestamp>| time.map_or("–".to_owned(), minute);
            table.row([
                deployment.endpoint.clone(),
                format!("v{}", deployment.version),
                deployment.stage(),
                minute(deployment.created),
                time(deployment.live_since),
                time(deployment.live_until),
            ]);
        }
        let page = if table.is_empty() {
            Page::new().line("Nothing was deployed yet: kilter run")
        } else {
            Page::new().table(table)
        };
        Ok(Answer::done(&json!({ "deployments": found.items, "next": found.next }), page))
    }
}
