//! What a server does when another one changed something: what it keeps in memory follows the database.
//!
//! Invariants: every change has its entry in the audit log, whose numbers have no gaps and are in the order of commits, so
//! nothing that was committed is missed, however late it is heard of. A change of this process itself is followed too, and finds
//! everything as it should be. Out of scope: when to look; the server has a thread for it.
//!
//! How each component follows: routes and rights by the entries; contracts by the digest of their text; versions by the digest
//! of their package; readings, alerts and thresholds are read from the database each time; runs by the entry that asks
//! for their end. Counts of failures, refused actions and column statistics are each process's own, and add up in the database.
//! Marks of labels and of threshold evaluations are the evaluating server's; another one that takes over begins without them,
//! which is harmless.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use kilter_domain::{
    ids::{EndpointName, ProjectName},
    replica::ReplicaId,
    time::Timestamp,
};
use kilter_store::{PageRequest, audit, audit::Followed, deployment as deployments, replica};

use crate::{
    app::{App, RecordAck},
    authz::access_map,
    causes::StorageError,
    data_folder::{DataFolderError, recovery},
    deployment::routes,
    identity,
    prediction::{log_recovery, partition_index},
    runs::start_run,
};

/// Entries that are read at a time.
const PAGE: u32 = 1_000;
/// The pause before an endpoint that could not be loaded is tried again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How often it is asked which servers live.
const LIVING_EVERY: Duration = Duration::from_secs(5);
/// How often copies of servers that do not live are looked for, where records are acknowledged by the object store.
const COPIES_EVERY: Duration = Duration::from_secs(30);

/// What a server has followed so far.
#[derive(Default)]
pub struct Follower {
    /// The servers that lived, and when that was asked.
    living: Option<(BTreeSet<ReplicaId>, Instant)>,
    /// Whether a server that is gone may have left copies of its log.
    has_copies: bool,
    /// When that was looked for.
    looked_for_copies: Option<Instant>,
    /// Endpoints that could not be loaded: when each is tried again, and the pause after that.
    failed: BTreeMap<EndpointName, (Instant, Duration)>,
}

/// What entries of the audit log ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Changes {
    has_rights: bool,
    has_identities: bool,
    projects: BTreeSet<ProjectName>,
    deployments: BTreeSet<String>,
    cancelled: BTreeSet<String>,
}

impl Changes {
    fn of(entries: &[Followed]) -> Self {
        let mut changes = Self::default();
        for entry in entries {
            let Some((kind, name)) = entry.object.split_once(':') else { continue };
            match kind {
                "deployment" => drop(changes.deployments.insert(name.to_owned())),
                "project" | "endpoint" => changes.has_rights = true,
                "account" | "token" => changes.has_identities = true,
                "contract" => {
                    changes.has_rights = true;
                    changes.projects.extend(name.parse());
                }
                "run" if entry.action == start_run::CANCEL => drop(changes.cancelled.insert(name.to_owned())),
                _ => {}
            }
        }
        changes
    }
}

/// Brings what is kept in memory up to what was committed, and ends what servers left under way that died since.
///
/// # Errors
/// When the metadata cannot be read; what was not followed yet is followed by the next call.
pub fn follow(app: &App, follower: &mut Follower, now: Timestamp) -> Result<(), DataFolderError> {
    loop {
        let seen = app.components().followed.get();
        let entries = app.store().read(|reader| audit::list_after(reader, seen, PAGE))?;
        let Some(last) = entries.last().map(|entry| entry.seq) else { break };
        let changes = Changes::of(&entries);
        follow_changes(app, follower, &changes)?;
        app.components().followed.set(last);
    }
    retry_failed(app, follower);
    follow_living(app, follower, now)
}

fn follow_changes(app: &App, follower: &mut Follower, changes: &Changes) -> Result<(), StorageError> {
    changes.cancelled.iter().for_each(|run| start_run::cancel_followed(app, run));
    if changes.has_rights {
        access_map::load_access(app)?;
    }
    if changes.has_identities {
        identity::load_identities(app)?;
    }
    let mut endpoints = BTreeSet::new();
    app.store().read(|reader| {
        for id in &changes.deployments {
            endpoints.extend(deployments::find(reader, id)?.map(|found| found.endpoint));
        }
        for project in &changes.projects {
            let of_project = deployments::list_endpoints(reader, Some(project), &PageRequest::first(1000))?;
            for endpoint in of_project.items {
                // One where nothing was ever live has no log to be opened.
                endpoints.extend(deployments::live(reader, &endpoint.name)?.map(|found| found.endpoint));
            }
        }
        Ok(())
    })?;
    endpoints.into_iter().for_each(|endpoint| follow_endpoint(app, follower, endpoint));
    Ok(())
}

