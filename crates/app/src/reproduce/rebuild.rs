//! Making a package again: its steps from its own code, data and lock, in a clean folder.
//!
//! Invariants: nothing that was known before is used; a step is held to the outputs that it had only if it was given the inputs that it
//! had; data has the digest that was recorded, or nothing is executed.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use kilter_blobs::{BlobStore, HashCache};
use kilter_domain::{
    actor::Actor,
    contract::{Dataset, Location},
    digest::Digest,
    ids::{DatasetName, StepName},
    run::{Cause, StepState},
};
use kilter_workflow::{
    FetchedDataset, LockedDataset, Now, Plan, RunEvent, RunLock, RunOptions, RunRecord, StepLock, StepRecord, execute,
};

use crate::{
    project::{
        fetch,
        folder::{CONTRACT_FILE, Project},
    },
    reproduce::{check::failure, error::ReproduceError},
    training::{TrainError, data::hold_out},
};

/// Where the parts of a package are that it is made of again.
#[derive(Clone, Debug)]
pub struct RebuildSource {
    /// The text of its contract.
    pub contract: String,
    /// The text of `kilter.lock`; empty if it has none.
    pub pins: String,
    /// The folder with its code.
    pub code: PathBuf,
    /// The folder with the lock of its environment, where the code has none.
    pub environment: PathBuf,
    /// What its run read and wrote.
    pub lock: RunLock,
}

/// Where data is looked for.
#[derive(Clone, Debug, Default)]
pub struct DataPlaces {
    /// Files that are named.
    pub given: BTreeMap<DatasetName, PathBuf>,
    /// A folder of the project: its files, and what it keeps of data by digest.
    pub project: Option<PathBuf>,
}

/// What became of a package that was made again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// Every step of the lock, in its order.
    pub steps: Vec<(StepName, StepOutcome)>,
    /// What is otherwise in the environments of steps: where it is not the same, that may be why.
    pub environment_changes: Vec<String>,
    /// Whether the model has the same digest; `None` if the contract packs none, or it was not made.
    pub is_same_model: Option<bool>,
    /// The run that made it again.
    pub record: RunRecord,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepOutcome {
    /// All outputs have the same digests.
    Same,
    /// It had the same inputs, and made other outputs: it is not deterministic.
    Differs {
        /// Outputs with other digests: before, and now.
        outputs: BTreeMap<String, (Digest, Digest)>,
        /// What it measured: before, and now.
        metrics: BTreeMap<String, (f64, Option<f64>)>,
    },
    /// Its outputs differ because what it was given differs.
    OtherInputs {
        /// The inputs that differ.
        inputs: Vec<String>,
        /// What it measured: before, and now.
        metrics: BTreeMap<String, (f64, Option<f64>)>,
    },
    /// It did not succeed, with the reason.
    Failed(String),
    /// Nothing came to it.
    NotExecuted,
}

/// Makes a package again in a clean folder below `scratch`. `tool` is what `kilter` in a command means; `by` asks, by the clock `now`.
///
/// # Errors
/// When data is missing or has another digest, or nothing can be executed. A step that fails or makes something else is a result.
pub fn rebuild(
    source: &RebuildSource,
    places: &DataPlaces,
    (by, now): (&Actor, Now),
    (tool, scratch): (&Path, &Path),
    observer: &mut dyn FnMut(RunEvent),
) -> Result<Rebuilt, ReproduceError> {
    let clean = scratch.join("project");
    unpack(source, &clean)?;
    let project = Project::of(&clean, source.contract.clone())?;
    place_lock(source, project.contract.env.lock.as_deref(), &clean)?;
    let plan = Plan::of(&project.contract).map_err(TrainError::from)?;
    make_folders(&plan, &clean)?;
    let finder = Finder { source, places, clean: &clean, scratch };
    let mut data = BTreeMap::new();
    for dataset in &project.contract.data {
        finder.place(dataset, &mut data)?;
    }
    let project = &fetch::with_copies(&project, true, &|name| data.contains_key(name))?;
    if let Some(held_out) = hold_out(project, &data, scratch)? {
        data.insert(held_out.dataset, held_out.rest);
    }
    finder.check(&data, &project.copies)?;
    let options = RunOptions {
        state_folder: scratch.join("state"),
        data_overrides: data,
        fetched: project.copies.clone(),
        param_overrides: overrides(&source.lock, &plan),
        only: Some(source.lock.steps.iter().map(|step| step.step.clone()).collect()),
        ..RunOptions::new("rebuild", Cause::Manual { by: by.clone() }, &clean, tool, now)
    };
    let record = execute(&plan, &options, observer).map_err(TrainError::from)?;
    let steps: Vec<(StepName, StepOutcome)> =
        source.lock.steps.iter().map(|step| (step.step.clone(), outcome(step, &record))).collect();
    let model = project.contract.package.as_ref().map(|package| package.model.clone());
    let is_same_model = model.and_then(|model| {
        let before = source.lock.step(&model.step)?.outputs.get(&model.output)?;
        Some(record.output(&model.to_string())?.content == before.content)
    });
    Ok(Rebuilt { steps, environment_changes: environment_changes(&source.lock, &record), is_same_model, record })
}

