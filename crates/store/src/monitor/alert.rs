//! Alerts: what stayed out of bounds, and who saw to it.
//!
//! Invariants: a key has at most one open alert; a resolved one is closed for ever, the next is a new one.

use kilter_domain::{
    alert::{AlertDetail, AlertKey, AlertState},
    ids::EndpointName,
    plural,
    time::Timestamp,
};

use crate::{
    Page, PageRequest, Reader, StoreError,
    audit::{AuditedTx, Change, table},
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "alert";

statements! {
    INSERT = "open the alert": "
        INSERT INTO alert (id, endpoint, alert_key, monitor, state, windows, opened, fired, detail, audit_seq)
        VALUES (:id, :endpoint, :alert_key, :monitor, :state, :windows, :opened, :fired, :detail, :audit_seq)";
    MOVE = "move the alert": "
        UPDATE alert
        SET state = :state, windows = :windows, muted_until = :muted_until, audit_seq = :audit_seq,
            detail = coalesce(:detail, detail), fired = :fired, acknowledged = :acknowledged, resolved = :resolved
        WHERE id = :id";
    COUNT = "count a window of the alert": "
        UPDATE alert SET windows = :windows, detail = coalesce(:detail, detail) WHERE id = :id";
    FIND = "read the alert": "
        SELECT * FROM alert WHERE id = :id";
    FIND_BY_END = "find the alert": "
        SELECT * FROM alert
        WHERE substr(id, length(id) - 3) = substr(:end, length(:end) - 3)
          AND substr(id, length(id) - length(:end) + 1) = :end LIMIT 2";
    FIND_OPEN = "read the open alert of a key": "
        SELECT * FROM alert WHERE alert_key = :alert_key AND state <> 'resolved'";
    NEWEST = "list alerts": "
        SELECT * FROM alert WHERE key < :below ORDER BY key DESC LIMIT :limit";
    NEWEST_OPEN = "list open alerts": "
        SELECT * FROM alert WHERE state <> 'resolved' AND key < :below ORDER BY key DESC LIMIT :limit";
    NEWEST_OF_ENDPOINT = "list alerts": "
        SELECT * FROM alert WHERE endpoint = :endpoint AND (NOT :open OR state <> 'resolved') AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// An alert that is about to be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct NewAlert {
    /// A uuid v7; handed in.
    pub id: String,
    /// What it is about, and where.
    pub key: AlertKey,
    /// As [`AlertState::opened`] gives it.
    pub state: AlertState,
    /// What is known about it.
    pub detail: AlertDetail,
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// What it is about, and where.
    pub key: AlertKey,
    /// Where it is in its life.
    pub state: AlertState,
    /// When it was opened.
    pub opened: Timestamp,
    /// When it fired.
    pub fired: Option<Timestamp>,
    /// When somebody took it on.
    pub acknowledged: Option<Timestamp>,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// What is known about it.
    pub detail: AlertDetail,
    /// The number of its entry in the audit log.
    pub audit_seq: u64,
}

/// Which alerts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Of which endpoint.
    pub endpoint: Option<EndpointName>,
    /// Only those that are not resolved.
    pub open: bool,
}

/// The name of an alert in the audit log.
pub fn object(id: &str) -> String {
    format!("alert:{id}")
}

