//! Approvals that end, and drafts that are submitted, with the time handed in.

use kilter_domain::{
    gate::{ApprovalConditions, Verdict},
    ids::ModelName,
    model::VersionState,
    nonempty::NonEmpty,
    rule::{MetricId, NotMeasured, RuleOutcome, RuleVerdict, Undecided},
    time::{Span, Timestamp},
};
use kilter_package::golden::GoldenRequests;
use kilter_store::{
    deployment::{self as deployments, break_glass as broken},
    gate::{self as decisions, NewVerdict, waiver},
};

use crate::{
    approval::{self, lapse},
    authz::AuthorizedContext,
    break_glass,
    context::RequestContext,
    deployment::{Target, checks, deploy},
    documents,
    gate::transition::DATA_GATE,
    model::{
        card_gaps,
        golden_replay::tests::{TestFolder, customers, trained, with_label},
    },
    project::folder::Project,
    registration,
};

/// A registered project of `terms`.
fn place(folder: &std::path::Path, terms: &str) -> TestFolder {
    let mut place = TestFolder::open(folder);
    let text = format!("{}{terms}\n", place.project.text);
    register(&mut place, &text);
    place
}

/// Puts another contract in force.
fn register(place: &mut TestFolder, text: &str) {
    place.project = Project::of(&place.project.folder, text.to_owned()).unwrap();
    registration::register_to_run(&place.app, &by(place, "user:olga"), &place.project).unwrap();
}

/// What is live at an endpoint.
fn live(place: &TestFolder, endpoint: &str) -> Option<u32> {
    let endpoint = endpoint.parse().unwrap();
    place.app.store().read(|reader| deployments::live(reader, &endpoint)).unwrap().map(|live| live.number)
}

fn by(place: &TestFolder, who: &str) -> RequestContext {
    RequestContext { actor: who.parse().unwrap(), ..(*place.context).clone() }
}

fn yes() -> approval::Yes<'static> {
    approval::Yes { reason: "", conditions: Default::default(), role: None }
}

fn state(place: &TestFolder, number: u32) -> VersionState {
    checks::version_state(&place.app, &place.project.model(), number).unwrap()
}

fn model(place: &TestFolder) -> ModelName {
    place.project.model()
}

#[test]
fn an_approval_ends_with_its_time_and_what_serves_by_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "[approve]\nrule = \"validator\"\nexpire = \"30d\"");
    let (onnx, _) = trained();
    let number = place.version_in(VersionState::Validated, &onnx, None);
    approval::approve(&place.app, &by(&place, "user:ana"), &model(&place), number, yes()).unwrap();
    place.deploy(number).unwrap();
    let end = place.context.at.after(Span::days(30));
    assert_eq!(lapse::next_lapse(&place.app, &place.project, place.context.at).unwrap(), Some(end));
    let before = Timestamp(end.millis() - 1);
    assert_eq!(approval::lapse_versions(&place.app, &place.project, before).unwrap(), [0; 0]);
    assert_eq!(state(&place, number), VersionState::Approved);
    assert_eq!(approval::lapse_versions(&place.app, &place.project, end).unwrap(), [number]);
    assert_eq!(state(&place, number), VersionState::Validated);
    let endpoint = "churn".parse().unwrap();
    let live = place.app.store().read(|reader| deployments::live(reader, &endpoint)).unwrap();
    assert_eq!(live, None);
    assert_eq!(approval::lapse_versions(&place.app, &place.project, end).unwrap(), [0; 0], "it may run twice");
    // A yes of then counts, the one of before does not.
    let again = RequestContext { at: end, ..by(&place, "user:ben") };
    let approved = approval::approve(&place.app, &again, &model(&place), number, yes()).unwrap();
    assert_eq!(approved.state, VersionState::Approved);
    assert_eq!(approval::lapse_versions(&place.app, &place.project, end).unwrap(), [0; 0]);
}

#[test]
fn a_yes_until_a_day_ends_then_and_one_that_is_left_over_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "[approve]\nrule = \"validator\"\nexpire = \"30d\"");
    let number = place.version_in(VersionState::Validated, &trained().0, None);
    let until = place.context.at.after(Span::days(3));
    let conditions = ApprovalConditions { until: Some(until), ..Default::default() };
    let bound = approval::Yes { reason: "", conditions, role: None };
    approval::approve(&place.app, &by(&place, "user:ana"), &model(&place), number, bound).unwrap();
    assert_eq!(lapse::next_lapse(&place.app, &place.project, place.context.at).unwrap(), Some(until));
    assert_eq!(approval::lapse_versions(&place.app, &place.project, until).unwrap(), [number]);
}

