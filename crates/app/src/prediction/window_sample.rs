//! The rows of a window, within a bound of memory: all of them, or an even share that is drawn by a hash of the prediction id, beside
//! what is counted on all.
//!
//! Invariants: of a window within the bound ([`WindowBound`]) every row is held. Of a larger one an even share of the rows is, and of
//! the rows with a label an even share of their own, all of them if the bound allows: labels that came for few rows are not
//! thinned with the others. A share is a half of a half of … all rows; a row is drawn by its own id, so every process, replica and
//! repetition draws the same rows, and when more rows come those of the smaller share are among those of the larger. Counts
//! are of all rows: they are taken while the log is read some rows at a time. Readings say the share that they were measured
//! on, and their intervals are those of the rows that were read. Out of scope: comparisons, which read every row.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    ops::ControlFlow,
    rc::Rc,
};

use kilter_domain::{
    ids::EndpointName,
    log_position::LogPosition,
    table::{Column, Table},
    time::{Interval, Timestamp},
};
use kilter_evaluation::{
    counted_rows::CountedRows,
    latency::LatencyCounts,
    monitor_metrics::CONSUMER,
    reference::{Reference, SCORE},
};
use kilter_lake::{LakeError, LogKind};
use kilter_serving::prediction_log::column;

use crate::{
    app::App,
    causes::StorageError,
    clock_set_back,
    components::window_bound::WindowBound,
    prediction::{
        group_draws::{GroupDraws, GroupShares},
        log_place::{numbers, texts},
        log_scan::{self, LabelPart, LogPart},
        log_survey::{self, Draw, EvenShare, LogSurvey, id_hash},
        logged::{self, COLUMNS_OF_LABELS, FoundLabels, Label, LoggedPredictions, PredictionFilter},
        partition_index,
    },
};

/// Rows of a group that are held at least, as far as it has as many.
const MIN_GROUP_ROWS: usize = 1_000;

/// What is read of a window.
#[derive(Clone, Copy)]
pub(crate) struct WindowQuery<'q> {
    pub endpoint: &'q EndpointName,
    pub who: PredictionFilter,
    /// The versions whose rows count; `None`: of all.
    pub versions: Option<&'q BTreeSet<u32>>,
    pub window: Interval,
    /// Labels count that were known then.
    pub as_of: Timestamp,
    /// What says which values of a column are new; `None`: columns are not counted.
    pub reference: Option<&'q Reference>,
    /// Columns whose values are groups that rules compare, and how many rows of each are needed.
    pub groups: (&'q [String], usize),
    /// Labels whose rows are held before all others; `None`: none.
    pub searched: Option<&'q dyn Fn(&Label) -> bool>,
}

/// The rows of a window that are held, and what was counted on all.
#[derive(Clone)]
pub(crate) struct WindowSample {
    /// All rows, or an even share of them.
    pub rows: Rc<LoggedPredictions>,
    /// Rows among which all with a label are, or an even share of those: `rows` themselves, if they hold as many.
    pub labelled: Rc<LoggedPredictions>,
    /// Rows with a label that was searched for, where a share is held: all of them, or an even share.
    pub searched: Rc<LoggedPredictions>,
    /// By column, rows in which rare groups have more than their share, where a share is held.
    pub groups: Rc<BTreeMap<String, GroupSample>>,
    /// What was counted on all rows, where a share is held.
    pub totals: Option<Rc<WindowTotals>>,
}

/// Rows to compare the groups of a column: of each group an even share, of a rare one a larger share.
#[derive(Clone)]
pub(crate) struct GroupSample {
    pub rows: Rc<LoggedPredictions>,
    pub labelled: Rc<LoggedPredictions>,
}

/// What was counted on all rows of a window.
#[derive(Clone, Debug, Default)]
pub(crate) struct WindowTotals {
    /// Rows, labels and columns.
    pub counted: CountedRows,
    /// How many rows these stand for: more than they are if a share of the rows is recorded.
    pub represented: f64,
    /// Requests that rows came with. Of recorded samples each counts as many as it stands for.
    pub requests: f64,
    /// Who asked.
    pub consumers: usize,
    /// How long requests took.
    pub latencies: LatencyCounts,
    /// The smallest share of rows that was recorded; `None`: all rows were.
    pub recorded_share: Option<f64>,
    /// How far the log was read for the labels of the rows.
    pub labels_through: LogPosition,
    /// The share of the rows that is held; `None`: all.
    pub share: Option<f64>,
    /// The share of the rows with a label that is held; `None`: all.
    pub labelled_share: Option<f64>,
    /// The share of the rows with a label that was searched for that is held; `None`: all.
    searched_share: Option<f64>,
}