/// Opens an alert.
///
/// # Errors
/// When its key has an open one already.
pub fn open(audited: &AuditedTx, new: &NewAlert) -> Result<Alert, StoreError> {
    if let Some(open) = find_open(audited.tx(), &new.key)? {
        let reason = format!("`{}` has the open alert {} already", new.key, open.id);
        return Err(StoreError::Conflict { attempted: INSERT.attempt, reason });
    }
    let state = text(new.state);
    let object = object(&new.id);
    let change = Change { after: Some(&state), ..Change::of(&object) };
    let (at, nothing) = (audited.at().millis(), None::<i64>);
    let params = named_params! {
        ":id": new.id, ":endpoint": new.key.endpoint.as_str(), ":alert_key": new.key.to_string(),
        ":monitor": new.key.topic.monitor().as_str(),
        ":state": new.state.as_str(), ":windows": windows(new.state), ":opened": at,
        ":fired": matches!(new.state, AlertState::Firing { .. }).then_some(at),
        ":detail": row::text_of(INSERT.attempt, &new.detail)?,
        ":muted_until": nothing, ":acknowledged": nothing, ":resolved": nothing,
    };
    audited.write_row(&table::ALERT, &change, &INSERT, params)?;
    get(audited.tx(), &new.id)
}

/// Moves an alert from the state that the caller judged to the next one; a new detail replaces the old one.
///
/// A window that only counts (`pending` 1 to `pending` 2) changes the row and makes no entry.
///
/// # Errors
/// When there is no such alert, or when it has moved meanwhile.
pub fn advance(
    audited: &AuditedTx,
    id: &str,
    expected: AlertState,
    next: AlertState,
    detail: Option<&AlertDetail>,
) -> Result<Alert, StoreError> {
    let alert = get(audited.tx(), id)?;
    let (object, before, after) = (object(id), text(expected), text(next));
    audited.check_unmoved(&object, &counted(expected), &counted(alert.state))?;
    let detail = detail.map(|detail| row::text_of(MOVE.attempt, detail)).transpose()?;
    if before == after {
        let params = named_params! { ":id": id, ":windows": windows(next), ":detail": detail };
        audited.tx().execute(&COUNT, params)?;
        return get(audited.tx(), id);
    }
    let change = Change { before: Some(&before), after: Some(&after), ..Change::of(&object) };
    let at = audited.at();
    let since = |first: Option<Timestamp>, is_so: bool| first.or(is_so.then_some(at)).map(Timestamp::millis);
    let params = named_params! {
        ":id": id, ":state": next.as_str(), ":windows": windows(next), ":muted_until": muted_until(next),
        ":detail": detail, ":fired": since(alert.fired, matches!(next, AlertState::Firing { .. })),
        ":acknowledged": since(alert.acknowledged, matches!(next, AlertState::Acknowledged { .. })),
        ":resolved": since(None, next == AlertState::Resolved),
    };
    audited.write_row(&table::ALERT, &change, &MOVE, params)?;
    get(audited.tx(), id)
}

/// Renews what an open alert says, with an entry of its own though it may stay in its state: there is something new to
/// know.
///
/// # Errors
/// When there is no such alert, or when it has moved meanwhile.
pub fn renew(
    audited: &AuditedTx,
    id: &str,
    expected: AlertState,
    next: AlertState,
    detail: &AlertDetail,
) -> Result<Alert, StoreError> {
    let (object, before, after) = (object(id), text(expected), text(next));
    if before == after {
        let alert = get(audited.tx(), id)?;
        audited.check_unmoved(&object, &counted(expected), &counted(alert.state))?;
        audited.record_change(&Change { before: Some(&before), after: Some(&after), ..Change::of(&object) })?;
        let detail = row::text_of(COUNT.attempt, detail)?;
        let params = named_params! { ":id": id, ":windows": windows(next), ":detail": Some(detail) };
        audited.tx().execute(&COUNT, params)?;
        return get(audited.tx(), id);
    }
    advance(audited, id, expected, next, Some(detail))
}

/// As the audit log writes it: `firing`, `muted 1764000000000`.
fn text(state: AlertState) -> String {
    match muted_until(state) {
        Some(until) => format!("{} {until}", state.as_str()),
        None => state.as_str().to_owned(),
    }
}

/// As an error writes it: with the windows that it has counted.
fn counted(state: AlertState) -> String {
    format!("{} after {}", text(state), plural::counted(windows(state), "window"))
}