#[test]
fn what_the_contract_approves_by_itself_ends_too() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "[approve]\nexpire = \"30d\"");
    let number = place.version_in(VersionState::Draft, &trained().0, None);
    let submitted = approval::submit(&place.app, &by(&place, "user:dev"), &model(&place), number, "").unwrap();
    assert_eq!((submitted.state, submitted.open), (VersionState::Approved, vec![]), "no gate, and nobody is asked");
    let standing = approval::standing(&place.app, &model(&place), number, place.context.at).unwrap();
    assert_eq!(standing.makers, ["user:dev".parse().unwrap()]);
    assert_eq!(standing.sign_offs[0].by.to_string(), "system:approval");
    let end = place.context.at.after(Span::days(30));
    assert_eq!(approval::lapse_versions(&place.app, &place.project, end).unwrap(), [number]);
}

#[test]
fn a_draft_whose_gates_were_never_measured_stays_a_candidate() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "[gate.quality]\nrules = [\"auc >= 0.5\"]");
    let number = place.version_in(VersionState::Draft, &trained().0, None);
    let submitted = approval::submit(&place.app, &by(&place, "user:dev"), &model(&place), number, "").unwrap();
    assert_eq!(submitted.state, VersionState::Candidate);
    assert_eq!(submitted.open, ["gate `quality`: `auc >= 0.5` was not measured"]);
    let refused = approval::submit(&place.app, &by(&place, "user:dev"), &model(&place), 7, "").unwrap_err();
    assert!(refused.to_string().contains("churn/7"), "{refused}");
}

const TWO_PLACES: &str = "[deploy.staging]\n[approve]\nrule = \"validator\"\nexpire = \"30d\"";

/// A version that is live at two places, and a contract that names one of them no longer.
fn at_a_forgotten_place(folder: &std::path::Path) -> (TestFolder, u32) {
    let mut place = place(folder, TWO_PLACES);
    let number = place.version_in(VersionState::Validated, &trained().0, None);
    approval::approve(&place.app, &by(&place, "user:ana"), &model(&place), number, yes()).unwrap();
    for target in Target::all(&place.project) {
        deploy::deploy_version(&place.app, &place.context, &target, number, "test").unwrap();
    }
    let text = place.project.text.replace("[deploy.staging]\n", "");
    register(&mut place, &text);
    assert_eq!((live(&place, "churn"), live(&place, "churn-staging")), (Some(number), Some(number)));
    (place, number)
}

#[test]
fn a_version_stops_also_where_the_contract_no_longer_names_the_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let (place, number) = at_a_forgotten_place(folder.path());
    let withdrawn = approval::revoke(&place.app, &by(&place, "user:vera"), &model(&place), number, "INC-7").unwrap();
    let endpoints: Vec<String> = withdrawn.iter().map(|one| one.endpoint.to_string()).collect();
    assert_eq!(endpoints, ["churn", "churn-staging"]);
    assert_eq!((live(&place, "churn"), live(&place, "churn-staging")), (None, None));

    let folder = tempfile::tempdir().unwrap();
    let (place, number) = at_a_forgotten_place(folder.path());
    let refused = approval::retire(&place.app, &by(&place, "user:olga"), &model(&place), number, retirement(None));
    assert!(refused.unwrap_err().to_string().contains("a replacement for 2 live deployments"));

    let folder = tempfile::tempdir().unwrap();
    let (place, number) = at_a_forgotten_place(folder.path());
    let end = place.context.at.after(Span::days(30));
    assert_eq!(approval::lapse_versions(&place.app, &place.project, end).unwrap(), [number]);
    assert_eq!((live(&place, "churn"), live(&place, "churn-staging")), (None, None));
}

fn retirement(replacement: Option<u32>) -> approval::Retirement<'static> {
    approval::Retirement { reason: "old", replacement, retain_until: None }
}

#[test]
fn a_model_that_the_contract_no_longer_names_is_revoked_and_lapses_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = place(folder.path(), "[approve]\nrule = \"validator\"\nexpire = \"30d\"");
    let old = model(&place);
    let versions = [(); 3].map(|()| place.version_in(VersionState::Validated, &trained().0, None));
    for number in versions {
        approval::approve(&place.app, &by(&place, "user:ana"), &old, number, yes()).unwrap();
    }
    place.deploy(versions[2]).unwrap();
    let step = "[step.train]\nrun = \"train {out.model}\"\nout = { model = \"model\" }\n";
    let text = format!("{}{step}[package]\nname = \"retention\"\nmodel = \"train.model\"\n", place.project.text);
    register(&mut place, &text);
    assert_ne!(model(&place), old);
    approval::revoke(&place.app, &by(&place, "user:vera"), &old, versions[0], "INC-7").unwrap();
    let state = |number| checks::version_state(&place.app, &old, number).unwrap();
    assert_eq!((state(versions[0]), state(versions[2])), (VersionState::Revoked, VersionState::Approved));
    let end = place.context.at.after(Span::days(30));
    approval::lapse_versions(&place.app, &place.project, end).unwrap();
    assert_eq!((state(versions[1]), state(versions[2])), (VersionState::Validated, VersionState::Validated));
    assert_eq!(live(&place, "churn"), None);
}

