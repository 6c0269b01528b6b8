//! What is committed serves, or the folder opens without it; whatever races, routes are what the store says.

use std::{collections::BTreeSet, fs, thread};

use kilter_domain::{deployment::DeploymentState, ids::EndpointName, model::VersionState, table::Table};
use kilter_serving::Mode;
use kilter_store::{
    PageRequest,
    deployment::{self as deployments, Deployment, NewDeployment},
};
use kilter_train::{TrainOptions, train_model};
use serde_json::json;

use crate::{
    approval,
    authz::AuthorizedContext,
    causes::InvalidState,
    context::RequestContext,
    data_folder::recovery,
    deployment::{Target, auto_deploy, checks, deploy, error::DeployError, next_step, rollout, route_change},
    gate::threshold_choice::ThresholdChange,
    model::golden_replay::tests::{TestFolder, customers, finite, trained},
    prediction::{live, predict},
    project::folder::Project,
    registration,
};

const CANARY: &str = "canary = { steps = [10, 50, 100], every = \"1h\" }";

pub(crate) fn endpoint() -> EndpointName {
    "churn".parse().unwrap()
}

/// A registered project whose place states `terms`.
pub(crate) fn house(folder: &std::path::Path, terms: &str) -> TestFolder {
    let mut house = TestFolder::open(folder);
    let contract = format!("{}{terms}\n", house.project.text);
    house.project = Project::of(folder, contract).unwrap();
    registration::register_to_run(&house.app, &house.context, &house.project).unwrap();
    house
}

fn reopened(house: TestFolder, folder: &std::path::Path) -> TestFolder {
    let project = house.project.clone();
    drop(house);
    TestFolder { project, ..TestFolder::open(folder) }
}

/// The versions that answer: the live one, and the one on trial.
fn routed(house: &TestFolder) -> (Option<u64>, Option<(u64, Mode)>) {
    let Some(serving) = predict::serving(&house.app, &endpoint()) else { return (None, None) };
    let routes = serving.endpoint().routes();
    let candidate = routes.candidate().map(|candidate| (candidate.version.version().number, candidate.mode));
    (routes.champion().map(|champion| champion.version().number), candidate)
}

fn stored(house: &TestFolder) -> (Option<u64>, Option<(u64, Mode)>) {
    let read = house
        .app
        .store()
        .read(|reader| Ok((deployments::live(reader, &endpoint())?, deployments::candidate(reader, &endpoint())?)));
    let (live, candidate) = read.unwrap();
    let mode = |candidate: &Deployment| match candidate.state {
        DeploymentState::Canary { percent } => Mode::Canary { percent },
        _ => Mode::Shadow,
    };
    (live.map(|live| u64::from(live.number)), candidate.map(|found| (u64::from(found.number), mode(&found))))
}

fn all(house: &TestFolder) -> Vec<Deployment> {
    house.app.store().read(|reader| deployments::list(reader, None, &PageRequest::first(1000))).unwrap().items
}

/// Writes a deployment into the store alone, as an earlier program could leave it.
fn force(house: &TestFolder, id: &str, number: u32, state: DeploymentState) {
    let new =
        NewDeployment { id: id.into(), endpoint: endpoint(), model: house.project.model(), number, reason: json!({}) };
    let entries = [(); 2].map(|()| house.context.audit_event("test", "", vec![]));
    let id = id.to_owned();
    let forced = house.app.store().write(move |tx| {
        let [first, second] = entries;
        deployments::request(&tx.audited(first), &new)?;
        if state != DeploymentState::Requested {
            deployments::advance(&tx.audited(second), &id, DeploymentState::Requested, state)?;
        }
        Ok(())
    });
    forced.unwrap();
}

/// A model that reads a column of this name.
fn reading(column: &str) -> Vec<u8> {
    let table = finite(&customers());
    let mut renamed = Table::default();
    for (name, values) in table.columns() {
        renamed.push(if name == "visits" { column } else { name }.to_owned(), values.clone()).unwrap();
    }
    train_model(&renamed, &TrainOptions::new("left")).unwrap().onnx
}

