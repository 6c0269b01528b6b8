//! What `domain` must know of a version to move it.

use kilter_domain::{contract::Policy, model::VersionFacts};
use kilter_store::model::Version;

use crate::{model::version_record::VersionRecord, project::folder::Project};

/// What a version must meet: the policy that is frozen into it, and what the one in force asks for beyond that. A gate that
/// was loosened since loosens nothing for it.
pub(crate) fn policy_of(project: &Project, version: &Version) -> Policy {
    let in_force = project.contract.policy();
    match Policy::from_text(&version.policy) {
        Some(frozen) if frozen == in_force => frozen,
        Some(frozen) => frozen.stricter(&in_force),
        None => in_force,
    }
}

/// What `domain` must know of a version to move it.
pub(crate) fn facts_of(project: &Project, record: &VersionRecord) -> VersionFacts {
    let (version, policy) = (&record.version, policy_of(project, &record.version));
    VersionFacts {
        state: version.state,
        digest: version.digest,
        policy: version.policy_digest,
        requirements: policy.requirements(),
        gates: policy.gates.into_keys().collect(),
        approval_rule: policy.approve.rule,
        makers: record.makers(),
    }
}
