//! How far the log of an endpoint was read: up to which record of each replica.
//!
//! A replica seals its records in their order, and replicas seal when they like: a record that was not seen yet may have a
//! lower number than one of another replica that was.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::replica::ReplicaId;

/// Up to which record of each replica a log was read. Nothing was, at first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct LogPosition(BTreeMap<ReplicaId, i64>);

/// One number where one replica has records, as it always was; else one of each.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    One(i64),
    Each(Vec<i64>),
}

impl LogPosition {
    /// Whether the record with this number was read.
    pub fn covers(&self, sequence: i64) -> bool {
        self.0.get(&ReplicaId::of_sequence(sequence)).is_some_and(|last| sequence <= *last)
    }

    /// Whether everything up to another position was read.
    pub fn covers_all(&self, other: &Self) -> bool {
        other.0.values().all(|last| self.covers(*last))
    }

    /// The record with this number was read, and all before it.
    pub fn add(&mut self, sequence: i64) {
        let last = self.0.entry(ReplicaId::of_sequence(sequence)).or_insert(sequence);
        *last = sequence.max(*last);
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<i64> for LogPosition {
    fn extend<T: IntoIterator<Item = i64>>(&mut self, sequences: T) {
        sequences.into_iter().for_each(|sequence| self.add(sequence));
    }
}

impl FromIterator<i64> for LogPosition {
    fn from_iter<T: IntoIterator<Item = i64>>(sequences: T) -> Self {
        let mut position = Self::default();
        position.extend(sequences);
        position
    }
}

impl From<Stored> for LogPosition {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::One(last) => [last].into_iter().collect(),
            Stored::Each(all) => all.into_iter().collect(),
        }
    }
}

impl From<LogPosition> for Stored {
    fn from(position: LogPosition) -> Self {
        let all: Vec<i64> = position.0.into_values().collect();
        match all[..] {
            [last] => Self::One(last),
            _ => Self::Each(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_one_replica_says_nothing_of_those_of_another() {
        let of = |replica: u32, place: i64| ReplicaId::new(replica).unwrap().sequences().start + place;
        let seen: LogPosition = [of(2, 7), of(1, 5), of(2, 3)].into_iter().collect();
        assert!(seen.covers(of(1, 5)) && seen.covers(of(2, 7)) && seen.covers(of(2, 1)));
        assert!(!seen.covers(of(1, 6)) && !seen.covers(of(0, 1)) && !seen.covers(of(3, 1)));
        assert!(seen.covers_all(&[of(1, 4), of(2, 7)].into_iter().collect()));
        assert!(!seen.covers_all(&[of(1, 6)].into_iter().collect()));
        assert!(LogPosition::default().covers_all(&LogPosition::default()));
    }

    #[test]
    fn one_replica_is_written_as_the_number_that_it_always_was() {
        let text = |sequences: &[i64]| {
            let position: LogPosition = sequences.iter().copied().collect();
            let text = serde_json::to_string(&position).unwrap();
            assert_eq!(serde_json::from_str::<LogPosition>(&text).unwrap(), position);
            text
        };
        assert_eq!(text(&[7]), "7");
        assert_eq!(text(&[]), "[]");
        assert_eq!(text(&[7, 200_000_000_000_009]), "[7,200000000000009]");
    }
}
