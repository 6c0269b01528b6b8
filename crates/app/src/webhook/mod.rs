//! Webhooks that clients of the registry make: who may, what is sent, and what became of it.
//!
//! Invariants: whoever administers the platform makes them, and where nobody has an account everyone who reaches this machine; each has its
//! entry. An event is sent at least once, with the same id each time, or it is given up. Out of scope: sockets, and the words of MLflow's API.

mod error;
mod event;
mod outbox;

use kilter_domain::webhook::{WebhookEvent, WebhookName};
use kilter_store::webhook::{self as webhooks, WebhookState};
pub use kilter_store::webhook::{MAX_WEBHOOKS, Webhook, WebhookDelivery};

pub use self::{
    error::WebhookError,
    event::{WebhookRequest, example, request},
    outbox::{due, forget_old, is_due, settle},
};
use crate::{app::App, authz::administration, context::RequestContext};

/// A webhook that is wanted.
#[derive(Clone)]
pub struct NewWebhook {
    /// How people call it.
    pub name: WebhookName,
    /// Where events go.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// What it wants.
    pub events: Vec<WebhookEvent>,
    /// What signs its requests.
    pub secret: Option<String>,
    /// Whether it is sent events.
    pub is_active: bool,
}

/// What is wanted of a webhook otherwise; `None`: as it is.
#[derive(Clone, Default)]
pub struct WebhookChange {
    /// How people call it.
    pub name: Option<WebhookName>,
    /// Where events go.
    pub url: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it wants.
    pub events: Option<Vec<WebhookEvent>>,
    /// What signs its requests; empty: nothing from now on.
    pub secret: Option<String>,
    /// Whether it is sent events.
    pub is_active: Option<bool>,
}

const fn state_of(is_active: bool) -> WebhookState {
    if is_active { WebhookState::Active } else { WebhookState::Disabled }
}

/// Makes a webhook.
///
/// # Errors
/// When whoever asks may not, or there are [`MAX_WEBHOOKS`] already.
pub fn create_webhook(app: &App, context: &RequestContext, new: NewWebhook) -> Result<Webhook, WebhookError> {
    let by = administration::authorize_or_single_user(app, context)?;
    let wanted = Webhook {
        id: app.new_id(),
        name: new.name,
        url: new.url,
        description: new.description,
        events: new.events,
        state: state_of(new.is_active),
        secret: new.secret,
        created: context.at,
        updated: context.at,
    };
    let draft = by.audit_event("webhook.create", String::new(), vec![]);
    Ok(app.store().write(move |tx| webhooks::create(&tx.audited(draft), &wanted))?)
}

/// A webhook.
///
/// # Errors
/// When whoever asks may not see it, or there is none of this id.
pub fn get_webhook(app: &App, context: &RequestContext, id: &str) -> Result<Webhook, WebhookError> {
    administration::authorize_or_single_user(app, context)?;
    Ok(app.store().read(|reader| webhooks::get(reader, id))?)
}

/// Webhooks, newest first, at most `limit` after the first `offset`.
///
/// # Errors
/// When whoever asks may not see them.
pub fn list_webhooks(
    app: &App,
    context: &RequestContext,
    (offset, limit): (u64, u32),
) -> Result<Vec<Webhook>, WebhookError> {
    administration::authorize_or_single_user(app, context)?;
    Ok(app.store().read(|reader| webhooks::list(reader, offset, limit))?)
}

/// Changes a webhook.
///
/// # Errors
/// When whoever asks may not, or there is none of this id.
pub fn change_webhook(
    app: &App,
    context: &RequestContext,
    id: &str,
    change: WebhookChange,
) -> Result<Webhook, WebhookError> {
    let by = administration::authorize_or_single_user(app, context)?;
    let (draft, id) = (by.audit_event("webhook.change", String::new(), vec![]), id.to_owned());
    Ok(app.store().write(move |tx| {
        webhooks::change(&tx.audited(draft), &id, |webhook| {
            webhook.name = change.name.unwrap_or_else(|| webhook.name.clone());
            webhook.url = change.url.unwrap_or_else(|| webhook.url.clone());
            webhook.description = change.description.unwrap_or_else(|| webhook.description.clone());
            webhook.events = change.events.unwrap_or_else(|| webhook.events.clone());
            webhook.state = change.is_active.map_or(webhook.state, state_of);
            if let Some(secret) = change.secret {
                webhook.secret = Some(secret).filter(|secret| !secret.is_empty());
            }
        })
    })?)
}

/// Deletes a webhook, and what it waits for.
///
/// # Errors
/// When whoever asks may not, or there is none of this id.
pub fn delete_webhook(app: &App, context: &RequestContext, id: &str) -> Result<(), WebhookError> {
    let by = administration::authorize_or_single_user(app, context)?;
    let (draft, id) = (by.audit_event("webhook.delete", String::new(), vec![]), id.to_owned());
    let delete = |webhook: &mut Webhook| webhook.state = WebhookState::Deleted;
    Ok(app.store().write(move |tx| webhooks::change(&tx.audited(draft), &id, delete).map(drop))?)
}

/// Whether a webhook is sent events.
pub fn is_active(webhook: &Webhook) -> bool {
    webhook.state == WebhookState::Active
}
