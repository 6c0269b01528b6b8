//! A folder as MLflow's file store has it, as a target.
//!
//! Invariants: only a folder that is empty, or that an export made, is written to; no name leaves it.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use kilter_domain::{
    tracking::{ExperimentId, Lifecycle, ModelStatus, RunStatus},
    transfer::{
        DatasetRecord, ExperimentRecord, LoggedModelRecord, PointsRecord, Record, RegisteredModelRecord, RunRecord,
        Texts, VersionRecord,
    },
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{
    TransferError,
    folder::{FolderSource, MODELS, TRASH},
    folder_files::{META, entries},
    report::Report,
    rest::is_inside,
    source::{Owner, Source, SourceRun},
    target::Target,
    yaml::Writer,
};

/// Says that an export made the folder.
const MARK: &str = ".kilter-export";
const NOT_IN_URI: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?');

/// A folder as MLflow's file store has it.
pub struct FolderTarget {
    root: PathBuf,
    source: FolderSource,
}

impl FolderTarget {
    /// The folder at `root`, which is made where it is missing.
    ///
    /// # Errors
    /// When something lies in it that no export wrote.
    pub fn new(root: &Path) -> Result<Self, TransferError> {
        fs::create_dir_all(root).map_err(TransferError::file("make", root))?;
        let root = root.canonicalize().map_err(TransferError::file("find", root))?;
        let is_ours = root.join(MARK).is_file();
        if !is_ours && !entries(&root)?.is_empty() {
            return Err(TransferError::Hostile {
                path: root,
                reason: "it is not empty, and no export made it; name a folder that is empty or absent",
            });
        }
        write(&root.join(MARK), "Written by `kilter export mlflow`.\n")?;
        for folder in [TRASH, MODELS] {
            make(&root.join(folder))?;
        }
        Ok(Self { source: FolderSource::at(root.clone()), root })
    }

    /// The address of a folder, as MLflow writes it.
    fn uri(&self, below: &str) -> String {
        format!("file://{}/{below}", utf8_percent_encode(&self.root.display().to_string(), NOT_IN_URI))
    }

    fn put_experiment(&self, record: &ExperimentRecord) -> Result<(), TransferError> {
        let name = record.id.to_string();
        let (active, deleted) = (self.root.join(&name), self.root.join(TRASH).join(&name));
        let (folder, other) = match record.lifecycle {
            Lifecycle::Active => (active, deleted),
            Lifecycle::Deleted => (deleted, active),
        };
        if other.is_dir() {
            fs::rename(&other, &folder).map_err(TransferError::file("move", &other))?;
        }
        let meta = Writer::default()
            .text("artifact_location", &record.artifact_location)
            .word("creation_time", record.created)
            .text("experiment_id", &name)
            .word("last_update_time", record.updated)
            .text("lifecycle_stage", record.lifecycle.as_str())
            .text("name", &record.name);
        write_meta(&folder, meta)?;
        write_texts(&folder.join("tags"), &record.tags)
    }

    fn put_run(&self, record: &RunRecord) -> Result<(), TransferError> {
        let experiment = self.source.experiment_folder(record.experiment)?;
        let folder = below(&experiment, &record.id)?;
        let meta = Writer::default()
            .text("artifact_uri", &record.artifact_uri)
            .int_or_null("end_time", record.ended)
            .text("entry_point_name", "")
            .text("experiment_id", &record.experiment.to_string())
            .text("lifecycle_stage", record.lifecycle.as_str())
            .text("run_id", &record.id)
            .text("run_name", &record.name)
            .text("run_uuid", &record.id)
            .text("source_name", "")
            .word("source_type", 4)
            .text("source_version", "")
            .int_or_null("start_time", record.started)
            .word("status", status_number(record.status))
            .word("tags", "[]")
            .text("user_id", &record.user_id);
        // Histories are written anew: a point that is there would be there twice.
        let metrics = folder.join("metrics");
        if metrics.is_dir() {
            fs::remove_dir_all(&metrics).map_err(TransferError::file("write anew", &metrics))?;
        }
        for name in ["metrics", "params", "tags", "artifacts"] {
            make(&folder.join(name))?;
        }
        write_texts(&folder.join("params"), &record.params)?;
        write_texts(&folder.join("tags"), &record.tags)?;
        for dataset in &record.inputs {
            put_input(&experiment, &folder, dataset)?;
        }
        for model in &record.input_models {
            let meta = link(("MODEL", model), ("RUN", model)).word("tags", "{}");
            write_meta(&below(&folder.join("inputs"), &short_id(&[model, &record.id]))?, meta)?;
        }
        for (model, step) in &record.output_models {
            let meta = link(("RUN_OUTPUT", model), ("MODEL_OUTPUT", model)).word("tags", "{}").word("step", step);
            write_meta(&below(&folder.join("outputs"), model)?, meta)?;
        }
        write_meta(&folder, meta)
    }

