//! `kilter demo --story`: a year of one shop in the terminal alone.
//!
//! Invariants: what is played is the project `examples/churn` as the repository has it, by the same replay as any other.

use std::path::{Path, PathBuf};

use kilter_app::replay::ReplayOptions;
use serde::Serialize;

use crate::{
    commands::project::{
        demo::{
            place::{self, as_typed},
            projects::CHURN,
        },
        replay::{page, play},
    },
    context::DATA_FOLDER,
    ui::{
        error::CliError,
        output::Output,
        view::{Answer, TextTable},
    },
};

/// A command that a newcomer may type next.
#[derive(Serialize)]
struct Next {
    command: String,
    what: &'static str,
}

/// Plays the story of a project, in `keep` or in a folder that goes away.
pub(super) struct Story {
    pub(super) keep: Option<PathBuf>,
}

impl Story {
    pub(super) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let (folder, _temporary) = place::folder(self.keep.as_deref(), CHURN.name)?;
        CHURN.write(&folder, CHURN.contract)?;
        output
            .note("Replaying a year of a shop as production, one line per decision. This takes less than a minute.\n");
        let state = self.keep.as_ref().map(|folder| folder.join(DATA_FOLDER));
        let report = play(&folder, state.as_deref(), &ReplayOptions::default(), output)?;
        let mut table = TextTable::new(["next", ""]);
        for next in self.next() {
            table.row([next.command, next.what.to_owned()]);
        }
        Ok(Answer::done(&report, page(&report).line("").table(table)))
    }

    /// What to type next, in the form in which this was typed.
    fn next(&self) -> [Next; 3] {
        let kilter = as_typed();
        // Each is typed where this was.
        let there = format!("cd {} && ", self.keep.as_deref().unwrap_or(Path::new(CHURN.name)).display());
        let next_step = match &self.keep {
            Some(_) => Next {
                command: format!("{there}{kilter} status"),
                what: "what is live, what is wrong, what was decided",
            },
            None => Next {
                command: format!("{kilter} demo --story --keep {}", CHURN.name),
                what: "keep the project: one readable file describes all this",
            },
        };
        [
            next_step,
            Next { command: format!("{kilter} init --from YOUR_DATA.csv"), what: "the same for your data" },
            Next { command: format!("{there}{kilter} server"), what: "serve, watch and retrain for real" },
        ]
    }
}
