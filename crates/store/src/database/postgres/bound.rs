//! Values as parameters of PostgreSQL.

use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::database::value::{Mismatch, Value, ValueRef};

/// The values of each parameter over all rows.
pub(super) fn as_columns(rows: Vec<Vec<Bound<'_>>>, parameters: usize) -> Vec<Vec<Bound<'_>>> {
    let mut columns: Vec<Vec<Bound<'_>>> = (0..parameters).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
    }
    columns
}

pub(super) const fn type_of(value: &Value) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Real(_) => Type::FLOAT8,
        Value::Blob(_) => Type::BYTEA,
        Value::Null | Value::Text(_) => Type::TEXT,
    }
}

pub(super) fn as_parameters<'b>(bound: &'b [Bound<'_>]) -> impl ExactSizeIterator<Item = &'b (dyn ToSql + Sync)> {
    bound.iter().map(|value| value as &(dyn ToSql + Sync))
}

/// A value as a parameter of whatever type the statement asks for.
#[derive(Debug)]
pub(super) struct Bound<'v>(pub(super) ValueRef<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Mismatch> {
        match (self.0, wanted) {
            (ValueRef::Null, _) => Ok(IsNull::Yes),
            (ValueRef::Integer(number), &Type::INT8) => number.to_sql(wanted, out),
            (ValueRef::Integer(number), &Type::INT4) => i32::try_from(number)?.to_sql(wanted, out),
            (ValueRef::Integer(number), &Type::BOOL) => (number != 0).to_sql(wanted, out),
            (ValueRef::Integer(number), &Type::FLOAT8) => (number as f64).to_sql(wanted, out),
            (ValueRef::Real(number), &Type::FLOAT8) => number.to_sql(wanted, out),
            (ValueRef::Text(text), wanted) if <&str as ToSql>::accepts(wanted) => text.to_sql(wanted, out),
            (ValueRef::Blob(bytes), &Type::BYTEA) => bytes.to_sql(wanted, out),
            (value, wanted) => Err(format!("{value:?} is no {wanted}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
