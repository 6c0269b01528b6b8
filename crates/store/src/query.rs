//! Queries on databases of others, whose rows become datasets.
//!
//! Out of scope: the metadata of the platform, and writing anything there.

use std::time::Duration;

use kilter_domain::table::Table;

use crate::{
    DatabaseUrl,
    database::{PostgresConnector, QueryError},
};

/// The rows that a query gives on the PostgreSQL at `url`, sorted by their columns from the first to the last. At most `limit`
/// bytes of values; the database may take `patience`. The query cannot write.
///
/// | type of the database | column |
/// |---|---|
/// | `smallint`, `integer`, `bigint` | whole numbers |
/// | `real`, `double precision`, `numeric` | numbers with a fraction |
/// | `boolean` | truth values |
/// | `date`, `timestamp`, `timestamptz` | times; without a zone UTC |
/// | `text`, `varchar`, `char`, `uuid`, `json`, `jsonb`, enums | text |
///
/// # Errors
/// When the database does not answer or refuses the query, a column has another type, or there is too much.
pub fn read_query(url: &DatabaseUrl, sql: &str, limit: u64, patience: Duration) -> Result<Table, QueryError> {
    let connector = PostgresConnector::new(url.secret(), "")?;
    connector.connect()?.read_table(sql, limit, patience)
}
