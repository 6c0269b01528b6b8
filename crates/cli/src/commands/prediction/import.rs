//! `kilter prediction import`: predictions of the past, from a file into the log of an endpoint.
//!
//! Invariants: rows are sent in batches and each is durable when it was answered; a file that is sent again, whole or after it was cut
//! off, changes nothing where it was taken already; a row that is refused is named by its line.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use clap::Args;
use kilter_api::{self as api, Code, Problem};
use kilter_domain::{
    plural::{counted, plural},
    table::{Column, Table},
};
use kilter_lake::{ReadOptions, read_table};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    connect::ConnectArgs,
    input::cells::{json_at, time_at},
    ui::{
        error::CliError,
        output::Output,
        progress::ProgressBar,
        view::{Answer, Page, Status},
    },
};

/// Refused rows that are shown at most; `--json` has all.
const SHOWN: usize = 10;

/// Bring in predictions of the past: ids, times, versions, scores, features and labels of a CSV, JSON-lines or Parquet file.
///
/// An id that is recorded is left as it is, so a file can be imported again. Rows of unknown versions or with values that the
/// version does not take are refused and listed by line. Records have the role `imported`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The endpoint that they belong to.
    endpoint: String,
    /// A CSV, JSON-lines or Parquet file.
    file: PathBuf,
    /// The column with the prediction ids.
    #[arg(long, value_name = "COLUMN", default_value = "id")]
    id: String,
    /// The column with the times at which they happened.
    #[arg(long, value_name = "COLUMN", default_value = "time")]
    time: String,
    /// The column with the scores.
    #[arg(long, value_name = "COLUMN", default_value = "score")]
    score: String,
    /// The column with the predicted classes. Default: `predicted`, if there is one.
    #[arg(long, value_name = "COLUMN")]
    predicted: Option<String>,
    /// The columns with the probabilities of the classes, in their order.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    probabilities: Vec<String>,
    /// The version that answered every row.
    #[arg(long, value_name = "NUMBER", conflicts_with = "version_column")]
    version: Option<u32>,
    /// The column with the numbers of the versions.
    #[arg(long, value_name = "COLUMN", default_value = "version")]
    version_column: String,
    /// The column with what turned out to be true. Default: `label`, if there is one.
    #[arg(long, value_name = "COLUMN")]
    label: Option<String>,
    /// The column with the times at which labels became known. Default: the time of the prediction.
    #[arg(long, value_name = "COLUMN")]
    known_at: Option<String>,
    /// Rows of a request.
    #[arg(long, value_name = "ROWS", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch_rows: u32,
    /// Why they are brought in, for the audit log.
    #[arg(long, default_value = "")]
    reason: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

/// What became of a file.
#[derive(Default)]
struct Sent {
    imported: usize,
    known: usize,
    refused: Vec<Value>,
    left_out: Vec<String>,
}

impl Sent {
    fn add(&mut self, first: usize, kept: api::PastPredictionsKept) {
        self.imported += kept.imported;
        self.known += kept.known;
        let line = |row: usize| first + row + 1;
        self.refused
            .extend(kept.refused.iter().map(|row| json!({ "row": line(row.row), "id": row.id, "reason": row.reason })));
        let new: Vec<String> = kept.left_out.into_iter().filter(|name| !self.left_out.contains(name)).collect();
        self.left_out.extend(new);
    }

    fn page(&self, endpoint: &str) -> Page {
        let text = format!(
            "{} {} imported at {endpoint}, {} recorded before",
            counted(self.imported, "prediction"),
            plural(self.imported, "is", "are"),
            plural(self.known, "1 was".to_owned(), format!("{} were", self.known)),
        );
        let mut page = Page::new().marked(Status::Ok, text);
        if !self.left_out.is_empty() {
            page = page.line(format!("  columns that no version reads or records: {}", self.left_out.join(", ")));
        }
        if !self.refused.is_empty() {
            page = page.marked(Status::Warn, format!("{} refused", counted(self.refused.len(), "row")));
        }
        let shown = self
            .refused
            .iter()
            .take(SHOWN)
            .map(|row| format!("  row {}: {}", row["row"], row["reason"].as_str().unwrap_or_default()));
        shown.fold(page, |page, line| page.line(line))
    }
}

