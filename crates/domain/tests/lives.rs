//! The lives: every legal move is made, every other one is refused with what would be needed.

use kilter_domain::{
    actor::{Action, Actor, ActorKind, Denied, Principal, Role, RoleBindings, may, roles_of},
    alert::{AlertEvent, AlertState, Hysteresis, MonitorKind},
    audit::{Entry, Outcome},
    contract::Risk,
    deployment::{AdmissionPolicy, DeploymentEvent, DeploymentState, IllegalDeploymentTransition},
    digest::Digest,
    gate::{ApprovalRule, Signoff, Verdict},
    model::{
        ActorWithRoles, Approval, Card, Commit, GateResult, Golden, IllegalVersionTransition, Lapse, Requirements,
        Retirement, Submission, Validation, VersionEvent, VersionFacts, VersionState,
    },
    nonempty::NonEmpty,
    rule::{Limits, NotMeasured, RuleOutcome, RuleVerdict, Undecided},
    run::Cause,
    time::Timestamp,
};

fn user(name: &str) -> Actor {
    Actor::user(name).unwrap()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

// ---- verdicts

fn outcome(verdict: RuleVerdict, text: &str) -> RuleOutcome {
    let limits = Limits::default();
    RuleOutcome {
        rule: "auc >= 0.8".into(),
        verdict,
        measured: None,
        part: None,
        limits,
        parts: Vec::new(),
        text: text.into(),
    }
}

fn undecided() -> RuleVerdict {
    RuleVerdict::Undecided(Undecided::NotMeasured(NotMeasured { missing: "labels".into(), how: "send them".into() }))
}

fn verdict(outcomes: &[(RuleVerdict, &str)]) -> Verdict {
    let outcomes = outcomes.iter().map(|(verdict, text)| outcome(verdict.clone(), text)).collect();
    Verdict::of(NonEmpty::new(outcomes).unwrap())
}

#[test]
fn a_failed_rule_fails_the_gate_and_an_undecided_one_blocks_it() {
    let (passed, failed) = (RuleVerdict::Passed, RuleVerdict::Failed);
    let all = [(passed.clone(), "p"), (undecided(), "u"), (failed, "f")];
    let failed = verdict(&all);
    assert_eq!((failed.as_str(), failed.reasons(), failed.outcomes().count()), ("failed", vec!["f"], 3));
    let blocked = verdict(&all[..2]);
    assert_eq!((blocked.as_str(), blocked.reasons(), blocked.is_passed()), ("undecided", vec!["u"], false));
    let clean = verdict(&all[..1]);
    assert!(clean.is_passed() && clean.reasons() == ["p"]);
    let json = serde_json::to_string(&blocked).unwrap();
    assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), blocked, "{json}");
    let hollow = r#"{"outcome":"passed","measured":[]}"#;
    assert!(serde_json::from_str::<Verdict>(hollow).is_err(), "a pass without evidence cannot be read");
}

// ---- approval rules

#[test]
fn an_approval_rule_counts_each_person_once() {
    let rule: ApprovalRule = "2 of validator and owner".parse().unwrap();
    let yes = |name: &str, role| Signoff { by: user(name), role };
    assert_eq!(rule.missing(&[]), ["the yes of 2 more validator", "the yes of 1 more owner"]);
    let twice = [yes("ana", Role::Validator), yes("ana", Role::Validator), yes("ana", Role::Owner)];
    assert_eq!(rule.missing(&twice), ["the yes of 1 more validator", "the yes of 1 more owner"]);
    let enough = [yes("ana", Role::Validator), yes("ben", Role::Validator), yes("cy", Role::Owner)];
    assert!(rule.missing(&enough).is_empty());
    assert!("auto".parse::<ApprovalRule>().unwrap().missing(&[]).is_empty());
    for text in ["", "0 of owner", "10 of owner", "x of owner", "admin", "owner and owner", "1 of"] {
        let error = text.parse::<ApprovalRule>().unwrap_err().to_string();
        assert!(error.contains("write `auto`"), "{error}");
    }
    for text in ["auto", "1 of validator", "1 of validator and 1 of owner"] {
        assert_eq!(text.parse::<ApprovalRule>().unwrap().to_string(), text);
    }
}

