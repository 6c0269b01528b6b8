//! What `kilter monitor` found, as its documents tell it.

use std::{collections::BTreeMap, path::PathBuf};

use kilter_api as api;
use kilter_domain::time::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// How the rules of an endpoint stand.
#[derive(Serialize)]
pub(super) struct EndpointSummary {
    pub endpoint: String,
    /// Rules that are judged.
    pub rules: usize,
    pub passed: usize,
    pub failed: usize,
    pub undecided: usize,
    /// When the newest window ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_end: Option<Timestamp>,
    pub open_alerts: u64,
}

impl EndpointSummary {
    pub fn of(endpoint: &api::EndpointStatus, readings: &[api::Reading]) -> Self {
        let count = |verdict| readings.iter().filter(|reading| reading.verdict == Some(verdict)).count();
        Self {
            endpoint: endpoint.name.clone(),
            rules: readings.iter().filter(|reading| reading.verdict.is_some()).count(),
            passed: count(api::Verdict::Passed),
            failed: count(api::Verdict::Failed),
            undecided: count(api::Verdict::Undecided),
            window_end: readings.iter().map(|found| found.window_end).max(),
            open_alerts: endpoint.open_alerts,
        }
    }
}

/// One endpoint.
#[derive(Serialize)]
pub(super) struct EndpointMonitors {
    pub endpoint: String,
    /// By attention: what fails first.
    pub rules: Vec<api::Reading>,
    /// What is measured besides, without a rule.
    pub others: Vec<api::Reading>,
    pub alerts: Vec<api::Alert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<PathBuf>,
}

impl EndpointMonitors {
    pub fn of(endpoint: &str, readings: Vec<api::Reading>, alerts: Vec<api::Alert>, html: Option<PathBuf>) -> Self {
        let (mut rules, others): (Vec<_>, Vec<_>) = readings.into_iter().partition(|reading| reading.verdict.is_some());
        rules.sort_by_key(|reading| attention(reading.verdict));
        Self { endpoint: endpoint.to_owned(), rules, others, alerts, html }
    }

    pub fn count(&self, verdict: api::Verdict) -> usize {
        self.rules.iter().filter(|rule| rule.verdict == Some(verdict)).count()
    }
}

const fn attention(verdict: Option<api::Verdict>) -> usize {
    match verdict {
        Some(api::Verdict::Failed) => 0,
        Some(api::Verdict::Undecided) => 1,
        Some(api::Verdict::Passed) => 2,
        None => 3,
    }
}

/// A metric window by window.
pub(super) struct RuleHistory {
    pub newest: api::Reading,
    /// The part of the metric that is shown.
    pub part: Option<String>,
    /// Whether there are older windows.
    pub has_older: bool,
    /// By end and start of the window: what is known best.
    windows: BTreeMap<(Timestamp, Timestamp), api::Reading>,
}

impl RuleHistory {
    pub fn new(newest: &api::Reading, part: Option<&str>) -> Self {
        Self { newest: newest.clone(), part: part.map(str::to_owned), has_older: false, windows: BTreeMap::new() }
    }

    /// Of two readings of a window the later one counts, and a measured one before an estimated one.
    pub fn add(&mut self, readings: impl IntoIterator<Item = api::Reading>) {
        for reading in readings {
            let key = (reading.window_end, reading.window_start);
            let known = self.windows.get(&key);
            let rank = |reading: &api::Reading| (reading.as_of, !reading.estimated);
            if known.is_none_or(|known| rank(known) < rank(&reading)) {
                self.windows.insert(key, reading);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.windows.len()
    }

    pub fn keep_newest(&mut self, windows: usize) {
        self.has_older = self.windows.len() > windows;
        while self.windows.len() > windows {
            self.windows.pop_first();
        }
    }

    /// The oldest window first.
    pub fn readings(&self) -> impl DoubleEndedIterator<Item = &api::Reading> {
        self.windows.values()
    }

    pub fn document(&self, html: Option<&PathBuf>) -> Value {
        let mut document = json!({
            "endpoint": self.newest.endpoint,
            "monitor": self.newest.monitor,
            "metric": self.newest.metric,
            "rule": self.newest.rule,
            "has_older": self.has_older,
            "readings": self.readings().collect::<Vec<_>>(),
        });
        if let Some(part) = &self.part {
            document["part"] = json!(part);
        }
        if let Some(html) = html {
            document["html"] = json!(html);
        }
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(day: u32, as_of: &str, value: f64, estimated: bool) -> api::Reading {
        let text = json!({
            "endpoint": "e", "monitor": "performance", "metric": "auc", "count": 5, "estimated": estimated,
            "window_start": format!("2026-01-{day:02}T00:00:00Z"), "window_end": format!("2026-01-{:02}T00:00:00Z", day + 1),
            "as_of": as_of, "value": value, "provisional": false,
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn of_each_window_what_is_known_best_is_kept_and_the_oldest_stands_first() {
        let mut past = RuleHistory::new(&reading(3, "2026-02-02T00:00:00Z", 0.9, false), None);
        past.add(vec![
            reading(3, "2026-02-02T00:00:00Z", 0.9, false),
            reading(2, "2026-02-02T00:00:00Z", 0.5, true),
            reading(2, "2026-02-02T00:00:00Z", 0.6, false),
        ]);
        past.add(vec![
            reading(2, "2026-02-02T00:00:00.500Z", 0.7, false),
            reading(1, "2026-02-02T00:00:00Z", 0.1, false),
        ]);
        let values: Vec<_> = past.readings().map(|reading| reading.value.unwrap()).collect();
        assert_eq!(values, [0.1, 0.7, 0.9]);
        past.keep_newest(2);
        assert_eq!((past.len(), past.readings().next().unwrap().value), (2, Some(0.7)));
        assert!(past.has_older);
    }
}
