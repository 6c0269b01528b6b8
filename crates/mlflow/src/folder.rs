//! A folder of MLflow's file store (`mlruns`) as a source.
//!
//! Invariants: nothing outside of the named folders is read, whatever a file says; a link in them is refused; of a file that should be
//! short only so much is read.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use kilter_domain::{
    tracking::{ExperimentId, Lifecycle, ModelStatus, RunStatus},
    transfer::{
        DatasetRecord, ExperimentRecord, LoggedModelRecord, Point, RegisteredModelRecord, RunRecord, VersionRecord,
    },
};

use crate::{
    TransferError,
    folder_files::{
        Entry, META, document, each_line, entries, files_below, is_there, model_point, names, run_point, texts,
    },
    folder_registry,
    json::{experiment_id, lifecycle, sort_metrics},
    rest::{is_inside, proxied},
    source::{Each, HistoryPart, Owner, Source, SourceFile, SourceRun},
    yaml::Document,
};

/// Where deleted experiments are.
pub(crate) const TRASH: &str = ".trash";
/// The registry, beside the experiments; and the logged models of an experiment.
pub(crate) const MODELS: &str = "models";
/// Folders of an experiment that are no runs.
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", MODELS];
/// Runs of a page, and points of a part of a history.
const RUNS: usize = 100;
const POINTS: usize = 10_000;

/// A folder of MLflow's file store.
pub struct FolderSource {
    root: PathBuf,
    /// What `mlflow-artifacts:/` means, where the folder was that of a server.
    artifact_root: Option<PathBuf>,
}

impl FolderSource {
    /// The store at `root`; `artifact_root` is the folder in which a server kept artifacts.
    ///
    /// # Errors
    /// When there is no such folder, or it has no experiment.
    pub fn new(root: &Path, artifact_root: Option<&Path>) -> Result<Self, TransferError> {
        let real = |path: &Path| path.canonicalize().map_err(TransferError::file("find", path));
        let source = Self { root: real(root)?, artifact_root: artifact_root.map(real).transpose()? };
        match source.experiment_folders()?.is_empty() {
            false => Ok(source),
            true => Err(TransferError::unreadable(
                source.name(),
                "it has no experiment: name the folder that MLflow calls `mlruns`",
            )),
        }
    }

