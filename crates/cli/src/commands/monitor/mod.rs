//! `kilter monitor`: what the monitors of an endpoint measured, now and window by window.

mod columns;
mod prometheus;
mod result;
mod view;

use std::path::PathBuf;

use clap::{
    Args, Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use kilter_api::{self as api, Code, Exit, Problem};
use kilter_client::Client;
use kilter_domain::{alert::MonitorKind, nearest::nearest, time::Timestamp};

use crate::{
    connect::{Api, ConnectArgs},
    context::now,
    fs::write_whole,
    ui::{error::CliError, output::Output, view::Answer},
};
use result::{EndpointMonitors, EndpointSummary, RuleHistory};

/// Windows of a rule that a page draws.
const DRAWN_WINDOWS: usize = 60;
/// Rules whose past a page draws.
const DRAWN_RULES: usize = 40;
/// Rows of a page of the API at most.
const MAX_PAGE: u32 = 1_000;
/// Windows that are shown at most.
const MAX_WINDOWS: usize = 10_000;

/// Show monitors: newest readings, history, columns; export Prometheus rules.
#[derive(Debug, Args)]
pub(crate) struct Monitors {
    #[command(subcommand)]
    what: MonitorVerb,
}

#[derive(Debug, Subcommand)]
enum MonitorVerb {
    /// List the endpoints with the verdicts of their rules.
    List {
        #[command(flatten)]
        connect: ConnectArgs,
    },
    /// Show the rules of an endpoint with their newest readings, and open alerts with their root causes.
    Show(Show),
    /// Show the readings of a rule, window by window.
    History(History),
    /// Show the column statistics of an endpoint beside the reference of each version.
    Columns(columns::Wanted),
    /// Print Prometheus alerting rules for the metrics of an endpoint.
    ExportPrometheus {
        /// The name of the endpoint.
        endpoint: String,
        #[command(flatten)]
        connect: ConnectArgs,
    },
}

/// Reads the kind of a monitor.
fn kind_parser() -> impl TypedValueParser<Value = MonitorKind> {
    let words = MonitorKind::ALL.map(|kind| api::MonitorKind::from(kind).as_str());
    PossibleValuesParser::new(words).try_map(|text| text.parse())
}

#[derive(Debug, Args)]
struct Show {
    /// The name of the endpoint.
    endpoint: String,
    /// Only monitors of this kind.
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    kind: Option<MonitorKind>,
    /// Exit with 3 if a rule failed (`undecided`: also if a rule is undecided).
    #[arg(long, value_name = "VERDICT")]
    fail_on: Option<FailOn>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FailOn {
    Failed,
    Undecided,
}

#[derive(Debug, Args)]
struct History {
    /// The name of the endpoint.
    endpoint: String,
    /// The metric as `kilter monitor show` prints it: `auc`, `psi(income)`. One column of `psi(*)` is `psi(COLUMN)`.
    metric: String,
    /// One part of the metric: a column, a group or a slice like `region=north`.
    #[arg(long, value_name = "NAME")]
    part: Option<String>,
    /// The kind of monitor, if two monitors measure the same metric.
    #[arg(long, value_name = "KIND", value_parser = kind_parser())]
    kind: Option<MonitorKind>,
    /// The number of windows, newest first.
    #[arg(long, value_name = "N", default_value_t = 30)]
    windows: usize,
    /// Only windows that ended by this time.
    #[arg(long, value_name = "TIME")]
    before: Option<Timestamp>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Monitors {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        match self.what {
            MonitorVerb::List { connect } => list(&connect.api()?),
            MonitorVerb::Show(show) => show.run(),
            MonitorVerb::History(history) => history.run(),
            MonitorVerb::Columns(wanted) => wanted.run(),
            MonitorVerb::ExportPrometheus { endpoint, connect } => rules(&endpoint, &connect.api()?, output),
        }
    }
}

fn list(api: &Api) -> Result<Answer, CliError> {
    let status = api.call(Client::status)?;
    let mut listed = Vec::new();
    for endpoint in &status.endpoints {
        listed.push(EndpointSummary::of(endpoint, &newest(api, &endpoint.name)?));
    }
    let page = view::list(&listed);
    Ok(Answer::done(&serde_json::json!({ "endpoints": listed }), page))
}

/// The newest reading of every metric.
fn newest(api: &Api, endpoint: &str) -> Result<Vec<api::Reading>, CliError> {
    Ok(api.call(async |api| api.latest_readings(endpoint).await)?.items)
}

/// Which windows of a metric are wanted.
#[derive(Clone, Copy)]
struct Wanted<'w> {
    part: Option<&'w str>,
    /// Only windows that ended by then.
    before: Option<Timestamp>,
    windows: usize,
}

/// The newest windows of a metric, the oldest first; of each what is known best.
fn past(api: &Api, newest: &api::Reading, wanted: Wanted) -> Result<RuleHistory, CliError> {
    let mut past = RuleHistory::new(newest, wanted.part);
    let mut query = api::ReadingQuery {
        monitor: Some(newest.monitor),
        metric: Some(newest.metric.clone()),
        part: wanted.part.map(str::to_owned),
        limit: Some(MAX_PAGE),
        cursor: None,
    };
    loop {
        let page = api.call(async |api| api.readings(&newest.endpoint, &query).await)?;
        let is_wanted = |reading: &api::Reading| wanted.before.is_none_or(|before| reading.window_end <= before);
        past.add(page.items.into_iter().filter(is_wanted));
        match page.next {
            // A window is read again while labels come, so older pages may still hold one of the newest windows.
            Some(next) if past.len() < 2 * wanted.windows => query.cursor = Some(next),
            _ => break,
        }
    }
    past.keep_newest(wanted.windows);
    Ok(past)
}

impl Show {
    fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let mut readings = newest(&api, &self.endpoint)?;
        readings.retain(|reading| self.kind.is_none_or(|kind| reading.monitor == kind.into()));
        let query = api::AlertQuery { open: true, limit: Some(MAX_PAGE), cursor: None };
        let alerts = api.call(async |api| api.alerts(&query).await)?;
        let ours = |alert: &api::Alert| {
            alert.endpoint == self.endpoint && self.kind.is_none_or(|kind| alert.monitor == kind.into())
        };
        let alerts = alerts.items.into_iter().filter(ours).collect();
        let shown = EndpointMonitors::of(&self.endpoint, readings, alerts, self.html.clone());
        if let Some(html) = &self.html {
            let drawn = shown.rules.iter().take(DRAWN_RULES);
            let drawn_windows = Wanted { part: None, before: None, windows: DRAWN_WINDOWS };
            let pasts = drawn.map(|rule| past(&api, rule, drawn_windows)).collect::<Result<Vec<_>, _>>()?;
            write_whole(html, view::html(&shown, &pasts, now()).as_bytes())?;
        }
        let is_negative = match self.fail_on {
            None => false,
            Some(FailOn::Failed) => shown.count(api::Verdict::Failed) > 0,
            Some(FailOn::Undecided) => shown.count(api::Verdict::Failed) + shown.count(api::Verdict::Undecided) > 0,
        };
        let exit = if is_negative { Exit::CheckFailed } else { Exit::Done };
        Ok(Answer::done(&shown, view::show(&shown)).exit(exit))
    }
}