#[test]
fn a_replacement_that_cannot_answer_is_an_error_and_nothing_moves() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "");
    let (onnx, trained) = trained();
    let golden = GoldenRequests::record(&trained, 0.5, &customers(), 20).unwrap().unwrap();
    let good = place.version(&onnx, Some(&golden));
    let bad = place.version(&onnx, Some(&with_label(&golden, 3, "perhaps")));
    let next = place.version(&onnx, Some(&golden));
    place.deploy(good).unwrap();
    let retire = |replacement| {
        approval::retire(&place.app, &by(&place, "user:olga"), &model(&place), good, retirement(Some(replacement)))
    };
    let refused = retire(bad).unwrap_err().to_string();
    assert!(refused.contains("version 2 answers 1 of its 20 golden requests otherwise"), "{refused}");
    assert_eq!((live(&place, "churn"), state(&place, good)), (Some(good), VersionState::Approved));
    let withdrawn = retire(next).unwrap();
    assert_eq!((withdrawn[0].answers, live(&place, "churn")), (Some(next), Some(next)));
}

#[test]
fn what_comes_back_is_approved_now_and_not_when_the_revoked_one_was_deployed() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = place(folder.path(), "[approve]\nrule = \"validator\"\nexpire = \"30d\"");
    let versions = [(); 2].map(|()| place.version_in(VersionState::Validated, &trained().0, None));
    let begin = place.context.at;
    for (number, day) in versions.into_iter().zip([0, 20]) {
        place.context = AuthorizedContext::system("test", begin.after(Span::days(day)));
        approval::approve(&place.app, &by(&place, "user:ana"), &model(&place), number, yes()).unwrap();
        place.deploy(number).unwrap();
    }
    place.context = AuthorizedContext::system("test", begin.after(Span::days(31)));
    let revoked = approval::revoke(&place.app, &by(&place, "user:vera"), &model(&place), versions[1], "INC").unwrap();
    assert_eq!(revoked[0].answers, None, "its approval is over");
    assert_eq!(live(&place, "churn"), None);
}

#[test]
fn a_break_glass_that_was_not_justified_takes_the_version_away_where_it_was_done_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), TWO_PLACES);
    let number = place.version_in(VersionState::Validated, &trained().0, None);
    for endpoint in ["churn", "churn-staging"] {
        let endpoint = endpoint.parse().unwrap();
        break_glass::break_glass(&place.app, &by(&place, "user:ida"), &endpoint, number, "fraud wave").unwrap();
    }
    let review = |endpoint: &str, is_justified| {
        let endpoint = endpoint.parse().unwrap();
        let page = kilter_store::PageRequest::default();
        let done = place.app.store().read(|reader| broken::list(reader, &endpoint, &page)).unwrap().items;
        let which = (&endpoint, done[0].id.as_str());
        break_glass::review_break_glass(&place.app, &by(&place, "user:vera"), which, is_justified, "seen").unwrap();
    };
    review("churn-staging", true);
    review("churn", false);
    assert_eq!((live(&place, "churn"), live(&place, "churn-staging")), (None, Some(number)));
}

/// What nobody is asked about still needs what the policy needs.
#[test]
fn a_version_that_lacks_its_card_is_approved_by_itself_once_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut place = place(folder.path(), "");
    let stated = "name = \"churn\"\npurpose = \"whom to call\"\nnot_for = [\"pricing\"]\nowner = \"user:olga\"";
    let terms = "[approve]\nexpire = \"30d\"\n[objective.saved]\nkpi = \"saved\"\n";
    let text = place.project.text.replace("name = \"churn\"", stated) + terms;
    register(&mut place, &text);
    // The contract in force asks for less than the one that is frozen into the version, and loosens nothing for it.
    let strict = text.replace("[approve]\n", "[approve]\nneeds = [\"card\"]\n");
    let frozen = Project::of(folder.path(), strict).unwrap().contract.policy_text();
    let number = place.version_of(VersionState::Draft, (&trained().0, None), frozen);
    let submitted = approval::submit(&place.app, &by(&place, "user:olga"), &model(&place), number, "").unwrap();
    assert_eq!(submitted.state, VersionState::Validated);
    let standing = || approval::standing(&place.app, &model(&place), number, place.context.at).unwrap();
    assert!(
        standing().missing[0].contains("a complete card (open: the part `limitations`"),
        "{:?}",
        standing().missing
    );
    assert_eq!(standing().sign_offs, [], "no yes is kept before the move");
    let parts = card_gaps::REQUIRED_PARTS.map(|part| (part.to_owned(), "written".to_owned()));
    let edit = documents::CardEdit { parts: &parts.into(), revision: None };
    documents::set_card(&place.app, &by(&place, "user:olga"), (&model(&place), number), edit).unwrap();
    assert_eq!(state(&place, number), VersionState::Approved);
    let until = place.context.at.after(Span::days(30));
    let standing = approval::standing(&place.app, &model(&place), number, place.context.at).unwrap();
    assert_eq!(standing.sign_offs[0].expires, Some(until));
}

