//! Readings and the bounds that they are judged by; alerts and what was done about them.
//!
//! Invariants: a value that was not measured is `None`, never zero; a reading that is made again for the same
//! window and the same knowledge (`as_of`) replaces itself, one made with more knowledge stands beside it. Nothing from the
//! future is final: what a clock that was ahead left is passed over until its time comes, and replaced when its window is
//! measured again.

pub mod alert;
pub mod evidence;
pub mod retrain;
pub mod threshold;

use kilter_domain::{
    alert::MonitorKind,
    ids::{EndpointName, VersionId},
    reading::ReadingDetail,
    rule::{MetricId, RuleVerdict},
    time::{Interval, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{
    Page, PageRequest, Reader, StoreError, Tx,
    database::{self, Row, named_params},
    row,
    statement::statements,
};

const LIST: &str = "reading";
/// Readings of one batch at most.
pub const MAX_READINGS: usize = 10_000;

statements! {
    PUT = "record a reading": "
        INSERT INTO reading (endpoint, monitor, metric, window_start, window_end, value, low, high, count, verdict,
                             as_of, estimated, model, number, detail)
        VALUES (:endpoint, :monitor, :metric, :window_start, :window_end, :value, :low, :high, :count, :verdict,
                :as_of, :estimated, :model, :number, :detail)
        ON CONFLICT (endpoint, monitor, metric, window_start, window_end, as_of, estimated) DO UPDATE
        SET value = excluded.value, low = excluded.low, high = excluded.high, count = excluded.count,
            verdict = excluded.verdict, model = excluded.model, number = excluded.number, detail = excluded.detail";
    AHEAD = "replace a reading from the future": "
        DELETE FROM reading
        WHERE endpoint = :endpoint AND monitor = :monitor AND metric = :metric AND window_start = :window_start
          AND window_end = :window_end AND estimated = :estimated AND as_of > :as_of";
    NEWEST_ENDED = "read the newest reading of a metric": "
        SELECT * FROM reading
        WHERE endpoint = :endpoint AND monitor = :monitor AND metric = :metric AND window_end <= :now AND as_of <= :now
        ORDER BY window_end DESC, as_of DESC, key DESC LIMIT 1";
    // Of each window only what is known best: the latest as_of, measured before estimated.
    HISTORY = "read the history of a metric": "
        SELECT * FROM reading AS one
        WHERE endpoint = :endpoint AND metric = :metric AND (monitor = :monitor OR :monitor IS NULL)
          AND window_end > :start AND window_start < :end
          AND NOT EXISTS (
              SELECT 1 FROM reading AS better
              WHERE better.endpoint = one.endpoint AND better.metric = one.metric AND better.monitor = one.monitor
                AND better.window_start = one.window_start AND better.window_end = one.window_end
                AND (better.as_of, -better.estimated) > (one.as_of, -one.estimated)
          )
        ORDER BY window_end, key LIMIT :limit";
    // One step an index entry of each metric, not one a reading.
    LATEST = "read the newest reading of every metric": "
        WITH RECURSIVE name (metric) AS (
            SELECT min(metric) FROM reading WHERE endpoint = :endpoint
            UNION ALL
            SELECT (SELECT min(metric) FROM reading WHERE endpoint = :endpoint AND metric > name.metric)
            FROM name WHERE name.metric IS NOT NULL
        ),
        kind (monitor) AS (VALUES ('data'), ('performance'), ('drift'), ('bias'), ('usage'))
        SELECT one.* FROM name CROSS JOIN kind JOIN reading AS one ON one.key = (
            SELECT key FROM reading
            WHERE endpoint = :endpoint AND metric = name.metric AND monitor = kind.monitor
            ORDER BY (window_end <= :now AND as_of <= :now) DESC, window_end DESC, as_of DESC, estimated, key DESC LIMIT 1
        )
        WHERE name.metric IS NOT NULL
        ORDER BY one.monitor, one.metric LIMIT :limit";
    NEWEST = "list readings": "
        SELECT * FROM reading
        WHERE endpoint = :endpoint AND (monitor = :monitor OR :monitor IS NULL)
          AND (metric = :metric OR :metric IS NULL) AND key < :below
        ORDER BY key DESC LIMIT :limit";
}

/// What a rule says of a reading. The whole outcome, with its sentence, stands in the reading's detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleStatus {
    /// The rule holds.
    Passed,
    /// It does not.
    Failed,
    /// Not measured, or too close to tell.
    Undecided,
}

impl From<&RuleVerdict> for RuleStatus {
    fn from(verdict: &RuleVerdict) -> Self {
        match verdict {
            RuleVerdict::Passed => Self::Passed,
            RuleVerdict::Failed => Self::Failed,
            RuleVerdict::Undecided(_) => Self::Undecided,
        }
    }
}

/// One measured value over one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The endpoint that it belongs to.
    pub endpoint: EndpointName,
    /// Which monitor asked.
    pub monitor: MonitorKind,
    /// What was measured: `psi(income)`.
    pub metric: MetricId,
    /// The time that was measured.
    pub window: Interval,
    /// `None`: not measured.
    pub value: Option<f64>,
    /// The interval of the value.
    pub low: Option<f64>,
    /// The upper end of the interval.
    pub high: Option<f64>,
    /// Rows it rests on.
    pub count: u64,
    /// What its rule says; `None` where no rule is about it.
    pub verdict: Option<RuleStatus>,
    /// What was known when it was made.
    pub as_of: Timestamp,
    /// Estimated before the labels came.
    pub estimated: bool,
    /// The version that answered, when it was one.
    pub version: Option<VersionId>,
    /// What else is known about it.
    pub detail: ReadingDetail,
}

