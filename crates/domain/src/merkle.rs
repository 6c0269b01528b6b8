//! The Merkle tree of RFC 6962 over SHA-256: roots, inclusion proofs and consistency proofs, made and verified.
//!
//! A tree of `size` leaves needs no more than its complete subtrees ([`Node`]): who makes a proof hands in a function that reads their
//! hashes, so a proof reads O(log n) of them and no other leaf. Who verifies one needs the proof alone. Source: RFC 6962 section 2.1
//! and RFC 9162 sections 2.1.3 and 2.1.4 (the same tree, with the steps of a verifier written out).
//!
//! Out of scope: what a leaf says, where hashes are stored, who signs a root.

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256(0x00 ‖ `data`).
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// The hash of a node: SHA-256(0x01 ‖ `left` ‖ `right`).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// A complete subtree: the 2^`level` leaves from `index` · 2^`level` on. Level 0 is a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// The power of two that it has leaves.
    pub level: u32,
    /// How many subtrees of this level are left of it.
    pub index: u64,
}

impl Node {
    /// How many leaves there are up to its end: the size of the tree that completes it.
    pub const fn end(self) -> u64 {
        (self.index + 1) << self.level
    }
}

/// The levels above the leaves of the subtrees that the leaf number `size` (counted from 1) completes: as many as `size` has zeros at
/// its end.
pub const fn completed_levels(size: u64) -> u32 {
    if size == 0 { 0 } else { size.trailing_zeros() }
}

/// The root of the first `size` leaves.
///
/// # Errors
/// When `read` does not have a subtree.
pub fn root<E>(size: u64, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    if size == 0 { Ok(empty_root()) } else { range_root(Range { begin: 0, end: size }, &mut read) }
}

/// The hashes that lead from the leaf `index` (counted from 0) to the root of the first `size` leaves, its sibling first. Empty where
/// there is no such leaf in it.
///
/// # Errors
/// When `read` does not have a subtree.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut read: impl FnMut(Node) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    let mut range = Range { begin: 0, end: size };
    while index < range.end && range.length() > 1 {
        let (left, right) = range.children();
        let (with, beside) = if index < left.end { (left, right) } else { (right, left) };
        proof.push(range_root(beside, &mut read)?);
        range = with;
    }
    proof.reverse();
    Ok(proof)
}

