//! Webhooks that clients of the registry make, and the events on their way to them.
//!
//! Invariants: an event is planned in the transaction of its change, once for each webhook that wants it, and sent until the target takes
//! it or it is given up. Of what is due a target gets the oldest first, and its backlog hides none of the others. A secret is in no entry
//! and in no `Debug`; a webhook that is deleted keeps its row, without secret. Out of scope: sockets, and whether an address may be asked.

use kilter_domain::{
    time::Timestamp,
    webhook::{WebhookEvent, WebhookName},
};
use serde_json::Value;

use crate::{
    Reader, StoreError, Tx,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    delivery::DeliveryState,
    row,
    statement::statements,
};

/// Webhooks that are there at a time.
pub const MAX_WEBHOOKS: u64 = 1_000;

statements! {
    INSERT = "record the webhook": "
        INSERT INTO registry_webhook (id, name, url, description, events, state, secret, created, updated, audit_seq)
        VALUES (:id, :name, :url, :description, :events, :state, :secret, :created, :updated, :audit_seq)";
    UPDATE = "change the webhook": "
        UPDATE registry_webhook
        SET name = :name, url = :url, description = :description, events = :events, state = :state, secret = :secret,
            updated = :updated, audit_seq = :audit_seq
        WHERE id = :id";
    FIND = "read the webhook": "
        SELECT * FROM registry_webhook WHERE id = :id AND state <> 'deleted'";
    COUNT = "count webhooks": "
        SELECT count(*) FROM registry_webhook WHERE state IN ('active', 'disabled')";
    NEWEST = "list webhooks": "
        SELECT * FROM registry_webhook WHERE state IN ('active', 'disabled') ORDER BY created DESC, key DESC LIMIT :limit OFFSET :offset";
    ACTIVE = "read whom an event is sent to": "
        SELECT key, events FROM registry_webhook WHERE state = 'active' ORDER BY key";
    PLAN = "plan a delivery to a webhook": "
        INSERT INTO registry_delivery (webhook, event, data, state, attempts, first_try, at, detail)
        VALUES (:webhook, :event, :data, 'pending', 0, NULL, 0, '')";
    IS_DUE = "read whether a webhook waits for an event": "
        SELECT 1 FROM registry_delivery JOIN registry_webhook ON registry_webhook.key = registry_delivery.webhook
        WHERE registry_delivery.state = 'pending' AND at <= :at AND registry_webhook.state = 'active' LIMIT 1";
    DUE = "read what is to be delivered to webhooks": "
        SELECT due.key AS delivery, event, data, attempts, first_try, registry_webhook.* FROM (
            SELECT registry_delivery.*, row_number() OVER (PARTITION BY webhook ORDER BY key) AS place
            FROM registry_delivery WHERE state = 'pending' AND at <= :at) AS due
        JOIN registry_webhook ON registry_webhook.key = due.webhook
        WHERE place <= :limit AND registry_webhook.state = 'active' ORDER BY due.key";
    SETTLE = "note what became of a delivery to a webhook": "
        UPDATE registry_delivery
        SET state = :state, attempts = attempts + 1, first_try = coalesce(first_try, :now), at = :at, detail = :detail
        WHERE key = :key AND state = 'pending'";
    DROP_PENDING = "give up what a webhook waits for": "
        DELETE FROM registry_delivery
        WHERE state = 'pending' AND webhook = (SELECT key FROM registry_webhook WHERE id = :id)";
    FORGET = "forget deliveries to webhooks": "
        DELETE FROM registry_delivery WHERE key IN (
            SELECT key FROM registry_delivery WHERE state = :state AND at < :before ORDER BY at LIMIT :limit)";
}

/// Whether a webhook is sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// It is.
    Active,
    /// It is not; what it waits for stays.
    Disabled,
    /// It is gone for clients.
    Deleted,
}

impl WebhookState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
        }
    }

    fn read(row: &Row) -> database::Result<Self> {
        let word: String = row.get("state")?;
        let all = [Self::Active, Self::Disabled, Self::Deleted];
        all.into_iter().find(|state| state.as_str() == word).ok_or_else(|| row::no_word("state", &word))
    }
}

/// A webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// How people call it.
    pub name: WebhookName,
    /// Where events go.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// What it wants.
    pub events: Vec<WebhookEvent>,
    /// Whether it is sent events.
    pub state: WebhookState,
    /// What signs its requests.
    pub secret: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Webhook({} {})", self.id, self.name.as_str())
    }
}

impl Webhook {
    /// What the entries say of it: another text after each change. An address may have a secret in its path, so only its beginning is said.
    fn audit_text(&self) -> String {
        let host = self.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let host = host.rsplit_once('@').map_or(host.as_str(), |(_, host)| host);
        let events: Vec<&str> = self.events.iter().map(|event| event.as_str()).collect();
        let signed = if self.secret.is_some() { "signed" } else { "not signed" };
        let (state, name, events, since) = (self.state.as_str(), self.name.as_str(), events.join(" "), self.updated);
        format!("{state} {name}, {signed}, {events} to {host}, since {since}")
    }
}

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookDelivery {
    /// Its key.
    pub key: u64,
    /// Whom it is sent to.
    pub webhook: Webhook,
    /// What happened.
    pub event: WebhookEvent,
    /// To what, as the event has it.
    pub data: Value,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried first.
    pub first_try: Option<Timestamp>,
}

