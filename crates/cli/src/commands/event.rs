//! `kilter event`: what was sent to webhooks and by mail.

use clap::{Args, Subcommand, ValueEnum};
use kilter_api as api;
use kilter_domain::plural::counted;
use serde_json::json;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List the events that are sent to webhooks and by mail; send some again.
#[derive(Debug, Args)]
pub(crate) struct Events {
    #[command(subcommand)]
    verb: EventVerb,
}

#[derive(Debug, Subcommand)]
enum EventVerb {
    /// List deliveries, newest first.
    List {
        /// Only those that stand so.
        #[arg(long)]
        state: Option<State>,
        /// The number of deliveries, at most 1000.
        #[arg(long, default_value_t = 40)]
        limit: u32,
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Send events again. Without options, those that were given up.
    Replay(Replay),
}

#[derive(Debug, Args)]
struct Replay {
    /// The number of the first entry of the audit log.
    #[arg(long, value_name = "ENTRY", default_value_t = 1)]
    from: u64,
    /// The number of the last entry.
    #[arg(long, value_name = "ENTRY")]
    to: Option<u64>,
    /// Only to this target, like `webhook:pager`.
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Also those that were delivered.
    #[arg(long)]
    delivered: bool,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    Pending,
    Delivered,
    Dead,
}

impl From<State> for api::DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Delivered => Self::Delivered,
            State::Dead => Self::Dead,
        }
    }
}

impl Events {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            EventVerb::List { state, limit, connect } => list(state, limit, &connect),
            EventVerb::Replay(replay) => replay.run(),
        }
    }
}

fn list(state: Option<State>, limit: u32, connect: &ConnectArgs) -> Result<Answer, CliError> {
    let query = api::DeliveryQuery { state: state.map(Into::into), limit: Some(limit), cursor: None };
    let found = connect.api()?.call(async |api| api.events(&query).await)?;
    let mut table = TextTable::new(["entry", "to", "is", "tries", "at", "answer"]);
    for delivery in &found.items {
        table.row([
            delivery.seq.to_string(),
            delivery.target.clone(),
            delivery.state.to_string(),
            delivery.attempts.to_string(),
            minute(delivery.at),
            delivery.detail.clone(),
        ]);
    }
    let page = match found.items.is_empty() {
        true => Page::new()
            .line("Nothing was sent: name targets with `kilter server --webhook NAME=URL` or `--mail NAME=ADDRESS`"),
        false => Page::new().table(table),
    };
    Ok(Answer::done(&json!({ "deliveries": found.items, "next": found.next }), page))
}

impl Replay {
    fn run(self) -> Result<Answer, CliError> {
        let body = api::ReplayEvents {
            first: self.from,
            // The largest number that every database has.
            last: self.to.unwrap_or(i64::MAX as u64),
            target: self.target,
            state: (!self.delivered).then_some(api::DeliveryState::Dead),
        };
        let replayed = self.connect.api()?.call(async |api| api.replay_events(&body).await)?;
        let page = Page::new().marked(Status::Ok, format!("{} sent again", counted(replayed.deliveries, "event")));
        Ok(Answer::done(&replayed, page))
    }
}
