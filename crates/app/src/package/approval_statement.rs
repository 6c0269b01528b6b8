//! Whether a version may answer, as a signed statement about its package: its state, whom its policy asks, and each yes that counts.
//!
//! Invariants: a statement is about one package, by the digest of all its files, so what was approved is what was signed; who reads one
//! counts the approvals again, at their own time: one that ended since counts no more, whoever signed the statement.

use std::collections::BTreeMap;

use kilter_domain::{
    actor::{Actor, ActorKind, Role},
    deployment::AdmissionPolicy,
    digest::Digest,
    error_chain::with_causes,
    gate::{ApprovalRule, Signoff},
    ids::{EndpointName, ModelName},
    model::VersionState,
    time::Timestamp,
};
use kilter_package::{Bundle, Statement, Subject, TrustedKeys};
use kilter_store::deployment::break_glass::BreakGlassState;
use serde::{Deserialize, Serialize};
use serde_json::json;

use kilter_domain::contract::Policy;

use crate::model::version_record::VersionRecord;

/// The kind of the statement.
pub(crate) const APPROVAL: &str = "urn:kilter:approval:v1";
/// The digest by which a package is identified.
pub(crate) const IDENTITY: &str = "blake3";

/// What is said of the approval of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalClaim {
    /// The model that it is a version of.
    pub model: ModelName,
    /// The number of the version.
    pub version: u32,
    /// When this was said.
    pub at: Timestamp,
    /// Where the version was in its life.
    pub state: VersionState,
    /// Whom the policy asks that is frozen into the version.
    pub rule: ApprovalRule,
    /// Each yes that counted.
    pub approvals: Vec<ApprovalVote>,
    /// Endpoints at which it may answer without its approval, in an emergency.
    pub break_glass: Vec<EndpointName>,
}

/// Someone's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalVote {
    /// Who said it.
    pub by: Actor,
    /// In which role.
    pub role: Role,
    /// When.
    pub at: Timestamp,
    /// When it ends; `None`: never by itself.
    pub expires: Option<Timestamp>,
    /// The number of its entry in the audit log.
    pub audit: u64,
}

impl ApprovalClaim {
    /// What a record of a version says.
    pub(crate) fn of(record: &VersionRecord, at: Timestamp) -> Self {
        let version = &record.version;
        let rule = Policy::from_text(&version.policy).map(|policy| policy.approve.rule).unwrap_or_default();
        let is_open = |state: BreakGlassState| state != BreakGlassState::Unjustified;
        let broken = record.break_glasses.iter().filter(|one| is_open(one.state)).map(|one| one.endpoint.clone());
        Self {
            model: version.model.clone(),
            version: version.number,
            at,
            state: version.state,
            rule,
            approvals: record
                .valid_votes(at)
                .map(|said| ApprovalVote {
                    by: said.by.clone(),
                    role: said.role,
                    at: said.at,
                    expires: said.expires,
                    audit: said.audit_seq,
                })
                .collect(),
            break_glass: broken.collect(),
        }
    }

    /// The claim as a statement about a package.
    pub(crate) fn statement(&self, digest: &Digest) -> Statement {
        let name = format!("{}@{}", self.model, self.version);
        let digest = BTreeMap::from([(IDENTITY.to_owned(), digest.to_string())]);
        Statement::new(Subject { name, digest }, APPROVAL, json!(self))
    }

    /// Whether the version may answer where `admits` is asked for, at the endpoint that is named: which states that place takes then.
    ///
    /// # Errors
    /// Why it may not, as a sentence.
    pub fn check(
        &self,
        admits: AdmissionPolicy,
        endpoint: Option<&EndpointName>,
        now: Timestamp,
    ) -> Result<AdmissionPolicy, String> {
        let (name, state) = (format!("{}@{}", self.model, self.version), self.state);
        if endpoint.is_some_and(|endpoint| self.break_glass.contains(endpoint)) {
            return match AdmissionPolicy::BreakGlass.accepts(state) {
                true => Ok(AdmissionPolicy::BreakGlass),
                false => Err(format!("{name} is {state}, which answers nowhere")),
            };
        }
        if !admits.accepts(state) {
            return Err(format!("{name} is {state}, and may not answer here: {}", state.next_step()));
        }
        let missing = match state {
            VersionState::Approved => self.rule.missing(&self.counted(now)),
            _ => Vec::new(),
        };
        match missing.is_empty() {
            true => Ok(admits),
            false => Err(format!("the approval of {name} is not whole: it lacks {}", missing.join(", "))),
        }
    }

    /// Each yes of a person that has not ended.
    fn counted(&self, now: Timestamp) -> Vec<Signoff> {
        let counts =
            |vote: &&ApprovalVote| vote.by.kind == ActorKind::User && vote.expires.is_none_or(|expires| expires > now);
        let counted = self.approvals.iter().filter(counts);
        counted.map(|vote| Signoff { by: vote.by.clone(), role: vote.role }).collect()
    }
}

