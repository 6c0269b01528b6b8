//! Metrics of runs: written in batches, read in pages.

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
};

use kilter_domain::{
    search::HistoryToken,
    time::Timestamp,
    tracking::{HistoryPoint, MetricPoint},
};

use super::{names::check_name, run::key_of};
use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    statement::statements,
};

/// Points of one batch at most.
pub const MAX_POINTS: usize = 10_000;
/// Points that are read at a time at most.
pub const MAX_PAGE: u32 = 10_000;

statements! {
    FIND_METRIC = "find a metric": "
        SELECT key FROM metric WHERE name = :name";
    INSERT_METRIC = "name a metric": "
        INSERT INTO metric (name) VALUES (:name) RETURNING key";
    INSERT_POINT = "log a metric": "
        INSERT INTO run_metric (run, metric, step, at, value, is_nan) VALUES (:run, :metric, :step, :at, :value, :is_nan)
        ON CONFLICT DO NOTHING";
    PUT_LATEST = "log a metric": "
        INSERT INTO run_metric_latest (run, metric, step, at, value, is_nan) VALUES (:run, :metric, :step, :at, :value, :is_nan)
        ON CONFLICT (run, metric) DO UPDATE
        SET step = excluded.step, at = excluded.at, value = excluded.value, is_nan = excluded.is_nan
        WHERE (excluded.step, excluded.at, excluded.value) > (run_metric_latest.step, run_metric_latest.at, run_metric_latest.value)";
    LATEST = "read the metrics of a run": "
        SELECT step, at, value, is_nan, name
        FROM run_metric_latest JOIN metric ON metric.key = run_metric_latest.metric
        WHERE run = :run ORDER BY name";
    HISTORY = "read the history of a metric": "
        SELECT step, at, value, is_nan FROM run_metric
        WHERE run = :run AND metric = (SELECT key FROM metric WHERE name = :name)
          AND (step, at, value, is_nan) > (:step, :at, :value, :is_nan)
        ORDER BY step, at, value, is_nan LIMIT :limit OFFSET :offset";
    COUNT = "count the points of a metric": "
        SELECT count(*) FROM run_metric
        WHERE run = :run AND metric = (SELECT key FROM metric WHERE name = :name) AND step BETWEEN :first AND :last";
}

/// Logs points in one go. A point that was logged before changes nothing.
///
/// # Errors
/// When there is no such run or the batch is larger than [`MAX_POINTS`]; nothing of it is kept.
pub fn log_metrics(tx: &Tx, run: &str, points: &[MetricPoint]) -> Result<(), StoreError> {
    log(tx, key_of(tx, run)?, points)
}

/// As [`log_metrics`], of the run with this key.
pub(super) fn log(tx: &Tx, run: i64, points: &[MetricPoint]) -> Result<(), StoreError> {
    if points.len() > MAX_POINTS {
        let reason = format!("{} points are too many for one batch (at most {MAX_POINTS})", points.len());
        return Err(StoreError::Invalid { attempted: INSERT_POINT.attempt, reason });
    }
    if points.is_empty() {
        return Ok(());
    }
    let keys = metric_keys(tx, points)?;
    let mut latest: HashMap<i64, PlacedPoint> = HashMap::new();
    let mut rows = Vec::with_capacity(points.len());
    for point in points {
        let metric = *keys.get(point.metric.as_str()).ok_or(StoreError::RolledBack)?;
        let placed = PlacedPoint { run, metric, point: Stored::from(point) };
        if latest.get(&metric).is_none_or(|latest| placed.point.is_later_than(&latest.point)) {
            latest.insert(metric, placed);
        }
        rows.push(placed);
    }
    let (rows, latest) = (params_of(rows.iter()), params_of(latest.values()));
    tx.execute_batches(&[(&INSERT_POINT, &as_params(&rows)), (&PUT_LATEST, &as_params(&latest))])
}

