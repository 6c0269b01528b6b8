//! What comes from another tracking server: brought in batches, each whole or not at all, and recorded once with its counts.
//!
//! Invariants: the same batch again changes nothing; what the platform executed and what a contract governs is not changed.

use std::collections::BTreeSet;

use kilter_domain::transfer::Record;
use kilter_store::{registry::import as registry, run as platform_runs, tracking::import};

use super::{TrackingError, access};
use crate::{
    app::App,
    authz::{Authorized, act},
};

/// Brings things that another server has, in their order: all of them, or none.
///
/// # Errors
/// When one contradicts what is here: a run that the platform executed, a parameter with another value, a name of a contract.
pub fn import_records(app: &App, by: &Authorized<act::Administer>, records: Vec<Record>) -> Result<(), TrackingError> {
    refuse_executed(app, &records)?;
    let at = by.at;
    let put = move |tx: &kilter_store::Tx| {
        records.iter().try_for_each(|record| match record {
            Record::Experiment(experiment) => import::put_experiment(tx, experiment),
            Record::Run(run) => import::put_run(tx, run, at),
            Record::Points(points) => import::put_points(tx, points),
            Record::LoggedModel(model) => import::put_logged_model(tx, model, at),
            Record::RegisteredModel(model) => registry::put_model(tx, model),
            Record::Version(version) => registry::put_version(tx, version),
        })
    };
    Ok(app.store().write(put)?)
}

/// What a run of the platform logged is evidence.
fn refuse_executed(app: &App, records: &[Record]) -> Result<(), TrackingError> {
    let ids: BTreeSet<&str> = records
        .iter()
        .filter_map(|record| match record {
            Record::Run(run) => Some(run.id.as_str()),
            Record::Points(points) => Some(points.run.as_str()),
            _ => None,
        })
        .collect();
    let executed = app.store().read(|reader| {
        for id in &ids {
            if platform_runs::is_known(reader, id)? {
                return Ok(Some((*id).to_owned()));
            }
        }
        Ok(None)
    })?;
    match executed {
        None => Ok(()),
        Some(name) => Err(TrackingError::Kept { what: "run", name, act: "brought", reason: access::EXECUTED }),
    }
}

/// Records that an import came to its end: from where, and how much of each kind.
///
/// # Errors
/// When the entry cannot be written.
pub fn finish_import(
    app: &App,
    by: &Authorized<act::Administer>,
    source: &str,
    counts: Vec<String>,
) -> Result<(), TrackingError> {
    let object: String = source.chars().take(500).collect();
    let draft = by.audit_event("tracking.import", "brought from another server", counts);
    Ok(app.store().write(move |tx| import::record_import(&tx.audited(draft), &object).map(drop))?)
}