impl History {
    fn run(self) -> Result<Answer, CliError> {
        let api = self.connect.api()?;
        let readings = newest(&api, &self.endpoint)?;
        let named = |metric: &str| -> Vec<&api::Reading> {
            let is_meant = |reading: &&api::Reading| {
                reading.metric == metric && self.kind.is_none_or(|kind| reading.monitor == kind.into())
            };
            readings.iter().filter(is_meant).collect()
        };
        let (mut meant, mut part) = (named(&self.metric), self.part.as_deref());
        // A column of what is measured of every column.
        if let (true, None, Some((of_every, column))) = (meant.is_empty(), part, of_every(&self.metric)) {
            (meant, part) = (named(&of_every), Some(column));
        }
        let newest = match meant.as_slice() {
            [] => return Err(self.unknown(&readings)),
            [only] => only,
            [first, second, ..] => {
                let detail = format!("`{}` is measured by {} and {}", self.metric, first.monitor, second.monitor);
                return Err(Problem::new(Code::UsageInvalid, detail).hint("choose with --kind").into());
            }
        };
        let windows = self.windows.clamp(1, MAX_WINDOWS);
        let past = past(&api, newest, Wanted { part, before: self.before, windows })?;
        if past.readings().next().is_none() {
            return Err(self.no_window());
        }
        if let Some(part) = part.filter(|_| past.readings().all(|reading| reading.verdict.is_none())) {
            return Err(no_part(newest, part));
        }
        if let Some(html) = &self.html {
            write_whole(html, view::history_html(&past, now()).as_bytes())?;
        }
        Ok(Answer::done(&past.document(self.html.as_ref()), view::history(&past, self.html.as_ref())))
    }

    fn no_window(&self) -> CliError {
        let before = self.before.map(|before| before.to_string()).unwrap_or_default();
        let detail = format!("no window of `{}` ended by {before}", self.metric);
        Problem::new(Code::NotFound, detail).hint("name a later time, or leave out --before").into()
    }

    fn unknown(&self, readings: &[api::Reading]) -> CliError {
        let names = || readings.iter().map(|reading| reading.metric.as_str());
        let detail = format!("`{}` has no reading of `{}`", self.endpoint, self.metric);
        let problem = Problem::new(Code::NotFound, detail);
        match nearest(&self.metric, names()) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem.hint(format!("see what is measured: kilter monitor show {}", self.endpoint)),
        }
        .into()
    }
}

/// `psi(income)` as `psi(*)` and the column.
fn of_every(metric: &str) -> Option<(String, &str)> {
    let (function, rest) = metric.split_once('(')?;
    Some((format!("{function}(*)"), rest.strip_suffix(')')?))
}

fn no_part(newest: &api::Reading, part: &str) -> CliError {
    let detail = format!("`{}` at `{}` has no part `{part}` in these windows", newest.metric, newest.endpoint);
    Problem::new(Code::NotFound, detail)
        .hint("`kilter monitor show --json` and open alerts list the columns, groups and slices that were measured")
        .into()
}

fn rules(endpoint: &str, api: &Api, output: &Output) -> Result<Answer, CliError> {
    let readings = newest(api, endpoint)?;
    output.raw(&prometheus::rules(endpoint, &readings))?;
    Ok(Answer::written())
}
