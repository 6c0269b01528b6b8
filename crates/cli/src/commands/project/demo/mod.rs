//! `kilter demo`: the whole loop on real data, from the binary alone.

mod place;
mod portfolio;
mod projects;
mod story;

use std::path::PathBuf;

use clap::Args;

use self::{portfolio::Portfolio, story::Story};
use crate::ui::{error::CliError, output::Output, view::Answer};

/// Show a portfolio of five living models in the browser. All of it is there after about a minute.
///
/// Five projects are replayed into one platform, with their dates moved to end now: a model that is healthy, one with a canary, one that
/// breaks its promise, one whose new version a gate refused, and one that waits for your approval. Each state follows from the data. The
/// server answers from the first second; acts wait until the past is played. Everything goes away when the demo ends.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Write the projects and the data folder into this folder, which must be empty or absent. `kilter status` and `kilter
    /// server` work in it.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The port of the pages; if it is taken, the system chooses one.
    #[arg(long, default_value_t = 8484, conflicts_with = "story")]
    port: u16,
    /// End when the past is played, instead of answering until Ctrl-C.
    #[arg(long, conflicts_with = "story")]
    once: bool,
    /// Replay one project in the terminal alone, with the dates of its data: a year of a shop whose customers leave.
    #[arg(long)]
    story: bool,
}

impl Demo {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let Self { keep, port, once, story } = self;
        match story {
            true => Story { keep }.run(output),
            false => Portfolio { keep, port, once }.run(output),
        }
    }
}
