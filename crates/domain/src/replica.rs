//! The servers that share a database: each is a replica with a number, and has ranges of its own in the prediction log.
//!
//! Invariants: no number of a segment, a partition or a record is of two replicas. Replica 0 is the only one of a database in
//! a file; its numbers begin at 1.

use std::{fmt, ops::Range};

/// Segments of one replica and endpoint: three centuries at one seal every ten seconds.
const SEGMENTS: u64 = 1_000_000_000;
/// Partition numbers of one replica and endpoint, a thousand for each segment.
const PARTITIONS: i64 = 1_000_000_000_000;
/// Records of one replica and endpoint: three centuries at ten thousand a second.
const SEQUENCES: i64 = 100_000_000_000_000;

/// A server among those that share a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaId(u32);

impl ReplicaId {
    /// The only server of a database in a file.
    pub const ONLY: Self = Self(0);
    /// The highest number: the records of the one behind it would have no numbers.
    pub const MAX: Self = Self(90_000);

    /// The replica with this number; `None` beyond [`Self::MAX`].
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The numbers of its segments; the first one is never used.
    pub const fn segments(self) -> Range<u64> {
        let first = self.0 as u64 * SEGMENTS;
        first..first + SEGMENTS
    }

    /// The numbers of its partitions.
    pub const fn partitions(self) -> Range<i64> {
        let first = self.0 as i64 * PARTITIONS;
        first..first + PARTITIONS
    }

    /// The replica that wrote the segment with this number.
    pub fn of_segment(number: u64) -> Self {
        Self(u32::try_from(number / SEGMENTS).unwrap_or(u32::MAX))
    }

    /// The replica that sealed the partition with this number.
    pub fn of_partition(number: i64) -> Self {
        Self(u32::try_from(number.max(0) / PARTITIONS).unwrap_or(u32::MAX))
    }

    /// Whether it sealed the partition with this number.
    pub fn has_partition(self, number: u64) -> bool {
        i64::try_from(number).is_ok_and(|number| self.partitions().contains(&number))
    }

    /// The numbers of its records; the first one is never used.
    pub const fn sequences(self) -> Range<i64> {
        let first = self.0 as i64 * SEQUENCES;
        first..first + SEQUENCES
    }

    /// The replica that recorded what has this sequence number.
    pub fn of_sequence(sequence: i64) -> Self {
        Self(u32::try_from(sequence.max(0) / SEQUENCES).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_replica_has_numbers_of_its_own_up_to_the_last() {
        let (last, before) = (ReplicaId::MAX, ReplicaId::new(ReplicaId::MAX.number() - 1).unwrap());
        assert_eq!(ReplicaId::new(last.number() + 1), None);
        assert_eq!(before.partitions().end, last.partitions().start);
        assert_eq!(before.segments().end, last.segments().start);
        assert!(last.sequences().end > last.sequences().start && last.partitions().end > 0, "none overflows");
        assert_eq!(last.partitions().start, i64::try_from(last.segments().start).unwrap() * 1_000);
        for replica in [ReplicaId::ONLY, before, last] {
            let Range { start, end } = replica.sequences();
            assert_eq!([start, end - 1].map(ReplicaId::of_sequence), [replica; 2]);
            let Range { start, end } = replica.segments();
            assert_eq!([start, end - 1].map(ReplicaId::of_segment), [replica; 2]);
            let Range { start, end } = replica.partitions();
            assert_eq!([start, end - 1].map(ReplicaId::of_partition), [replica; 2]);
        }
        assert_eq!(ReplicaId::of_sequence(-1), ReplicaId::ONLY);
    }
}
