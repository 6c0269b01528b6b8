//! The endpoints of this process: which are open, which could not be loaded and why, and who may change each.
//!
//! Invariants: an endpoint is opened once, also when several ask for it at the same time; one caller at a time changes
//! what answers at an endpoint.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use kilter_domain::ids::EndpointName;

use crate::{components::serving::Serving, lock::lock};

/// Why something that the store says serves does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoadFailure {
    pub live: Option<String>,
    pub candidate: Option<String>,
}

/// The endpoints of this process.
#[derive(Default)]
pub(crate) struct ServingRegistry {
    open: Mutex<BTreeMap<EndpointName, Arc<Serving>>>,
    failures: Mutex<BTreeMap<EndpointName, LoadFailure>>,
    changes: Mutex<BTreeMap<EndpointName, Arc<Mutex<()>>>>,
    given: Mutex<BTreeSet<EndpointName>>,
}

impl ServingRegistry {
    /// An open endpoint.
    pub(crate) fn find(&self, endpoint: &EndpointName) -> Option<Arc<Serving>> {
        lock(&self.open).get(endpoint).cloned()
    }

    /// Every open endpoint, by name.
    pub(crate) fn list(&self) -> Vec<(EndpointName, Arc<Serving>)> {
        lock(&self.open).iter().map(|(name, serving)| (name.clone(), serving.clone())).collect()
    }

    /// An open endpoint, opened by `open` where it is not yet. Nobody else opens one meanwhile: a log has one writer.
    ///
    /// # Errors
    /// Those of `open`; the endpoint stays closed then.
    pub(crate) fn find_or_open<E>(
        &self,
        endpoint: &EndpointName,
        open: impl FnOnce() -> Result<Serving, E>,
    ) -> Result<Arc<Serving>, E> {
        let mut known = lock(&self.open);
        if let Some(serving) = known.get(endpoint) {
            return Ok(serving.clone());
        }
        let serving = Arc::new(open()?);
        known.insert(endpoint.clone(), serving.clone());
        Ok(serving)
    }

    /// An endpoint answers with a model that this process was given: no project of the store has it.
    pub(crate) fn mark_given(&self, endpoint: &EndpointName) {
        lock(&self.given).insert(endpoint.clone());
    }

    /// The endpoints that answer with models which this process was given.
    pub(crate) fn given(&self) -> BTreeSet<EndpointName> {
        lock(&self.given).clone()
    }

    /// Why something at an endpoint could not be loaded.
    pub(crate) fn failure(&self, endpoint: &EndpointName) -> Option<LoadFailure> {
        lock(&self.failures).get(endpoint).cloned()
    }

    /// Every endpoint at which something could not be loaded.
    pub(crate) fn failures(&self) -> Vec<(EndpointName, LoadFailure)> {
        lock(&self.failures).iter().map(|(name, failure)| (name.clone(), failure.clone())).collect()
    }

    /// Remembers why something could not be loaded, in place of what was remembered before.
    pub(crate) fn set_failure(&self, endpoint: &EndpointName, failure: LoadFailure) {
        lock(&self.failures).insert(endpoint.clone(), failure);
    }

    /// Everything at the endpoint was loaded.
    pub(crate) fn clear_failure(&self, endpoint: &EndpointName) {
        lock(&self.failures).remove(endpoint);
    }

    /// Who holds this lock may change what answers at the endpoint.
    pub(crate) fn change_lock(&self, endpoint: &EndpointName) -> Arc<Mutex<()>> {
        lock(&self.changes).entry(endpoint.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> EndpointName {
        name.parse().unwrap()
    }

    #[test]
    fn an_endpoint_that_cannot_be_opened_stays_closed() {
        let registry = ServingRegistry::default();
        let opened = registry.find_or_open(&name("churn"), || Err("no disk")).map(|_| ());
        assert_eq!(opened, Err("no disk"));
        assert!(registry.find(&name("churn")).is_none() && registry.list().is_empty());
    }

    #[test]
    fn the_newest_failure_of_an_endpoint_is_remembered_until_it_is_cleared() {
        let (registry, churn) = (ServingRegistry::default(), name("churn"));
        let failure = |why: &str| LoadFailure { live: Some(why.to_owned()), candidate: None };
        registry.set_failure(&churn, failure("first"));
        registry.set_failure(&churn, failure("second"));
        registry.set_failure(&name("fraud"), failure("other"));
        assert_eq!(registry.failure(&churn), Some(failure("second")));
        registry.clear_failure(&churn);
        assert_eq!(registry.failure(&churn), None);
        assert_eq!(registry.failures(), [(name("fraud"), failure("other"))]);
    }

    #[test]
    fn each_endpoint_has_one_lock_for_changes() {
        let registry = ServingRegistry::default();
        let (first, second) = (registry.change_lock(&name("churn")), registry.change_lock(&name("churn")));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &registry.change_lock(&name("fraud"))));
    }
}
