//! `kilter alert`: rules that stayed violated, and what people do about them.

mod actions;
mod list;
pub(crate) mod short_id;

use clap::{Args, Subcommand};
use kilter_client::Client;
use kilter_domain::time::Span;

use crate::{
    context::now,
    ui::{error::CliError, view::Answer},
};
use actions::AlertAction;
use list::List;

/// List alerts; acknowledge, mute or resolve one.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    #[command(subcommand)]
    verb: AlertVerb,
}

#[derive(Debug, Subcommand)]
enum AlertVerb {
    /// List alerts, newest first.
    List(List),
    /// Acknowledge an alert.
    Ack(AlertAction),
    /// Mute an alert for a time.
    Mute {
        /// The duration, like `12h` or `7d`.
        #[arg(long = "for", value_name = "TIME")]
        span: Span,
        #[command(flatten)]
        action: AlertAction,
    },
    /// Unmute an alert.
    Unmute(AlertAction),
    /// Resolve an alert. The next violation opens a new one.
    Resolve(AlertAction),
}

impl Alerts {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            AlertVerb::List(list) => list.run(),
            AlertVerb::Ack(action) => action.change(Client::acknowledge_alert),
            AlertVerb::Unmute(action) => action.change(Client::unmute_alert),
            AlertVerb::Resolve(action) => action.change(Client::resolve_alert),
            AlertVerb::Mute { span, action } => action.mute(now().after(span)),
        }
    }
}
