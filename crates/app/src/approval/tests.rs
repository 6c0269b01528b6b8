//! Approvals that end, and drafts that are submitted, with the time handed in.

use kilter_domain::{
    ids::ModelName,
    model::VersionState,
    time::{Span, Timestamp},
};
use kilter_store::deployment as deployments;

use crate::{
    approval::{self, lapse},
    context::RequestContext,
    deployment::checks,
    model::golden_replay::tests::{TestFolder, trained},
    project::folder::Project,
    registration,
};

/// A registered project of `terms`.
fn place(folder: &std::path::Path, terms: &str) -> TestFolder {
    let mut place = TestFolder::open(folder);
    place.project = Project::of(folder, format!("{}{terms}\n", place.project.text)).unwrap();
    registration::register(&place.app, &place.context, &place.project).unwrap();
    place
}

fn by(place: &TestFolder, who: &str) -> RequestContext {
    RequestContext { actor: who.parse().unwrap(), ..place.context.clone() }
}

fn yes() -> approval::Yes<'static> {
    approval::Yes { reason: "", conditions: Default::default() }
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
    let conditions = kilter_domain::gate::ApprovalConditions { until: Some(until), ..Default::default() };
    let bound = approval::Yes { reason: "", conditions };
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
