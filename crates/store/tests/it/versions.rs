//! Versions, verdicts, approvals, names.

use kilter_domain::{
    actor::Role,
    digest::Digest,
    gate::Verdict,
    model::VersionState,
    nonempty::NonEmpty,
    rule::{Limits, Measurement, MetricId, RuleOutcome, RuleVerdict, Undecided},
    time::Timestamp,
};
use kilter_store::{
    StoreError,
    gate::{self, Decision, NewApproval, NewVerdict},
    model::{self, alias},
    page::PageRequest,
};

use crate::world::{World, churn, churn_model, new_version};

fn a_version_begins_as_a_draft_under_the_next_number() {
    let world = World::with_records();
    for number in 1..=5 {
        let version =
            world.act(number.into(), move |audited| model::create(audited, &new_version(&number.to_string())));
        let version = version.unwrap();
        assert_eq!((version.number, version.state), (number, VersionState::Draft));
        assert_eq!(version.policy_digest, Digest::of(version.policy.as_bytes()));
    }
    world.assert_sound();
}

fn numbers_stay_gapless_when_a_draft_is_rolled_back() {
    let world = World::with_records();
    let _ = world.act(1, |audited| {
        model::create(audited, &new_version("lost"))?;
        Err::<(), _>(StoreError::Closed)
    });
    assert_eq!(world.act(2, |audited| model::create(audited, &new_version("kept"))).unwrap().number, 1);
}

fn a_version_that_moved_meanwhile_is_not_moved_again() {
    let world = World::with_records();
    let advance = |from, to| world.act(3, move |audited| model::advance(audited, &churn_model(), 1, from, to));
    world.act(1, |audited| model::create(audited, &new_version("a"))).unwrap();
    advance(VersionState::Draft, VersionState::Candidate).unwrap();
    let error = advance(VersionState::Draft, VersionState::Candidate).unwrap_err();
    assert_eq!(error.to_string(), "version:churn/1 is candidate, not draft: read it again and decide anew");
    world.assert_sound();
}

fn what_does_not_exist_is_named() {
    let world = World::with_records();
    let error = world
        .act(1, |audited| model::advance(audited, &churn_model(), 7, VersionState::Draft, VersionState::Candidate))
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no version `churn/7`");
    let mut orphan = new_version("a");
    orphan.model = "unheard-of".parse().unwrap();
    assert!(matches!(
        world.act(1, move |a| model::create(a, &orphan)),
        Err(StoreError::NotFound { what: "model", .. })
    ));
    let mut runless = new_version("a");
    runless.run = Some("no-such-run".into());
    assert!(matches!(world.act(1, move |a| model::create(a, &runless)), Err(StoreError::Conflict { .. })));
    world.assert_sound();
}

fn a_model_belongs_to_one_project() {
    let world = World::with_records();
    let other = "other".parse().unwrap();
    world.act(1, move |audited| kilter_store::project::register(audited, &other)).unwrap();
    world.act(1, |audited| model::register(audited, &churn_model(), &churn())).unwrap();
    let error =
        world.act(1, |audited| model::register(audited, &churn_model(), &"other".parse().unwrap())).unwrap_err();
    assert!(error.to_string().contains("belongs to project `churn`"), "{error}");
}

fn the_last_verdict_of_each_gate_stands_and_the_others_are_kept() {
    let world = World::with_records();
    world.act(1, |audited| model::create(audited, &new_version("a"))).unwrap();
    let judge = |at: i64, gate: &str, rule: RuleVerdict| {
        let new = NewVerdict {
            model: churn_model(),
            number: 1,
            gate: gate.parse().unwrap(),
            verdict: Verdict::of(NonEmpty::new(vec![outcome(rule)]).unwrap()),
            policy_digest: Digest::of(b"policy"),
        };
        world.act(at, move |audited| gate::record_verdict(audited, &new)).unwrap();
    };
    judge(1, "quality", RuleVerdict::Undecided(Undecided::NearLimit));
    judge(2, "fairness", RuleVerdict::Passed);
    judge(3, "quality", RuleVerdict::Failed);
    let standing = world.store.read(|reader| gate::standing_verdicts(reader, &churn_model(), 1)).unwrap();
    let words: Vec<_> = standing.iter().map(|one| (one.gate.as_str(), one.verdict.as_str())).collect();
    assert_eq!(words, [("fairness", "passed"), ("quality", "failed")]);
    assert_eq!(standing[1].verdict.reasons(), ["auc is 0.8, it must be at least 0.82"], "with its evidence");
    let all =
        world.store.read(|reader| gate::list_verdicts(reader, &churn_model(), 1, &PageRequest::default())).unwrap();
    assert_eq!(all.items.len(), 3);
    world.assert_sound();
}

