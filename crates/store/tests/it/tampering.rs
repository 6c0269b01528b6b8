//! Whatever is changed behind the back of the audit log is found: each audited table × each column × update, and each row
//! deleted or copied, by someone who drops the triggers first and puts them back.

use std::{fmt::Write as _, fs};

use kilter_domain::{
    actor::{Actor, Role},
    alert::{AlertDetail, AlertKey, AlertState, AlertTopic, MonitorKind},
    deployment::DeploymentState,
    digest::Digest,
    gate::{ApprovalConditions, Verdict},
    identity::TokenScope,
    model::VersionState,
    nonempty::NonEmpty,
    retrain_blocker::RetrainBlocker,
    rule::{MetricId, RuleOutcome, RuleVerdict},
    run::{Cause, RunState},
    signing_key::{KeyPurpose, KeyState},
    time::{Interval, Timestamp},
};
use kilter_store::{
    DATABASE_FILE, Store,
    account::{self, Account},
    audit::{self, AuditEvent, Verification},
    deployment::{
        self,
        break_glass::{self, BreakGlassState, NewBreakGlass},
    },
    gate::{
        self, Decision, NewApproval, NewVerdict,
        waiver::{self, NewWaiver},
    },
    model::{
        self,
        act::{self, ActKind, NewAct},
        alias, card,
    },
    monitor::{
        alert::{self, NewAlert},
        retrain::{self, NewDecision, RetrainOutcome},
        threshold,
    },
    package_signature,
    project::{
        self,
        proposal::{self, NewProposal, ProposalState},
    },
    run, setting, signing_key,
    token::{self, NewToken},
};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    shared::service,
    world::{World, churn, churn_endpoint, churn_model, draft, new_deployment, new_version, tamper},
};

/// Columns that move without an entry, and why nobody seals them.
const UNSEALED: &[(&str, &str, &str)] = &[
    ("alert", "windows", "counts windows while the state stays"),
    ("alert", "detail", "tells of the newest window while the state stays"),
    ("token", "last_used", "is noted once a minute"),
    ("run", "replica", "says whose process executes it, which its entry does not"),
    ("deployment", "replica", "says whose process was asked for it, which its entry does not"),
];

/// Rows in every audited table, in states with every column set somewhere.
fn full() -> World {
    let world = World::with_records();
    world.act(1, |audited| project::put_contract(audited, &churn(), "a = 1")).unwrap();
    world.act(2, |audited| project::put_contract(audited, &churn(), "a = 2")).unwrap();
    runs_and_versions(&world);
    world
        .act(20, |audited| {
            for (id, number) in [("d-1", 1), ("d-2", 2)] {
                deployment::request(audited, &new_deployment(id, number))?;
            }
            let advance = |id: &str, from, to| deployment::advance(audited, id, from, to).map(drop);
            advance("d-1", DeploymentState::Requested, DeploymentState::Live)?;
            advance("d-2", DeploymentState::Requested, DeploymentState::Canary { percent: 5 })
        })
        .unwrap();
    world
        .act(25, |audited| {
            deployment::advance(audited, "d-1", DeploymentState::Live, DeploymentState::Superseded)?;
            deployment::request(audited, &new_deployment("d-3", 1))
        })
        .unwrap();
    proposals_and_break_glasses(&world);
    monitors(&world);
    let token = |id: &str, byte| NewToken {
        id: id.into(),
        hash: [byte; 32],
        name: "ci".into(),
        actor: "svc:ci".parse::<Actor>().unwrap(),
        scope: TokenScope::default(),
        is_session: false,
        expires: Timestamp(100),
    };
    let (one, two) = (token("t-1", 1), token("t-2", 2));
    accounts(&world);
    world.act(40, move |audited| token::create(audited, &one).and_then(|_| token::create(audited, &two))).unwrap();
    world.act(41, |audited| token::revoke(audited, "t-1")).unwrap();
    for (at, value) in [(50, json!(1)), (51, json!({ "roles": ["owner"] }))] {
        world.act(at, move |audited| setting::put(audited, "telemetry", &value)).unwrap();
    }
    for (at, id) in [(55, "a"), (56, "b")] {
        let register = move |audited: &audit::AuditedTx<'_>| {
            signing_key::register(audited, &id.repeat(64), KeyPurpose::Package, "public").map(drop)
        };
        world.act(at, register).unwrap();
    }
    for bytes in ["a", "b"] {
        let put = move |audited: &audit::AuditedTx<'_>| {
            package_signature::put(audited, &Digest::of(bytes.as_bytes()), &"a".repeat(64), "{}")
        };
        world.act(56, put).unwrap();
    }
    world.act(57, |audited| signing_key::end(audited, &"a".repeat(64), KeyState::Superseded)).unwrap();
    world
        .store
        .write(|tx| {
            let result = tx.audited(AuditEvent { reason: Some("it is time".into()), ..draft(60, "setting") });
            setting::put(&result, "again", &json!(true))
        })
        .unwrap();
    world.assert_sound();
    world
}