#[test]
fn the_live_version_is_not_deployed_beside_itself_and_nothing_is_written() {
    for terms in [CANARY, "shadow = \"1h\"", ""] {
        let folder = tempfile::tempdir().unwrap();
        let house = house(folder.path(), terms);
        let (onnx, _) = trained();
        let first = house.version(&onnx, None);
        house.deploy(first).unwrap();
        let before = all(&house);
        let refused = house.deploy(first).unwrap_err();
        assert!(
            matches!(&refused, DeployError::InvalidState(InvalidState { state, .. }) if state.contains("already live")),
            "{refused}"
        );
        assert_eq!(all(&house), before, "{terms}");
        let house = reopened(house, folder.path());
        assert_eq!((routed(&house), stored(&house)), ((Some(1), None), (Some(1), None)), "{terms}");
    }
}

#[test]
fn a_candidate_is_not_deployed_twice_and_the_live_one_not_beside_a_candidate() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), CANARY);
    let (onnx, _) = trained();
    let (first, second) = (house.version(&onnx, None), house.version(&onnx, None));
    house.deploy(first).unwrap();
    house.deploy(second).unwrap();
    let before = all(&house);
    for number in [first, second] {
        let refused = house.deploy(number).unwrap_err();
        assert!(
            matches!(&refused, DeployError::InvalidState(InvalidState { state, .. }) if state.contains("still a candidate")),
            "{refused}"
        );
    }
    assert_eq!(all(&house), before);
    assert_eq!(routed(&house), (Some(1), Some((2, Mode::Canary { percent: 10 }))));
}

#[test]
fn a_model_that_reads_one_of_our_names_is_refused_before_anything_is_written() {
    for terms in ["", CANARY, "shadow = \"1h\""] {
        let folder = tempfile::tempdir().unwrap();
        let house = house(folder.path(), terms);
        let bad = house.version(&reading("__index_level_0__"), None);
        let refused = house.deploy(bad).unwrap_err();
        assert!(kilter_domain::error_chain::with_causes(&refused).contains("`__index_level_0__`"), "{refused}");
        assert!(all(&house).is_empty());
        let good = house.version(&trained().0, None);
        house.deploy(good).unwrap();
        assert!(house.deploy(bad).is_err(), "nor beside a live one");
        let house = reopened(house, folder.path());
        assert_eq!((routed(&house).0, all(&house).len()), (Some(u64::from(good)), 1));
    }
}

#[test]
fn columns_may_have_the_names_that_answers_and_tables_have() {
    for column in ["_", "id", "time", "score", "label", "version", "Age", "prediction", "parameters"] {
        let folder = tempfile::tempdir().unwrap();
        let house = house(folder.path(), "");
        let number = house.version(&reading(column), None);
        house.deploy(number).unwrap();
        let house = reopened(house, folder.path());
        assert_eq!(routed(&house).0, Some(1), "{column}");
    }
}

