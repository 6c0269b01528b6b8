//! `kilter package diff`: how two packages differ.

use std::path::PathBuf;

use clap::Args;
use kilter_app::package::compare_folders;
use kilter_domain::plural::counted;
use serde_json::json;

use crate::ui::{
    error::CliError,
    view::{Answer, Page, Status, TextTable},
};

/// Compare two package folders: what they say of themselves, and file by file.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first folder.
    #[arg(value_name = "FIRST")]
    first: PathBuf,
    /// The second folder.
    #[arg(value_name = "SECOND")]
    second: PathBuf,
}

impl Diff {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let found = compare_folders(&self.first, &self.second)?;
        let rows: Vec<_> =
            found.iter().map(|one| json!({ "what": one.what, "first": one.first, "second": one.second })).collect();
        let document = json!({ "differences": rows });
        if found.is_empty() {
            return Ok(Answer::done(&document, Page::new().marked(Status::Ok, "the packages are the same")));
        }
        let mut table = TextTable::new(["what", "first", "second"]);
        for one in &found {
            table.row([one.what.clone(), one.first.clone(), one.second.clone()]);
        }
        let page = Page::new().line(counted(found.len(), "difference")).table(table);
        Ok(Answer::done(&document, page))
    }
}
