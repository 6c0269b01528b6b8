//! `kilter status`, `model`, `deployment`, `audit`: what there is and how it stands.

use clap::{Args, Subcommand};
use kilter_api::{self as api, Exit};
use kilter_domain::plural::{counted, plural};
use serde_json::json;

use crate::{
    connect::Reach,
    ui::{
        error::{Stop, usage},
        view::{Answer, Mark, Page, TextTable, minute},
    },
};

/// Show every endpoint, what serves there, and what is not all right.
///
/// Asks the server that has the data folder; where none has, it reads the folder by itself.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    reach: Reach,
}

impl Status {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let status: api::Status = self.reach.api()?.get("/api/v1/status")?;
        let mut table = TextTable::new(["endpoint", "live", "on its way", "attention"]);
        for endpoint in &status.endpoints {
            let version = |deployment: &Option<api::Deployment>| {
                deployment.as_ref().map_or("–".to_owned(), |found| format!("v{} {}", found.version, found.state))
            };
            let live = endpoint.live.as_ref().map_or("–".to_owned(), |live| format!("v{}", live.version));
            let attention = match endpoint.open_alerts {
                _ if endpoint.refused.is_some() => Mark::Bad.glyph().to_owned() + " serves nothing",
                _ if endpoint.candidate_refused.is_some() => Mark::Bad.glyph().to_owned() + " candidate is not asked",
                0 if endpoint.live.is_none() => Mark::Wait.glyph().to_owned() + " serves nothing yet",
                0 => Mark::Ok.glyph().to_owned() + " healthy",
                count => format!("{} {}", Mark::Warn.glyph(), counted(count, "open alert")),
            };
            table.row([endpoint.name.clone(), live, version(&endpoint.candidate), attention]);
        }
        let page = match status.endpoints.is_empty() {
            true => Page::new().line("Nothing is registered yet: kilter run"),
            false => {
                Page::new().table(table).line(format!("{} in the audit table", counted(status.audit_entries, "entry")))
            }
        };
        let page = status.endpoints.iter().filter_map(waiting).fold(page, |page, text| page.marked(Mark::Wait, text));
        let page = status.endpoints.iter().filter_map(refusal).fold(page, |page, text| page.marked(Mark::Bad, text));
        let page = status.damage.iter().fold(page, |page, damage| page.marked(Mark::Bad, damage.clone()));
        let stuck = status.tasks.iter().filter(|task| !task.ok);
        let page = stuck
            .fold(page, |page, task| page.marked(Mark::Bad, format!("{} stands still: {}", task.name, task.detail)));
        Ok(Answer::done(&status, page))
    }
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
            "v{} is {} at {} and cannot be asked: {reason}\n    take it back with `kilter rollback {}`",
            candidate.version, candidate.state, endpoint.name, endpoint.name
        ));
    }
    let reason = endpoint.refused.as_ref()?;
    let live = endpoint.live.as_ref().map_or_else(String::new, |live| format!("v{} ", live.version));
    Some(format!(
        "{} serves nothing: {live}was refused when it was loaded: {reason}\n    go back with `kilter rollback {}`, or deploy another",
        endpoint.name, endpoint.name
    ))
}

/// Models and their versions.
#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    what: ModelVerb,
}

#[derive(Debug, Subcommand)]
enum ModelVerb {
    /// List the models and their versions.
    List {
        #[command(flatten)]
        reach: Reach,
    },
    /// Show a version: its state, what was measured, what each gate said.
    Show {
        /// The version, like `churn@3`.
        #[arg(value_name = "VERSION")]
        which: String,
        #[command(flatten)]
        reach: Reach,
    },
}

impl Models {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        match self.what {
            ModelVerb::List { reach } => list_models(&reach),
            ModelVerb::Show { which, reach } => show_version(&which, &reach),
        }
    }
}

fn list_models(reach: &Reach) -> Result<Answer, Stop> {
    let models: api::Page<api::Model> = reach.api()?.get("/api/v1/models")?;
    let mut table = TextTable::new(["model", "version", "state", "made", "package"]);
    for version in models.items.iter().flat_map(|model| &model.versions) {
        let package = version.digest.chars().take(12).collect::<String>();
        table.row([
            version.model.clone(),
            format!("v{}", version.number),
            version.state.clone(),
            minute(&version.created),
            package,
        ]);
    }
    let page = if table.is_empty() {
        Page::new().line("There is no version yet: kilter run")
    } else {
        Page::new().table(table)
    };
    Ok(Answer::done(&json!({ "models": models.items, "next": models.next }), page))
}

/// Model and number of a version that is written like `churn@3`.
pub(crate) fn version_named(text: &str) -> Result<(String, u32), Stop> {
    let wrong = || usage(format!("`{text}` does not name a version: write it like churn@3"));
    let (model, number) = text.split_once('@').ok_or_else(wrong)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let number = number.trim_start_matches('v').parse().map_err(|_| wrong())?;
    match !model.is_empty() && model.chars().all(is_plain) {
        true => Ok((model.to_owned(), number)),
        false => Err(wrong()),
    }
}

