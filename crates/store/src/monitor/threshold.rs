//! The bounds that readings were judged by, each since when and why.

use kilter_domain::{ids::ProjectName, time::Timestamp};
use serde_json::Value;

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "threshold";

statements! {
    CURRENT = "read the threshold": "
        SELECT * FROM threshold WHERE project = :project AND rule = :rule AND until IS NULL";
    AT = "read the threshold that held at a time": "
        SELECT * FROM threshold
        WHERE project = :project AND rule = :rule AND since <= :at AND (until IS NULL OR :at < until)
        ORDER BY key DESC LIMIT 1";
    END = "change the threshold": "
        UPDATE threshold SET until = :until WHERE project = :project AND rule = :rule AND until IS NULL";
    BEGIN = "change the threshold": "
        INSERT INTO threshold (project, rule, low, high, since, reason, audit_seq)
        VALUES (:project, :rule, :low, :high, :since, :reason, :audit_seq)";
    NEWEST = "list thresholds": "
        SELECT * FROM threshold
        WHERE project = :project AND (rule = :rule OR :rule IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// A bound, and how long it held.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The project that it belongs to.
    pub project: ProjectName,
    /// The rule that it belongs to, as it stands in the contract.
    pub rule: String,
    /// The lower bound.
    pub low: Option<f64>,
    /// The upper bound.
    pub high: Option<f64>,
    /// From when on it holds.
    pub since: Timestamp,
    /// To when it held; `None`: it still does.
    pub until: Option<Timestamp>,
    /// Why, with its numbers.
    pub reason: Value,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Sets a bound; setting what holds already changes nothing.
pub fn set(
    audited: &AuditedTx,
    project: &ProjectName,
    rule: &str,
    (low, high): (Option<f64>, Option<f64>),
    reason: &Value,
) -> Result<Threshold, StoreError> {
    let tx = audited.tx();
    let current = current(tx, project, rule)?;
    if let Some(threshold) = current.as_ref().filter(|current| (current.low, current.high) == (low, high)) {
        return Ok(threshold.clone());
    }
    let since = current.as_ref().map_or(audited.at(), |threshold| threshold.since.max(audited.at()));
    let (before, after) = (current.map(|current| range(current.low, current.high)), range(low, high));
    let object = format!("threshold:{project}/{rule}");
    let change = Change { before: before.as_deref(), after: Some(&after), ..Change::of(&object) };
    let (project_text, since_ms) = (project.as_str(), since.millis());
    tx.execute(&END, named_params! { ":project": project_text, ":rule": rule, ":until": since_ms })?;
    let params = named_params! {
        ":project": project_text, ":rule": rule, ":low": low, ":high": high, ":since": since_ms,
        ":reason": row::text_of(BEGIN.attempt, reason)?,
    };
    let audit_seq = audited.write_row(&table::THRESHOLD, &change, &BEGIN, params)?;
    let (rule, reason) = (rule.to_owned(), reason.clone());
    Ok(Threshold { project: project.clone(), rule, low, high, since, until: None, reason, audit_seq })
}

/// A bound as the audit log writes it: `0.2..` is at least 0.2.
fn range(low: Option<f64>, high: Option<f64>) -> String {
    let text = |bound: Option<f64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
    format!("{}..{}", text(low), text(high))
}

/// The bound of a rule that holds now.
pub fn current(reader: &Reader, project: &ProjectName, rule: &str) -> Result<Option<Threshold>, StoreError> {
    reader.one(&CURRENT, named_params! { ":project": project.as_str(), ":rule": rule }, threshold)
}

/// The bound of a rule that held at `at`.
pub fn at(reader: &Reader, project: &ProjectName, rule: &str, at: Timestamp) -> Result<Option<Threshold>, StoreError> {
    let params = named_params! { ":project": project.as_str(), ":rule": rule, ":at": at.millis() };
    reader.one(&AT, params, threshold)
}

/// Every bound of a rule, or of a project, newest first.
pub fn list(
    reader: &Reader,
    project: &ProjectName,
    rule: Option<&str>,
    page: &PageRequest,
) -> Result<Page<Threshold>, StoreError> {
    let params = named_params! {
        ":project": project.as_str(), ":rule": rule, ":below": page.below(LIST)?, ":limit": page.probe()
    };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, threshold(row)?)))?))
}

fn threshold(row: &Row) -> database::Result<Threshold> {
    Ok(Threshold {
        project: row::parsed(row, "project")?,
        rule: row.get("rule")?,
        low: row.get("low")?,
        high: row.get("high")?,
        since: row::time(row, "since")?,
        until: row::maybe_time(row, "until")?,
        reason: row::document(row, "reason")?,
        audit_seq: row.get("audit_seq")?,
    })
}
