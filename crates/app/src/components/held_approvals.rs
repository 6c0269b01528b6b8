//! Versions that were found to hold: the policy in force though an older one is frozen into them, approvals of which a part
//! expired, waivers. They are not read again until what that was found by has changed.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use kilter_domain::{digest::Digest, ids::ModelName};

/// Versions that are remembered; beyond it all are forgotten, and judged once more.
const MAX_KNOWN: usize = 10_000;

/// What was found. Empty after a start.
#[derive(Debug, Default)]
pub(crate) struct HeldApprovals(Mutex<BTreeSet<(String, u32, String)>>);

impl HeldApprovals {
    fn key(model: &ModelName, number: u32, found_by: Digest) -> (String, u32, String) {
        (model.to_string(), number, found_by.to_string())
    }

    /// Whether the version was found to hold by this: the digest of a policy, or of all that decides.
    pub(crate) fn has(&self, model: &ModelName, number: u32, found_by: Digest) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&Self::key(model, number, found_by))
    }

    /// Remembers that it does.
    pub(crate) fn put(&self, model: &ModelName, number: u32, found_by: Digest) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(Self::key(model, number, found_by));
    }
}
