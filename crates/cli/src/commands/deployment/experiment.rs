//! `kilter experiment`: what is on its way beside what is live: compared, listed, decided.

use clap::{Args, Subcommand};
use kilter_api as api;
use kilter_domain::time::Timestamp;

use crate::{
    commands::deployment::endpoint::EndpointArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Compare a new version with the live one, and decide.
#[derive(Debug, Args)]
pub(crate) struct Experiments {
    #[command(subcommand)]
    verb: ExperimentVerb,
}

#[derive(Debug, Subcommand)]
enum ExperimentVerb {
    Show(Show),
    Exposures(Exposures),
    Decide(Decide),
}

impl Experiments {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        match self.verb {
            ExperimentVerb::Show(show) => show.run(),
            ExperimentVerb::Exposures(exposures) => exposures.run(),
            ExperimentVerb::Decide(decide) => decide.run(),
        }
    }
}

/// Compare what is on its way at an endpoint with what is live: sample ratio, and the difference of each metric with an interval that
/// holds at all times at once. The numbers are computed from the recorded rows; with `--as-of` those of an earlier moment.
#[derive(Debug, Args)]
struct Show {
    #[command(flatten)]
    at: EndpointArgs,
    /// The last deployment of this version, in place of what is on its way.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Rows and labels count that were known then, such as 2026-03-01T12:00:00Z.
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
}

impl Show {
    fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let query = api::ComparisonQuery { version: self.version, as_of: self.as_of };
        let found = self.at.connect.api()?.call(async |api| api.comparison(&endpoint, &query).await)?;
        Ok(Answer::done(&found, page(&endpoint, &found)))
    }
}

fn page(endpoint: &str, found: &api::Comparison) -> Page {
    use api::ExperimentResult::{Better, Mismatch, NotEnoughData, Undecided, Worse};
    let (new, live) = (format!("version {}", found.candidate), format!("version {}", found.champion));
    let (status, verdict) = match found.result {
        Some(Better) => (Status::Ok, format!("{new} is better than {live}")),
        Some(Worse) => (Status::Bad, format!("{new} is worse than {live}")),
        Some(Mismatch) => (Status::Bad, format!("{new} and {live} did not receive their shares: nothing compares")),
        Some(Undecided) => (Status::Wait, format!("{new} is not known to be better or worse than {live}")),
        Some(NotEnoughData) => (Status::InsufficientData, format!("not enough data to compare {new} with {live}")),
        None => (Status::Wait, format!("{new} beside {live}; the contract states no experiment")),
    };
    let mut page = Page::new().marked(status, format!("{verdict} ({endpoint})"));
    if let Some(ratio) = &found.sample_ratio {
        let state = if ratio.is_mismatch { "mismatch" } else { "as set" };
        page = page.line(format!(
            "entities: {} met version {}, {} version {}; {} % was set: {state}, p = {:.3}",
            ratio.champion_entities,
            found.champion,
            ratio.candidate_entities,
            found.candidate,
            ratio.percent,
            ratio.p_value
        ));
    }
    let mut table = TextTable::new(["metric", "difference", "95 % at any time", "values"]);
    for metric in &found.metrics {
        let number = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let (difference, interval) = match metric.difference {
            Some(_) => (number(metric.difference), format!("[{}, {}]", number(metric.low), number(metric.high))),
            None => (metric.missing.clone().unwrap_or_default(), "–".to_owned()),
        };
        let count = metric.count.map_or("–".to_owned(), |count| count.to_string());
        table.row([metric.metric.to_string(), difference, interval, count]);
    }
    page.table(table)
}

/// List which entity met which version first while two versions shared the traffic.
#[derive(Debug, Args)]
struct Exposures {
    #[command(flatten)]
    at: EndpointArgs,
    /// The last deployment of this version, in place of what is on its way.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// How many are left out, from the first.
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
    /// How many are listed, at most 10000.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: u32,
}

impl Exposures {
    fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let query = api::ExposureQuery { version: self.version, after: Some(self.after), limit: Some(self.limit) };
        let found = self.at.connect.api()?.call(async |api| api.exposures(&endpoint, &query).await)?;
        let mut table = TextTable::new(["entity", "first answer", "version", "split", "prediction id"]);
        for one in &found.exposures {
            table.row([
                one.entity.clone(),
                minute(one.at),
                format!("v{}", one.version),
                format!("{} %", one.percent),
                one.id.clone(),
            ]);
        }
        let sentence = format!("{} of {} exposures at {endpoint}", found.exposures.len(), found.total);
        Ok(Answer::done(&found, Page::new().line(sentence).table(table)))
    }
}

/// End an experiment: the new version goes live, or is taken back. What was known then is in the audit log.
#[derive(Debug, Args)]
struct Decide {
    /// What becomes of the new version.
    #[arg(value_parser = ["promote", "stop"])]
    decision: String,
    #[command(flatten)]
    at: EndpointArgs,
    /// The reason, for the audit log.
    #[arg(long, value_name = "TEXT", default_value = "decided in the terminal")]
    reason: String,
}

impl Decide {
    fn run(self) -> Result<Answer, CliError> {
        let endpoint = self.at.endpoint()?;
        let decision = match self.decision.as_str() {
            "promote" => api::ExperimentDecision::Promote,
            _ => api::ExperimentDecision::Stop,
        };
        let body = api::DecideExperiment { decision, reason: Some(self.reason) };
        let moved = self.at.connect.api()?.call(async |api| api.decide_experiment(&endpoint, &body).await)?;
        let sentence = format!("version {} is {} at {endpoint}", moved.version, moved.stage());
        Ok(Answer::done(&moved, Page::new().marked(Status::Ok, sentence)))
    }
}