// ---- versions

fn version(state: VersionState) -> VersionFacts {
    VersionFacts {
        state,
        digest: digest("package"),
        policy: digest("policy"),
        gates: vec!["quality".parse().unwrap()],
        approval_rule: "1 of validator and owner".parse().unwrap(),
        makers: vec![user("dev")],
        requirements: Requirements { signature: true, golden_replay: true, ..Requirements::of(Risk::High) },
    }
}

fn submission() -> Submission {
    Submission {
        package: digest("package"),
        signed_by: Some("key".into()),
        golden: Golden::Equal { rows: 50 },
        commit: Commit::Clean { id: "abc".into() },
    }
}

fn validation(verdict: Verdict) -> Validation {
    Validation {
        package: digest("package"),
        policy: digest("policy"),
        gates: vec![GateResult { gate: "quality".parse().unwrap(), verdict }],
        data: None,
    }
}

fn passed() -> Verdict {
    verdict(&[(RuleVerdict::Passed, "p")])
}

fn approval() -> Approval {
    Approval {
        signoffs: vec![
            Signoff { by: user("val"), role: Role::Validator },
            Signoff { by: user("own"), role: Role::Owner },
        ],
        card: Card::Complete,
        has_independent_review: true,
        open_findings: 0,
        expires: None,
    }
}

fn retirement() -> Retirement {
    Retirement { live_deployments: 0, replacement: None, retain_until: None }
}

/// Every event with the evidence it needs, and someone who may.
fn events() -> Vec<(VersionEvent, ActorWithRoles)> {
    let person = |name: &str, role| ActorWithRoles { actor: user(name), roles: vec![role] };
    let reason = || "reason".to_owned();
    vec![
        (VersionEvent::Submitted(submission()), person("dev", Role::Developer)),
        (VersionEvent::Validated(validation(passed())), ActorWithRoles::system("gate")),
        (VersionEvent::Rejected { reason: reason() }, person("val", Role::Validator)),
        (VersionEvent::Approved(approval()), person("val", Role::Validator)),
        (VersionEvent::Returned { reason: reason() }, person("val", Role::Validator)),
        (VersionEvent::Lapsed(Lapse::Expired { at: Timestamp(1) }), ActorWithRoles::system("reconcile")),
        (VersionEvent::Revoked { reason: reason() }, person("own", Role::Owner)),
        (VersionEvent::Retired(retirement()), person("own", Role::Owner)),
    ]
}

