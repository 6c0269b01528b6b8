//! The leases of this process where several servers share a database: renewed by a thread, given back at the end.
//!
//! Invariants: on a database in a file there is no lease and no thread. A lease that was not renewed in time by the monotonic clock
//! counts as lost until the database says otherwise; what is written under one that is lost is refused by the store, whatever
//! this process believes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kilter_domain::{
    error_chain::with_causes,
    time::{Span, Timestamp},
};
use kilter_store::{
    Store, StoreError,
    lease::{self, Lease},
    replica,
};

use crate::lock::lock;

/// How long a process that died is waited for.
pub(crate) const LEASE: Span = Span::seconds(15);
/// The time between two renewals: two may fail.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// Until when everything that this process answered is sealed; `None` where it answers nobody.
pub(crate) type SealedUntil = Box<dyn Fn() -> Option<Timestamp> + Send>;

/// What is wrong with the lease by which this server lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseFault {
    /// The database does not answer: others may believe that it is gone. It answers predictions as before.
    NotRenewed,
    /// A process on a copy of its data folder has the lease: what both record would bear the same numbers.
    Taken,
}

/// The leases of this process. Dropping them gives them back.
#[derive(Default)]
pub(crate) struct Leases {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    fault: Mutex<Option<LeaseFault>>,
}

#[derive(Default)]
struct State {
    /// `PLACE#PROCESS`.
    holder: String,
    began: Option<Instant>,
    held: BTreeMap<String, Held>,
    is_stopping: bool,
}

struct Held {
    lease: Lease,
    /// Before the database was asked for it, or to renew it.
    asked: Instant,
}

impl Held {
    fn is_fresh(&self) -> bool {
        i64::try_from(self.asked.elapsed().as_millis()).is_ok_and(|age| age < LEASE.millis())
    }
}

impl Leases {
    /// Takes the lease by which this replica lives, and keeps it from now on.
    ///
    /// # Errors
    /// [`StoreError::ReplicaInUse`] when another process has it.
    pub(crate) fn begin(&self, store: &Store, holder: String, sealed: SealedUntil) -> Result<(), StoreError> {
        {
            let mut state = lock(&self.shared.state);
            (state.holder, state.began) = (holder, Some(Instant::now()));
        }
        let name = replica::lease_name(store.replica());
        if self.acquire(store, &name)?.is_none() {
            return Err(in_use(store, &name)?);
        }
        store.note_sealed(None)?;
        let (shared, store) = (self.shared.clone(), store.clone());
        let keep = move || shared.keep(&store, &sealed);
        let keeper = thread::Builder::new().name("leases".to_owned()).spawn(keep).map_err(|_| StoreError::Closed)?;
        *lock(&self.keeper) = Some(keeper);
        Ok(())
    }

    /// A lease, taken where it is free; `None` while another process holds it. One that is held already costs nothing.
    pub(crate) fn acquire(&self, store: &Store, name: &str) -> Result<Option<Lease>, StoreError> {
        let holder = {
            let mut state = lock(&self.shared.state);
            if state.is_stopping {
                return Ok(None);
            }
            if let Some(held) = state.held.get(name).filter(|held| held.is_fresh()) {
                return Ok(Some(held.lease.clone()));
            }
            state.held.remove(name);
            state.holder.clone()
        };
        self.shared.acquire(store, name, &holder)
    }

    /// Whether a lease is held and was renewed in time.
    pub(crate) fn has(&self, name: &str) -> bool {
        lock(&self.shared.state).held.get(name).is_some_and(Held::is_fresh)
    }

