//! The life of a version.

use crate::verdict::*;
use crate::*;

pub(crate) fn version(state: VersionState) -> VersionFacts {
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

pub(crate) fn submission() -> Submission {
    Submission {
        package: digest("package"),
        signed_by: Some("key".into()),
        golden: Golden::Equal { rows: 50 },
        commit: Commit::Clean { id: "abc".into() },
    }
}

pub(crate) fn validation(verdict: Verdict) -> Validation {
    Validation {
        package: digest("package"),
        policy: digest("policy"),
        gates: vec![GateResult { gate: "quality".parse().unwrap(), verdict }],
        data: None,
        waivers: vec![],
    }
}

pub(crate) fn passed() -> Verdict {
    verdict(&[(RuleVerdict::Passed, "p")])
}

pub(crate) fn approval() -> Approval {
    Approval {
        signoffs: vec![
            Signoff { by: user("val"), role: Role::Validator },
            Signoff { by: user("own"), role: Role::Owner },
        ],
        card: Card::Complete,
        has_independent_review: true,
        open_rules: vec![],
        open_findings: 0,
        expires: None,
    }
}

pub(crate) fn retirement() -> Retirement {
    Retirement { live_deployments: 0, replacement: None, retain_until: None }
}

/// Every event with the evidence it needs, and someone who may.
pub(crate) fn events() -> Vec<(VersionEvent, ActorWithRoles)> {
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
pub(crate) fn lacks(from: VersionState, event: VersionEvent, words: &str) {
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
fn a_waiver_lets_its_rule_pass_unless_a_maker_granted_it() {
    let open = |verdict| RuleOutcome::new("auc >= 0.8", MetricId::named("auc"), verdict, "auc is 0.79");
    for state in [RuleVerdict::Failed, undecided()] {
        let verdict = Verdict::of(NonEmpty::new(vec![open(state)]).unwrap());
        let waived = |rule: &str, by: &str| Validation {
            waivers: vec![Waiver {
                gate: "quality".parse().unwrap(),
                rule: rule.into(),
                by: by.parse().unwrap(),
                until: Timestamp(1),
            }],
            ..validation(verdict.clone())
        };
        let system = ActorWithRoles::system("gate");
        let candidate = version(VersionState::Candidate);
        let after = |validation| candidate.after(&VersionEvent::Validated(validation), &system);
        assert_eq!(after(waived("auc >= 0.8", "user:val")).unwrap(), VersionState::Validated);
        assert!(after(waived("auc >= 0.7", "user:val")).is_err(), "a waiver is of one rule");
        assert!(after(waived("auc >= 0.8", "user:dev")).is_err(), "nobody waives for their own work");
    }
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
    let open_rules = vec!["gate `quality`: auc is 0.79".to_owned()];
    lacks(state, approved(Approval { open_rules, ..approval() }), "a pass, or a waiver, of gate `quality`");
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