impl WindowTotals {
    /// How many rows each one stands for whose label was searched for.
    pub(crate) fn searched_weight(&self) -> usize {
        self.searched_share.map_or(1, |share| (1.0 / share).round() as usize)
    }
}

impl WindowSample {
    /// Rows that are all that there are.
    pub(crate) fn whole(rows: Rc<LoggedPredictions>) -> Self {
        Self { labelled: rows.clone(), rows, searched: Rc::default(), groups: Rc::default(), totals: None }
    }

    /// How many rows the window has, those that are not held included.
    pub(crate) fn row_count(&self) -> u64 {
        self.totals.as_ref().map_or(self.rows.len() as u64, |totals| totals.counted.rows)
    }

    /// How many of them have a label.
    pub(crate) fn labelled_count(&self) -> u64 {
        self.totals.as_ref().map_or_else(|| self.rows.labelled() as u64, |totals| totals.counted.labelled)
    }

    /// How many rows they stand for.
    pub(crate) fn represented(&self) -> f64 {
        self.totals.as_ref().map_or_else(|| self.rows.represented(), |totals| totals.represented)
    }

    /// The smallest share of rows that was recorded; `None`: all rows were.
    pub(crate) fn recorded_share(&self) -> Option<f64> {
        self.totals.as_ref().map_or_else(|| self.rows.sample_share(), |totals| totals.recorded_share)
    }
}

/// Whether the log may have more rows in a span than are held at once. Partitions count whole, so there may be fewer.
pub(crate) fn may_exceed_bound(
    app: &App,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
) -> Result<bool, StorageError> {
    let partitions = partition_index::partitions(app, LogKind::Predictions, endpoint, span)?;
    let rows: u64 = partitions.iter().map(|partition| partition.rows).sum();
    Ok(rows > app.components().window_bound.rows() as u64)
}

/// The rows of a window, within the bound.
pub(crate) fn read_window(app: &App, query: WindowQuery) -> Result<WindowSample, StorageError> {
    let (endpoint, span) = (query.endpoint, (query.window.start, query.window.end));
    if !may_exceed_bound(app, endpoint, span)? {
        let rows = logged::logged_predictions(app, endpoint, query.who, span, query.as_of)?;
        let rows = match query.versions {
            Some(versions) => rows.of_versions(versions),
            None => rows,
        };
        return Ok(WindowSample::whole(Rc::new(rows)));
    }
    let until = Timestamp(clock_set_back::labels_known_until(app, query.as_of)?.millis().saturating_add(1));
    let bound = &app.components().window_bound;
    log_scan::with_logs(app, endpoint, span, until, |rows, labels| Reader { query, rows, labels, bound }.read())
}

/// The reads of one window.
struct Reader<'r> {
    query: WindowQuery<'r>,
    rows: &'r LogPart<'r>,
    labels: &'r LabelPart<'r>,
    bound: &'r WindowBound,
}

