//! `kilter sql`: one query over files, to the terminal or into a file.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use kilter_api::{Code, Problem};
use kilter_app::{
    DatabaseUrl, data_folder,
    prediction::{self, LogTable},
};
use kilter_domain::{
    ids::EndpointName,
    plural::counted,
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{Lake, LogKind, QueryResult, SqlOptions, sql, sql_over_logs};
use kilter_server::error::problem_of;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    context::{DatabaseArgs, StorageArgs},
    ui::{
        error::{CliError, disk, usage},
        view::{Answer, Page, Status, TextTable},
    },
};

/// The largest file with a query that is read; the query itself may be as long as `kilter-lake` says.
const MAX_QUERY_BYTES: u64 = 4 << 20;

/// The database of a data folder, in which the partitions are indexed.
const DATABASE_FILE: &str = "kilter.db";
/// Memory for rows that are shown.
const SHOWN_BYTES: usize = 256 << 20;

/// Run a SQL query over files and the prediction log.
///
/// Beside the usual aggregates: auc(score, label), average_precision, log_loss, brier, ece; and of the rows where a condition
/// is true against those where it is false: psi(x, is_current), ks, js, tvd, wasserstein, w1_over_sd, ks_p, chi2_p.
///
/// Rows without ORDER BY come in any order. A query that would answer differently every time (`now()`, `random()`) is
/// refused unless --volatile says so.
#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// The query: one SELECT.
    #[arg(required_unless_present = "file")]
    query: Option<String>,
    /// Read the query from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// A file, or a folder of them, and its name in the query; can be repeated.
    #[arg(long = "table", short, value_name = "NAME=FILE")]
    tables: Vec<Named>,
    /// A data folder, whose prediction log gives the tables `predictions_ENDPOINT` and `labels_ENDPOINT` (what is no letter
    /// or digit in a name becomes `_`). Only sealed partitions are seen: the newest rows come some time later.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    storage: StorageArgs,
    /// Write all rows into a file instead of showing some.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The largest number of rows to show.
    #[arg(long, value_name = "ROWS", default_value_t = 40, conflicts_with = "out")]
    limit: usize,
    /// Allow functions whose result changes between calls.
    #[arg(long)]
    volatile: bool,
}

/// A table of the query.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    path: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: path.into() })
            }
            _ => Err("write it as NAME=FILE, like orders=data/orders.parquet".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Written {
    out: PathBuf,
    rows: u64,
    columns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log>,
}

#[derive(Serialize)]
struct Shown {
    columns: Vec<String>,
    /// One object a row, at most as many as asked for.
    rows: Vec<Map<String, Value>>,
    /// All rows of the answer.
    total: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log>,
}

/// A log that the query could see.
#[derive(Clone, Serialize)]
struct Log {
    table: String,
    /// Rows in sealed partitions.
    rows: u64,
    /// The last time among them.
    until: Timestamp,
    /// What may be missing in the answer, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<String>,
    #[serde(skip)]
    files: Vec<PathBuf>,
}

impl Sql {
    pub(crate) fn run(self) -> Result<Answer, CliError> {
        let query = self.query()?;
        let tables: Vec<_> = self.tables.iter().map(|table| (table.name.clone(), table.path.clone())).collect();
        let options = SqlOptions { volatile: self.volatile, ..SqlOptions::default() };
        let (result, logs) = match &self.data {
            None => (sql(&query, &tables, &options)?, Vec::new()),
            Some(data) => {
                let lake = data_folder::open_lake(data, self.storage.options()?.as_ref());
                let lake = lake.map_err(|error| problem_of(&error))?;
                let logs = logs_of(&query, data, self.database.url()?.as_ref(), &lake)?;
                let named: Vec<_> = logs.iter().map(|log| (log.table.clone(), log.files.clone())).collect();
                (sql_over_logs(&query, &named, &tables, &options)?, logs)
            }
        };
        let columns = result.columns().iter().map(|(name, _)| name.clone()).collect();
        match self.out {
            Some(out) => written(result, out, columns, logs),
            None => Ok(shown(&result.into_table(SHOWN_BYTES)?, self.limit, columns, logs)),
        }
    }

    fn query(&self) -> Result<String, CliError> {
        match (&self.query, &self.file) {
            (Some(query), _) => Ok(query.clone()),
            (None, Some(file)) => {
                kilter_app::read_bounded_text(file, MAX_QUERY_BYTES).map_err(|error| disk("read", file, &error))
            }
            (None, None) => Err(usage("there is no query")),
        }
    }
}

/// The logs that a query names; all of them when it names none, so that a misspelt name is led to the nearest. Each file is
/// compared with what the index says of it: an answer never lacks rows that were sealed.
fn logs_of(query: &str, data: &Path, database: Option<&DatabaseUrl>, lake: &Lake) -> Result<Vec<Log>, CliError> {
    let found = match database.is_some() || data.join(DATABASE_FILE).exists() {
        true => prediction::log_tables(data, database).map_err(|error| problem_of(&error))?,
        false => return unindexed(lake, query, data),
    };
    let mut logs: Vec<(Log, LogTable)> = Vec::new();
    for table in found {
        let name = table_name(table.kind, &table.endpoint, logs.iter().map(|(log, _)| log));
        let log = Log { table: name, rows: table.rows, until: table.until, damaged: vec![], files: vec![] };
        logs.push((log, table));
    }
    let named = named(query, logs, |(log, _)| &log.table, data)?;
    let with_files = |(log, table): (Log, LogTable)| Ok(Log { files: table.files(lake)?, ..log });
    named.into_iter().map(with_files).collect()
}

/// The logs of a folder that has partitions and no database, as after a copy of them alone: what can be read of the files.
fn unindexed(lake: &Lake, query: &str, data: &Path) -> Result<Vec<Log>, CliError> {
    let mut logs: Vec<Log> = Vec::new();
    for kind in [LogKind::Predictions, LogKind::Labels] {
        for endpoint in lake.endpoints(kind)? {
            let listing = lake.list(kind, &endpoint)?;
            let Some(until) = listing.partitions.iter().map(|partition| partition.max_time).max() else { continue };
            let no_index =
                format!("`{}` is missing: partitions are not compared with it", data.join(DATABASE_FILE).display());
            logs.push(Log {
                table: table_name(kind, &endpoint, logs.iter()),
                rows: listing.partitions.iter().map(|partition| partition.rows).sum(),
                until,
                damaged: listing.damaged.iter().map(ToString::to_string).chain([no_index]).collect(),
                files: listing.partitions.into_iter().map(|partition| partition.path).collect(),
            });
        }
    }
    named(query, logs, |log| &log.table, data)
}

/// The logs whose tables a query names; all of them when it names none.
fn named<T>(query: &str, logs: Vec<T>, table: impl Fn(&T) -> &String, data: &Path) -> Result<Vec<T>, CliError> {
    if logs.is_empty() {
        let detail = format!("`{}` holds no sealed partition of a prediction log", data.display());
        return Err(Problem::new(Code::NotFound, detail)
            .hint("name the folder that `kilter server --data` uses; what was recorded is sealed some time later")
            .into());
    }
    let names_one = logs.iter().any(|log| query.contains(table(log)));
    Ok(logs.into_iter().filter(|log| !names_one || query.contains(table(log))).collect())
}

/// A name that SQL takes without quotes; of two endpoints that would share one, the second keeps its own.
fn table_name<'l>(kind: LogKind, endpoint: &EndpointName, mut taken: impl Iterator<Item = &'l Log>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name = format!("{kind}_{}", endpoint.as_str().chars().map(plain).collect::<String>());
    match taken.any(|log| log.table == name) {
        true => format!("{kind}_{endpoint}"),
        false => name,
    }
}