/// A run whose data requirements are undecided waits, whoever submits it again.
#[test]
fn undecided_data_keep_a_version_a_candidate_also_when_it_is_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "");
    let number = place.version_in(VersionState::Candidate, &trained().0, None);
    let text = "rows of `customers` were not counted";
    let undecided =
        RuleVerdict::Undecided(Undecided::NotMeasured(NotMeasured { missing: "rows".into(), how: "count".into() }));
    let outcome = RuleOutcome::new("rows >= 1000", MetricId::named("rows"), undecided, text);
    let new = NewVerdict {
        model: model(&place),
        number,
        gate: DATA_GATE.parse().unwrap(),
        verdict: Verdict::of(NonEmpty::one(outcome)),
        policy_digest: place.project.contract.policy_digest(),
    };
    let entry = place.context.audit_event("gate.judge", "", vec![]);
    place.app.store().write(move |tx| decisions::record_verdict(&tx.audited(entry), &new)).unwrap();
    let submitted = approval::submit(&place.app, &by(&place, "user:dev"), &model(&place), number, "").unwrap();
    assert_eq!(submitted.state, VersionState::Candidate);
    assert_eq!(submitted.open, [format!("gate `{DATA_GATE}`: {text}")]);
}

/// With four eyes the yes of a maker counts for nothing: neither to reach an approval nor to keep one.
#[test]
fn the_yes_of_a_maker_does_not_keep_an_approval_that_expired() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "[approve]\nrule = \"validator\"\nfour_eyes = true\nexpire = \"30d\"");
    let number = place.version_in(VersionState::Draft, &trained().0, None);
    approval::submit(&place.app, &by(&place, "user:dev"), &model(&place), number, "").unwrap();
    let until = place.context.at.after(Span::days(10));
    let approve = |who: &str, until| {
        let conditions = ApprovalConditions { until, ..Default::default() };
        let yes = approval::Yes { reason: "", conditions, role: None };
        approval::approve(&place.app, &by(&place, who), &model(&place), number, yes).unwrap().state
    };
    assert_eq!(approve("user:dev", None), VersionState::Validated);
    assert_eq!(approve("user:ana", Some(until)), VersionState::Approved);
    assert_eq!(approval::lapse_versions(&place.app, &place.project, until).unwrap(), [number]);
}

#[test]
fn a_version_that_was_found_to_hold_is_read_again_only_when_something_changed() {
    let folder = tempfile::tempdir().unwrap();
    let place = place(folder.path(), "");
    let number = place.version_in(VersionState::Approved, &trained().0, None);
    let outcome = RuleOutcome::new("auc >= 0.9", MetricId::named("auc"), RuleVerdict::Failed, "auc is 0.8");
    let new = NewVerdict {
        model: model(&place),
        number,
        gate: "quality".parse().unwrap(),
        verdict: Verdict::of(NonEmpty::one(outcome)),
        policy_digest: place.project.contract.policy_digest(),
    };
    let grant = |id: &str, days| {
        let new = waiver::NewWaiver {
            id: id.to_owned(),
            model: model(&place),
            number: Some(number),
            gate: "quality".parse().unwrap(),
            rule: "auc >= 0.9".to_owned(),
            reason: "pilot".to_owned(),
            until: place.context.at.after(Span::days(days)),
        };
        let entry = AuthorizedContext::logged_in("user:vera".parse().unwrap(), place.context.at).audit_event(
            "waiver.grant",
            "",
            vec![],
        );
        place.app.store().write(move |tx| waiver::grant(&tx.audited(entry), &new)).unwrap();
    };
    grant("first", 10);
    let entry = place.context.audit_event("gate.judge", "", vec![]);
    place.app.store().write(move |tx| decisions::record_verdict(&tx.audited(entry), &new)).unwrap();
    let lapse =
        |days| approval::lapse_versions(&place.app, &place.project, place.context.at.after(Span::days(days))).unwrap();
    assert_eq!((lapse(1), lapse(2)), (vec![], vec![]));
    grant("second", 20);
    assert_eq!((lapse(3), lapse(11)), (vec![], vec![]), "one of two ended");
    assert_eq!(lapse(21), [number]);
}
