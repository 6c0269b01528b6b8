//! The request of an event, as receivers of MLflow's webhooks know it.

use kilter_domain::{digest::Digest, time::Timestamp, webhook::WebhookEvent};
use kilter_store::webhook::WebhookDelivery;
use serde_json::{Value, json};

/// What is sent: the body, and the id by which a receiver knows that it has it already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// The same for each attempt.
    pub id: String,
    /// JSON.
    pub body: String,
}

/// The request of a delivery that is tried at `now`. It is the same each time that it is tried.
pub fn request(delivery: &WebhookDelivery, now: Timestamp) -> WebhookRequest {
    let at = delivery.first_try.unwrap_or(now);
    of(&format!("{}/{}", delivery.webhook.id, delivery.key), delivery.event, &delivery.data, at)
}

/// The request of a test, with the example of MLflow for its event. `seed` tells it from others.
pub fn example(event: WebhookEvent, seed: &str, now: Timestamp) -> WebhookRequest {
    let tags = json!({ "example_key": "example_value" });
    let data = match event {
        WebhookEvent::ModelCreated => {
            json!({ "name": "example_model", "tags": tags, "description": "An example registered model" })
        }
        WebhookEvent::VersionCreated => json!({
            "name": "example_model", "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678", "tags": tags,
            "description": "An example model version",
        }),
        WebhookEvent::VersionTagSet => {
            json!({ "name": "example_model", "version": "1", "key": "example_key", "value": "example_value" })
        }
        WebhookEvent::VersionTagDeleted => json!({ "name": "example_model", "version": "1", "key": "example_key" }),
        WebhookEvent::AliasCreated => json!({ "name": "example_model", "alias": "example_alias", "version": "1" }),
        WebhookEvent::AliasDeleted => json!({ "name": "example_model", "alias": "example_alias" }),
    };
    of(seed, event, &data, now)
}

fn of(seed: &str, event: WebhookEvent, data: &Value, at: Timestamp) -> WebhookRequest {
    let (entity, action) = event.parts();
    // As Python writes UTC.
    let timestamp = at.to_string().replace('Z', "+00:00");
    let body = json!({ "entity": entity, "action": action, "timestamp": timestamp, "data": data }).to_string();
    WebhookRequest { id: uuid_of(seed), body }
}

/// An id in the form of a UUID (version 8) that follows from the delivery.
fn uuid_of(seed: &str) -> String {
    let hex = Digest::of(seed.as_bytes()).to_string();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_form_of_mlflow_and_an_id_of_its_own() {
        let sent = example(WebhookEvent::AliasDeleted, "a", Timestamp(1_000));
        let body: Value = serde_json::from_str(&sent.body).unwrap();
        let data = json!({ "name": "example_model", "alias": "example_alias" });
        let expected = json!({
            "entity": "model_version_alias", "action": "deleted", "timestamp": "1970-01-01T00:00:01+00:00", "data": data,
        });
        assert_eq!(body, expected);
        assert_eq!((sent.id.len(), sent.id.matches('-').count()), (36, 4), "{}", sent.id);
        assert_eq!(sent, example(WebhookEvent::AliasDeleted, "a", Timestamp(1_000)));
        assert_ne!(sent.id, example(WebhookEvent::AliasDeleted, "b", Timestamp(1_000)).id);
    }
}
