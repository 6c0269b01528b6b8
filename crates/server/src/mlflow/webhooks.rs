//! `webhooks`: whom clients of the registry want told.

use axum::{extract::State, http::StatusCode};
use kilter_app::{
    App, RequestContext,
    webhook::{self, MAX_WEBHOOKS, NewWebhook, Webhook, WebhookChange},
};
use kilter_domain::{
    search::PageToken,
    webhook::{WebhookEvent, WebhookName},
};
use serde::Serialize;
use tokio::runtime::Handle;

use super::{body::Body, message::Message, search_query, validate};
use crate::{
    caller::Caller,
    error::{ApiError, MlflowError},
    events::registry_webhook::{self, AddressPolicy, Sent},
    state::{AppState, blocking_with},
};

/// Characters of an address, a description, a secret.
const MAX_URL: usize = 500;
const MAX_DESCRIPTION: usize = 1_000;
const MAX_SECRET: usize = 1_000;
/// Webhooks of a page.
const MAX_PAGE: u32 = 1_000;

#[derive(Serialize)]
struct EventJson {
    entity: String,
    action: String,
}

#[derive(Serialize)]
struct WebhookJson<'r> {
    webhook_id: &'r str,
    name: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'r str,
    url: &'r str,
    events: Vec<EventJson>,
    status: &'static str,
    creation_timestamp: i64,
    last_updated_timestamp: i64,
}

impl<'r> WebhookJson<'r> {
    /// All but its secret.
    fn of(found: &'r Webhook) -> Self {
        let json = |event: &WebhookEvent| {
            let (entity, action) = event.parts();
            EventJson { entity: entity.to_uppercase(), action: action.to_uppercase() }
        };
        Self {
            webhook_id: &found.id,
            name: found.name.as_str(),
            description: &found.description,
            url: &found.url,
            events: found.events.iter().map(json).collect(),
            status: if webhook::is_active(found) { "ACTIVE" } else { "DISABLED" },
            creation_timestamp: found.created.millis(),
            last_updated_timestamp: found.updated.millis(),
        }
    }
}

#[derive(Serialize)]
struct Found<'r> {
    webhook: WebhookJson<'r>,
}

fn found(webhook: &Webhook) -> Result<Body, MlflowError> {
    Body::of(&Found { webhook: WebhookJson::of(webhook) })
}

#[derive(Serialize)]
struct Listed<'r> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    webhooks: Vec<WebhookJson<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

#[derive(Serialize)]
struct Tested {
    result: TestResult,
}

#[derive(Serialize)]
struct TestResult {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

/// Which of the operations on webhooks a request asks for.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Create,
    Get,
    List,
    Update,
    Delete,
    Test,
}

/// Answers an operation on webhooks.
pub(super) async fn answer(
    caller: Result<Caller, ApiError>,
    state: State<AppState>,
    message: Message<'static>,
    asked: Asked,
) -> Result<Body, MlflowError> {
    let State(state) = state;
    let options = state.options();
    let policy = AddressPolicy::of(options.host, &options.events);
    let (app, context) = (state.app(), caller?.context(&state));
    let operation = match asked {
        Asked::Create => create,
        Asked::Get => get,
        Asked::List => list,
        Asked::Update => update,
        Asked::Delete => delete,
        Asked::Test => test,
    };
    let fault = || MlflowError::internal("the request met a fault");
    blocking_with(move || operation(&app, &context, &message, policy), fault).await
}

fn create(app: &App, context: &RequestContext, message: &Message, policy: AddressPolicy) -> Result<Body, MlflowError> {
    let (name, url) = (name(message.required("name")?)?, message.required("url")?);
    let events = events(message)?.ok_or_else(|| MlflowError::missing("events"))?;
    let new = NewWebhook {
        name,
        url: checked_url(url, policy)?,
        description: text(message, "description", MAX_DESCRIPTION)?.unwrap_or_default(),
        events,
        secret: text(message, "secret", MAX_SECRET)?.filter(|secret| !secret.is_empty()),
        is_active: is_active(message)?.unwrap_or(true),
    };
    found(&webhook::create_webhook(app, context, new)?)
}

fn get(app: &App, context: &RequestContext, message: &Message, _: AddressPolicy) -> Result<Body, MlflowError> {
    found(&webhook::get_webhook(app, context, message.required("webhook_id")?)?)
}

fn list(app: &App, context: &RequestContext, message: &Message, _: AddressPolicy) -> Result<Body, MlflowError> {
    let limit = match message.int("max_results")? {
        None | Some(0) => 100,
        Some(stated) => {
            let read = u32::try_from(stated).ok().filter(|limit| (1..=MAX_PAGE).contains(limit));
            read.ok_or_else(|| MlflowError::invalid(format!("max_results must be between 1 and {MAX_PAGE}.")))?
        }
    };
    let offset = search_query::token(message)?.offset.min(MAX_WEBHOOKS);
    let mut webhooks = webhook::list_webhooks(app, context, (offset, limit + 1))?;
    let is_more = webhooks.len() > limit as usize;
    webhooks.truncate(limit as usize);
    let next_page_token = is_more.then(|| PageToken { offset: offset + u64::from(limit) }.to_string());
    Body::of(&Listed { webhooks: webhooks.iter().map(WebhookJson::of).collect(), next_page_token })
}

