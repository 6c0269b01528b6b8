//! Groups of records in a second place, for whoever must not lose them with a machine.
//!
//! Invariants: a copy is made after the disk has the group and before the group is acknowledged; a group that has no copy is
//! taken back from the disk. A copy may hold records that nobody was told of: what answers is lost on the way.

use std::{fmt, path::Path, sync::Arc};

use super::{
    record::SegmentId,
    segment::{self, HEADER_BYTES, Header},
    tables::{SegmentTables, TableBuilder},
};

/// Records that were written together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordGroup {
    /// The segment that they are in.
    pub segment: SegmentId,
    /// The number of the first of them.
    pub first_sequence: u64,
    /// What [`tables_of_groups`] reads.
    pub bytes: Vec<u8>,
}

/// Keeps groups in a second place.
#[derive(Clone)]
pub struct GroupCopier(Arc<CopyGroup>);

type CopyGroup = dyn Fn(RecordGroup) -> Result<(), String> + Send + Sync;

impl GroupCopier {
    /// A copier that calls `copy`. It returns when the group is kept, or with the reason why it is not.
    pub fn new(copy: impl Fn(RecordGroup) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(copy))
    }

    pub(super) fn copy(&self, header: &Header, first_sequence: u64, frames: &[u8]) -> Result<(), String> {
        let bytes = [&header.encode(), frames].concat();
        (self.0)(RecordGroup { segment: header.segment, first_sequence, bytes })
    }
}

impl fmt::Debug for GroupCopier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("GroupCopier")
    }
}

/// The records of a segment, of the copies of its groups in their order. `name` is what damage is called by.
pub fn tables_of_groups(segment: SegmentId, name: &Path, groups: &[Vec<u8>]) -> SegmentTables {
    let mut records = TableBuilder::default();
    let mut damage = Vec::new();
    for group in groups.iter().filter(|group| group.len() > HEADER_BYTES) {
        damage.extend(segment::scan(name, group, |entry| records.add(entry)).damage);
    }
    records.finish(segment, damage)
}
