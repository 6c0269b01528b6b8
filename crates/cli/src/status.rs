//! `kilter status`, `model`, `deployment`, `alert`, `audit`: what there is in a data folder and how it stands.

use clap::{Args, Subcommand};
use kilter_domain::ids::ModelName;
use kilter_server::views;
use kilter_wire::{Exit, v1};
use serde_json::json;

use crate::{
    failure::usage,
    page::{Answer, Mark, Page, TextTable},
    project::DataFolder,
    stop::Stop,
};

/// Show every endpoint, what serves there, and what is not all right.
///
/// Reads the data folder by itself, so it works while no server has it; a running server tells the same at /api/v1/status.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    data: DataFolder,
}

impl Status {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let status = views::status(&self.data.open_existing()?)?;
        let mut table = TextTable::new(["endpoint", "live", "on its way", "attention"]);
        for endpoint in &status.endpoints {
            let version = |deployment: &Option<v1::Deployment>| {
                deployment.as_ref().map_or("–".to_owned(), |found| format!("v{} {}", found.version, found.state))
            };
            let live = endpoint.live.as_ref().map_or("–".to_owned(), |live| format!("v{}", live.version));
            let attention = match endpoint.open_alerts {
                0 => Mark::Ok.glyph().to_owned() + " healthy",
                count => format!("{} {count} open alerts", Mark::Warn.glyph()),
            };
            table.row([endpoint.name.clone(), live, version(&endpoint.candidate), attention]);
        }
        let page = match status.endpoints.is_empty() {
            true => Page::new().line("Nothing is registered yet: kilter run"),
            false => Page::new().table(table).line(format!("{} entries in the audit table", status.audit_entries)),
        };
        Ok(Answer::done(&status, page))
    }
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
        data: DataFolder,
    },
    /// Show a version: its state, what was measured, what each gate said.
    Show {
        /// The version, like `churn@3`.
        #[arg(value_name = "VERSION")]
        which: String,
        #[command(flatten)]
        data: DataFolder,
    },
}

impl Models {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        match self.what {
            ModelVerb::List { data } => list_models(&data),
            ModelVerb::Show { which, data } => show_version(&which, &data),
        }
    }
}

fn list_models(data: &DataFolder) -> Result<Answer, Stop> {
    let models = views::models(&data.open_existing()?)?;
    let mut table = TextTable::new(["model", "version", "state", "made", "package"]);
    for version in models.iter().flat_map(|model| &model.versions) {
        let package = version.digest.chars().take(12).collect::<String>();
        table.row([
            version.model.clone(),
            format!("v{}", version.number),
            version.state.clone(),
            version.created.clone(),
            package,
        ]);
    }
    let page = if table.is_empty() {
        Page::new().line("There is no version yet: kilter run")
    } else {
        Page::new().table(table)
    };
    Ok(Answer::done(&json!({ "models": models }), page))
}

fn show_version(text: &str, data: &DataFolder) -> Result<Answer, Stop> {
    let wrong = || usage(format!("`{text}` does not name a version: write it like churn@3"));
    let (model, number) = text.split_once('@').ok_or_else(wrong)?;
    let model: ModelName = model.parse().map_err(|_| wrong())?;
    let number = number.trim_start_matches('v').parse().map_err(|_| wrong())?;
    let version = views::version_with_gates(&data.open_existing()?, &model, number)?;
    let mark = match version.state.as_str() {
        "approved" => Mark::Ok,
        "rejected" | "revoked" => Mark::Bad,
        "retired" => Mark::None,
        _ => Mark::Wait,
    };
    let mut page = Page::new()
        .marked(mark, format!("{}@{} is {}", version.model, version.number, version.state))
        .line(format!("package {}, made {}", version.digest, version.created));
    for gate in &version.gates {
        let mark = match gate.verdict.as_str() {
            "passed" => Mark::Ok,
            "failed" => Mark::Bad,
            _ => Mark::Wait,
        };
        page = page.marked(mark, format!("gate {}: {}", gate.gate, gate.verdict));
        page = gate.because.iter().fold(page, |page, because| page.line(format!("    {because}")));
    }
    let mut table = TextTable::new(["metric", "value"]);
    for (name, value) in version.metrics.as_object().into_iter().flatten() {
        table.row([name.clone(), value.as_f64().map_or(value.to_string(), |value| format!("{value:.4}"))]);
    }
    Ok(Answer::done(&version, if table.is_empty() { page } else { page.table(table) }))
}

