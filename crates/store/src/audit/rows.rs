//! Whether each row of the audited tables is the one that its entry wrote, and each entry still has its row.

use kilter_domain::{audit::Outcome, time::Timestamp};

use super::{
    fault::Fault,
    row_digest::RowDigest,
    table::{AuditedTable, Rows, TABLES},
};
use crate::{
    Reader, StoreError,
    database::{self, Binding, Row},
};

/// What was found in the rows.
#[derive(Debug, Default)]
pub(super) struct AuditFindings {
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Rows whose entry was written by an earlier program and says nothing of their columns.
    pub unsealed: u64,
}

/// Compares all rows with their entries, `most` faults a table.
pub(super) fn compare(reader: &Reader, most: usize) -> Result<AuditFindings, StoreError> {
    let mut found = AuditFindings::default();
    for table in TABLES {
        compare_rows(reader, table, most, &mut found)?;
        found.faults.extend(entries_without_row(reader, table, most)?);
        found.faults.extend(rows_of_one_entry(reader, table, most)?);
        if table.rows == Rows::Intervals {
            found.faults.extend(ends_without_entry(reader, table, most)?);
        }
    }
    Ok(found)
}

const ATTEMPT: &str = "compare rows with the audit log";

fn compare_rows(
    reader: &Reader,
    table: &AuditedTable,
    most: usize,
    found: &mut AuditFindings,
) -> Result<(), StoreError> {
    let failed = |error| StoreError::of(ATTEMPT, error);
    let columns: Vec<String> = table.columns.iter().map(|column| format!("t.{column}")).collect();
    let sql = format!(
        "SELECT {}, {} AS row_object, t.audit_seq AS row_seq, {SAID} FROM {} AS t LEFT JOIN audit ON audit.seq = t.audit_seq",
        columns.join(", "),
        table.object,
        table.name
    );
    let mut count = 0;
    let mut compare = |row: &Row<'_>| {
        match compare_row(table, row)? {
            RowComparison::Same => {}
            RowComparison::Unsealed => found.unsealed += 1,
            RowComparison::Otherwise(fault) => {
                found.faults.push(fault);
                count += 1;
            }
        }
        Ok(count < most)
    };
    reader.connection.query(&sql, &[], Binding::All, &mut compare).map_err(failed)
}

enum RowComparison {
    Same,
    Unsealed,
    Otherwise(Fault),
}

fn compare_row(table: &AuditedTable, row: &Row) -> database::Result<RowComparison> {
    let width = table.columns.len();
    let (object, seq): (Option<String>, i64) = (row.get(width)?, row.get(width + 1)?);
    let object = object.unwrap_or_else(|| format!("{}?", table.prefix));
    let row_name = || (table.name, object.clone());
    let entry = EntryOfRow::read(row, width + 2)?;
    let Some(entry) = entry.filter(|entry| entry.object == object && entry.outcome == Outcome::Done.as_str()) else {
        let (table, object) = row_name();
        return Ok(RowComparison::Otherwise(Fault::RowWithoutEntry { table, object, seq }));
    };
    let mut digest = RowDigest::default();
    for (place, column) in table.columns.iter().enumerate() {
        digest.add(column, row.value(place)?);
    }
    Ok(match digest.differs(table.columns, &entry.evidence) {
        None => RowComparison::Unsealed,
        Some(columns) if columns.is_empty() => RowComparison::Same,
        Some(columns) => {
            let (table, object) = row_name();
            RowComparison::Otherwise(Fault::RowChanged { table, object, columns, seq, entry: entry.summary() })
        }
    })
}

/// What is read of an entry beside its row, whose columns have names in common with it.
const SAID: &str =
    "audit.object, audit.outcome, audit.evidence, audit.action, audit.actor, audit.at, audit.before, audit.after";

/// An entry as a row needs it, whatever somebody made of it.
struct EntryOfRow {
    object: String,
    outcome: String,
    evidence: Vec<String>,
    action: String,
    actor: String,
    at: Timestamp,
    before: Option<String>,
    after: Option<String>,
}

