//! Who administers the platform: accounts, tokens of others, where events are sent.
//!
//! Invariants: an administrator by their account, or whoever can read the data folder, because they can change everything there
//! anyway. The role `admin` of a project is not enough: what is administered here belongs to all of them.

use kilter_domain::actor::Action;

use crate::{
    app::App,
    authz::{authorized::AuthorizedContext, refused_actions},
    causes::PermissionDenied,
    components::{
        access::outside_scope,
        refusal_log::{RefusalTopic, RefusedAction},
    },
    context::RequestContext,
};

/// Asks for the administration of the platform, and leaves an entry where it is missing.
pub(crate) fn authorize(app: &App, context: &RequestContext) -> Result<AuthorizedContext, PermissionDenied> {
    check(context).map(|()| AuthorizedContext::new(context)).inspect_err(|refused| {
        refused_actions::record_refusal(
            app,
            context,
            RefusedAction {
                topic: RefusalTopic::Right(context.actor.clone(), "administer the platform".to_owned()),
                action: "right.refuse".to_owned(),
                object: "platform".to_owned(),
                reason: refused.to_string(),
            },
        );
    })
}

/// As [`authorize`]; where nobody has an account, whoever reaches this machine administers what clients set here.
pub(crate) fn authorize_or_single_user(
    app: &App,
    context: &RequestContext,
) -> Result<AuthorizedContext, PermissionDenied> {
    match app.components().identities.is_required() {
        true => authorize(app, context),
        false => Ok(AuthorizedContext::new(context)),
    }
}

fn check(context: &RequestContext) -> Result<(), PermissionDenied> {
    let credential = &context.credential;
    if !credential.is_admin && !credential.has_folder {
        let sentence = format!(
            "{} may not administer the platform: this needs an account that administers it (made with `kilter user add NAME \
             --admin`), or access to the data folder",
            context.actor
        );
        return Err(PermissionDenied { sentence, is_nameless: false });
    }
    match credential.scope.allows(Action::Administer, None) {
        true => Ok(()),
        false => Err(outside_scope(context, Action::Administer)),
    }
}