/// Deployments: which version served where, and when.
#[derive(Debug, Args)]
pub(crate) struct Deployments {
    #[command(flatten)]
    data: DataFolder,
}

impl Deployments {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let found = views::deployments(&self.data.open_existing()?, None)?;
        let mut table = TextTable::new(["endpoint", "version", "state", "requested", "live since", "live until"]);
        for deployment in &found {
            let time = |time: &Option<String>| time.clone().unwrap_or("–".to_owned());
            table.row([
                deployment.endpoint.clone(),
                format!("v{}", deployment.version),
                deployment.state.clone(),
                deployment.created.clone(),
                time(&deployment.live_since),
                time(&deployment.live_until),
            ]);
        }
        let page = if table.is_empty() {
            Page::new().line("Nothing was deployed yet: kilter run")
        } else {
            Page::new().table(table)
        };
        Ok(Answer::done(&json!({ "deployments": found }), page))
    }
}

/// Alerts: readings that stayed out of bounds.
#[derive(Debug, Args)]
pub(crate) struct Alerts {
    /// Also those that are over.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    data: DataFolder,
}

impl Alerts {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        let found = views::alerts(&self.data.open_existing()?, !self.all)?;
        let mut table = TextTable::new(["opened", "endpoint", "monitor", "state", "cause"]);
        for alert in &found {
            let cells = [&alert.opened, &alert.endpoint, &alert.monitor, &alert.state, &alert.cause];
            table.row(cells.map(Clone::clone));
        }
        let page =
            if table.is_empty() { Page::new().marked(Mark::Ok, "no open alert") } else { Page::new().table(table) };
        Ok(Answer::done(&json!({ "alerts": found }), page))
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
        data: DataFolder,
    },
    /// Read the whole table and compare it with itself and with every state. Ends with 3 when something is wrong.
    Verify {
        #[command(flatten)]
        data: DataFolder,
    },
}

impl Audit {
    pub(crate) fn run(self) -> Result<Answer, Stop> {
        match self.what {
            AuditVerb::List { limit, data } => list_audit(limit, &data),
            AuditVerb::Verify { data } => verify_audit(&data),
        }
    }
}

fn list_audit(limit: u32, data: &DataFolder) -> Result<Answer, Stop> {
    let entries = views::audit(&data.open_existing()?, limit)?;
    let mut table = TextTable::new(["entry", "at", "who", "what", "object", "why"]);
    for entry in &entries {
        let why = entry.reason.clone().unwrap_or_default();
        let cells = [&entry.at, &entry.actor, &entry.action, &entry.object, &why];
        table.row(std::iter::once(entry.seq.to_string()).chain(cells.map(Clone::clone)));
    }
    Ok(Answer::done(&json!({ "entries": entries }), Page::new().table(table)))
}

fn verify_audit(data: &DataFolder) -> Result<Answer, Stop> {
    let (entries, faults) = views::verify_audit(&data.open_existing()?)?;
    let document = json!({ "entries": entries, "sound": faults.is_empty(), "faults": faults });
    if faults.is_empty() {
        let page = Page::new().marked(Mark::Ok, format!("{entries} entries, unbroken; every state has its entry"));
        return Ok(Answer::done(&document, page));
    }
    let page = faults.iter().fold(Page::new(), |page, fault| page.marked(Mark::Bad, fault.clone()));
    let page = page.line(format!("{} things are wrong in {entries} entries", faults.len()));
    Ok(Answer::done(&document, page).exit(Exit::Negative))
}