    /// The store at a folder that may be empty still.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root, artifact_root: None }
    }

    /// Every folder of an experiment.
    fn experiment_folders(&self) -> Result<Vec<PathBuf>, TransferError> {
        let mut found = Vec::new();
        for parent in [self.root.clone(), self.root.join(TRASH)] {
            let folders = entries(&parent)?.into_iter().filter(|entry| entry.is_folder);
            found
                .extend(folders.filter(|entry| !matches!(entry.name.as_str(), TRASH | MODELS)).map(|entry| entry.path));
        }
        let mut experiments = Vec::new();
        for folder in found {
            if is_there(&folder.join(META))? {
                experiments.push(folder);
            }
        }
        Ok(experiments)
    }

    pub(crate) fn experiment_folder(&self, id: ExperimentId) -> Result<PathBuf, TransferError> {
        for parent in [self.root.clone(), self.root.join(TRASH)] {
            let folder = parent.join(id.to_string());
            if is_there(&folder)? {
                return Ok(folder);
            }
        }
        Err(TransferError::unreadable(self.name(), format!("there is no experiment {id}")))
    }

    /// The folder of a run, of whichever experiment.
    pub(crate) fn run_folder(&self, id: &str) -> Result<PathBuf, TransferError> {
        for experiment in self.experiment_folders()? {
            let folder = experiment.join(id);
            if is_there(&folder.join(META))? {
                return Ok(folder);
            }
        }
        Err(TransferError::unreadable(self.name(), format!("there is no run `{id}`")))
    }

    pub(crate) fn read_run(folder: &Path, experiment: ExperimentId) -> Result<Option<SourceRun>, TransferError> {
        if !is_there(&folder.join(META))? {
            return Ok(None);
        }
        let meta = document(folder)?;
        let wrong = |reason: String| TransferError::unreadable(folder.join(META).display().to_string(), reason);
        let id =
            meta.text("run_id").or(meta.text("run_uuid")).ok_or_else(|| wrong("`run_id` is missing".to_owned()))?;
        if folder.file_name().and_then(|name| name.to_str()) != Some(id) {
            return Err(wrong(format!("it is of the run `{id}`, and lies in another folder")));
        }
        let tags = texts(&folder.join("tags"))?;
        let name =
            meta.text("run_name").filter(|name| !name.is_empty()).or(tags.get("mlflow.runName").map(String::as_str));
        let record = RunRecord {
            id: id.to_owned(),
            experiment,
            name: name.unwrap_or_default().to_owned(),
            user_id: meta.text_or_empty("user_id"),
            status: run_status(&meta).map_err(wrong)?,
            lifecycle: lifecycle(meta.text("lifecycle_stage").unwrap_or("active")),
            started: meta.int("start_time").map_err(wrong)?,
            ended: meta.int("end_time").map_err(wrong)?,
            artifact_uri: meta.text_or_empty("artifact_uri"),
            params: texts(&folder.join("params"))?,
            tags,
            inputs: Vec::new(),
            input_models: Vec::new(),
            output_models: BTreeMap::new(),
        };
        let mut latest = BTreeMap::new();
        for (metric, path) in names(&folder.join("metrics"))? {
            let mut best: Option<Point> = None;
            each_line(&path, &mut |line| {
                let point = run_point(line)?;
                let order = |Point(step, at, value): Point| (step, at, value.number());
                if best.is_none_or(|best| order(point) > order(best)) {
                    best = Some(point);
                }
                Ok(())
            })?;
            latest.extend(best.map(|best| (metric, best)));
        }
        let mut run = SourceRun { record, latest };
        read_links(folder, &mut run.record)?;
        Ok(Some(run))
    }

    pub(crate) fn read_model(
        folder: &Path,
        experiment: ExperimentId,
    ) -> Result<Option<LoggedModelRecord>, TransferError> {
        if !is_there(&folder.join(META))? {
            return Ok(None);
        }
        let meta = document(folder)?;
        let wrong = |reason: String| TransferError::unreadable(folder.join(META).display().to_string(), reason);
        let id = meta.required("model_id").map_err(wrong)?;
        if folder.file_name().and_then(|name| name.to_str()) != Some(id) {
            return Err(wrong(format!("it is of the model `{id}`, and lies in another folder")));
        }
        let mut metrics = Vec::new();
        for (metric, path) in names(&folder.join("metrics"))? {
            each_line(&path, &mut |line| {
                metrics.push(model_point(&metric, line)?);
                Ok(())
            })?;
        }
        sort_metrics(&mut metrics);
        let created = meta.int("creation_timestamp").map_err(wrong)?.unwrap_or_default();
        Ok(Some(LoggedModelRecord {
            id: id.to_owned(),
            experiment,
            source_run: meta.text("source_run_id").filter(|run| !run.is_empty()).map(str::to_owned),
            name: meta.text_or_empty("name"),
            model_type: meta.text_or_empty("model_type"),
            status: match meta.int("status").map_err(wrong)? {
                Some(1) => ModelStatus::Pending,
                Some(3) => ModelStatus::UploadFailed,
                _ => ModelStatus::Ready,
            },
            lifecycle: lifecycle(meta.text("lifecycle_stage").unwrap_or("active")),
            created,
            updated: meta.int("last_updated_timestamp").map_err(wrong)?.unwrap_or(created),
            artifact_uri: meta.text_or_empty("artifact_location"),
            params: texts(&folder.join("params"))?,
            tags: texts(&folder.join("tags"))?,
            metrics,
        }))
    }

    /// The folder with the files of an owner; `None` where they are not in reach.
    fn artifact_folder(&self, owner: &Owner) -> Result<Option<PathBuf>, TransferError> {
        if let Some(path) = proxied(&owner.uri) {
            let wrong = |reason: &str| {
                Err(TransferError::unreadable(owner.shown(), format!("its files lie at {}{reason}", owner.uri)))
            };
            return match &self.artifact_root {
                None => wrong("; name the folder in which the server kept them with --artifact-root"),
                Some(_) if !is_inside(&path) => wrong(""),
                Some(root) => Ok(Some(root.join(path))),
            };
        }
        let experiment = self.experiment_folder(owner.experiment)?;
        let folder = if owner.is_model { experiment.join(MODELS) } else { experiment };
        // Where the store itself puts them, wherever the folder was when it was written.
        let own = folder.join(&owner.id).join("artifacts");
        let stated = local_path(&owner.uri);
        let ends = format!("{}/artifacts", owner.id);
        if stated.as_deref().is_none_or(|path| path.ends_with(&ends)) && holds_something(&own)? {
            return Ok(Some(own));
        }
        let roots = [Some(&self.root), self.artifact_root.as_ref()];
        let stated = stated.filter(|path| is_there(path).unwrap_or(false)).and_then(|path| path.canonicalize().ok());
        let is_in_reach = |path: &PathBuf| roots.iter().flatten().any(|root| path.starts_with(root));
        match stated {
            Some(path) if is_in_reach(&path) => Ok(Some(path)),
            Some(path) => Err(TransferError::Hostile {
                path,
                reason: "its files lie outside of the folder; name the folder that has them with --artifact-root",
            }),
            None => Ok(Some(own)),
        }
    }
}

