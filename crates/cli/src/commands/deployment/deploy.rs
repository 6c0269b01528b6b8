//! `kilter deploy` and `kilter rollback`: which version answers at a place, and back.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_app::Project;
use kilter_domain::contract::Deploy as Place;
use kilter_server::error::problem_of;

use crate::{
    connect::Reach,
    ui::{
        error::Stop,
        view::{Answer, Mark, Page},
    },
};

/// Where something is deployed.
#[derive(Debug, Args)]
struct At {
    /// The place, as the contract names it (`production`) or as clients call it; by default the one people rely on.
    place: Option<String>,
    /// The project's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    #[command(flatten)]
    reach: Reach,
}

impl At {
    /// The name that clients call the place by.
    fn endpoint(&self) -> Result<String, Stop> {
        let project = self.project()?;
        Ok(project.endpoint(self.place(&project)?).to_string())
    }

    fn project(&self) -> Result<Project, Stop> {
        Project::open(&self.project).map_err(|error| problem_of(&error).into())
    }

    fn place<'p>(&self, project: &'p Project) -> Result<&'p Place, Stop> {
        let named = |name: &str| {
            let is_named = |place: &&Place| place.name == name || project.endpoint(place).as_str() == name;
            project.contract.deploy.iter().find(is_named)
        };
        let place = self.place.as_deref().map_or_else(|| project.main_deploy(), named);
        place.ok_or_else(|| {
            let places: Vec<&str> = project.contract.deploy.iter().map(|place| place.name.as_str()).collect();
            let detail = match &self.place {
                Some(name) => format!("the contract states no place `{name}` to deploy to"),
                None => "the contract states no place to deploy to".to_owned(),
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

/// Let a version answer at a place, by the stages that the contract states: shadow, canary, live.
///
/// Only a version that the place admits is taken: in production an approved one.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    #[command(flatten)]
    at: At,
    /// The number of the version.
    #[arg(long = "version", value_name = "NUMBER")]
    number: u32,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT", default_value = "asked for at the terminal")]
    reason: String,
}

impl Deploy {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let endpoint = self.at.endpoint()?;
        let body = api::Deploy { version: self.number, reason: Some(self.reason) };
        let path = format!("/api/v1/endpoints/{endpoint}/deploy");
        let deployed: api::Deployment = self.at.reach.api()?.post(&path, &body)?;
        let api::Deployment { model, version, state, .. } = &deployed;
        let page = Page::new().marked(Mark::Ok, format!("{model} v{version} is {state} at {endpoint}"));
        Ok(Answer::done(&deployed, page))
    }
}

/// Take back a version that is on its way, or go back to the version that answered before. Waits for no approval.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    at: At,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT", default_value = "asked for at the terminal")]
    reason: String,
}

impl Rollback {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let endpoint = self.at.endpoint()?;
        let path = format!("/api/v1/endpoints/{endpoint}/rollback");
        let body = api::Reason { reason: Some(self.reason) };
        let status: api::EndpointStatus = self.at.reach.api()?.post(&path, &body)?;
        let live = status.live.as_ref().map(|live| live.version);
        let sentence = live.map_or("nothing answers".to_owned(), |version| format!("version {version} answers"));
        Ok(Answer::done(&status, Page::new().marked(Mark::Ok, format!("{sentence} at {endpoint}"))))
    }
}
