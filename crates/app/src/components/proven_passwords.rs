//! Passwords that were right a moment ago, so that a client that sends one with each request does not wait for argon2 each time.
//!
//! Invariants: no password is kept, only a hash of it with a key of this process; an entry holds for one state of the account, so whatever
//! changes the account (a password, groups, disabling it, here or on another server) ends it; entries are few and short-lived.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use kilter_domain::{
    actor::Actor,
    time::{Span, Timestamp},
};
use sha2::{Digest, Sha256};

use crate::{context::Credential, lock::lock};

/// Passwords that are remembered at a time.
const MAX_REMEMBERED: usize = 256;
/// For how long one is.
const VALID_SECONDS: i64 = 300;

/// Passwords that were right a moment ago.
#[derive(Debug, Default)]
pub(crate) struct ProvenPasswords {
    key: OnceLock<[u8; 32]>,
    proven: Mutex<HashMap<[u8; 32], Proven>>,
}

#[derive(Debug)]
struct Proven {
    audit_seq: u64,
    until: Timestamp,
    credential: Arc<Credential>,
}

impl ProvenPasswords {
    /// What the password proves, if it was right for this state of the account lately.
    pub(crate) fn find(
        &self,
        (actor, password): (&Actor, &str),
        audit_seq: u64,
        now: Timestamp,
    ) -> Option<Arc<Credential>> {
        let place = self.place(actor, password)?;
        let proven = lock(&self.proven);
        let found = proven.get(&place).filter(|found| found.audit_seq == audit_seq && now < found.until)?;
        Some(found.credential.clone())
    }

    /// Remembers that the password was right for a state of the account.
    pub(crate) fn remember(
        &self,
        (actor, password): (&Actor, &str),
        audit_seq: u64,
        credential: Arc<Credential>,
        now: Timestamp,
    ) {
        let Some(place) = self.place(actor, password) else { return };
        let mut proven = lock(&self.proven);
        proven.retain(|_, known| now < known.until);
        if proven.len() >= MAX_REMEMBERED {
            let oldest = proven.iter().min_by_key(|(_, known)| known.until).map(|(place, _)| *place);
            oldest.map(|place| proven.remove(&place));
        }
        proven.insert(place, Proven { audit_seq, until: now.after(Span::seconds(VALID_SECONDS)), credential });
    }

    /// Where a password stands. The place is a hash of a secret, so the time of a look-up says nothing of it. `None`: this machine has no
    /// random bytes, and nothing is remembered.
    fn place(&self, actor: &Actor, password: &str) -> Option<[u8; 32]> {
        let key = match self.key.get() {
            Some(key) => key,
            None => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).ok()?;
                self.key.get_or_init(|| key)
            }
        };
        let name = actor.to_string();
        let hash = Sha256::new().chain_update(key).chain_update(name.len().to_le_bytes());
        Some(hash.chain_update(name).chain_update(password).finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_remembered_for_its_account_as_it_was_and_not_for_long() {
        let (known, ana): (_, Actor) = (ProvenPasswords::default(), "user:ana".parse().unwrap());
        let bob: Actor = "user:bob".parse().unwrap();
        known.remember((&ana, "correct horse"), 7, Arc::default(), Timestamp(0));
        let is_known = |actor: &Actor, password: &str, seq, seconds: i64| {
            known.find((actor, password), seq, Timestamp(seconds * 1000)).is_some()
        };
        assert!(is_known(&ana, "correct horse", 7, 0) && is_known(&ana, "correct horse", 7, VALID_SECONDS - 1));
        assert!(!is_known(&ana, "correct horse", 7, VALID_SECONDS), "not for long");
        assert!(!is_known(&ana, "correct horse", 8, 0), "the account changed");
        assert!(!is_known(&bob, "correct horse", 7, 0) && !is_known(&ana, "correct", 7, 0));
        let kept: Vec<[u8; 32]> = lock(&known.proven).keys().copied().collect();
        assert_ne!(kept[0], <[u8; 32]>::from(Sha256::digest(b"correct horse")), "with a key of this process");
    }

    #[test]
    fn many_passwords_fill_no_memory() {
        let (known, ana): (_, Actor) = (ProvenPasswords::default(), "user:ana".parse().unwrap());
        for number in 0..2_000_i64 {
            known.remember((&ana, &format!("password {number}")), 1, Arc::default(), Timestamp(number));
        }
        assert_eq!(lock(&known.proven).len(), MAX_REMEMBERED);
        assert!(known.find((&ana, "password 1999"), 1, Timestamp(2_000)).is_some(), "the newest stay");
    }
}
