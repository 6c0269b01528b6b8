//! What people do with an alert: take it on, silence it for a time, call it over.
//!
//! Invariants: an alert moves by the one function of `domain`; a mute always ends; who did it and why stands in the
//! entry.

use kilter_domain::alert::{AlertEvent, Hysteresis};
use kilter_store::{
    StoreError, deployment as deployments,
    monitor::{alert as alerts, alert::Alert},
};

use crate::{
    alert::error::AlertError,
    app::App,
    authz::{act, permission::permit, refused_actions},
    causes::InvalidState,
    context::RequestContext,
    registered::recorded_project,
};

/// Moves an alert by the hand of a person: acknowledged, muted, unmuted, resolved.
///
/// # Errors
/// When there is no such alert, the person may not, or its state does not allow it.
pub fn handle_alert(
    app: &App,
    context: &RequestContext,
    id: &str,
    event: AlertEvent,
    reason: &str,
) -> Result<Alert, AlertError> {
    let alert = app.store().read(|reader| alerts::get(reader, id))?;
    refused_actions::record_if_refused(app, context, verb(event), &alerts::object(id), || {
        advance(app, context, alert, event, reason)
    })
}

fn advance(
    app: &App,
    context: &RequestContext,
    alert: Alert,
    event: AlertEvent,
    reason: &str,
) -> Result<Alert, AlertError> {
    let unknown = || StoreError::NotFound { what: "endpoint", id: alert.key.endpoint.to_string() };
    let endpoint = app.store().read(|reader| deployments::find_endpoint(reader, &alert.key.endpoint))?;
    let project = recorded_project(app, &endpoint.ok_or_else(unknown)?.project)?;
    let by = permit::<act::HandleAlert>(&project, context)?;
    let next = alert.state.after(event, Hysteresis::default(), context.at).map_err(|refusal| InvalidState {
        what: "alert",
        id: alert.id.clone(),
        state: alert.state.as_str().to_owned(),
        how: refusal.to_string(),
    })?;
    let (id, from) = (alert.id, alert.state);
    let draft = by.audit_event(verb(event), reason, vec![]);
    Ok(app.store().write(move |tx| alerts::advance(&tx.audited(draft), &id, from, next, None))?)
}

const fn verb(event: AlertEvent) -> &'static str {
    match event {
        AlertEvent::Acknowledged => "alert.acknowledge",
        AlertEvent::Muted { .. } => "alert.mute",
        AlertEvent::Unmuted => "alert.unmute",
        AlertEvent::Resolved => "alert.resolve",
        AlertEvent::Breached | AlertEvent::Clean | AlertEvent::NotMeasured => "alert.count",
    }
}
