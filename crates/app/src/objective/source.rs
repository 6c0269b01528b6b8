//! The value of an objective: what its query says over the predictions and labels, or what a table says.
//!
//! Invariants: a value that is not there has its reason, and is never zero. A query reads and changes nothing.

use std::path::{Path, PathBuf};

use kilter_domain::{contract::Objective, error_chain::with_causes, ids::EndpointName, table::Table};
use kilter_lake::{LogKind, ReadOptions, SqlOptions, read_table, sql_over_logs};

use crate::{app::App, causes::StorageError, prediction::partition_index, project::folder::Project};

/// The largest query that is read.
const MAX_QUERY_BYTES: u64 = 1 << 20;
/// Memory for the answer of a query, which is one number.
const ANSWER_BYTES: usize = 1 << 20;
/// Memory and disk of a query while it runs.
const MEMORY_BYTES: usize = 256 << 20;
const DISK_BYTES: u64 = 4 << 30;

/// The value of an objective now, or why there is none.
pub(super) fn value(
    app: &App,
    project: &Project,
    endpoint: &EndpointName,
    objective: &Objective,
) -> Result<f64, String> {
    let Some(source) = &objective.source else { return Err("the contract names no source".to_owned()) };
    let path = project.folder.join(source);
    let is_query = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sql"));
    let table = match is_query {
        true => answer(app, project, endpoint, &path)?,
        false => read_table(&path, &ReadOptions::default()).map_err(|error| with_causes(&error))?,
    };
    number(&table, !is_query)
}

fn answer(app: &App, project: &Project, endpoint: &EndpointName, path: &Path) -> Result<Table, String> {
    let query = kilter_blobs::read_bounded_text(path, MAX_QUERY_BYTES)
        .map_err(|error| format!("could not read {}: {error}", path.display()))?;
    let logs = logs(app, endpoint, &query)?;
    let datasets = project.contract.data.iter().filter(|dataset| query.contains(dataset.name.as_str()));
    let tables: Vec<(String, PathBuf)> = datasets
        .map(|dataset| {
            let path = project.dataset_path(dataset).map_err(|error| with_causes(&error))?;
            Ok((dataset.name.to_string(), path))
        })
        .collect::<Result<_, String>>()?;
    let options = SqlOptions { memory_bytes: MEMORY_BYTES, disk_bytes: DISK_BYTES, ..SqlOptions::default() };
    let result = sql_over_logs(&query, &logs, &tables, &options).map_err(|error| with_causes(&error))?;
    result.into_table(ANSWER_BYTES).map_err(|error| with_causes(&error))
}

/// The logs that a query names, as `predictions` and `labels` or with the name of the endpoint behind.
fn logs(app: &App, endpoint: &EndpointName, query: &str) -> Result<Vec<(String, Vec<PathBuf>)>, String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let behind: String = endpoint.as_str().chars().map(plain).collect();
    let mut logs = Vec::new();
    for kind in [LogKind::Predictions, LogKind::Labels] {
        if !query.contains(&kind.to_string()) {
            continue;
        }
        let files = partition_index::log_files(app, kind, endpoint);
        let files = files.map_err(|error: StorageError| with_causes(&error))?;
        if files.is_empty() {
            return Err(format!("no {kind} were sealed yet"));
        }
        logs.push((format!("{kind}_{behind}"), files.clone()));
        logs.push((kind.to_string(), files));
    }
    Ok(logs)
}

/// The number that a table says: its only column of numbers, or the one that is called `value`; of a file the last row, of a
/// query the only one.
fn number(table: &Table, is_series: bool) -> Result<f64, String> {
    let rows = table.rows();
    if rows == 0 {
        return Err("its source has no row".to_owned());
    }
    if rows > 1 && !is_series {
        return Err(format!("its query has {rows} rows; it must answer one"));
    }
    let numeric: Vec<&str> =
        table.columns().filter(|(_, column)| column.numbers().is_some()).map(|(name, _)| name).collect();
    let name = match numeric.as_slice() {
        [only] => only,
        all => all
            .iter()
            .find(|name| **name == "value")
            .ok_or_else(|| "its source has no single column of numbers, and none that is called `value`".to_owned())?,
    };
    let value = table.get(name).map_or(f64::NAN, |column| column.number(rows - 1));
    if value.is_finite() { Ok(value) } else { Err(format!("`{name}` is no number")) }
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;

    use super::*;

    fn table(columns: Vec<(&str, Column)>) -> Table {
        Table::new(columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect()).unwrap()
    }

    #[test]
    fn a_source_says_one_number_or_why_it_does_not() {
        let days = Column::Text(vec![Some("mon".into()), Some("tue".into())]);
        let series = table(vec![("day", days), ("saved", Column::Float(vec![31.0, 42.0]))]);
        assert_eq!(number(&series, true), Ok(42.0), "a file goes on: its last row is the newest");
        assert_eq!(number(&series, false), Err("its query has 2 rows; it must answer one".to_owned()));
        let two = table(vec![("n", Column::Float(vec![7.0])), ("value", Column::Float(vec![0.5]))]);
        assert_eq!(number(&two, false), Ok(0.5));
        let unnamed = table(vec![("a", Column::Float(vec![7.0])), ("b", Column::Float(vec![0.5]))]);
        assert!(number(&unnamed, false).unwrap_err().contains("`value`"));
        assert_eq!(
            number(&table(vec![("a", Column::Float(vec![f64::NAN]))]), false),
            Err("`a` is no number".to_owned())
        );
        assert_eq!(number(&table(vec![("a", Column::Float(vec![]))]), false), Err("its source has no row".to_owned()));
    }
}
