//! What `domain` must know of a version to move it.

use kilter_domain::{
    contract::Risk,
    model::{Requirements, VersionFacts},
};
use kilter_store::model as versions;

use crate::project::folder::Project;

/// What `domain` must know of a version to move it.
pub(crate) fn facts_of(project: &Project, version: &versions::Version) -> VersionFacts {
    let contract = &project.contract;
    VersionFacts {
        state: version.state,
        digest: version.digest,
        policy: version.policy_digest,
        gates: contract.gates.iter().map(|gate| gate.name.clone()).collect(),
        approval_rule: contract.approve.rule.clone(),
        makers: version.makers.clone(),
        requirements: requirements(project),
    }
}

/// What the contract asks for beyond what every version needs.
pub fn requirements(project: &Project) -> Requirements {
    let contract = &project.contract;
    let risk: Risk = contract.project.risk;
    let package = contract.package.as_ref();
    Requirements {
        signature: package.is_some_and(|package| package.sign.is_some()),
        golden_replay: package.is_some_and(|package| package.sample.is_some()),
        four_eyes: contract.approve.four_eyes,
        ..Requirements::of(risk)
    }
}