fn accounts(world: &World) {
    let provider = Some(("https://login.example".to_owned(), "7".to_owned()));
    let person = Account {
        actor: "user:ana".parse().unwrap(),
        owner: None,
        password: Some("$argon2id$".into()),
        is_admin: true,
        provider,
        ..service("svc:ci")
    };
    world.act(38, |audited| account::create(audited, &service("svc:ci"))).unwrap();
    let person = world.act(38, move |audited| account::create(audited, &person)).unwrap();
    let disabled = Account { disabled: Some(Timestamp(39)), ..person };
    world.act(39, move |audited| account::change(audited, &disabled)).unwrap();
}

fn runs_and_versions(world: &World) {
    world
        .act(5, |audited| {
            run::advance(audited, "r-1", RunState::Queued, RunState::Running, None)?;
            run::advance(audited, "r-1", RunState::Running, RunState::Succeeded, Some(&json!({ "auc": 0.8 })))?;
            for bytes in ["a", "b"] {
                model::create(audited, &new_version(bytes))?;
            }
            model::advance(audited, &churn_model(), 1, VersionState::Draft, VersionState::Approved)
        })
        .unwrap();
    let outcome = outcome();
    let verdict = NewVerdict {
        model: churn_model(),
        number: 1,
        gate: "quality".parse().unwrap(),
        verdict: Verdict::of(NonEmpty::new(vec![outcome]).unwrap()),
        policy_digest: Digest::of(b"policy"),
    };
    world.act(10, move |audited| gate::record_verdict(audited, &verdict)).unwrap();
    for expires in [None, Some(Timestamp(99))] {
        let approval = NewApproval {
            model: churn_model(),
            number: 1,
            role: Role::Validator,
            decision: Decision::Approved,
            conditions: ApprovalConditions::default(),
            expires,
        };
        world.act(11, move |audited| gate::record_approval(audited, &approval)).unwrap();
    }
    for number in [1, 2] {
        world.act(12, move |audited| alias::point(audited, &churn_model(), "champion", number)).unwrap();
    }
    world.act(13, |audited| alias::point(audited, &churn_model(), "old", 1)).unwrap();
    world.act(14, |audited| alias::remove(audited, &churn_model(), "old")).unwrap();
    acts_and_waivers(world);
}

fn acts_and_waivers(world: &World) {
    let act = NewAct { model: churn_model(), number: 1, kind: ActKind::Submitted, document: json!({ "n": 1 }) };
    let behalf = AuditEvent { on_behalf: Some(Actor::user("ana").unwrap()), ..draft(15, "version.submit") };
    let again = act.clone();
    world.act(15, move |audited| act::record(audited, &act)).unwrap();
    world.store.write(move |tx| act::record(&tx.audited(behalf), &again)).unwrap();
    let parts = card::Parts::from([("limitations".to_owned(), "not for pricing".to_owned())]);
    world.act(16, move |audited| card::record(audited, &churn_model(), 1, &parts)).unwrap();
    for (id, number) in [("w-1", None), ("w-2", Some(1))] {
        let new = NewWaiver {
            id: id.into(),
            model: churn_model(),
            number,
            gate: "quality".parse().unwrap(),
            rule: "auc >= 0.82".into(),
            reason: "the pilot".into(),
            until: Timestamp(1000),
        };
        world.act(16, move |audited| waiver::grant(audited, &new)).unwrap();
    }
    world.act(17, |audited| waiver::revoke(audited, "w-1")).unwrap();
}

