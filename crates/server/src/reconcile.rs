//! The timer of the loop: monitors, alerts, rollouts and retraining of every project, one step after another.
//!
//! Holds true: a step that fails is logged and the next one is made all the same; steps never overlap.

use std::{thread, time::Duration};

use kilter_domain::time::Timestamp;

use crate::state::House;

/// The rest between two steps.
const EVERY: Duration = Duration::from_secs(10);
/// How often the thread looks whether it should stop.
const PATIENCE: Duration = Duration::from_millis(200);

/// Starts the loop in a thread of its own; it ends after the step in which the server begins to stop.
pub(crate) fn start(house: &House) {
    let house = house.clone();
    let started = thread::Builder::new().name("reconcile".to_owned()).spawn(move || run(&house));
    if let Err(error) = started {
        tracing::error!(%error, "monitors and retraining stand still: their thread could not be started");
    }
}

fn run(house: &House) {
    let mut next = Timestamp(house.now().millis().saturating_add(EVERY.as_millis() as i64));
    while !house.is_stopping() {
        if house.now() < next {
            thread::sleep(PATIENCE);
            continue;
        }
        step(house);
        next = Timestamp(house.now().millis().saturating_add(EVERY.as_millis() as i64));
    }
}

fn step(house: &House) {
    house.app().record_repeated_refusals(house.now());
    match house.app().reconcile_all(house.now()) {
        Ok(failed) => {
            for (project, error) in failed {
                tracing::error!(%project, %error, "the loop could not take its step");
            }
        }
        Err(error) => tracing::error!(%error, "the loop could not take its step"),
    }
}
