//! Which entries of the audit log are sent to whom, when, and what became of it.

use kilter_domain::{
    contract::{AlertSink, SinkKind},
    ids::EndpointName,
    time::{Span, Timestamp},
};
use kilter_store::{
    Reader, StoreError, audit,
    audit::Followed,
    delivery::{self, Again, Delivery, DeliveryState},
    deployment as deployments,
    monitor::alert as alerts,
    page::{Page, PageRequest},
};

use super::event::{Event, of_entry};
use crate::{
    app::App,
    authz::{Authorized, act, administration},
    causes::{PermissionDenied, StorageError},
    context::RequestContext,
    registered::recorded_project,
};

/// Entries that are looked at in one transaction.
const PAGE: u32 = 500;
/// How long a delivery that ended is remembered: one that was given up waits for somebody to send it again.
const REMEMBERED: [(DeliveryState, Span); 2] =
    [(DeliveryState::Delivered, Span::days(30)), (DeliveryState::Dead, Span::days(90))];
/// Deliveries of a state that are forgotten at a time.
const MAX_FORGOTTEN: u32 = 1_000;
/// The pauses before an event is tried again, in seconds; after the last it is given up.
const PAUSES: [i64; 8] = [5, 30, 120, 600, 1_800, 3_600, 3 * 3_600, 6 * 3_600];
/// Characters of what a target answered that are kept.
const MAX_DETAIL: usize = 300;

/// The objects whose entries are governance acts. Runs, counts of alerts and what expires by itself are none.
const GOVERNANCE: &[&str] = &[
    "version",
    "approval",
    "verdict",
    "waiver",
    "version_act",
    "version_card",
    "policy_proposal",
    "break_glass",
    "deployment",
    "contract",
    "project",
    "account",
    "token",
    "key",
    "webhook",
    "threshold",
    "platform",
    "request",
];

/// Whom events are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `webhook:NAME` or `mail:NAME`, as `[monitor] alert` has it.
    pub name: String,
    /// Whether it gets governance acts too; alerts go where the contract says.
    pub governance: bool,
}

/// An event that is to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Which delivery.
    pub delivery: Delivery,
    /// What is sent.
    pub event: Event,
}

/// How an attempt to send ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// The target took it.
    Delivered,
    /// It did not, and may later.
    Failed(String),
    /// It never will.
    Refused(String),
}

/// Looks at what is new in the audit log, and plans who is sent what. The first time nothing of the past is sent.
///
/// # Errors
/// When the metadata cannot be read or written; then the same is looked at again.
pub fn plan_deliveries(app: &App, targets: &[Target], now: Timestamp) -> Result<(), StorageError> {
    let Some(mut seen) = app.store().read(delivery::cursor)? else {
        let size = app.store().read(audit::size)?;
        return Ok(app.store().write(move |tx| delivery::plan(tx, size, &[], now))?);
    };
    loop {
        let entries = app.store().read(|reader| audit::list_after(reader, seen, PAGE))?;
        let Some(last) = entries.last().map(|entry| entry.seq) else { return Ok(()) };
        let mut wanted = Vec::new();
        for entry in &entries {
            wanted.extend(targets_of(app, entry, targets)?.into_iter().map(|target| (target, entry.seq)));
        }
        app.store().write(move |tx| delivery::plan(tx, last, &wanted, now))?;
        seen = last;
    }
}

fn targets_of(app: &App, entry: &Followed, targets: &[Target]) -> Result<Vec<String>, StorageError> {
    let kind = entry.object.split(':').next().unwrap_or_default();
    if GOVERNANCE.contains(&kind) && entry.action != "account.login" {
        return Ok(targets.iter().filter(|target| target.governance).map(|target| target.name.clone()).collect());
    }
    let counts = ["alert.count", "alert.pending"];
    let Some(id) = entry.object.strip_prefix("alert:").filter(|_| !counts.contains(&entry.action.as_str())) else {
        return Ok(Vec::new());
    };
    let Some(endpoint) = app.store().read(|reader| endpoint_of(reader, id))? else { return Ok(Vec::new()) };
    let named = sinks(app, &endpoint)?;
    Ok(targets.iter().filter(|target| named.contains(&target.name)).map(|target| target.name.clone()).collect())
}