impl Import {
    pub(crate) fn run(self, output: &Output) -> Result<Answer, CliError> {
        let table = read_table(&self.file, &ReadOptions::default())?;
        let columns = self.columns(&table)?;
        let sha256 = sha256_of(&self.file).map_err(|error| self.unreadable(&error))?;
        let api = self.connect.api()?;
        let rows = table.rows() as u64;
        let file = api::PredictionFile { sha256: sha256.clone(), rows, reason: self.reason.clone() };
        let begun = api.call(async |api| api.begin_prediction_import(&self.endpoint, &file).await)?;
        let (bar, mut sent) = (ProgressBar::start(output), Sent::default());
        let step = usize::try_from(self.batch_rows).unwrap_or(usize::MAX);
        for first in (0..table.rows()).step_by(step) {
            let end = table.rows().min(first + step);
            let batch = self.batch(&columns, &table, (first, end), &sha256);
            sent.add(first, api.call(async |api| api.import_predictions(&self.endpoint, &batch).await)?);
            bar.set(end as u64, rows, "predictions");
        }
        let document = json!({
            "endpoint": self.endpoint,
            "sha256": sha256,
            "audit_seq": begun.audit_seq,
            "rows": rows,
            "imported": sent.imported,
            "known": sent.known,
            "refused": sent.refused,
            "left_out": sent.left_out,
        });
        Ok(Answer::done(&document, sent.page(&self.endpoint)))
    }

    /// The columns of the file by what they are for; all others are features.
    fn columns<'t>(&'t self, table: &'t Table) -> Result<Columns<'t>, CliError> {
        let named = |name: &'t str| self.column(table, name).map(|column| (name, column));
        let usual = |stated: &'t Option<String>, name: &'static str| match stated {
            Some(name) => named(name).map(Some),
            None => Ok(table.get(name).map(|column| (name, column))),
        };
        let columns = Columns {
            id: named(&self.id)?,
            time: named(&self.time)?,
            score: named(&self.score)?,
            version: if self.version.is_some() { None } else { Some(named(&self.version_column)?) },
            predicted: usual(&self.predicted, "predicted")?,
            label: usual(&self.label, "label")?,
            known_at: self.known_at.as_deref().map(named).transpose()?,
            probabilities: self.probabilities.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
        };
        self.check(table, &columns)?;
        Ok(columns)
    }

    /// What no server could tell from a value: cells that are no time, number or id. Nothing is sent of a file with one.
    fn check(&self, table: &Table, columns: &Columns<'_>) -> Result<(), CliError> {
        for row in 0..table.rows() {
            let wrong = match () {
                () if columns.id.1.is_missing(row) => Some((columns.id.0, "has no id")),
                () if time_at(columns.time.1, row).is_none() => Some((columns.time.0, "is no time")),
                () if !columns.score.1.number(row).is_finite() => Some((columns.score.0, "is no number")),
                () => columns.other_problem(row),
            };
            if let Some((column, problem)) = wrong {
                let detail = format!("row {} of `{}`, column `{column}`: {problem}", row + 1, self.file.display());
                let hint = "correct the cell, or leave the row out; times are like 2026-03-01 or 2026-03-01T12:00:00Z";
                return Err(Problem::new(Code::FileInvalid, detail).hint(hint).into());
            }
        }
        Ok(())
    }

