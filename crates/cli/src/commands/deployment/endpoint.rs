//! Which endpoint of which project a command means.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::Project;
use kilter_domain::contract::Deploy as Place;
use kilter_server::error::problem_of;

use crate::{connect::ConnectArgs, ui::error::CliError};

/// Where something is deployed.
#[derive(Debug, Args)]
pub(super) struct EndpointArgs {
    /// The deployment in the contract (`production`), or the name of the endpoint. Default: the main deployment.
    place: Option<String>,
    /// The folder of the project.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    pub(super) connect: ConnectArgs,
}

impl EndpointArgs {
    /// The name of the endpoint.
    pub(super) fn endpoint(&self) -> Result<String, CliError> {
        let project = self.project()?;
        Ok(project.endpoint(self.place(&project)?).to_string())
    }

    fn project(&self) -> Result<Project, CliError> {
        Project::open(&self.project).map_err(|error| problem_of(&error).into())
    }

    fn place<'p>(&self, project: &'p Project) -> Result<&'p Place, CliError> {
        let named = |name: &str| {
            let is_named = |place: &&Place| place.name == name || project.endpoint(place).as_str() == name;
            project.contract.deploy.iter().find(is_named)
        };
        let place = self.place.as_deref().map_or_else(|| project.main_deploy(), named);
        place.ok_or_else(|| {
            let places: Vec<&str> = project.contract.deploy.iter().map(|place| place.name.as_str()).collect();
            let detail = match &self.place {
                Some(name) => format!("the contract has no deployment `{name}`"),
                None => "the contract has no deployment".to_owned(),
            };
            Problem::new(Code::NotFound, detail)
                .hint(match places.is_empty() {
                    true => "add a [deploy.production] section".to_owned(),
                    false => format!("use one of {}", places.join(", ")),
                })
                .into()
        })
    }
}
