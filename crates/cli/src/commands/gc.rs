//! `kilter gc`: what nothing needs any more or is past its retention, found and removed.

use clap::Args;
use kilter_api::{CollectGarbage, Garbage, GarbageCollection, GarbageKind};
use kilter_domain::time::Span;

use crate::{
    byte_size::{Size, in_words},
    connect::ConnectArgs,
    ui::{
        error::CliError,
        view::{Answer, Page, Status, TextTable, minute},
    },
};

/// Free disk space: find what nothing needs any more or is past its retention, and remove it with --delete.
///
/// Without --delete nothing is changed, and what would be removed is listed. Never removed is what a version needs that is not
/// rejected, retired or revoked, or that was ever deployed; what `kilter.lock` pins; the audit log; and what was written within
/// a day. A server may run meanwhile, and does the cheap part by itself once a day: records past their retention, and what clients
/// deleted 30 days ago.
#[derive(Debug, Args)]
pub(crate) struct Gc {
    /// Remove it. There is no way back but a backup.
    #[arg(long)]
    delete: bool,
    /// How long results of steps, logs of runs and packages of rejected versions stay that nobody uses.
    #[arg(long, value_name = "SPAN", default_value = "90d")]
    unused: Span,
    /// How long runs, experiments and logged models stay that clients of MLflow deleted. Until then they can be restored; then their names
    /// are free, and their artifacts go.
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    deleted: Span,
    /// The most that the results of the steps of one project may have; those that were not used for longest go first.
    #[arg(long, value_name = "SIZE")]
    cache_size: Option<Size>,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl Gc {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let body = CollectGarbage {
            delete: self.delete,
            unused: Some(self.unused),
            deleted: Some(self.deleted),
            cache_bytes: self.cache_size.map(|size| size.bytes() as u64),
        };
        let api = self.connect.api()?;
        let mut found = api.call(async |api| api.collect_garbage(&body).await)?;
        while !found.complete {
            let more = api.call(async |api| api.collect_garbage(&body).await)?;
            found = joined(found, more);
        }
        let page = page(&found);
        Ok(Answer::done(&found, page))
    }
}

/// Both parts of a collection that took more than one request.
fn joined(mut found: GarbageCollection, more: GarbageCollection) -> GarbageCollection {
    for garbage in more.garbage {
        match found.garbage.iter_mut().find(|known| known.kind == garbage.kind && known.place == garbage.place) {
            Some(known) => {
                known.count += garbage.count;
                known.bytes += garbage.bytes;
            }
            None => found.garbage.push(garbage),
        }
    }
    GarbageCollection { bytes: found.bytes + more.bytes, skipped: more.skipped, complete: more.complete, ..found }
}

fn page(found: &GarbageCollection) -> Page {
    let bytes = in_words(found.bytes);
    let page = match (found.garbage.is_empty(), found.deleted) {
        (true, _) => Page::new().marked(Status::Ok, "there is no garbage"),
        (false, true) => Page::new().marked(Status::Ok, format!("{bytes} freed")),
        (false, false) => Page::new().line(format!("{bytes} can be freed; nothing was removed yet")),
    };
    let mut table = TextTable::new(["what", "of", "count", "bytes", "before"]);
    for garbage in &found.garbage {
        let before = garbage.before.map(minute).unwrap_or_default();
        table.row([
            what(garbage).to_owned(),
            garbage.place.clone(),
            garbage.count.to_string(),
            in_words(garbage.bytes),
            before,
        ]);
    }
    let page = if table.is_empty() { page } else { page.table(table) };
    let page =
        found.skipped.iter().fold(page, |page, skipped| page.marked(Status::Warn, format!("left alone: {skipped}")));
    match found.deleted || found.garbage.is_empty() {
        true => page,
        false => page.line("→ `kilter gc --delete` removes it"),
    }
}

const fn what(garbage: &Garbage) -> &'static str {
    match garbage.kind {
        GarbageKind::Predictions => "predictions",
        GarbageKind::Labels => "labels",
        GarbageKind::Readings => "readings",
        GarbageKind::Packages => "packages",
        GarbageKind::StepResults => "results of steps",
        GarbageKind::StepBlobs => "blobs of steps",
        GarbageKind::Profiles => "profiles",
        GarbageKind::DatasetCopies => "copies of datasets",
        GarbageKind::Environments => "Python environments",
        GarbageKind::TrainingFiles => "training files",
        GarbageKind::Artifacts => "artifacts",
        GarbageKind::DeletedRuns => "deleted runs",
        GarbageKind::DeletedModels => "deleted logged models",
        GarbageKind::DeletedExperiments => "deleted experiments",
    }
}
