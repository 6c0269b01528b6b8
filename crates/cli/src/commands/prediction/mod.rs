//! `kilter prediction`: what one answer rests on.

pub(crate) mod lineage;

use clap::{Args, Subcommand};

use crate::{
    commands::prediction::lineage::{with_answer, with_serving, with_version},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page},
    },
};

/// Show what one prediction rests on: endpoint, version, run, data, code, gates, approvals and audit entries.
#[derive(Debug, Args)]
pub(crate) struct Predictions {
    #[command(subcommand)]
    verb: PredictionVerb,
}

#[derive(Debug, Subcommand)]
enum PredictionVerb {
    /// Show a prediction and everything that it rests on.
    Show {
        /// The id of the prediction, as the answer had it.
        id: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

impl Predictions {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let PredictionVerb::Show { id, connect } = self.verb;
        let found = connect.api()?.call(async |api| api.prediction(&id).await)?;
        let mut page = with_answer(Page::new(), &found);
        page = match (&found.serving, &found.lineage) {
            (Some(serving), _) => with_serving(page, &found.endpoint, serving),
            (None, Some(version)) => with_version(page, version),
            (None, None) => page.line(format!("version {} is not registered here", found.version)),
        };
        Ok(Answer::done(&found, page))
    }
}
