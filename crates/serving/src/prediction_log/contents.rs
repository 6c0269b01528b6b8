//! The records of one segment, in their order.

use super::{
    error::Damage,
    record::{Entry, SegmentId},
};

/// Everything that could be read of a segment.
#[derive(Debug)]
pub struct Contents {
    /// Its number.
    pub segment: SegmentId,
    /// In the order in which they were acknowledged.
    pub entries: Vec<Entry>,
    /// Places that could not be read; empty for a whole segment.
    pub damage: Vec<Damage>,
}
