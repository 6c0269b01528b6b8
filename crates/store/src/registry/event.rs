//! What happened in the registry, said in the transaction in which it happens.

use kilter_domain::{registry::RegistryEvent, search::IS_PROMPT_TAG, webhook::WebhookEvent};
use serde_json::{Value, json};

use crate::{Reader, StoreError, Tx, database::named_params, statement::statements, webhook};

statements! {
    IS_PROMPT = "read whether the model is a prompt": "
        SELECT 1 FROM registered_model_tag WHERE model = :model AND name = :name AND lower(value) = 'true'";
}

/// Says what happened to a model, by its key. Every write of the registry comes through here before its transaction ends, from
/// whichever door: the webhooks that want the event are sent it exactly if the change is there. Prompts, which are kept as models, are no
/// event of a model.
///
/// # Errors
/// When the database fails.
pub(crate) fn emit(tx: &Tx, model: i64, event: &RegistryEvent) -> Result<(), StoreError> {
    if is_prompt(tx, model)? {
        return Ok(());
    }
    tracing::info!(event = event.kind(), model = %event.model(), "the registry changed");
    let (kind, data) = webhook_event(event);
    webhook::plan(tx, kind, &data).map(drop)
}

/// What a webhook is told of an event, in the fields of MLflow.
fn webhook_event(event: &RegistryEvent) -> (WebhookEvent, Value) {
    let name = event.model().as_str();
    match event {
        RegistryEvent::ModelCreated { tags, description, .. } => {
            (WebhookEvent::ModelCreated, json!({ "name": name, "tags": tags, "description": description }))
        }
        RegistryEvent::VersionCreated { version, source, run_id, tags, description, .. } => {
            let stated = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
            let data = json!({
                "name": name, "version": version.to_string(), "source": source, "run_id": stated(run_id), "tags": tags,
                "description": stated(description),
            });
            (WebhookEvent::VersionCreated, data)
        }
        RegistryEvent::VersionTagSet { version, key, value, .. } => {
            let data = json!({ "name": name, "version": version.to_string(), "key": key, "value": value });
            (WebhookEvent::VersionTagSet, data)
        }
        RegistryEvent::VersionTagDeleted { version, key, .. } => {
            (WebhookEvent::VersionTagDeleted, json!({ "name": name, "version": version.to_string(), "key": key }))
        }
        RegistryEvent::AliasCreated { alias, version, .. } => {
            (WebhookEvent::AliasCreated, json!({ "name": name, "alias": alias, "version": version.to_string() }))
        }
        RegistryEvent::AliasDeleted { alias, .. } => {
            (WebhookEvent::AliasDeleted, json!({ "name": name, "alias": alias }))
        }
    }
}

fn is_prompt(reader: &Reader, model: i64) -> Result<bool, StoreError> {
    let params = named_params! { ":model": model, ":name": IS_PROMPT_TAG };
    Ok(reader.one(&IS_PROMPT, params, |_| Ok(()))?.is_some())
}
