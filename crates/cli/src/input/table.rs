//! What commands over files take in: a table read by column, or a profile that was stored; and which columns.

use std::{fs::File, io::Read, path::Path};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_lake::{ReadOptions, TableColumns};
use kilter_stats::profile::TableProfile;

use crate::{
    input::column_list::{self, ColumnList, named},
    ui::error::{CliError, disk},
};

/// The largest profile that is read.
const MAX_PROFILE_BYTES: u64 = 1 << 30;

/// Which columns of a table.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Columns {
    /// The only columns to use.
    #[arg(long, value_name = "COLUMNS")]
    columns: Vec<ColumnList>,
    /// Columns to leave out.
    #[arg(long, value_name = "COLUMNS")]
    exclude: Vec<ColumnList>,
}

/// Columns of a table that were chosen.
pub(crate) struct Chosen {
    /// Empty: all.
    columns: Vec<String>,
    exclude: Vec<String>,
}

impl Chosen {
    /// Whether a column is looked at.
    pub(crate) fn picks(&self, name: &str) -> bool {
        let stands = |names: &[String]| names.iter().any(|known| known == name);
        (self.columns.is_empty() || stands(&self.columns)) && !stands(&self.exclude)
    }
}

impl Columns {
    /// Which of a table's columns are meant. Names that the table does not have are refused.
    pub(crate) fn chosen(&self, known: &[&str]) -> Result<Chosen, CliError> {
        let chosen = Chosen { columns: named(&self.columns, known), exclude: named(&self.exclude, known) };
        let unknown = chosen.columns.iter().chain(&chosen.exclude).find(|name| !known.contains(&name.as_str()));
        match unknown {
            None => Ok(chosen),
            Some(name) => {
                let hint = column_list::hint(known).map_or_else(String::new, |hint| format!("; {hint}"));
                Err(Problem::new(Code::ColumnUnknown, format!("there is no column `{name}`"))
                    .hint(format!("it has {}{hint}", listed(known)))
                    .into())
            }
        }
    }
}

/// Names for a sentence: the first dozen.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(12).map(|name| format!("`{name}`")).collect();
    let rest = names.len().saturating_sub(shown.len());
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    shown.join(", ") + &more
}

/// What stands at a path.
pub(crate) enum Input {
    Table(TableColumns),
    Profile(Box<TableProfile>),
}

impl Input {
    /// Opens a table or a profile; the first bytes tell which.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        match is_profile(path) {
            true => read_profile(path).map(|profile| Self::Profile(Box::new(profile))),
            false => open_table(path).map(Self::Table),
        }
    }

    /// The names of its columns, also of those that are left out.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Table(table) => all_names(table),
            Self::Profile(profile) => profile.columns.iter().map(|column| column.name.as_str()).collect(),
        }
    }
}

/// The names of a table's columns.
pub(crate) fn names(table: &TableColumns) -> Vec<&str> {
    table.columns().iter().map(|(name, _)| name.as_str()).collect()
}

/// The same with the columns that are left out.
pub(crate) fn all_names(table: &TableColumns) -> Vec<&str> {
    let unread = table.unread().iter().map(|(name, _)| name.as_str());
    names(table).into_iter().chain(unread).collect()
}

/// Opens a table.
pub(crate) fn open_table(path: &Path) -> Result<TableColumns, CliError> {
    Ok(TableColumns::open(path, &ReadOptions::default())?)
}

fn is_profile(path: &Path) -> bool {
    let mut first = Vec::with_capacity(8);
    // What cannot be read here is reported by whoever reads it next.
    let mut read = || File::open(path).and_then(|file| file.take(8).read_to_end(&mut first));
    path.is_file() && read().is_ok() && TableProfile::is_profile(&first)
}

/// Reads a stored profile.
pub(crate) fn read_profile(path: &Path) -> Result<TableProfile, CliError> {
    let failed = |error: std::io::Error| disk("read the profile", path, &error);
    let bytes = kilter_app::read_bounded(path, MAX_PROFILE_BYTES).map_err(failed)?;
    TableProfile::from_bytes(&bytes).map_err(|error| {
        Problem::new(Code::FileInvalid, format!("`{}` is not a profile that can be read", path.display()))
            .caused_by(Some(&error))
            .hint("write it again: kilter profile FILE --out PROFILE")
            .into()
    })
}