#[test]
fn every_move_of_a_version_is_in_the_list_and_no_other() {
    use VersionState::{Approved, Candidate, Draft, Rejected, Retired, Revoked, Validated};
    // In the order of `events`: submitted, validated, rejected, approved, returned, lapsed, revoked, retired.
    let legal = [
        (Draft, [Some(Candidate), None, None, None, None, None, Some(Revoked), Some(Retired)]),
        (Candidate, [None, Some(Validated), Some(Rejected), None, None, None, Some(Revoked), Some(Retired)]),
        (Validated, [None, None, Some(Rejected), Some(Approved), Some(Candidate), None, Some(Revoked), Some(Retired)]),
        (Approved, [None, None, None, None, None, Some(Validated), Some(Revoked), Some(Retired)]),
        (Rejected, [None, None, None, None, None, None, None, Some(Retired)]),
        (Retired, [None; 8]),
        (Revoked, [None; 8]),
    ];
    assert_eq!(legal.len(), VersionState::ALL.len());
    for (from, wanted) in legal {
        for ((event, by), wanted) in events().iter().zip(wanted) {
            match version(from).after(event, by) {
                Ok(to) => assert_eq!(Some(to), wanted, "{from} {event:?}"),
                Err(error) => {
                    assert_eq!(wanted, None, "{from} {event:?}: {error}");
                    assert!(matches!(error, IllegalVersionTransition::State { .. }), "{error}");
                    assert!(error.to_string().contains(from.next_step()), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_version_does_not_move_by_someone_who_may_not() {
    let all = Role::ALL;
    for (event, by) in events() {
        let from = VersionState::ALL.into_iter().find(|&state| version(state).after(&event, &by).is_ok()).unwrap();
        for role in all.into_iter().filter(|role| !event.action().roles().contains(role)) {
            let stranger = ActorWithRoles { actor: user("eve"), roles: vec![role] };
            let error = version(from).after(&event, &stranger).unwrap_err();
            assert!(matches!(error, IllegalVersionTransition::Right(_)), "{role} {event:?}: {error}");
        }
    }
    let service = ActorWithRoles { actor: "svc:ci".parse().unwrap(), roles: vec![Role::Validator, Role::Owner] };
    let error = version(VersionState::Validated).after(&VersionEvent::Approved(approval()), &service).unwrap_err();
    assert!(
        matches!(error, IllegalVersionTransition::Right(Denied::NeedsPerson { .. })),
        "a service never approves: {error}"
    );
    let by_hand = ActorWithRoles { actor: user("own"), roles: Role::ALL.to_vec() };
    let error =
        version(VersionState::Candidate).after(&VersionEvent::Validated(validation(passed())), &by_hand).unwrap_err();
    assert!(
        matches!(error, IllegalVersionTransition::Right(Denied::NeedsSystem { .. })),
        "nobody validates by hand: {error}"
    );
}

/// What is missing for the event, from the state in which it is legal.
#[track_caller]
fn lacks(from: VersionState, event: VersionEvent, words: &str) {
    let by = events().into_iter().find(|(other, _)| other.action() == event.action()).unwrap().1;
    let error = version(from).after(&event, &by).unwrap_err();
    assert!(matches!(error, IllegalVersionTransition::Evidence { .. }), "{error}");
    assert!(error.to_string().contains(words), "`{words}` is not in: {error}");
}

#[test]
fn a_submission_without_its_evidence_is_refused() {
    let submitted = |submission| VersionEvent::Submitted(submission);
    let draft = VersionState::Draft;
    lacks(draft, submitted(Submission { package: digest("other"), ..submission() }), "a package of this version");
    lacks(draft, submitted(Submission { signed_by: None, ..submission() }), "a valid signature");
    lacks(draft, submitted(Submission { golden: Golden::NotRun, ..submission() }), "a replay of the golden requests");
    let differs = Golden::Differs { rows: 50, differing: 2 };
    lacks(draft, submitted(Submission { golden: differs, ..submission() }), "2 of 50 differ");
    let dirty = Commit::Dirty { id: "abc".into() };
    lacks(draft, submitted(Submission { commit: dirty, ..submission() }), "a clean commit");
    // Where nothing of it is asked for, nothing of it is missing; golden answers that differ are never fine.
    let mut low = version(draft);
    low.requirements = Requirements::of(Risk::Low);
    let by = ActorWithRoles::system("retrain");
    let bare = Submission { signed_by: None, golden: Golden::NotRun, commit: Commit::NotInGit, ..submission() };
    assert_eq!(low.after(&submitted(bare.clone()), &by).unwrap(), VersionState::Candidate);
    assert!(low.after(&submitted(Submission { golden: differs, ..bare }), &by).is_err());
}

#[test]
fn a_validation_counts_only_for_these_bytes_and_this_policy() {
    let validated = |validation| VersionEvent::Validated(validation);
    let candidate = VersionState::Candidate;
    let other = digest("other");
    lacks(candidate, validated(Validation { package: other, ..validation(passed()) }), "measured on this package");
    lacks(candidate, validated(Validation { policy: other, ..validation(passed()) }), "policy frozen into the version");
    lacks(
        candidate,
        validated(Validation { gates: Vec::new(), ..validation(passed()) }),
        "the verdict of gate `quality`",
    );
    lacks(candidate, validated(validation(verdict(&[(undecided(), "u")]))), "it is undecided");
    lacks(candidate, validated(validation(verdict(&[(RuleVerdict::Failed, "f")]))), "it is failed");
    let bad_data = Some(verdict(&[(RuleVerdict::Failed, "f")]));
    lacks(
        candidate,
        validated(Validation { data: bad_data, ..validation(passed()) }),
        "data that meets its requirements",
    );
}

#[test]
fn an_approval_needs_other_people_a_card_and_a_review() {
    let approved = |approval| VersionEvent::Approved(approval);
    let state = VersionState::Validated;
    let signoffs = |names: &[(&str, Role)]| {
        names.iter().map(|(name, role)| Signoff { by: name.parse().unwrap(), role: *role }).collect::<Vec<_>>()
    };
    lacks(state, approved(Approval { signoffs: Vec::new(), ..approval() }), "the yes of 1 more validator");
    let by_maker = signoffs(&[("user:dev", Role::Validator), ("user:own", Role::Owner)]);
    lacks(state, approved(Approval { signoffs: by_maker, ..approval() }), "did not make the version");
    let by_service = signoffs(&[("svc:ci", Role::Validator), ("user:own", Role::Owner)]);
    lacks(state, approved(Approval { signoffs: by_service, ..approval() }), "the yes of 1 more validator");
    let gaps = Card::Draft { gaps: vec!["ethics".into()] };
    lacks(state, approved(Approval { card: gaps, ..approval() }), "open: ethics");
    lacks(state, approved(Approval { card: Card::Absent, ..approval() }), "a model card");
    lacks(state, approved(Approval { has_independent_review: false, ..approval() }), "independent review");
    lacks(state, approved(Approval { open_findings: 2, ..approval() }), "2 open findings");
    let mut auto = version(state);
    (auto.approval_rule, auto.requirements) = ("auto".parse().unwrap(), Requirements::of(Risk::Low));
    let alone = Approval { signoffs: Vec::new(), card: Card::Absent, has_independent_review: false, ..approval() };
    assert_eq!(auto.after(&approved(alone), &ActorWithRoles::system("gate")).unwrap(), VersionState::Approved);
}

#[test]
fn what_ends_a_version_needs_a_reason_or_a_replacement() {
    for blank in ["", "  "] {
        lacks(VersionState::Candidate, VersionEvent::Rejected { reason: blank.into() }, "a reason");
        lacks(VersionState::Validated, VersionEvent::Returned { reason: blank.into() }, "a reason");
        lacks(VersionState::Approved, VersionEvent::Revoked { reason: blank.into() }, "a reason");
    }
    let live = Retirement { live_deployments: 2, ..retirement() };
    lacks(VersionState::Approved, VersionEvent::Retired(live.clone()), "a replacement for 2 live deployments");
    let replaced = VersionEvent::Retired(Retirement { replacement: Some("churn/4".into()), ..live });
    let by = ActorWithRoles { actor: user("own"), roles: vec![Role::Owner] };
    assert_eq!(version(VersionState::Approved).after(&replaced, &by).unwrap(), VersionState::Retired);
}

#[test]
fn states_and_events_survive_storage() {
    for state in VersionState::ALL {
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
    }
    for (event, _) in events() {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<VersionEvent>(&json).unwrap(), event, "{json}");
    }
    let causes = [
        Cause::Manual { by: user("ana") },
        Cause::Schedule { schedule: "every 30d".into() },
        Cause::Alert { id: "a1".into(), monitor: MonitorKind::Drift },
        Cause::NewData { dataset: "d".parse().unwrap(), digest: digest("x") },
        Cause::Replay,
        Cause::Sweep { parent: "r1".into(), trial: 3 },
    ];
    for cause in causes {
        let json = serde_json::to_string(&cause).unwrap();
        assert_eq!(serde_json::from_str::<Cause>(&json).unwrap(), cause, "{json}");
    }
}

// ---- deployments

const DEPLOYMENTS: [DeploymentState; 8] = [
    DeploymentState::Requested,
    DeploymentState::Shadow,
    DeploymentState::Canary { percent: 5 },
    DeploymentState::Canary { percent: 50 },
    DeploymentState::Live,
    DeploymentState::Superseded,
    DeploymentState::RolledBack,
    DeploymentState::Stopped,
];

#[test]
fn every_move_of_a_deployment_is_in_the_list_and_no_other() {
    use DeploymentEvent as Event;
    use DeploymentState as State;
    let to = |percent| State::Canary { percent };
    let events = [
        Event::ShadowStarted,
        Event::CanaryStarted { percent: 5 },
        Event::CanaryWidened { percent: 50 },
        Event::WentLive,
        Event::Superseded,
        Event::RolledBack,
        Event::Stopped,
    ];
    let (live, over, back, stop) =
        (Some(State::Live), Some(State::Superseded), Some(State::RolledBack), Some(State::Stopped));
    let legal = [
        [Some(State::Shadow), Some(to(5)), None, live, over, None, stop],
        [None, Some(to(5)), None, live, over, back, stop],
        [None, None, Some(to(50)), live, over, back, stop],
        [None, None, None, live, over, back, stop],
        [None, None, None, None, over, back, stop],
        [None; 7],
        [None; 7],
        [None; 7],
    ];
    for (from, wanted) in DEPLOYMENTS.into_iter().zip(legal) {
        for (event, wanted) in events.into_iter().zip(wanted) {
            let found = from.after(event, VersionState::Approved, AdmissionPolicy::Approved);
            match &found {
                Ok(to) => assert_eq!(Some(*to), wanted, "{from} {event:?}"),
                Err(error) => assert!(
                    wanted.is_none() && error.to_string().contains(&from.to_string()),
                    "{from} {event:?}: {error}"
                ),
            }
        }
    }
}

#[test]
fn only_what_is_approved_answers_and_it_is_asked_at_every_step() {
    for version in VersionState::ALL {
        let may_production = version == VersionState::Approved;
        let may_staging = may_production || version == VersionState::Validated;
        for (admits, may) in [(AdmissionPolicy::Approved, may_production), (AdmissionPolicy::Validated, may_staging)] {
            assert_eq!(DeploymentState::requested(version, admits).is_ok(), may, "{version}");
            for event in [
                DeploymentEvent::ShadowStarted,
                DeploymentEvent::CanaryStarted { percent: 5 },
                DeploymentEvent::WentLive,
            ] {
                assert_eq!(
                    DeploymentState::Requested.after(event, version, admits).is_ok(),
                    may,
                    "{version} {event:?}"
                );
            }
            let widened = DeploymentState::Canary { percent: 5 }.after(
                DeploymentEvent::CanaryWidened { percent: 9 },
                version,
                admits,
            );
            assert_eq!(widened.is_ok(), may, "{version}");
            // Taking a version away is always possible.
            for event in [DeploymentEvent::Stopped, DeploymentEvent::RolledBack, DeploymentEvent::Superseded] {
                assert!(DeploymentState::Live.after(event, version, admits).is_ok(), "{version} {event:?}");
            }
        }
    }
    let error = DeploymentState::requested(VersionState::Candidate, AdmissionPolicy::Approved).unwrap_err().to_string();
    assert!(error.contains("must be approved") && error.contains("its gates must pass first"), "{error}");
}

#[test]
fn a_canary_only_widens() {
    for percent in [0, 5, 4, 101] {
        let canary = DeploymentState::Canary { percent: 5 };
        let found =
            canary.after(DeploymentEvent::CanaryWidened { percent }, VersionState::Approved, AdmissionPolicy::Approved);
        assert!(matches!(found, Err(IllegalDeploymentTransition::Percent { .. })), "{percent}: {found:?}");
    }
    assert_eq!(DeploymentState::Canary { percent: 5 }.to_string(), "canary 5", "as the audit log writes it");
}

// ---- alerts

const NOW: Timestamp = Timestamp(1_000_000);

fn walk(hold: Hysteresis, events: &[AlertEvent]) -> AlertState {
    events.iter().fold(AlertState::opened(hold), |state, event| state.after(*event, hold, NOW).unwrap())
}

#[test]
fn an_alert_fires_when_it_lasts_and_is_resolved_when_that_lasts() {
    use AlertEvent::{Acknowledged, Breached, Clean, NotMeasured};
    let hold = Hysteresis { fire_after: 3, resolve_after: 2 };
    assert_eq!(AlertState::opened(Hysteresis::default()), AlertState::Firing { clean: 0 });
    assert_eq!(walk(hold, &[]), AlertState::Pending { breaches: 1 });
    assert_eq!(walk(hold, &[Breached]), AlertState::Pending { breaches: 2 });
    assert_eq!(walk(hold, &[Breached, Breached]), AlertState::Firing { clean: 0 });
    assert_eq!(walk(hold, &[Breached, Clean]), AlertState::Resolved, "it did not last");
    assert_eq!(
        walk(hold, &[Breached, NotMeasured, NotMeasured]),
        AlertState::Pending { breaches: 2 },
        "unmeasured moves nothing"
    );
    assert_eq!(walk(hold, &[Breached, Breached, Clean]), AlertState::Firing { clean: 1 });
    assert_eq!(walk(hold, &[Breached, Breached, Clean, NotMeasured, Clean]), AlertState::Resolved);
    assert_eq!(walk(hold, &[Breached, Breached, Clean, Breached, Clean]), AlertState::Firing { clean: 1 });
    assert_eq!(walk(hold, &[Breached, Breached, Acknowledged, Clean, Clean]), AlertState::Resolved);
}

#[test]
fn a_mute_ends_by_itself() {
    let hold = Hysteresis::default();
    let until = Timestamp(NOW.millis() + 10);
    let muted = walk(hold, &[AlertEvent::Muted { until }]);
    assert_eq!(muted, AlertState::Muted { until, clean: 0 });
    assert!(muted.is_failing());
    assert_eq!(muted.after(AlertEvent::Breached, hold, NOW).unwrap(), muted);
    assert_eq!(muted.after(AlertEvent::Breached, hold, until).unwrap(), AlertState::Firing { clean: 0 });
    assert_eq!(muted.after(AlertEvent::Unmuted, hold, NOW).unwrap(), AlertState::Firing { clean: 0 });
    let past = AlertEvent::Muted { until: NOW };
    let error = walk(hold, &[]).after(past, hold, NOW).unwrap_err().to_string();
    assert!(error.contains("ends in the future"), "{error}");
}

#[test]
fn every_move_of_an_alert_is_in_the_list_and_no_other() {
    use AlertEvent as Event;
    let until = Timestamp(NOW.millis() + 10);
    let states = [
        AlertState::Pending { breaches: 1 },
        AlertState::Firing { clean: 0 },
        AlertState::Acknowledged { clean: 0 },
        AlertState::Muted { until, clean: 0 },
        AlertState::Resolved,
    ];
    let events = [
        Event::Breached,
        Event::Clean,
        Event::NotMeasured,
        Event::Acknowledged,
        Event::Muted { until },
        Event::Unmuted,
        Event::Resolved,
    ];
    // Where each event leads, by state; `-` is refused.
    let legal = [
        ["pending", "resolved", "pending", "-", "-", "-", "resolved"],
        ["firing", "firing", "firing", "acknowledged", "muted", "-", "resolved"],
        ["acknowledged", "acknowledged", "acknowledged", "-", "muted", "-", "resolved"],
        ["muted", "muted", "muted", "-", "muted", "firing", "resolved"],
        ["-", "resolved", "resolved", "-", "-", "-", "-"],
    ];
    for (from, wanted) in states.into_iter().zip(legal) {
        for (event, wanted) in events.into_iter().zip(wanted) {
            match from.after(event, Hysteresis { fire_after: 9, resolve_after: 9 }, NOW) {
                Ok(to) => assert_eq!(to.as_str(), wanted, "{from:?} {event:?}"),
                Err(error) => assert!(wanted == "-" && !error.needs.is_empty(), "{from:?} {event:?}: {error}"),
            }
        }
        let json = serde_json::to_string(&from).unwrap();
        assert_eq!(serde_json::from_str::<AlertState>(&json).unwrap(), from, "{json}");
    }
}

// ---- actors

#[test]
fn actors_and_principals_read_back_and_nobody_else_does() {
    for text in ["user:ana", "svc:crm-portal", "system:gate", "user:ana@example.com"] {
        assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
    }
    for text in ["", "ana", "group:ds", "user:", "user:a b", "user:a/b", "root:x", &format!("user:{}", "x".repeat(200))]
    {
        assert!(text.parse::<Actor>().is_err(), "{text}");
    }
    assert_eq!("group:ds".parse::<Principal>().unwrap(), Principal::Group("ds".into()));
    assert!("system:gate".parse::<Principal>().is_err(), "a role is not given to the platform");
}

#[test]
fn roles_come_from_names_groups_and_the_owner() {
    let bindings: RoleBindings = [
        (Role::Developer, vec![Principal::Group("ds".into())]),
        (Role::Consumer, vec![Principal::Service("crm".into())]),
        (Role::Validator, vec![Principal::User("val".into())]),
    ]
    .into();
    let owner = Principal::User("ana".into());
    let roles = |actor: &str, groups: &[&str]| {
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        roles_of(&bindings, Some(&owner), &actor.parse().unwrap(), &groups)
    };
    assert_eq!(roles("user:ana", &["ds"]), [Role::Owner, Role::Developer]);
    assert_eq!(roles("user:val", &[]), [Role::Validator]);
    assert_eq!(roles("svc:crm", &[]), [Role::Consumer]);
    assert_eq!(roles("user:crm", &[]), [], "a person is not a service of the same name");
    assert_eq!(roles("system:gate", &["ds"]), []);
}

#[test]
fn the_table_of_rights_keeps_duties_apart() {
    let can = |roles: &[Role], action| may(&user("x"), roles, action).is_ok();
    for role in [Role::Developer, Role::Operator, Role::Admin, Role::Auditor, Role::Consumer] {
        assert!(!can(&[role], Action::Approve), "{role} cannot approve");
    }
    assert!(can(&[Role::Validator], Action::Approve) && can(&[Role::Operator], Action::RollBack));
    for action in Action::ALL {
        assert!(!can(&[], action), "without a role nobody may {action:?}");
        let service: Actor = "svc:x".parse().unwrap();
        assert_eq!(may(&service, &Role::ALL, action).is_ok(), !action.roles().is_empty() && !action.needs_a_person());
        assert_eq!(may(&Actor::system("x"), &[], action).is_ok(), action.is_done_by_system());
        // Reading changes nothing, so every role may.
        assert_eq!(action.roles().len() == Role::ALL.len(), action == Action::Read);
    }
    assert!(may(&Actor::system("x"), &[], Action::Revoke).is_err(), "the platform never revokes by itself");
    let error = may(&user("x"), &[Role::Admin], Action::Approve).unwrap_err().to_string();
    assert!(error.contains("validator or owner"), "{error}");
    assert_eq!(ActorKind::Service.as_str(), "svc");
}

// ---- the audit log

fn entry() -> Entry {
    Entry {
        seq: 1,
        at: Timestamp(1_700_000_000_123),
        actor: user("ana"),
        on_behalf: None,
        action: "version.approve".into(),
        object: "version:churn/3".into(),
        object_digest: None,
        outcome: Outcome::Done,
        before: Some("validated".into()),
        after: Some("approved".into()),
        reason_hash: None,
        evidence: vec!["é\n\"".into()],
    }
}

#[test]
fn the_bytes_of_an_entry_are_canonical_json() {
    let text = String::from_utf8(entry().canonical()).unwrap();
    assert_eq!(
        text,
        r#"{"action":"version.approve","actor":"user:ana","actor_kind":"user","after":"approved","at":1700000000123,"before":"validated","evidence":["é\n\""],"object":"version:churn/3","object_digest":null,"on_behalf":null,"outcome":"done","reason_hash":null,"seq":1,"v":1}"#
    );
    let sorted: std::collections::BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&sorted).unwrap(), text);
}

#[test]
fn any_change_of_an_entry_changes_its_bytes() {
    let changes: [fn(&mut Entry); 8] = [
        |entry| entry.seq = 2,
        |entry| entry.at = Timestamp(0),
        |entry| entry.actor = Actor::system("x"),
        |entry| entry.on_behalf = Some(Actor::system("x")),
        |entry| entry.before = None,
        |entry| entry.outcome = Outcome::Denied,
        |entry| entry.reason_hash = Some("00".into()),
        |entry| entry.evidence.clear(),
    ];
    for change in changes {
        let mut other = entry();
        change(&mut other);
        assert_ne!(other.canonical(), entry().canonical());
    }
    let json = serde_json::to_string(&entry()).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry());
}
