//! `kilter waiver`: rules of gates that versions may miss until a time.

use clap::{Args, Subcommand};
use kilter_api::{self as api, PageQuery};
use kilter_domain::time::Timestamp;
use serde_json::json;

use crate::{
    commands::{alert::short_id::short, model::version_name::version_named},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// List, grant and revoke waivers: rules of gates that versions may miss until a time.
#[derive(Debug, Args)]
pub(crate) struct Waivers {
    #[command(subcommand)]
    verb: WaiverVerb,
}

#[derive(Debug, Subcommand)]
enum WaiverVerb {
    /// List the waivers of a model, newest first.
    List(List),
    /// Grant a waiver. It needs a validator who did not make the version.
    Grant(Grant),
    /// Revoke a waiver before its time. What relies on it lapses.
    Revoke(Revoke),
}

impl Waivers {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            WaiverVerb::List(list) => list.run(),
            WaiverVerb::Grant(grant) => grant.run(),
            WaiverVerb::Revoke(revoke) => revoke.run(),
        }
    }
}

#[derive(Debug, Args)]
struct List {
    /// The name of the model.
    model: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    fn run(self) -> Result<Answer, CliError> {
        let page = PageQuery::default();
        let found = self.connect.api()?.call(async |api| api.waivers(&self.model, &page).await)?;
        let mut table = TextTable::new(["id", "version", "gate", "rule", "state", "until", "by"]);
        for waiver in &found.items {
            table.row([
                short(&waiver.id).to_owned(),
                waiver.version.map_or_else(|| "every".to_owned(), |number| format!("v{number}")),
                waiver.gate.clone(),
                waiver.rule.clone(),
                word(waiver.state).to_owned(),
                minute(waiver.until),
                waiver.by.clone(),
            ]);
        }
        let page = match table.is_empty() {
            true => Page::new().line(format!("No rule of {} is waived.", self.model)),
            false => Page::new().table(table),
        };
        Ok(Answer::done(&json!({ "waivers": found.items, "next": found.next }), page))
    }
}

#[derive(Debug, Args)]
#[command(override_usage = "kilter waiver grant <VERSION> --gate <GATE> --rule <RULE> --until <TIME> --reason <TEXT>")]
struct Grant {
    /// The version, like `churn@3`, or the name of the model for every version.
    #[arg(value_name = "VERSION")]
    which: String,
    /// The name of the gate.
    #[arg(long)]
    gate: String,
    /// The rule, as in the contract.
    #[arg(long)]
    rule: String,
    /// When the waiver ends, like `2027-03-31`.
    #[arg(long, value_name = "TIME")]
    until: Timestamp,
    /// Why the rule need not hold until then.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Grant {
    fn run(self) -> Result<Answer, CliError> {
        let (model, version) = match self.which.contains('@') {
            true => version_named(&self.which).map(|(model, number)| (model, Some(number)))?,
            false => (self.which, None),
        };
        let body =
            api::GrantWaiver { version, gate: self.gate, rule: self.rule, reason: self.reason, until: self.until };
        let waiver = self.connect.api()?.call(async |api| api.grant_waiver(&model, &body).await)?;
        let page = Page::new().marked(Status::Ok, waiver_line(&waiver)).line(format!("waiver {}", waiver.id));
        Ok(Answer::done(&waiver, page))
    }
}

#[derive(Debug, Args)]
struct Revoke {
    /// The name of the model.
    model: String,
    /// The id of the waiver: the whole id, or its end as `kilter waiver list` shows it.
    id: String,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "revoked in the terminal")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Revoke {
    fn run(self) -> Result<Answer, CliError> {
        let body = api::Reason { reason: Some(self.reason) };
        let page = PageQuery::default();
        let waiver = self.connect.api()?.call(async |api| {
            let known = api.waivers(&self.model, &page).await?;
            // An end that names several is sent as it is: the answer says that there is none of that id.
            let mut named = known.items.iter().filter(|waiver| waiver.id.ends_with(&self.id));
            let id = match (named.next(), named.next()) {
                (Some(waiver), None) => waiver.id.clone(),
                _ => self.id.clone(),
            };
            api.revoke_waiver(&self.model, &id, &body).await
        })?;
        let page = Page::new().marked(Status::Ok, format!("the waiver of `{}` is revoked", waiver.rule));
        Ok(Answer::done(&waiver, page))
    }
}

const fn word(state: api::WaiverState) -> &'static str {
    match state {
        api::WaiverState::Granted => "granted",
        api::WaiverState::Ended => "ended",
        api::WaiverState::Revoked => "revoked",
    }
}

/// A waiver in force, as it is shown wherever its version is.
pub(crate) fn waiver_line(waiver: &api::Waiver) -> String {
    let until = minute(waiver.until);
    format!("gate {}: `{}` is waived until {until} by {}: {}", waiver.gate, waiver.rule, waiver.by, waiver.reason)
}
