//! Contracts, datasets, tokens, signing keys, settings, leases.

use kilter_domain::{
    actor::{Actor, Role},
    digest::Digest,
    signing_key::{KeyPurpose, KeyState},
    time::{Span, Timestamp},
};
use kilter_store::{
    StoreError,
    actor::{self, NewToken},
    dataset::{self, DatasetVersion},
    lease,
    page::PageRequest,
    project, setting, signing_key,
};
use serde_json::json;

use crate::world::{World, churn};

fn a_contract_is_kept_with_the_time_since_when_it_holds() {
    let world = World::with_records();
    let put =
        |at, text: &'static str| world.act(at, move |audited| project::put_contract(audited, &churn(), text)).unwrap();
    assert_eq!(put(10, "a").number, 1);
    assert_eq!(put(20, "a").number, 1, "the text that holds already is no change");
    assert_eq!(put(30, "b").number, 2);
    assert_eq!(put(40, "a").number, 3, "going back is a change");
    let at = |at| {
        let found = world.store.read(|reader| project::contract_at(reader, &churn(), Timestamp(at))).unwrap();
        found.map(|contract| contract.text)
    };
    assert_eq!([9, 10, 30, 99].map(at), [None, Some("a".into()), Some("b".into()), Some("a".into())]);
    assert!(world.act(1, |audited| project::put_contract(audited, &"nobody".parse().unwrap(), "a")).is_err());
    world.assert_sound();
}

fn the_same_bytes_are_the_same_dataset_version() {
    let world = World::with_records();
    let version = |bytes: &str, seen| DatasetVersion {
        project: churn(),
        dataset: "customers".parse().unwrap(),
        digest: Digest::of(bytes.as_bytes()),
        rows: 10,
        bytes: 100,
        source: "data/customers.parquet".into(),
        schema: json!({"columns": []}),
        profile: json!({"rows": 10}),
        first_seen: Timestamp(seen),
    };
    let record = |version: DatasetVersion| world.write(move |tx| dataset::record(tx, &version)).unwrap();
    assert!(record(version("a", 1)));
    assert!(!record(version("a", 2)));
    assert!(record(version("b", 3)));
    let page = PageRequest::default();
    let list = world.store.read(|reader| dataset::list(reader, &churn(), None, &page)).unwrap();
    assert_eq!(list.items, [version("b", 3), version("a", 1)]);
    let huge = DatasetVersion { rows: u64::MAX, ..version("c", 4) };
    assert!(world.write(move |tx| dataset::record(tx, &huge)).is_err(), "past what a column can hold");
}

fn a_token_opens_until_it_expires_or_is_revoked() {
    let world = World::empty();
    let new = NewToken {
        id: "t-1".into(),
        hash: [7; 32],
        name: "ci".into(),
        actor: "svc:ci".parse::<Actor>().unwrap(),
        roles: vec![Role::Developer],
        expires: Some(Timestamp(100)),
    };
    let again = NewToken { id: "t-2".into(), ..new.clone() };
    world.act(1, move |audited| actor::create(audited, &new)).unwrap();
    assert!(matches!(world.act(1, move |audited| actor::create(audited, &again)), Err(StoreError::Conflict { .. })));
    world.write(|tx| actor::note_use(tx, "t-1", Timestamp(50))).unwrap();
    world.write(|tx| actor::note_use(tx, "t-1", Timestamp(40))).unwrap();
    let find = || world.store.read(|reader| actor::find_by_hash(reader, &[7; 32])).unwrap().unwrap();
    assert_eq!(find().last_used, Some(Timestamp(50)));
    assert_eq!([99, 100].map(|now| find().is_valid(Timestamp(now))), [true, false]);
    world.act(60, |audited| actor::revoke(audited, "t-1")).unwrap();
    assert!(!find().is_valid(Timestamp(61)));
    assert!(matches!(world.act(61, |audited| actor::revoke(audited, "t-1")), Err(StoreError::Conflict { .. })));
    assert_eq!(world.store.read(|reader| actor::find_by_hash(reader, &[8; 32])).unwrap(), None);
    world.assert_sound();
}

fn a_signing_key_is_registered_once_and_stays_revoked() {
    let world = World::empty();
    let id = "1f".repeat(32);
    let register = |at| {
        let id = id.clone();
        world.act(at, move |audited| signing_key::register(audited, &id, KeyPurpose::Package, "PEM")).unwrap()
    };
    assert_eq!(register(1), register(2), "one key, one row, one entry");
    let end = |at, state| {
        let id = id.clone();
        world.act(at, move |audited| signing_key::end(audited, &id, state))
    };
    assert_eq!(end(3, KeyState::Superseded).unwrap().ended, Some(Timestamp(3)));
    assert!(matches!(end(4, KeyState::Superseded), Err(StoreError::Conflict { .. })));
    let revoked = end(5, KeyState::Revoked).unwrap();
    assert!(revoked.ended == Some(Timestamp(5)) && !revoked.state.is_trusted());
    for state in [KeyState::Superseded, KeyState::Revoked] {
        assert!(matches!(end(6, state), Err(StoreError::Conflict { .. })), "a revoked key stays so");
    }
    assert_eq!(register(7).state, KeyState::Revoked, "registering it again changes nothing");
    assert_eq!(world.store.read(signing_key::list).unwrap(), [revoked]);
    let unknown = world.act(8, |audited| signing_key::end(audited, "x", KeyState::Revoked));
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
    world.assert_sound();
}

fn a_setting_that_is_set_to_what_it_is_makes_no_entry() {
    let world = World::empty();
    for at in [1, 2] {
        world.act(at, |audited| setting::put(audited, "telemetry", &json!(false))).unwrap();
    }
    world.act(3, |audited| setting::put(audited, "telemetry", &json!({"to": "otlp"}))).unwrap();
    let (size, found) = world
        .store
        .read(|reader| Ok((kilter_store::audit::size(reader)?, setting::find(reader, "telemetry")?)))
        .unwrap();
    assert_eq!((size, found.unwrap().since), (2, Timestamp(3)));
}

fn a_lease_has_one_holder_and_a_new_holder_a_new_term() {
    let world = World::empty();
    let take = |holder: &'static str, now| {
        world.write(move |tx| lease::acquire(tx, "retrain", holder, Timestamp(now), Span::seconds(10))).unwrap()
    };
    assert_eq!(take("a", 0).unwrap().term, 1);
    assert_eq!(take("b", 5_000), None);
    assert_eq!(take("a", 9_000).unwrap().term, 1, "renewed");
    assert_eq!(take("b", 18_999), None);
    assert_eq!(take("b", 19_000).unwrap().term, 2);
    assert_eq!(take("a", 19_001), None);
    world.write(|tx| lease::give_back(tx, "retrain", "a", Timestamp(19_002))).unwrap();
    assert_eq!(take("a", 19_003), None, "who does not hold it cannot give it back");
    world.write(|tx| lease::give_back(tx, "retrain", "b", Timestamp(19_004))).unwrap();
    assert_eq!(take("a", 19_004).unwrap().term, 3);
    assert_eq!(take("a", 99_000).unwrap().term, 4, "whoever let it run out may have been overtaken unseen");
}

both_databases![
    a_contract_is_kept_with_the_time_since_when_it_holds,
    the_same_bytes_are_the_same_dataset_version,
    a_token_opens_until_it_expires_or_is_revoked,
    a_signing_key_is_registered_once_and_stays_revoked,
    a_setting_that_is_set_to_what_it_is_makes_no_entry,
    a_lease_has_one_holder_and_a_new_holder_a_new_term,
];
