//! SQL over files, in process, by DataFusion: joins, windows, lags, aggregates, point-in-time features.
//!
//! Invariants: a query reads, and changes nothing; it sees the tables it was given and no other file; it works within
//! a bound of memory (and then on disk); it gives the same rows in the same order every time, for by default it runs
//! in one partition and knows no clock and no dice. Names are taken as they stand in the file: `Year` and
//! `year` are two columns, and neither needs quotes.
//!
//! The work runs on a runtime of its own with deep stacks, so that it may be called from any thread, inside of
//! an async runtime or not, and a nested expression does not overflow.
//!
//! # Statistics
//!
//! Beside the usual aggregates there are `auc(score, label)`, `average_precision`, `log_loss`, `brier`, `ece`, and of the
//! rows where a condition is true against those where it is false `ks(x, is_current)`, `wasserstein`, `w1_over_sd`, `psi`,
//! `js`, `tvd`, `ks_p`, `chi2_p` (the last four of texts too):
//!
//! ```sql
//! SELECT region, auc(score, left = 1) AS auc, psi(age, at >= '2026-06-01') AS age_psi FROM scored GROUP BY region
//! ```
//!
//! # The value that was known at the time
//!
//! For each row of `labels` the last `features` at or before its time, of the same customer. It is one sort, with
//! no row multiplied, so it holds for large tables too:
//!
//! ```sql
//! SELECT id, at, label, spend FROM (
//!   SELECT id, at, label, asked,
//!          last_value(spend) IGNORE NULLS OVER (PARTITION BY id ORDER BY at, asked) AS spend
//!   FROM (SELECT id, at, NULL AS label, spend, 0 AS asked FROM features
//!         UNION ALL
//!         SELECT id, at, label, NULL, 1 FROM labels))
//! WHERE asked = 1 ORDER BY id, at
//! ```
//!
//! With `asked` before the time in the order of the window (`ORDER BY at, -asked`), only earlier rows count and not
//! those of the same moment. A feature that came to be known later than it happened belongs at the time it was known.

mod answer;
mod functions;
mod session;
mod tables;

use std::{
    path::{Path, PathBuf},
    sync::{OnceLock, mpsc},
};

use kilter_domain::table::{ColumnType, Table};
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

use self::{answer::Answer, tables::Input};
use crate::{
    error::LakeError, format::Format, parquet::panic_text, source::Source, sql_error::SqlError, sql_options::SqlOptions,
};

/// The longest query, in bytes.
const MAX_QUERY_BYTES: usize = 256 << 10;
/// Planning goes as deep as a query nests: a chain of a thousand ANDs is as deep.
const STACK_BYTES: usize = 64 << 20;

/// A planned query whose rows have not been taken yet: they go into a table or, in any number, into a file.
pub struct QueryResult {
    answer: Answer,
}

impl QueryResult {
    /// Names and types of the columns that come out.
    pub fn columns(&self) -> &[(String, ColumnType)] {
        self.answer.columns()
    }

    /// Takes all rows as a table of at most `memory_bytes`, roughly.
    ///
    /// # Errors
    /// More rows than fit, or what comes to light in the data: a damaged file, a cast that fails.
    pub fn into_table(self, memory_bytes: usize) -> Result<Table, LakeError> {
        wait(self.answer.into_table(memory_bytes))
    }

    /// Writes all rows to a file, a batch at a time, in the format that its ending tells; how many there were. The file
    /// is there whole, or not at all.
    ///
    /// # Errors
    /// As [`QueryResult::into_table`], and what the disk answers.
    pub fn write_to(self, path: &Path) -> Result<u64, LakeError> {
        let path = path.to_owned();
        wait(async move { self.answer.write_to(&path).await })
    }

    /// [`QueryResult::into_table`] for async callers.
    ///
    /// # Errors
    /// As there.
    pub async fn into_table_async(self, memory_bytes: usize) -> Result<Table, LakeError> {
        Running::start(self.answer.into_table(memory_bytes))?.finish().await
    }
}

