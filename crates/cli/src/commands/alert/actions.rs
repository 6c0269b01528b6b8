//! `kilter alert ack`, `mute`, `unmute` and `resolve`: what people do about one alert.

use clap::Args;
use kilter_api::{self as api, Problem};
use kilter_client::Client;
use kilter_domain::time::Timestamp;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status},
    },
};

#[derive(Debug, Args)]
pub(super) struct AlertAction {
    /// The id of the alert: the whole id, or its end as `kilter alert list` shows it.
    id: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl AlertAction {
    pub(super) fn change(
        self,
        change: impl AsyncFnOnce(&Client, &str, &api::Reason) -> Result<api::Alert, Problem>,
    ) -> Result<Answer, CliError> {
        let body = api::Reason { reason: self.reason.clone() };
        self.answer(self.connect.api()?.call(async |api| change(api, &self.plain_id(), &body).await)?)
    }

    pub(super) fn mute(self, until: Timestamp) -> Result<Answer, CliError> {
        let body = api::Mute { until, reason: self.reason.clone() };
        self.answer(self.connect.api()?.call(async |api| api.mute_alert(&self.plain_id(), &body).await)?)
    }

    fn plain_id(&self) -> String {
        self.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
    }

    fn answer(&self, alert: api::Alert) -> Result<Answer, CliError> {
        let page = Page::new().marked(Status::Ok, format!("{} at {} is {}", alert.kind, alert.endpoint, alert.state));
        Ok(Answer::done(&alert, page))
    }
}
