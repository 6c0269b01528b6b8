//! SQLite behind the border: prepared statements are kept by their text.

use rusqlite::{
    Connection, ToSql,
    types::{ToSqlOutput, ValueRef as SqliteRef},
};

use super::{
    error::{DatabaseError, Result},
    params::{Binding, Params},
    row::Row,
    value::{Value, ValueRef},
};

struct Bound<'v>(ValueRef<'v>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            ValueRef::Null => SqliteRef::Null,
            ValueRef::Integer(number) => SqliteRef::Integer(number),
            ValueRef::Real(number) => SqliteRef::Real(number),
            ValueRef::Text(text) => SqliteRef::Text(text.as_bytes()),
            ValueRef::Blob(bytes) => SqliteRef::Blob(bytes),
        }))
    }
}

pub(super) fn execute(connection: &Connection, sql: &str, params: Params<'_>, binding: Binding) -> Result<usize> {
    let mut prepared = connection.prepare_cached(sql)?;
    bind(&mut prepared, params, binding)?;
    Ok(prepared.raw_execute()?)
}

/// Runs a statement once for each of its rows.
pub(super) fn execute_each(connection: &Connection, sql: &str, rows: &[Params<'_>]) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut prepared = connection.prepare_cached(sql)?;
    let places = bind(&mut prepared, first, Binding::All)?;
    prepared.raw_execute()?;
    rows[1..].iter().try_for_each(|params| {
        bind_as(&mut prepared, params, (first, &places))?;
        Ok(prepared.raw_execute().map(drop)?)
    })
}

/// Runs a query once for each of `rows`, and hands the place of those parameters and each row of the answer to `read`, until that
/// says `false`.
pub(super) fn query_each(
    connection: &Connection,
    sql: &str,
    rows: &[Params<'_>],
    read: &mut dyn FnMut(usize, &Row<'_>) -> Result<bool>,
) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut prepared = connection.prepare_cached(sql)?;
    let places = bind(&mut prepared, first, Binding::All)?;
    for (place, params) in rows.iter().enumerate() {
        if place > 0 {
            bind_as(&mut prepared, params, (first, &places))?;
        }
        let mut found = prepared.raw_query();
        while let Some(row) = found.next()? {
            if !read(place, &Row::Sqlite(row))? {
                break;
            }
        }
    }
    Ok(())
}

/// Binds values at the places where those of `first` were bound: most rows name the same parameters in the same order.
fn bind_as(
    prepared: &mut rusqlite::Statement<'_>,
    params: Params<'_>,
    (first, places): (Params<'_>, &[usize]),
) -> Result<()> {
    let is_alike = params.len() == first.len() && params.iter().zip(first).all(|((name, _), (known, _))| name == known);
    if !is_alike {
        return bind(prepared, params, Binding::All).map(drop);
    }
    for ((_, value), place) in params.iter().zip(places) {
        prepared.raw_bind_parameter(*place, Bound(value.to_value()?))?;
    }
    Ok(())
}

pub(super) fn query(
    connection: &Connection,
    sql: &str,
    params: Params<'_>,
    binding: Binding,
    read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
) -> Result<()> {
    let mut prepared = connection.prepare_cached(sql)?;
    bind(&mut prepared, params, binding)?;
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        if !read(&Row::Sqlite(row))? {
            break;
        }
    }
    Ok(())
}

pub(super) fn query_once(
    connection: &Connection,
    sql: &str,
    values: &[Value],
    read: &mut dyn FnMut(&Row<'_>) -> Result<bool>,
) -> Result<()> {
    let mut prepared = connection.prepare(sql)?;
    for (place, value) in values.iter().enumerate() {
        prepared.raw_bind_parameter(place + 1, Bound(value.into()))?;
    }
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        if !read(&Row::Sqlite(row))? {
            break;
        }
    }
    Ok(())
}

/// Binds values to the parameters that they name; the place of each that the statement has.
fn bind(prepared: &mut rusqlite::Statement<'_>, params: Params<'_>, binding: Binding) -> Result<Vec<usize>> {
    let mut places = Vec::with_capacity(params.len());
    for (order, (name, value)) in params.iter().enumerate() {
        // Most parameters are handed in as the statement names them: a look at that place saves the search.
        let is_there = prepared.parameter_name(order + 1) == Some(name);
        let place = if is_there { Some(order + 1) } else { prepared.parameter_index(name)? };
        match place {
            Some(place) => {
                prepared.raw_bind_parameter(place, Bound(value.to_value()?))?;
                places.push(place);
            }
            None if binding == Binding::Some => {}
            None => return Err(DatabaseError::ParameterName((*name).to_owned())),
        }
    }
    if prepared.parameter_count() == places.len() {
        return Ok(places);
    }
    let is_given = |name: &str| params.iter().any(|(given, _)| *given == name);
    let names = (1..=prepared.parameter_count()).map(|place| prepared.parameter_name(place).unwrap_or("?"));
    let missing = names.filter(|name| !is_given(name)).collect::<Vec<_>>().join(", ");
    Err(DatabaseError::ParameterName(missing))
}