fn proposals_and_break_glasses(world: &World) {
    for (id, text) in [("p-1", "a = 3"), ("p-2", "a = 4")] {
        let new = NewProposal {
            id: id.into(),
            project: churn(),
            base: Digest::of(b"a = 2"),
            text: text.into(),
            changes: vec!["[gate.quality]: there is none".into()],
        };
        world.act(26, move |audited| proposal::propose(audited, &new)).unwrap();
    }
    world.act(27, |audited| proposal::decide(audited, "p-1", ProposalState::Rejected)).unwrap();
    for id in ["g-1", "g-2"] {
        let new = NewBreakGlass {
            id: id.into(),
            endpoint: churn_endpoint(),
            model: churn_model(),
            number: 1,
            reason: "a fraud wave".into(),
            due: Timestamp(1000),
        };
        world.act(28, move |audited| break_glass::record(audited, &new)).unwrap();
    }
    world.act(29, |audited| break_glass::review(audited, "g-1", BreakGlassState::Justified)).unwrap();
}

fn outcome() -> RuleOutcome {
    RuleOutcome::new("auc >= 0.82", MetricId::named("auc"), RuleVerdict::Passed, "auc is 0.84")
}

fn monitors(world: &World) {
    let pending = AlertState::Pending { breaches: 1 };
    let (firing, taken) = (AlertState::Firing { clean: 0 }, AlertState::Acknowledged { clean: 0 });
    for id in ["a-1", "a-2"] {
        let new = NewAlert {
            id: id.into(),
            key: AlertKey::new(churn_endpoint(), AlertTopic::UnknownClass(id.to_owned())),
            state: pending,
            detail: AlertDetail::new(Interval::new(Timestamp(0), Timestamp(1)), "a new class"),
        };
        world.act(30, move |audited| alert::open(audited, &new)).unwrap();
    }
    let muted = AlertState::Muted { until: Timestamp(500), clean: 0 };
    for (id, from, to) in [
        ("a-1", pending, firing),
        ("a-1", firing, taken),
        ("a-1", taken, AlertState::Resolved),
        ("a-2", pending, firing),
        ("a-2", firing, muted),
    ] {
        world.act(31, move |audited| alert::advance(audited, id, from, to, None)).unwrap();
    }
    for (at, high) in [(32, 0.2), (33, 0.25)] {
        let set = move |audited: &audit::AuditedTx<'_>| {
            threshold::set(audited, &churn(), "psi(*) < ?", (None, Some(high)), &json!({ "budget": at }))
        };
        world.act(at, set).unwrap();
    }
    for (outcome, run) in [(RetrainOutcome::Started, Some("r-1")), (RetrainOutcome::Skipped, None)] {
        let new = NewDecision {
            project: churn(),
            cause: Cause::Alert { id: "a-1".into(), monitor: MonitorKind::Drift },
            outcome,
            run: run.map(str::to_owned),
            blocker: (outcome == RetrainOutcome::Skipped).then_some(RetrainBlocker::CandidateInRollout { version: 2 }),
            reason: "psi(income) stayed above 0.2".into(),
        };
        world.act(34, move |audited| retrain::record(audited, &new)).unwrap();
    }
}

