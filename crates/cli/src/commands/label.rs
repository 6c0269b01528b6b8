//! `kilter label`: a file of what turned out to be true, sent to an endpoint.
//!
//! Invariants: rows are sent in batches and each is durable when it was answered; sending a file again corrects nothing
//! and loses nothing, because the label that was recorded last stands.

use std::path::PathBuf;

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_app::{clock_skew::is_ahead, prediction::LabelFromFuture};
use kilter_domain::{
    plural::{counted, plural},
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{ReadOptions, read_table};
use serde_json::{Value, json};

use crate::{
    connect::ConnectArgs,
    context::now,
    input::cells::{json_at, time_at},
    ui::{
        error::CliError,
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status},
    },
};

/// Labels that go into one request.
const BATCH: usize = 20_000;
/// Unknown ids, and sentences about unknown labels, that are shown at most.
const SHOWN: usize = 5;

/// Send labels from a file: prediction id, label, and the time at which it became known.
///
/// Late labels, corrections and unknown ids are accepted. A time in the future is rejected. An empty label removes an
/// earlier one.
#[derive(Debug, Args)]
pub(crate) struct Label {
    /// The endpoint of the predictions.
    endpoint: String,
    /// A CSV, JSON-lines or Parquet file.
    file: PathBuf,
    /// The column with the prediction ids.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    id: String,
    /// The column with the labels.
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    label: String,
    /// The column with the times at which labels became known. Default: now.
    #[arg(long, value_name = "COLUMN")]
    known_at: Option<String>,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// What became of the labels.
#[derive(Default)]
struct Sent {
    labels: usize,
    /// `None` where the log is too long to be looked through.
    known_ids: Option<usize>,
    unknown_ids: Vec<String>,
    /// Labels that name no class, by batch.
    unknown_labels: Vec<String>,
}

impl Sent {
    fn add(&mut self, kept: api::LabelsKept) {
        self.labels += kept.labels;
        self.known_ids = self.known_ids.zip(kept.known_ids).map(|(all, more)| all + more);
        self.unknown_ids.extend(kept.unknown_ids);
        self.unknown_labels.extend(kept.unknown_labels);
    }

    fn document(&self, endpoint: &str) -> Value {
        let unknown = self.known_ids.map(|known| self.labels - known);
        json!({
            "endpoint": endpoint,
            "labels": self.labels,
            "known_ids": self.known_ids,
            "unknown_ids": unknown,
            "unknown_examples": self.unknown_ids.iter().take(SHOWN).collect::<Vec<_>>(),
            "unknown_labels": self.unknown_labels,
        })
    }

    fn page(&self, endpoint: &str) -> Page {
        let mut page = Page::new().marked(
            Status::Ok,
            format!("{} {} kept at {endpoint}", counted(self.labels, "label"), plural(self.labels, "is", "are")),
        );
        page = match self.known_ids {
            Some(known) if known == self.labels => page.line("  every id is that of a recorded prediction"),
            Some(known) => {
                let named = self.unknown_ids.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                let unknown = self.labels - known;
                let words = format!(
                    "{} of recorded predictions, {unknown} {} not (yet), such as {named}",
                    plural(known, "1 id is that".to_owned(), format!("{known} ids are those")),
                    plural(unknown, "is", "are")
                );
                page.marked(Status::Warn, words)
            }
            None => page.line("  the log is too long to be looked through for the ids"),
        };
        self.unknown_labels.iter().take(SHOWN).fold(page, |page, words| page.marked(Status::Warn, words.clone()))
    }
}

impl Label {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let table = read_table(&self.file, &ReadOptions::default())?;
        let (ids, values) = (self.column(&table, &self.id)?, self.column(&table, &self.label)?);
        // Before anything is sent: a file that is wrong in its last row is sent not at all.
        let known = self.known_at.as_deref().map(|name| self.times(&table, (ids, name))).transpose()?;
        let api = self.connect.api()?;
        let (bar, mut sent) = (ProgressBar::start(output), Sent { known_ids: Some(0), ..Sent::default() });
        for first in (0..table.rows()).step_by(BATCH) {
            let rows = first..table.rows().min(first + BATCH);
            let batch = api::Labels {
                ids: rows.clone().map(|row| self.id_at(ids, row)).collect::<Result<_, _>>()?,
                values: rows.clone().map(|row| json_at(values, row)).collect(),
                known_at: known.as_ref().map(|known| known[rows.clone()].to_vec()),
                count_known: true,
            };
            sent.add(api.call(async |api| api.send_labels(&self.endpoint, &batch).await)?);
            bar.set(rows.end as u64, table.rows() as u64, "labels");
        }
        Ok(Answer::done(&sent.document(&self.endpoint), sent.page(&self.endpoint)))
    }

    fn column<'t>(&self, table: &'t Table, name: &str) -> Result<&'t Column, CliError> {
        table.get(name).ok_or_else(|| {
            let columns = table.names();
            Problem::new(Code::ColumnUnknown, format!("`{}` has no column `{name}`", self.file.display()))
                .hint(format!("name one of {}", columns.join(", ")))
                .into()
        })
    }

    fn id_at(&self, ids: &Column, row: usize) -> Result<String, CliError> {
        ids.label(row).map(|id| id.to_string()).ok_or_else(|| {
            let detail = format!("row {} of `{}` has no id", row + 1, self.file.display());
            Problem::new(Code::FileInvalid, detail)
                .hint("a label belongs to a prediction: give its id, or drop the row")
                .into()
        })
    }

    /// The times of a column, each of which must be one that has come.
    fn times(&self, table: &Table, (ids, name): (&Column, &str)) -> Result<Vec<Timestamp>, CliError> {
        let (column, now) = (self.column(table, name)?, now());
        let time = |row| {
            let time = time_at(column, row).ok_or_else(|| self.no_time(name, column, row))?;
            if !is_ahead(time, now) {
                return Ok(time);
            }
            let reason = LabelFromFuture { id: self.id_at(ids, row)?.to_string(), known_at: time, now };
            let detail = format!("row {} of `{}`, column `{name}`: {reason}", row + 1, self.file.display());
            Err(Problem::new(Code::FileInvalid, detail).into())
        };
        (0..table.rows()).map(time).collect()
    }

    fn no_time(&self, name: &str, column: &Column, row: usize) -> CliError {
        let place = format!("row {} of `{}`, column `{name}`", row + 1, self.file.display());
        let detail = match column.label(row) {
            Some(value) => format!("{place}: `{value}` is not a time"),
            None => format!("{place}: has no time at which the label became known"),
        };
        let hint = "write a date like 2026-03-01 or a time like 2026-03-01T12:00:00Z; without an offset it is UTC";
        Problem::new(Code::FileInvalid, detail).hint(hint).into()
    }
}