/// What a signed statement says of the approval of a package.
///
/// # Errors
/// Why it is not believed, as a sentence: another key signed it, it was changed, or it is about another package.
pub fn verify_approval(bundle: &[u8], package: &Digest, keys: TrustedKeys<'_>) -> Result<ApprovalClaim, String> {
    let statement = verified_statement(bundle, keys)?;
    if statement.predicate_type != APPROVAL {
        return Err(format!("the statement is a `{}`, not a `{APPROVAL}`", statement.predicate_type));
    }
    let package = package.to_string();
    let is_about = |subject: &Subject| subject.digest.get(IDENTITY) == Some(&package);
    if !statement.subject.iter().any(is_about) {
        return Err("the statement of its approval is about another package".to_owned());
    }
    serde_json::from_value(statement.predicate).map_err(|error| format!("the statement cannot be read: {error}"))
}

/// A statement that a trusted key signed.
///
/// # Errors
/// Why it is not believed, as a sentence.
pub(crate) fn verified_statement(bundle: &[u8], keys: TrustedKeys<'_>) -> Result<Statement, String> {
    let bundle = Bundle::parse(bundle).map_err(|error| with_causes(&error))?;
    let key = keys(bundle.key_id())?;
    bundle.statement(&key).map_err(|error| with_causes(&error))
}

#[cfg(test)]
mod tests {
    use kilter_domain::signing_key::KeyPurpose;
    use kilter_keys::PrivateKey;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn claim(state: VersionState, rule: &str, votes: &[(&str, Option<i64>)]) -> ApprovalClaim {
        let vote = |(by, ends): &(&str, Option<i64>)| ApprovalVote {
            by: by.parse().unwrap(),
            role: Role::Validator,
            at: NOW,
            expires: ends.map(|after| Timestamp(NOW.millis() + after)),
            audit: 7,
        };
        ApprovalClaim {
            model: "churn".parse().unwrap(),
            version: 3,
            at: NOW,
            state,
            rule: rule.parse().unwrap(),
            approvals: votes.iter().map(vote).collect(),
            break_glass: vec!["emergency".parse().unwrap()],
        }
    }

    fn checked(claim: &ApprovalClaim, endpoint: &str, after: i64) -> Result<AdmissionPolicy, String> {
        claim.check(AdmissionPolicy::Approved, Some(&endpoint.parse().unwrap()), Timestamp(NOW.millis() + after))
    }

    #[test]
    fn a_version_answers_where_it_is_approved_by_those_whom_its_policy_asks() {
        let approved = claim(VersionState::Approved, "2 of validator", &[("user:ana", None), ("user:ben", Some(1000))]);
        assert_eq!(checked(&approved, "churn", 0), Ok(AdmissionPolicy::Approved));
        let late = checked(&approved, "churn", 1000).unwrap_err();
        assert_eq!(late, "the approval of churn@3 is not whole: it lacks the yes of 1 more validator");
        let twice = claim(VersionState::Approved, "2 of validator", &[("user:ana", None), ("user:ana", None)]);
        assert!(checked(&twice, "churn", 0).is_err(), "one person counts once");
        let service = claim(VersionState::Approved, "validator", &[("svc:ci", None)]);
        assert!(checked(&service, "churn", 0).is_err(), "a service is no person");
        assert!(checked(&claim(VersionState::Approved, "auto", &[]), "churn", 0).is_ok());
    }

    #[test]
    fn a_version_in_another_state_answers_only_where_the_glass_was_broken() {
        let validated = claim(VersionState::Validated, "validator", &[]);
        assert!(checked(&validated, "churn", 0).unwrap_err().contains("is validated"));
        assert_eq!(checked(&validated, "emergency", 0), Ok(AdmissionPolicy::BreakGlass));
        assert!(checked(&claim(VersionState::Revoked, "auto", &[]), "emergency", 0).is_err());
        assert!(validated.check(AdmissionPolicy::Validated, None, NOW).is_ok());
    }

    #[test]
    fn a_statement_is_believed_of_its_own_package_by_a_trusted_key_alone() {
        let key = PrivateKey::generate(KeyPurpose::Package).unwrap().key;
        let (package, said) = (Digest::of(b"package"), claim(VersionState::Approved, "auto", &[]));
        let text = Bundle::sign(&said.statement(&package), &key).unwrap().to_json();
        let known = |id: &str| match id == key.public().id() {
            true => Ok(key.public().clone()),
            false => Err("unknown".to_owned()),
        };
        assert_eq!(verify_approval(text.as_bytes(), &package, &known), Ok(said));
        let other = verify_approval(text.as_bytes(), &Digest::of(b"other"), &known).unwrap_err();
        assert!(other.contains("about another package"), "{other}");
        let nobody = |_: &str| Err("no key is named".to_owned());
        assert_eq!(verify_approval(text.as_bytes(), &package, &nobody).unwrap_err(), "no key is named");
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            if let Ok(read) = verify_approval(&changed, &package, &known) {
                // Texts that name the entry of a log are not signed; what is said stays as it was.
                assert_eq!(read, claim(VersionState::Approved, "auto", &[]), "byte {at}");
            }
        }
    }
}
