//! `kilter alert`: what stayed out of bounds, and what people do about it.

use clap::{Args, Subcommand};
use kilter_api as api;
use kilter_domain::time::{Span, Timestamp};
use serde_json::json;

use crate::{
    connect::Reach,
    context::now,
    ui::{
        error::Stop,
        view::{Answer, Mark, Page, TextTable, minute},
    },
};

/// Alerts: readings that stayed out of bounds.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    what: Option<AlertVerb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum AlertVerb {
    /// List alerts, newest first.
    List(List),
    /// Say that you look at an alert.
    Ack(One),
    /// Keep an alert silent for a time.
    Mute {
        /// How long, like `12h` or `7d`.
        #[arg(long = "for", value_name = "TIME")]
        span: Span,
        #[command(flatten)]
        one: One,
    },
    /// End a mute before its time.
    Unmute(One),
    /// Call an alert over; the next breach opens a new one.
    Resolve(One),
}

#[derive(Debug, Args)]
struct List {
    /// Also those that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Args)]
struct One {
    /// The id of the alert, as `kilter alert list` shows it: the whole id, or as much of its end as tells it apart.
    id: String,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Alerts {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        match self.what {
            None => self.list.run(),
            Some(AlertVerb::List(list)) => list.run(),
            Some(AlertVerb::Ack(one)) => one.reason("acknowledge"),
            Some(AlertVerb::Unmute(one)) => one.reason("unmute"),
            Some(AlertVerb::Resolve(one)) => one.reason("resolve"),
            Some(AlertVerb::Mute { span, one }) => one.mute(now().after(span)),
        }
    }
}

impl List {
    fn run(self) -> Result<Answer, Stop> {
        let path = format!("/api/v1/alerts?open={}", !self.all);
        let found: api::Page<api::Alert> = self.reach.api()?.get(&path)?;
        let mut table = TextTable::new(["id", "opened", "endpoint", "monitor", "state", "what"]);
        for alert in &found.items {
            let what = alert.detail["text"].as_str().unwrap_or(&alert.cause).to_owned();
            let opened = minute(&alert.opened);
            let id = short(&alert.id);
            table.row([
                id.to_owned(),
                opened,
                alert.endpoint.clone(),
                alert.monitor.clone(),
                alert.state.clone(),
                what,
            ]);
        }
        let page =
            if table.is_empty() { Page::new().marked(Mark::Ok, "no open alert") } else { Page::new().table(table) };
        Ok(Answer::done(&json!({ "alerts": found.items, "next": found.next }), page))
    }
}

/// Characters of an id that people read and write.
const SHORT_ID: usize = 8;

/// The end of an id: the beginning is the time, and the same for alerts of one night.
pub(crate) fn short(id: &str) -> &str {
    id.char_indices().rev().nth(SHORT_ID - 1).map_or(id, |(at, _)| &id[at..])
}

impl One {
    fn reason(self, verb: &str) -> Result<Answer, Stop> {
        let body = api::Reason { reason: self.reason.clone() };
        self.moved(verb, &body)
    }

    fn mute(self, until: Timestamp) -> Result<Answer, Stop> {
        let body = api::Mute { until: until.to_string(), reason: self.reason.clone() };
        self.moved("mute", &body)
    }

    fn moved(&self, verb: &str, body: &impl serde::Serialize) -> Result<Answer, Stop> {
        let id: String = self.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let alert: api::Alert = self.reach.api()?.post(&format!("/api/v1/alerts/{id}/{verb}"), body)?;
        let page = Page::new().marked(Mark::Ok, format!("{} at {} is {}", alert.monitor, alert.endpoint, alert.state));
        Ok(Answer::done(&alert, page))
    }
}
