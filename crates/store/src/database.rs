//! The border to the database: statements with named parameters in, rows out, in terms that every database has.
//!
//! Invariants: nothing outside of this module names a driver. Statements are written in the common subset of SQLite and
//! PostgreSQL; parameters are named `:name`.

mod address;
mod connection;
mod dialect;
mod error;
mod params;
mod postgres;
mod row;
mod sqlite;
mod statement_text;
mod stored_value;
mod tls;
mod value;

#[cfg(test)]
pub(crate) use self::statement_text::number_parameters;
pub(crate) use self::{
    address::database_name,
    connection::Connection,
    dialect::Dialect,
    error::{ErrorKind, Result},
    params::{Binding, Params, named_params},
    postgres::{CommitListener, PostgresConnection, PostgresConnector},
    row::{Row, unreadable},
    value::{ToValue, Value, ValueRef},
};
pub use self::{error::DatabaseError, postgres::foreign::QueryError};
