//! Records past the retention of their project: they leave the index of the log, then their files go.
//!
//! Invariants: a prediction that is kept keeps its labels; nobody reads what expired from the commit on, and whoever was
//! reading begins anew. Who is ended in between repeats.
//!
//! Retention is counted from the newest record while something serves at the endpoint, so that a past that was played keeps its
//! log; else from now. A partition goes as a whole. One that also has younger rows is written anew without the old ones as
//! soon as these are a tenth of the retention too old.

use kilter_domain::{
    contract::Retention,
    ids::EndpointName,
    replica::ReplicaId,
    table::{Column, Table},
    time::{DAY_MS, Timestamp},
};
use kilter_lake::{LogKind, TIME_COLUMN};
use kilter_store::{deployment, prediction as index, prediction::Partition, replica, retention};

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    prediction::{
        merge_partitions,
        partition_index::{kind_of, known, partitions},
        predict,
    },
};

/// Expired partitions whose files are removed in one go.
const MAX_REMOVED: u32 = 256;

/// What of one log is past its retention.
#[derive(Clone, Debug)]
pub(crate) struct ExpiredRecords {
    pub endpoint: EndpointName,
    pub kind: LogKind,
    /// Rows with an earlier time are past it.
    pub before: Timestamp,
    /// Partitions with such rows alone.
    partitions: Vec<Partition>,
    /// Partitions that also have others, and how many rows are past it.
    mixed: Vec<(Partition, u64)>,
}

impl ExpiredRecords {
    /// Rows that are past their retention.
    pub fn rows(&self) -> u64 {
        let of_mixed = self.mixed.iter().map(|(_, rows)| rows);
        self.partitions.iter().map(|partition| partition.rows).sum::<u64>() + of_mixed.sum::<u64>()
    }

    /// The bytes that go with them; of a partition that keeps rows, its share.
    pub fn bytes(&self) -> u64 {
        let share = |(partition, rows): &(Partition, u64)| partition.bytes * rows / partition.rows.max(1);
        self.partitions.iter().map(|partition| partition.bytes).sum::<u64>() + self.mixed.iter().map(share).sum::<u64>()
    }

    fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.mixed.is_empty()
    }
}

/// From when retention is counted back at an endpoint; `None` while it serves and nothing is recorded.
pub(crate) fn retention_counts_from(
    app: &App,
    endpoint: &EndpointName,
    now: Timestamp,
) -> Result<Option<Timestamp>, StorageError> {
    Ok(app.store().read(|reader| {
        let live = deployment::live(reader, endpoint)?;
        match live.or(deployment::candidate(reader, endpoint)?) {
            None => Ok(Some(now)),
            Some(_) => Ok(retention::newest_record(reader, endpoint)?.map(|newest| newest.min(now))),
        }
    })?)
}

/// What of the logs of an endpoint is past its retention.
pub(crate) fn find_expired(
    app: &App,
    endpoint: &EndpointName,
    keep: Retention,
    now: Timestamp,
) -> Result<Vec<ExpiredRecords>, StorageError> {
    let (Retention::For(keep), Some(from)) = (keep, retention_counts_from(app, endpoint, now)?) else {
        return Ok(Vec::new());
    };
    let before = from.before(keep);
    // A clock that is set to the past, or a span past every calendar, leaves everything.
    if before >= from {
        return Ok(Vec::new());
    }
    let late = Timestamp(before.millis().saturating_sub((from.millis() - before.millis()) / 10));
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let predictions = partitions(app, LogKind::Predictions, endpoint, always)?;
    let left = predictions.iter().filter(|partition| partition.max_time >= before);
    let oldest = left.map(|partition| if partition.min_time < late { before } else { partition.min_time }).min();
    let found = expired(app, (LogKind::Predictions, endpoint), predictions, (before, late))?;
    // A label may be known a little before its prediction was recorded: clocks differ.
    let oldest = oldest.unwrap_or(before).min(before).millis().saturating_sub(DAY_MS);
    let slack = before.millis().saturating_sub(late.millis());
    let labels = partitions(app, LogKind::Labels, endpoint, always)?;
    let bounds = (Timestamp(oldest), Timestamp(oldest.saturating_sub(slack)));
    let of_labels = expired(app, (LogKind::Labels, endpoint), labels, bounds)?;
    Ok([found, of_labels].into_iter().filter(|records| !records.is_empty()).collect())
}

