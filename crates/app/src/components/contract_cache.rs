//! The contracts in force as they were parsed last: a contract is parsed when it changes, not each time it is asked for.
//!
//! Invariants: what is kept is known by the digest of its text, so that another text is never taken for it. A text that
//! cannot be parsed is not kept.

use std::{collections::BTreeMap, sync::Mutex};

use kilter_domain::{digest::Digest, ids::ProjectName};

use crate::{lock::lock, project::folder::Project};

/// One parsed contract per project.
#[derive(Debug, Default)]
pub(crate) struct ContractCache {
    parsed: Mutex<BTreeMap<ProjectName, (Digest, Project)>>,
}

impl ContractCache {
    /// The project of the contract whose text has this digest, parsed by `parse` unless it was parsed last.
    ///
    /// # Errors
    /// Those of `parse`.
    pub(crate) fn find_or_parse<E>(
        &self,
        name: &ProjectName,
        digest: Digest,
        parse: impl FnOnce() -> Result<Project, E>,
    ) -> Result<Project, E> {
        if let Some((_, project)) = lock(&self.parsed).get(name).filter(|(known, _)| *known == digest) {
            return Ok(project.clone());
        }
        let project = parse()?;
        lock(&self.parsed).insert(name.clone(), (digest, project.clone()));
        Ok(project)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn contract(every: &str) -> String {
        format!("[project]\nname = \"churn\"\n[monitor]\nevery = \"{every}\"\n")
    }

    #[test]
    fn a_contract_is_parsed_once_for_each_of_its_texts() {
        let (cache, churn) = (ContractCache::default(), "churn".parse().unwrap());
        let mut parsed = 0;
        let mut ask = |text: &str| {
            let found = cache.find_or_parse(&churn, Digest::of(text.as_bytes()), || {
                parsed += 1;
                Project::recorded(&churn, Path::new("."), text.to_owned())
            });
            found.map(|project| project.text)
        };
        let (daily, weekly) = (contract("1d"), contract("7d"));
        for _ in 0..100 {
            assert_eq!(ask(&daily).unwrap(), daily);
        }
        assert_eq!(ask(&weekly).unwrap(), weekly, "another text takes its place");
        assert!(ask("[project").is_err() && ask("[project").is_err());
        assert_eq!(ask(&weekly).unwrap(), weekly, "a text that cannot be parsed does not");
        assert_eq!(parsed, 4, "the first two once each, the third each time");
    }
}