    /// How long this process has been among the servers.
    pub(crate) fn age(&self) -> Duration {
        lock(&self.shared.state).began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// What became of the last renewal, if it failed.
    pub(crate) fn fault(&self) -> Option<LeaseFault> {
        *lock(&self.shared.fault)
    }

    /// Gives one lease back.
    pub(crate) fn give_back(&self, store: &Store, name: &str) -> Result<(), StoreError> {
        let holder = {
            let mut state = lock(&self.shared.state);
            state.held.remove(name);
            state.holder.clone()
        };
        let name = name.to_owned();
        store.write(move |tx| lease::give_back(tx, &name, &holder, tx.database_time()?))
    }

    /// Gives everything back, so that others need not wait. Nothing is taken any more.
    pub(crate) fn end(&self, store: &Store) {
        let (holder, held) = {
            let mut state = lock(&self.shared.state);
            state.is_stopping = true;
            (state.holder.clone(), std::mem::take(&mut state.held))
        };
        self.shared.changed.notify_all();
        // The last handle of the platform may be that of the keeper itself.
        let keeper = lock(&self.keeper).take();
        if let Some(keeper) = keeper.filter(|keeper| keeper.thread().id() != thread::current().id()) {
            let _ = keeper.join();
        }
        // While the database is away nobody waits for it here: they run out.
        if held.is_empty() || self.fault().is_some() {
            return;
        }
        let given = store.write(move |tx| {
            let now = tx.database_time()?;
            held.keys().try_for_each(|name| lease::give_back(tx, name, &holder, now))
        });
        if let Err(error) = given {
            tracing::warn!(error = with_causes(&error), "leases could not be given back; they run out by themselves");
        }
    }
}

impl Shared {
    fn acquire(&self, store: &Store, name: &str, holder: &str) -> Result<Option<Lease>, StoreError> {
        let asked = Instant::now();
        // To ask is cheaper than to write, and waits for nobody.
        let is_taken = store.read(|reader| {
            let now = reader.database_time()?;
            let place = holder.split('#').next();
            let is_other = |held: &Lease| held.until > now && held.holder.split('#').next() != place;
            Ok(lease::find(reader, name)?.is_some_and(|held| is_other(&held)))
        })?;
        if is_taken {
            return Ok(None);
        }
        let Some(lease) = store.acquire_lease(name, holder, LEASE)? else { return Ok(None) };
        lock(&self.state).held.insert(name.to_owned(), Held { lease: lease.clone(), asked });
        Ok(Some(lease))
    }

    /// Renews what is held, until the end.
    fn keep(&self, store: &Store, sealed: &SealedUntil) {
        let own = replica::lease_name(store.replica());
        loop {
            let waits = |state: &mut State| !state.is_stopping;
            let rested = self.changed.wait_timeout_while(lock(&self.state), RENEW_EVERY, waits);
            let state = rested.unwrap_or_else(PoisonError::into_inner).0;
            if state.is_stopping {
                return;
            }
            let (held, holder): (Vec<Lease>, String) =
                (state.held.values().map(|held| held.lease.clone()).collect(), state.holder.clone());
            drop(state);
            let renewed = self.renew(store, &held).and_then(|()| {
                store.note_sealed(sealed())?;
                match lock(&self.state).held.contains_key(&own) {
                    true => Ok(()),
                    // Someone took it for gone, or is a copy of it.
                    false => match self.acquire(store, &own, &holder)? {
                        Some(_) => Ok(()),
                        None => Err(in_use(store, &own)?),
                    },
                }
            });
            let fault = renewed.as_ref().err().map(|error| match error {
                StoreError::ReplicaInUse { .. } => LeaseFault::Taken,
                _ => LeaseFault::NotRenewed,
            });
            let before = std::mem::replace(&mut *lock(&self.fault), fault);
            match renewed {
                Err(error) if before != fault => {
                    tracing::error!(error = with_causes(&error), "the leases of this server could not be renewed");
                }
                Ok(()) if before.is_some() => tracing::info!("the leases of this server are renewed again"),
                _ => {}
            }
        }
    }

    fn renew(&self, store: &Store, held: &[Lease]) -> Result<(), StoreError> {
        let asked = Instant::now();
        let lost = store.renew_leases(held, LEASE)?;
        let mut state = lock(&self.state);
        for lease in held {
            match state.held.get_mut(&lease.name).filter(|held| held.lease == *lease) {
                Some(_) if lost.contains(&lease.name) => {
                    tracing::warn!(lease = %lease.name, "another server has taken it over");
                    state.held.remove(&lease.name);
                }
                Some(held) => held.asked = asked,
                None => {}
            }
        }
        Ok(())
    }
}

fn in_use(store: &Store, name: &str) -> Result<StoreError, StoreError> {
    let found = store.read(|reader| Ok((lease::find(reader, name)?, reader.database_time()?)))?;
    let (holder, left) = match found {
        (Some(lease), now) => (lease.holder, (lease.until.millis() - now.millis()) / 1_000),
        (None, _) => ("another process".to_owned(), 0),
    };
    Ok(StoreError::ReplicaInUse { replica: store.replica(), holder, seconds: left.max(0) + 1 })
}