/// The hashes by which the tree of the first `new` leaves is seen to begin with that of the first `old`. Empty where `old` is 0 or
/// `new`, and where there is nothing to prove.
///
/// # Errors
/// When `read` does not have a subtree.
pub fn consistency_proof<E>(old: u64, new: u64, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Vec<Hash>, E> {
    let mut proof = Vec::new();
    if old == 0 || old >= new {
        return Ok(proof);
    }
    let mut range = Range { begin: 0, end: new };
    // Whether the old tree is what is left of the range: its root is known to the verifier.
    let mut is_old_tree = true;
    while old != range.end {
        let (left, right) = range.children();
        let (with, beside) = if old <= left.end { (left, right) } else { (right, left) };
        is_old_tree &= old <= left.end;
        proof.push(range_root(beside, &mut read)?);
        range = with;
    }
    if !is_old_tree {
        proof.push(range_root(range, &mut read)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` leads from the leaf with this hash, at `index` (counted from 0), to `root`, that of the first `size` leaves.
pub fn is_included(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut way = Way { leaf: index, last: size - 1 };
    let mut hash = *leaf;
    for beside in proof {
        if way.last == 0 {
            return false;
        }
        if way.is_right() {
            hash = node_hash(beside, &hash);
            way.skip_single();
        } else {
            hash = node_hash(&hash, beside);
        }
        way.up();
    }
    way.last == 0 && hash == *root
}

/// Whether `proof` shows that the tree of size `new` with `new_root` begins with the tree of size `old` with `old_root`.
pub fn is_consistent(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old > new {
        return false;
    }
    if old == new || old == 0 {
        let is_right_root = if old == new { old_root == new_root } else { *old_root == empty_root() };
        return proof.is_empty() && is_right_root;
    }
    let mut way = Way { leaf: old - 1, last: new - 1 };
    while way.leaf & 1 == 1 {
        way.up();
    }
    // Where the old tree is one complete subtree its root is where the way begins, and is left out of the proof.
    let known = old.is_power_of_two().then_some(old_root);
    let mut hashes = known.into_iter().chain(proof);
    let Some(first) = hashes.next() else { return false };
    let (mut of_old, mut of_new) = (*first, *first);
    for beside in hashes {
        if way.last == 0 {
            return false;
        }
        if way.is_right() {
            of_old = node_hash(beside, &of_old);
            of_new = node_hash(beside, &of_new);
            way.skip_single();
        } else {
            of_new = node_hash(&of_new, beside);
        }
        way.up();
    }
    way.last == 0 && of_old == *old_root && of_new == *new_root
}

/// Where a verifier is on its way up: the numbers of its node and of the last one of the same level.
struct Way {
    leaf: u64,
    last: u64,
}

impl Way {
    /// Whether its sibling is on the left.
    const fn is_right(&self) -> bool {
        self.leaf & 1 == 1 || self.leaf == self.last
    }

    /// The last node of a level may have no sibling there: it is the same one level higher.
    fn skip_single(&mut self) {
        while self.leaf & 1 == 0 && self.leaf != 0 {
            self.up();
        }
    }

    const fn up(&mut self) {
        self.leaf >>= 1;
        self.last >>= 1;
    }
}

/// Leaves `begin` to `end` (excluded) of a tree, as the definition of the root splits them.
#[derive(Clone, Copy)]
struct Range {
    begin: u64,
    end: u64,
}

impl Range {
    const fn length(self) -> u64 {
        self.end - self.begin
    }

    /// Split behind the largest power of two that is smaller than its length, which must be at least 2.
    const fn children(self) -> (Self, Self) {
        let split = self.begin + (1 << (self.length() - 1).ilog2());
        (Self { begin: self.begin, end: split }, Self { begin: split, end: self.end })
    }
}

/// The root of a range: at most log n subtrees, read from left to right.
fn range_root<E>(range: Range, read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let mut complete = Vec::new();
    let mut rest = range;
    while !rest.length().is_power_of_two() {
        let (left, right) = rest.children();
        complete.push(read_complete(left, read)?);
        rest = right;
    }
    let last = read_complete(rest, read)?;
    Ok(complete.iter().rev().fold(last, |right, left| node_hash(left, &right)))
}

fn read_complete<E>(range: Range, read: &mut impl FnMut(Node) -> Result<Hash, E>) -> Result<Hash, E> {
    let level = range.length().ilog2();
    read(Node { level, index: range.begin >> level })
}

/// A tree that grows leaf by leaf, of which the complete subtrees at its right edge are kept: O(log n) memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrowingTree {
    size: u64,
    /// The roots of the complete subtrees that the size is made of, largest first.
    peaks: Vec<Hash>,
}

impl GrowingTree {
    /// The tree of the first `size` leaves.
    ///
    /// # Errors
    /// When `read` does not have a subtree.
    pub fn read<E>(size: u64, mut read: impl FnMut(Node) -> Result<Hash, E>) -> Result<Self, E> {
        let levels = (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1);
        let nodes = levels.map(|level| Node { level, index: (size >> level) - 1 });
        Ok(Self { size, peaks: nodes.map(&mut read).collect::<Result<_, E>>()? })
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash. `stored` gets each subtree that it completes, from level 1 on, and answers the hash to go on with: the
    /// same one, or what stands in its place.
    pub fn add(&mut self, leaf: Hash, mut stored: impl FnMut(Node, Hash) -> Hash) {
        self.size += 1;
        let mut hash = leaf;
        for level in 1..=completed_levels(self.size) {
            let left = self.peaks.pop().unwrap_or_default();
            hash = stored(Node { level, index: (self.size >> level) - 1 }, node_hash(&left, &hash));
        }
        self.peaks.push(hash);
    }

    /// Its root.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}
