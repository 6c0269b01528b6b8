//! What the objectives of projects came to, over time. Readings: no decisions, so they have no entries.

use kilter_domain::{ids::ProjectName, time::Timestamp};

use crate::{
    Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

statements! {
    PUT = "record the reading of an objective": "
        INSERT INTO objective_reading (project, objective, at, value, is_met, number, note)
        VALUES (:project, :objective, :at, :value, :is_met, :number, :note)
        ON CONFLICT (project, objective, at) DO UPDATE
        SET value = excluded.value, is_met = excluded.is_met, number = excluded.number, note = excluded.note";
    NEWEST = "read what an objective came to": "
        SELECT * FROM objective_reading WHERE project = :project AND objective = :objective
        ORDER BY at DESC LIMIT :limit";
}

/// What an objective came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveReading {
    /// When it was measured.
    pub at: Timestamp,
    /// The value of its KPI; `None`: it could not be measured.
    pub value: Option<f64>,
    /// Whether the target is met; `None` where there is no target or no value.
    pub is_met: Option<bool>,
    /// The version that was live then.
    pub number: Option<u32>,
    /// Why there is no value.
    pub note: Option<String>,
}

/// Records what an objective came to; the same moment again takes its place.
///
/// # Errors
/// When there is no such project.
pub fn put(tx: &Tx, project: &ProjectName, objective: &str, reading: &ObjectiveReading) -> Result<(), StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":objective": objective, ":at": reading.at.millis(), ":value": reading.value,
        ":is_met": reading.is_met.map(i64::from), ":number": reading.number, ":note": reading.note,
    };
    tx.execute(&PUT, params).map(drop)
}

/// What an objective came to, newest first.
pub fn newest(
    reader: &Reader,
    project: &ProjectName,
    objective: &str,
    limit: u32,
) -> Result<Vec<ObjectiveReading>, StoreError> {
    let params = named_params! { ":project": project.as_str(), ":objective": objective, ":limit": limit };
    reader.all(&NEWEST, params, reading)
}

fn reading(row: &Row) -> database::Result<ObjectiveReading> {
    Ok(ObjectiveReading {
        at: row::time(row, "at")?,
        value: row.get("value")?,
        is_met: row.get::<_, Option<i64>>("is_met")?.map(|is_met| is_met == 1),
        number: row.get("number")?,
        note: row.get("note")?,
    })
}
