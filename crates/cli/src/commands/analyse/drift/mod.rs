//! `kilter drift`: how a table differs from a reference, column by column, what matters first.

mod result;
mod timed;
mod view;

use std::path::PathBuf;

use clap::Args;
use kilter_api::Exit;
use kilter_evaluation::table_compare::{Reference, compare};
use kilter_stats::compare::Level;

use self::result::DriftResult;
use crate::{
    context::now,
    fs::write_whole,
    input::table::{Columns, Input, all_names, open_table},
    ui::{error::CliError, estimate::FailOn, unread::Unread, view::Answer},
};

/// Compare a table with a reference: drift beyond chance, missing and unseen values, changed columns.
///
/// The reference is another table (then every distance is exact), or a profile stored by `kilter profile --out`. A
/// column gets a level where its distance, less what two samples of one law would show, reaches the threshold and a
/// test supports it after correction for the number of columns.
///
/// With `--time` both are tables whose rows have times, and distances are those that a monitor reads: from the reference
/// rows of the same season, beside what windows of the reference itself show.
#[derive(Debug, Args)]
pub(crate) struct Drift {
    /// The reference: a table, or a stored profile.
    reference: PathBuf,
    /// The table to compare with it.
    current: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Exit with 3 if a column reaches this level.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    times: timed::Times,
}

impl Drift {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        if self.times.is_asked() {
            let tables = (self.reference.as_path(), self.current.as_path());
            return self.times.run(tables, &self.columns, self.fail_on);
        }
        let reference = Input::open(&self.reference)?;
        let current = open_table(&self.current)?;
        let mut known = reference.names();
        known.extend(all_names(&current));
        let chosen = self.columns.chosen(&known)?;
        let side = match &reference {
            Input::Table(table) => Reference::Table(table),
            Input::Profile(profile) => Reference::Profile(profile),
        };
        let drift = compare(&side, &current, |name| chosen.picks(name))?;
        let result = DriftResult {
            is_exact: matches!(reference, Input::Table(_)),
            unread: Unread::all(current.unread()),
            html: self.html.clone(),
            ..DriftResult::of(&drift, &self.reference, &self.current)
        };
        if let Some(html) = &self.html {
            write_whole(html, view::html(&drift, &result, now()).as_bytes())?;
        }
        let exit = match self.fail_on {
            Some(FailOn::Alert) if drift.level() >= Level::Alert => Exit::CheckFailed,
            Some(FailOn::Warn) if drift.level() >= Level::Warn => Exit::CheckFailed,
            _ => Exit::Done,
        };
        Ok(Answer::done(&result, view::text(&drift, &result)).exit(exit))
    }
}
