//! `kilter deploy` and `kilter rollback`: which version answers at a place, and back.

use std::path::PathBuf;

use clap::Args;
use kilter_app::{Project, decision::Numbers};
use kilter_domain::contract::Deploy as Place;
use kilter_server::{failure::problem_of, views};
use kilter_wire::{Code, Problem};
use serde_json::json;

use crate::{
    page::{Answer, Mark, Page},
    project::{DataFolder, act},
    stop::Stop,
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
    data: DataFolder,
}

impl At {
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
    because: String,
}

impl Deploy {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let project = self.at.project()?;
        let place = self.at.place(&project)?;
        let app = self.at.data.open_existing()?;
        let deployed = app.deploy(&act(), &project, place, self.number, &self.because)?;
        let page = Page::new().marked(
            Mark::Ok,
            format!("{} v{} is {} at {}", project.model(), deployed.number, deployed.state, deployed.endpoint),
        );
        let endpoint = deployed.endpoint.to_string();
        let state = deployed.state.to_string();
        Ok(Answer::done(&json!({ "endpoint": endpoint, "version": deployed.number, "state": state }), page))
    }
}

/// Take back a version that is on its way, or go back to the version that answered before. Waits for no approval.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    at: At,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT", default_value = "asked for at the terminal")]
    because: String,
}

impl Rollback {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let project = self.at.project()?;
        let place = self.at.place(&project)?;
        let app = self.at.data.open_existing()?;
        app.roll_back(&act(), &project, place, &self.because, &Numbers::default())?;
        let endpoint = project.endpoint(place);
        let status = views::status(&app)?.endpoints.into_iter().find(|found| found.name == endpoint.as_str());
        let live = status.as_ref().and_then(|found| found.live.as_ref()).map(|live| live.version);
        let sentence = live.map_or("nothing answers".to_owned(), |version| format!("version {version} answers"));
        let page = Page::new().marked(Mark::Ok, format!("{sentence} at {endpoint}"));
        Ok(Answer::done(&json!({ "endpoint": endpoint.to_string(), "live": live }), page))
    }
}