impl Reading {
    /// A reading of a window in which nothing was measured: no rows, no value, no rule, no version. Whoever measured sets what
    /// is known beside it.
    pub fn unmeasured(
        endpoint: &EndpointName,
        monitor: MonitorKind,
        metric: MetricId,
        window: Interval,
        as_of: Timestamp,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            monitor,
            metric,
            window,
            value: None,
            low: None,
            high: None,
            count: 0,
            verdict: None,
            as_of,
            estimated: false,
            version: None,
            detail: ReadingDetail::default(),
        }
    }
}

/// Records readings in one go.
///
/// # Errors
/// When there are more than [`MAX_READINGS`], or one is not measured and yet decided; nothing of the batch is kept.
pub fn record(tx: &Tx, readings: &[Reading]) -> Result<(), StoreError> {
    if readings.len() > MAX_READINGS {
        let reason = format!("{} readings are too many for one batch (at most {MAX_READINGS})", readings.len());
        return Err(StoreError::Invalid { attempted: PUT.attempt, reason });
    }
    readings.iter().try_for_each(|reading| put(tx, reading))
}

fn put(tx: &Tx, reading: &Reading) -> Result<(), StoreError> {
    let metric = reading.metric.to_string();
    let ahead = named_params! {
        ":endpoint": reading.endpoint.as_str(), ":monitor": reading.monitor.as_str(), ":metric": metric,
        ":window_start": reading.window.start.millis(), ":window_end": reading.window.end.millis(),
        ":estimated": reading.estimated, ":as_of": reading.as_of.millis(),
    };
    tx.execute(&AHEAD, ahead)?;
    let (model, number) = reading.version.as_ref().map(|version| (version.model.as_str(), version.number)).unzip();
    let params = named_params! {
        ":endpoint": reading.endpoint.as_str(), ":monitor": reading.monitor.as_str(), ":metric": metric,
        ":window_start": reading.window.start.millis(), ":window_end": reading.window.end.millis(),
        // SQLite writes NaN as NULL, which is what it means here: not measured.
        ":value": reading.value, ":low": reading.low, ":high": reading.high, ":count": reading.count,
        ":verdict": reading.verdict.as_ref().map(row::name_of).transpose()?, ":as_of": reading.as_of.millis(),
        ":estimated": reading.estimated, ":model": model, ":number": number,
        ":detail": row::text_of(PUT.attempt, &reading.detail)?,
    };
    tx.execute(&PUT, params).map(drop)
}

