//! Where and when records of the log were made, which decides which of several of one prediction counts.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use kilter_domain::{
    replica::ReplicaId,
    table::{Column, Table},
};
use kilter_serving::prediction_log::column;

/// Where and when something was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub sequence: i64,
    pub recorded_at: i64,
}

/// The place of each row of a table.
pub(super) fn places(table: &Table) -> impl Iterator<Item = Place> {
    let both = numbers(table, column::SEQUENCE).into_iter().zip(numbers(table, column::RECORDED_AT));
    both.map(|(sequence, recorded_at)| Place { sequence, recorded_at })
}

/// Whether all places are of one replica.
pub(super) fn is_of_one_replica(places: &[Place]) -> bool {
    let mut replicas = places.iter().map(|place| ReplicaId::of_sequence(place.sequence));
    let first = replicas.next();
    replicas.all(|replica| Some(replica) == first)
}

impl Place {
    /// Whether what is here counts instead of what is at `kept`, which was read before: it was recorded later.
    pub(super) fn replaces(self, kept: Self) -> bool {
        match ReplicaId::of_sequence(self.sequence) == ReplicaId::of_sequence(kept.sequence) {
            true => self.sequence >= kept.sequence,
            false => (self.recorded_at, self.sequence) > (kept.recorded_at, kept.sequence),
        }
    }
}

/// The last record of each key, by its index: within a replica the last in its log, whatever its clock said; between replicas
/// the one that was recorded last, by their clocks, and if they say the same that of the highest replica.
pub(super) fn last_recorded<K: Eq + Hash>(keys: impl Iterator<Item = Option<K>>, places: &[Place]) -> Vec<usize> {
    let mut of_replica: HashMap<(K, ReplicaId), usize> = HashMap::with_capacity(places.len());
    for (at, (key, place)) in keys.zip(places).enumerate() {
        let Some(key) = key else { continue };
        let kept = of_replica.entry((key, ReplicaId::of_sequence(place.sequence))).or_insert(at);
        if place.sequence >= places[*kept].sequence {
            *kept = at;
        }
    }
    if is_of_one_replica(places) {
        return of_replica.into_values().collect();
    }
    let mut last: HashMap<K, usize> = HashMap::with_capacity(of_replica.len());
    for ((key, _), at) in of_replica {
        let when = |at: usize| (places[at].recorded_at, places[at].sequence);
        let kept = last.entry(key).or_insert(at);
        if when(at) > when(*kept) {
            *kept = at;
        }
    }
    last.into_values().collect()
}

/// A column of whole numbers or times of a table; 0 where there is none.
pub(crate) fn numbers(table: &Table, name: &str) -> Vec<i64> {
    match table.get(name) {
        Some(Column::Int(values) | Column::Time(values)) => values.iter().map(|value| value.unwrap_or(0)).collect(),
        _ => vec![0; table.rows()],
    }
}

/// A text column of a table; all missing where there is none.
pub(crate) fn texts(table: &Table, name: &str) -> Vec<Option<Arc<str>>> {
    match table.get(name) {
        Some(Column::Text(values)) => values.clone(),
        Some(column) => (0..column.len()).map(|row| column.label(row)).collect(),
        None => vec![None; table.rows()],
    }
}