impl Reader<'_> {
    fn read(&self) -> Result<WindowSample, LakeError> {
        let is_searched = |label: &Label| self.query.searched.is_some_and(|is_searched| is_searched(label));
        let survey = LogSurvey::of(
            self.rows,
            self.labels,
            (self.query.who, &is_searched),
            (self.bound.ids(), self.bound.rows()),
        )?;
        let (mut totals, [drawn, labelled, searched], groups) = self.count(&survey)?;
        let groups = groups.shares(self.bound.rows());
        totals.counted.rows = drawn.rows;
        totals.labels_through = survey.labels_through.clone();
        let table = self.hold(&survey, &mut totals, ([drawn.share, labelled.share, searched.share], &groups))?;
        let held = self.with_labels(logged::split(logged::latest(table)), &survey)?;
        totals.counted.labelled = labelled.rows;
        (totals.share, totals.labelled_share) = (drawn.share.share(), labelled.share.share());
        totals.searched_share = searched.share.share();
        let shares = [drawn.share, labelled.share, searched.share];
        Ok(match drawn.share == EvenShare::default() {
            true => WindowSample::whole(Rc::new(held)),
            false => parts_of(held, shares, &groups, (totals, &is_searched)),
        })
    }

    /// The rows of a batch that count.
    fn counting(&self, survey: &LogSurvey, first: usize, batch: &Table) -> Vec<usize> {
        let mut rows = survey.counting(first, batch);
        if let Some(versions) = self.query.versions {
            let of = numbers(batch, column::VERSION);
            rows.retain(|row| u32::try_from(of[*row]).is_ok_and(|version| versions.contains(&version)));
        }
        rows
    }

    /// Counts rows and requests, and finds which share of the rows, and of those with a label, is held.
    fn count(&self, survey: &LogSurvey) -> Result<(WindowTotals, [Draw; 3], GroupDraws<'_>), LakeError> {
        let mut columns =
            [&log_survey::COLUMNS[..], &[column::CONSUMER, column::LATENCY_US, column::SAMPLE_SHARE]].concat();
        columns.extend(self.query.groups.0.iter().map(String::as_str));
        let mut groups = GroupDraws::new(self.query.groups.0, self.query.groups.1.max(MIN_GROUP_ROWS));
        let mut totals = WindowTotals::default();
        let [mut all, mut labelled, mut searched] = [(); 3].map(|()| Draw::default());
        let (mut consumers, mut request) = (HashSet::new(), None);
        self.rows.scan(Some(&columns), &mut |first, batch| {
            let rows = self.counting(survey, first, &batch);
            for &row in &rows {
                let hash = row_hash(&batch, row);
                all.add(hash, self.bound.rows());
                groups.add(&batch, row, hash, survey.is_labelled(first + row));
                if survey.is_labelled(first + row) {
                    labelled.add(hash, self.bound.rows());
                }
                if survey.is_searched(first + row) {
                    searched.add(hash, self.bound.rows());
                }
            }
            let batch = logged::split(if rows.len() == batch.rows() { batch } else { batch.into_rows(&rows) });
            consumers.extend(batch.consumers.iter().flatten().map(|consumer| id_hash(consumer)));
            totals.recorded_share =
                [totals.recorded_share, batch.sample_share()].into_iter().flatten().reduce(f64::min);
            for (row, of) in batch.requests.iter().enumerate() {
                totals.represented += batch.weight(row);
                // Rows of a request follow each other. Those that were brought in are requests of their own.
                if *of < 0 || request.replace(*of) != Some(*of) {
                    totals.requests += batch.weight(row);
                    batch.latencies_us[row].into_iter().for_each(|micros| totals.latencies.add(micros));
                }
            }
            ControlFlow::Continue(())
        })?;
        totals.consumers = consumers.len();
        Ok((totals, [all, labelled, searched], groups))
    }

    /// The rows of both shares with all their columns; counts the columns of all rows.
    fn hold(
        &self,
        survey: &LogSurvey,
        totals: &mut WindowTotals,
        ([share, of_labelled, of_searched], groups): ([EvenShare; 3], &GroupShares),
    ) -> Result<Table, LakeError> {
        let mut held: Vec<(String, Column)> = Vec::new();
        self.rows.scan(None, &mut |first, batch| {
            let counting = self.counting(survey, first, &batch);
            let is_held = |row: &usize| {
                let hash = row_hash(&batch, *row);
                share.has(hash)
                    || of_labelled.has(hash) && survey.is_labelled(first + row)
                    || of_searched.has(hash) && survey.is_searched(first + row)
                    || groups.has(&batch, *row, hash, survey.is_labelled(first + row))
            };
            let rows: Vec<usize> = counting.iter().copied().filter(is_held).collect();
            append(&mut held, &batch.take(&rows));
            if let Some(reference) = self.query.reference {
                let counted = if counting.len() == batch.rows() { batch } else { batch.into_rows(&counting) };
                totals.counted.add(&as_rules_name_them(counted), reference);
            }
            ControlFlow::Continue(())
        })?;
        Table::new(held).map_err(|source| LakeError::Table { path: Default::default(), source })
    }

    fn with_labels(&self, mut rows: LoggedPredictions, survey: &LogSurvey) -> Result<LoggedPredictions, LakeError> {
        let mut found = FoundLabels::of(&rows.ids);
        self.labels.scan(&survey.labels_before, &COLUMNS_OF_LABELS, &mut |table| found.take(&table))?;
        found.last().into_iter().for_each(|label| rows.set_label(label));
        Ok(rows)
    }
}

