//! What is signed for replicas, and whom they believe.

use std::collections::{BTreeMap, BTreeSet};

use kilter_domain::{
    deployment::AdmissionPolicy,
    digest::Digest,
    ids::{EndpointName, ModelName, ProjectName},
    time::{Span, Timestamp},
};
use kilter_keys::PublicKey;
use kilter_package::{Statement, Subject};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    package::approval_statement::{ApprovalClaim, IDENTITY, verified_statement, verify_approval},
    replication::error::ReplicationError,
};

/// The kind of the statement about what answers where.
pub(super) const PLAN: &str = "urn:kilter:serving-plan:v1";
/// How much older than the plan that is held another may be: the clock of a server may be set back by this much.
const MAX_STEP_BACK: Span = Span::seconds(5 * 60);

/// What answers where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanClaim {
    /// When this was said.
    pub at: Timestamp,
    /// Every endpoint with a live version, by name.
    pub endpoints: Vec<EndpointClaim>,
}

/// What answers at an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointClaim {
    /// The name that requests use.
    pub endpoint: EndpointName,
    /// The project whose it is.
    pub project: ProjectName,
    /// Which versions it takes.
    pub admits: AdmissionPolicy,
    /// The version that answers all that no candidate takes.
    pub live: VersionClaim,
    /// The version on trial beside it.
    pub candidate: Option<CandidateClaim>,
    /// Columns that requests may carry for the record alone, besides those that the package of the live version names.
    pub context: Vec<String>,
    /// What of the answers is recorded.
    pub recording: RecordingClaim,
}

/// A version, by the digest of its package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionClaim {
    /// The model that it is a version of.
    pub model: ModelName,
    /// Its number.
    pub version: u32,
    /// Of its package.
    pub digest: Digest,
}

/// A version on trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateClaim {
    /// The version.
    pub version: VersionClaim,
    /// The share of the entities that it answers, in percent; `None`: it answers unseen.
    pub percent: Option<u8>,
}

/// What of answers is recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordingClaim {
    /// The share of rows; `None`: all of them.
    pub sample: Option<f64>,
    /// Columns that are recorded as hashes.
    pub hash: BTreeSet<String>,
    /// Columns that are not recorded.
    pub drop: BTreeSet<String>,
    /// Whether no feature is recorded.
    pub drops_features: bool,
}

impl PlanClaim {
    /// Every version of the plan, once.
    pub fn versions(&self) -> BTreeSet<&VersionClaim> {
        let mut found = BTreeSet::new();
        for claim in &self.endpoints {
            found.insert(&claim.live);
            found.extend(claim.candidate.as_ref().map(|candidate| &candidate.version));
        }
        found
    }

    /// The claim as a statement about the packages of its versions.
    pub(super) fn statement(&self) -> Statement {
        let subject = |version: &VersionClaim| Subject {
            name: format!("{}@{}", version.model, version.version),
            digest: BTreeMap::from([(IDENTITY.to_owned(), version.digest.to_string())]),
        };
        let mut subjects = self.versions().into_iter().map(subject);
        let nothing = || Subject { name: "nothing".to_owned(), digest: BTreeMap::new() };
        let mut statement = Statement::new(subjects.next().unwrap_or_else(nothing), PLAN, json!(self));
        statement.subject.extend(subjects);
        statement
    }
}

/// A plan on its way: what is signed, and what it is verified with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPlan {
    /// The signed statement of what answers where.
    pub plan: String,
    /// For each version the signed statement of its approval.
    pub approvals: Vec<SignedApproval>,
    /// The keys of the platform. Whom a replica trusts, it knows itself.
    pub keys: Vec<OfferedKey>,
    /// The secret with which personal columns are hashed.
    pub hash_key: Option<String>,
}

/// The signed approval of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedApproval {
    /// The model.
    pub model: String,
    /// The number of the version.
    pub version: u32,
    /// The signed statement.
    pub statement: String,
}

