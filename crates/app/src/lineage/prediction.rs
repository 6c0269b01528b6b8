//! The chain of one prediction, by its id.

use std::sync::Arc;

use kilter_domain::{
    ids::{EndpointName, ProjectName},
    table::{Column, Table},
    time::Timestamp,
};
use kilter_lake::{LakeError, LogKind, ReadOptions, TIME_COLUMN};
use kilter_serving::prediction_log::column;
use kilter_store::{PageRequest, Reader, StoreError, deployment, prediction::Partition};

use crate::{
    app::App,
    causes::{NotFound, StorageError, from_causes},
    lineage::{
        as_of::{ServingAsOf, serving_at},
        version::{VersionLineage, version_lineage},
    },
    prediction::{
        partition_index::{self, known},
        predict,
    },
};

/// What is read of the rows of a partition.
const COLUMNS: [&str; 8] = [
    column::ID,
    column::RECORDED_AT,
    column::VERSION,
    column::ROLE,
    column::SCORE,
    column::PREDICTED,
    column::CONSUMER,
    TIME_COLUMN,
];
const ALWAYS: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

/// Why the chain of a prediction is not known.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum LineageError {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

from_causes!(LineageError: Storage(StoreError, LakeError));

/// A prediction with everything that it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionLineage {
    /// The endpoint that answered.
    pub endpoint: EndpointName,
    /// Its project.
    pub project: ProjectName,
    /// What was recorded.
    pub answer: RecordedAnswer,
    /// What it rests on: the deployment that answered, and its version.
    pub serving: Option<ServingAsOf>,
    /// The version alone, where no deployment of it answered at that time (an answer of a replayed past).
    pub version: Option<VersionLineage>,
}

/// An answer as the prediction log has it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAnswer {
    /// Its id.
    pub id: String,
    /// When the event happened.
    pub at: Timestamp,
    /// When the answer was made.
    pub recorded_at: Timestamp,
    /// The number of the version that answered.
    pub version: u32,
    /// `champion`, `candidate` or `shadow`.
    pub role: String,
    /// The score.
    pub score: Option<f64>,
    /// The predicted class.
    pub predicted: Option<String>,
    /// Who asked.
    pub consumer: Option<String>,
}

/// The chain of the prediction with this id, at the endpoints for which `may_read` says yes. The newest answer of the id counts.
///
/// # Errors
/// If no endpoint answered with this id, or the log cannot be read.
pub fn prediction_lineage(
    app: &App,
    id: &str,
    may_read: impl Fn(&ProjectName) -> bool,
) -> Result<PredictionLineage, LineageError> {
    let mut endpoints = Vec::new();
    for name in partition_index::endpoints(app.store())? {
        let found = app.store().read(|reader| deployment::find_endpoint(reader, &name))?;
        endpoints.extend(found.filter(|found| may_read(&found.project)).map(|found| (name, found.project)));
    }
    // By the filters of the partitions alone first: an answer that is found so is read from bytes that are compared. That there is none is
    // said only after all of them were.
    for is_checked in [false, true] {
        for (endpoint, project) in &endpoints {
            if let Some(answer) = find(app, endpoint, id, is_checked)? {
                return Ok(lineage(app, endpoint, project, answer)?);
            }
        }
    }
    let how = "the log has what was recorded and is not past its retention; see [record] in kilter.toml".to_owned();
    Err(NotFound { what: "prediction", id: id.chars().take(200).collect(), how }.into())
}

fn lineage(
    app: &App,
    endpoint: &EndpointName,
    project: &ProjectName,
    answer: RecordedAnswer,
) -> Result<PredictionLineage, StoreError> {
    app.store().read(|reader| {
        let mut serving = serving_at(reader, endpoint, answer.recorded_at)?;
        serving.retain(|one| one.deployment.number == answer.version);
        let serving = serving.into_iter().next();
        let version = match &serving {
            Some(_) => None,
            None => version_of(reader, endpoint, &answer)?,
        };
        Ok(PredictionLineage { endpoint: endpoint.clone(), project: project.clone(), answer, serving, version })
    })
}

