//! Publishing the newest checkpoint to every place that the operator names.
//!
//! Invariants: a place that fails is tried again, with longer and longer pauses, and holds up neither an act nor another place; what it
//! misses meanwhile the next checkpoint there covers.

use std::time::{Duration, Instant};

use kilter_domain::time::Timestamp;
use kilter_store::checkpoint::{self as store, CheckpointPlace};

use crate::{app::App, causes::StorageError, components::publish_retries::Retry};

/// The pause before a place that failed is tried again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// How a place is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceState {
    /// What is stored of it.
    pub place: CheckpointPlace,
    /// Whether it has the newest checkpoint.
    pub is_current: bool,
}

/// How each place is doing that was ever published to, by name.
///
/// # Errors
/// If the metadata cannot be read.
pub fn place_states(app: &App) -> Result<Vec<PlaceState>, StorageError> {
    let (places, newest) = app.store().read(|reader| Ok((store::list_places(reader)?, store::newest(reader)?)))?;
    let newest = newest.map_or(0, |newest| newest.size);
    let state = |place: CheckpointPlace| {
        let is_current = place.failure.is_none() && place.size.unwrap_or(0) >= newest;
        PlaceState { place, is_current }
    };
    Ok(places.into_iter().map(state).collect())
}

/// Writes the newest checkpoint to each place that does not have it; the places that failed, with why.
///
/// # Errors
/// If the metadata cannot be read or written.
pub fn publish_checkpoint(app: &App, now: Timestamp) -> Result<Vec<String>, StorageError> {
    let places = &app.options().publish;
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let (known, newest) = app.store().read(|reader| Ok((store::list_places(reader)?, store::newest(reader)?)))?;
    let Some(newest) = newest else { return Ok(Vec::new()) };
    let mut failures = Vec::new();
    for place in places {
        let name = place.to_string();
        let state = known.iter().find(|known| known.place == name);
        let failure = state.and_then(|state| state.failure.as_ref());
        if failure.is_none() && state.and_then(|state| state.size) >= Some(newest.size) {
            continue;
        }
        let retry = app.components().publish_retries.lock().get(&name).copied();
        if retry.is_some_and(|retry| retry.at > Instant::now()) {
            failures.extend(failure.map(|(_, error)| format!("{name}: {error}")));
            continue;
        }
        match place.write(newest.size, &newest.note) {
            Ok(()) => {
                app.components().publish_retries.lock().remove(&name);
                let size = newest.size;
                app.under_no_lease().store().write(move |tx| store::note_published(tx, &name, size, now))?;
            }
            Err(error) => {
                let pause = retry.map_or(FIRST_PAUSE, |retry| (2 * retry.pause).min(LONGEST_PAUSE));
                let next = Retry { at: Instant::now() + pause, pause };
                app.components().publish_retries.lock().insert(name.clone(), next);
                failures.push(format!("{name}: {error}"));
                // The same failure again is no news.
                if failure.is_none_or(|(_, known)| *known != error) {
                    app.under_no_lease().store().write(move |tx| store::note_failed(tx, &name, now, &error))?;
                }
            }
        }
    }
    Ok(failures)
}