/// What each use of the rows that are held has of them. A part that is all of them is no copy.
fn parts_of(
    held: LoggedPredictions,
    [share, of_labelled, of_searched]: [EvenShare; 3],
    groups: &GroupShares,
    (mut totals, is_searched): (WindowTotals, &dyn Fn(&Label) -> bool),
) -> WindowSample {
    let has = |share: EvenShare, row: usize| share.has(id_hash(&held.ids[row]));
    let is_known = |row: usize| held.labels[row].is_some();
    let is_in = |share: Option<EvenShare>, row: usize| share.is_some_and(|share| has(share, row));
    let groups = groups.columns().map(|(column, name)| {
        let of = |row: usize| groups.of(column, &held.table, row);
        let rows = held.filter(|row| has(share, row) || is_in(of(row)[0], row));
        let labelled = held.filter(|row| is_known(row) && (has(of_labelled, row) || is_in(of(row)[1], row)));
        (name.clone(), GroupSample { rows: Rc::new(rows), labelled: Rc::new(labelled) })
    });
    let groups: BTreeMap<String, GroupSample> = groups.collect();
    let is_found = |row: usize| held.labels[row].as_ref().is_some_and(is_searched) && has(of_searched, row);
    let searched = Rc::new(thinned(held.filter(is_found), of_searched));
    let labelled = (of_labelled != share)
        .then(|| Rc::new(thinned(held.filter(|row| is_known(row) && has(of_labelled, row)), of_labelled)));
    let is_all = (0..held.len()).all(|row| has(share, row));
    let rows = if is_all { held } else { held.filter(|row| has(share, row)) };
    let rows = Rc::new(thinned(rows, share));
    let labelled = labelled.unwrap_or_else(|| rows.clone());
    totals.counted.labelled_held = labelled.labelled() as u64;
    WindowSample { rows, labelled, searched, groups: Rc::new(groups), totals: Some(Rc::new(totals)) }
}

/// The hash of a row's id.
fn row_hash(batch: &Table, row: usize) -> u64 {
    match batch.get(column::ID) {
        Some(Column::Text(ids)) => ids[row].as_deref().map_or(0, id_hash),
        _ => texts(batch, column::ID)[row].as_deref().map_or(0, id_hash),
    }
}

/// The rows of a share, each of which stands for more.
fn thinned(mut rows: LoggedPredictions, share: EvenShare) -> LoggedPredictions {
    if let Some(share) = share.share() {
        rows.sample_shares.resize(rows.len(), None);
        rows.sample_shares.iter_mut().for_each(|recorded| *recorded = Some(recorded.unwrap_or(1.0) * share));
    }
    rows
}

/// The columns of requests, the score and who asked, as rules name them; a column of the requests goes before.
fn as_rules_name_them(batch: Table) -> Table {
    let mut added: Vec<(&str, Option<Column>)> =
        vec![(SCORE, batch.get(column::SCORE).cloned()), (CONSUMER, batch.get(column::CONSUMER).cloned())];
    let mut table = batch.into_columns(|name| !name.starts_with('_'));
    for (name, column) in added.iter_mut().map(|(name, column)| (*name, mem::take(column))) {
        if let (Some(column), None) = (column, table.get(name)) {
            // Of as many rows: it was one of them.
            let _ = table.push(name, column);
        }
    }
    table
}

/// Adds the rows of a table of the same columns and types.
fn append(columns: &mut Vec<(String, Column)>, more: &Table) {
    if columns.is_empty() {
        columns.extend(more.columns().map(|(name, column)| (name.to_owned(), column.clone())));
        return;
    }
    for ((_, column), (_, more)) in columns.iter_mut().zip(more.columns()) {
        match (column, more) {
            (Column::Float(values), Column::Float(more)) => values.extend(more),
            (Column::Int(values), Column::Int(more)) | (Column::Time(values), Column::Time(more)) => {
                values.extend(more);
            }
            (Column::Bool(values), Column::Bool(more)) => values.extend(more),
            (Column::Text(values), Column::Text(more)) => values.extend(more.iter().cloned()),
            // A scan hands over each column as one type.
            _ => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
