//! `kilter replay`: a past played as production, and what came of it.

use std::path::{Path, PathBuf};

use clap::Args;
use kilter_api::Problem;
use kilter_app::{
    replay::{Period, Progress, ReplayError, ReplayOptions, Report, replay},
    temporary_folder,
};
use kilter_domain::{event::TimelineEvent, time::Timestamp};
use kilter_server::error::problem_of;
use tempfile::TempDir;

use crate::{
    commands::project::{
        replay_page,
        replay_words::{day, mark, sentences},
    },
    context::{app_options, now},
    fs::write_whole,
    ui::{
        error::{CliError, disk, usage},
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status, TextTable},
    },
};

/// Replay the dataset of a project as production, and show every decision.
///
/// Trains on the first period and serves the rest through the real endpoint, in the order of events. Labels arrive
/// when they became known. Monitors, alerts, retrainings, gates and promotions are those of the server, with a
/// simulated clock. One line per decision; --verbose shows each reason in full.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The folder of the project.
    project: PathBuf,
    /// Keep the data folder of the replay here; it must be empty or absent. Default: a temporary folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The random seed. Default: the one of the contract.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop the replay at this time.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Also write a self-contained HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Replay {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let options = ReplayOptions { seed: self.seed, until: self.until };
        let report = play(&self.project, self.keep.as_deref(), &options, output)?;
        if let Some(html) = &self.html {
            write_whole(html, replay_page::html(&report, now()).as_bytes())?;
        }
        Ok(Answer::done(&report, page(&report)))
    }
}

/// Plays a project; shows decisions while they fall.
pub(crate) fn play(
    project: &Path,
    keep: Option<&Path>,
    options: &ReplayOptions,
    output: &Output,
) -> Result<Report, CliError> {
    let temporary = keep.is_none().then(temporary_state).transpose()?;
    let state = keep.or(temporary.as_ref().map(TempDir::path)).unwrap_or(project);
    if state.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(usage(format!("`--keep {}` holds something already: name an empty folder", state.display())));
    }
    let bar = ProgressBar::start(output);
    let played = replay(project, state, options, app_options()?, &mut |progress| show_progress(&bar, output, progress));
    Ok(played.map_err(|error| problem(&error, keep.is_some()))?)
}

/// A folder for the state of a replay that nobody keeps.
pub(crate) fn temporary_state() -> Result<TempDir, CliError> {
    let above = std::env::temp_dir();
    temporary_folder(&above, "kilter-replay-").map_err(|error| disk("make a folder in", &above, &error))
}

/// Why a past was not played; the whole log of a step is named where it outlives the command.
pub(crate) fn problem(error: &ReplayError, is_kept: bool) -> Problem {
    match error {
        ReplayError::FirstTraining { log: Some(log), .. } if is_kept => {
            problem_of(error).hint(format!("its whole log is `{}`", log.file.display()))
        }
        _ => problem_of(error),
    }
}

fn show_progress(bar: &ProgressBar, output: &Output, progress: &Progress) {
    for event in &progress.events {
        bar.write_answer(output, &line(event));
    }
    bar.set(progress.answered as u64, progress.rows as u64, &day(progress.now));
}

/// One event as a line: day, kind, version, reason.
fn line(event: &TimelineEvent) -> Page {
    let version = event.version.map_or_else(String::new, |version| format!("v{version}"));
    let lead = format!("{}  {:<17}  {version:<3} ", day(event.at), event.kind.as_str().replace('_', " "));
    Page::new().reason(mark(event.kind), lead, event.reason.clone())
}

/// The report of a replay for a person: the periods, what acting was worth, what could not be known.
pub(crate) fn page(report: &Report) -> Page {
    let mut page = Page::new().line("").line(format!(
        "{} from {} to {}: {} by period",
        report.project,
        day(report.start),
        day(report.end),
        report.metric
    ));
    let mut table = TextTable::new(["from", "rows", "labelled", "served", "never retrained", "version"]);
    for period in &report.periods {
        table.row(cells(period));
    }
    page = page.table(table).line("");
    for sentence in sentences(report) {
        page = page.line(sentence);
    }
    report.notes.iter().fold(page, |page, note| page.reason(Status::None, "", note.clone()))
}

fn cells(period: &Period) -> [String; 6] {
    let metric = |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.4}"));
    [
        day(period.start),
        period.rows.to_string(),
        period.labelled.to_string(),
        metric(period.served),
        metric(period.never_retrained),
        period.served_version.map_or("–".to_owned(), |version| format!("v{version}")),
    ]
}