/// Whether a folder is there and is not empty.
fn holds_something(folder: &Path) -> Result<bool, TransferError> {
    Ok(!entries(folder)?.is_empty())
}

/// The path of an address on this machine.
fn local_path(uri: &str) -> Option<PathBuf> {
    let path = match uri.strip_prefix("file:") {
        Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
        None => uri,
    };
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?.into_owned();
    let is_plain = path.starts_with('/') && path.split('/').all(|part| part != "..");
    is_plain.then(|| PathBuf::from(path))
}

fn run_status(meta: &Document) -> Result<RunStatus, String> {
    Ok(match meta.int("status")? {
        Some(2) => RunStatus::Scheduled,
        Some(3) => RunStatus::Finished,
        Some(4) => RunStatus::Failed,
        Some(5) => RunStatus::Killed,
        _ => RunStatus::Running,
    })
}

/// What a run read and made.
fn read_links(folder: &Path, record: &mut RunRecord) -> Result<(), TransferError> {
    let experiment = folder.parent().unwrap_or(folder);
    for input in entries(&folder.join("inputs"))?.into_iter().filter(|entry| entry.is_folder) {
        let meta = document(&input.path)?;
        let id = meta.text_or_empty("source_id");
        if !is_inside(&id) || id.contains('/') {
            return Err(TransferError::unreadable(input.path.display().to_string(), "`source_id` is no id"));
        }
        if meta.text("source_type").is_some_and(|kind| kind.starts_with("MODEL")) {
            record.input_models.push(id);
            continue;
        }
        let dataset = experiment.join("datasets").join(&id);
        if !is_there(&dataset.join(META))? {
            continue;
        }
        let found = document(&dataset)?;
        record.inputs.push(DatasetRecord {
            name: found.text_or_empty("name"),
            digest: found.text_or_empty("digest"),
            source_type: found.text_or_empty("source_type"),
            source: found.text_or_empty("source"),
            schema: found.text("schema").map(str::to_owned),
            profile: found.text("profile").map(str::to_owned),
            tags: meta.texts("tags"),
        });
    }
    for output in entries(&folder.join("outputs"))?.into_iter().filter(|entry| entry.is_folder) {
        let meta = document(&output.path)?;
        let step =
            meta.int("step").map_err(|reason| TransferError::unreadable(output.path.display().to_string(), reason))?;
        record.output_models.insert(meta.text_or_empty("destination_id"), step.unwrap_or_default());
    }
    record.inputs.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    record.input_models.sort();
    Ok(())
}