fn show_version(text: &str, reach: &Reach) -> Result<Answer, Stop> {
    let (model, number) = version_named(text)?;
    let version: api::Version = reach.api()?.get(&format!("/api/v1/models/{model}/versions/{number}"))?;
    let mark = match version.state.as_str() {
        "approved" => Mark::Ok,
        "rejected" | "revoked" => Mark::Bad,
        "retired" => Mark::None,
        _ => Mark::Wait,
    };
    let mut page = Page::new()
        .marked(mark, format!("{}@{} is {}", version.model, version.number, version.state))
        .line(format!("package {}, made {}", version.digest, version.created));
    page = with_metrics(with_gates(page, &version), &version);
    Ok(Answer::done(&version, page))
}

/// What each gate said of a version, rule by rule.
pub(crate) fn with_gates(mut page: Page, version: &api::Version) -> Page {
    for gate in &version.gates {
        let mark = match gate.verdict.as_str() {
            "passed" => Mark::Ok,
            "failed" => Mark::Bad,
            _ => Mark::Wait,
        };
        page = page.marked(mark, format!("gate {}: {}", gate.gate, gate.verdict));
        page = gate.reason.iter().fold(page, |page, reason| page.line(format!("    {reason}")));
    }
    page
}

/// What was measured of a version on rows that it was not trained on.
pub(crate) fn with_metrics(page: Page, version: &api::Version) -> Page {
    let mut table = TextTable::new(["metric", "value"]);
    for (name, value) in version.metrics.as_object().into_iter().flatten() {
        table.row([name.clone(), value.as_f64().map_or(value.to_string(), |value| format!("{value:.4}"))]);
    }
    if table.is_empty() { page } else { page.table(table) }
}

/// Deployments: which version served where, and when.
#[derive(Debug, Args)]
pub(crate) struct Deployments {
    #[command(flatten)]
    reach: Reach,
}

impl Deployments {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let found: api::Page<api::Deployment> = self.reach.api()?.get("/api/v1/deployments")?;
        let mut table = TextTable::new(["endpoint", "version", "state", "requested", "live since", "live until"]);
        for deployment in &found.items {
            let time = |time: &Option<String>| time.as_deref().map_or("–".to_owned(), minute);
            table.row([
                deployment.endpoint.clone(),
                format!("v{}", deployment.version),
                deployment.state.clone(),
                minute(&deployment.created),
                time(&deployment.live_since),
                time(&deployment.live_until),
            ]);
        }
        let page = if table.is_empty() {
            Page::new().line("Nothing was deployed yet: kilter run")
        } else {
            Page::new().table(table)
        };
        Ok(Answer::done(&json!({ "deployments": found.items, "next": found.next }), page))
    }
}

/// The audit table: who changed what, when and why.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: AuditVerb,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// List the newest entries.
    List {
        /// How many, at most 1000.
        #[arg(long, default_value_t = 40)]
        limit: u32,
        #[command(flatten)]
        reach: Reach,
    },
    /// Read the whole table and compare it with itself and with every state. Ends with 3 when something is wrong.
    Verify {
        #[command(flatten)]
        reach: Reach,
    },
}

impl Audit {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        match self.what {
            AuditVerb::List { limit, reach } => list_audit(limit, &reach),
            AuditVerb::Verify { reach } => verify_audit(&reach),
        }
    }
}

fn list_audit(limit: u32, reach: &Reach) -> Result<Answer, Stop> {
    let found: api::Page<api::AuditEntry> = reach.api()?.get(&format!("/api/v1/audit?limit={limit}"))?;
    let mut table = TextTable::new(["entry", "at", "who", "what", "object", "why"]);
    for entry in &found.items {
        let why = entry.reason.clone().unwrap_or_default();
        let cells = [&entry.at, &entry.actor, &entry.action, &entry.object, &why];
        table.row(std::iter::once(entry.seq.to_string()).chain(cells.map(Clone::clone)));
    }
    Ok(Answer::done(&json!({ "entries": found.items, "next": found.next }), Page::new().table(table)))
}

fn verify_audit(reach: &Reach) -> Result<Answer, Stop> {
    let check: api::AuditCheck = reach.api()?.get("/api/v1/audit/verify")?;
    let entries = counted(check.entries, "entry");
    if check.sound {
        let page = Page::new().marked(Mark::Ok, format!("{entries}, unbroken; every row is as its entry wrote it"));
        let page = match check.unsealed_rows {
            0 => page,
            rows => {
                let were = plural(rows, "was", "were");
                let rows = counted(rows, "row");
                page.line(format!("{rows} {were} written by an earlier program: there only the state is compared"))
            }
        };
        return Ok(Answer::done(&check, page));
    }
    let page = check.faults.iter().fold(Page::new(), |page, fault| page.marked(Mark::Bad, fault.clone()));
    let page = page.line(format!("{} in {entries}", counted(check.faults.len(), "fault")));
    Ok(Answer::done(&check, page).exit(Exit::Negative))
}