fn expired(
    app: &App,
    (kind, endpoint): (LogKind, &EndpointName),
    listed: Vec<Partition>,
    (before, late): (Timestamp, Timestamp),
) -> Result<ExpiredRecords, StorageError> {
    let may_expire = may_expire(app, endpoint)?;
    let mut found =
        ExpiredRecords { endpoint: endpoint.clone(), kind, before, partitions: Vec::new(), mixed: Vec::new() };
    for partition in listed.into_iter().filter(|one| may_expire(one.seq)) {
        if partition.max_time < before {
            found.partitions.push(partition);
        } else if partition.min_time < late {
            let table = app.lake().read_partitions(kind, endpoint, &[known(&partition)])?;
            let rows = table.rows().saturating_sub(kept_rows(&table, before).len());
            found.mixed.push((partition, rows as u64));
        }
    }
    Ok(found)
}

/// Whether this process lets a partition expire: its own, once its segment is sealed, and those of replicas that are gone. Others that
/// live do it themselves.
fn may_expire(app: &App, endpoint: &EndpointName) -> Result<impl Fn(i64) -> bool + use<>, StorageError> {
    let own = app.store().replica();
    let settled = predict::serving(app, endpoint).map(|serving| merge_partitions::settled(own, &serving));
    let living = app.store().read(replica::living_numbers)?;
    Ok(move |seq| match ReplicaId::of_partition(seq) {
        replica if replica == own => settled.as_ref().is_none_or(|settled| settled(seq)),
        replica => !living.contains(&replica),
    })
}

/// The rows of a table with a time from `before` on.
fn kept_rows(table: &Table, before: Timestamp) -> Vec<usize> {
    let time = |row: usize| match table.get(TIME_COLUMN) {
        Some(Column::Time(values) | Column::Int(values)) => values[row],
        _ => None,
    };
    (0..table.rows()).filter(|&row| time(row).is_none_or(|time| time >= before.millis())).collect()
}

/// Lets records expire: they leave the index, each log with its entry of the audit table, and their files are removed.
pub(crate) fn expire(app: &App, context: &AuthorizedContext, expired: &ExpiredRecords) -> Result<(), StorageError> {
    let ExpiredRecords { endpoint, kind, before, partitions, mixed } = expired;
    let serving = predict::serving(app, endpoint);
    let _sealing = serving.as_ref().map(|serving| serving.lock_sealing());
    let (of_log, before) = (kind_of(*kind), *before);
    let draft = context.audit_event("recording.expire", "past its retention", vec![]);
    if !partitions.is_empty() {
        let (draft, endpoint, partitions) = (draft.clone(), endpoint.clone(), partitions.clone());
        app.store().write(move |tx| {
            retention::expire_partitions(&tx.audited(draft), of_log, &endpoint, &partitions, before).map(drop)
        })?;
    }
    for (partition, rows) in mixed {
        let table = app.lake().read_partitions(*kind, endpoint, &[known(partition)])?;
        let kept = table.take(&kept_rows(&table, before));
        let (draft, of_endpoint, rows) = (draft.clone(), endpoint.clone(), *rows);
        let record = move |tx: &kilter_store::Tx| {
            retention::record_shortened(&tx.audited(draft), of_log, &of_endpoint, rows, before)
        };
        merge_partitions::replace_partitions(app, (*kind, endpoint), std::slice::from_ref(partition), &kept, record)?;
        remove(app, *kind, endpoint, std::slice::from_ref(partition))?;
    }
    remove_expired(app, *kind, endpoint)
}

/// Removes the files of what expired, also what an earlier process left.
pub(crate) fn remove_expired(app: &App, kind: LogKind, endpoint: &EndpointName) -> Result<(), StorageError> {
    loop {
        let listed =
            app.store().read(|reader| retention::list_expired(reader, kind_of(kind), endpoint, MAX_REMOVED))?;
        if listed.is_empty() {
            return Ok(());
        }
        remove(app, kind, endpoint, &listed)?;
    }
}

/// Removes the files of partitions that nobody reads any more, then their rows.
fn remove(app: &App, kind: LogKind, endpoint: &EndpointName, gone: &[Partition]) -> Result<(), StorageError> {
    gone.iter().try_for_each(|partition| app.lake().remove(kind, endpoint, &known(partition)))?;
    let (of_log, endpoint) = (kind_of(kind), endpoint.clone());
    let gone: Vec<i64> = gone.iter().map(|partition| partition.seq).collect();
    Ok(app
        .store()
        .write(move |tx| gone.iter().try_for_each(|&seq| index::forget_partition(tx, of_log, &endpoint, seq)))?)
}