impl Source for FolderSource {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn experiments(&self) -> Result<Vec<ExperimentRecord>, TransferError> {
        let read = |folder: PathBuf| {
            let meta = document(&folder)?;
            let wrong = |reason: String| TransferError::unreadable(folder.join(META).display().to_string(), reason);
            let id = meta.required("experiment_id").map_err(wrong)?;
            if folder.file_name().and_then(|name| name.to_str()) != Some(id) {
                return Err(wrong(format!("it is of the experiment `{id}`, and lies in another folder")));
            }
            let is_deleted = folder.parent().is_some_and(|parent| parent.ends_with(TRASH));
            let created = meta.int("creation_time").map_err(wrong)?.unwrap_or_default();
            Ok(ExperimentRecord {
                id: experiment_id(id)?,
                name: meta.required("name").map_err(wrong)?.to_owned(),
                artifact_location: meta.text_or_empty("artifact_location"),
                lifecycle: if is_deleted { Lifecycle::Deleted } else { Lifecycle::Active },
                created,
                updated: meta.int("last_update_time").map_err(wrong)?.unwrap_or(created),
                tags: texts(&folder.join("tags"))?,
            })
        };
        let mut found = self.experiment_folders()?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|experiment| (experiment.created, experiment.id));
        Ok(found)
    }

    fn runs(&self, experiment: ExperimentId, each: Each<'_, Vec<SourceRun>>) -> Result<(), TransferError> {
        let folder = self.experiment_folder(experiment)?;
        let mut page = Vec::new();
        for entry in entries(&folder)? {
            if !entry.is_folder || RESERVED.contains(&entry.name.as_str()) {
                continue;
            }
            page.extend(Self::read_run(&entry.path, experiment)?);
            if page.len() == RUNS {
                each(std::mem::take(&mut page))?;
            }
        }
        if page.is_empty() { Ok(()) } else { each(page) }
    }

    fn histories(&self, runs: &[&SourceRun], each: Each<'_, HistoryPart>) -> Result<(), TransferError> {
        for run in runs {
            let folder = self.experiment_folder(run.record.experiment)?.join(&run.record.id).join("metrics");
            for (metric, path) in names(&folder)? {
                let mut points = Vec::new();
                let mut failed = None;
                let mut send = |points: &mut Vec<Point>| {
                    let part = HistoryPart {
                        run: run.record.id.clone(),
                        metric: metric.clone(),
                        points: std::mem::take(points),
                    };
                    each(part)
                };
                each_line(&path, &mut |line| {
                    points.push(run_point(line)?);
                    if points.len() == POINTS && failed.is_none() {
                        failed = send(&mut points).err();
                    }
                    Ok(())
                })?;
                failed.map_or(Ok(()), Err)?;
                send(&mut points)?;
            }
        }
        Ok(())
    }

    fn logged_models(
        &self,
        experiment: ExperimentId,
        each: Each<'_, Vec<LoggedModelRecord>>,
    ) -> Result<(), TransferError> {
        let folder = self.experiment_folder(experiment)?.join(MODELS);
        for entry in entries(&folder)?.into_iter().filter(|entry| entry.is_folder) {
            each(Self::read_model(&entry.path, experiment)?.into_iter().collect())?;
        }
        Ok(())
    }

    fn unlisted_model(&self, _: &str) -> Result<Option<LoggedModelRecord>, TransferError> {
        // All of them, deleted ones too, are in the folders of their experiments.
        Ok(None)
    }

    fn files(&self, owner: &Owner) -> Result<Vec<SourceFile>, TransferError> {
        let Some(folder) = self.artifact_folder(owner)? else { return Ok(Vec::new()) };
        let file = |(path, entry): (String, Entry)| SourceFile { path, bytes: entry.bytes };
        Ok(files_below(&folder)?.into_iter().map(file).collect())
    }

    fn open(&self, owner: &Owner, path: &str) -> Result<Box<dyn Read + Send>, TransferError> {
        let missing = || TransferError::unreadable(owner.shown(), format!("there is no file `{path}`"));
        let folder = self.artifact_folder(owner)?.filter(|_| is_inside(path)).ok_or_else(missing)?;
        let file = folder.join(path);
        let mut above = folder;
        for part in path.split('/') {
            above.push(part);
            if !is_there(&above)? {
                return Err(missing());
            }
        }
        Ok(Box::new(File::open(&file).map_err(TransferError::file("read", &file))?))
    }

    fn registered_models(&self, each: Each<'_, Vec<RegisteredModelRecord>>) -> Result<(), TransferError> {
        folder_registry::registered_models(&self.root.join(MODELS), each)
    }

    fn versions(&self, each: Each<'_, Vec<VersionRecord>>) -> Result<(), TransferError> {
        folder_registry::versions(&self.root.join(MODELS), each)
    }
}
