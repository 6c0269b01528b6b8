//! The Merkle tree over the audit log: written with each entry, proved between any two sizes, made for a log that has none.

use kilter_domain::merkle::{self, GrowingTree, Hash};
use kilter_store::{
    audit::{self, Fault},
    page::PageRequest,
    run, setting,
};
use serde_json::json;

use crate::world::{Guards, World, new_run};

/// A store with `count` entries.
fn with_entries(count: u64) -> World {
    let world = World::with_records();
    for number in 4..count {
        world
            .act(1, move |audited| setting::put(audited, &format!("name-{}", number % 7), &json!(number)).map(drop))
            .unwrap();
    }
    assert_eq!(world.store.read(audit::size).unwrap(), count);
    world
}

fn leaves(world: &World) -> Vec<Hash> {
    let entries = world.store.read(|reader| audit::list(reader, &PageRequest::first(1000))).unwrap().items;
    entries.iter().rev().map(|record| record.leaf).collect()
}

/// The root over leaves, one by one.
fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = GrowingTree::default();
    leaves.iter().for_each(|leaf| tree.add(*leaf, |_, hash| hash));
    tree.root()
}

fn every_size_has_its_root_and_every_entry_and_pair_of_sizes_its_proof() {
    let world = with_entries(37);
    let leaves = leaves(&world);
    let count = leaves.len() as u64;
    world
        .store
        .read(|reader| {
            for size in 0..=count {
                let root = audit::root(reader, size)?;
                assert_eq!(root, root_of(&leaves[..size as usize]), "{size}");
                for seq in 1..=size {
                    let proof = audit::inclusion_proof(reader, seq, size)?;
                    assert!(merkle::is_included(&leaves[seq as usize - 1], seq - 1, size, &proof, &root));
                }
                for old in 0..=size {
                    let proof = audit::consistency_proof(reader, old, size)?;
                    assert!(merkle::is_consistent(old, size, &audit::root(reader, old)?, &root, &proof));
                }
            }
            assert!(audit::root(reader, count + 1).is_err(), "there are not so many entries");
            assert!(audit::inclusion_proof(reader, 0, count).is_err());
            assert!(audit::inclusion_proof(reader, count + 1, count).is_err());
            Ok(())
        })
        .unwrap();
    world.assert_sound();
}

fn an_entry_that_is_not_kept_leaves_no_subtree() {
    let world = with_entries(7);
    let undone = world.act(2, |audited| {
        run::create(audited, &new_run("x"))?;
        Err::<(), _>(kilter_store::StoreError::Closed)
    });
    assert!(undone.is_err());
    world.act(3, |audited| setting::put(audited, "kept", &json!(1)).map(drop)).unwrap();
    assert_eq!(world.store.read(|reader| audit::root(reader, 8)).unwrap(), root_of(&leaves(&world)));
    world.assert_sound();
}

fn a_log_without_a_tree_gets_it_when_it_is_opened_also_where_that_was_interrupted() {
    for gone in ["TRUE", "seq > 8", "seq > 12"] {
        let world = with_entries(21);
        let expected = root_of(&leaves(&world));
        let (world, done) = world.past_the_store(Guards::Dropped, &format!("DELETE FROM audit_node WHERE {gone}"));
        done.unwrap();
        assert_eq!(world.store.read(|reader| audit::root(reader, 21)).unwrap(), expected, "{gone}");
        let faults = world.store.read(audit::verify).unwrap().faults;
        assert!(faults.iter().all(|fault| matches!(fault, Fault::SchemaMissing { .. })), "{faults:?}");
    }
}

fn a_changed_missing_or_added_subtree_is_found() {
    let found_after = |sql: &str| {
        let (world, done) = with_entries(12).past_the_store(Guards::Dropped, sql);
        done.unwrap();
        let faults = world.store.read(audit::verify).unwrap().faults;
        faults.into_iter().filter(|fault| !matches!(fault, Fault::SchemaMissing { .. })).collect::<Vec<_>>()
    };
    let copied = "SELECT hash FROM audit_node WHERE seq = 2 AND level = 1";
    assert_eq!(
        found_after(&format!("UPDATE audit_node SET hash = ({copied}) WHERE seq = 8 AND level = 2")),
        [Fault::SubtreeChanged { seq: 8, entries: 4 }, Fault::SubtreeChanged { seq: 8, entries: 8 }]
    );
    assert_eq!(
        found_after("DELETE FROM audit_node WHERE seq = 4 AND level = 2"),
        [Fault::SubtreeMissing { seq: 4, entries: 4 }]
    );
    assert_eq!(
        found_after("INSERT INTO audit_node SELECT 5, 1, hash FROM audit_node WHERE seq = 2"),
        [Fault::SubtreeForeign { seq: 5, entries: 2 }]
    );
    // A leaf of another entry: its own body does not agree, nor does the tree.
    let leaf = "UPDATE audit SET leaf = (SELECT leaf FROM audit WHERE seq = 1) WHERE seq = 6";
    assert_eq!(found_after(leaf), [Fault::LeafChanged { seq: 6 }, Fault::SubtreeChanged { seq: 6, entries: 2 }]);
}

fn the_schema_refuses_to_change_a_subtree() {
    for (sql, says) in [
        ("UPDATE audit_node SET level = 9", "never changed"),
        ("DELETE FROM audit_node", "never deleted"),
        ("INSERT INTO audit_node SELECT 99, 1, hash FROM audit_node WHERE seq = 2", "foreign key"),
    ] {
        let (world, done) = with_entries(5).past_the_store(Guards::Kept, sql);
        let refusal = done.expect_err(sql);
        assert!(refusal.to_lowercase().contains(says), "{sql}: {refusal}");
        world.assert_sound();
    }
}

both_databases![
    every_size_has_its_root_and_every_entry_and_pair_of_sizes_its_proof,
    an_entry_that_is_not_kept_leaves_no_subtree,
    a_log_without_a_tree_gets_it_when_it_is_opened_also_where_that_was_interrupted,
    a_changed_missing_or_added_subtree_is_found,
    the_schema_refuses_to_change_a_subtree,
];