/// States that an earlier program committed, and none of which may close the folder.
#[test]
fn whatever_was_committed_the_folder_opens_says_why_and_can_be_healed() {
    type Harm = (&'static str, fn(&TestFolder));
    let harms: [Harm; 6] = [
        ("the live version as a canary", |house| force(house, "f", 2, DeploymentState::Canary { percent: 10 })),
        ("the live version in shadow", |house| force(house, "f", 2, DeploymentState::Shadow)),
        ("a canary that reads one of our names", |house| {
            let bad = house.version(&reading("__index_level_0__"), None);
            force(house, "f", bad, DeploymentState::Canary { percent: 10 });
        }),
        ("a request that took no stage", |house| force(house, "f", 2, DeploymentState::Requested)),
        ("a canary of 100 %", |house| {
            let next = house.version(&trained().0, None);
            force(house, "f", next, DeploymentState::Canary { percent: 100 });
        }),
        ("nothing", |_| ()),
    ];
    for (harm, inflict) in harms {
        let folder = tempfile::tempdir().unwrap();
        let house = house(folder.path(), CANARY);
        let (onnx, _) = trained();
        let (first, second) = (house.version(&onnx, None), house.version(&onnx, None));
        house.deploy(first).unwrap();
        let target = Target::of(&house.project, &house.project.contract.deploy[0]);
        let change =
            ThresholdChange { to: 0.5, reason: String::new(), numbers: Default::default(), judged: Vec::new() };
        route_change::change_endpoint(&house.app, &house.context, &target, |endpoint| {
            endpoint.replace_threshold(second, &change)
        })
        .unwrap();
        inflict(&house);
        let house = reopened(house, folder.path());
        recovery::recover(&house.app, house.context.at).unwrap();
        assert_eq!(routed(&house).0, Some(2), "{harm}: what is live answers");
        let has_candidate = stored(&house).1.is_some();
        let is_reported = live::candidate_refused_at(&house.app, &endpoint()).is_some();
        assert_eq!(has_candidate && routed(&house).1.is_none(), is_reported, "{harm}: what is not asked is reported");
        let target = Target::of(&house.project, &house.project.contract.deploy[0]);
        rollout::advance_rollout(&house.app, &house.context, &target).unwrap();
        if has_candidate {
            deploy::roll_back_at(&house.app, &house.context, &endpoint(), "heal").unwrap();
        }
        assert_eq!((stored(&house).1, live::refused_endpoints(&house.app)), (None, vec![]), "{harm}");
        let next = house.version(&onnx, None);
        house.deploy(next).unwrap();
        assert_eq!(routed(&house), stored(&house), "{harm}");
    }
}

#[test]
fn a_live_version_that_cannot_be_loaded_takes_no_other_endpoint_down_and_is_rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = house(folder.path(), CANARY);
    let other = format!("{}\n", house.project.text.replace("\"churn\"", "\"other\""));
    let other = Project::of(folder.path(), other).unwrap();
    let (onnx, _) = trained();
    let first = house.version(&onnx, None);
    house.deploy(first).unwrap();
    let before: BTreeSet<_> = blobs(folder.path());
    // One that was live, went on trial, and lost its package.
    let bad = house.version(&reading("__index_level_0__"), None);
    let own: Vec<_> = blobs(folder.path()).difference(&before).cloned().collect();
    deploy::roll_back_at(&house.app, &house.context, &endpoint(), "nothing was before").unwrap_err();
    let live = house.app.store().read(|reader| deployments::live(reader, &endpoint())).unwrap().unwrap();
    house.context =
        AuthorizedContext::system("test", kilter_domain::time::Timestamp(house.context.at.millis() + 1_000));
    let entry = house.context.audit_event("test", "", vec![]);
    house
        .app
        .store()
        .write(move |tx| deployments::advance(&tx.audited(entry), &live.id, live.state, DeploymentState::Superseded))
        .unwrap();
    force(&house, "broken", bad, DeploymentState::Live);
    own.iter().for_each(|blob| fs::remove_file(blob).unwrap());

    registration::register_to_run(&house.app, &house.context, &other).unwrap();
    let house = reopened(house, folder.path());
    let reason = live::refused_at(&house.app, &endpoint()).expect("it is reported");
    assert!(!reason.is_empty());
    assert_eq!(live::refused_endpoints(&house.app).len(), 1);
    assert_eq!(routed(&house), (None, None));
    let again = house.deploy(bad).unwrap_err();
    assert!(again.is_of_the_version(), "asked for once more it is loaded once more: {again}");
    deploy::roll_back_at(&house.app, &house.context, &endpoint(), "heal").unwrap();
    assert_eq!((routed(&house), stored(&house)), ((Some(1), None), (Some(1), None)));
    assert!(live::refused_endpoints(&house.app).is_empty());
}

fn blobs(folder: &std::path::Path) -> BTreeSet<std::path::PathBuf> {
    let objects = fs::read_dir(folder.join("blobs/objects")).unwrap();
    objects.flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap()).map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_endpoint_whose_log_cannot_be_opened_is_told_and_the_folder_opens() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), "");
    house.deploy(house.version(&trained().0, None)).unwrap();
    let project = house.project.clone();
    drop(house);
    fs::remove_dir_all(folder.path().join("log/churn")).unwrap();
    fs::write(folder.path().join("log/churn"), "a file where a folder was").unwrap();
    let house = TestFolder { project, ..TestFolder::open(folder.path()) };
    assert!(live::refused_at(&house.app, &endpoint()).is_some_and(|reason| reason.contains("log")), "it is reported");
    let next = house.version(&trained().0, None);
    assert!(house.deploy(next).is_err());
    assert_eq!(all(&house).len(), 1, "what cannot be recorded is not deployed");
}

