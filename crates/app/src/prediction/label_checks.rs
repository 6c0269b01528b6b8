//! What is said about labels when they come: whether their ids belong to predictions, and their words to classes.
//!
//! Invariants: nothing is refused for it; an id that nobody knows yet may be that of a prediction that is still to come.

use std::{collections::HashSet, sync::Arc};

use kilter_domain::{ids::EndpointName, table::Column, time::Timestamp};
use kilter_evaluation::labelled_predictions::{ClassMatcher, LabelCheck, label_number, label_text};
use kilter_inference::Task;
use kilter_lake::{LogKind, ReadOptions};
use kilter_serving::{Record, prediction_log::column};
use kilter_store::deployment as deployments;

use crate::{
    app::App,
    causes::StorageError,
    model::{error::VersionError, load},
    prediction::{
        log_place::texts,
        partition_index::{self, known},
        predict,
    },
};

/// Rows of the log that are looked through for ids at most, the newest ones.
const MAX_SEARCHED: u64 = 20_000_000;

/// Which of some ids belong to predictions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownIds {
    /// How many of them were found.
    pub known: usize,
    /// Those that were not found, in order.
    pub unknown: Vec<Arc<str>>,
    /// Whether the whole log was looked through.
    pub is_whole: bool,
}

/// Looks for the predictions of ids, the newest part of the log first, until all are found.
///
/// # Errors
/// When the metadata or a partition cannot be read.
pub fn known_ids(app: &App, endpoint: &EndpointName, ids: &[Arc<str>]) -> Result<KnownIds, StorageError> {
    let mut wanted: HashSet<&str> = ids.iter().map(|id| &**id).collect();
    find_in_log(app, endpoint, &mut wanted);
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let mut partitions = partition_index::partitions(app, LogKind::Predictions, endpoint, always)?;
    partitions.sort_by_key(|partition| std::cmp::Reverse(partition.max_time));
    let options = ReadOptions { columns: Some(vec![column::ID.to_owned()]), ..ReadOptions::default() };
    let (mut searched, mut is_whole) = (0, true);
    for partition in &partitions {
        if wanted.is_empty() || searched > MAX_SEARCHED {
            is_whole = wanted.is_empty();
            break;
        }
        let known = [known(partition)];
        let left: Vec<Arc<str>> = wanted.iter().map(|id| Arc::from(*id)).collect();
        if !app.lake().may_hold(LogKind::Predictions, endpoint, &known[0], &left)? {
            continue;
        }
        searched += partition.rows;
        let table = app.lake().read(LogKind::Predictions, endpoint, &known, always.0..always.1, &options)?;
        texts(&table, column::ID).iter().flatten().for_each(|id| {
            wanted.remove(&**id);
        });
    }
    let unknown: Vec<Arc<str>> = ids.iter().filter(|id| wanted.contains(&***id)).cloned().collect();
    Ok(KnownIds { known: ids.len() - unknown.len(), unknown, is_whole })
}

/// What was recorded and is not yet in the lake.
fn find_in_log(app: &App, endpoint: &EndpointName, wanted: &mut HashSet<&str>) {
    let Some(serving) = predict::serving(app, endpoint) else { return };
    for segment in serving.log().sealed().into_iter().chain(serving.log().active()) {
        // A segment that is gone meanwhile is in the lake.
        let Ok(contents) = serving.log().read(segment) else { continue };
        let batches = contents.entries.iter().filter_map(|entry| match &entry.record {
            Record::Predictions(batch) => Some(&batch.ids),
            Record::Labels(_) => None,
        });
        batches.flatten().for_each(|id| {
            wanted.remove(&**id);
        });
    }
}

/// Which versions answered predictions with some of these ids, as far as that is recorded: an id with the number of each version.
///
/// # Errors
/// When the metadata or a partition cannot be read.
pub(crate) fn recorded_versions(
    app: &App,
    endpoint: &EndpointName,
    ids: &[Arc<str>],
) -> Result<HashSet<(Arc<str>, u64)>, StorageError> {
    let wanted: HashSet<&str> = ids.iter().map(|id| &**id).collect();
    let mut found = HashSet::new();
    let serving = predict::serving(app, endpoint);
    for (serving, segment) in serving.iter().flat_map(|serving| {
        serving.log().sealed().into_iter().chain(serving.log().active()).map(move |segment| (serving, segment))
    }) {
        // A segment that is gone meanwhile is in the lake.
        let Ok(contents) = serving.log().read(segment) else { continue };
        for entry in &contents.entries {
            let Record::Predictions(batch) = &entry.record else { continue };
            let number = batch.version.number;
            found.extend(batch.ids.iter().filter(|id| wanted.contains(&***id)).map(|id| (id.clone(), number)));
        }
    }
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let columns = Some(vec![column::ID.to_owned(), column::VERSION.to_owned()]);
    let options = ReadOptions { columns, ..ReadOptions::default() };
    for partition in partition_index::partitions(app, LogKind::Predictions, endpoint, always)? {
        let known = [known(&partition)];
        if !app.lake().may_hold(LogKind::Predictions, endpoint, &known[0], ids)? {
            continue;
        }
        let table = app.lake().read(LogKind::Predictions, endpoint, &known, always.0..always.1, &options)?;
        let Some(Column::Int(versions)) = table.get(column::VERSION) else { continue };
        for (id, version) in texts(&table, column::ID).into_iter().zip(versions) {
            if let (Some(id), Some(version)) = (id, version.and_then(|version| u64::try_from(version).ok()))
                && wanted.contains(&*id)
            {
                found.insert((id, version));
            }
        }
    }
    Ok(found)
}

/// How labels fit the classes of the version that serves; `None` while nothing serves.
///
/// # Errors
/// When the live version cannot be read.
pub fn check_labels(app: &App, endpoint: &EndpointName, values: &Column) -> Result<Option<LabelCheck>, VersionError> {
    let Some(live) = app.store().read(|reader| deployments::live(reader, endpoint))? else { return Ok(None) };
    let package = load::read_version(app, &live.model, live.number)?;
    let signature = &package.manifest.signature;
    let matcher = ClassMatcher::new(&signature.classes);
    let labels: Vec<(usize, Arc<str>)> =
        (0..values.len()).filter_map(|row| Some((row, label_text(values, row)?))).collect();
    let fits = |row: usize, label: &str| match signature.task {
        Task::Regression => label_number(values, row).is_finite(),
        _ => matcher.class_of(label).is_some(),
    };
    let unknown = labels.iter().filter(|(row, label)| !fits(*row, label)).map(|(_, label)| label);
    Ok(Some(LabelCheck::new(&signature.classes, labels.len(), unknown)))
}
