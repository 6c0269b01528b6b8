//! The private keys that this process signs with, read once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use kilter_domain::signing_key::KeyPurpose;
use kilter_keys::PrivateKey;

use crate::lock::lock;

/// The keys by purpose. Whoever makes one holds the lock, so that two never make two.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys(Mutex<HashMap<KeyPurpose, Arc<PrivateKey>>>);

impl SigningKeys {
    /// The keys, for the time of reading or making one.
    pub(crate) fn open(&self) -> MutexGuard<'_, HashMap<KeyPurpose, Arc<PrivateKey>>> {
        lock(&self.0)
    }
}