    fn put_points(&self, record: &PointsRecord) -> Result<(), TransferError> {
        let run = self.source.run_folder(&record.run)?;
        let path = below(&run.join("metrics"), &record.metric)?;
        make(path.parent().unwrap_or(&run))?;
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let mut file = file.map_err(TransferError::file("write", &path))?;
        let lines = record.points.iter().map(|point| format!("{} {:?} {}\n", point.1, point.2.number(), point.0));
        file.write_all(lines.collect::<String>().as_bytes()).map_err(TransferError::file("write", &path))
    }

    fn put_model(&self, record: &LoggedModelRecord) -> Result<(), TransferError> {
        let folder = below(&self.source.experiment_folder(record.experiment)?.join(MODELS), &record.id)?;
        let status = match record.status {
            ModelStatus::Pending => 1,
            ModelStatus::Ready => 2,
            ModelStatus::UploadFailed => 3,
        };
        let meta = Writer::default()
            .text("artifact_location", &record.artifact_uri)
            .word("creation_timestamp", record.created)
            .text("experiment_id", &record.experiment.to_string())
            .word("last_updated_timestamp", record.updated)
            .text("lifecycle_stage", record.lifecycle.as_str())
            .text("model_id", &record.id)
            .text_or_null("model_type", Some(&record.model_type))
            .text("name", &record.name)
            .text_or_null("source_run_id", record.source_run.as_deref())
            .word("status", status)
            .word("status_message", "null");
        for name in ["metrics", "params", "tags"] {
            make(&folder.join(name))?;
        }
        write_texts(&folder.join("params"), &record.params)?;
        write_texts(&folder.join("tags"), &record.tags)?;
        let mut lines: BTreeMap<&str, String> = BTreeMap::new();
        for measured in &record.metrics {
            let (point, line) = (&measured.point, lines.entry(&measured.metric).or_default());
            *line += &format!("{} {:?} {} {}", point.1, point.2.number(), point.0, measured.run);
            // A name with a space cannot be told from two fields.
            let is_said = !measured.dataset_name.is_empty() && !measured.dataset_name.contains(char::is_whitespace);
            if is_said {
                *line += &format!(" {} {}", measured.dataset_name, measured.dataset_digest);
            }
            *line += "\n";
        }
        for (metric, lines) in lines {
            let path = below(&folder.join("metrics"), metric)?;
            make(path.parent().unwrap_or(&folder))?;
            write(&path, &lines)?;
        }
        write_meta(&folder, meta)
    }

    fn put_registered_model(&self, record: &RegisteredModelRecord) -> Result<(), TransferError> {
        let folder = below(&self.root.join(MODELS), &record.name)?;
        write_texts(&folder.join("tags"), &record.tags)?;
        let aliases = record.aliases.iter().map(|(alias, number)| (alias.clone(), number.to_string()));
        write_texts(&folder.join("aliases"), &aliases.collect())?;
        let meta = Writer::default()
            .word("creation_timestamp", record.created)
            .text_or_null("description", Some(&record.description))
            .word("last_updated_timestamp", record.updated)
            .text("name", &record.name);
        write_meta(&folder, meta)
    }

    fn put_version(&self, record: &VersionRecord) -> Result<(), TransferError> {
        let folder = below(&self.root.join(MODELS), &record.model)?.join(format!("version-{}", record.number));
        write_texts(&folder.join("tags"), &record.tags)?;
        let model = record.source.strip_prefix("models:/").filter(|id| id.starts_with("m-"));
        let meta = Writer::default()
            .word("creation_timestamp", record.created)
            .text("current_stage", record.stage.as_str())
            .text_or_null("description", Some(&record.description))
            .word("last_updated_timestamp", record.updated)
            .text_or_null("model_id", model)
            .text("name", &record.model)
            .text_or_null("run_id", Some(&record.run_id))
            .text_or_null("run_link", Some(&record.run_link))
            .text("source", &record.source)
            .text("status", &record.status.as_str().to_uppercase())
            .text_or_null("status_message", Some(&record.status_message))
            .text("storage_location", &record.source)
            .text_or_null("user_id", Some(&record.user_id))
            .word("version", record.number);
        write_meta(&folder, meta)
    }

    fn file_path(&self, owner: &Owner, path: &str) -> Result<PathBuf, TransferError> {
        let experiment = self.source.experiment_folder(owner.experiment)?;
        let folder = if owner.is_model { experiment.join(MODELS) } else { experiment };
        below(&below(&folder, &owner.id)?.join("artifacts"), path)
    }
}

