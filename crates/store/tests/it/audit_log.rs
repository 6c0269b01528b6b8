//! No change without its entry, no entry without its change, and no rewriting of either unseen.

use kilter_domain::{model::VersionState, run::RunState};
use kilter_store::{
    StoreError,
    audit::{self, AuditEvent, Fault, Outcome},
    model,
    page::PageRequest,
    project, run,
};

use crate::world::{Guards, World, churn_model, draft, new_run, new_version};

fn every_change_has_its_entry_with_what_was_before_and_after() {
    let world = World::with_records();
    world
        .act(5, |audited| {
            run::advance(audited, "r-1", RunState::Queued, RunState::Running, None)?;
            run::advance(audited, "r-1", RunState::Running, RunState::Succeeded, None)
        })
        .unwrap();
    let entries = world.store.read(|reader| audit::list_of_object(reader, "run:r-1", &PageRequest::first(10))).unwrap();
    let moves: Vec<_> = entries
        .items
        .iter()
        .rev()
        .map(|record| (record.entry.before.as_deref(), record.entry.after.as_deref()))
        .collect();
    assert_eq!(
        moves,
        [(None, Some("queued")), (Some("queued"), Some("running")), (Some("running"), Some("succeeded"))]
    );
    world.assert_sound();
}

fn sequence_numbers_have_no_gaps_whatever_was_rolled_back() {
    let world = World::with_records();
    for place in 0..30 {
        let _ = world.act(place, move |audited| {
            run::create(audited, &new_run(&format!("x-{place}")))?;
            if place % 2 == 0 { Err(StoreError::Closed) } else { Ok(()) }
        });
    }
    let entries = world.store.read(|reader| audit::list(reader, &PageRequest::first(1000))).unwrap().items;
    let numbers: Vec<u64> = entries.iter().rev().map(|record| record.entry.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert_eq!(numbers.len(), 4 + 15);
}

fn an_action_that_was_denied_is_in_the_audit_log_too() {
    let world = World::with_records();
    let reason = Some("ana is the author".to_owned());
    let seq = world
        .store
        .write(|tx| {
            let audited = tx.audited(AuditEvent { reason, ..draft(9, "version.approve") });
            audited.record_refusal("version:churn/1", Outcome::Denied)
        })
        .unwrap();
    let record = world.store.read(|reader| audit::find(reader, seq)).unwrap().unwrap();
    assert_eq!((record.entry.outcome, record.reason.as_deref()), (Outcome::Denied, Some("ana is the author")));
    assert!(world.act(9, |audited| audited.record_refusal("version:churn/1", Outcome::Done)).is_err());
    world.assert_sound();
}

fn a_reason_can_be_erased_and_the_audit_log_still_verifies() {
    let world = World::empty();
    world
        .store
        .write(|tx| {
            let audited = tx.audited(AuditEvent { reason: Some("Mr Smith complained".into()), ..draft(1, "register") });
            project::register(&audited, &"churn".parse().unwrap())
        })
        .unwrap();
    world.act(2, |audited| audit::erase_reason(audited, 1)).unwrap();
    let record = world.store.read(|reader| audit::find(reader, 1)).unwrap().unwrap();
    assert_eq!(record.reason, None);
    assert!(record.entry.reason_hash.is_some());
    assert!(!String::from_utf8_lossy(&record.body).contains("Smith"));
    let found = world.store.read(audit::verify).unwrap();
    assert_eq!((found.is_sound(), found.erased_reasons, found.entries), (true, 1, 2));
    assert!(matches!(world.act(3, |audited| audit::erase_reason(audited, 1)), Err(StoreError::NotFound { .. })));
}

fn what_has_ended_stays_ended_even_when_someone_forgets_to_ask_the_life() {
    let world = World::with_records();
    world
        .act(1, |audited| {
            model::create(audited, &new_version("a"))?;
            model::advance(audited, &churn_model(), 1, VersionState::Draft, VersionState::Revoked)?;
            run::advance(audited, "r-1", RunState::Queued, RunState::Cancelled, None)
        })
        .unwrap();
    let revived = world
        .act(2, |audited| model::advance(audited, &churn_model(), 1, VersionState::Revoked, VersionState::Approved));
    assert!(revived.unwrap_err().to_string().contains("a retired or revoked version stays so"));
    let rerun = world.act(2, |audited| run::advance(audited, "r-1", RunState::Cancelled, RunState::Running, None));
    assert!(rerun.unwrap_err().to_string().contains("what has ended stays so; start a new run"));
    world.assert_sound();
}

fn a_draft_that_could_fill_the_disk_is_refused() {
    let world = World::empty();
    let refused = |draft: AuditEvent| {
        let outcome = world.store.write(|tx| project::register(&tx.audited(draft), &"churn".parse().unwrap()));
        assert!(matches!(outcome, Err(StoreError::Invalid { .. })));
    };
    refused(AuditEvent { reason: Some("x".repeat(17 * 1024)), ..draft(0, "register") });
    refused(AuditEvent { evidence: vec![String::new(); 1001], ..draft(0, "register") });
    refused(draft(i64::MAX, "register"));
    assert_eq!(world.store.read(audit::size).unwrap(), 0);
}

/// SQL that goes round the code, on the connection of an attacker who keeps the triggers.
fn refused_by_the_schema(sql: &str) -> String {
    let world = World::with_records();
    world.act(1, |audited| model::create(audited, &new_version("a"))).unwrap();
    let (world, done) = world.past_the_store(Guards::Kept, sql);
    world.assert_sound();
    done.expect_err(sql)
}

fn the_schema_refuses_what_goes_round_the_code() {
    for (sql, says) in [
        ("UPDATE audit SET actor = 'user:eve' WHERE seq = 1", "never changed"),
        ("DELETE FROM audit WHERE seq = 1", "never deleted"),
        ("INSERT INTO audit SELECT 99, at, actor, actor_kind, on_behalf, action, object, object_digest, outcome,
          reason_hash, before, after, evidence, body, leaf FROM audit WHERE seq = 1", "no gaps"),
        ("UPDATE model_version SET state = 'approved'", "only with its audit entry"),
        ("UPDATE model_version SET state = 'approved', audit_seq = 1", "only with its audit entry"),
        ("UPDATE model_version SET state = 'approved', audit_seq = audit_seq + 1", "only with its audit entry"),
        ("UPDATE model_version SET digest = 'x'", "never edited"),
        ("UPDATE model_version SET policy = 'rules = []'", "never edited"),
        ("DELETE FROM model_version", "never deleted"),
        ("INSERT INTO model_version SELECT 9, model, 1, state, run, makers, digest, signature, policy, policy_digest, metrics,
          created, audit_seq FROM model_version", "unique"),
        ("UPDATE registered_model SET last_number = 2;
          INSERT INTO model_version SELECT 9, model, 1, state, run, makers, digest, signature, policy, policy_digest, metrics,
          created, audit_seq FROM model_version", "gaps"),
        ("UPDATE registered_model SET last_number = 2;
          INSERT INTO model_version SELECT 9, model, 2, state, run, makers, digest, signature, policy, policy_digest, metrics,
          created, audit_seq FROM model_version", "with its audit entry"),
        ("UPDATE registered_model SET last_number = 3", "given once"),
        ("UPDATE run SET state = 'succeeded'", "only with its audit entry"),
        ("UPDATE run SET cause = '{}'", "keeps its id"),
        ("UPDATE contract SET text = ''; DELETE FROM project", "foreign key"),
    ] {
        let refusal = refused_by_the_schema(sql);
        assert!(refusal.to_lowercase().contains(says), "{sql}: {refusal}");
    }
}

#[test]
fn an_entry_is_not_replaced_past_the_trigger_that_forbids_it_to_be_deleted() {
    let refusal = refused_by_the_schema("REPLACE INTO audit SELECT * FROM audit WHERE seq = 1");
    assert!(refusal.contains("no gaps"), "{refusal}");
}

/// What `verify` finds after someone who removed the triggers did `sql`.
fn found_after(sql: &str) -> Vec<Fault> {
    let world = World::with_records();
    world
        .store
        .write(|tx| {
            let audited = tx.audited(AuditEvent { reason: Some("it is time".into()), ..draft(1, "version.create") });
            model::create(&audited, &new_version("a"))?;
            model::advance(&audited, &churn_model(), 1, VersionState::Draft, VersionState::Candidate)
        })
        .unwrap();
    world.assert_sound();
    let (world, done) = world.past_the_store(Guards::Dropped, sql);
    done.unwrap();
    let faults = world.store.read(audit::verify).unwrap().faults;
    let (guards, faults): (Vec<_>, Vec<_>) =
        faults.into_iter().partition(|fault| matches!(fault, Fault::SchemaMissing { .. }));
    assert!(guards.len() > 20, "that the triggers are gone is told: {guards:?}");
    faults
}

#[test]
fn verification_names_what_was_tampered_with() {
    for column in ["actor = 'user:eve'", "actor_kind = 'system'", "at = at + 1", "evidence = '[\"x\"]'"] {
        let sql = format!("UPDATE audit SET {column} WHERE seq = 2");
        assert_eq!(found_after(&sql), [Fault::ColumnsChanged { seq: 2 }], "{column}");
    }
    assert_eq!(
        found_after("UPDATE audit SET body = CAST(replace(CAST(body AS TEXT), 'ana', 'eve') AS BLOB) WHERE seq = 2"),
        [Fault::ColumnsChanged { seq: 2 }, Fault::LeafChanged { seq: 2 }]
    );
    assert_eq!(
        found_after("UPDATE audit SET leaf = zeroblob(32) WHERE seq = 2"),
        [Fault::LeafChanged { seq: 2 }, Fault::SubtreeChanged { seq: 2, entries: 2 }]
    );
    assert_eq!(
        found_after("UPDATE audit_reason SET text = 'it was not' WHERE seq = 5"),
        [Fault::ReasonChanged { seq: 5 }]
    );
    assert_eq!(
        found_after("DELETE FROM audit WHERE seq = 2"),
        [
            Fault::Gap { expected: 2, found: 3 },
            Fault::RowWithoutEntry { table: "model", object: "model:churn".into(), seq: 2 }
        ]
    );
}

fn verification_names_states_and_entries_that_lost_each_other() {
    let version = || "version:churn/1".to_owned();
    assert_eq!(
        found_after("UPDATE model_version SET state = 'approved'"),
        [Fault::StateWithoutEntry { object: version(), state: "approved".into(), seq: 6 }]
    );
    assert_eq!(
        found_after("UPDATE model_version SET state = 'draft', audit_seq = 5"),
        [Fault::StateWithoutEntry { object: version(), state: "draft".into(), seq: 5 }]
    );
    assert_eq!(found_after("DELETE FROM model_version"), [Fault::EntryWithoutChange { seq: 5, object: version() }]);
    assert_eq!(
        found_after("DELETE FROM audit WHERE seq = 6"),
        [
            Fault::EntriesRemoved { last: 5, seq: 6 },
            Fault::StateWithoutEntry { object: version(), state: "candidate".into(), seq: 6 }
        ]
    );
}

both_databases![
    every_change_has_its_entry_with_what_was_before_and_after,
    sequence_numbers_have_no_gaps_whatever_was_rolled_back,
    an_action_that_was_denied_is_in_the_audit_log_too,
    a_reason_can_be_erased_and_the_audit_log_still_verifies,
    what_has_ended_stays_ended_even_when_someone_forgets_to_ask_the_life,
    a_draft_that_could_fill_the_disk_is_refused,
    the_schema_refuses_what_goes_round_the_code,
    verification_names_states_and_entries_that_lost_each_other,
];
