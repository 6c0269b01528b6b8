//! A place that versions are deployed to.

use std::collections::BTreeMap;

use kilter_domain::{contract::Deploy, deployment::AdmissionPolicy, ids::EndpointName};
use kilter_store::{PageRequest, deployment as deployments};

use crate::{app::App, causes::StorageError, project::folder::Project};

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

/// Every endpoint of a project with what it admits, by name: of the places of its contract, and those that only an earlier
/// contract named. The latter may serve still, and admit approved versions alone.
pub(crate) fn endpoints_of(
    app: &App,
    project: &Project,
) -> Result<BTreeMap<EndpointName, AdmissionPolicy>, StorageError> {
    let mut endpoints = BTreeMap::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = app.store().read(|reader| deployments::list_endpoints(reader, Some(&project.name), &page))?;
        endpoints.extend(listed.items.into_iter().map(|endpoint| (endpoint.name, AdmissionPolicy::Approved)));
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => break,
        }
    }
    endpoints.extend(Target::all(project).map(|target| (target.endpoint, target.deploy.admission_policy())));
    Ok(endpoints)
}