fn endpoint_of(reader: &Reader, alert: &str) -> Result<Option<EndpointName>, StoreError> {
    match alerts::get(reader, alert) {
        Ok(alert) => Ok(Some(alert.key.endpoint)),
        Err(StoreError::NotFound { .. } | StoreError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whom the contract of an endpoint names for alerts.
fn sinks(app: &App, endpoint: &EndpointName) -> Result<Vec<String>, StorageError> {
    let Some(found) = app.store().read(|reader| deployments::find_endpoint(reader, endpoint))? else {
        return Ok(Vec::new());
    };
    // A contract that this version cannot read names nobody; what judges by it says so.
    let Ok(project) = recorded_project(app, &found.project) else { return Ok(Vec::new()) };
    let name = |sink: &AlertSink| match sink.kind {
        SinkKind::Mail => Some(format!("mail:{}", sink.target)),
        SinkKind::Webhook => Some(format!("webhook:{}", sink.target)),
        SinkKind::Log => None,
    };
    let monitor = project.contract.monitor.as_ref();
    Ok(monitor.into_iter().flat_map(|monitor| monitor.alert.iter().filter_map(name)).collect())
}

/// What is to be sent now, at most `limit` to each target, in the order of the log.
///
/// # Errors
/// When the metadata cannot be read.
pub fn due(app: &App, now: Timestamp, limit: u32) -> Result<Vec<Due>, StorageError> {
    let found = app.store().read(|reader| delivery::due(reader, now, limit))?;
    let mut due = Vec::new();
    for delivery in found {
        due.extend(of_entry(app, delivery.seq)?.map(|event| Due { delivery, event }));
    }
    Ok(due)
}

/// Notes how an attempt ended: what failed is tried again after a pause that grows, and given up after the last.
///
/// # Errors
/// When the metadata cannot be written; then it is sent once more.
pub fn settle(app: &App, delivery: &Delivery, outcome: &SendOutcome, now: Timestamp) -> Result<(), StorageError> {
    let pause = pause_after(delivery.attempts);
    let (state, at, detail) = match (outcome, pause) {
        (SendOutcome::Delivered, _) => (DeliveryState::Delivered, now, String::new()),
        (SendOutcome::Failed(reason), Some(pause)) => (DeliveryState::Pending, now.after(pause), reason.clone()),
        (SendOutcome::Failed(reason) | SendOutcome::Refused(reason), _) => (DeliveryState::Dead, now, reason.clone()),
    };
    if state == DeliveryState::Dead {
        tracing::error!(to = %delivery.target, entry = delivery.seq, reason = %detail, "an event was given up");
    }
    let (key, detail) = (delivery.key, detail.chars().take(MAX_DETAIL).collect::<String>());
    Ok(app.store().write(move |tx| delivery::settle(tx, key, (state, at), &detail))?)
}

/// The pause after an attempt that failed, by how many there were before it; `None`: it was the last.
pub(crate) fn pause_after(attempts: u32) -> Option<Span> {
    PAUSES.get(usize::try_from(attempts).ok()?).map(|seconds| Span::seconds(*seconds))
}

/// Forgets what was delivered or given up long ago; how many deliveries that were.
///
/// # Errors
/// When the metadata cannot be written.
pub fn forget_old(app: &App, now: Timestamp) -> Result<usize, StorageError> {
    let forget =
        |(state, span)| app.store().write(move |tx| delivery::forget(tx, state, now.before(span), MAX_FORGOTTEN));
    Ok(REMEMBERED.into_iter().map(forget).sum::<Result<usize, StoreError>>()?)
}

/// Deliveries, newest first.
///
/// # Errors
/// When whoever asks does not administer the platform, or the metadata cannot be read.
pub fn list_deliveries(
    app: &App,
    context: &RequestContext,
    state: Option<DeliveryState>,
    page: &PageRequest,
) -> Result<Page<Delivery>, EventError> {
    administration::authorize(app, context)?;
    Ok(app.store().read(|reader| delivery::list(reader, state, page))?)
}

/// Sends again what ended, which has its entry; how many deliveries that are.
///
/// # Errors
/// When the metadata cannot be written.
pub fn replay(app: &App, by: &Authorized<act::Administer>, again: Again) -> Result<usize, EventError> {
    let to = again.target.as_deref().unwrap_or("every target");
    let what = format!("entries {} to {} to {to}", again.first, again.last);
    let draft = by.audit_event("event.replay", String::new(), vec![what]);
    Ok(app.store().write(move |tx| delivery::replay(&tx.audited(draft), &again))?)
}

/// Why events are not shown or sent again.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum EventError {
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

crate::causes::from_causes!(EventError: Storage(StoreError));
