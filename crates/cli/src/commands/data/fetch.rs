//! `kilter data fetch`: brings datasets that lie elsewhere here.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{Project, project::fetch_datasets};
use kilter_server::error::problem_of;
use serde::Serialize;

use crate::ui::{
    error::CliError,
    view::{Answer, Page, Status},
};

/// Bring datasets of the contract here that lie at `s3://`, `https://` or `sql:`.
///
/// `kilter run` does it by itself. What has the version that `kilter.lock` pins is not read again. Copies lie in
/// `.kilter/fetched`; the lock is not changed.
#[derive(Debug, Args)]
pub(super) struct Fetch {
    /// The datasets. Default: all that lie elsewhere.
    names: Vec<String>,
    /// The folder of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

#[derive(Serialize)]
struct Copy {
    dataset: String,
    path: PathBuf,
    /// What changes with its bytes, as its place says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl Fetch {
    pub(super) fn run(self) -> Result<Answer, CliError> {
        let project = Project::open(&self.project).map_err(|error| problem_of(&error))?;
        let is_dataset = |name: &&String| project.contract.data.iter().any(|dataset| dataset.name.as_str() == *name);
        if let Some(unknown) = self.names.iter().find(|name| !is_dataset(name)) {
            return Err(Problem::new(Code::NotFound, format!("the contract has no dataset `{unknown}`")).into());
        }
        let is_left_out = |name: &kilter_domain::ids::DatasetName| {
            !self.names.is_empty() && !self.names.iter().any(|wanted| wanted == name.as_str())
        };
        let fetched = fetch_datasets(&project, false, &is_left_out).map_err(|error| problem_of(&error))?;
        let copies: Vec<Copy> = fetched
            .into_iter()
            .map(|(dataset, copy)| Copy { dataset: dataset.to_string(), path: copy.path, version: copy.version })
            .collect();
        let page = match copies.is_empty() {
            true => Page::new().marked(Status::Ok, "no dataset lies elsewhere"),
            false => copies.iter().fold(Page::new(), |page, copy| {
                page.marked(Status::Ok, format!("{}: {}", copy.dataset, copy.path.display()))
            }),
        };
        Ok(Answer::done(&serde_json::json!({ "fetched": copies }), page))
    }
}
