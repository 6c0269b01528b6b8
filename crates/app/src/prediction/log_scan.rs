//! Rows of a log some at a time, for questions that need all of them and may hold none.
//!
//! Invariants: what is scanned several times is scanned of one list of partitions, so rows have the same places each time; when a
//! partition is merged, and its file removed, meanwhile, all of it begins anew.

use std::{ops::ControlFlow, sync::Arc};

use kilter_domain::{ids::EndpointName, table::Table, time::Timestamp};
use kilter_lake::{Lake, LakeError, LogKind, ReadOptions};
use kilter_store::prediction::Partition;

use crate::{
    app::App,
    causes::StorageError,
    prediction::partition_index::{self, known},
};

/// The partitions of a log that touch a span, as they were listed.
pub(crate) struct LogPart<'a> {
    lake: &'a Lake,
    kind: LogKind,
    endpoint: &'a EndpointName,
    span: (Timestamp, Timestamp),
    partitions: &'a [Partition],
}

impl LogPart<'_> {
    /// The rows of all partitions, those outside of the span included: at least as many as a scan hands over.
    pub(crate) fn max_rows(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.rows).sum()
    }

    /// Hands over the rows in the span some at a time, with the place of the first: the columns that are named, as far as there are
    /// such, or all. `take` may stop it.
    pub(crate) fn scan(
        &self,
        columns: Option<&[&str]>,
        take: &mut dyn FnMut(usize, Table) -> ControlFlow<()>,
    ) -> Result<(), LakeError> {
        let mut first = 0;
        scan(self.lake, (self.kind, self.endpoint), self.partitions, self.span, columns, &mut |table| {
            let place = first;
            first += table.rows();
            take(place, table)
        })
    }
}

/// The labels that were known until a moment, as they were listed.
pub(crate) struct LabelPart<'a> {
    lake: &'a Lake,
    endpoint: &'a EndpointName,
    /// Labels of before are searched for by their ids.
    from: Timestamp,
    until: Timestamp,
    partitions: &'a [Partition],
}

impl LabelPart<'_> {
    /// Whether there are labels of before.
    pub(crate) fn has_older(&self) -> bool {
        self.partitions.iter().any(|partition| partition.min_time < self.from)
    }

    /// The partitions of before that may hold a label of one of these ids.
    pub(crate) fn that_may_hold(&self, ids: &[Arc<str>]) -> Result<Vec<Partition>, LakeError> {
        let mut found = Vec::new();
        for partition in self.partitions.iter().filter(|partition| partition.min_time < self.from) {
            if self.lake.may_hold(LogKind::Labels, self.endpoint, &known(partition), ids)? {
                found.push(partition.clone());
            }
        }
        Ok(found)
    }

    /// Hands over the labels that became known since, and of partitions of before those that became known before.
    pub(crate) fn scan(
        &self,
        before: &[Partition],
        columns: &[&str],
        take: &mut dyn FnMut(Table),
    ) -> Result<(), LakeError> {
        let since: Vec<Partition> =
            self.partitions.iter().filter(|partition| partition.max_time >= self.from).cloned().collect();
        let from = self.from.min(self.until);
        for (partitions, span) in [(before, (Timestamp(i64::MIN), from)), (&since[..], (from, self.until))] {
            scan(self.lake, (LogKind::Labels, self.endpoint), partitions, span, Some(columns), &mut |table| {
                take(table);
                ControlFlow::Continue(())
            })?;
        }
        Ok(())
    }
}

fn scan(
    lake: &Lake,
    (kind, endpoint): (LogKind, &EndpointName),
    partitions: &[Partition],
    (start, end): (Timestamp, Timestamp),
    columns: Option<&[&str]>,
    take: &mut dyn FnMut(Table) -> ControlFlow<()>,
) -> Result<(), LakeError> {
    let known: Vec<_> = partitions.iter().map(known).collect();
    let columns = columns.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    lake.scan(kind, endpoint, &known, start..end, &ReadOptions { columns, ..ReadOptions::default() }, take)
}

/// What `read` makes of the rows of a log in a span.
pub(crate) fn with_log<T>(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
    read: impl Fn(&LogPart) -> Result<T, LakeError>,
) -> Result<T, StorageError> {
    let list = || partition_index::partitions(app, kind, endpoint, span);
    partition_index::read_listed(list, |partitions| {
        read(&LogPart { lake: app.lake(), kind, endpoint, span, partitions })
    })
}

/// What `read` makes of the labels that became known before `until`; those of before `from` are searched for by their ids.
pub(crate) fn with_labels<T>(
    app: &App,
    endpoint: &EndpointName,
    (from, until): (Timestamp, Timestamp),
    read: impl Fn(&LabelPart) -> Result<T, LakeError>,
) -> Result<T, StorageError> {
    let list = || partition_index::partitions(app, LogKind::Labels, endpoint, (Timestamp(i64::MIN), until));
    partition_index::read_listed(list, |partitions| {
        read(&LabelPart { lake: app.lake(), endpoint, from, until, partitions })
    })
}

/// What `read` makes of the predictions of a span, and of the labels that became known before `until`.
pub(crate) fn with_logs<T>(
    app: &App,
    endpoint: &EndpointName,
    span: (Timestamp, Timestamp),
    until: Timestamp,
    read: impl Fn(&LogPart, &LabelPart) -> Result<T, LakeError>,
) -> Result<T, StorageError> {
    let list = || {
        let always = (Timestamp(i64::MIN), until);
        let predictions = partition_index::partitions(app, LogKind::Predictions, endpoint, span)?;
        Ok((predictions, partition_index::partitions(app, LogKind::Labels, endpoint, always)?))
    };
    partition_index::read_listed(list, |(predictions, labels)| {
        let lake = app.lake();
        let predictions = LogPart { lake, kind: LogKind::Predictions, endpoint, span, partitions: predictions };
        read(&predictions, &LabelPart { lake, endpoint, from: span.0, until, partitions: labels })
    })
}
