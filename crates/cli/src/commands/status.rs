//! `kilter status`: every endpoint, what serves there, and what needs attention.

use clap::Args;
use kilter_api as api;
use kilter_client::Client;
use kilter_domain::{plural::counted, time::Timestamp};

use crate::{
    commands::prediction::lineage::with_serving,
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{self, Answer, Page, TextTable},
    },
};

/// Show every endpoint: its live version, its rollout and its problems.
///
/// Asks the server of the data folder. Without a server, it reads the folder itself.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Show what served at this moment instead, who approved it, and what it rests on (`2026-05-01T12:00:00Z`).
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Status {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        if let Some(at) = self.as_of {
            return as_of(&self.connect, at);
        }
        let status = self.connect.api()?.call(Client::status)?;
        let mut table = TextTable::new(["endpoint", "live", "on its way", "attention"]);
        for endpoint in &status.endpoints {
            let version = |deployment: &Option<api::Deployment>| {
                deployment.as_ref().map_or("–".to_owned(), |found| format!("v{} {}", found.version, found.stage()))
            };
            let live = endpoint.live.as_ref().map_or("–".to_owned(), |live| format!("v{}", live.version));
            let attention = match endpoint.open_alerts {
                _ if endpoint.refused.is_some() => view::Status::Bad.glyph().to_owned() + " serves nothing",
                _ if endpoint.candidate_refused.is_some() => {
                    view::Status::Bad.glyph().to_owned() + " candidate gets no requests"
                }
                0 if endpoint.live.is_none() => view::Status::Wait.glyph().to_owned() + " serves nothing yet",
                0 => view::Status::Ok.glyph().to_owned() + " healthy",
                count => format!("{} {}", view::Status::Warn.glyph(), counted(count, "open alert")),
            };
            table.row([endpoint.name.clone(), live, version(&endpoint.candidate), attention]);
        }
        let page = match status.endpoints.is_empty() {
            true => Page::new().line("Nothing is registered yet: kilter run"),
            false => {
                Page::new().table(table).line(format!("{} in the audit table", counted(status.audit_entries, "entry")))
            }
        };
        let page = match &status.grpc_address {
            Some(address) => page.line(format!("gRPC is answered on {address}")),
            None => page,
        };
        let page = status.servers.iter().map(server_line).fold(page, |page, (mark, text)| page.marked(mark, text));
        let page =
            status.endpoints.iter().filter_map(waiting).fold(page, |page, text| page.marked(view::Status::Wait, text));
        let page =
            status.endpoints.iter().filter_map(refusal).fold(page, |page, text| page.marked(view::Status::Bad, text));
        let exceptions = status
            .endpoints
            .iter()
            .flat_map(|endpoint| endpoint.exceptions.iter().map(|exception| format!("{}: {exception}", endpoint.name)));
        let page = exceptions.fold(page, |page, text| page.marked(view::Status::Warn, text));
        let broken = status.endpoints.iter().flat_map(broken_rules);
        let page = broken.fold(page, |page, text| page.marked(view::Status::Warn, text));
        let page = status.damage.iter().fold(page, |page, damage| page.marked(view::Status::Bad, damage.clone()));
        let page = match status.single_user {
            true => {
                page.line("Single-user mode: who acts is what the caller says (`kilter user add NAME --admin` ends it)")
            }
            false => page,
        };
        let stuck = status.tasks.iter().filter(|task| !task.ok);
        let page = stuck.fold(page, |page, task| {
            page.marked(view::Status::Bad, format!("{} is stuck: {}", task.name, task.detail))
        });
        Ok(Answer::done(&status, page))
    }
}

/// A server that shares the database, and what it does there alone.
fn server_line(server: &api::SharingServer) -> (view::Status, String) {
    let name = format!("server {} on {}", server.replica, server.host);
    match (server.lives, server.projects.is_empty()) {
        (false, _) => (view::Status::Warn, format!("{name} is gone since {}", server.until)),
        (true, true) => (view::Status::Ok, name),
        (true, false) => (view::Status::Ok, format!("{name} evaluates and trains {}", server.projects.join(", "))),
    }
}

/// What served at a moment, and what it rests on.
fn as_of(connect: &ConnectArgs, at: Timestamp) -> Result<Answer, CliError> {
    let found = connect.api()?.call(async |api| api.as_of(&api::AsOfQuery { at }).await)?;
    let mut page = Page::new().line(format!("as of {}", at));
    for endpoint in &found.endpoints {
        page = endpoint.serving.iter().fold(page, |page, serving| with_serving(page, &endpoint.name, serving));
        if endpoint.serving.is_empty() {
            page = page.marked(view::Status::Wait, format!("{}: nothing served", endpoint.name));
        }
    }
    if found.endpoints.is_empty() {
        page = page.line("Nothing was registered yet");
    }
    Ok(Answer::done(&found, page))
}

/// The input rules that rows broke, the most often broken ones first.
fn broken_rules(endpoint: &api::EndpointStatus) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut broken: Vec<&api::InputRuleCount> = endpoint.input_rules.iter().filter(|count| count.rows > 0).collect();
    broken.sort_by_key(|count| std::cmp::Reverse(count.rows));
    let line = |count: &&api::InputRuleCount| {
        let api::InputRuleCount { version, input, rule, policy, rows } = count;
        format!("{} v{version}: {} broke {rule}({input}): {}", endpoint.name, counted(*rows, "row"), policy.as_str())
    };
    broken.iter().take(SHOWN).map(line).collect()
}

/// Which version is waited with, for whom, and what they type.
fn waiting(endpoint: &api::EndpointStatus) -> Option<String> {
    let waits = endpoint.waits.as_ref()?;
    let who = if waits.who.is_empty() { String::new() } else { format!("{}: ", waits.who.join(", ")) };
    Some(format!("{}: {}\n    {who}{}", endpoint.name, waits.reason, waits.command))
}

/// That a version is live (or on trial) and is not asked, and what to do.
fn refusal(endpoint: &api::EndpointStatus) -> Option<String> {
    if let (Some(reason), Some(candidate)) = (&endpoint.candidate_refused, &endpoint.candidate) {
        return Some(format!(
            "v{} is {} at {} and cannot predict: {reason}\n    stop it with `kilter rollback {}`",
            candidate.version,
            candidate.stage(),
            endpoint.name,
            endpoint.name
        ));
    }
    let reason = endpoint.refused.as_ref()?;
    let live = endpoint.live.as_ref().map_or_else(String::new, |live| format!("v{} ", live.version));
    Some(format!(
        "{} serves nothing: {live}was refused when it was loaded: {reason}\n    go back with `kilter rollback {}`, or deploy another",
        endpoint.name, endpoint.name
    ))
}
