//! The Merkle tree over the leaves of the audit log, as RFC 6962 has it: stored subtrees, roots and proofs.
//!
//! Invariants: a complete subtree is written in the transaction of the entry that completes it, so the tree always covers the whole
//! log; per entry one row is written on average, and at most log n. A root or a proof reads at most log² n rows.
//! Out of scope: whether the subtrees are those of the leaves ([`super::verify`]), and who signs a root.

use std::collections::BTreeMap;

use kilter_domain::merkle::{self, GrowingTree, Hash, Node};

use crate::{
    Reader, StoreError, Tx,
    database::{Params, named_params},
    statement::statements,
};

/// Entries whose subtrees are added in one transaction to a log from before there were any.
const BATCH: u32 = 10_000;

statements! {
    END = "find the end of the audit log": "
        SELECT seq, leaf FROM audit WHERE seq = (SELECT max(seq) FROM audit)";
    LEAF = "read a leaf of the audit log": "
        SELECT leaf FROM audit WHERE seq = :seq";
    LEAVES_AFTER = "read the leaves of the audit log": "
        SELECT seq, leaf FROM audit WHERE seq > :above ORDER BY seq LIMIT :limit";
    SUBTREE = "read a subtree of the audit log": "
        SELECT hash FROM audit_node WHERE seq = :seq AND level = :level";
    LAST_COMPLETED = "find the end of the audit tree": "
        SELECT coalesce(max(seq), 0) FROM audit_node";
    SUBTREES_AFTER = "read the subtrees of the audit log": "
        SELECT seq, level, hash FROM audit_node WHERE seq > :above AND seq <= :through ORDER BY seq, level";
    INSERT = "write a subtree of the audit log": "
        INSERT INTO audit_node (seq, level, hash) VALUES (:seq, :level, :hash)";
}

/// Where the log ends.
pub(super) struct End {
    /// How many entries it has.
    pub size: u64,
    /// The leaf of the last one.
    leaf: Hash,
}

/// The end of the log.
pub(super) fn end(reader: &Reader) -> Result<End, StoreError> {
    let found = reader.one(&END, &[], |row| Ok(End { size: row.get("seq")?, leaf: row.get("leaf")? }))?;
    Ok(found.unwrap_or(End { size: 0, leaf: Hash::default() }))
}

/// Writes the subtrees that the entry behind `end` completes.
pub(super) fn add(tx: &Tx, end: &End, leaf: Hash) -> Result<(), StoreError> {
    let size = end.size + 1;
    let levels = merkle::completed_levels(size);
    let (mut hash, mut completed) = (leaf, Vec::new());
    for level in 0..levels {
        let left = if level == 0 { end.leaf } else { subtree(tx, Node { level, index: (size >> level) - 2 })? };
        hash = merkle::node_hash(&left, &hash);
        completed.push((Node { level: level + 1, index: (size >> (level + 1)) - 1 }, hash));
    }
    write(tx, &completed)
}

fn write(tx: &Tx, completed: &[(Node, Hash)]) -> Result<(), StoreError> {
    let rows: Vec<_> = completed.iter().map(|(node, hash)| (node.end(), node.level, hash)).collect();
    let params: Vec<[(&str, &dyn crate::database::ToValue); 3]> = rows
        .iter()
        .map(|(seq, level, hash)| [(":seq", seq as _), (":level", level as _), (":hash", *hash as _)])
        .collect();
    let params: Vec<Params<'_>> = params.iter().map(|row| row.as_slice()).collect();
    match params.as_slice() {
        [] => Ok(()),
        [row] => tx.execute(&INSERT, row).map(drop),
        rows => tx.execute_batches(&[(&INSERT, rows)]),
    }
}

/// The root of the first `size` entries.
///
/// # Errors
/// When the log has fewer, or the database cannot be read.
pub fn root(reader: &Reader, size: u64) -> Result<Hash, StoreError> {
    merkle::root(size, |node| subtree(reader, node))
}

