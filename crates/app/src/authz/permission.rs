//! Who may do what to a project: the roles that its recorded contract gives, held against the table of rights in `domain`.
//!
//! Invariants: the contract that is asked is the one that someone recorded who might, never a file that somebody has at
//! hand. One that gives any role trusts nobody else; one that gives none trusts everyone who can reach the platform (a
//! person alone with a project), but the word of a named owner stays the owner's: what only an owner may, and who the
//! owner is. Out of scope: proof of who someone is; whoever calls hands in the actor.

use kilter_domain::actor::{Action, Role};

use crate::{
    app::App,
    authz::{
        authorized::{Act, Authorized},
        refused_actions,
    },
    causes::PermissionDenied,
    components::{
        access::Access,
        refusal_log::{RefusalTopic, RefusedAction},
    },
    context::RequestContext,
    project::Project,
};

/// The right to `A` in a project, by the contract that was recorded for it.
///
/// # Errors
/// [`PermissionDenied`], with the roles that it takes and who has them.
pub(crate) fn permit<A: Act>(project: &Project, context: &RequestContext) -> Result<Authorized<A>, PermissionDenied> {
    permit_with_roles(project, context).map(|(by, _)| by)
}

/// As [`permit`], with the roles that they have.
pub(crate) fn permit_with_roles<A: Act>(
    project: &Project,
    context: &RequestContext,
) -> Result<(Authorized<A>, Vec<Role>), PermissionDenied> {
    let permit = Access::of(&project.name, &project.contract).permit(context, A::ACTION)?;
    Ok((Authorized::new(context), permit.roles))
}

/// The right to `A`; leaves an entry where it is missing.
pub(crate) fn authorize<A: Act>(
    app: &App,
    context: &RequestContext,
    access: &Access,
) -> Result<Authorized<A>, PermissionDenied> {
    check(app, context, access, A::ACTION)?;
    Ok(Authorized::new(context))
}

/// Asks for a right beside another one, and leaves an entry where it is missing.
pub(crate) fn check(
    app: &App,
    context: &RequestContext,
    access: &Access,
    action: Action,
) -> Result<(), PermissionDenied> {
    access.permit(context, action).map(|_| ()).inspect_err(|refused| {
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
    })
}
