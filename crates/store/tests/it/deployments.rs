//! Deployments: one live, one candidate, and what was live when.

use kilter_domain::{
    deployment::DeploymentState::{self, Live, Requested, RolledBack, Shadow, Superseded},
    time::Timestamp,
};
use kilter_store::{
    StoreError,
    deployment::{self, Deployment},
    model,
    page::PageRequest,
};

use crate::world::{World, churn_endpoint, new_deployment, new_version};

const fn canary(percent: u8) -> DeploymentState {
    DeploymentState::Canary { percent }
}

fn world(versions: u32) -> World {
    let world = World::with_records();
    for number in 1..=versions {
        world.act(0, move |audited| model::create(audited, &new_version(&number.to_string()))).unwrap();
        let id = format!("d-{number}");
        world.act(0, move |audited| deployment::request(audited, &new_deployment(&id, number))).unwrap();
    }
    world
}

fn advance(
    world: &World,
    at: i64,
    number: u32,
    from: DeploymentState,
    to: DeploymentState,
) -> Result<Deployment, StoreError> {
    world.act(at, move |audited| deployment::advance(audited, &format!("d-{number}"), from, to))
}

fn live_at(world: &World, at: i64) -> Option<u32> {
    let found = world.store.read(|reader| deployment::live_at(reader, &churn_endpoint(), Timestamp(at))).unwrap();
    found.map(|deployment| deployment.number)
}

fn a_deployment_walks_from_request_through_canary_to_live_and_out() {
    let world = world(1);
    advance(&world, 1, 1, Requested, Shadow).unwrap();
    advance(&world, 2, 1, Shadow, canary(5)).unwrap();
    advance(&world, 3, 1, canary(5), canary(25)).unwrap();
    advance(&world, 4, 1, canary(25), Live).unwrap();
    let gone = advance(&world, 9, 1, Live, RolledBack).unwrap();
    assert_eq!((gone.live_since, gone.live_until), (Some(Timestamp(4)), Some(Timestamp(9))));
    assert_eq!((gone.started, gone.ended), (Some(Timestamp(1)), Some(Timestamp(9))));
    world.assert_sound();
}

fn a_request_that_was_stopped_never_started() {
    let world = world(1);
    let stopped = advance(&world, 3, 1, Requested, DeploymentState::Stopped).unwrap();
    assert_eq!((stopped.started, stopped.ended), (None, Some(Timestamp(3))));
}

fn an_endpoint_never_has_two_live_deployments_or_two_candidates() {
    let world = world(4);
    advance(&world, 1, 1, Requested, Live).unwrap();
    let error = advance(&world, 2, 2, Requested, Live).unwrap_err();
    let says = "could not move the deployment: endpoint `churn` has one in that place already; move that one first";
    assert_eq!(error.to_string(), says);
    advance(&world, 3, 3, Requested, Shadow).unwrap();
    assert!(matches!(advance(&world, 4, 4, Requested, canary(5)), Err(StoreError::Conflict { .. })));
    world.assert_sound();
}

fn the_change_of_the_guard_is_one_transaction() {
    let world = world(2);
    advance(&world, 1, 1, Requested, Live).unwrap();
    advance(&world, 2, 2, Requested, canary(5)).unwrap();
    world
        .act(3, |audited| {
            deployment::advance(audited, "d-1", Live, Superseded)?;
            deployment::advance(audited, "d-2", canary(5), Live)
        })
        .unwrap();
    let (live, candidate) = world
        .store
        .read(|reader| {
            Ok((deployment::live(reader, &churn_endpoint())?, deployment::candidate(reader, &churn_endpoint())?))
        })
        .unwrap();
    assert_eq!((live.unwrap().number, candidate), (2, None));
    assert_eq!([0, 1, 2, 3, 99].map(|at| live_at(&world, at)), [None, Some(1), Some(1), Some(2), Some(2)]);
    world.assert_sound();
}

fn a_change_of_the_guard_that_fails_halfway_changes_nothing() {
    let world = world(2);
    advance(&world, 1, 1, Requested, Live).unwrap();
    let outcome = world.act(3, |audited| {
        deployment::advance(audited, "d-1", Live, Superseded)?;
        deployment::advance(audited, "d-2", canary(50), Live)
    });
    assert!(matches!(outcome, Err(StoreError::Moved { .. })));
    assert_eq!(live_at(&world, 3), Some(1));
    world.assert_sound();
}

fn a_clock_that_jumps_back_never_makes_two_live_at_once() {
    let world = world(2);
    advance(&world, 100, 1, Requested, Live).unwrap();
    advance(&world, 50, 1, Live, Superseded).unwrap();
    advance(&world, 60, 2, Requested, Live).unwrap();
    assert_eq!([60, 99, 100, 200].map(|at| live_at(&world, at)), [None, None, Some(2), Some(2)]);
}

fn a_starting_server_finds_everything_that_serves() {
    let world = world(3);
    advance(&world, 1, 1, Requested, Live).unwrap();
    advance(&world, 1, 2, Requested, canary(5)).unwrap();
    let (serving, requested) = world
        .store
        .read(|reader| {
            Ok((
                deployment::list_serving(reader, &PageRequest::default())?,
                deployment::list_requested(reader, &churn_endpoint())?,
            ))
        })
        .unwrap();
    assert_eq!(serving.items.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(requested.iter().map(|one| one.number).collect::<Vec<_>>(), [3]);
}

fn a_canary_of_nothing_or_past_the_whole_is_refused() {
    let world = world(1);
    for state in [canary(0), canary(101)] {
        assert!(matches!(advance(&world, 1, 1, Requested, state), Err(StoreError::Conflict { .. })), "{state:?}");
    }
    world.assert_sound();
}

both_databases![
    a_deployment_walks_from_request_through_canary_to_live_and_out,
    a_request_that_was_stopped_never_started,
    an_endpoint_never_has_two_live_deployments_or_two_candidates,
    the_change_of_the_guard_is_one_transaction,
    a_change_of_the_guard_that_fails_halfway_changes_nothing,
    a_clock_that_jumps_back_never_makes_two_live_at_once,
    a_starting_server_finds_everything_that_serves,
    a_canary_of_nothing_or_past_the_whole_is_refused,
];