fn an_approval_names_who_in_which_role_until_when() {
    let world = World::with_records();
    world.act(1, |audited| model::create(audited, &new_version("a"))).unwrap();
    let new = NewApproval {
        model: churn_model(),
        number: 1,
        role: Role::Validator,
        decision: Decision::Approved,
        conditions: kilter_domain::gate::ApprovalConditions { max_traffic_percent: Some(25), until: None },
        expires: Some(Timestamp(99)),
    };
    let recorded = new.clone();
    world.act(2, move |audited| gate::record_approval(audited, &recorded)).unwrap();
    let page = PageRequest::default();
    let found = world.store.read(|reader| gate::list_approvals(reader, &churn_model(), 1, &page)).unwrap().items;
    assert_eq!((found[0].by.to_string(), found[0].role, found[0].expires), ("user:ana".into(), new.role, new.expires));
    assert!(world.act(3, move |audited| gate::record_approval(audited, &NewApproval { number: 9, ..new })).is_err());
    approvals_end(&world);
    world.assert_sound();
}

/// An approval counts while its version is approved; what was made from a revoked version is found.
fn approvals_end(world: &World) {
    let ends = |at| {
        let read = world.store.read(|reader| {
            let at = Timestamp(at);
            let expired = gate::expired(reader, &churn_model(), at, u32::MAX)?;
            Ok((expired, gate::next_expiry(reader, &churn_model(), at)?))
        });
        let (expired, next): (Vec<gate::ExpiredApproval>, _) = read.unwrap();
        (expired.iter().map(|one| (one.number, one.ended.millis())).collect::<Vec<_>>(), next)
    };
    assert_eq!(ends(50), (vec![], None), "a draft has no approval that could end");
    let advance = |at, number, from, to| {
        world.act(at, move |audited| model::advance(audited, &churn_model(), number, from, to)).unwrap();
    };
    advance(4, 1, VersionState::Draft, VersionState::Approved);
    assert_eq!(ends(50), (vec![], Some(Timestamp(99))));
    assert_eq!(ends(99), (vec![(1, 99)], None));
    let below =
        |number| world.store.read(|reader| gate::expired(reader, &churn_model(), Timestamp(99), number)).unwrap();
    assert_eq!((below(2).len(), below(1).len()), (1, 0));
    world.act(5, |audited| model::create(audited, &new_version("b"))).unwrap();
    advance(6, 2, VersionState::Draft, VersionState::Approved);
    let made = || world.store.read(|reader| model::made_from_revoked(reader, &churn_model())).unwrap();
    assert_eq!(made(), []);
    advance(7, 1, VersionState::Approved, VersionState::Revoked);
    assert_eq!(made(), [(2, 1)]);
    let others = |policy: &str| {
        let policy = Digest::of(policy.as_bytes());
        world.store.read(|reader| model::of_other_policy(reader, &churn_model(), &policy, u32::MAX)).unwrap()
    };
    assert_eq!(others(&new_version("b").policy), [0; 0]);
    assert_eq!(others("another"), [2]);
    let open = || {
        let read = |reader: &_| gate::approved_with_open_rules(reader, &churn_model(), u32::MAX);
        world.store.read(read).unwrap().iter().map(|one| one.number).collect::<Vec<_>>()
    };
    assert_eq!(open(), [0; 0]);
    let judge = |at, verdict| {
        let new = NewVerdict {
            model: churn_model(),
            number: 2,
            gate: "late".parse().unwrap(),
            verdict: Verdict::of(NonEmpty::one(outcome(verdict))),
            policy_digest: Digest::of(b"p"),
        };
        world.act(at, move |audited| gate::record_verdict(audited, &new)).unwrap();
    };
    judge(8, RuleVerdict::Failed);
    assert_eq!(open(), [2], "it is approved and failed a gate");
    judge(9, RuleVerdict::Passed);
    assert_eq!(open(), [0; 0], "the last word of a gate counts");
}

fn outcome(verdict: RuleVerdict) -> RuleOutcome {
    let limits = Limits { low: Some(0.82), high: None };
    let text = "auc is 0.8, it must be at least 0.82";
    RuleOutcome { limits, ..RuleOutcome::new("auc >= 0.82", MetricId::named("auc"), verdict, text) }
}

