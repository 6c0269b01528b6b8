//! What served at a moment.

use kilter_domain::{
    deployment::DeploymentState,
    ids::{EndpointName, ProjectName},
    time::Timestamp,
};
use kilter_store::{
    PageRequest, Reader, StoreError,
    audit::Record,
    deployment::{self, Deployment},
};

use crate::{
    app::App,
    causes::StorageError,
    lineage::version::{VersionLineage, entries_of, state_of, version_lineage},
};

/// An endpoint at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointAsOf {
    /// Its name.
    pub name: EndpointName,
    /// Its project.
    pub project: ProjectName,
    /// What served there: the live version first.
    pub serving: Vec<ServingAsOf>,
}

/// A version that served at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ServingAsOf {
    /// The deployment.
    pub deployment: Deployment,
    /// Live, canary or shadow.
    pub stage: DeploymentState,
    /// The share of the requests that it answered, in percent.
    pub share_percent: u8,
    /// The entries of the deployment up to the moment, oldest first: who asked for it, and what came of it.
    pub entries: Vec<Record>,
    /// What the version rests on.
    pub lineage: VersionLineage,
}

/// What served at every endpoint at `at`.
///
/// # Errors
/// If the metadata cannot be read.
pub fn as_of(app: &App, at: Timestamp) -> Result<Vec<EndpointAsOf>, StorageError> {
    let mut found = Vec::new();
    let mut page = PageRequest::first(100);
    loop {
        let next = app.store().read(|reader| {
            let listed = deployment::list_endpoints(reader, None, &page)?;
            for endpoint in listed.items.into_iter().filter(|endpoint| endpoint.created <= at) {
                let serving = serving_at(reader, &endpoint.name, at)?;
                found.push(EndpointAsOf { name: endpoint.name, project: endpoint.project, serving });
            }
            Ok(listed.next)
        })?;
        match next {
            Some(cursor) => page = PageRequest::first(100).after(cursor),
            None => break,
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// What served at an endpoint at `at`, the live version first.
pub(super) fn serving_at(
    reader: &Reader,
    endpoint: &EndpointName,
    at: Timestamp,
) -> Result<Vec<ServingAsOf>, StoreError> {
    let mut serving = Vec::new();
    let mut page = PageRequest::first(1000);
    loop {
        let listed = deployment::list(reader, Some(endpoint), &page)?;
        for deployment in listed.items {
            let is_over = deployment.ended.is_some_and(|ended| ended <= at);
            if deployment.created <= at && !is_over {
                serving.extend(serving_as(reader, deployment, at)?);
            }
        }
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => break,
        }
    }
    serving.sort_by_key(|one| one.stage != DeploymentState::Live);
    let elsewhere: u8 = serving.iter().map(|one| one.share_percent).sum();
    if let Some(live) = serving.first_mut().filter(|one| one.stage == DeploymentState::Live) {
        live.share_percent = 100u8.saturating_sub(elsewhere);
    }
    Ok(serving)
}

fn serving_as(reader: &Reader, deployment: Deployment, at: Timestamp) -> Result<Option<ServingAsOf>, StoreError> {
    let entries = entries_of(reader, &deployment::object(&deployment.id), at)?;
    let Some(state) = state_of(&entries) else { return Ok(None) };
    let (stage, share_percent) = match state.split_once(' ') {
        None if state == "live" => (DeploymentState::Live, 0),
        None if state == "shadow" => (DeploymentState::Shadow, 0),
        Some(("canary", percent)) => {
            let percent = percent.parse().unwrap_or(0);
            (DeploymentState::Canary { percent }, percent)
        }
        _ => return Ok(None),
    };
    let lineage = version_lineage(reader, &deployment.model, deployment.number, at)?;
    Ok(lineage.map(|lineage| ServingAsOf { deployment, stage, share_percent, entries, lineage }))
}