fn status_number(status: RunStatus) -> u8 {
    match status {
        RunStatus::Running => 1,
        RunStatus::Scheduled => 2,
        RunStatus::Finished => 3,
        RunStatus::Failed => 4,
        RunStatus::Killed => 5,
    }
}

fn put_input(experiment: &Path, run: &Path, dataset: &DatasetRecord) -> Result<(), TransferError> {
    let id = short_id(&[&dataset.name, &dataset.digest]);
    let meta = Writer::default()
        .text("digest", &dataset.digest)
        .text("name", &dataset.name)
        .text_or_null("profile", dataset.profile.as_deref())
        .text_or_null("schema", dataset.schema.as_deref())
        .text("source", &dataset.source)
        .text("source_type", &dataset.source_type);
    write_meta(&experiment.join("datasets").join(&id), meta)?;
    let meta = link(("DATASET", &id), ("RUN", &id)).texts("tags", &dataset.tags);
    write_meta(&run.join("inputs").join(short_id(&[&id, &run.display().to_string()])), meta)
}

fn link(source: (&str, &str), destination: (&str, &str)) -> Writer {
    Writer::default()
        .text("source_type", source.0)
        .text("source_id", source.1)
        .text("destination_type", destination.0)
        .text("destination_id", destination.1)
}

/// An id of 32 hex digits that is the same for the same parts.
fn short_id(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// A path below a folder, which no name leaves.
fn below(folder: &Path, name: &str) -> Result<PathBuf, TransferError> {
    match is_inside(name) {
        true => Ok(folder.join(name)),
        false => {
            Err(TransferError::Hostile { path: folder.join("…"), reason: "a name in it would leave the folder" })
        }
    }
}

fn make(folder: &Path) -> Result<(), TransferError> {
    fs::create_dir_all(folder).map_err(TransferError::file("make", folder))
}

fn write(path: &Path, text: &str) -> Result<(), TransferError> {
    fs::write(path, text).map_err(TransferError::file("write", path))
}

/// The last file of a thing: without it the thing is not there.
fn write_meta(folder: &Path, meta: Writer) -> Result<(), TransferError> {
    make(folder)?;
    write(&folder.join(META), &meta.end())
}

fn write_texts(folder: &Path, texts: &Texts) -> Result<(), TransferError> {
    for (name, text) in texts {
        let path = below(folder, name)?;
        make(path.parent().unwrap_or(folder))?;
        write(&path, text)?;
    }
    Ok(())
}

impl Target for FolderTarget {
    fn source(&self) -> &dyn Source {
        &self.source
    }

    fn run(&self, experiment: ExperimentId, id: &str) -> Result<Option<SourceRun>, TransferError> {
        FolderSource::read_run(&below(&self.source.experiment_folder(experiment)?, id)?, experiment)
    }

    fn logged_model(&self, want: &LoggedModelRecord) -> Result<Option<LoggedModelRecord>, TransferError> {
        let folder = below(&self.source.experiment_folder(want.experiment)?.join(MODELS), &want.id)?;
        FolderSource::read_model(&folder, want.experiment)
    }

    fn bring(&self, records: Vec<Record>) -> Result<(), TransferError> {
        records.iter().try_for_each(|record| match record {
            Record::Experiment(record) => self.put_experiment(record),
            Record::Run(record) => self.put_run(record),
            Record::Points(record) => self.put_points(record),
            Record::LoggedModel(record) => self.put_model(record),
            Record::RegisteredModel(record) => self.put_registered_model(record),
            Record::Version(record) => self.put_version(record),
        })
    }

    fn location(&self, experiment: ExperimentId) -> String {
        self.uri(&experiment.to_string())
    }

    fn has_files_of(&self, uri: &str) -> bool {
        uri.starts_with(&self.uri(""))
    }

    fn put_file(&self, owner: &Owner, path: &str, mut reader: Box<dyn Read + Send>) -> Result<(), TransferError> {
        let target = self.file_path(owner, path)?;
        make(target.parent().unwrap_or(&self.root))?;
        let part = target.with_extension("kilter-part");
        let mut file = File::create(&part).map_err(TransferError::file("write", &part))?;
        io::copy(&mut reader, &mut file).map_err(TransferError::file("write", &part))?;
        fs::rename(&part, &target).map_err(TransferError::file("write", &target))
    }

    fn digest_of_file(&self, owner: &Owner, path: &str) -> Result<Option<String>, TransferError> {
        let path = self.file_path(owner, path)?;
        let mut file = File::open(&path).map_err(TransferError::file("read", &path))?;
        let mut hasher = blake3::Hasher::new();
        io::copy(&mut file, &mut hasher).map_err(TransferError::file("read", &path))?;
        Ok(Some(hasher.finalize().to_hex().to_string()))
    }

    fn finish(&self, _: &str, _: &Report) -> Result<(), TransferError> {
        Ok(())
    }
}