fn follow_endpoint(app: &App, follower: &mut Follower, endpoint: EndpointName) {
    match routes::sync_endpoint(app, &endpoint) {
        Ok(()) => drop(follower.failed.remove(&endpoint)),
        // Its reason is logged and shown where it is remembered; what answered before goes on.
        Err(_) => {
            let pause = follower.failed.get(&endpoint).map_or(FIRST_PAUSE, |(_, pause)| *pause);
            follower.failed.insert(endpoint, (Instant::now() + pause, (2 * pause).min(LONGEST_PAUSE)));
        }
    }
}

/// Tries again what could not be loaded, also when the server was started: its bytes may be there by now.
fn retry_failed(app: &App, follower: &mut Follower) {
    for (endpoint, _) in app.components().endpoints.failures() {
        follower.failed.entry(endpoint).or_insert((Instant::now() + FIRST_PAUSE, 2 * FIRST_PAUSE));
    }
    let is_due = |(_, (at, _)): &(&EndpointName, &(Instant, Duration))| *at <= Instant::now();
    let due: Vec<EndpointName> = follower.failed.iter().filter(is_due).map(|(endpoint, _)| endpoint.clone()).collect();
    due.into_iter().for_each(|endpoint| follow_endpoint(app, follower, endpoint));
}

fn follow_living(app: &App, follower: &mut Follower, now: Timestamp) -> Result<(), DataFolderError> {
    if follower.living.as_ref().is_some_and(|(_, asked)| asked.elapsed() < LIVING_EVERY) {
        return Ok(());
    }
    let living = app.store().read(replica::living_numbers)?;
    let is_gone = |(before, _): &(BTreeSet<ReplicaId>, Instant)| !before.is_subset(&living);
    let has_died = follower.living.as_ref().is_some_and(is_gone);
    if has_died {
        recovery::recover_others(app, now)?;
    }
    // At the start too: the machine of an earlier server may be lost. And now and then: a server that was paused may have gone on, and
    // died before it was seen alive again.
    let is_due = follower.looked_for_copies.is_none_or(|at| at.elapsed() >= COPIES_EVERY);
    let makes_copies = app.options().record_ack == RecordAck::Storage;
    follower.has_copies |= has_died || follower.living.is_none() || (makes_copies && is_due);
    follower.living = Some((living.clone(), Instant::now()));
    if follower.has_copies {
        seal_copies_of_gone(app, &living)?;
        (follower.has_copies, follower.looked_for_copies) = (false, Some(Instant::now()));
    }
    Ok(())
}

/// Seals what servers acknowledged by copies in the object store, and did not seal before they died.
fn seal_copies_of_gone(app: &App, living: &BTreeSet<ReplicaId>) -> Result<(), StorageError> {
    let own = app.store().replica();
    for endpoint in partition_index::endpoints(app.store())? {
        let with_copies = log_recovery::replicas_with_copies(app, &endpoint)?;
        for replica in with_copies.into_iter().filter(|replica| *replica != own && !living.contains(replica)) {
            let (leases, name) = (&app.components().leases, replica::lease_name(replica));
            // While this process has its lease, the replica does not start.
            let Some(lease) = leases.acquire(app.store(), &name)? else { continue };
            let recovered = log_recovery::recover_gone(&app.under(lease), &endpoint, replica);
            leases.give_back(app.store(), &name)?;
            recovered?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(action: &str, object: &str) -> Followed {
        Followed { seq: 1, action: action.to_owned(), object: object.to_owned() }
    }

    #[test]
    fn entries_say_what_is_to_be_read_again() {
        let of = |action, object| Changes::of(&[entry(action, object)]);
        assert_eq!(of("deployment.live", "deployment:d-1").deployments, BTreeSet::from(["d-1".to_owned()]));
        let contract = of("project.register", "contract:churn");
        assert!(contract.has_rights && contract.projects.len() == 1);
        assert!(of("project.register", "endpoint:churn").has_rights);
        assert!(
            of("account.disable", "account:user:ana").has_identities && of("token.revoke", "token:t-1").has_identities
        );
        assert_eq!(of("run.cancel", "run:r-1").cancelled, BTreeSet::from(["r-1".to_owned()]));
        for (action, object) in [("run_started", "run:r-1"), ("alert.open", "alert:a-1"), ("clock.set_back", "clock")] {
            assert_eq!(of(action, object), Changes::default(), "{action}");
        }
    }
}
