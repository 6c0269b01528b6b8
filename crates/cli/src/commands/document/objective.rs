//! `kilter objective`: what the business wants, and what it came to.

use clap::{Args, Subcommand};
use kilter_api as api;

use crate::{
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Readings that are shown of each objective.
const MAX_SHOWN: usize = 10;

/// List objectives with what they came to, or measure them now.
#[derive(Debug, Args)]
pub(crate) struct Objectives {
    #[command(subcommand)]
    verb: ObjectiveVerb,
}

#[derive(Debug, Subcommand)]
enum ObjectiveVerb {
    /// List the objectives of a model with their newest readings.
    List(Of),
    /// Measure the objectives of a model now. A server measures each once a day.
    Measure(Of),
}

#[derive(Debug, Args)]
struct Of {
    /// The name of the model.
    model: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Objectives {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let (of, measures) = match self.verb {
            ObjectiveVerb::List(of) => (of, false),
            ObjectiveVerb::Measure(of) => (of, true),
        };
        let found = of.connect.api()?.call(async |api| match measures {
            true => api.measure_objectives(&of.model).await,
            false => api.objectives(&of.model).await,
        })?;
        let mut page = found.items.iter().fold(Page::new(), shown);
        if found.items.is_empty() {
            page = page.line(format!("The contract of {} has no [objective.NAME].", of.model));
        }
        Ok(Answer::done(&found, page))
    }
}

fn shown(page: Page, objective: &api::Objective) -> Page {
    let last = objective.readings.first();
    let mark = match last.and_then(|last| last.is_met) {
        Some(true) => Status::Ok,
        Some(false) => Status::Bad,
        None => Status::Wait,
    };
    let kpi = objective.kpi.as_deref().unwrap_or(&objective.name);
    let target = objective.target.as_ref().map_or_else(String::new, |target| format!(", target {target}"));
    let baseline = objective.baseline.map_or_else(String::new, |baseline| format!(", {baseline} before the model"));
    let page = page.marked(mark, format!("{}: {kpi}{target}{baseline}", objective.name));
    let page = match objective.review_due {
        Some(due) => page.line(format!("  to be looked at on {}", minute(due))),
        None => page,
    };
    let mut table = TextTable::new(["measured", "value", "target is", "version"]);
    for reading in objective.readings.iter().take(MAX_SHOWN) {
        table.row([
            minute(reading.at),
            reading.value.map_or_else(|| reading.note.clone().unwrap_or_default(), |value| format!("{value:.4}")),
            reading.is_met.map_or("–", |is_met| if is_met { "met" } else { "missed" }).to_owned(),
            reading.version.map_or_else(|| "–".to_owned(), |version| format!("v{version}")),
        ]);
    }
    if table.is_empty() { page.line("  not measured yet") } else { page.table(table) }
}