fn update(app: &App, context: &RequestContext, message: &Message, policy: AddressPolicy) -> Result<Body, MlflowError> {
    let given = |name: &str| Ok::<_, MlflowError>(message.text(name)?.filter(|text| !text.is_empty()));
    let change = WebhookChange {
        name: given("name")?.map(name).transpose()?,
        url: given("url")?.map(|url| checked_url(url, policy)).transpose()?,
        description: text(message, "description", MAX_DESCRIPTION)?,
        events: events(message)?,
        secret: text(message, "secret", MAX_SECRET)?,
        is_active: is_active(message)?,
    };
    found(&webhook::change_webhook(app, context, message.required("webhook_id")?, change)?)
}

fn delete(app: &App, context: &RequestContext, message: &Message, _: AddressPolicy) -> Result<Body, MlflowError> {
    webhook::delete_webhook(app, context, message.required("webhook_id")?)?;
    Ok(Body::empty())
}

/// Sends the example of an event now, whatever the state of the webhook, and answers how that went.
fn test(app: &App, context: &RequestContext, message: &Message, policy: AddressPolicy) -> Result<Body, MlflowError> {
    let webhook = webhook::get_webhook(app, context, message.required("webhook_id")?)?;
    let stated = message.value("event").map(|event| self::event(&Message::of(event))).transpose()?;
    let Some(event) = stated.or_else(|| webhook.events.first().copied()) else {
        return Err(MlflowError::missing("event"));
    };
    let sent = webhook::example(event, &kilter_app::new_id(), context.at);
    let Sent { outcome, answer } =
        Handle::current().block_on(registry_webhook::send(&webhook, policy, sent, context.at));
    let (response_status, response_body) = answer.unzip();
    let is_success = response_status.is_some_and(|status| status < StatusCode::BAD_REQUEST.as_u16());
    let why = match outcome {
        kilter_app::events::SendOutcome::Failed(why) | kilter_app::events::SendOutcome::Refused(why) => Some(why),
        kilter_app::events::SendOutcome::Delivered => None,
    };
    let error_message = why.filter(|_| response_status.is_none()).map(|why| format!("Failed to test webhook: {why}"));
    Body::of(&Tested { result: TestResult { success: is_success, response_status, response_body, error_message } })
}

fn name(text: &str) -> Result<WebhookName, MlflowError> {
    text.parse().map_err(|error: kilter_domain::webhook::InvalidWebhookName| MlflowError::invalid(error.to_string()))
}

fn checked_url(url: &str, policy: AddressPolicy) -> Result<String, MlflowError> {
    if url.trim().is_empty() {
        return Err(MlflowError::invalid(format!("Webhook URL cannot be empty or just whitespace: '{url}'")));
    }
    validate::length("url", MAX_URL, url)?;
    policy.check(url).map_err(MlflowError::invalid)?;
    Ok(url.to_owned())
}

fn text(message: &Message, name: &str, limit: usize) -> Result<Option<String>, MlflowError> {
    let text = message.text(name)?;
    text.map_or(Ok(()), |text| validate::length(name, limit, text))?;
    Ok(text.map(str::to_owned))
}

fn is_active(message: &Message) -> Result<Option<bool>, MlflowError> {
    match message.text("status")? {
        None | Some("") => Ok(None),
        Some("ACTIVE") => Ok(Some(true)),
        Some("DISABLED") => Ok(Some(false)),
        Some(other) => Err(MlflowError::invalid_value("status", &other.into(), "it is ACTIVE or DISABLED")),
    }
}

/// The events that are wanted, each once; `None` where none is stated.
fn events(message: &Message) -> Result<Option<Vec<WebhookEvent>>, MlflowError> {
    let stated = message.list("events")?;
    let mut events = Vec::new();
    for stated in stated {
        let event = event(&Message::of(stated))?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    Ok((!events.is_empty()).then_some(events))
}

fn event(message: &Message) -> Result<WebhookEvent, MlflowError> {
    let (entity, action) = (message.required("entity")?.to_lowercase(), message.required("action")?.to_lowercase());
    let of_entity = WebhookEvent::ALL.into_iter().map(WebhookEvent::parts).filter(|(of, _)| *of == entity);
    let actions: Vec<String> = of_entity.map(|(_, action)| format!("'{action}'")).collect();
    match format!("{entity}.{action}").parse() {
        Ok(event) => Ok(event),
        Err(_) if actions.is_empty() => Err(MlflowError::invalid(format!(
            "Invalid entity '{entity}': this server sends events of registered models and their versions, and of nothing else"
        ))),
        Err(_) => Err(MlflowError::invalid(format!(
            "Invalid action '{action}' for entity '{entity}'. Valid actions are: [{}]",
            actions.join(", ")
        ))),
    }
}
