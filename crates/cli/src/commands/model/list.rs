//! `kilter model list`: the models and their versions.

use clap::Args;
use kilter_api::PageQuery;
use serde_json::json;

use crate::{
    commands::model::show::short_digest,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, TextTable, minute},
    },
};

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let models = self.connect.api()?.call(async |api| api.models(&PageQuery::default()).await)?;
        let mut table = TextTable::new(["model", "version", "state", "made", "package"]);
        for version in models.items.iter().flat_map(|model| &model.versions) {
            let package = short_digest(&version.digest).to_owned();
            table.row([
                version.model.clone(),
                format!("v{}", version.number),
                version.state.to_string(),
                minute(version.created),
                package,
            ]);
        }
        let page = if table.is_empty() {
            Page::new().line("There is no version yet: kilter run")
        } else {
            Page::new().table(table)
        };
        Ok(Answer::done(&json!({ "models": models.items, "next": models.next }), page))
    }
}
