//! What a run logged: parameters, metrics, artifacts, steps. Written in batches, read in pages.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kilter_domain::{digest::Digest, ids::StepName, run::StepState, time::Timestamp};
use serde_json::Value;

use crate::{
    Reader, StoreError, Tx,
    database::{self, Params, Row, ToValue, named_params},
    row,
    run::key_of,
    statement::statements,
};

/// Points of one batch at most.
pub const MAX_POINTS: usize = 10_000;
const MAX_NAME_BYTES: usize = 250;
const MAX_VALUE_BYTES: usize = 8_000;

statements! {
    INSERT_PARAM = "log a parameter": "
        INSERT INTO run_param (run, name, value) VALUES (:run, :name, :value)
        ON CONFLICT (run, name) DO NOTHING";
    PARAM = "read a parameter": "
        SELECT value FROM run_param WHERE run = :run AND name = :name";
    PARAMS = "list the parameters of a run": "
        SELECT name, value FROM run_param WHERE run = :run ORDER BY name";
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
        SELECT name, step, at, value, is_nan
        FROM run_metric_latest JOIN metric ON metric.key = run_metric_latest.metric
        WHERE run = :run ORDER BY name";
    HISTORY = "read the history of a metric": "
        SELECT step, at, value, is_nan FROM run_metric
        WHERE run = :run AND metric = (SELECT key FROM metric WHERE name = :name)
          AND (step, at, value, is_nan) > (:step, :at, :value, :is_nan)
        ORDER BY step, at, value, is_nan LIMIT :limit";
    PUT_ARTIFACT = "record an artifact": "
        INSERT INTO run_artifact (run, path, digest, bytes, at) VALUES (:run, :path, :digest, :bytes, :at)
        ON CONFLICT (run, path) DO UPDATE SET digest = excluded.digest, bytes = excluded.bytes, at = excluded.at";
    ARTIFACTS = "list the artifacts of a run": "
        SELECT path, digest, bytes, at FROM run_artifact
        WHERE run = :run AND path > :above ORDER BY path LIMIT :limit";
    PUT_STEP = "record a step": "
        INSERT INTO run_step (run, step, state, started, ended, record)
        VALUES (:run, :step, :state, :started, :ended, :record)
        ON CONFLICT (run, step) DO UPDATE SET state = excluded.state, started = excluded.started,
                                              ended = excluded.ended, record = excluded.record";
    STEPS = "list the steps of a run": "
        SELECT step, state, started, ended, record FROM run_step WHERE run = :run ORDER BY started, step";
}

/// One measured point. NaN and infinities are values.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint {
    /// The name of the metric.
    pub metric: String,
    /// The step within the run.
    pub step: i64,
    /// When.
    pub at: Timestamp,
    /// What was measured.
    pub value: f64,
}

/// Something a run left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Below the run's artifact root, with `/`.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: u64,
    /// When.
    pub at: Timestamp,
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The step within the run.
    pub step: StepName,
    /// Where the step is in its life.
    pub state: StepState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Its cache key, exit, log and the like, as a document.
    pub record: Value,
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
        check_text(INSERT_PARAM.attempt, "name", name, MAX_NAME_BYTES)?;
        check_text(INSERT_PARAM.attempt, "value", value, MAX_VALUE_BYTES)?;
        if tx.execute(&INSERT_PARAM, named_params! { ":run": key, ":name": name, ":value": value })? == 0 {
            refuse_change(tx, key, name, value)?;
        }
    }
    Ok(())
}

fn refuse_change(tx: &Tx, run: i64, name: &str, value: &str) -> Result<(), StoreError> {
    let present: Option<String> = tx.one(&PARAM, named_params! { ":run": run, ":name": name }, |row| row.get(0))?;
    match present {
        Some(present) if present != value => Err(StoreError::Conflict {
            attempted: INSERT_PARAM.attempt,
            reason: format!("`{name}` is `{present}` already and cannot become `{value}`; log it under another name"),
        }),
        _ => Ok(()),
    }
}