/// A public key that a server names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedKey {
    /// The id that it is said to have.
    pub id: String,
    /// The key as PEM.
    pub public_key: String,
}

/// Whose signatures are believed: keys that were given, and keys whose fingerprint was.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    /// Keys that were given as a whole.
    pub keys: Vec<PublicKey>,
    /// Ids of keys: the SHA-256 of their PEM text in hex, 64 digits.
    pub fingerprints: BTreeSet<String>,
}

impl KeyRing {
    /// The key with an id, if it is trusted. A key that the server names is, if its fingerprint was given.
    ///
    /// # Errors
    /// In words, for the check that asks.
    pub fn find(&self, offered: &[OfferedKey], id: &str) -> Result<PublicKey, String> {
        if let Some(key) = self.keys.iter().find(|key| key.id() == id) {
            return Ok(key.clone());
        }
        let short: String = id.chars().take(12).collect();
        if !self.fingerprints.contains(id) {
            return Err(format!("it was signed with the key {short}, which this replica does not trust"));
        }
        let read = |offered: &OfferedKey| PublicKey::from_pem(&offered.public_key).ok().filter(|key| key.id() == id);
        offered.iter().find_map(read).ok_or_else(|| format!("the server does not name the key {short} that signed it"))
    }
}

/// A plan that a trusted key signed.
#[derive(Clone, Debug)]
pub struct VerifiedPlan {
    /// What answers where.
    pub claim: PlanClaim,
    /// The plan as it came.
    pub signed: SignedPlan,
}

impl VerifiedPlan {
    /// Reads a plan, if a trusted key signed it and the approval of each of its versions, and it is no earlier one than that of `held`.
    ///
    /// # Errors
    /// If it is not believed.
    pub fn verify(signed: SignedPlan, keys: &KeyRing, held: Option<Timestamp>) -> Result<Self, ReplicationError> {
        let untrusted = |reason: String| ReplicationError::untrusted("the plan of the server", reason);
        let find = |id: &str| keys.find(&signed.keys, id);
        let statement = verified_statement(signed.plan.as_bytes(), &find).map_err(untrusted)?;
        if statement.predicate_type != PLAN {
            return Err(untrusted(format!("it is a `{}`, not a `{PLAN}`", statement.predicate_type)));
        }
        let claim: PlanClaim = serde_json::from_value(statement.predicate)
            .map_err(|error| untrusted(format!("it cannot be read: {error}")))?;
        if let Some(held) = held.filter(|held| claim.at.after(MAX_STEP_BACK) < *held) {
            return Err(untrusted(format!("it is of {}, and the one that is held of {held}", claim.at)));
        }
        let plan = Self { claim, signed };
        for version in plan.claim.versions() {
            plan.approval(version, keys)?;
        }
        Ok(plan)
    }

    /// What is signed of the approval of a version.
    ///
    /// # Errors
    /// If nothing is, or it is not believed.
    pub fn approval(&self, version: &VersionClaim, keys: &KeyRing) -> Result<ApprovalClaim, ReplicationError> {
        let name = format!("{}@{}", version.model, version.version);
        let untrusted = |reason: String| ReplicationError::untrusted(format!("the approval of {name}"), reason);
        let is_of = |one: &&SignedApproval| one.model == version.model.as_str() && one.version == version.version;
        let signed = self.signed.approvals.iter().find(is_of);
        let signed = signed.ok_or_else(|| untrusted("the server sent no statement of it".to_owned()))?;
        let find = |id: &str| keys.find(&self.signed.keys, id);
        let claim = verify_approval(signed.statement.as_bytes(), &version.digest, &find).map_err(untrusted)?;
        match claim.model == version.model && claim.version == version.version {
            true => Ok(claim),
            false => Err(untrusted(format!("it is of {}@{}", claim.model, claim.version))),
        }
    }
}
