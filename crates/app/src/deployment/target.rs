//! A place that versions are deployed to.

use kilter_domain::{contract::Deploy, ids::EndpointName};

use crate::project::folder::Project;

/// A place that versions are deployed to: the part of a project's contract that states it, and the endpoint that clients call.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The project whose versions are deployed.
    pub project: &'a Project,
    /// The section `[deploy.NAME]` of its contract.
    pub deploy: &'a Deploy,
    /// The endpoint that clients call there.
    pub endpoint: EndpointName,
}

impl<'a> Target<'a> {
    /// The place that a part of the contract states.
    pub fn of(project: &'a Project, deploy: &'a Deploy) -> Self {
        Self { project, deploy, endpoint: project.endpoint(deploy) }
    }

    /// Every place of a project, in the order of its contract.
    pub fn all(project: &'a Project) -> impl Iterator<Item = Self> {
        project.contract.deploy.iter().map(|deploy| Self::of(project, deploy))
    }

    /// The place that people rely on: `production`, else the last one that is named.
    pub fn main(project: &'a Project) -> Option<Self> {
        project.main_deploy().map(|deploy| Self::of(project, deploy))
    }
}