/// The version of an answer that no deployment gave at its time.
fn version_of(
    reader: &Reader,
    endpoint: &EndpointName,
    answer: &RecordedAnswer,
) -> Result<Option<VersionLineage>, StoreError> {
    let deployments = deployment::list(reader, Some(endpoint), &PageRequest::first(1000))?.items;
    let Some(of) = deployments.into_iter().find(|one| one.number == answer.version) else { return Ok(None) };
    version_lineage(reader, &of.model, of.number, Timestamp(i64::MAX))
}

/// The newest answer with this id at an endpoint.
fn find(
    app: &App,
    endpoint: &EndpointName,
    id: &str,
    is_checked: bool,
) -> Result<Option<RecordedAnswer>, LineageError> {
    if let Some(answer) = find_in_log(app, endpoint, id) {
        return Ok(Some(answer));
    }
    let mut partitions = partition_index::partitions(app, LogKind::Predictions, endpoint, ALWAYS)?;
    partitions.sort_by_key(|partition| std::cmp::Reverse(partition.max_time));
    let wanted = [Arc::from(id)];
    for partition in &partitions {
        let (lake, kind, known) = (app.lake(), LogKind::Predictions, known(partition));
        let may_hold = match is_checked {
            true => lake.may_hold(kind, endpoint, &known, &wanted)?,
            false => lake.may_hold_unchecked(kind, endpoint, &known, &wanted).unwrap_or(true),
        };
        if may_hold && let Some(answer) = read(app, endpoint, partition, id)? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

fn read(
    app: &App,
    endpoint: &EndpointName,
    partition: &Partition,
    id: &str,
) -> Result<Option<RecordedAnswer>, LineageError> {
    let (lake, kind, known) = (app.lake(), LogKind::Predictions, known(partition));
    let has: Vec<String> = lake.columns(kind, endpoint, &known)?.into_iter().map(|(name, _)| name).collect();
    let columns = has.into_iter().filter(|name| COLUMNS.contains(&name.as_str())).collect();
    let options = ReadOptions { columns: Some(columns), ..ReadOptions::default() };
    let table = lake.read(kind, endpoint, &[known], ALWAYS.0..ALWAYS.1, &options)?;
    Ok(row_of(&table, id).map(|row| answer(&table, row)))
}

/// The last row of an id.
fn row_of(table: &Table, id: &str) -> Option<usize> {
    let Some(Column::Text(ids)) = table.get(column::ID) else { return None };
    ids.iter().rposition(|found| found.as_deref() == Some(id))
}

fn answer(table: &Table, row: usize) -> RecordedAnswer {
    let text = |name| table.get(name)?.label(row).map(|text| text.to_string());
    let number = |name| match table.get(name) {
        Some(Column::Int(values) | Column::Time(values)) => values.get(row).copied().flatten().unwrap_or(0),
        _ => 0,
    };
    let score = match table.get(column::SCORE) {
        Some(Column::Float(scores)) => scores.get(row).copied(),
        _ => None,
    };
    RecordedAnswer {
        id: text(column::ID).unwrap_or_default(),
        at: Timestamp(number(TIME_COLUMN)),
        recorded_at: Timestamp(number(column::RECORDED_AT)),
        version: u32::try_from(number(column::VERSION)).unwrap_or(0),
        role: text(column::ROLE).unwrap_or_default(),
        score: score.filter(|score| !score.is_nan()),
        predicted: text(column::PREDICTED),
        consumer: text(column::CONSUMER),
    }
}

/// What was recorded and is not yet in the lake.
fn find_in_log(app: &App, endpoint: &EndpointName, id: &str) -> Option<RecordedAnswer> {
    let serving = predict::serving(app, endpoint)?;
    let segments: Vec<_> = serving.log().sealed().into_iter().chain(serving.log().active()).collect();
    for segment in segments.into_iter().rev() {
        // A segment that is gone meanwhile is in the lake.
        let Some(table) = serving.log().read_tables(segment).ok().and_then(|tables| tables.predictions) else {
            continue;
        };
        if let Some(row) = row_of(&table, id) {
            return Some(answer(&table, row));
        }
    }
    None
}