/// What the query could see of the log.
fn with_logs(mut page: Page, logs: &[Log]) -> Page {
    for log in logs {
        page = page.line(format!("{}: {} sealed rows until {}", log.table, log.rows, log.until));
        for damage in &log.damaged {
            page = page.marked(Status::Warn, damage.clone());
        }
    }
    page
}

fn written(result: QueryResult, out: PathBuf, columns: Vec<String>, logs: Vec<Log>) -> Result<Answer, CliError> {
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        let detail = format!("the folder of `{}` does not exist", out.display());
        return Err(Problem::new(Code::FileNotFound, detail)
            .hint(format!("make it: mkdir -p {}", folder.display()))
            .into());
    }
    let rows = result.write_to(&out)?;
    let page = Page::new().marked(
        Status::Ok,
        format!("wrote {} of {} to {}", counted(rows, "row"), counted(columns.len(), "column"), out.display()),
    );
    let page = with_logs(page, &logs);
    Ok(Answer::done(&Written { out, rows, columns, logs }, page))
}

fn shown(table: &Table, limit: usize, columns: Vec<String>, logs: Vec<Log>) -> Answer {
    let count = table.rows().min(limit);
    let mut text = TextTable::new(columns.clone());
    let mut rows = Vec::with_capacity(count);
    for row in 0..count {
        text.row(table.columns().map(|(_, column)| column.label(row).map_or("–".to_owned(), |text| text.to_string())));
        rows.push(table.columns().map(|(name, column)| (name.to_owned(), json(column, row))).collect());
    }
    let mut page = Page::new().table(text);
    if table.rows() > count {
        page = page.line(format!("{count} of {} rows; --out FILE writes them all", table.rows()));
    }
    let page = with_logs(page, &logs);
    Answer::done(&Shown { columns, rows, total: table.rows(), logs }, page)
}

/// A value in JSON; what it cannot say (infinities) is a text.
fn json(column: &Column, row: usize) -> Value {
    let text = || column.label(row).map_or(Value::Null, |text| Value::String(text.to_string()));
    match column {
        Column::Float(values) if values[row].is_finite() => values[row].into(),
        Column::Int(values) => values[row].into(),
        Column::Bool(values) => values[row].into(),
        _ => text(),
    }
}
