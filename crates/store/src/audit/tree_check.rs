//! Whether the stored subtrees of the audit log are those of its leaves, page by page.

use std::collections::BTreeMap;

use kilter_domain::merkle::{GrowingTree, Hash, Node};

use super::{fault::Fault, tree};
use crate::{Reader, StoreError};

/// The tree over the leaves that were read so far. It goes on with the stored hashes, so that each fault is reported once, where it is.
#[derive(Debug, Default)]
pub(super) struct TreeCheck {
    computed: GrowingTree,
    /// Nothing is compared behind a missing entry: every subtree there is over other entries.
    has_gap: bool,
}

impl TreeCheck {
    /// Goes on with leaves by their entries; what is wrong with the subtrees that they complete.
    pub(super) fn add<'p>(
        &mut self,
        reader: &Reader,
        leaves: impl Iterator<Item = (u64, &'p [u8])>,
    ) -> Result<Vec<Fault>, StoreError> {
        let leaves: Vec<_> = leaves.collect();
        let Some((through, _)) = leaves.last().filter(|_| !self.has_gap) else { return Ok(Vec::new()) };
        let mut stored = tree::subtrees_between(reader, self.computed.size(), *through)?;
        let mut faults = Vec::new();
        for (seq, leaf) in leaves {
            self.has_gap |= seq != self.computed.size() + 1;
            if self.has_gap {
                return Ok(faults);
            }
            // A leaf of another length is reported with its entry.
            let leaf = Hash::try_from(leaf).unwrap_or_default();
            self.computed.add(leaf, |node, hash| compare(&mut stored, &mut faults, node, hash));
        }
        let foreign = stored.keys().map(|(seq, level)| Fault::SubtreeForeign { seq: *seq, entries: entries(*level) });
        faults.extend(foreign);
        Ok(faults)
    }

    /// Whether the tree ends where the log does.
    pub(super) fn end(&self, reader: &Reader) -> Result<Option<Fault>, StoreError> {
        let (last, seq) = (tree::end(reader)?.size, tree::last_completed(reader)?);
        Ok((seq > last).then_some(Fault::EntriesRemoved { last, seq }))
    }
}

fn compare(stored: &mut BTreeMap<(u64, u32), Hash>, faults: &mut Vec<Fault>, node: Node, hash: Hash) -> Hash {
    let (seq, entries) = (node.end(), entries(node.level));
    match stored.remove(&(seq, node.level)) {
        None => faults.push(Fault::SubtreeMissing { seq, entries }),
        Some(other) if other != hash => {
            faults.push(Fault::SubtreeChanged { seq, entries });
            return other;
        }
        Some(_) => {}
    }
    hash
}

const fn entries(level: u32) -> u64 {
    match 1u64.checked_shl(level) {
        Some(entries) => entries,
        None => u64::MAX,
    }
}
