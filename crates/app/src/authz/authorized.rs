//! A right that was given, as a value: what changes something takes one, so whoever forgot to ask cannot call it.
//!
//! Invariants: the entry of a change is made from an [`AuthorizedContext`] alone, and only this module and its neighbours make one:
//! after the roles, the groups and the scope of the token were asked, or by one of the four named ways beside them. It is for
//! whoever asked. Out of scope: reads, and what changes without an entry (predictions, labels, readings), which the table of routes guards.

use std::{marker::PhantomData, ops::Deref};

use kilter_domain::{
    actor::{Action, Actor},
    event::{EventKind, EventMetrics, EventPayload},
    time::Timestamp,
};
use kilter_store::audit::AuditEvent;

use crate::context::RequestContext;

/// An act, as a type.
pub trait Act: Send + Sync + 'static {
    /// The right that it needs.
    const ACTION: Action;
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Act for $name {
            const ACTION: Action = Action::$name;
        }
    )*};
}

/// Acts that change something: the rights to them are values. There is none for reading, so the right to read changes nothing.
pub mod act {
    use super::{Act, Action};

    acts! {
        /// Starts and cancels runs, measures objectives.
        Run;
        /// Makes drafts, submits them, writes their cards.
        Submit;
        /// Says yes to a version.
        Approve;
        /// Says no to a version.
        Reject;
        /// Measures a version again, and judges a break-glass.
        Review;
        /// Grants and revokes waivers.
        Waive;
        /// Takes a version back to candidate.
        Return;
        /// Takes a version out of use.
        Retire;
        /// Forbids a version.
        Revoke;
        /// Lets a version answer.
        Deploy;
        /// Lets a version answer without its approval.
        BreakGlass;
        /// Goes back to the last approved version.
        RollBack;
        /// Acknowledges, mutes and resolves alerts.
        HandleAlert;
        /// Decides about looser policies.
        AcceptPolicy;
        /// Keys, garbage, accounts, events, reasons that are erased.
        Administer;
    }
}

/// The right to an act, given to whoever asked for it.
#[derive(Clone, Debug)]
pub struct Grant {
    action: Action,
    context: RequestContext,
}

impl Grant {
    /// After it was asked for: made by the modules beside this one alone.
    pub(super) fn new(action: Action, context: &RequestContext) -> Self {
        Self { action, context: context.clone() }
    }

    /// The right as that to `A`; `None` when it is to something else.
    pub fn to<A: Act>(self) -> Option<Authorized<A>> {
        (self.action == A::ACTION).then_some(Authorized { context: AuthorizedContext(self.context), act: PhantomData })
    }
}

/// Someone who may change something, and when they do it. The entry of a change is made from it.
///
/// A context alone writes no entry, and nobody outside of `authz` makes the right from one:
/// ```compile_fail,E0624
/// fn decide(context: &kilter_app::RequestContext) {
///     kilter_app::authz::AuthorizedContext::new(context);
/// }
/// ```
/// ```compile_fail,E0423
/// fn decide(context: kilter_app::RequestContext) {
///     kilter_app::authz::AuthorizedContext(context);
/// }
/// ```
/// Nor does whoever is outside of `app` act as the platform:
/// ```compile_fail,E0624
/// fn decide(at: kilter_domain::time::Timestamp) {
///     kilter_app::authz::AuthorizedContext::system("gate", at);
/// }
/// ```
/// A run goes on with the right that it was started with, never with a context:
/// ```compile_fail,E0308
/// fn by(training: &mut kilter_app::training::Training, context: kilter_app::RequestContext) {
///     training.context = context;
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedContext(RequestContext);

impl AuthorizedContext {
    /// After the right was asked for.
    pub(super) fn new(context: &RequestContext) -> Self {
        Self(context.clone())
    }

    /// A part of the platform that does by itself what the contract says.
    pub(crate) fn system(part: &'static str, at: Timestamp) -> Self {
        Self(RequestContext::system(part, at))
    }

    /// Someone who was let in at this moment, by a password or by the word of a provider: to a session and an account of their own.
    pub(crate) fn logged_in(actor: Actor, at: Timestamp) -> Self {
        Self(RequestContext::new(at, actor))
    }

    /// Whoever works on the files of the data folder themselves: the system has decided who may.
    pub(crate) fn of_folder(context: RequestContext) -> Self {
        Self(context)
    }

    /// Whoever acts on what is their own: they are it, or they answer for the service that it is.
    pub(crate) fn own(context: &RequestContext, actor: &Actor, owner: Option<&Actor>) -> Option<Self> {
        let is_own = *actor == context.actor || owner == Some(&context.actor);
        is_own.then(|| Self(context.clone()))
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
        audit_event(&self.0, action, reason, evidence)
    }
}

/// The entry of what someone does or, for the modules beside this one, of what was refused to them.
pub(super) fn audit_event(
    context: &RequestContext,
    action: &str,
    reason: impl Into<String>,
    evidence: Vec<String>,
) -> AuditEvent {
    AuditEvent {
        at: context.at,
        actor: context.actor.clone(),
        on_behalf: context.credential.on_behalf.clone(),
        action: action.to_owned(),
        reason: Some(reason.into()).filter(|reason| !reason.is_empty()),
        evidence,
    }
}

impl Deref for AuthorizedContext {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.0
    }
}

/// Someone who may do `A`, and when they do it.
///
/// A use case that takes one is not called without:
/// ```compile_fail,E0308
/// fn cancel(app: &kilter_app::App, context: &kilter_app::RequestContext) {
///     kilter_app::runs::cancel_run(app, context, "a-run", "nobody was asked").ok();
/// }
/// ```
/// nor with the right to something else:
/// ```compile_fail,E0308
/// use kilter_app::authz::{Authorized, act};
/// fn cancel(app: &kilter_app::App, by: &Authorized<act::Submit>) {
///     kilter_app::runs::cancel_run(app, by, "a-run", "something else was asked").ok();
/// }
/// ```
/// while this compiles:
/// ```
/// use kilter_app::authz::{Authorized, act};
/// fn cancel(app: &kilter_app::App, by: &Authorized<act::Run>) {
///     kilter_app::runs::cancel_run(app, by, "a-run", "it was asked").ok();
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Authorized<A: Act> {
    context: AuthorizedContext,
    act: PhantomData<A>,
}

impl<A: Act> Authorized<A> {
    /// After the right was asked for.
    pub(super) fn new(context: &RequestContext) -> Self {
        Self { context: AuthorizedContext::new(context), act: PhantomData }
    }
}

impl<A: Act> Deref for Authorized<A> {
    type Target = AuthorizedContext;

    fn deref(&self) -> &AuthorizedContext {
        &self.context
    }
}

impl<A: Act> From<Authorized<A>> for AuthorizedContext {
    fn from(by: Authorized<A>) -> Self {
        by.context
    }
}