/// Records a webhook; `created` and `updated` are the time of the act.
///
/// # Errors
/// When there are too many.
pub fn create(audited: &AuditedTx, new: &Webhook) -> Result<Webhook, StoreError> {
    let count: u64 = audited.tx().one(&COUNT, &[], |row| row.get(0))?.unwrap_or_default();
    if count >= MAX_WEBHOOKS {
        let reason = format!("there are {MAX_WEBHOOKS} webhooks already");
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let made = Webhook { created: audited.at(), updated: audited.at(), ..new.clone() };
    write(audited, None, &made)
}

/// Changes a webhook as `change` says; one that is deleted loses its secret and what it waits for.
///
/// # Errors
/// When there is no such webhook.
pub fn change(audited: &AuditedTx, id: &str, change: impl FnOnce(&mut Webhook)) -> Result<Webhook, StoreError> {
    let before = get(audited.tx(), id)?;
    let mut wanted = before.clone();
    change(&mut wanted);
    // Later than before, also within a millisecond: two states are never said alike.
    wanted.updated = audited.at().max(Timestamp(before.updated.millis() + 1));
    if wanted.state == WebhookState::Deleted {
        wanted.secret = None;
        audited.tx().execute(&DROP_PENDING, named_params! { ":id": id })?;
    }
    write(audited, Some(&before), &wanted)
}

fn write(audited: &AuditedTx, before: Option<&Webhook>, webhook: &Webhook) -> Result<Webhook, StoreError> {
    let (object, before, after) =
        (format!("webhook:{}", webhook.id), before.map(Webhook::audit_text), webhook.audit_text());
    let change = Change { before: before.as_deref(), after: Some(&after), ..Change::of(&object) };
    let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    let params = named_params! {
        ":id": webhook.id, ":name": webhook.name.as_str(), ":url": webhook.url, ":description": webhook.description,
        ":events": row::text_of(INSERT.attempt, &events)?, ":state": webhook.state.as_str(), ":secret": webhook.secret,
        ":created": webhook.created.millis(), ":updated": webhook.updated.millis(),
    };
    let statement = if before.is_none() { &INSERT } else { &UPDATE };
    audited.write_row(&table::WEBHOOK, &change, statement, params)?;
    Ok(webhook.clone())
}

/// The webhook, or an error that names it.
pub fn get(reader: &Reader, id: &str) -> Result<Webhook, StoreError> {
    let found = reader.one(&FIND, named_params! { ":id": id }, webhook)?;
    found.ok_or_else(|| StoreError::NotFound { what: "webhook", id: id.to_owned() })
}

/// Webhooks, newest first, at most `limit` after the first `offset`.
pub fn list(reader: &Reader, offset: u64, limit: u32) -> Result<Vec<Webhook>, StoreError> {
    // Beyond this there are none.
    let offset = offset.min(MAX_WEBHOOKS);
    reader.all(&NEWEST, named_params! { ":offset": offset, ":limit": limit }, webhook)
}

/// Plans that an event is sent to every webhook that wants it, with its change; how many those are.
///
/// # Errors
/// When the database fails.
pub fn plan(tx: &Tx, event: WebhookEvent, data: &Value) -> Result<usize, StoreError> {
    let active: Vec<(i64, Vec<String>)> =
        tx.all(&ACTIVE, &[], |row| Ok((row.get("key")?, row::document(row, "events")?)))?;
    let wanting = active.iter().filter(|(_, events)| events.iter().any(|wanted| wanted == event.as_str()));
    let (mut count, data) = (0, data.to_string());
    for (webhook, _) in wanting {
        let params = named_params! { ":webhook": *webhook, ":event": event.as_str(), ":data": data };
        count += tx.execute(&PLAN, params)?;
    }
    Ok(count)
}

/// Whether something is to be delivered at `at`.
pub fn is_due(reader: &Reader, at: Timestamp) -> Result<bool, StoreError> {
    Ok(reader.one(&IS_DUE, named_params! { ":at": at.millis() }, |_| Ok(()))?.is_some())
}

/// What is to be delivered at `at`, at most `limit` to each webhook, in the order in which it happened.
pub fn due(reader: &Reader, at: Timestamp, limit: u32) -> Result<Vec<WebhookDelivery>, StoreError> {
    reader.all(&DUE, named_params! { ":at": at.millis(), ":limit": limit }, |row| {
        Ok(WebhookDelivery {
            key: row.get("delivery")?,
            webhook: webhook(row)?,
            event: row::parsed(row, "event")?,
            data: row::document(row, "data")?,
            attempts: row.get("attempts")?,
            first_try: row::maybe_time(row, "first_try")?,
        })
    })
}

/// Notes what became of an attempt at `now`: its state, when it is tried again or ended, and what the target answered.
pub fn settle(
    tx: &Tx,
    key: u64,
    (state, at): (DeliveryState, Timestamp),
    (detail, now): (&str, Timestamp),
) -> Result<(), StoreError> {
    let params = named_params! {
        ":key": key, ":state": state.as_str(), ":at": at.millis(), ":detail": detail, ":now": now.millis(),
    };
    tx.execute(&SETTLE, params).map(drop)
}

/// Forgets what ended so before `before`, at most `limit`; how many that were.
pub fn forget(tx: &Tx, ended: DeliveryState, before: Timestamp, limit: u32) -> Result<usize, StoreError> {
    tx.execute(&FORGET, named_params! { ":state": ended.as_str(), ":before": before.millis(), ":limit": limit })
}

fn webhook(row: &Row) -> database::Result<Webhook> {
    let events: Vec<String> = row::document(row, "events")?;
    let known = events.iter().filter_map(|event| event.parse().ok());
    Ok(Webhook {
        id: row.get("id")?,
        name: row::parsed(row, "name")?,
        url: row.get("url")?,
        description: row.get("description")?,
        events: known.collect(),
        state: WebhookState::read(row)?,
        secret: row.get("secret")?,
        created: row::time(row, "created")?,
        updated: row::time(row, "updated")?,
    })
}
