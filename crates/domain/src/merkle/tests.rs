//! The tree against RFC 6962's reference tree, and against a tree that is computed by the definition.

use std::{collections::BTreeMap, convert::Infallible};

use proptest::prelude::*;

use super::*;

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The definition of RFC 6962 section 2.1, over all leaves.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            node_hash(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_le_bytes())).collect()
}

/// The complete subtrees of some leaves, as a store keeps them.
fn stored(leaves: &[Hash]) -> BTreeMap<Node, Hash> {
    let (mut nodes, mut tree) = (BTreeMap::new(), GrowingTree::default());
    for (index, leaf) in leaves.iter().enumerate() {
        nodes.insert(Node { level: 0, index: index as u64 }, *leaf);
        tree.add(*leaf, |node, hash| {
            nodes.insert(node, hash);
            hash
        });
    }
    nodes
}

fn reader(nodes: &BTreeMap<Node, Hash>) -> impl FnMut(Node) -> Result<Hash, Infallible> {
    |node| Ok(nodes[&node])
}

/// Leaves and roots of the reference implementation of RFC 6962 (`merkletree/merkle_tree_test.cc` of certificate-transparency).
const REFERENCE: [(&[u8], &str); 8] = [
    (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    (b"\x00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    (b"\x10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    (b"\x20\x21", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    (b"\x30\x31", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    (b"\x40\x41\x42\x43", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    (b"\x50\x51\x52\x53\x54\x55\x56\x57", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    (
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ),
];

#[test]
fn roots_are_those_of_the_reference_tree_of_rfc_6962() {
    assert_eq!(hex(&empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let mut tree = GrowingTree::default();
    let leaves: Vec<Hash> = REFERENCE.iter().map(|(data, _)| leaf_hash(data)).collect();
    let nodes = stored(&leaves);
    for (place, (_, expected)) in REFERENCE.iter().enumerate() {
        tree.add(leaves[place], |_, hash| hash);
        let size = place as u64 + 1;
        let Ok(read) = root(size, reader(&nodes));
        assert_eq!((hex(&tree.root()).as_str(), hex(&read).as_str(), tree.size()), (*expected, *expected, size));
    }
}

#[test]
fn proofs_are_those_of_the_reference_tree_of_rfc_6962() {
    let leaves: Vec<Hash> = REFERENCE.iter().map(|(data, _)| leaf_hash(data)).collect();
    let nodes = stored(&leaves);
    let texts = |proof: Vec<Hash>| proof.iter().map(hex).collect::<Vec<_>>();
    let Ok(inclusion) = inclusion_proof(5, 8, reader(&nodes));
    assert_eq!(
        texts(inclusion),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    let Ok(consistency) = consistency_proof(6, 8, reader(&nodes));
    assert_eq!(
        texts(consistency),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_leaf_and_every_pair_of_sizes_up_to_seventy_is_proved() {
    let all = leaves(70);
    let nodes = stored(&all);
    let roots: Vec<Hash> = (0..=all.len()).map(|size| naive_root(&all[..size])).collect();
    for new in 0..=all.len() {
        let size = new as u64;
        assert_eq!(root(size, reader(&nodes)), Ok(roots[new]));
        assert_eq!(GrowingTree::read(size, reader(&nodes)).map(|tree| tree.root()), Ok(roots[new]));
        for index in 0..size {
            let Ok(proof) = inclusion_proof(index, size, reader(&nodes));
            assert!(is_included(&all[index as usize], index, size, &proof, &roots[new]), "{index} of {size}");
            assert!(!is_included(&all[index as usize], index + 1, size, &proof, &roots[new]), "{index} of {size}");
        }
        for old in 0..=size {
            let Ok(proof) = consistency_proof(old, size, reader(&nodes));
            assert!(is_consistent(old, size, &roots[old as usize], &roots[new], &proof), "{old} to {size}");
            if old > 0 && old < size {
                let other = &roots[old as usize - 1];
                assert!(!is_consistent(old, size, other, &roots[new], &proof), "{old} to {size}");
                assert!(!is_consistent(old, size, &roots[old as usize], other, &proof), "{old} to {size}");
            }
        }
    }
}

#[test]
fn a_proof_of_nothing_proves_nothing() {
    let leaf = leaf_hash(b"");
    assert!(is_included(&leaf, 0, 1, &[], &leaf));
    assert!(!is_included(&leaf, 0, 0, &[], &empty_root()));
    assert!(!is_included(&leaf, 0, 1, &[leaf], &leaf));
    assert!(!is_included(&leaf, u64::MAX, u64::MAX, &[], &leaf));
    assert!(is_consistent(0, 1, &empty_root(), &leaf, &[]));
    assert!(!is_consistent(0, 1, &leaf, &leaf, &[]));
    assert!(!is_consistent(1, 2, &leaf, &leaf, &[]));
    assert!(!is_consistent(2, 1, &leaf, &leaf, &[]));
    let Ok(none) = inclusion_proof(3, 3, |_| Ok::<_, Infallible>(leaf));
    assert!(none.is_empty());
}

proptest! {
    #[test]
    fn a_changed_proof_is_refused(size in 2u64..3000, at in any::<(u64, u64, usize, u8)>()) {
        let all = leaves(size);
        let nodes = stored(&all);
        let whole = naive_root(&all);
        let (index, old) = (at.0 % size, 1 + at.1 % (size - 1));
        let Ok(inclusion) = inclusion_proof(index, size, reader(&nodes));
        let Ok(consistency) = consistency_proof(old, size, reader(&nodes));
        let old_root = naive_root(&all[..old as usize]);
        prop_assert!(is_included(&all[index as usize], index, size, &inclusion, &whole));
        prop_assert!(is_consistent(old, size, &old_root, &whole, &consistency));
        let mut bent = inclusion.clone();
        let place = at.2 % bent.len();
        bent[place][0] ^= at.3 | 1;
        prop_assert!(!is_included(&all[index as usize], index, size, &bent, &whole));
        bent = inclusion.clone();
        bent.remove(place);
        prop_assert!(!is_included(&all[index as usize], index, size, &bent, &whole));
        let mut bent = consistency.clone();
        let place = at.2 % bent.len();
        bent[place][0] ^= at.3 | 1;
        prop_assert!(!is_consistent(old, size, &old_root, &whole, &bent));
        bent = consistency.clone();
        bent.push([at.3; 32]);
        prop_assert!(!is_consistent(old, size, &old_root, &whole, &bent));
    }
}
