//! Contracts, datasets, tokens, signing keys, settings, leases.

use kilter_domain::{
    actor::Actor,
    digest::Digest,
    identity::TokenScope,
    signing_key::{KeyPurpose, KeyState},
    time::{Span, Timestamp},
};
use kilter_store::{
    StoreError,
    account::{self, Account},
    dataset::{self, DatasetVersion},
    lease, package_signature,
    page::PageRequest,
    project, setting, signing_key,
    token::{self, NewToken},
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

pub(crate) fn service(name: &str) -> Account {
    Account {
        actor: name.parse().unwrap(),
        owner: Some("user:ana".parse().unwrap()),
        password: None,
        groups: vec!["ds".into()],
        is_admin: false,
        provider: None,
        created: Timestamp(0),
        disabled: None,
        audit_seq: 0,
    }
}

fn a_token_opens_until_it_expires_or_is_revoked() {
    let world = World::empty();
    let new = NewToken {
        id: "t-1".into(),
        hash: [7; 32],
        name: "ci".into(),
        actor: "svc:ci".parse::<Actor>().unwrap(),
        scope: TokenScope::default(),
        is_session: false,
        expires: Timestamp(100),
    };
    let again = NewToken { id: "t-2".into(), ..new.clone() };
    let orphan = new.clone();
    assert!(world.act(1, move |audited| token::create(audited, &orphan)).is_err(), "a token belongs to an account");
    world.act(1, |audited| account::create(audited, &service("svc:ci"))).unwrap();
    world.act(1, move |audited| token::create(audited, &new)).unwrap();
    assert!(matches!(world.act(1, move |audited| token::create(audited, &again)), Err(StoreError::Conflict { .. })));
    world.write(|tx| token::note_use(tx, "t-1", Timestamp(50))).unwrap();
    world.write(|tx| token::note_use(tx, "t-1", Timestamp(40))).unwrap();
    assert_eq!(world.store.read(|reader| token::get(reader, "t-1")).unwrap().last_used, Some(Timestamp(50)));
    let usable = || world.store.read(token::usable).unwrap().len();
    assert_eq!(usable(), 1);
    let (later, week) = (Timestamp(8 * 24 * 3_600_000), Timestamp(6 * 24 * 3_600_000));
    world.act(week.millis(), |audited| setting::put(audited, "a", &json!(1))).unwrap();
    assert_eq!(usable(), 1, "one that expired lately is still known by its name");
    world.act(later.millis(), |audited| setting::put(audited, "a", &json!(2))).unwrap();
    assert_eq!(usable(), 0);
    world.act(60, |audited| token::revoke(audited, "t-1")).unwrap();
    assert!(world.store.read(token::is_any).unwrap(), "what was ever there counts");
    assert!(matches!(world.act(61, |audited| token::revoke(audited, "t-1")), Err(StoreError::Conflict { .. })));
    let of = |who: &str| {
        let (who, page) = (who.parse().unwrap(), PageRequest::first(9));
        world.store.read(|reader| token::list(reader, Some(&who), &page)).unwrap().items.len()
    };
    assert_eq!((of("svc:ci"), of("svc:other")), (1, 0));
    world.assert_sound();
}

fn an_account_that_changed_meanwhile_is_not_overwritten() {
    let world = World::empty();
    let made = world.act(1, |audited| account::create(audited, &service("svc:ci"))).unwrap();
    assert!(matches!(
        world.act(1, |audited| account::create(audited, &service("svc:ci"))),
        Err(StoreError::Conflict { .. })
    ));
    let disabled = Account { disabled: Some(Timestamp(2)), ..made.clone() };
    let as_it_was = made.clone();
    let same = world.act(2, move |audited| account::change(audited, &as_it_was)).unwrap();
    assert_eq!(same.audit_seq, made.audit_seq, "what is as it was makes no entry");
    world.act(2, move |audited| account::change(audited, &disabled)).unwrap();
    let late = Account { groups: vec![], ..made };
    assert!(matches!(world.act(3, move |audited| account::change(audited, &late)), Err(StoreError::Moved { .. })));
    let mut last = world.store.read(account::all).unwrap().remove(0);
    for (groups, password) in [(vec!["a".to_owned()], None), (vec![], None), (vec![], Some("x".to_owned()))] {
        let wanted = Account { groups, password, ..last };
        last = world.act(4, move |audited| account::change(audited, &wanted)).unwrap();
        world.assert_sound();
    }
    let wanted = Account { groups: vec!["ds".into()], ..last };
    world.act(5, move |audited| account::change(audited, &wanted)).unwrap();
    let found = world.store.read(account::all).unwrap();
    assert_eq!((found.len(), found[0].disabled, found[0].groups.clone()), (1, Some(Timestamp(2)), vec!["ds".into()]));
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
    let sign = |at, bundle: &'static str| {
        let id = id.clone();
        world.act(at, move |audited| package_signature::put(audited, &Digest::of(b"p"), &id, bundle)).unwrap();
    };
    sign(6, "{}");
    sign(7, "[]");
    let kept = world.store.read(|reader| package_signature::list(reader, &Digest::of(b"p"))).unwrap();
    assert_eq!((kept.len(), kept[0].bundle.as_str()), (1, "{}"), "a key signs a package once");
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
    an_account_that_changed_meanwhile_is_not_overwritten,
    a_setting_that_is_set_to_what_it_is_makes_no_entry,
    a_lease_has_one_holder_and_a_new_holder_a_new_term,
];
