//! Small partitions become larger ones: a seal every few seconds would leave thousands of files.
//!
//! Invariants: a merged partition holds exactly the rows of those that it stands for, each column with its type; the index
//! changes from those to this one in one transaction. Rows are copied some at a time, so a merge needs no memory for them
//! all. The old files stay for a while, for whoever reads them. A replica merges
//! and removes what it sealed itself, so no two do the same.
//!
//! Partitions are in tiers by their rows, each tier [`FAN_IN`] times the one below. As soon as [`FAN_IN`] of a tier are
//! there they become one of the next: each row is written once a tier, and fewer than [`FAN_IN`] files of each tier are
//! there at any time.

use std::collections::{BTreeMap, HashMap};

use kilter_domain::{
    ids::EndpointName,
    replica::ReplicaId,
    table::{ColumnType, Table},
    time::Timestamp,
};
use kilter_lake::{LogKind, StagedPartition};
use kilter_store::{StoreError, Tx, prediction as index, prediction::Partition};

use crate::{
    app::App,
    causes::StorageError,
    components::serving::{MergeRounds, Serving},
    prediction::{
        compact::{self, indexed},
        partition_index::{self, FIRST_MERGED, NUMBERS_OF_SEGMENT, kind_of, known},
        predict,
    },
};

/// Partitions of a tier that become one.
const FAN_IN: usize = 16;
/// Rows and bytes that a merged partition holds at most: the evaluation of a short window reads it as a whole.
const MAX_ROWS: u64 = 250_000;
const MAX_BYTES: u64 = 32 << 20;
/// Rounds for which files stay after they were merged: five minutes, at one round every ten seconds.
const ROUNDS_KEPT: u64 = 30;
/// Files that one round removes at most.
const MAX_REMOVED: u32 = 256;

/// Merges small partitions of an endpoint, and removes the files of those that were merged a while ago.
pub(crate) fn merge_partitions(app: &App, endpoint: &EndpointName) -> Result<(), StorageError> {
    let Some(serving) = predict::serving(app, endpoint) else { return Ok(()) };
    let _sealing = serving.lock_sealing();
    serving.lock_merges().round += 1;
    for kind in [LogKind::Predictions, LogKind::Labels] {
        app.lake().recover(kind, endpoint, &|seq| partition_index::indexed(app, kind, endpoint, seq))?;
        while let Some(sources) = mergeable(app, &serving, kind, endpoint)? {
            merge_group(app, kind, endpoint, &sources)?;
        }
        remove_merged(app, &serving, kind, endpoint)?;
    }
    Ok(())
}

/// Partitions of one tier and of the same types that may become one, by number; `None` while there are too few.
fn mergeable(
    app: &App,
    serving: &Serving,
    kind: LogKind,
    endpoint: &EndpointName,
) -> Result<Option<Vec<Partition>>, StorageError> {
    let always = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    let is_settled = settled(app.store().replica(), serving);
    let mut tiers: BTreeMap<u32, Vec<Partition>> = BTreeMap::new();
    for partition in partition_index::partitions(app, kind, endpoint, always)? {
        if partition.rows < MAX_ROWS / 2 && partition.bytes < MAX_BYTES / 2 && is_settled(partition.seq) {
            tiers.entry(partition.rows.max(1).ilog(FAN_IN as u64)).or_default().push(partition);
        }
    }
    for tier in tiers.into_values().filter(|tier| tier.len() >= FAN_IN) {
        if let Some(sources) = of_same_types(app, kind, endpoint, tier)? {
            return Ok(Some(sources));
        }
    }
    Ok(None)
}

/// Whether a partition is of this replica, and every record of the segment that it came from is in a partition. A segment that
/// waits to be handed over is compared with its own.
pub(super) fn settled(replica: ReplicaId, serving: &Serving) -> impl Fn(i64) -> bool + use<> {
    let log = serving.log();
    let first_open = log.sealed().into_iter().chain(log.active()).min();
    let is_before_open =
        move |seq: i64| first_open.is_none_or(|first| u64::try_from(seq).unwrap_or(0) / NUMBERS_OF_SEGMENT < first.0);
    move |seq| replica.partitions().contains(&seq) && is_before_open(seq)
}

/// The first group of at least [`FAN_IN`] partitions in which each column has one type: of others, text would be made.
fn of_same_types(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    tier: Vec<Partition>,
) -> Result<Option<Vec<Partition>>, StorageError> {
    let mut groups: Vec<(HashMap<String, ColumnType>, Vec<Partition>)> = Vec::new();
    for partition in tier {
        let columns = app.lake().columns(kind, endpoint, &known(&partition))?;
        let fits = |types: &HashMap<String, ColumnType>| {
            columns.iter().all(|(name, found)| types.get(name).is_none_or(|known| known == found))
        };
        let at = groups.iter().position(|(types, group)| fits(types) && has_room(group, &partition));
        let at = at.unwrap_or_else(|| {
            groups.push(Default::default());
            groups.len() - 1
        });
        groups[at].0.extend(columns);
        groups[at].1.push(partition);
    }
    Ok(groups.into_iter().map(|(_, group)| group).find(|group| group.len() >= FAN_IN || is_full(group)))
}