/// Which readings are wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadingFilter {
    /// Only of this kind; `None`: of all.
    pub monitor: Option<MonitorKind>,
    /// Only of this metric; `None`: of all.
    pub metric: Option<MetricId>,
}

/// Readings of an endpoint, newest first.
pub fn list(
    reader: &Reader,
    endpoint: &EndpointName,
    filter: &ReadingFilter,
    page: &PageRequest,
) -> Result<Page<Reading>, StoreError> {
    let params = named_params! {
        ":endpoint": endpoint.as_str(), ":monitor": filter.monitor.map(MonitorKind::as_str), ":metric": filter.metric.as_ref().map(MetricId::to_string),
        ":below": page.below(LIST)?, ":limit": page.probe(),
    };
    Ok(page.page(LIST, reader.all(&NEWEST, params, |row| Ok((row.get("key")?, reading(row)?)))?))
}

/// The reading of a metric whose window ended last, of those that ended and were made at or before `now`.
pub fn newest_ended(
    reader: &Reader,
    endpoint: &EndpointName,
    monitor: MonitorKind,
    metric: &MetricId,
    now: Timestamp,
) -> Result<Option<Reading>, StoreError> {
    let params = named_params! {
        ":endpoint": endpoint.as_str(), ":monitor": monitor.as_str(), ":metric": metric.to_string(), ":now": now.millis(),
    };
    reader.one(&NEWEST_ENDED, params, reading)
}

/// The best-known reading of each window that touches `start..end`, by window; at most `limit` (brought into 1 to
/// 10,000). The best-known is the one made last, and a measured one before an estimated one.
pub fn history(
    reader: &Reader,
    endpoint: &EndpointName,
    monitor: Option<MonitorKind>,
    metric: &MetricId,
    window: Interval,
    limit: u32,
) -> Result<Vec<Reading>, StoreError> {
    let params = named_params! {
        ":endpoint": endpoint.as_str(), ":metric": metric.to_string(), ":monitor": monitor.map(MonitorKind::as_str), ":start": window.start.millis(),
        ":end": window.end.millis(), ":limit": limit.clamp(1, 10_000),
    };
    reader.all(&HISTORY, params, reading)
}

/// The best-known reading of the newest window of every metric of an endpoint, by monitor and metric; at most `limit`
/// (brought into 1 to 10,000). A window that is not over at `now` counts only where there is no other.
pub fn latest(
    reader: &Reader,
    endpoint: &EndpointName,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Reading>, StoreError> {
    let params =
        named_params! { ":endpoint": endpoint.as_str(), ":now": now.millis(), ":limit": limit.clamp(1, 10_000) };
    reader.all(&LATEST, params, reading)
}

fn reading(row: &Row) -> database::Result<Reading> {
    let version = match row.get::<_, Option<u32>>("number")? {
        Some(number) => Some(VersionId::new(row::parsed(row, "model")?, number)),
        None => None,
    };
    Ok(Reading {
        endpoint: row::parsed(row, "endpoint")?,
        monitor: row::parsed(row, "monitor")?,
        metric: row::parsed(row, "metric")?,
        window: Interval::new(row::time(row, "window_start")?, row::time(row, "window_end")?),
        value: row.get("value")?,
        low: row.get("low")?,
        high: row.get("high")?,
        count: row.get("count")?,
        verdict: row::maybe_word(row, "verdict")?,
        as_of: row::time(row, "as_of")?,
        estimated: row.get("estimated")?,
        version,
        detail: row::document(row, "detail")?,
    })
}
