//! `kilter profile`: what a table looks like, column by column, and the frozen profile of it for later comparisons.

mod result;
mod view;

pub(crate) use view::word;

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_evaluation::table_compare::{LikeError, profile, profile_like};
use kilter_lake::TableColumns;
use kilter_stats::profile::TableProfile;

use self::result::{Column, ProfileResult};
use crate::{
    context::now,
    fs::write_whole,
    input::table::{Columns, Input, names, open_table, read_profile},
    ui::{error::CliError, unread::Unread, view::Answer},
};

/// Describe a table column by column: types, missing and infinite values, moments, quantiles, categories, warnings.
///
/// With --out the description is frozen into a file of about 2.5 kB a column, with which `kilter drift` compares later
/// tables without the rows. Columns are read one at a time: a table may be much larger than memory.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// The table (a file or a folder of files), or a stored profile.
    file: PathBuf,
    #[command(flatten)]
    columns: Columns,
    /// Store the profile.
    #[arg(long, value_name = "PROFILE")]
    out: Option<PathBuf>,
    /// Count with the bins and categories of this profile, so that the two can be merged.
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["columns", "exclude"])]
    like: Option<PathBuf>,
    /// Add the rows to those of this profile, and describe all of them.
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["columns", "exclude", "like"])]
    merge: Option<PathBuf>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Profile {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (profile, unread) = self.profile()?;
        let mut result = ProfileResult {
            file: self.file.clone(),
            rows: profile.rows,
            columns: profile.columns.iter().map(Column::of).collect(),
            unread,
            out: self.out.clone(),
            bytes: None,
            html: self.html.clone(),
        };
        if let Some(out) = &self.out {
            let bytes = profile.to_bytes();
            write_whole(out, &bytes)?;
            result.bytes = Some(bytes.len());
        }
        if let Some(html) = &self.html {
            write_whole(html, view::html(&profile, &result, now()).as_bytes())?;
        }
        Ok(Answer::done(&result, view::text(&result)))
    }

    fn profile(&self) -> Result<(TableProfile, Vec<Unread>), CliError> {
        if let Some(path) = &self.like {
            let reference = read_profile(path)?;
            return Ok((like(&reference, &open_table(&self.file)?)?, Vec::new()));
        }
        let Some(path) = &self.merge else { return self.of_file() };
        let mut merged = read_profile(path)?;
        let more = match Input::open(&self.file)? {
            Input::Table(table) => like(&merged, &table)?,
            Input::Profile(profile) => *profile,
        };
        merged.merge(&more).map_err(|why| {
            let detail = format!("could not add `{}` to `{}`", self.file.display(), path.display());
            Problem::new(Code::FileInvalid, detail).caused_by(Some(&why)).hint(format!(
                "count it with the other's bins: kilter profile FILE --like {} --out PROFILE",
                path.display()
            ))
        })?;
        Ok((merged, Vec::new()))
    }

    fn of_file(&self) -> Result<(TableProfile, Vec<Unread>), CliError> {
        let input = Input::open(&self.file)?;
        let chosen = self.columns.chosen(&input.names())?;
        match input {
            Input::Table(table) => {
                let names: Vec<String> =
                    names(&table).into_iter().filter(|name| chosen.picks(name)).map(str::to_owned).collect();
                let unread = Unread::all(table.unread()).into_iter().filter(|unread| chosen.picks(unread.column()));
                Ok((profile(&table, &names)?, unread.collect()))
            }
            Input::Profile(mut profile) => {
                profile.columns.retain(|column| chosen.picks(&column.name));
                Ok((*profile, Vec::new()))
            }
        }
    }
}

fn like(reference: &TableProfile, table: &TableColumns) -> Result<TableProfile, CliError> {
    profile_like(reference, table).map_err(|error| match error {
        LikeError::Lake(error) => error.into(),
        error @ LikeError::Unlike(_) => Problem::of(Code::FileInvalid, &error).into(),
    })
}
