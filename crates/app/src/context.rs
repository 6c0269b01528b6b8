//! Who acts, when, and how a decision becomes an entry of the audit table.

use kilter_domain::{
    actor::Actor,
    event::{EventKind, EventMetrics, EventPayload},
    time::Timestamp,
};
use kilter_store::audit::AuditEvent;

/// Who does something, and when. Handed into every intention that changes a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// The time of the act; a replay puts the time that it plays here.
    pub at: Timestamp,
    /// Who acts.
    pub actor: Actor,
}

impl RequestContext {
    /// A part of the platform that follows the contract.
    pub fn system(name: &'static str, at: Timestamp) -> Self {
        Self { at, actor: Actor::system(name) }
    }

    /// The entry of a decision, before its change is known.
    pub(crate) fn decision_event(
        &self,
        kind: EventKind,
        reason: impl Into<String>,
        metrics: &EventMetrics,
    ) -> AuditEvent {
        self.audit_event(kind.as_str(), reason, metrics.to_evidence())
    }

    /// The entry of a decision about a version that the object of the entry does not name.
    pub(crate) fn version_event(
        &self,
        version: u32,
        kind: EventKind,
        reason: impl Into<String>,
        metrics: &EventMetrics,
    ) -> AuditEvent {
        let payload = EventPayload { version: Some(version), metrics: metrics.clone() };
        self.audit_event(kind.as_str(), reason, payload.to_evidence())
    }

    /// The entry of any other change.
    pub(crate) fn audit_event(&self, action: &str, reason: impl Into<String>, evidence: Vec<String>) -> AuditEvent {
        AuditEvent {
            at: self.at,
            actor: self.actor.clone(),
            on_behalf: None,
            action: action.to_owned(),
            reason: Some(reason.into()).filter(|reason| !reason.is_empty()),
            evidence,
        }
    }
}