/// The leaf of an entry, if there is one of that number.
///
/// # Errors
/// When the database cannot be read.
pub fn leaf(reader: &Reader, seq: u64) -> Result<Option<Hash>, StoreError> {
    reader.one(&LEAF, named_params! { ":seq": seq }, |row| row.get("leaf"))
}

/// The proof that entry `seq` is one of the first `size` ([`merkle::is_included`] with index `seq - 1`).
///
/// # Errors
/// When it is not, when the log has fewer entries, or the database cannot be read.
pub fn inclusion_proof(reader: &Reader, seq: u64, size: u64) -> Result<Vec<Hash>, StoreError> {
    if seq == 0 || seq > size {
        return Err(StoreError::NotFound { what: "audit entry", id: format!("{seq} of the first {size}") });
    }
    merkle::inclusion_proof(seq - 1, size, |node| subtree(reader, node))
}

/// The proof that the first `new` entries begin with the first `old`.
///
/// # Errors
/// When the log has fewer, or the database cannot be read.
pub fn consistency_proof(reader: &Reader, old: u64, new: u64) -> Result<Vec<Hash>, StoreError> {
    merkle::consistency_proof(old, new, |node| subtree(reader, node))
}

/// The hash of a complete subtree, or of a leaf.
fn subtree(reader: &Reader, node: Node) -> Result<Hash, StoreError> {
    let seq = node.end();
    let found = match node.level {
        0 => leaf(reader, seq)?,
        level => reader.one(&SUBTREE, named_params! { ":seq": seq, ":level": level }, |row| row.get("hash"))?,
    };
    found.ok_or_else(|| {
        let entries = 1u64 << node.level;
        StoreError::NotFound { what: "subtree of the audit log", id: format!("{entries} entries up to {seq}") }
    })
}

/// The subtrees of the entries behind `above` up to `through`, by entry and level.
pub(super) fn subtrees_between(
    reader: &Reader,
    above: u64,
    through: u64,
) -> Result<BTreeMap<(u64, u32), Hash>, StoreError> {
    let params = named_params! { ":above": above, ":through": through };
    let rows =
        reader.all(&SUBTREES_AFTER, params, |row| Ok(((row.get("seq")?, row.get("level")?), row.get("hash")?)))?;
    Ok(rows.into_iter().collect())
}

/// Whether the tree is over the whole log: that of a log from before there was one is not.
pub(crate) fn is_complete(reader: &Reader) -> Result<bool, StoreError> {
    // The last entry of an odd number completes nothing.
    Ok(last_completed(reader)? >= end(reader)?.size & !1)
}

/// The last entry that completed a subtree.
pub(super) fn last_completed(reader: &Reader) -> Result<u64, StoreError> {
    Ok(reader.one(&LAST_COMPLETED, &[], |row| row.get(0))?.unwrap_or(0))
}

/// Adds the subtrees of some more entries of such a log; whether there may be more. Whoever is interrupted goes on where it was.
pub(crate) fn extend(tx: &Tx) -> Result<bool, StoreError> {
    let built = last_completed(tx)?;
    let mut tree = GrowingTree::read(built, |node| subtree(tx, node))?;
    let mut completed = Vec::new();
    let params = named_params! { ":above": built, ":limit": BATCH };
    let leaves: Vec<(u64, Hash)> = tx.all(&LEAVES_AFTER, params, |row| Ok((row.get("seq")?, row.get("leaf")?)))?;
    for (seq, leaf) in &leaves {
        if *seq != tree.size() + 1 {
            // An entry is missing: verification says so, and no tree is over what is left.
            tracing::warn!(
                entry = tree.size() + 1,
                "the audit log has a gap: `kilter audit verify` names what is wrong"
            );
            write(tx, &completed)?;
            return Ok(false);
        }
        tree.add(*leaf, |node, hash| {
            completed.push((node, hash));
            hash
        });
    }
    write(tx, &completed)?;
    Ok(leaves.len() == BATCH as usize)
}