/// Puts contract, lock and code into `target`.
fn unpack(source: &RebuildSource, target: &Path) -> Result<(), ReproduceError> {
    // A package whose steps run `kilter` alone has no code.
    let mut open: Vec<PathBuf> = source.code.is_dir().then(PathBuf::new).into_iter().collect();
    fs::create_dir_all(target).map_err(|source| ReproduceError::Copy { path: target.to_owned(), source })?;
    while let Some(relative) = open.pop() {
        let (from, to) = (source.code.join(&relative), target.join(&relative));
        let failed = |source| ReproduceError::Copy { path: from.clone(), source };
        fs::create_dir_all(&to).map_err(failed)?;
        for entry in fs::read_dir(&from).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            match () {
                () if kind.is_dir() => open.push(relative.join(entry.file_name())),
                // A link would lead out of the package.
                () if !kind.is_file() => {}
                () => drop(fs::copy(entry.path(), to.join(entry.file_name())).map_err(failed)?),
            }
        }
    }
    for (name, text) in [(CONTRACT_FILE, &source.contract), ("kilter.lock", &source.pins)] {
        let path = target.join(name);
        if !text.is_empty() {
            fs::write(&path, text).map_err(|source| ReproduceError::Copy { path: path.clone(), source })?;
        }
    }
    Ok(())
}

/// Puts the lock of the environment where the contract says that it is.
fn place_lock(source: &RebuildSource, lock: Option<&str>, clean: &Path) -> Result<(), ReproduceError> {
    let Some(lock) = lock.map(|lock| clean.join(lock)).filter(|lock| !lock.exists()) else { return Ok(()) };
    let name = lock.file_name().unwrap_or_default();
    // Requirements lie under another name beside those of the loader.
    let names = [source.environment.join("lock.txt"), source.environment.join(name)];
    let is_requirements = name == "requirements.txt";
    let from = names.iter().find(|path| path.is_file() && (is_requirements || path.file_name() == Some(name)));
    let Some(from) = from else { return Ok(()) };
    let copy = || {
        lock.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::copy(from, &lock).map(|_| ())
    };
    copy().map_err(|source| ReproduceError::Copy { path: from.clone(), source })
}

fn make_folders(plan: &Plan, clean: &Path) -> Result<(), ReproduceError> {
    let folders = plan.steps().values().filter_map(|step| step.folder.as_ref()).map(|folder| folder.below(clean));
    folders.into_iter().try_for_each(|path| {
        fs::create_dir_all(&path).map_err(|source| ReproduceError::Copy { path: path.clone(), source })
    })
}

/// Finds the data that a package was made from.
struct Finder<'a> {
    source: &'a RebuildSource,
    places: &'a DataPlaces,
    clean: &'a Path,
    scratch: &'a Path,
}

