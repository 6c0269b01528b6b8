//! `kilter demo`: the whole loop on real data, from the binary alone.
//!
//! Invariants: what is played is the project `examples/churn` as the repository has it, by the same replay as any other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::replay::ReplayOptions;
use serde::Serialize;

use crate::{
    commands::project::replay::{page, play, temporary_state},
    context::DATA_FOLDER,
    ui::{
        error::{CliError, disk},
        output::Output,
        view::{Answer, TextTable},
    },
};

/// The project that is played: its name, and its files.
const PROJECT: &str = "churn";
const FILES: [(&str, &[u8]); 3] = [
    ("kilter.toml", include_bytes!("../../../../../examples/churn/kilter.toml")),
    ("data/PROVENANCE.md", include_bytes!("../../../../../examples/churn/data/PROVENANCE.md")),
    ("data/snapshots.parquet", include_bytes!("../../../../../examples/churn/data/snapshots.parquet")),
];

/// Replay a year of a shop's purchases: train, serve, monitor, alert, retrain and deploy. Takes about ten seconds.
///
/// The data are the purchases of 23,570 customers; the model predicts who leaves. The last lines compare the result
/// with a model that is never retrained. The project is part of the program; --keep writes it to a folder.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Write the project and the results into this folder, which must be empty or absent. `kilter status` and `kilter
    /// server` work in it.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// A command that a newcomer may type next.
#[derive(Serialize)]
struct Next {
    command: String,
    what: &'static str,
}

impl Demo {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let temporary = self.keep.is_none().then(temporary_state).transpose()?;
        let folder = match (&self.keep, &temporary) {
            (Some(folder), _) => folder.clone(),
            (None, Some(folder)) => folder.path().join(PROJECT),
            (None, None) => PathBuf::from(PROJECT),
        };
        write_project(&folder)?;
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
        let kilter = if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "kilter" };
        // Each is typed where this was.
        let there = format!("cd {} && ", self.keep.as_deref().unwrap_or(Path::new(PROJECT)).display());
        let next_step = match &self.keep {
            Some(_) => Next {
                command: format!("{there}{kilter} status"),
                what: "what is live, what is wrong, what was decided",
            },
            None => Next {
                command: format!("{kilter} demo --keep {PROJECT}"),
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

/// Writes the embedded project; a folder that holds something is left alone.
fn write_project(folder: &Path) -> Result<(), CliError> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let detail = format!("`{}` holds something already", folder.display());
        return Err(Problem::new(Code::FileExists, detail).hint("name an empty folder").into());
    }
    for (name, bytes) in FILES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| disk("make the folder", parent, &error))?;
        fs::write(&path, bytes).map_err(|error| disk("write", &path, &error))?;
    }
    Ok(())
}
