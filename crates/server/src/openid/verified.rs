//! Tokens of the provider that were verified, or refused, lately.
//!
//! Invariants: nothing is believed after the token ends (its `exp`, and the difference that clocks may have); a signed token is verified again
//! after ten minutes, so a key that the provider has withdrawn is not believed for longer, and one that the provider was asked about after
//! one minute. While the provider is away, a signed token is believed for one more hour at most. Refusals have places of their own: a flood
//! of made-up tokens keeps no verified one away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kilter_app::identity::ProvenByProvider;
use kilter_domain::time::{Span, Timestamp};

use super::error::ProviderError;

/// Verified tokens, and refused ones, at most.
const MAX_TOKENS: usize = 4096;
/// How long the provider's word about a token is believed, and a refusal.
const ASKED_FRESH: Span = Span::seconds(60);
/// How long a signature is believed that was verified by the keys of the provider.
const SIGNED_FRESH: Span = Span::seconds(10 * 60);
/// For how long after its verification a signed token is believed at most, while the provider is away.
const SIGNED_KEPT: Span = Span::seconds(70 * 60);

/// By what a token was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// Its signature, by a key of the provider.
    Signature,
    /// The word of the provider (introspection).
    Introspection,
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was verified a moment ago.
    Verified(ProvenByProvider),
    /// It was verified, and is to be verified again; believed still while the provider is away.
    Stale(ProvenByProvider),
    /// It was refused a moment ago.
    Refused(ProviderError),
    Nothing,
}

/// A token that was verified.
#[derive(Debug)]
struct Verified {
    proven: ProvenByProvider,
    proof: Proof,
    verified: Timestamp,
    /// When the token ends.
    end: Timestamp,
}

#[derive(Debug, Default)]
struct Tokens {
    verified: HashMap<[u8; 32], Verified>,
    refused: HashMap<[u8; 32], (ProviderError, Timestamp)>,
}

/// Tokens that were verified, or refused, lately, by their SHA-256.
#[derive(Debug, Default)]
pub(super) struct VerifiedTokens(Mutex<Tokens>);

impl Verified {
    fn at(&self, now: Timestamp) -> Known {
        let (fresh, kept) = match self.proof {
            Proof::Signature => (SIGNED_FRESH, SIGNED_KEPT),
            Proof::Introspection => (ASKED_FRESH, ASKED_FRESH),
        };
        // A clock that was set back makes nothing last longer.
        let is_within = |span| self.verified <= now && now < self.verified.after(span).min(self.end);
        match (is_within(fresh), is_within(kept)) {
            (true, _) => Known::Verified(self.proven.clone()),
            (false, true) => Known::Stale(self.proven.clone()),
            (false, false) => Known::Nothing,
        }
    }
}

impl VerifiedTokens {
    pub(super) fn find(&self, hash: &[u8; 32], now: Timestamp) -> Known {
        let tokens = self.tokens();
        if let Some((error, at)) = tokens.refused.get(hash)
            && (*at..at.after(ASKED_FRESH)).contains(&now)
        {
            return Known::Refused(error.clone());
        }
        tokens.verified.get(hash).map_or(Known::Nothing, |verified| verified.at(now))
    }

    /// Keeps what was verified at `now` until the token ends. If that is too much, what is not believed any more goes first, then any.
    pub(super) fn keep(
        &self,
        hash: [u8; 32],
        proven: ProvenByProvider,
        (proof, end): (Proof, Timestamp),
        now: Timestamp,
    ) {
        let mut tokens = self.tokens();
        if tokens.verified.len() >= MAX_TOKENS {
            tokens.verified.retain(|_, verified| verified.at(now) != Known::Nothing);
        }
        if tokens.verified.len() >= MAX_TOKENS {
            tokens.verified.clear();
        }
        tokens.verified.insert(hash, Verified { proven, proof, verified: now, end });
    }

    /// Forgets that a token was verified, because it was refused; and keeps the refusal if the provider was asked. A signature is cheap to
    /// verify again, and the next reading of the keys may have the one of the token.
    pub(super) fn refuse(&self, hash: [u8; 32], proof: Proof, error: ProviderError, now: Timestamp) {
        let mut tokens = self.tokens();
        tokens.verified.remove(&hash);
        if proof == Proof::Signature {
            return;
        }
        if tokens.refused.len() >= MAX_TOKENS {
            tokens.refused.clear();
        }
        tokens.refused.insert(hash, (error, now));
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn proven() -> ProvenByProvider {
        let issuer = ("https://login.example".to_owned(), "7".to_owned());
        ProvenByProvider::new(issuer, "svc:ci".parse().unwrap(), vec![], Timestamp(90 * MINUTE))
    }

    fn check(proof: Proof, end: i64, now: i64, wanted: &str) {
        let tokens = VerifiedTokens::default();
        tokens.keep([1; 32], proven(), (proof, Timestamp(end)), Timestamp(0));
        let found = match tokens.find(&[1; 32], Timestamp(now)) {
            Known::Verified(_) => "verified",
            Known::Stale(_) => "stale",
            Known::Refused(_) => "refused",
            Known::Nothing => "nothing",
        };
        assert_eq!(found, wanted, "{proof:?} until {end} at {now}");
    }

    #[test]
    fn nothing_is_believed_after_its_end_and_a_signature_is_verified_again_after_ten_minutes() {
        use Proof::{Introspection, Signature};
        check(Signature, 5 * MINUTE, 5 * MINUTE - 1, "verified");
        check(Signature, 5 * MINUTE, 5 * MINUTE, "nothing");
        check(Signature, 90 * MINUTE, 10 * MINUTE - 1, "verified");
        check(Signature, 90 * MINUTE, 10 * MINUTE, "stale");
        check(Signature, 30 * MINUTE, 30 * MINUTE, "nothing");
        check(Signature, 90 * MINUTE, 70 * MINUTE, "nothing");
        check(Introspection, 90 * MINUTE, MINUTE - 1, "verified");
        check(Introspection, 90 * MINUTE, MINUTE, "nothing");
        check(Signature, 90 * MINUTE, -1, "nothing");
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_a_flood_of_them_keeps_no_verified_token_away() {
        let tokens = VerifiedTokens::default();
        tokens.keep([1; 32], proven(), (Proof::Signature, Timestamp(90 * MINUTE)), Timestamp(0));
        for number in 0..10_000_u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            tokens.refuse(hash, Proof::Introspection, ProviderError::Inactive, Timestamp(0));
        }
        assert!(tokens.tokens().refused.len() <= MAX_TOKENS);
        assert!(matches!(tokens.find(&[1; 32], Timestamp(1)), Known::Verified(_)));
        tokens.refuse([1; 32], Proof::Introspection, ProviderError::Inactive, Timestamp(1));
        assert_eq!(tokens.find(&[1; 32], Timestamp(2)), Known::Refused(ProviderError::Inactive));
        assert_eq!(tokens.find(&[1; 32], Timestamp(1 + MINUTE)), Known::Nothing);
        tokens.keep([2; 32], proven(), (Proof::Signature, Timestamp(90 * MINUTE)), Timestamp(0));
        tokens.refuse([2; 32], Proof::Signature, ProviderError::Inactive, Timestamp(1));
        assert_eq!(tokens.find(&[2; 32], Timestamp(2)), Known::Nothing, "it is verified again");
    }
}
