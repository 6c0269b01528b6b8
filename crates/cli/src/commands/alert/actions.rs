//! `kilter alert ack`, `mute`, `unmute` and `resolve`: what people do about one alert.

use clap::Args;
use kilter_api as api;
use kilter_domain::time::Timestamp;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Mark, Page},
    },
};

#[derive(Debug, Args)]
pub(super) struct AlertAction {
    /// The id of the alert, as `kilter alert list` shows it: the whole id, or as much of its end as tells it apart.
    id: String,
    /// Why, for the audit table.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl AlertAction {
    pub(super) fn reason(self, verb: &str) -> Result<Answer, CliError> {
        let body = api::Reason { reason: self.reason.clone() };
        self.moved(verb, &body)
    }

    pub(super) fn mute(self, until: Timestamp) -> Result<Answer, CliError> {
        let body = api::Mute { until: until.to_string(), reason: self.reason.clone() };
        self.moved("mute", &body)
    }

    fn moved(&self, verb: &str, body: &impl serde::Serialize) -> Result<Answer, CliError> {
        let id: String = self.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let alert: api::Alert = self.connect.api()?.post(&format!("/api/v1/alerts/{id}/{verb}"), body)?;
        let page = Page::new().marked(Mark::Ok, format!("{} at {} is {}", alert.monitor, alert.endpoint, alert.state));
        Ok(Answer::done(&alert, page))
    }
}
