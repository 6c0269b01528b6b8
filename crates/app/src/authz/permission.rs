//! Who may do what to a project: the roles that its recorded contract gives, held against the table of rights in `domain`.
//!
//! Invariants: the contract that is asked is the one that someone recorded who might, never a file that somebody has at
//! hand. One that gives any role trusts nobody else; one that gives none trusts everyone who can reach the platform (a
//! person alone with a project), but the word of a named owner stays the owner's: what only an owner may, and who the
//! owner is. Out of scope: proof of who someone is; whoever calls hands in the actor.

use kilter_domain::actor::Action;

use crate::{
    app::App,
    authz::refused_actions,
    causes::PermissionDenied,
    components::{
        access::{Access, Permit},
        refusal_log::{RefusalTopic, RefusedAction},
    },
    context::RequestContext,
};

/// Asks for a right, and leaves an entry where it is missing.
pub(crate) fn authorize(
    app: &App,
    context: &RequestContext,
    access: &Access,
    action: Action,
) -> Result<Permit, PermissionDenied> {
    let asked = access.permit(context, action);
    if let Err(refused) = &asked {
        refused_actions::record_refusal(
            app,
            context,
            RefusedAction {
                topic: RefusalTopic::Right(context.actor.clone(), format!("{action:?} {}", access.project)),
                action: "right.refuse".to_owned(),
                object: format!("project:{}", access.project),
                reason: refused.to_string(),
            },
        );
    }
    asked
}