const fn windows(state: AlertState) -> u32 {
    match state {
        AlertState::Pending { breaches } => breaches,
        AlertState::Firing { clean } | AlertState::Acknowledged { clean } | AlertState::Muted { clean, .. } => clean,
        AlertState::Resolved => 0,
    }
}

const fn muted_until(state: AlertState) -> Option<i64> {
    match state {
        AlertState::Muted { until, .. } => Some(until.millis()),
        _ => None,
    }
}

/// The alert, if there is one.
pub fn find(reader: &Reader, id: &str) -> Result<Option<Alert>, StoreError> {
    reader.one(&FIND, named_params! { ":id": id }, alert)
}

/// What the end of an id must have at least, to stand for it: the index `alert_end` holds so many of its characters.
const MIN_SHORT_ID: usize = 4;

/// The alert that is called so, or whose id alone ends so; else an error that names it. Ids begin with the time, so that
/// alerts of one night differ at their ends.
///
/// # Errors
/// When there is no such alert, or several end so.
pub fn get(reader: &Reader, id: &str) -> Result<Alert, StoreError> {
    let nothing = || StoreError::NotFound { what: "alert", id: id.to_owned() };
    if let Some(found) = find(reader, id)? {
        return Ok(found);
    }
    if id.len() < MIN_SHORT_ID {
        return Err(nothing());
    }
    let mut ends = reader.all(&FIND_BY_END, named_params! { ":end": id }, alert)?;
    match ends.len() {
        0 | 1 => ends.pop().ok_or_else(nothing),
        _ => Err(StoreError::Conflict {
            attempted: FIND_BY_END.attempt,
            reason: format!("several alerts end with `{id}`; write more of the id"),
        }),
    }
}

/// The open alert of a key.
pub fn find_open(reader: &Reader, key: &AlertKey) -> Result<Option<Alert>, StoreError> {
    reader.one(&FIND_OPEN, named_params! { ":alert_key": key.to_string() }, alert)
}

/// Alerts, newest first.
pub fn list(reader: &Reader, filter: &AlertFilter, page: &PageRequest) -> Result<Page<Alert>, StoreError> {
    let (below, limit) = (page.below(LIST)?, page.probe());
    let keyed = |row: &Row| Ok((row.get("key")?, alert(row)?));
    let rows = match &filter.endpoint {
        None => {
            let statement = if filter.open { &NEWEST_OPEN } else { &NEWEST };
            reader.all(statement, named_params! { ":below": below, ":limit": limit }, keyed)
        }
        Some(endpoint) => {
            let (endpoint, open) = (endpoint.as_str(), filter.open);
            let params = named_params! { ":endpoint": endpoint, ":open": open, ":below": below, ":limit": limit };
            reader.all(&NEWEST_OF_ENDPOINT, params, keyed)
        }
    };
    Ok(page.page(LIST, rows?))
}

fn alert(row: &Row) -> database::Result<Alert> {
    Ok(Alert {
        id: row.get("id")?,
        key: row::parsed(row, "alert_key")?,
        state: state(row)?,
        opened: row::time(row, "opened")?,
        fired: row::maybe_time(row, "fired")?,
        acknowledged: row::maybe_time(row, "acknowledged")?,
        resolved: row::maybe_time(row, "resolved")?,
        detail: row::document(row, "detail")?,
        audit_seq: row.get("audit_seq")?,
    })
}

fn state(row: &Row) -> database::Result<AlertState> {
    let windows = row.get("windows")?;
    match row.get::<_, String>("state")?.as_str() {
        "pending" => Ok(AlertState::Pending { breaches: windows }),
        "firing" => Ok(AlertState::Firing { clean: windows }),
        "acknowledged" => Ok(AlertState::Acknowledged { clean: windows }),
        "muted" => Ok(AlertState::Muted { until: row::time(row, "muted_until")?, clean: windows }),
        "resolved" => Ok(AlertState::Resolved),
        other => Err(row::no_word("state", other)),
    }
}