/// Plans a query over tables: each a name and a file or folder, as for [`crate::read_table`].
///
/// # Errors
/// A query that is not one `SELECT`, names what is not there, or does not fit its types, with line and column and the
/// nearest name; a file that cannot be read.
pub fn sql(query: &str, tables: &[(String, PathBuf)], options: &SqlOptions) -> Result<QueryResult, LakeError> {
    wait(plan(query.to_owned(), files(tables), options.clone()))
}

/// [`sql`] for async callers; dropping the future ends the work.
///
/// # Errors
/// As there.
pub async fn sql_async(
    query: &str,
    tables: &[(String, PathBuf)],
    options: &SqlOptions,
) -> Result<QueryResult, LakeError> {
    Running::start(plan(query.to_owned(), files(tables), options.clone()))?.finish().await
}

/// Plans a query over logs, each a name and the files of its partitions, and over files beside them. What a partition of a
/// log lacks is missing there.
///
/// # Errors
/// As [`sql`]; and a log without any partition.
pub fn sql_over_logs(
    query: &str,
    logs: &[(String, Vec<PathBuf>)],
    tables: &[(String, PathBuf)],
    options: &SqlOptions,
) -> Result<QueryResult, LakeError> {
    let mut inputs = files(tables);
    for (name, files) in logs {
        let path = files.first().and_then(|file| file.parent()).map_or_else(|| PathBuf::from(name), Path::to_owned);
        if files.is_empty() {
            return Err(LakeError::EmptyFolder { path });
        }
        let source = Source { path, format: Format::Parquet, files: files.clone() };
        inputs.push((name.clone(), Input::Log(source)));
    }
    wait(plan(query.to_owned(), inputs, options.clone()))
}

fn files(tables: &[(String, PathBuf)]) -> Vec<(String, Input)> {
    tables.iter().map(|(name, path)| (name.clone(), Input::Files(path.clone()))).collect()
}

async fn plan(query: String, inputs: Vec<(String, Input)>, options: SqlOptions) -> Result<QueryResult, LakeError> {
    if query.trim().is_empty() {
        return Err(SqlError::Empty.into());
    }
    if query.len() > MAX_QUERY_BYTES {
        return Err(SqlError::TooLong { limit: MAX_QUERY_BYTES }.into());
    }
    let session = session::open(&options)?;
    let mut names = Vec::new();
    for (name, input) in inputs {
        tables::register(&session, &name, input)?;
        names.push(name);
    }
    Ok(QueryResult { answer: Answer::plan(&session, &query, names, &options).await? })
}

fn runtime() -> Result<&'static Runtime, LakeError> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let started = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .thread_name("kilter-sql")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .build()
            .map_err(|error| error.to_string())
    });
    started.as_ref().map_err(|what| SqlError::Runtime { what: what.clone() }.into())
}

/// Runs on the query runtime while this thread waits, whatever thread it is.
fn wait<T: Send + 'static>(work: impl Future<Output = Result<T, LakeError>> + Send + 'static) -> Result<T, LakeError> {
    let running = Running::start(work)?;
    let (send, receive) = mpsc::sync_channel(1);
    runtime()?.spawn(async move { send.send(running.finish().await) });
    receive.recv().unwrap_or_else(|_| Err(SqlError::Cancelled.into()))
}

/// Work on the query runtime that ends with whoever waits for it.
struct Running<T>(JoinHandle<Result<T, LakeError>>);

impl<T: Send + 'static> Running<T> {
    fn start(work: impl Future<Output = Result<T, LakeError>> + Send + 'static) -> Result<Self, LakeError> {
        Ok(Self(runtime()?.spawn(work)))
    }

    async fn finish(mut self) -> Result<T, LakeError> {
        match (&mut self.0).await {
            Ok(outcome) => outcome,
            Err(ended) => Err(match ended.try_into_panic() {
                // A damaged file may make its reader panic (see `parquet`); a bug in the engine may too.
                Ok(panic) => SqlError::Panicked { what: panic_text(&*panic).to_owned() }.into(),
                Err(_) => SqlError::Cancelled.into(),
            }),
        }
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
