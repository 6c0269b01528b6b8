//! A platform with rows in every audited table, for tests that change them.

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
    webhook::WebhookEvent,
};
use kilter_store::{
    account::{self, Account},
    audit::{self, AuditEvent},
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
    webhook,
};
use serde_json::json;

use crate::{
    shared::service,
    world::{World, churn, churn_endpoint, churn_model, draft, new_deployment, new_version},
};

/// Rows in every audited table, in states with every column set somewhere.
pub fn full() -> World {
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
    webhooks(&world);
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

fn webhooks(world: &World) {
    let wanted = webhook::Webhook {
        id: "w-1".to_owned(),
        name: "pager".parse().unwrap(),
        url: "https://pager.example/x".to_owned(),
        description: String::new(),
        events: vec![WebhookEvent::VersionCreated],
        state: webhook::WebhookState::Active,
        secret: Some("secret".to_owned()),
        created: Timestamp(0),
        updated: Timestamp(0),
    };
    world.act(38, move |audited| webhook::create(audited, &wanted).map(drop)).unwrap();
    world.act(39, |audited| webhook::change(audited, "w-1", |webhook| webhook.description = "d".to_owned())).unwrap();
}
