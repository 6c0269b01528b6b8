//! Versions that were found to hold the policy in force though an older one is frozen into them: they are not judged again.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use kilter_domain::{digest::Digest, ids::ModelName};

/// Versions that are remembered; beyond it all are forgotten, and judged once more.
const MAX_KNOWN: usize = 10_000;

/// What was found. Empty after a start.
#[derive(Debug, Default)]
pub(crate) struct HeldPolicies(Mutex<BTreeSet<(String, u32, String)>>);

impl HeldPolicies {
    fn key(model: &ModelName, number: u32, policy: Digest) -> (String, u32, String) {
        (model.to_string(), number, policy.to_string())
    }

    /// Whether the version was found to hold the policy.
    pub(crate) fn has(&self, model: &ModelName, number: u32, policy: Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&Self::key(model, number, policy))
    }

    /// Remembers that it does.
    pub(crate) fn put(&self, model: &ModelName, number: u32, policy: Digest) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(Self::key(model, number, policy));
    }
}