#[test]
fn whatever_races_routes_end_as_the_store_says_and_nothing_stays_requested() {
    let folder = tempfile::tempdir().unwrap();
    for terms in ["", CANARY] {
        let house = house(&folder.path().join(if terms.is_empty() { "a" } else { "b" }), terms);
        let (onnx, _) = trained();
        let versions: Vec<u32> = (0..4).map(|_| house.version(&onnx, None)).collect();
        house.deploy(versions[0]).unwrap();
        for round in 0..12 {
            thread::scope(|scope| {
                for racer in 0..8 {
                    let (house, number) = (&house, versions[(round + racer) % versions.len()]);
                    scope.spawn(move || match racer % 4 {
                        3 => drop(deploy::roll_back_at(&house.app, &house.context, &endpoint(), "race")),
                        _ => drop(house.deploy(number)),
                    });
                }
            });
            assert_eq!(routed(&house), stored(&house), "round {round}");
        }
        let requested = all(&house).into_iter().filter(|one| one.state == DeploymentState::Requested).count();
        assert_eq!(requested, 0, "request and first stage are one act");
        let found = house.app.store().read(kilter_store::audit::verify).unwrap();
        assert!(found.is_sound(), "{:?}", found.faults);
        assert!(all(&house).len() > 10, "too little was going on: {}", all(&house).len());
    }
}

#[test]
fn what_a_killed_process_left_under_way_is_ended_with_its_entry() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), "");
    let first = house.version(&trained().0, None);
    force(&house, "left", first, DeploymentState::Requested);
    let (name, entry) = (house.project.name.clone(), house.context.audit_event("run_started", "", vec![]));
    let run = kilter_store::run::NewRun {
        id: "killed".into(),
        project: name,
        cause: kilter_domain::run::Cause::Replay,
        record: json!({}),
    };
    let begun = house.app.store().write(move |tx| {
        use kilter_domain::run::RunState;
        kilter_store::run::create(&tx.audited(entry.clone()), &run)?;
        kilter_store::run::advance(&tx.audited(entry), "killed", RunState::Queued, RunState::Running, None)
    });
    begun.unwrap();
    let scratch = folder.path().join("scratch/killed");
    fs::create_dir_all(&scratch).unwrap();
    fs::write(scratch.join("half.parquet"), "half").unwrap();
    let house = reopened(house, folder.path());
    let recovered = recovery::recover(&house.app, house.context.at).unwrap();
    assert_eq!((recovered.runs, recovered.deployments), (1, 1));
    let run = house.app.store().read(|reader| kilter_store::run::get(reader, "killed")).unwrap();
    assert_eq!(run.state, kilter_domain::run::RunState::Failed);
    assert!(run.record["error"].as_str().unwrap().contains("the process that ran it ended"), "{}", run.record);
    assert_eq!(all(&house)[0].state, DeploymentState::Stopped);
    assert!(!scratch.exists());
    assert_eq!(recovery::recover(&house.app, house.context.at).unwrap(), Default::default(), "once");
    assert!(house.app.store().read(kilter_store::audit::verify).unwrap().is_sound());
    house.deploy(first).unwrap();
}

