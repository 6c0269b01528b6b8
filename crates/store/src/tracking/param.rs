//! Parameters of runs: written once.

use std::collections::BTreeMap;

use super::{
    names::{check_length, check_name},
    run::key_of,
};
use crate::{
    Reader, StoreError, Tx,
    database::{Params, named_params},
    statement::statements,
};

/// Bytes of the value of a parameter at most.
pub const MAX_VALUE_BYTES: usize = 32_000;

statements! {
    INSERT_PARAM = "log a parameter": "
        INSERT INTO run_param (run, name, value) VALUES (:run, :name, :value)
        ON CONFLICT (run, name) DO NOTHING";
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
    let key = key_of(tx, run)?;
    for (name, value) in params {
        check_name(INSERT_PARAM.attempt, name)?;
        check_length(INSERT_PARAM.attempt, ("value", MAX_VALUE_BYTES), value)?;
        if tx.execute(&INSERT_PARAM, named_params! { ":run": key, ":name": name, ":value": value })? == 0 {
            refuse_change(tx, (run, key), name, value)?;
        }
    }
    Ok(())
}

fn refuse_change(tx: &Tx, (id, run): (&str, i64), name: &str, given: &str) -> Result<(), StoreError> {
    let present: Option<String> = tx.one(&PARAM, named_params! { ":run": run, ":name": name }, |row| row.get(0))?;
    match present {
        Some(present) if present != given => Err(StoreError::ParamChanged {
            run: id.to_owned(),
            name: name.to_owned(),
            present,
            given: given.to_owned(),
        }),
        _ => Ok(()),
    }
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