impl EntryOfRow {
    /// Reads [`SAID`] from column `from` on; `None` where there is no entry.
    fn read(row: &Row, from: usize) -> database::Result<Option<Self>> {
        let Some(object) = row.get(from)? else { return Ok(None) };
        let evidence: String = row.get(from + 2)?;
        Ok(Some(Self {
            object,
            outcome: row.get(from + 1)?,
            // Evidence that cannot be read is reported where the audit log is read.
            evidence: serde_json::from_str(&evidence).unwrap_or_default(),
            action: row.get(from + 3)?,
            actor: row.get(from + 4)?,
            at: Timestamp(row.get(from + 5)?),
            before: row.get(from + 6)?,
            after: row.get(from + 7)?,
        }))
    }

    /// What it says, for a person.
    fn summary(&self) -> String {
        let state = match (&self.before, &self.after) {
            (Some(before), Some(after)) => format!(", {} to {}", short(before), short(after)),
            (None, Some(after)) => format!(", {}", short(after)),
            _ => String::new(),
        };
        format!("{} by {} at {}{state}", self.action, self.actor, self.at)
    }
}

/// A state, or the beginning of a digest.
fn short(state: &str) -> &str {
    match state.len() {
        64.. => state.get(..12).unwrap_or(state),
        _ => state,
    }
}

/// Entries whose row is gone: every one of a fact, the last one of a state.
fn entries_without_row(reader: &Reader, table: &AuditedTable, most: usize) -> Result<Vec<Fault>, StoreError> {
    let begins = table.prefix;
    // The character after the colon: all objects of the prefix lie between.
    let ends = format!("{};", begins.trim_end_matches(':'));
    let which = match table.rows {
        Rows::Facts | Rows::Intervals => "SELECT seq, object FROM audit WHERE",
        Rows::States => "SELECT max(seq) AS seq, object FROM audit WHERE after IS DISTINCT FROM before AND",
    };
    let group = if table.rows == Rows::States { "GROUP BY object" } else { "" };
    let sql = format!(
        "WITH stated AS ({which} outcome = 'done' AND after IS NOT NULL AND object >= '{begins}' AND object < '{ends}' {group})
         SELECT stated.seq, stated.object FROM stated LEFT JOIN {} AS t ON t.audit_seq = stated.seq
         WHERE t.audit_seq IS NULL ORDER BY stated.seq LIMIT {most}",
        table.name
    );
    let name = table.name;
    all(reader, &sql, |row| Ok(Fault::EntryWithoutRow { table: name, seq: row.get(0)?, object: row.get(1)? }))
}

/// Rows that claim an entry which another row has.
fn rows_of_one_entry(reader: &Reader, table: &AuditedTable, most: usize) -> Result<Vec<Fault>, StoreError> {
    let sql = format!(
        "SELECT audit_seq, max({}) FROM {} AS t GROUP BY audit_seq HAVING count(*) > 1 LIMIT {most}",
        table.object, table.name
    );
    let name = table.name;
    all(reader, &sql, |row| {
        let object: Option<String> = row.get(1)?;
        Ok(Fault::RowTwice { table: name, object: object.unwrap_or_default(), seq: row.get(0)? })
    })
}

/// Intervals that do not end where the next entry of their object says.
fn ends_without_entry(reader: &Reader, table: &AuditedTable, most: usize) -> Result<Vec<Fault>, StoreError> {
    let sql = format!(
        "WITH span AS (
             SELECT {} AS object, t.audit_seq AS seq, t.since AS since, t.until AS until, (
                 SELECT min(later.seq) FROM audit AS later
                 WHERE later.object = {} AND later.seq > t.audit_seq AND later.outcome = 'done'
             ) AS next
             FROM {} AS t
         )
         SELECT span.object, coalesce(span.next, span.seq) FROM span LEFT JOIN audit ON audit.seq = span.next
         WHERE span.until IS DISTINCT FROM CASE WHEN audit.at > span.since THEN audit.at
                                             WHEN audit.seq IS NOT NULL THEN span.since END LIMIT {most}",
        table.object, table.object, table.name
    );
    let name = table.name;
    all(reader, &sql, |row| Ok(Fault::EndWithoutEntry { table: name, object: row.get(0)?, seq: row.get(1)? }))
}

fn all<T>(reader: &Reader, sql: &str, mut read: impl FnMut(&Row) -> database::Result<T>) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    let mut keep = |row: &Row<'_>| {
        found.push(read(row)?);
        Ok(true)
    };
    reader.connection.query(sql, &[], Binding::All, &mut keep).map_err(|error| StoreError::of(ATTEMPT, error))?;
    Ok(found)
}
