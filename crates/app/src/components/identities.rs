//! Accounts and tokens, as they are kept in memory: who asks is known without SQL.
//!
//! Invariants: a new map takes the place of the old one as a whole; when a token was used last is counted here, and written from time to
//! time. Passwords are checked one after the other in few places, so that nobody can fill the memory by logging in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use kilter_domain::{
    actor::Actor,
    time::{Span, Timestamp},
};
use kilter_store::{account::Account, token::Token};

use super::proven_passwords::ProvenPasswords;
use crate::{context::Credential, lock::lock};

/// Passwords that are checked at a time; each check takes 19 MiB.
const MAX_CHECKS: usize = 2;
/// Checks that wait for a place.
const MAX_WAITING_CHECKS: usize = 8;
/// How long a check waits for a place.
const CHECK_PATIENCE: Duration = Duration::from_secs(10);
/// Accounts whose failed logins are counted at a time.
const MAX_COUNTED: usize = 1024;
/// Failed logins that cost nothing.
const FREE_FAILURES: u32 = 3;
/// The longest pause between two logins of an account, in seconds.
const MAX_PAUSE_SECONDS: i64 = 300;

/// A token that may be used.
#[derive(Debug)]
pub(crate) struct KnownToken {
    pub actor: Actor,
    pub name: String,
    pub expires: Timestamp,
    pub is_disabled: bool,
    pub credential: Arc<Credential>,
    use_of: Arc<TokenUse>,
}

/// When a token was used last, and what of it is written.
#[derive(Debug, Default)]
struct TokenUse {
    last: AtomicI64,
    written: AtomicI64,
}

/// Every account and every token that may be used.
#[derive(Debug, Default)]
pub(crate) struct IdentityMap {
    accounts: BTreeMap<Actor, Account>,
    tokens: HashMap<[u8; 32], KnownToken>,
    /// Whether there was ever an account or a token.
    is_used: bool,
}

impl IdentityMap {
    pub(crate) fn of(accounts: Vec<Account>, tokens: Vec<Token>, is_used: bool, before: &Self) -> Self {
        let accounts: BTreeMap<Actor, Account> = accounts
            .into_iter()
            .map(|account| (account.actor.clone(), Account { password: None, ..account }))
            .collect();
        let known = |token: Token| {
            let account = accounts.get(&token.actor)?;
            let use_of = before.tokens.get(&token.hash).map(|known| known.use_of.clone()).unwrap_or_default();
            let credential = Credential {
                token: Some((token.id, token.name.clone())),
                groups: account.groups.clone(),
                on_behalf: account.owner.clone(),
                scope: token.scope,
                is_admin: account.is_admin,
                has_folder: false,
                max_token_expiry: (!token.is_session).then_some(token.expires),
            };
            let known = KnownToken {
                actor: token.actor,
                name: token.name,
                expires: token.expires,
                is_disabled: account.disabled.is_some(),
                credential: Arc::new(credential),
                use_of,
            };
            Some((token.hash, known))
        };
        let tokens = tokens.into_iter().filter_map(known).collect();
        Self { tokens, is_used: is_used || !accounts.is_empty(), accounts }
    }

    /// The token with this hash, if it may be used. It is found by the hash of a secret, so the time that the search takes says
    /// nothing of the secret.
    pub(crate) fn token(&self, hash: &[u8; 32]) -> Option<&KnownToken> {
        self.tokens.get(hash)
    }

    /// The account of this name.
    pub(crate) fn account(&self, actor: &Actor) -> Option<&Account> {
        self.accounts.get(actor)
    }
}

impl KnownToken {
    /// Counts a use.
    pub(crate) fn note_use(&self, at: Timestamp) {
        self.use_of.last.fetch_max(at.millis(), Ordering::Relaxed);
    }
}

/// What is known of identities, and what is counted of them.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    map: RwLock<Arc<IdentityMap>>,
    /// Whether an OpenID provider proves who someone is.
    has_provider: AtomicBool,
    failures: Mutex<BTreeMap<Actor, Failures>>,
    checks: Mutex<Checks>,
    check_ended: Condvar,
    /// Passwords that requests carry, and that were right a moment ago.
    pub(crate) proven_passwords: ProvenPasswords,
    /// Held by whoever reads accounts and tokens anew.
    loading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Checks {
    running: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    /// From when on the next login is tried: after a pause that doubles with each failure.
    fn until(&self) -> Timestamp {
        let beyond = self.count.saturating_sub(FREE_FAILURES);
        match beyond {
            0 => self.last,
            beyond => self.last.after(Span::seconds((1_i64 << beyond.min(10)).min(MAX_PAUSE_SECONDS))),
        }
    }
}

impl Identities {
    /// As they are now.
    pub(crate) fn current(&self) -> Arc<IdentityMap> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in place.
    pub(crate) fn replace(&self, map: IdentityMap) {
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
    }