impl Finder<'_> {
    /// Has the file of a dataset ready: at its place in the clean folder, or handed in. One that lies elsewhere is fetched later.
    fn place(&self, dataset: &Dataset, data: &mut BTreeMap<DatasetName, PathBuf>) -> Result<(), ReproduceError> {
        let name = &dataset.name;
        if let Some(path) = self.places.given.get(name) {
            let path = path.canonicalize().map_err(|source| ReproduceError::Copy { path: path.clone(), source })?;
            data.insert(name.clone(), path);
            return Ok(());
        }
        let pinned = self.source.lock.data.get(name);
        let Some(Location::File(path)) = &dataset.path else { return Ok(()) };
        let target = self.clean.join(path);
        if target.exists() || pinned.is_none() {
            return Ok(());
        }
        let in_project = self.places.project.as_ref().map(|project| project.join(path)).filter(|path| path.exists());
        let kept = || self.kept(pinned?, name);
        match in_project.or_else(kept) {
            Some(found) => {
                let link = || {
                    target.parent().map_or(Ok(()), fs::create_dir_all)?;
                    symlink(found.canonicalize()?, &target)
                };
                link().map_err(|source| ReproduceError::Copy { path: target.clone(), source })
            }
            None => Err(ReproduceError::DataMissing { dataset: name.clone(), path: path.clone() }),
        }
    }

    /// A dataset as the project keeps it by digest.
    fn kept(&self, pinned: &LockedDataset, name: &DatasetName) -> Option<PathBuf> {
        let blobs = BlobStore::open_for_reading(&self.places.project.as_ref()?.join(".kilter/blobs"), None);
        let ending = Path::new(&pinned.path).file_name()?;
        let target = self.scratch.join("kept").join(name.as_str()).join(ending);
        blobs.has_content(&pinned.content).then_some(())?;
        blobs.place(&pinned.content, &target, &HashCache::in_memory()).ok()?;
        Some(target)
    }

    /// Data that was recorded has its digest.
    fn check(
        &self,
        data: &BTreeMap<DatasetName, PathBuf>,
        copies: &BTreeMap<DatasetName, FetchedDataset>,
    ) -> Result<(), ReproduceError> {
        let hashes = HashCache::in_memory();
        for (name, pinned) in &self.source.lock.data {
            let given = data.get(name).or_else(|| copies.get(name).map(|copy| &copy.path));
            let path = given.cloned().unwrap_or_else(|| self.clean.join(&pinned.path));
            let missing = || ReproduceError::DataMissing { dataset: name.clone(), path: path.display().to_string() };
            let found = hashes.content_of(&path).map_err(|_| missing())?;
            if found.digest != pinned.content.digest {
                let (was, now) = (pinned.content.digest, found.digest);
                return Err(ReproduceError::OtherData { dataset: name.clone(), path, was, now });
            }
        }
        Ok(())
    }
}

/// Parameters that had other values than the contract states.
fn overrides(lock: &RunLock, plan: &Plan) -> BTreeMap<String, serde_json::Value> {
    let differs =
        |(name, value): &(&String, &serde_json::Value)| plan.params().get(*name).is_some_and(|stated| stated != *value);
    lock.params.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn outcome(before: &StepLock, record: &RunRecord) -> StepOutcome {
    let Some(now) = record.step(before.step.as_str()) else { return StepOutcome::NotExecuted };
    match now.state {
        StepState::Succeeded | StepState::Cached => {}
        StepState::Failed | StepState::Refused => {
            return StepOutcome::Failed(failure(now));
        }
        _ => return StepOutcome::NotExecuted,
    }
    let differs = |(name, output): &(&String, &kilter_workflow::OutputRecord)| {
        now.outputs.get(*name).is_none_or(|found| found.content != output.content)
    };
    let differing: Vec<_> = before.outputs.iter().filter(differs).collect();
    if differing.is_empty() {
        return StepOutcome::Same;
    }
    let metrics = compared_metrics(before, now);
    let inputs: Vec<String> = before
        .inputs
        .iter()
        .filter(|(name, content)| now.inputs.get(*name) != Some(content))
        .map(|(name, _)| name.clone())
        .collect();
    if !inputs.is_empty() {
        return StepOutcome::OtherInputs { inputs, metrics };
    }
    let digests = |(name, was): (&String, &kilter_workflow::OutputRecord)| {
        Some((name.clone(), (was.content.digest, now.outputs.get(name)?.content.digest)))
    };
    StepOutcome::Differs { outputs: differing.into_iter().filter_map(digests).collect(), metrics }
}

fn compared_metrics(before: &StepLock, now: &StepRecord) -> BTreeMap<String, (f64, Option<f64>)> {
    before.metrics.iter().map(|(name, was)| (name.clone(), (*was, now.metrics.get(name).copied()))).collect()
}

fn environment_changes(lock: &RunLock, record: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    for step in &lock.steps {
        let before = step.environment.and_then(|digest| lock.environment(&digest));
        let now = record.step(step.step.as_str()).and_then(|step| step.environment);
        let now = now.and_then(|digest| record.environments.iter().find(|found| found.digest() == digest));
        if let (Some(before), Some(now)) = (before, now) {
            found.extend(
                now.changes_since(before).into_iter().filter(|change| !found.contains(change)).collect::<Vec<_>>(),
            );
        }
    }
    found
}
