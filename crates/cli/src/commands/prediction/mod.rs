//! `kilter prediction`: what one answer rests on, and answers of the past.

mod import;
pub(crate) mod lineage;

use clap::{Args, Subcommand};

use crate::{
    commands::prediction::lineage::{with_answer, with_serving, with_version},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        output::Output,
        view::{Answer, Page},
    },
};

/// Show what one prediction rests on, or bring in predictions of the past.
#[derive(Debug, Args)]
pub(crate) struct Predictions {
    #[command(subcommand)]
    verb: PredictionVerb,
}

#[derive(Debug, Subcommand)]
enum PredictionVerb {
    /// Show a prediction and everything that it rests on.
    Show(Box<Show>),
    Import(Box<import::Import>),
}

#[derive(Debug, Args)]
struct Show {
    /// The id of the prediction, as the answer had it.
    id: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Predictions {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.verb {
            PredictionVerb::Show(show) => show.run(),
            PredictionVerb::Import(import) => import.run(output),
        }
    }
}

impl Show {
    fn run(self) -> Result<Answer, CliError> {
        let Self { id, connect } = self;
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
