//! The server's side: what answers where, for whoever may follow it.
//!
//! Invariants: the plan says what the store says, also where this process could not load it; equal plans have equal tags, whenever they
//! are made; nothing of a project is in it in which the caller has no right to follow.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    actor::Action,
    deployment::DeploymentState,
    digest::Digest,
    ids::{EndpointName, ModelName, ProjectName},
    signing_key::KeyPurpose,
    time::Timestamp,
};
use kilter_package::{Bundle, PackageError};
use kilter_store::{
    PageRequest, Reader, StoreError,
    deployment::{self as deployments, Deployment},
    model as versions,
};

use crate::{
    app::App,
    authz::access_map,
    context::RequestContext,
    dataset::context_columns,
    deployment::routes,
    keys,
    model::version_record::VersionRecord,
    package::approval_statement::ApprovalClaim,
    recording_policy,
    replication::{
        error::ReplicationError,
        statements::{
            CandidateClaim, EndpointClaim, OfferedKey, PlanClaim, RecordingClaim, SignedApproval, SignedPlan,
            VersionClaim,
        },
    },
};

/// What answers where, before it is signed.
pub struct ServingPlan {
    claim: PlanClaim,
    approvals: Vec<(Digest, ApprovalClaim)>,
    keys: Vec<OfferedKey>,
    hash_key: Option<String>,
    tag: String,
}

/// What answers at the endpoints of the projects that the caller may follow.
///
/// # Errors
/// When the metadata cannot be read.
pub fn serving_plan(app: &App, context: &RequestContext) -> Result<ServingPlan, ReplicationError> {
    let projects = access_map::projects_where(app, context, Action::Replicate);
    let mut endpoints = Vec::new();
    for endpoint in served_endpoints(app)? {
        endpoints.extend(endpoint_claim(app, &endpoint, &projects)?);
    }
    let claim = PlanClaim { at: context.at, endpoints };
    let mut approvals = Vec::new();
    for version in claim.versions() {
        let record =
            app.store().read(|reader| VersionRecord::read(reader, &version.model, version.version, context.at))?;
        approvals.push((version.digest, ApprovalClaim::of(&record, context.at)));
    }
    let hashes = claim.endpoints.iter().any(|endpoint| !endpoint.recording.hash.is_empty());
    let hash_key = if hashes { recording_policy::secret(app)? } else { None };
    let keys = trusted_keys(app)?;
    let tag = tag_of(&claim, &approvals, &keys, hash_key.as_deref());
    Ok(ServingPlan { claim, approvals, keys, hash_key, tag })
}

impl ServingPlan {
    /// What tells this plan from another one; when it was made is no part of it.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The plan, signed by the key of this platform.
    ///
    /// # Errors
    /// If there is no key, or the system has no random numbers.
    pub fn sign(self, app: &App) -> Result<SignedPlan, ReplicationError> {
        let key = keys::existing_key(app, KeyPurpose::Package)?;
        let sign = |statement| Ok::<_, PackageError>(Bundle::sign(&statement, &key)?.to_json());
        let approvals = self.approvals.iter().map(|(digest, approval)| {
            let statement = sign(approval.statement(digest))?;
            Ok::<_, PackageError>(SignedApproval {
                model: approval.model.to_string(),
                version: approval.version,
                statement,
            })
        });
        Ok(SignedPlan {
            approvals: approvals.collect::<Result<_, _>>()?,
            plan: sign(self.claim.statement())?,
            keys: self.keys,
            hash_key: self.hash_key,
        })
    }
}

fn served_endpoints(app: &App) -> Result<BTreeSet<EndpointName>, StoreError> {
    let (mut found, mut page) = (BTreeSet::new(), PageRequest::first(1000));
    loop {
        let listed = app.store().read(|reader| deployments::list_serving(reader, &page))?;
        found.extend(listed.items.into_iter().map(|deployment| deployment.endpoint));
        match listed.next {
            Some(cursor) => page = PageRequest::first(1000).after(cursor),
            None => return Ok(found),
        }
    }
}

/// What answers at an endpoint; `None` where nothing does, or it is of another project.
fn endpoint_claim(
    app: &App,
    endpoint: &EndpointName,
    projects: &BTreeSet<ProjectName>,
) -> Result<Option<EndpointClaim>, ReplicationError> {
    let found = app.store().read(|reader| deployments::find_endpoint(reader, endpoint))?;
    let Some(found) = found.filter(|found| projects.contains(&found.project)) else { return Ok(None) };
    let read = |reader: &Reader| {
        let Some(live) = deployments::live(reader, endpoint)? else { return Ok(None) };
        let candidate = match deployments::candidate(reader, endpoint)? {
            Some(candidate) => Some(candidate_claim(reader, &candidate)?),
            None => None,
        };
        Ok::<_, StoreError>(Some((version_claim(reader, &live.model, live.number)?, candidate)))
    };
    let Some((live, candidate)) = app.store().read(read)? else { return Ok(None) };
    let (project, admits) = routes::deploy_terms(app, endpoint);
    // Of a contract that cannot be read nothing is known to be personal: no feature is recorded.
    let recording = match &project {
        None => RecordingClaim { drops_features: true, ..RecordingClaim::default() },
        Some(project) => {
            let record = &project.contract.record;
            RecordingClaim {
                sample: record.sample,
                hash: record.hash.iter().cloned().collect(),
                drop: record.drop.iter().cloned().collect(),
                drops_features: false,
            }
        }
    };
    let context = project.map(|project| context_columns::names(&project.contract).into_iter().collect());
    Ok(Some(EndpointClaim {
        endpoint: endpoint.clone(),
        project: found.project,
        admits,
        live,
        candidate,
        context: context.unwrap_or_default(),
        recording,
    }))
}

fn candidate_claim(reader: &Reader, candidate: &Deployment) -> Result<CandidateClaim, StoreError> {
    let percent = match candidate.state {
        DeploymentState::Canary { percent } => Some(percent),
        _ => None,
    };
    Ok(CandidateClaim { version: version_claim(reader, &candidate.model, candidate.number)?, percent })
}

fn version_claim(reader: &Reader, model: &ModelName, number: u32) -> Result<VersionClaim, StoreError> {
    let digest = versions::get(reader, model, number)?.digest;
    Ok(VersionClaim { model: model.clone(), version: number, digest })
}

fn trusted_keys(app: &App) -> Result<Vec<OfferedKey>, ReplicationError> {
    let keys = keys::list_keys(app)?.into_iter();
    let of_packages = keys.filter(|key| key.purpose == KeyPurpose::Package && key.state.is_trusted());
    Ok(of_packages.map(|key| OfferedKey { id: key.id, public_key: key.public_key }).collect())
}

fn tag_of(
    claim: &PlanClaim,
    approvals: &[(Digest, ApprovalClaim)],
    keys: &[OfferedKey],
    hash_key: Option<&str>,
) -> String {
    let timeless = PlanClaim { at: Timestamp(0), ..claim.clone() };
    let approvals: BTreeMap<String, ApprovalClaim> = approvals
        .iter()
        .map(|(digest, approval)| (digest.to_string(), ApprovalClaim { at: Timestamp(0), ..approval.clone() }))
        .collect();
    let all = serde_json::json!([timeless, approvals, keys, hash_key.map(|key| Digest::of(key.as_bytes()))]);
    Digest::of(all.to_string().as_bytes()).to_string()
}