/// The parameters of a run by name.
pub fn params(reader: &Reader, run: &str) -> Result<BTreeMap<String, String>, StoreError> {
    let params = named_params! { ":run": key_of(reader, run)? };
    Ok(reader.all(&PARAMS, params, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
}

/// Logs points in one go. A point that was logged before changes nothing.
///
/// # Errors
/// When there is no such run or the batch is larger than [`MAX_POINTS`]; nothing of it is kept.
pub fn log_metrics(tx: &Tx, run: &str, points: &[MetricPoint]) -> Result<(), StoreError> {
    if points.len() > MAX_POINTS {
        let reason = format!("{} points are too many for one batch (at most {MAX_POINTS})", points.len());
        return Err(StoreError::Invalid { attempted: INSERT_POINT.attempt, reason });
    }
    let run = key_of(tx, run)?;
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

fn name_metric(tx: &Tx, name: &str) -> Result<i64, StoreError> {
    check_text(INSERT_METRIC.attempt, "name", name, MAX_NAME_BYTES)?;
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
    fn from(point: &MetricPoint) -> Self {
        let is_nan = point.value.is_nan();
        let value = if is_nan { 0.0 } else { point.value };
        Self { step: point.step, at: point.at.millis(), value, is_nan }
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

    fn read(row: &Row) -> database::Result<Self> {
        Ok(Self { step: row.get("step")?, at: row.get("at")?, value: row.get("value")?, is_nan: row.get("is_nan")? })
    }

    fn point(self, metric: String) -> MetricPoint {
        let value = if self.is_nan { f64::NAN } else { self.value };
        MetricPoint { metric, step: self.step, at: Timestamp(self.at), value }
    }
}

/// The latest point of each metric of a run: highest step, then time, then value.
pub fn latest_metrics(reader: &Reader, run: &str) -> Result<Vec<MetricPoint>, StoreError> {
    let params = named_params! { ":run": key_of(reader, run)? };
    reader.all(&LATEST, params, |row| Ok(Stored::read(row)?.point(row.get("name")?)))
}

/// Points of one metric in the order of step and time, at most `limit` (brought into 1 to 10,000) after `after`.
pub fn metric_history(
    reader: &Reader,
    run: &str,
    metric: &str,
    after: Option<&MetricPoint>,
    limit: u32,
) -> Result<Vec<MetricPoint>, StoreError> {
    let run = key_of(reader, run)?;
    let (step, at, value, is_nan) =
        after.map(Stored::from).map_or((i64::MIN, i64::MIN, f64::NEG_INFINITY, -1), |point| {
            (point.step, point.at, point.value, i64::from(point.is_nan))
        });
    let params = named_params! {
        ":run": run, ":name": metric, ":step": step, ":at": at, ":value": value, ":is_nan": is_nan,
        ":limit": limit.clamp(1, 10_000),
    };
    reader.all(&HISTORY, params, |row| Ok(Stored::read(row)?.point(metric.to_owned())))
}

/// Records artifacts; one that is written again replaces the record of the first.
pub fn record_artifacts(tx: &Tx, run: &str, artifacts: &[Artifact]) -> Result<(), StoreError> {
    let key = key_of(tx, run)?;
    for artifact in artifacts {
        check_path(&artifact.path)?;
        let params = named_params! {
            ":run": key, ":path": artifact.path, ":digest": artifact.digest.to_string(), ":bytes": artifact.bytes,
            ":at": artifact.at.millis(),
        };
        tx.execute(&PUT_ARTIFACT, params)?;
    }
    Ok(())
}

/// Artifacts by path, at most `limit` (brought into 1 to 10,000) after `after`.
pub fn artifacts(reader: &Reader, run: &str, after: Option<&str>, limit: u32) -> Result<Vec<Artifact>, StoreError> {
    let params = named_params! {
        ":run": key_of(reader, run)?, ":above": after.unwrap_or(""), ":limit": limit.clamp(1, 10_000)
    };
    reader.all(&ARTIFACTS, params, |row| {
        Ok(Artifact {
            path: row.get("path")?,
            digest: row::parsed(row, "digest")?,
            bytes: row.get("bytes")?,
            at: row::time(row, "at")?,
        })
    })
}

/// Records where a step stands. A step is identified by its run and name.
pub fn put_step(tx: &Tx, run: &str, step: &Step) -> Result<(), StoreError> {
    let params = named_params! {
        ":run": key_of(tx, run)?, ":step": step.step.as_str(), ":state": step.state.as_str(),
        ":started": step.started.map(Timestamp::millis), ":ended": step.ended.map(Timestamp::millis),
        ":record": row::text_of(PUT_STEP.attempt, &step.record)?,
    };
    tx.execute(&PUT_STEP, params).map(drop)
}

/// The steps of a run in the order in which they started.
pub fn steps(reader: &Reader, run: &str) -> Result<Vec<Step>, StoreError> {
    reader.all(&STEPS, named_params! { ":run": key_of(reader, run)? }, |row| {
        Ok(Step {
            step: row::parsed(row, "step")?,
            state: row::word(row, "state")?,
            started: row::maybe_time(row, "started")?,
            ended: row::maybe_time(row, "ended")?,
            record: row::document(row, "record")?,
        })
    })
}

fn check_text(attempted: &'static str, what: &str, text: &str, most: usize) -> Result<(), StoreError> {
    match text.len() {
        0 if what == "name" => Err(StoreError::Invalid { attempted, reason: "its name is empty".to_owned() }),
        bytes if bytes > most => {
            Err(StoreError::Invalid { attempted, reason: format!("its {what} has {bytes} bytes (at most {most})") })
        }
        _ => Ok(()),
    }
}

/// A path that could leave the run's folder never gets into the store.
fn check_path(path: &str) -> Result<(), StoreError> {
    let is_inside = !path.is_empty()
        && path.len() <= 1024
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_inside {
        Ok(())
    } else {
        Err(StoreError::Invalid {
            attempted: PUT_ARTIFACT.attempt,
            reason: format!("`{}` does not stay inside of the run's folder", path.chars().take(80).collect::<String>()),
        })
    }
}
