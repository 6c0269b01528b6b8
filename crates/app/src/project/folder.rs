//! A project: a folder with a contract, and what the contract's names mean to the platform.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use kilter_blobs::read_bounded_text;
use kilter_domain::{
    contract::{Contract, Dataset, Deploy, Location},
    ids::{DatasetName, EndpointName, ModelName, ProjectName},
};

use kilter_workflow::FetchedDataset;

use crate::{
    causes::{NotFound, StorageError},
    dataset::column_roles::ColumnRoles,
    project::{copies, error::ProjectError},
};

/// The largest contract file that is read; the contract itself says how much of it may be said.
const MAX_CONTRACT_BYTES: u64 = 4 << 20;

/// The name of the contract in a project's folder.
pub const CONTRACT_FILE: &str = "kilter.toml";

/// A project as its folder states it.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its name: that of the contract, else of its folder.
    pub name: ProjectName,
    /// The folder against which paths of the contract are resolved.
    pub folder: PathBuf,
    /// The contract, checked.
    pub contract: Contract,
    /// The text of the contract, as it was read.
    pub text: String,
    /// Copies of datasets that lie elsewhere, as they were brought here for what is done now.
    pub(crate) copies: BTreeMap<DatasetName, FetchedDataset>,
}

impl Project {
    /// Reads the contract in `folder`.
    ///
    /// # Errors
    /// When there is no contract in the folder, it cannot be read, or it does not hold together ([`Self::of`]).
    pub fn open(folder: &Path) -> Result<Self, ProjectError> {
        let path = folder.join(CONTRACT_FILE);
        let text = read_bounded_text(&path, MAX_CONTRACT_BYTES).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ProjectError::NoContract(folder.to_owned()),
            _ => StorageError::ReadFile { path: path.clone(), source }.into(),
        })?;
        Self::of(folder, text)
    }

    /// A project by a contract that was recorded for it.
    ///
    /// # Errors
    /// When the text is no contract that this program reads.
    pub fn recorded(name: &ProjectName, folder: &Path, text: String) -> Result<Self, ProjectError> {
        let contract = Contract::parse(&text).map_err(|errors| ProjectError::Contract(errors.to_string()))?;
        Ok(Self { name: name.clone(), folder: folder.to_owned(), contract, text, copies: BTreeMap::new() })
    }

    /// The same project with copies of datasets that lie elsewhere.
    pub(crate) fn with_copies(&self, copies: BTreeMap<DatasetName, FetchedDataset>) -> Self {
        Self { copies, ..self.clone() }
    }

    /// The same project with its files in `folder`.
    pub fn in_folder(self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// A project of a contract that was read already.
    ///
    /// # Errors
    /// When the text is no contract, neither it nor the folder gives a name, or two places would have one endpoint.
    pub fn of(folder: &Path, text: String) -> Result<Self, ProjectError> {
        let contract = Contract::parse(&text).map_err(|errors| ProjectError::Contract(errors.to_string()))?;
        let name = match &contract.project.name {
            Some(name) => name.clone(),
            None => folder_name(folder).ok_or_else(|| ProjectError::NoName(folder.to_owned()))?,
        };
        let project = Self { name, folder: folder.to_owned(), contract, text, copies: BTreeMap::new() };
        project.check_endpoints()?;
        Ok(project)
    }

    /// Two places that clients could not tell apart: their names are cut to the length of a name.
    fn check_endpoints(&self) -> Result<(), ProjectError> {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for deploy in &self.contract.deploy {
            let endpoint = self.endpoint(deploy);
            // File systems and hosts fold case.
            let folded = endpoint.as_str().to_lowercase();
            if let Some(other) = seen.get(&folded) {
                return Err(ProjectError::Contract(format!(
                    "[deploy.{other}] and [deploy.{}] would both be called `{endpoint}`; shorten the name of the project",
                    deploy.name
                )));
            }
            seen.insert(folded, &deploy.name);
        }
        Ok(())
    }

    /// The name under which versions are registered: that of the package, else of the project.
    pub fn model(&self) -> ModelName {
        let named = self.contract.package.as_ref().and_then(|package| package.name.clone());
        // Project and model names obey the same grammar, so one always reads as the other.
        named.or_else(|| self.name.as_str().parse().ok()).expect("a project name is a model name")
    }

    /// What clients call at a place of deployment: the project's name for production (and for the only place), else
    /// the project's name and that of the place.
    pub fn endpoint(&self, deploy: &Deploy) -> EndpointName {
        let is_main = deploy.name == "production" || self.contract.deploy.len() == 1;
        let name = if is_main { self.name.to_string() } else { format!("{}-{}", self.name, deploy.name) };
        let bounded: String = name.chars().take(64).collect();
        bounded.parse().expect("a prefix of names joined by a dash is a name")
    }

    /// The place whose clients call `endpoint`.
    pub fn deploy_at(&self, endpoint: &EndpointName) -> Option<&Deploy> {
        self.contract.deploy.iter().find(|deploy| self.endpoint(deploy) == *endpoint)
    }

    /// The place that people rely on: `production`, else the last one that is named.
    pub fn main_deploy(&self) -> Option<&Deploy> {
        self.contract.deployment("production").or(self.contract.deploy.last())
    }

    /// The dataset that carries the label.
    ///
    /// # Errors
    /// When the contract does not say which dataset has the label.
    pub fn labelled_dataset(&self) -> Result<&Dataset, ProjectError> {
        self.contract.replayed().ok_or_else(|| ProjectError::NotInContract {
            what: "which dataset has the label".to_owned(),
            how: "add `label = \"...\"` to one [data.*] section, or name it in `[replay] data`".to_owned(),
        })
    }

    /// What the columns of a dataset are for.
    pub fn roles(&self, dataset: &Dataset) -> ColumnRoles {
        let label_delay = dataset.label_delay.or(self.contract.monitor.as_ref().and_then(|m| m.labels.delay));
        ColumnRoles {
            dataset: dataset.name.to_string(),
            time: dataset.time.clone(),
            label: dataset.label.clone(),
            label_time: dataset.label_time.clone(),
            label_delay,
            id: dataset.id.clone(),
            weight: dataset.weight.clone(),
            sensitive: dataset.sensitive.clone(),
            ignore: dataset.ignore.clone(),
            not_leaking: dataset.not_leaking.clone(),
            positive: dataset.positive.clone(),
        }
    }

    /// The file of a dataset in a training: the one that stands for it, else that of the contract.
    pub(crate) fn file_of(
        &self,
        dataset: &Dataset,
        files: &BTreeMap<DatasetName, PathBuf>,
    ) -> Result<PathBuf, ProjectError> {
        match files.get(&dataset.name) {
            Some(path) => Ok(path.clone()),
            None => self.dataset_path(dataset),
        }
    }

    /// The file of a dataset, or its local copy.
    ///
    /// # Errors
    /// When the contract states no path for it, or it lies elsewhere and no copy was brought here.
    pub fn dataset_path(&self, dataset: &Dataset) -> Result<PathBuf, ProjectError> {
        match &dataset.path {
            Some(Location::File(path)) => Ok(self.folder.join(path)),
            Some(Location::Remote(address)) => {
                let fetched = self.copies.get(&dataset.name).map(|copy| copy.path.clone());
                fetched.or_else(|| copies::pinned_copy(&self.folder, &dataset.name)).ok_or_else(|| {
                    let how = format!("`kilter run` brings it here from {address}");
                    NotFound { what: "copy of dataset", id: dataset.name.to_string(), how }.into()
                })
            }
            None => Err(ProjectError::NotInContract {
                what: format!("where dataset `{}` is", dataset.name),
                how: format!("add `path = \"...\"` to [data.{}]", dataset.name),
            }),
        }
    }
}

fn folder_name(folder: &Path) -> Option<ProjectName> {
    folder.canonicalize().ok()?.file_name()?.to_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_clients_could_not_tell_apart_are_refused() {
        let name = "a".repeat(64);
        let contract = |name: &str| format!("[project]\nname = \"{name}\"\n[deploy.east]\n[deploy.west]\n");
        let refused = Project::of(Path::new("."), contract(&name)).unwrap_err().to_string();
        assert!(refused.contains("[deploy.east] and [deploy.west] would both be called"), "{refused}");
        let project = Project::of(Path::new("."), contract("a")).unwrap();
        assert_eq!(
            project.contract.deploy.iter().map(|at| project.endpoint(at).to_string()).collect::<Vec<_>>(),
            ["a-east", "a-west"]
        );
    }
}