fn params_of<'s>(points: impl Iterator<Item = &'s PlacedPoint>) -> Vec<[(&'static str, &'s dyn ToValue); 6]> {
    points.map(PlacedPoint::params).collect()
}

fn as_params<'r>(rows: &'r [[(&'static str, &'r dyn ToValue); 6]]) -> Vec<Params<'r>> {
    rows.iter().map(|row| row.as_slice()).collect()
}

/// The key of each metric that the points name; one that is new gets one.
fn metric_keys<'p>(tx: &Tx, points: &'p [MetricPoint]) -> Result<HashMap<&'p str, i64>, StoreError> {
    let names: BTreeSet<&str> = points.iter().map(|point| point.metric.as_str()).collect();
    let rows: Vec<_> = names.iter().map(|name| [(":name", name as &dyn ToValue)]).collect();
    let rows: Vec<Params<'_>> = rows.iter().map(|row| row.as_slice()).collect();
    let found = tx.one_each(&FIND_METRIC, &rows, |row| row.get(0))?;
    let key_of = |(name, found): (&'p str, Option<i64>)| Ok((name, found.map_or_else(|| name_metric(tx, name), Ok)?));
    names.iter().copied().zip(found).map(key_of).collect()
}

/// The key of a metric; one that is new gets one.
pub(crate) fn ensure_key(tx: &Tx, name: &str) -> Result<i64, StoreError> {
    let found = tx.one(&FIND_METRIC, named_params! { ":name": name }, |row| row.get(0))?;
    found.map_or_else(|| name_metric(tx, name), Ok)
}

fn name_metric(tx: &Tx, name: &str) -> Result<i64, StoreError> {
    check_name(INSERT_METRIC.attempt, name)?;
    let made = tx.one(&INSERT_METRIC, named_params! { ":name": name }, |row| row.get(0))?;
    made.ok_or(StoreError::RolledBack)
}

/// A point as it stands in its row: SQLite has no NaN, so a flag says it.
#[derive(Clone, Copy)]
struct Stored {
    step: i64,
    at: i64,
    value: f64,
    is_nan: bool,
}

impl From<&MetricPoint> for Stored {
    fn from(&MetricPoint { step, at, value, .. }: &MetricPoint) -> Self {
        HistoryPoint { step, at, value }.into()
    }
}

impl From<HistoryPoint> for Stored {
    fn from(HistoryPoint { step, at, value }: HistoryPoint) -> Self {
        let is_nan = value.is_nan();
        Self { step, at: at.millis(), value: if is_nan { 0.0 } else { value }, is_nan }
    }
}

/// A point with the keys of its run and its metric.
#[derive(Clone, Copy)]
struct PlacedPoint {
    run: i64,
    metric: i64,
    point: Stored,
}

impl PlacedPoint {
    fn params(&self) -> [(&'static str, &dyn ToValue); 6] {
        [
            (":run", &self.run),
            (":metric", &self.metric),
            (":step", &self.point.step),
            (":at", &self.point.at),
            (":value", &self.point.value),
            (":is_nan", &self.point.is_nan),
        ]
    }
}

impl Stored {
    fn is_later_than(&self, other: &Self) -> bool {
        (self.step, self.at, self.value) > (other.step, other.at, other.value)
    }

    /// A row that begins with these four: they are read by their places, since there are many.
    fn read(row: &Row) -> database::Result<Self> {
        Ok(Self { step: row.get(0)?, at: row.get(1)?, value: row.get(2)?, is_nan: row.get(3)? })
    }

