//! A value as PostgreSQL sends it.

use tokio_postgres::types::{FromSql, Type};

use super::value::{Mismatch, ValueRef};

/// A value of a row.
pub(super) struct StoredValue<'r>(pub(super) ValueRef<'r>);

impl<'r> FromSql<'r> for StoredValue<'r> {
    fn from_sql(kind: &Type, raw: &'r [u8]) -> std::result::Result<Self, Mismatch> {
        Ok(Self(match *kind {
            Type::INT8 => ValueRef::Integer(i64::from_sql(kind, raw)?),
            Type::INT4 => ValueRef::Integer(i64::from(i32::from_sql(kind, raw)?)),
            Type::BOOL => ValueRef::Integer(i64::from(bool::from_sql(kind, raw)?)),
            Type::FLOAT8 => ValueRef::Real(f64::from_sql(kind, raw)?),
            Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(<&str>::from_sql(kind, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Mismatch> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT8 | Type::INT4 | Type::BOOL | Type::FLOAT8 | Type::BYTEA)
            || <&str as FromSql>::accepts(kind)
    }
}
