//! Events on their way to webhooks.

use kilter_domain::time::{Span, Timestamp};
use kilter_store::{
    StoreError,
    delivery::DeliveryState,
    webhook::{self, WebhookDelivery},
};

use crate::{
    app::App,
    causes::StorageError,
    events::{SendOutcome, pause_after},
};

/// How long a delivery that ended is remembered.
const REMEMBERED: [(DeliveryState, Span); 2] =
    [(DeliveryState::Delivered, Span::days(7)), (DeliveryState::Dead, Span::days(90))];
/// Deliveries of a state that are forgotten at a time.
const MAX_FORGOTTEN: u32 = 1_000;
/// Characters of what a target answered that are kept.
const MAX_DETAIL: usize = 300;

/// Whether something is to be sent now.
///
/// # Errors
/// When the metadata cannot be read.
pub fn is_due(app: &App, now: Timestamp) -> Result<bool, StorageError> {
    Ok(app.store().read(|reader| webhook::is_due(reader, now))?)
}

/// What is to be sent now, at most `limit` to each webhook.
///
/// # Errors
/// When the metadata cannot be read.
pub fn due(app: &App, now: Timestamp, limit: u32) -> Result<Vec<WebhookDelivery>, StorageError> {
    Ok(app.store().read(|reader| webhook::due(reader, now, limit))?)
}

/// Notes how an attempt ended: what failed is tried again after a pause that grows, and given up after the last.
///
/// # Errors
/// When the metadata cannot be written; then it is sent once more.
pub fn settle(
    app: &App,
    delivery: &WebhookDelivery,
    outcome: &SendOutcome,
    now: Timestamp,
) -> Result<(), StorageError> {
    let (state, at, detail) = match (outcome, pause_after(delivery.attempts)) {
        (SendOutcome::Delivered, _) => (DeliveryState::Delivered, now, String::new()),
        (SendOutcome::Failed(reason), Some(pause)) => (DeliveryState::Pending, now.after(pause), reason.clone()),
        (SendOutcome::Failed(reason) | SendOutcome::Refused(reason), _) => (DeliveryState::Dead, now, reason.clone()),
    };
    if state == DeliveryState::Dead {
        tracing::error!(webhook = %delivery.webhook.name.as_str(), event = %delivery.event, reason = %detail, "an event was given up");
    }
    let (key, detail) = (delivery.key, detail.chars().take(MAX_DETAIL).collect::<String>());
    Ok(app.store().write(move |tx| webhook::settle(tx, key, (state, at), (&detail, now)))?)
}

/// Forgets what was delivered or given up long ago; how many deliveries that were.
///
/// # Errors
/// When the metadata cannot be written.
pub fn forget_old(app: &App, now: Timestamp) -> Result<usize, StorageError> {
    let forget =
        |(state, span)| app.store().write(move |tx| webhook::forget(tx, state, now.before(span), MAX_FORGOTTEN));
    Ok(REMEMBERED.into_iter().map(forget).sum::<Result<usize, StoreError>>()?)
}
