//! What a copy answers: the verdict, a table of both sides, and what is not the same.

use std::time::Instant;

use kilter_api::{Code, Exit, ImportCount, Problem};
use kilter_domain::plural::counted;
use kilter_mlflow::{CopyOptions, Kind, Report, TransferError};
use serde::Serialize;

use crate::{
    byte_size::in_words,
    ui::{
        error::{CliError, code_of},
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status, TextTable},
    },
};

/// Differences that are shown.
const MAX_SHOWN: usize = 10;

/// How both sides are called.
pub(super) struct Words {
    pub(super) done: &'static str,
    pub(super) undone: &'static str,
    pub(super) there: &'static str,
    pub(super) here: &'static str,
}

#[derive(Serialize)]
struct Copied<'r> {
    place: &'r str,
    dry_run: bool,
    same: bool,
    counts: Vec<ImportCount>,
    bytes: u64,
    unchanged_runs: u64,
    kept_elsewhere: u64,
    experiments: Vec<MappedExperiment<'r>>,
    differences: &'r [String],
    difference_count: u64,
}

#[derive(Serialize)]
struct MappedExperiment<'r> {
    name: &'r str,
    source_id: i64,
    id: i64,
}

/// Why a copy failed, as a problem with a code.
pub(super) fn failed(error: TransferError) -> CliError {
    let code = match &error {
        TransferError::Platform(problem) => return CliError::Problem(problem.clone()),
        TransferError::Address { .. } => Code::UsageInvalid,
        TransferError::Unavailable { .. } => Code::ServerUnreachable,
        TransferError::Refused { status: 401 | 403, .. } => Code::PermissionDenied,
        TransferError::Refused { .. } | TransferError::Unreadable { .. } | TransferError::Hostile { .. } => {
            Code::FileInvalid
        }
        TransferError::File { source, .. } => code_of(source),
    };
    Problem::of(code, &error).hint(next_step(&error)).into()
}

/// What to do about a copy that failed.
const fn next_step(error: &TransferError) -> &'static str {
    match error {
        TransferError::Address { .. } => "name a server like `https://mlflow.example.org`, or a folder `mlruns`",
        TransferError::Refused { status: 401 | 403, .. } => {
            "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, as for MLflow's client"
        }
        TransferError::File { .. } => "see that the folder is there and yours to use; then the same command goes on",
        TransferError::Unreadable { .. } | TransferError::Hostile { .. } => {
            "mend or leave out at the source what is named; what has come stays, and the same command goes on"
        }
        TransferError::Unavailable { .. } | TransferError::Refused { .. } | TransferError::Platform(_) => {
            "what has come stays; the same command goes on from there"
        }
    }
}

/// Does a copy and shows how far it is.
pub(super) fn show_progress(
    output: &Output,
    copy: impl FnOnce(&dyn Fn(&Report)) -> Result<Report, TransferError>,
) -> Result<Report, TransferError> {
    let (bar, began) = (ProgressBar::start(output), Instant::now());
    copy(&|report: &Report| {
        let count = |kind| report.count(kind).here();
        let text = format!(
            "{} runs, {} points, {} files, {} s",
            count(Kind::Runs),
            count(Kind::Points),
            count(Kind::Artifacts),
            began.elapsed().as_secs()
        );
        bar.set(0, 0, &text);
    })
}

pub(super) fn answer(report: &Report, options: CopyOptions, place: &str, words: &Words) -> Answer {
    let is_same = report.difference_count == 0;
    let experiments =
        report.mapped.iter().map(|(name, source_id, id)| MappedExperiment { name, source_id: *source_id, id: *id });
    let document = Copied {
        place,
        dry_run: options.is_dry_run,
        same: is_same,
        counts: report.counts(),
        bytes: report.bytes,
        unchanged_runs: report.unchanged_runs,
        kept_elsewhere: report.kept_elsewhere,
        experiments: experiments.collect(),
        differences: &report.differences,
        difference_count: report.difference_count,
    };
    let exit = if is_same { Exit::Done } else { Exit::CheckFailed };
    Answer::done(&document, page(report, options, words)).exit(exit)
}

fn page(report: &Report, options: CopyOptions, words: &Words) -> Page {
    let runs = counted(report.count(Kind::Runs).brought, "run");
    let page = match (options.is_dry_run, report.difference_count) {
        (true, _) => Page::new().line(format!("{runs} {}; nothing was changed", words.undone)),
        (false, 0) => Page::new().marked(Status::Ok, format!("{runs} {}, and both sides are the same", words.done)),
        (false, count) => {
            let differ = if count == 1 { "thing is" } else { "things are" };
            Page::new().marked(Status::Bad, format!("{runs} {}, and {count} {differ} not the same", words.done))
        }
    };
    let (done, digest) = if options.is_dry_run { ("to come", "") } else { (words.done, "digest") };
    let mut table = TextTable::new(["what", words.there, words.here, done, digest]);
    for kind in Kind::ALL.into_iter().filter(|kind| !options.is_dry_run || *kind != Kind::Points) {
        let (count, shown) = (report.count(kind), report.counts().swap_remove(kind as usize));
        let digest = match (options.is_dry_run, count.is_same()) {
            (true, _) => String::new(),
            (false, true) => shown.source_digest[..12].to_owned(),
            (false, false) => format!("{} / {}", &shown.source_digest[..12], &shown.here_digest[..12]),
        };
        table.row([
            kind.as_str().to_owned(),
            count.source().to_string(),
            count.here().to_string(),
            count.brought.to_string(),
            digest,
        ]);
    }
    notes(report, page.table(table))
}

fn notes(report: &Report, mut page: Page) -> Page {
    if report.bytes > 0 {
        page = page.line(format!("{} of artifacts", in_words(report.bytes)));
    }
    if report.unchanged_runs > 0 {
        let runs = counted(report.unchanged_runs, "run");
        page = page.line(format!("{runs} unchanged; their histories were not read again (--all does)"));
    }
    for (name, there, here) in report.mapped.iter().take(MAX_SHOWN) {
        page = page.line(format!("experiment `{name}` had the id {there}, and has {here} here"));
    }
    if report.kept_elsewhere > 0 {
        let owners = counted(report.kept_elsewhere, "run or model");
        page = page.marked(Status::Warn, format!("the files of {owners} stay in their object store"));
    }
    for difference in report.differences.iter().take(MAX_SHOWN) {
        page = page.marked(Status::Bad, difference);
    }
    match report.difference_count as usize {
        count if count > MAX_SHOWN => page.line(format!("and {} more (--json names 100)", count - MAX_SHOWN)),
        _ => page,
    }
}