    /// Held while accounts and tokens are read and put in place.
    pub(crate) fn loading(&self) -> MutexGuard<'_, ()> {
        lock(&self.loading)
    }

    /// From now on a provider proves who someone is too.
    pub(crate) fn set_provider(&self) {
        self.has_provider.store(true, Ordering::Relaxed);
    }

    /// Whether a name alone is no identity any more.
    pub(crate) fn is_required(&self) -> bool {
        self.has_provider.load(Ordering::Relaxed) || self.current().is_used
    }

    /// Tokens that were used since their last use was written: id and time.
    pub(crate) fn take_uses(&self) -> Vec<(String, Timestamp)> {
        let map = self.current();
        let due = map.tokens.values().filter_map(|token| {
            let last = token.use_of.last.load(Ordering::Relaxed);
            let is_new = token.use_of.written.swap(last, Ordering::Relaxed) < last;
            let (id, _) = token.credential.token.as_ref()?;
            is_new.then(|| (id.clone(), Timestamp(last)))
        });
        due.collect()
    }

    /// For how many seconds nobody may log in as `actor`; 0: now.
    pub(crate) fn login_pause(&self, actor: &Actor, now: Timestamp) -> i64 {
        let failures = lock(&self.failures);
        let until = failures.get(actor).map_or(now, Failures::until);
        ((until.millis() - now.millis()).max(0) + 999) / 1000
    }

    /// Counts a login that failed.
    pub(crate) fn fail_login(&self, actor: &Actor, now: Timestamp) {
        let mut failures = lock(&self.failures);
        if failures.len() >= MAX_COUNTED && !failures.contains_key(actor) {
            let oldest = failures.iter().min_by_key(|(_, failures)| failures.last).map(|(actor, _)| actor.clone());
            if let Some(oldest) = oldest {
                failures.remove(&oldest);
            }
        }
        let counted = failures.entry(actor.clone()).or_insert(Failures { count: 0, last: now });
        *counted = Failures { count: counted.count.saturating_add(1), last: now };
    }

    /// Forgets the failed logins of an account.
    pub(crate) fn succeed_login(&self, actor: &Actor) {
        lock(&self.failures).remove(actor);
    }

    /// Runs the check of a password when there is a place for it; `None` where too many wait.
    pub(crate) fn check_password<T>(&self, check: impl FnOnce() -> T) -> Option<T> {
        let mut checks = lock(&self.checks);
        if checks.running >= MAX_CHECKS {
            if checks.waiting >= MAX_WAITING_CHECKS {
                return None;
            }
            checks.waiting += 1;
            let is_full = |checks: &mut Checks| checks.running >= MAX_CHECKS;
            let waited = self.check_ended.wait_timeout_while(checks, CHECK_PATIENCE, is_full);
            let (guard, result) = waited.unwrap_or_else(PoisonError::into_inner);
            checks = guard;
            checks.waiting -= 1;
            if result.timed_out() {
                return None;
            }
        }
        checks.running += 1;
        drop(checks);
        let _place = CheckPlace(self);
        Some(check())
    }
}

/// A place among the checks that run; given back however the check ends.
struct CheckPlace<'a>(&'a Identities);

impl Drop for CheckPlace<'_> {
    fn drop(&mut self) {
        lock(&self.0.checks).running -= 1;
        self.0.check_ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_logins_make_the_next_one_wait_and_a_good_one_is_forgiven() {
        let (known, ana) = (Identities::default(), "user:ana".parse().unwrap());
        let pause = |seconds: i64| known.login_pause(&ana, Timestamp(seconds * 1000));
        for second in 0..3 {
            assert_eq!(pause(second), 0);
            known.fail_login(&ana, Timestamp(second * 1000));
        }
        assert_eq!(pause(2), 0, "three mistakes are free");
        known.fail_login(&ana, Timestamp(3_000));
        assert_eq!((pause(3), pause(5)), (2, 0));
        (0..40).for_each(|_| known.fail_login(&ana, Timestamp(10_000)));
        assert_eq!(pause(10), MAX_PAUSE_SECONDS, "never for ever");
        known.succeed_login(&ana);
        assert_eq!(pause(10), 0);
    }

    #[test]
    fn who_fails_by_many_names_fills_no_memory() {
        let known = Identities::default();
        for number in 0..5_000 {
            known.fail_login(&format!("user:eve-{number}").parse().unwrap(), Timestamp(number));
        }
        assert_eq!(lock(&known.failures).len(), MAX_COUNTED);
    }

    #[test]
    fn few_passwords_are_checked_at_a_time() {
        let (known, most) = (Identities::default(), Mutex::new((0, 0)));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    known.check_password(|| {
                        let running = {
                            let mut most = lock(&most);
                            most.0 += 1;
                            most.1 = most.1.max(most.0);
                            most.0
                        };
                        std::thread::yield_now();
                        lock(&most).0 -= 1;
                        running
                    })
                });
            }
        });
        assert!(lock(&most).1 <= MAX_CHECKS, "{most:?}");
        assert_eq!(lock(&known.checks).running, 0);
    }
}