/// A file to tamper with again and again.
struct Victim {
    dir: tempfile::TempDir,
    sound: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let World { dir, store, .. } = full();
        drop(store);
        let sound = fs::read(dir.path().join(DATABASE_FILE)).unwrap();
        Self { dir, sound }
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        fs::write(self.dir.path().join(DATABASE_FILE), &self.sound).unwrap();
        let mut read = None;
        tamper(self.dir.path(), |connection| read = Some(work(connection)));
        read.unwrap()
    }

    /// What `verify` finds after `sql`, done by someone who drops all triggers first and makes them again afterwards.
    fn after(&self, sql: &str) -> Verification {
        self.read(|connection| {
            connection
                .execute_batch(
                    "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON",
                )
                .unwrap();
            let triggers = texts(connection, "SELECT name FROM sqlite_schema WHERE type = 'trigger'");
            let stated = texts(connection, "SELECT sql FROM sqlite_schema WHERE type = 'trigger'");
            triggers.iter().for_each(|name| connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
            connection.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
            stated.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
        });
        self.verify()
    }

    fn verify(&self) -> Verification {
        Store::open(self.dir.path()).unwrap().read(audit::verify).unwrap()
    }
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut prepared = connection.prepare(sql).unwrap();
    let rows = prepared.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A table whose rows name an entry: its columns with their types, and the conditions that find its rows.
type AuditedRows = (String, Vec<(String, String)>, Vec<String>);

/// Every one of them.
fn audited_tables(victim: &Victim) -> Vec<AuditedRows> {
    victim.read(|connection| {
        let named = "SELECT m.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
                     WHERE m.type = 'table' AND c.name = 'audit_seq'";
        let tables = texts(connection, named);
        let describe = |table: String| {
            let columns = texts(connection, &format!("SELECT name || ':' || type FROM pragma_table_info('{table}')"));
            let columns = columns.iter().map(|text| text.split_once(':').unwrap());
            let columns = columns.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
            let rows = texts(connection, &format!("SELECT 'audit_seq = ' || audit_seq FROM {table}"));
            assert!(!rows.is_empty(), "{table} has no row to tamper with");
            (table, columns, rows)
        };
        tables.into_iter().map(describe).collect()
    })
}

fn another(column: &str, kind: &str) -> String {
    match kind {
        "INTEGER" if column == "audit_seq" => "audit_seq + 1".to_owned(),
        "INTEGER" => format!("coalesce({column}, 0) + 1000"),
        "REAL" => format!("coalesce({column}, 0.0) + 0.5"),
        "BLOB" => "randomblob(32)".to_owned(),
        _ => format!("coalesce({column}, '') || 'x'"),
    }
}

#[test]
fn a_changed_column_of_any_row_is_found_with_its_table_its_row_and_what_the_entry_says() {
    let victim = Victim::new();
    let (mut tampers, mut missed) = (0, String::new());
    for (table, columns, rows) in audited_tables(&victim) {
        for (column, kind) in columns.iter().filter(|(column, _)| column != "key") {
            if UNSEALED.iter().any(|(of, unsealed, _)| *of == table && unsealed == column) {
                continue;
            }
            for row in &rows {
                let sql = format!("UPDATE {table} SET \"{column}\" = {} WHERE {row}", another(column, kind));
                let found = victim.after(&sql);
                tampers += 1;
                let result = found.faults.iter().map(ToString::to_string).collect::<Vec<_>>();
                let names = |text: &String| text.contains(&format!("`{table}`")) || text.contains(&object_of(&table));
                if !result.iter().any(names) {
                    writeln!(missed, "{sql}: {result:?}").unwrap();
                }
            }
        }
    }
    assert!(missed.is_empty(), "of {tampers} tampers these were missed:\n{missed}");
    assert!(tampers > 200, "{tampers}");
    println!("{tampers} changed columns, each found");
}

/// How the audit log names things of a table.
fn object_of(table: &str) -> String {
    match table {
        "model_version" => "version:".to_owned(),
        table => format!("{table}:"),
    }
}

#[test]
fn a_row_that_is_deleted_or_copied_is_found() {
    let victim = Victim::new();
    let (mut tampers, mut missed) = (0, String::new());
    for (table, columns, rows) in audited_tables(&victim) {
        for row in &rows {
            // A copy under a key and names of its own, that claims the same entry.
            let copied = columns.iter().map(|(column, _)| match column.as_str() {
                "key" => "NULL".to_owned(),
                "id" | "name" => format!("{column} || '-copy'"),
                "actor" | "subject" if table == "account" => format!("{column} || '-copy'"),
                "hash" => "randomblob(32)".to_owned(),
                "digest" if table == "package_signature" => "lower(hex(randomblob(32)))".to_owned(),
                "number" if ["contract", "model_version"].contains(&table.as_str()) => "number + 100".to_owned(),
                "until" => "coalesce(until, since)".to_owned(),
                "state" if table == "deployment" || table == "alert" => "'resolved'".to_owned(),
                column => format!("\"{column}\""),
            });
            let copied: Vec<String> = copied.collect();
            let copy = format!("INSERT INTO {table} SELECT {} FROM {table} WHERE {row}", copied.join(", "));
            for sql in [format!("DELETE FROM {table} WHERE {row}"), copy] {
                let found = victim.after(&sql);
                tampers += 1;
                let result: Vec<String> = found.faults.iter().map(ToString::to_string).collect();
                let names = |text: &String| text.contains(&format!("`{table}`")) || text.contains(&object_of(&table));
                if !result.iter().any(names) {
                    writeln!(missed, "{sql}: {result:?}").unwrap();
                }
            }
        }
    }
    assert!(missed.is_empty(), "of {tampers} tampers these were missed:\n{missed}");
    println!("{tampers} deleted and copied rows, each found");
}

#[test]
fn a_changed_deleted_or_added_entry_is_found() {
    let victim = Victim::new();
    let last: i64 = victim.read(|db| db.query_row("SELECT max(seq) FROM audit", [], |row| row.get(0)).unwrap());
    let columns = [
        "at",
        "actor",
        "actor_kind",
        "on_behalf",
        "action",
        "object",
        "object_digest",
        "outcome",
        "reason_hash",
        "before",
        "after",
        "evidence",
        "body",
        "leaf",
    ];
    let mut missed = String::new();
    for seq in [1, last / 2, last] {
        for column in columns {
            let value = match column {
                "at" => "at + 1".to_owned(),
                "leaf" => "randomblob(32)".to_owned(),
                "body" => "CAST(body || x'20' AS BLOB)".to_owned(),
                "evidence" => "'[\"x\"]'".to_owned(),
                _ => format!("coalesce({column}, '') || 'x'"),
            };
            let sql = format!("UPDATE audit SET {column} = {value} WHERE seq = {seq}");
            if victim.after(&sql).is_sound() {
                writeln!(missed, "{sql}").unwrap();
            }
        }
        for sql in [
            format!("DELETE FROM audit WHERE seq = {seq}"),
            format!(
                "INSERT INTO audit SELECT {} + 1, at, actor, actor_kind, on_behalf, action, object, object_digest, outcome,
                 reason_hash, before, after, evidence, body, leaf FROM audit WHERE seq = {seq}",
                last
            ),
        ] {
            if victim.after(&sql).is_sound() {
                writeln!(missed, "{sql}").unwrap();
            }
        }
    }
    for sql in [
        "UPDATE audit_reason SET text = 'another'",
        "UPDATE audit_reason SET salt = randomblob(16)",
        "DELETE FROM audit_reason",
        "INSERT INTO audit_reason VALUES (1, randomblob(16), 'reason')",
    ] {
        if victim.after(sql).is_sound() {
            writeln!(missed, "{sql}").unwrap();
        }
    }
    assert!(missed.is_empty(), "missed:\n{missed}");
    assert!(victim.after("SELECT 1").is_sound(), "nothing was done");
}

#[test]
fn a_trigger_an_index_or_a_table_that_is_gone_changed_or_foreign_is_found_by_its_name() {
    let victim = Victim::new();
    let made = victim.read(|connection| {
        texts(
            connection,
            "SELECT type || ' ' || name FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL",
        )
    });
    assert!(made.len() > 40, "{made:?}");
    for what in &made {
        victim.read(|connection| connection.execute_batch(&format!("DROP {what}")).unwrap());
        let result = victim.verify().faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(result, [format!("the {what} is gone from the schema: what it guards can be changed unseen")]);
    }
    victim.read(|connection| {
        connection
            .execute_batch(
                "DROP TRIGGER an_entry_is_never_deleted;
                 CREATE TRIGGER an_entry_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT 1; END;
                 CREATE TRIGGER helpful AFTER INSERT ON approval BEGIN SELECT 1; END;",
            )
            .unwrap();
    });
    let result = victim.verify().faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        result,
        [
            "the trigger an_entry_is_never_deleted of the schema is not the one of this program",
            "the trigger helpful of the schema is not from this program",
        ]
    );
}

#[test]
fn what_differs_is_named_with_what_the_entry_says() {
    let victim = Victim::new();
    let result = |sql: &str| victim.after(sql).faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let approval = result("UPDATE approval SET by = 'user:eve', expires = NULL WHERE expires = 99");
    assert!(
        approval.len() == 1
            && approval[0].starts_with("table `approval`, approval:churn/1: `by`, `expires` are not what entry"),
        "{approval:?}"
    );
    assert!(approval[0].contains("(test by user:ana at 1970-01-01T00:00:00.011Z, approved)"), "{approval:?}");
    let deployment = result("UPDATE deployment SET number = 2 WHERE id = 'd-1'");
    assert!(deployment[0].contains("deployment:d-1: `number` is not what entry"), "{deployment:?}");
    assert!(deployment[0].contains("live to superseded"), "{deployment:?}");
}