fn a_verdict_with_an_unbounded_interval_reads_back_as_it_was() {
    let world = World::with_records();
    world.act(1, |audited| model::create(audited, &new_version("a"))).unwrap();
    let unbounded = Measurement {
        value: 0.8,
        whole: None,
        interval: Some((0.7, f64::INFINITY)),
        count: 5,
        estimated: false,
        note: None,
    };
    let rule = RuleOutcome { measured: Some(unbounded), ..outcome(RuleVerdict::Passed) };
    let new = NewVerdict {
        model: churn_model(),
        number: 1,
        gate: "quality".parse().unwrap(),
        verdict: Verdict::of(NonEmpty::one(rule)),
        policy_digest: Digest::of(b"policy"),
    };
    let recorded = new.clone();
    world.act(2, move |audited| gate::record_verdict(audited, &recorded)).unwrap();
    let found = world.store.read(|reader| gate::standing_verdicts(reader, &churn_model(), 1)).unwrap();
    assert_eq!(found[0].verdict, new.verdict);
}

fn champion_at(world: &World, at: i64) -> Option<u32> {
    let tenure = world.store.read(|reader| alias::at(reader, &churn_model(), "champion", Timestamp(at))).unwrap();
    tenure.map(|tenure| tenure.number)
}

fn point(world: &World, at: i64, number: u32) {
    world.act(at, move |audited| alias::point(audited, &churn_model(), "champion", number)).unwrap();
}

fn who_was_champion_at_any_time_is_known() {
    let world = World::with_records();
    for bytes in ["a", "b"] {
        world.act(1, move |audited| model::create(audited, &new_version(bytes))).unwrap();
    }
    point(&world, 10, 1);
    point(&world, 20, 2);
    point(&world, 20, 2);
    world.act(30, |audited| alias::remove(audited, &churn_model(), "champion")).unwrap();
    point(&world, 40, 1);
    let seen: Vec<_> = [5, 10, 19, 20, 29, 30, 39, 40, 1_000_000].map(|at| champion_at(&world, at)).to_vec();
    assert_eq!(seen, [None, Some(1), Some(1), Some(2), Some(2), None, None, Some(1), Some(1)]);
    let page = PageRequest::default();
    let history = world.store.read(|reader| alias::list(reader, &churn_model(), "champion", &page)).unwrap();
    assert_eq!(history.items.len(), 3, "pointing it where it points already is no change");
    world.assert_sound();
}

fn a_clock_that_jumps_back_never_makes_two_champions() {
    let world = World::with_records();
    for bytes in ["a", "b"] {
        world.act(1, move |audited| model::create(audited, &new_version(bytes))).unwrap();
    }
    point(&world, 100, 1);
    point(&world, 50, 2);
    assert_eq!([60, 100, 200].map(|at| champion_at(&world, at)), [None, Some(2), Some(2)]);
    assert!(world.act(1, |audited| alias::remove(audited, &churn_model(), "challenger")).is_err());
}

fn a_name_that_differs_in_its_case_alone_is_not_registered_a_second_time() {
    let world = World::with_records();
    let conflict = |outcome: Result<(), StoreError>, what: &str| match outcome {
        Err(StoreError::Conflict { reason, .. }) => {
            let expected = format!("there is {what} `churn`, and `CHURN` differs in its case alone");
            assert!(reason.contains(&expected), "{reason}");
        }
        other => panic!("{what}: {other:?}"),
    };
    let churn = || "churn".parse().unwrap();
    conflict(
        world.act(1, |audited| kilter_store::project::register(audited, &"CHURN".parse().unwrap()).map(drop)),
        "a project",
    );
    conflict(
        world.act(1, move |audited| model::register(audited, &"CHURN".parse().unwrap(), &churn()).map(drop)),
        "a model",
    );
    conflict(
        world.act(1, move |audited| {
            kilter_store::deployment::register_endpoint(audited, &"CHURN".parse().unwrap(), &churn()).map(drop)
        }),
        "an endpoint",
    );
    world.act(1, |audited| kilter_store::project::register(audited, &"CHURN2".parse().unwrap())).unwrap();
}

both_databases![
    a_version_begins_as_a_draft_under_the_next_number,
    numbers_stay_gapless_when_a_draft_is_rolled_back,
    a_version_that_moved_meanwhile_is_not_moved_again,
    what_does_not_exist_is_named,
    a_model_belongs_to_one_project,
    the_last_verdict_of_each_gate_stands_and_the_others_are_kept,
    an_approval_names_who_in_which_role_until_when,
    a_verdict_with_an_unbounded_interval_reads_back_as_it_was,
    who_was_champion_at_any_time_is_known,
    a_clock_that_jumps_back_never_makes_two_champions,
    a_name_that_differs_in_its_case_alone_is_not_registered_a_second_time,
];