#[test]
fn an_automatic_place_takes_the_newest_approved_version_once_nothing_is_on_trial() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), &format!("auto = true\n{CANARY}"));
    let (onnx, _) = trained();
    let at = house.context.at;
    let deployed = || auto_deploy::deploy_newest(&house.app, &house.project, at).unwrap();
    assert!(deployed().is_empty(), "there is no version");
    let (first, second) = (house.version(&onnx, None), house.version(&onnx, None));
    let found = deployed();
    assert_eq!((found.len(), found[0].number, found[0].outcome.clone()), (1, second, Ok(DeploymentState::Live)));
    assert!(deployed().is_empty(), "once");
    let (third, fourth) = (house.version(&onnx, None), house.version(&onnx, None));
    assert_eq!(deployed()[0].number, fourth, "the third is passed over: a newer one is approved");
    let fifth = house.version(&onnx, None);
    let waits = deployed();
    assert!(waits[0].number == fifth && waits[0].outcome.as_ref().is_err_and(|reason| reason.contains("candidate")));
    let waiting = next_step::waiting_at(&house.app, &endpoint(), at).unwrap().unwrap();
    assert_eq!((waiting.version, waiting.reason.contains("waits until v4")), (Some(fifth), true), "{waiting:?}");
    deploy::roll_back_at(&house.app, &house.context, &endpoint(), "worse").unwrap();
    let after = deployed();
    assert_eq!((after[0].number, after[0].outcome.clone()), (fifth, Ok(DeploymentState::Canary { percent: 10 })));
    deploy::roll_back_at(&house.app, &house.context, &endpoint(), "worse too").unwrap();
    assert!(deployed().is_empty(), "what a person took back stays away, and so do {first} and {third}");
}

#[test]
fn what_an_automatic_place_refuses_is_noted_once_and_named_by_status() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), "auto = true");
    house.deploy(house.version(&trained().0, None)).unwrap();
    let bad = house.version(&reading("__index_level_0__"), None);
    let refused = auto_deploy::deploy_newest(&house.app, &house.project, house.context.at).unwrap();
    assert!(refused[0].outcome.as_ref().is_err_and(|reason| reason.contains("__index_level_0__")), "{refused:?}");
    let entries = house.app.store().read(kilter_store::audit::size).unwrap();
    assert!(auto_deploy::deploy_newest(&house.app, &house.project, house.context.at).unwrap().is_empty());
    assert_eq!(house.app.store().read(kilter_store::audit::size).unwrap(), entries, "once");
    let waiting = next_step::waiting_at(&house.app, &endpoint(), house.context.at).unwrap().unwrap();
    assert!(waiting.version == Some(bad) && waiting.reason.contains("was not deployed"), "{waiting:?}");
}

#[test]
fn a_contract_that_cannot_be_read_keeps_nothing_from_serving() {
    let folder = tempfile::tempdir().unwrap();
    let house = house(folder.path(), "");
    house.deploy(house.version(&trained().0, None)).unwrap();
    let (name, entry) = (house.project.name.clone(), house.context.audit_event("test", "", vec![]));
    let broken = house
        .app
        .store()
        .write(move |tx| kilter_store::project::put_contract(&tx.audited(entry), &name, "[deploy\nnot a contract"));
    broken.unwrap();
    let house = reopened(house, folder.path());
    assert_eq!(routed(&house).0, Some(1));
    assert!(
        deploy::roll_back_at(&house.app, &house.context, &endpoint(), "x")
            .unwrap_err()
            .to_string()
            .contains("kilter.toml")
    );
    registration::register_to_run(&house.app, &house.context, &house.project).unwrap();
    house.deploy(house.version(&trained().0, None)).unwrap();
    assert_eq!(routed(&house).0, Some(2), "a contract that can be read heals it");
}

#[test]
fn people_who_approve_at_once_are_all_counted_and_nobody_is_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let terms = "auto = true\n[approve]\nrule = \"2 of validator\"\n[project.roles]\nvalidator = [\"user:ana\", \"user:ben\"]\nadmin = [\"user:ida\"]";
    let house = house(folder.path(), terms);
    let (onnx, _) = trained();
    let yes = approval::Yes { reason: "", conditions: Default::default(), role: None };
    for round in 1..=10 {
        let number = house.version_in(VersionState::Validated, &onnx, None);
        thread::scope(|scope| {
            for who in ["user:ana", "user:ben"] {
                let (house, context) = (&house, RequestContext::new(house.context.at, who.parse().unwrap()));
                scope.spawn(move || {
                    approval::approve(&house.app, &context, &house.project.model(), number, yes).unwrap()
                });
            }
        });
        let state = checks::version_state(&house.app, &house.project.model(), number).unwrap();
        assert_eq!((state, routed(&house).0), (VersionState::Approved, Some(u64::from(number))), "round {round}");
        assert_eq!(routed(&house), stored(&house));
    }
}
