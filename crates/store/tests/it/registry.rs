//! Registered models and versions: of clients, of the platform, and of clients before the platform.

use kilter_domain::{
    ids::ModelName,
    model::VersionState,
    registry::{RegisteredName, Stage},
    time::Timestamp,
};
use kilter_store::{
    StoreError, model as versions,
    model::alias as tenures,
    registry::{NewRegisteredModel, NewRegisteredVersion, RegisteredVersion, Tags, alias, model, platform, version},
};

use crate::world::{World, churn, new_version};

fn name(text: &str) -> RegisteredName {
    text.parse().unwrap()
}

fn new_model(world: &World, text: &str) -> Result<(), StoreError> {
    let new = NewRegisteredModel { name: name(text), description: "of houses".to_owned(), tags: Tags::new() };
    world.write(move |tx| model::create(tx, &new, Timestamp(5))).map(|_| ())
}

fn new_client_version(world: &World, text: &str) -> RegisteredVersion {
    let (name, source) = (name(text), "s3://bucket/model".to_owned());
    let new = NewRegisteredVersion { storage_location: source.clone(), source, ..NewRegisteredVersion::default() };
    world.write(move |tx| version::create(tx, &name, &new, Timestamp(7))).unwrap()
}

fn found(world: &World, text: &str, number: u32) -> RegisteredVersion {
    world.store.read(|reader| version::get(reader, &name(text), number)).unwrap()
}

fn named(world: &World, text: &str, wanted: &str) -> Option<u32> {
    world.store.read(|reader| alias::resolve(reader, &name(text), wanted)).unwrap()
}

/// The model `price`, of which clients have two versions and the platform makes the next one.
fn adopted() -> (World, ModelName) {
    let world = World::with_records();
    new_model(&world, "price").unwrap();
    new_client_version(&world, "price");
    new_client_version(&world, "price");
    world.write(|tx| alias::set(tx, &name("price"), &"champion".parse().unwrap(), 2)).unwrap();
    let model: ModelName = "price".parse().unwrap();
    let registered = model.clone();
    world.act(8, move |audited| versions::register(audited, &registered, &churn())).unwrap();
    let new = versions::NewVersion { model: model.clone(), ..new_version("a") };
    let made = world.act(9, move |audited| versions::create(audited, &new)).unwrap();
    assert_eq!(made.number, 3);
    (world, model)
}

fn advance(world: &World, model: &ModelName, states: &[VersionState]) {
    for pair in states.windows(2) {
        let (model, from, to) = (model.clone(), pair[0], pair[1]);
        world.act(20, move |audited| versions::advance(audited, &model, 3, from, to)).unwrap();
    }
}

fn a_number_is_given_once() {
    let world = World::with_records();
    new_model(&world, "price").unwrap();
    assert!(matches!(new_model(&world, "price"), Err(StoreError::Conflict { .. })));
    assert_eq!([new_client_version(&world, "price").number, new_client_version(&world, "price").number], [1, 2]);
    world.write(|tx| version::delete(tx, (&name("price"), 2), Timestamp(8))).unwrap();
    assert_eq!(new_client_version(&world, "price").number, 3);
    world.write(|tx| model::delete(tx, &name("price"))).unwrap();
    assert!(world.store.read(|reader| version::get(reader, &name("price"), 1)).is_err());
    new_model(&world, "price").unwrap();
    assert_eq!(new_client_version(&world, "price").number, 1, "it is another model");
}

fn a_contract_adopts_a_name_and_its_versions_go_on_behind_those_of_clients() {
    let (world, model) = adopted();
    let registered = world.store.read(|reader| model::get(reader, &name("price"))).unwrap();
    assert_eq!(registered.project, Some(churn()));
    let made = found(&world, "price", 3);
    assert_eq!((made.run_id.as_str(), made.user_id.as_str()), ("r-1", "ana"));
    assert_eq!(made.tags[platform::STATE_TAG], "draft");
    assert_eq!(made.source, "mlflow-artifacts:/registered-models/price/3");
    advance(&world, &model, &[VersionState::Draft, VersionState::Candidate]);
    assert_eq!(found(&world, "price", 3).tags[platform::STATE_TAG], "candidate");
    assert_eq!(named(&world, "price", "champion"), Some(2), "what a client named before stays until it is named again");
    world.assert_sound();
}

fn what_an_alias_and_a_stage_say_ends_with_the_state() {
    use VersionState::{Approved, Candidate, Draft, Revoked, Validated};
    let (world, model) = adopted();
    advance(&world, &model, &[Draft, Candidate, Validated, Approved]);
    for alias in ["champion", "newest"] {
        let model = model.clone();
        world.act(30, move |audited| tenures::point(audited, &model, alias, 3)).unwrap();
    }
    let of = name("price");
    world.act(31, move |audited| platform::put_stage(audited, (&of, 3), (Stage::Production, true))).unwrap();
    let made = found(&world, "price", 3);
    assert_eq!((made.stage, made.aliases.len()), (Stage::Production, 2));
    advance(&world, &model, &[Approved, Validated]);
    let lapsed = found(&world, "price", 3);
    assert_eq!((lapsed.stage, lapsed.aliases), (Stage::Archived, vec!["newest".to_owned()]));
    assert_eq!(named(&world, "price", "champion"), None);
    advance(&world, &model, &[Validated, Revoked]);
    assert_eq!(found(&world, "price", 3).aliases, [""; 0]);
    world.assert_sound();
}

both_databases![
    a_number_is_given_once,
    a_contract_adopts_a_name_and_its_versions_go_on_behind_those_of_clients,
    what_an_alias_and_a_stage_say_ends_with_the_state,
];