    fn batch(
        &self,
        columns: &Columns<'_>,
        table: &Table,
        (first, end): (usize, usize),
        sha256: &str,
    ) -> api::PastPredictions {
        let rows = first..end;
        let texts = |column: &Column| rows.clone().map(|row| column.label(row).map(|text| text.to_string())).collect();
        let times = |column: &Column| rows.clone().filter_map(|row| time_at(column, row)).collect();
        let version = |row| match columns.version {
            Some((_, column)) => whole_at(column, row).unwrap_or_default(),
            None => self.version.unwrap_or_default(),
        };
        let probabilities = (!columns.probabilities.is_empty()).then(|| {
            let of_row = |row| columns.probabilities.iter().map(|(_, column)| column.number(row) as f32).collect();
            rows.clone().map(of_row).collect()
        });
        let features = table.columns().filter(|(name, _)| !columns.is_used(name)).map(|(name, column)| {
            api::PastColumn { name: name.to_owned(), values: rows.clone().map(|row| json_at(column, row)).collect() }
        });
        let text_of =
            |(_, column): (&str, &Column), row| column.label(row).map(|id| id.to_string()).unwrap_or_default();
        api::PastPredictions {
            sha256: sha256.to_owned(),
            ids: rows.clone().map(|row| text_of(columns.id, row)).collect(),
            times: times(columns.time.1),
            versions: rows.clone().map(version).collect(),
            scores: rows.clone().map(|row| columns.score.1.number(row)).collect(),
            predicted: columns.predicted.map(|(_, column)| texts(column)),
            probabilities,
            labels: columns.label.map(|(_, column)| rows.clone().map(|row| json_at(column, row)).collect()),
            known_at: columns.known_at.map(|(_, column)| times(column)),
            features: features.collect(),
        }
    }

    fn column<'t>(&self, table: &'t Table, name: &str) -> Result<&'t Column, CliError> {
        table.get(name).ok_or_else(|| {
            let columns = table.names();
            Problem::new(Code::ColumnUnknown, format!("`{}` has no column `{name}`", self.file.display()))
                .hint(format!("name one of {} (`--id`, `--time`, `--score`, `--version-column`)", columns.join(", ")))
                .into()
        })
    }

    fn unreadable(&self, error: &io::Error) -> CliError {
        Problem::new(Code::FileInvalid, format!("`{}` cannot be read: {error}", self.file.display())).into()
    }
}

/// The columns of a file by what they are for, each with its name.
struct Columns<'t> {
    id: (&'t str, &'t Column),
    time: (&'t str, &'t Column),
    score: (&'t str, &'t Column),
    version: Option<(&'t str, &'t Column)>,
    predicted: Option<(&'t str, &'t Column)>,
    label: Option<(&'t str, &'t Column)>,
    known_at: Option<(&'t str, &'t Column)>,
    probabilities: Vec<(&'t str, &'t Column)>,
}

impl<'t> Columns<'t> {
    /// Whether a column is no feature.
    fn is_used(&self, name: &str) -> bool {
        let fixed =
            [Some(self.id), Some(self.time), Some(self.score), self.version, self.predicted, self.label, self.known_at];
        fixed.into_iter().flatten().chain(self.probabilities.iter().copied()).any(|(used, _)| used == name)
    }

    fn other_problem(&self, row: usize) -> Option<(&'t str, &'static str)> {
        if let Some((name, column)) = self.version
            && whole_at(column, row).is_none()
        {
            return Some((name, "is no number of a version"));
        }
        if let Some((name, column)) = self.known_at
            && time_at(column, row).is_none()
        {
            return Some((name, "is no time"));
        }
        let wrong = self.probabilities.iter().find(|(_, column)| !column.number(row).is_finite());
        wrong.map(|(name, _)| (*name, "is no number"))
    }
}

fn whole_at(column: &Column, row: usize) -> Option<u32> {
    match column {
        Column::Int(values) => values[row].and_then(|value| u32::try_from(value).ok()),
        _ => column.label(row)?.parse().ok(),
    }
}

/// The SHA-256 of a file in hexadecimal digits, read piece by piece.
fn sha256_of(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut piece) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(&piece[..count]),
        }
    }
}
