//! A query on somebody else's database, read as a table.
//!
//! Invariants: the query is one statement, in a transaction that cannot write; rows come in one order, whatever the query says; a
//! type that has no place in a table is an error that names its column.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, executor::block_on, pin_mut};
use kilter_domain::table::{Column, Table};
use tokio_postgres::{
    Row,
    types::{Kind, Type},
};

use super::PostgresConnection;
use crate::database::error::DatabaseError;

/// Why a query gave no table.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum QueryError {
    #[error("column `{column}` has the type {kind}, which has no place in a table: cast it, or leave it out")]
    Type { column: String, kind: String },
    #[error("two columns are called `{0}`: give one another name with `as`")]
    Twice(String),
    #[error("the query has no columns")]
    NoColumns,
    #[error("the rows have more than {limit} bytes: ask for fewer rows or columns")]
    TooLarge { limit: u64 },
    #[error("the database refuses the query: {0}")]
    Refused(String),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How a column of the query becomes one of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Bool,
    Int,
    Float,
    Time,
    Text,
}

impl Target {
    fn of(kind: &Type) -> Option<Self> {
        Some(match *kind {
            Type::BOOL => Self::Bool,
            Type::INT2 | Type::INT4 | Type::INT8 => Self::Int,
            Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC => Self::Float,
            Type::DATE | Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Time,
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UUID | Type::JSON | Type::JSONB => {
                Self::Text
            }
            _ if matches!(kind.kind(), Kind::Enum(_)) => Self::Text,
            _ => return None,
        })
    }

    /// The column in the words of the database.
    fn cast(self, name: &str) -> String {
        match self {
            Self::Bool => format!("q.{name}::boolean"),
            Self::Int => format!("q.{name}::bigint"),
            Self::Float => format!("q.{name}::double precision"),
            // Times without a zone are taken as UTC, which the session is set to.
            Self::Time => format!("round(extract(epoch FROM q.{name}::timestamptz) * 1000)::bigint"),
            Self::Text => format!("q.{name}::text COLLATE \"C\""),
        }
    }

    const fn column(self) -> Column {
        match self {
            Self::Bool => Column::Bool(Vec::new()),
            Self::Int => Column::Int(Vec::new()),
            Self::Float => Column::Float(Vec::new()),
            Self::Time => Column::Time(Vec::new()),
            Self::Text => Column::Text(Vec::new()),
        }
    }
}

impl PostgresConnection {
    /// The rows of `sql`, sorted by their columns from the first to the last, missing values last. At most `limit` bytes; the
    /// database may take `patience`.
    pub(crate) fn read_table(&self, sql: &str, limit: u64, patience: Duration) -> Result<Table, QueryError> {
        let begin = format!(
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SET LOCAL statement_timeout = {};
             SET LOCAL TimeZone = 'UTC'",
            patience.as_millis()
        );
        self.batch(&begin)?;
        let read = self.read_in_transaction(sql.trim().trim_end_matches(';'), limit);
        // Whatever it was, nothing is kept.
        drop(self.batch("ROLLBACK"));
        read
    }

    fn read_in_transaction(&self, sql: &str, limit: u64) -> Result<Table, QueryError> {
        let mut columns = self.columns_of(sql)?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let casts: Vec<String> = columns.iter().map(|(name, target, _)| target.cast(&quoted(name))).collect();
        let order: Vec<String> = (1..=columns.len()).map(|place| place.to_string()).collect();
        let typed = format!("SELECT {} FROM ({sql}\n) AS q ORDER BY {}", casts.join(", "), order.join(", "));
        let statement = block_on(self.client.prepare(&typed)).map_err(refused)?;
        let rows = block_on(self.client.query_raw(&statement, Vec::<i32>::new())).map_err(refused)?;
        pin_mut!(rows);
        let mut bytes = 0u64;
        while let Some(row) = block_on(rows.next()) {
            let row = row.map_err(refused)?;
            for (place, (_, _, column)) in columns.iter_mut().enumerate() {
                bytes += push(column, &row, place).map_err(refused)?;
            }
            if bytes > limit {
                return Err(QueryError::TooLarge { limit });
            }
        }
        let columns = columns.into_iter().map(|(name, _, column)| (name, column)).collect();
        // Columns of one query have one length, and their names were compared.
        Table::new(columns).map_err(|error| QueryError::Refused(error.to_string()))
    }

    /// The columns of a query, still without rows.
    fn columns_of(&self, sql: &str) -> Result<Vec<(String, Target, Column)>, QueryError> {
        let statement = block_on(self.client.prepare(&format!("SELECT * FROM ({sql}\n) AS q"))).map_err(refused)?;
        let mut columns: Vec<(String, Target, Column)> = Vec::new();
        for column in statement.columns() {
            let name = column.name().to_owned();
            if columns.iter().any(|(known, ..)| *known == name) {
                return Err(QueryError::Twice(name));
            }
            let Some(target) = Target::of(column.type_()) else {
                return Err(QueryError::Type { column: name, kind: column.type_().to_string() });
            };
            columns.push((name, target, target.column()));
        }
        if columns.is_empty() { Err(QueryError::NoColumns) } else { Ok(columns) }
    }
}

/// What the server says to a query; an error of the connection stays one.
fn refused(error: tokio_postgres::Error) -> QueryError {
    match error.as_db_error() {
        Some(answer) => QueryError::Refused(answer.message().to_owned()),
        None => QueryError::Database(error.into()),
    }
}

/// Adds the value of a row to a column; the bytes that it takes.
fn push(column: &mut Column, row: &Row, place: usize) -> Result<u64, tokio_postgres::Error> {
    let mut bytes = 8;
    match column {
        Column::Bool(values) => values.push(row.try_get(place)?),
        Column::Int(values) | Column::Time(values) => values.push(row.try_get(place)?),
        Column::Float(values) => values.push(row.try_get::<_, Option<f64>>(place)?.unwrap_or(f64::NAN)),
        Column::Text(values) => {
            let text: Option<&str> = row.try_get(place)?;
            bytes += text.map_or(8, |text| text.len() as u64 + 16);
            values.push(text.map(Arc::from));
        }
    }
    Ok(bytes)
}
