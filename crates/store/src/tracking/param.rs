//! Parameters of runs: written once.

use std::collections::BTreeMap;

use super::{
    names::{check_length, check_name},
    run::key_of,
};
use crate::{
    Reader, StoreError, Tx,
    database::{Params, ToValue, named_params},
    statement::statements,
};

/// Bytes of the value of a parameter at most.
pub const MAX_VALUE_BYTES: usize = 32_000;

statements! {
    INSERT_PARAM = "log a parameter": "
        INSERT INTO run_param (run, name, value) VALUES (:run, :name, :value)";
    PARAM = "read a parameter": "
        SELECT value FROM run_param WHERE run = :run AND name = :name";
    PARAMS = "list the parameters of a run": "
        SELECT name, value FROM run_param WHERE run = :run ORDER BY name";
}

/// Logs parameters. Logging one again with the same value changes nothing.
///
/// # Errors
/// When one was logged with another value: parameters never change. Nothing of the batch is kept.
pub fn log_params<'p>(
    tx: &Tx,
    run: &str,
    params: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Result<(), StoreError> {
    log(tx, (run, key_of(tx, run)?), params)
}

/// As [`log_params`], of the run with this id and key.
pub(super) fn log<'p>(
    tx: &Tx,
    (id, run): (&str, i64),
    params: impl IntoIterator<Item = (&'p str, &'p str)>,
) -> Result<(), StoreError> {
    let changed = |name: &str, present: String, given: &str| StoreError::ParamChanged {
        run: id.to_owned(),
        name: name.to_owned(),
        present,
        given: given.to_owned(),
    };
    let mut wanted = BTreeMap::new();
    for (name, value) in params {
        check_name(INSERT_PARAM.attempt, name)?;
        check_length(INSERT_PARAM.attempt, ("value", MAX_VALUE_BYTES), value)?;
        if let Some(before) = wanted.insert(name, value).filter(|before| *before != value) {
            return Err(changed(name, before.to_owned(), value));
        }
    }
    let asked: Vec<_> = wanted.keys().map(|name| [(":run", &run as &dyn ToValue), (":name", name)]).collect();
    let asked: Vec<Params<'_>> = asked.iter().map(|row| row.as_slice()).collect();
    let present: Vec<Option<String>> = tx.one_each(&PARAM, &asked, |row| row.get(0))?;
    let mut new = Vec::new();
    for ((name, value), present) in wanted.iter().zip(present) {
        match present {
            None => new.push([(":run", &run as &dyn ToValue), (":name", name), (":value", value)]),
            Some(present) if present != *value => return Err(changed(name, present, value)),
            Some(_) => {}
        }
    }
    let new: Vec<Params<'_>> = new.iter().map(|row| row.as_slice()).collect();
    if new.is_empty() { Ok(()) } else { tx.execute_batches(&[(&INSERT_PARAM, &new)]) }
}

/// The parameters of each run whose key stands in `rows`.
pub(crate) fn of_each(reader: &Reader, rows: &[Params<'_>]) -> Result<Vec<BTreeMap<String, String>>, StoreError> {
    let found = reader.all_each(&PARAMS, rows, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.into_iter().map(|params| params.into_iter().collect()).collect())
}

/// The parameters of a run by name.
pub fn params(reader: &Reader, run: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let params = named_params! { ":run": key_of(reader, run)? };
    Ok(reader.all(&PARAMS, params, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}
