//! `kilter break-glass`: versions that were let answer without their approval, and what the review says.

use clap::{Args, Subcommand};
use kilter_api::{self as api, PageQuery};
use serde_json::json;

use crate::{
    commands::alert::short_id::short,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, minute},
    },
};

/// List and review versions that answer without their approval (`kilter deploy --break-glass`).
#[derive(Debug, Args)]
pub(crate) struct BreakGlasses {
    #[command(subcommand)]
    verb: BreakGlassVerb,
}

#[derive(Debug, Subcommand)]
enum BreakGlassVerb {
    /// List them, newest first.
    List(List),
    /// Say whether one had to be. If not, its version is taken away.
    Review(Review),
}

impl BreakGlasses {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            BreakGlassVerb::List(list) => list.run(),
            BreakGlassVerb::Review(review) => review.run(),
        }
    }
}

#[derive(Debug, Args)]
struct List {
    /// The name of the endpoint.
    endpoint: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl List {
    fn run(self) -> Result<Answer, CliError> {
        let page = PageQuery::default();
        let found = self.connect.api()?.call(async |api| api.break_glasses(&self.endpoint, &page).await)?;
        let mut page = found.items.iter().fold(Page::new(), |page, one| page.marked(mark(one.state), line(one)));
        if found.items.is_empty() {
            page = page.line(format!("No version answered at {} without its approval.", self.endpoint));
        }
        Ok(Answer::done(&json!({ "break_glasses": found.items, "next": found.next }), page))
    }
}

#[derive(Debug, Args)]
#[group(skip)]
struct Review {
    /// The name of the endpoint.
    endpoint: String,
    /// The id: the whole id, or its end as `kilter break-glass list` shows it.
    id: String,
    /// It had to be.
    #[arg(long, conflicts_with = "unjustified", required_unless_present = "unjustified")]
    justified: bool,
    /// It did not have to be: the version is taken away.
    #[arg(long)]
    unjustified: bool,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Review {
    fn run(self) -> Result<Answer, CliError> {
        let body = api::BreakGlassReview { justified: self.justified && !self.unjustified, reason: self.reason };
        let page = PageQuery::default();
        let reviewed = self.connect.api()?.call(async |api| {
            let known = api.break_glasses(&self.endpoint, &page).await?;
            // An end that names several is sent as it is: the answer says that there is none of that id.
            let mut named = known.items.iter().filter(|one| one.id.ends_with(&self.id));
            let id = match (named.next(), named.next()) {
                (Some(one), None) => one.id.clone(),
                _ => self.id.clone(),
            };
            api.review_break_glass(&self.endpoint, &id, &body).await
        })?;
        let page = Page::new().marked(mark(reviewed.state), line(&reviewed));
        Ok(Answer::done(&reviewed, page))
    }
}

const fn mark(state: api::BreakGlassState) -> Status {
    match state {
        api::BreakGlassState::Open => Status::Wait,
        api::BreakGlassState::Justified => Status::Ok,
        api::BreakGlassState::Unjustified => Status::Bad,
    }
}

/// A break-glass, as it is shown wherever its version is.
pub(crate) fn line(one: &api::BreakGlass) -> String {
    let review = match one.state {
        api::BreakGlassState::Open => format!("review it until {}", minute(one.due)),
        api::BreakGlassState::Justified => "justified".to_owned(),
        api::BreakGlassState::Unjustified => "unjustified, and taken away".to_owned(),
    };
    let (id, at) = (short(&one.id), minute(one.at));
    format!(
        "{id}: {} let v{} answer at {} without its approval, {at}: {}; {review}",
        one.by, one.version, one.endpoint, one.reason
    )
}