    const fn point(self) -> HistoryPoint {
        let value = if self.is_nan { f64::NAN } else { self.value };
        HistoryPoint { step: self.step, at: Timestamp(self.at), value }
    }
}

/// The latest points of each run whose key stands in `rows`.
pub(crate) fn latest_of_each(reader: &Reader, rows: &[Params<'_>]) -> Result<Vec<Vec<MetricPoint>>, StoreError> {
    reader.all_each(&LATEST, rows, latest_point)
}

/// A row of step, time, value, whether it is NaN, and name.
pub(crate) fn latest_point(row: &Row) -> database::Result<MetricPoint> {
    let HistoryPoint { step, at, value } = Stored::read(row)?.point();
    Ok(MetricPoint { metric: row.get(4)?, step, at, value })
}

/// At most `limit` points (1 to [`MAX_PAGE`]) of one metric in the order of step and time, from `start` on.
///
/// # Errors
/// When there is no such run.
pub fn history_page(
    reader: &Reader,
    run: &str,
    metric: &str,
    start: &HistoryToken,
    limit: u32,
) -> Result<Vec<HistoryPoint>, StoreError> {
    let after = start.after.map(Stored::from);
    let offset = if after.is_some() { 0 } else { start.offset };
    history(reader, key_of(reader, run)?, metric, (after, offset), limit)
}

/// How many points a metric has at these steps.
///
/// # Errors
/// When there is no such run.
pub fn count_points(reader: &Reader, run: &str, metric: &str, steps: &RangeInclusive<i64>) -> Result<u64, StoreError> {
    let (first, last) = (*steps.start(), *steps.end());
    let params = named_params! { ":run": key_of(reader, run)?, ":name": metric, ":first": first, ":last": last };
    Ok(reader.one(&COUNT, params, |row| row.get(0))?.unwrap_or_default())
}

/// Calls `each` with the points of one metric in the order of step and time: the first `count` of those at these steps.
///
/// # Errors
/// When there is no such run.
pub fn each_point_of_steps(
    reader: &Reader,
    run: &str,
    metric: &str,
    (steps, count): (&RangeInclusive<i64>, u64),
    each: &mut dyn FnMut(HistoryPoint),
) -> Result<(), StoreError> {
    let key = key_of(reader, run)?;
    let before = steps.start().checked_sub(1).map(|step| Stored { step, at: i64::MAX, value: f64::MAX, is_nan: true });
    let (mut after, mut left) = (before, count);
    while left > 0 {
        let limit = u32::try_from(left).unwrap_or(MAX_PAGE).min(MAX_PAGE);
        let page = history(reader, key, metric, (after, 0), limit)?;
        if page.is_empty() {
            break;
        }
        left = left.saturating_sub(page.len() as u64);
        after = page.last().copied().map(Stored::from);
        page.into_iter().for_each(&mut *each);
    }
    Ok(())
}

/// At most `limit` points of one metric behind `after`, in the order of step and time.
///
/// # Errors
/// When there is no such run.
pub fn points_after(
    reader: &Reader,
    run: &str,
    after: &MetricPoint,
    limit: u32,
) -> Result<Vec<MetricPoint>, StoreError> {
    let found = history(reader, key_of(reader, run)?, &after.metric, (Some(Stored::from(after)), 0), limit)?;
    let of_metric = |HistoryPoint { step, at, value }| MetricPoint { metric: after.metric.clone(), step, at, value };
    Ok(found.into_iter().map(of_metric).collect())
}

fn history(
    reader: &Reader,
    run: i64,
    metric: &str,
    (after, offset): (Option<Stored>, u64),
    limit: u32,
) -> Result<Vec<HistoryPoint>, StoreError> {
    let (step, at, value, is_nan) = after.map_or((i64::MIN, i64::MIN, f64::NEG_INFINITY, -1), |point| {
        (point.step, point.at, point.value, i64::from(point.is_nan))
    });
    let params = named_params! {
        ":run": run, ":name": metric, ":step": step, ":at": at, ":value": value, ":is_nan": is_nan,
        ":limit": limit.clamp(1, MAX_PAGE), ":offset": offset,
    };
    reader.all(&HISTORY, params, |row| Ok(Stored::read(row)?.point()))
}