fn merge_group(app: &App, kind: LogKind, endpoint: &EndpointName, sources: &[Partition]) -> Result<(), StorageError> {
    let files: Vec<_> = sources.iter().map(known).collect();
    let seq = merged_number(app, kind, endpoint, sources)?;
    let staged = app.lake().stage_merged(kind, endpoint, seq, &files)?;
    let rows = staged.partition.rows;
    publish_merged(app, (kind, endpoint), sources, staged, |_| Ok(()))?;
    tracing::debug!(%endpoint, %kind, sources = sources.len(), rows, "partitions were merged");
    Ok(())
}

/// A free number for what replaces partitions.
fn merged_number(
    app: &App,
    kind: LogKind,
    endpoint: &EndpointName,
    sources: &[Partition],
) -> Result<u64, StorageError> {
    let last = sources.iter().map(|source| source.seq).max().unwrap_or(0);
    let segment = u64::try_from(last).unwrap_or(0) / NUMBERS_OF_SEGMENT;
    compact::free_number(app, kind, endpoint, segment * NUMBERS_OF_SEGMENT + FIRST_MERGED)
}

/// Puts one partition with these rows in the place of others; `record` writes what else belongs to it, in the same
/// transaction. The files of the others stay until someone removes them.
pub(super) fn replace_partitions(
    app: &App,
    (kind, endpoint): (LogKind, &EndpointName),
    sources: &[Partition],
    table: &Table,
    record: impl FnOnce(&Tx) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StorageError> {
    let seq = merged_number(app, kind, endpoint, sources)?;
    let staged = app.lake().stage(kind, endpoint, seq, table)?;
    publish_merged(app, (kind, endpoint), sources, staged, record)
}

fn publish_merged(
    app: &App,
    (kind, endpoint): (LogKind, &EndpointName),
    sources: &[Partition],
    staged: StagedPartition,
    record: impl FnOnce(&Tx) -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StorageError> {
    let (merged, numbers) =
        (indexed(endpoint, kind, &staged), sources.iter().map(|source| source.seq).collect::<Vec<_>>());
    app.store().write(move |tx| {
        index::merge_partitions(tx, &merged, &numbers)?;
        record(tx)
    })?;
    Ok(app.lake().publish(&staged)?)
}

fn remove_merged(app: &App, serving: &Serving, kind: LogKind, endpoint: &EndpointName) -> Result<(), StorageError> {
    let of_log = kind_of(kind);
    let replica = app.store().replica();
    let merged = app.store().read(|reader| index::list_merged(reader, of_log, endpoint, replica, MAX_REMOVED))?;
    let mut rounds = serving.lock_merges();
    let round = rounds.round;
    let since = |rounds: &mut MergeRounds, seq| *rounds.waiting.entry((of_log, seq)).or_insert(round);
    let is_old = |partition: &&Partition| round.saturating_sub(since(&mut rounds, partition.seq)) >= ROUNDS_KEPT;
    let old: Vec<&Partition> = merged.iter().filter(is_old).collect();
    drop(rounds);
    old.iter().try_for_each(|partition| app.lake().remove(kind, endpoint, &known(partition)))?;
    let old: Vec<i64> = old.into_iter().map(|partition| partition.seq).collect();
    if !old.is_empty() {
        let (endpoint, gone) = (endpoint.clone(), old.clone());
        app.store()
            .write(move |tx| gone.iter().try_for_each(|&seq| index::forget_partition(tx, of_log, &endpoint, seq)))?;
        serving.lock_merges().waiting.retain(|(kind, seq), _| *kind != of_log || !old.contains(seq));
    }
    Ok(())
}

fn has_room(group: &[Partition], more: &Partition) -> bool {
    let sum = |of: fn(&Partition) -> u64| group.iter().map(of).sum::<u64>();
    sum(|partition| partition.rows) + more.rows <= MAX_ROWS
        && sum(|partition| partition.bytes) + more.bytes <= MAX_BYTES
}

/// Whether a group is worth a merge though it is small: it holds as much as a partition may.
fn is_full(group: &[Partition]) -> bool {
    let sum = |of: fn(&Partition) -> u64| group.iter().map(of).sum::<u64>();
    group.len() > 1
        && (sum(|partition| partition.rows) >= MAX_ROWS / 2 || sum(|partition| partition.bytes) >= MAX_BYTES / 2)
}
