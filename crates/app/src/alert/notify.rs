//! Who is notified of an alert: a line in a log that a collector can follow.
//!
//! Invariants: notifying never stops an evaluation; the file is bounded. Every alert is in the store, whoever is notified.
//! Out of scope: mail and webhooks, which follow the entries of the audit log ([`crate::events`]).

use std::{fs, io::Write, path::Path};

use kilter_domain::{
    alert::AlertKind,
    contract::{AlertSink, SinkKind},
    ids::EndpointName,
    time::Timestamp,
};
use serde::Serialize;

use crate::app::App;

/// The log of alerts in the data folder, one JSON document a line.
pub const ALERT_LOG: &str = "alerts.jsonl";
/// The log before the present one.
const EARLIER_LOG: &str = "alerts.1.jsonl";
/// Bytes from which a new log is begun; the one before is kept.
const MAX_BYTES: u64 = 10 << 20;

/// One line of the log.
#[derive(Debug, Serialize)]
pub(crate) struct AlertNotification<'a> {
    pub at: Timestamp,
    pub endpoint: &'a EndpointName,
    pub alert: &'a str,
    /// The kind of its topic: `drift`, `performance`, `unknown_class`.
    pub kind: AlertKind,
    /// What of that kind it is about: the class of an unknown class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<&'a str>,
    pub state: &'a str,
    pub reason: &'a str,
}

/// Notifies everyone whom the contract names and whom we can reach.
pub(crate) fn notify(app: &App, sinks: &[AlertSink], notification: &AlertNotification) {
    if !sinks.iter().any(|sink| sink.kind == SinkKind::Log) {
        return;
    }
    let AlertNotification { endpoint, kind, subject, state, reason, .. } = notification;
    tracing::warn!(%endpoint, %kind, subject, state, "{reason}");
    if let Err(error) = append(app.folder(), notification) {
        tracing::error!(%error, file = ALERT_LOG, "could not write an alert into the log");
    }
}

fn append(folder: &Path, notification: &AlertNotification) -> std::io::Result<()> {
    let path = folder.join(ALERT_LOG);
    if fs::metadata(&path).is_ok_and(|file| file.len() >= MAX_BYTES) {
        fs::rename(&path, folder.join(EARLIER_LOG))?;
    }
    let mut line = serde_json::to_vec(notification)?;
    line.push(b'\n');
    fs::OpenOptions::new().create(true).append(true).open(&path)?.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alert_is_a_line_and_a_full_log_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = "churn".parse().unwrap();
        let notification = AlertNotification {
            at: Timestamp(0),
            endpoint: &endpoint,
            alert: "a1",
            kind: AlertKind::Drift,
            subject: None,
            state: "firing",
            reason: "psi(\"income\") is 0.4\nand more",
        };
        append(folder.path(), &notification).unwrap();
        append(folder.path(), &notification).unwrap();
        let text = fs::read_to_string(folder.path().join(ALERT_LOG)).unwrap();
        assert_eq!(text.lines().count(), 2);
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!((line["kind"].as_str(), line["state"].as_str()), (Some("drift"), Some("firing")));
        fs::File::options().write(true).open(folder.path().join(ALERT_LOG)).unwrap().set_len(MAX_BYTES).unwrap();
        append(folder.path(), &notification).unwrap();
        assert!(fs::metadata(folder.path().join(ALERT_LOG)).unwrap().len() < 1000);
        assert!(folder.path().join(EARLIER_LOG).exists());
    }
}
