//! One event, in the form of CloudEvents 1.0.

use kilter_domain::time::Timestamp;
use kilter_store::{StoreError, audit, audit::Record, monitor::alert as alerts};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;

/// What the types of events begin with.
const TYPE_PREFIX: &str = "io.kilter.";

/// Something that happened, as CloudEvents 1.0 has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The version of the standard.
    pub specversion: &'static str,
    /// The same for each attempt to send it: whoever takes it twice sees that.
    pub id: String,
    /// Which platform it is of.
    pub source: String,
    /// What happened: `io.kilter.version.approve`.
    #[serde(rename = "type")]
    pub kind: String,
    /// To what: `version:churn/3`.
    pub subject: String,
    /// When.
    pub time: Timestamp,
    /// The type of `data`.
    pub datacontenttype: &'static str,
    /// The entry of the audit log, without free text; of an alert, what is known about it.
    pub data: Value,
}

impl Event {
    /// What happened in one line, for the subject of a mail.
    pub fn headline(&self) -> String {
        let what = self.kind.strip_prefix(TYPE_PREFIX).unwrap_or(&self.kind);
        let outcome = self.data["outcome"].as_str().filter(|outcome| *outcome != "done");
        let outcome = outcome.map_or_else(String::new, |outcome| format!(" ({outcome})"));
        let alert = &self.data["alert"];
        match alert["text"].as_str() {
            Some(text) => {
                let part = |name: &str| alert[name].as_str().unwrap_or("?");
                format!("{} alert at {} is {}: {text}", part("kind"), part("endpoint"), part("state"))
            }
            None => format!("{what} {}{outcome}", self.subject),
        }
    }
}

/// The event of an entry.
pub(super) fn of_entry(app: &App, seq: u64) -> Result<Option<Event>, StoreError> {
    let source = format!("urn:kilter:{}", app.store().made_at()?.millis());
    app.store().read(|reader| {
        let Some(record) = audit::find(reader, seq)? else { return Ok(None) };
        let alert = match record.entry.object.strip_prefix("alert:") {
            Some(id) => match alerts::get(reader, id) {
                Ok(alert) => Some(alert),
                Err(StoreError::NotFound { .. }) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        Ok(Some(event(source, &record, alert.as_ref())))
    })
}

fn event(source: String, record: &Record, alert: Option<&alerts::Alert>) -> Event {
    let entry = &record.entry;
    let leaf: String = record.leaf.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut data = json!({
        "seq": entry.seq, "actor": entry.actor, "on_behalf": entry.on_behalf, "action": entry.action,
        "object": entry.object, "outcome": entry.outcome, "before": entry.before, "after": entry.after, "leaf": leaf,
    });
    if let Some(alert) = alert {
        data["alert"] = json!({
            "id": alert.id, "endpoint": alert.key.endpoint, "kind": alert.key.topic.kind(), "state": alert.state.as_str(),
            "text": alert.detail.text, "explanation": alert.detail.explanation,
        });
    }
    Event {
        specversion: "1.0",
        id: format!("{source}:{}", entry.seq),
        source,
        kind: format!("{TYPE_PREFIX}{}", entry.action),
        subject: entry.object.clone(),
        time: entry.at,
        datacontenttype: "application/json",
        data,
    }
}
