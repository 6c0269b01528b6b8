//! Packaging: from a finished run to a version of the registry, measured and held against its gates.
//!
//! Invariants: what is judged and served is the model that is stored: the package is read back once, verified, and its
//! file is parsed once. A version is measured on rows that it was not trained on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use kilter_blobs::read_bounded;
use kilter_domain::{
    actor::Actor,
    card::human_parts,
    contract::Package as PackageSpec,
    event::EventKind,
    gate::Verdict,
    model::{Commit, GateResult, VersionState},
    table::{Column, Table, TableError},
};
use kilter_evaluation::{
    gate_metrics::ModelRows,
    labelled_predictions::{LabelledPredictions, headline},
    reference::Reference,
};
use kilter_inference::{Model, Task};
use kilter_lake::{ReadOptions, read_table};
use kilter_package::{
    Manifest, Package, Parts, SAMPLE_LOSS, SAMPLE_ROWS, SAMPLE_SCORE, SCHEMA,
    golden::{GoldenRequests, GoldenResult},
};
use kilter_store::{model as versions, model::card as cards};
use kilter_workflow::RunRecord;
use serde_json::json;

use crate::{
    app::App,
    causes::{NotFound, ScoringError, StorageError},
    dataset::{
        column_roles::{ColumnRoles, RolesError},
        context_columns,
    },
    gate::{
        GateError,
        diagnostics::{Diagnostics, DiagnosticsInput},
        evaluate::{Champion, GateEvaluation},
        holdout::HeldOut,
        holdout_answers::HeldOutAnswers,
        judge, leakage,
        transition::VersionTransition,
    },
    model::{golden_replay, input_rules::RuleSource, load, mlflow_folder, runtime::ModelLoader, signature},
    prediction::live,
    project::{DatasetError, folder::Project},
    training::{
        TrainError,
        data::FinishedRun,
        package_files::PackageFiles,
        request::{Training, cause_sentence, trained_numbers},
    },
};

/// Where a project keeps its model card.
const CARD_FILE: &str = "docs/MODEL_CARD.md";
/// The largest card that is read.
const MAX_CARD_BYTES: u64 = 1 << 20;

/// A version as it was packed, with what it is judged on.
pub(crate) struct PackagedVersion {
    pub number: u32,
    /// The id of the key that signed it.
    pub signed_by: String,
    pub package: Arc<Package>,
    pub model: Arc<Model>,
    pub test: Table,
    pub facts: BTreeMap<String, f64>,
    /// What was seen without being asked.
    pub notes: Diagnostics,
    pub commit: Commit,
}

/// The model of a run, and the rows that it was trained on.
struct TrainedModel {
    model: Model,
    bytes: Vec<u8>,
    rows: Table,
}

/// Packs what a run made and records it as a draft.
pub(crate) fn package_run(
    app: &App,
    run: &FinishedRun<'_>,
    spec: &PackageSpec,
    held_out: Option<Table>,
) -> Result<PackagedVersion, TrainError> {
    let roles = run.project.roles(run.project.labelled_dataset()?);
    let trained = TrainedModel::of(app, run, spec, &roles)?;
    let held = HeldOut::score(run.project, &trained.model, run.test_rows(held_out)?, &roles)?;
    let weight = roles.weight.as_deref().and_then(|name| held.rows.get(name));
    let outcomes = held.scored.outcomes(roles.label(&held.rows)?, weight);
    let reference = trained.reference(run.project, &roles, &held, &outcomes)?;
    let notes = trained.notes(&roles, &held, &outcomes, &reference)?;
    let sample = labelled_sample(&held.rows, &held.scored.scores, &outcomes)?;
    let threshold = held.scored.threshold;
    let golden = golden_sample(run, spec, (&trained.model, threshold))?;
    let metrics = measured_metrics(held.scored.task, &outcomes);
    let packed = PackageFiles::of(run, &metrics);
    let mut manifest = Manifest { made: Some(packed.made.clone()), ..trained.manifest(run, &roles, threshold)? };
    manifest.input_rules = RuleSource {
        contract: &run.project.contract,
        signature: &manifest.signature,
        recorded: &manifest.recorded,
        trained_on: &trained.rows,
        reference: &reference,
    }
    .rules()?;
    let files = packed.with_documents(&manifest, &trained.bytes);
    let parts = Parts {
        files,
        manifest,
        reference,
        sample: Some(&sample),
        golden: golden.as_ref(),
        model_bytes: trained.bytes,
        contract: &run.project.text,
    };
    let stored = Package::put(app.blobs(), &run.scratch.join("package"), parts)?;
    let (package, model) = load::keep_version(app, stored.digest, Arc::new(trained.model))?;
    let signed_by = signature::sign_package(app, &run.training.context, &run.project.model(), &package)?;
    let number = draft_version(app, run, &package, &metrics, held.rows.rows())?;
    keep_card(app, run, number)?;
    let (facts, commit) = (facts(&notes, run.record, &package), run.commit());
    Ok(PackagedVersion { number, signed_by, package, model, test: held.rows, facts, notes, commit })
}

impl TrainedModel {
    /// Reads the model of a run. A foreign model of one block takes the features of its training rows in their order, and is
    /// stored with their names: then it is parsed again, as whoever serves it will.
    fn of(app: &App, run: &FinishedRun<'_>, spec: &PackageSpec, roles: &ColumnRoles) -> Result<Self, TrainError> {
        let (path, loader) = (run.output_path(&spec.model)?, ModelLoader::of(app));
        let (model, written) = match mlflow_folder::flavors(&path) {
            Some(_) => loader.load_folder(&path)?,
            None => {
                let written = read_model(&path)?;
                (loader.load(&written, None)?, written)
            }
        };
        let (rows, length) = (run.training_rows(&spec.model.step)?, written.len());
        let named = model.named_by(&rows, |name| roles.is_feature(name));
        let named = named.map_err(ScoringError::of("the training rows"))?;
        let bytes = named.with_signature(written);
        let model = if bytes.len() == length { named } else { loader.load(&bytes, None)? };
        refuse_leakage(&model, roles)?;
        refuse_reserved(&model)?;
        Ok(Self { model, bytes, rows })
    }

    /// What monitors will compare with: the columns that are read or watched, and the answers on the held-out rows.
    fn reference(
        &self,
        project: &Project,
        roles: &ColumnRoles,
        held: &HeldOut,
        outcomes: &LabelledPredictions,
    ) -> Result<Reference, RolesError> {
        let watched = context_columns::watched(&project.contract);
        let is_outcome = |name: &str| roles.leaking().any(|column| column == name);
        let signature = self.model.signature();
        let is_compared = |name: &str| signature.input(name).is_some() || (watched.contains(name) && !is_outcome(name));
        let scored = &held.scored;
        let reference = Reference::of(&self.rows, is_compared)
            .with_score(&scored.scores)
            .with_predictions(scored.labels.as_deref().filter(|_| scored.task == Task::Multiclass))
            .with_losses(&outcomes.losses())
            .with_calibration(outcomes);
        HeldOutAnswers { scored, outcomes, rows: &held.rows }.with_times(reference, project, roles, &self.rows)
    }

    /// What was seen without being asked.
    fn notes(
        &self,
        roles: &ColumnRoles,
        held: &HeldOut,
        outcomes: &LabelledPredictions,
        reference: &Reference,
    ) -> Result<Diagnostics, DatasetError> {
        let (trained_on, test, signature) = (&self.rows, &held.rows, self.model.signature());
        let input = DiagnosticsInput { trained_on, test, roles, signature, reference, outcomes };
        let mut notes = input.notes()?;
        held.unfit.iter().for_each(|unfit| notes.refused(unfit));
        notes.labels(outcomes.label_check());
        Ok(notes)
    }

    fn manifest(&self, run: &FinishedRun<'_>, roles: &ColumnRoles, threshold: f64) -> Result<Manifest, RolesError> {
        let (project, record, signature) = (run.project, run.record, self.model.signature());
        Ok(Manifest {
            schema: SCHEMA,
            project: project.name.clone(),
            model: project.model(),
            run: record.run.clone(),
            format: self.model.format(),
            signature: signature.clone(),
            recorded: context_columns::inputs(&project.contract, roles, signature, &self.rows),
            input_rules: Vec::new(),
            datasets: record.data.iter().map(|(name, pin)| (name.to_string(), pin.content.digest)).collect(),
            trained_through: newest(roles, &self.rows)?,
            trained_rows: self.rows.rows() as u64,
            threshold,
            tuned_from: None,
            made: None,
            files: Vec::new(),
        })
    }
}

/// The golden requests that the contract asks for, with the answers of the model that the run made.
fn golden_sample(
    run: &FinishedRun<'_>,
    spec: &PackageSpec,
    (model, threshold): (&Model, f64),
) -> Result<Option<GoldenRequests>, GateError> {
    let Some(sample) = &spec.sample else { return Ok(None) };
    let table = read_table(&run.output_path(&sample.from)?, &ReadOptions::default())?;
    Ok(GoldenRequests::record(model, threshold, &table, sample.rows as usize)?)
}

fn draft_version(
    app: &App,
    run: &FinishedRun<'_>,
    package: &Package,
    metrics: &BTreeMap<String, f64>,
    tested: usize,
) -> Result<u32, StorageError> {
    let new = versions::NewVersion {
        model: run.project.model(),
        run: Some(package.manifest.run.clone()),
        digest: package.digest,
        makers: makers(run),
        signature: serde_json::to_value(&package.manifest.signature)
            .map_err(|source| StorageError::Document { what: "signature", source })?,
        policy: run.project.contract.policy_text(),
        metrics: json!(metrics),
    };
    let mut numbers = trained_numbers(package.manifest.trained_rows, tested);
    metrics.iter().for_each(|(name, value)| numbers.put(name, *value));
    let reason = cause_sentence(&run.training.cause);
    let draft = run.training.context.decision_event(EventKind::Trained, reason, &numbers);
    let number = app.store().write(move |tx| Ok(versions::create(&tx.audited(draft), &new)?.number))?;
    Ok(number)
}

/// Keeps what people wrote in the card of the project: it counts for the approval of this version.
fn keep_card(app: &App, run: &FinishedRun<'_>, number: u32) -> Result<(), StorageError> {
    let Ok(text) = kilter_blobs::read_bounded_text(&run.project.folder.join(CARD_FILE), MAX_CARD_BYTES) else {
        return Ok(());
    };
    let parts = human_parts(&text);
    if parts.is_empty() {
        return Ok(());
    }
    let (model, draft) = (run.project.model(), run.training.context.audit_event("card.write", "", vec![]));
    app.store().write(move |tx| {
        // What was written on the platform about the version before, and is not in the file, stays.
        let mut all = cards::newest(tx, &model, number)?.map(|card| card.parts).unwrap_or_default();
        all.extend(parts);
        cards::record(&tx.audited(draft), &model, number, &all).map(drop)
    })?;
    Ok(())
}

/// Who started the run, the person who answers for a service that did, and who wrote the commit that it saw.
fn makers(run: &FinishedRun<'_>) -> Vec<Actor> {
    let author = run.record.git.as_ref().map(|git| git.authors()).unwrap_or_default();
    let mut makers = run.training.context.everyone();
    makers.extend(author);
    makers.sort();
    makers.dedup();
    makers
}

/// Holds a draft against the gates and moves it as far as the verdict and the contract let it.
pub(crate) fn judge_version(
    app: &App,
    project: &Project,
    training: &Training,
    made: &PackagedVersion,
    data: Option<Verdict>,
) -> Result<(u32, VersionState), GateError> {
    let (context, approval_mode) = (&training.context, training.approval_mode);
    let mover = VersionTransition { app, project, context, approval_mode, number: made.number };
    let replayed = golden_replay::replay_golden(app, &made.package, &made.model)?;
    mover.submit((made.package.digest, &made.signed_by), &made.commit, &replayed)?;
    let (judged, notes) = measure_gates(app, project, training, made, &replayed)?;
    let state = mover.record_verdicts(made.package.digest, &notes, &judged, data)?;
    Ok((made.number, mover.approve_if_nobody_is_asked(state)?))
}

/// Holds a draft against the gates, and leaves it a draft: whoever submits it has it decided by these verdicts.
pub(crate) fn judge_draft(
    app: &App,
    project: &Project,
    training: &Training,
    made: &PackagedVersion,
    data: Option<Verdict>,
) -> Result<(u32, VersionState), GateError> {
    let (context, approval_mode) = (&training.context, training.approval_mode);
    let mover = VersionTransition { app, project, context, approval_mode, number: made.number };
    let replayed = golden_replay::replay_golden(app, &made.package, &made.model)?;
    let (judged, _) = measure_gates(app, project, training, made, &replayed)?;
    mover.record_draft_verdicts(&judged, data)?;
    Ok((made.number, VersionState::Draft))
}

/// The verdict of each gate, and what was seen besides.
fn measure_gates(
    app: &App,
    project: &Project,
    training: &Training,
    made: &PackagedVersion,
    replayed: &GoldenResult,
) -> Result<(Vec<GateResult>, Diagnostics), GateError> {
    let champion = live::champion(app, project)?;
    let roles = project.roles(project.labelled_dataset()?);
    let bench =
        GateEvaluation { rows: &made.test, roles: &roles, now: training.context.at, golden: replayed.counted() };
    let against = champion.as_ref().map(|(package, model)| Champion {
        model,
        threshold: package.manifest.threshold,
        trained_through: package.manifest.trained_through,
    });
    let gates = &project.contract.gates;
    let threshold = made.package.manifest.threshold;
    let rows: ModelRows = bench.measure(&made.model, threshold, against.as_ref(), made.facts.clone(), gates)?;
    let mut judged = judge::judge(gates, &rows);
    let trained = usize::try_from(made.package.manifest.trained_rows).unwrap_or(usize::MAX);
    judged.extend(leakage::leakage(&made.notes, gates, &roles.dataset, trained));
    let mut notes = made.notes.clone();
    if let Some((package, _)) = &champion {
        notes.compare_classes(&made.package.manifest.signature, &package.manifest.signature);
        notes.sentences.extend(judge::beside_champion(gates, &judged, &rows));
    }
    Ok((judged, notes))
}

/// The largest model file that is read into memory.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// Endings of the files of models.
const MODEL_ENDINGS: [&str; 5] = ["onnx", "lgb", "txt", "json", "ubj"];

/// The model of an output: the file itself, or the only one of a folder: `.onnx`, else with another ending of a model.
fn read_model(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let failed = |source| StorageError::ReadFile { path: path.to_owned(), source };
    if path.is_file() {
        return Ok(read_bounded(path, MAX_MODEL_BYTES).map_err(failed)?);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    let has = |file: &Path, ending: &str| file.extension().is_some_and(|extension| extension == ending);
    let mut found: Vec<PathBuf> = files.iter().filter(|file| has(file, "onnx")).cloned().collect();
    if found.is_empty() {
        // A report beside the model may be JSON or text too: what counts is that a file is named as a model of a library is.
        let is_named = |file: &PathBuf| {
            file.file_stem().is_some_and(|stem| stem == "model") && MODEL_ENDINGS.iter().any(|ending| has(file, ending))
        };
        found = files.into_iter().filter(is_named).collect();
    }
    match &found[..] {
        [file] => Ok(read_bounded(file, MAX_MODEL_BYTES)
            .map_err(|source| StorageError::ReadFile { path: file.clone(), source })?),
        files => Err(NotFound {
            what: "model",
            id: path.display().to_string(),
            how: format!(
                "the output must hold one .onnx file or one model.lgb, model.txt, model.json or model.ubj, it holds {}",
                files.len()
            ),
        }
        .into()),
    }
}

fn refuse_leakage(model: &Model, roles: &ColumnRoles) -> Result<(), TrainError> {
    let of_outcome = roles.leaking().map(|column| (column, "the label or when it becomes known"));
    let ignored = roles.ignore.iter().map(|column| (column.as_str(), "`ignore`"));
    match of_outcome.chain(ignored).find(|(column, _)| model.signature().input(column).is_some()) {
        Some((column, role)) => Err(TrainError::Leakage { column: column.to_owned(), role }),
        None => Ok(()),
    }
}

/// A model that reads a column under one of our own names could never be asked: requests cannot carry it.
fn refuse_reserved(model: &Model) -> Result<(), TrainError> {
    let mut inputs = model.signature().inputs.iter();
    match inputs.find(|input| context_columns::is_reserved(&input.name)) {
        Some(input) => Err(TrainError::ReservedInput { column: input.name.clone() }),
        None => Ok(()),
    }
}

fn newest(roles: &ColumnRoles, table: &Table) -> Result<Option<kilter_domain::time::Timestamp>, RolesError> {
    match &roles.time {
        Some(time) if table.get(time).is_some() => Ok(roles.event_times(table)?.into_iter().max()),
        _ => Ok(None),
    }
}

/// Held-out rows with label, score and loss, evenly over the table.
fn labelled_sample(test: &Table, scores: &[f64], outcomes: &LabelledPredictions) -> Result<Table, TableError> {
    let step = outcomes.len().div_ceil(SAMPLE_ROWS).max(1);
    let places: Vec<usize> = (0..outcomes.len()).step_by(step).collect();
    let rows: Vec<usize> = places.iter().map(|&place| outcomes.rows[place]).collect();
    let (losses, mut sample) = (outcomes.losses(), test.select(|name| !name.starts_with("__")).take(&rows));
    sample.push(SAMPLE_SCORE, Column::Float(rows.iter().map(|&row| scores[row]).collect()))?;
    sample.push(SAMPLE_LOSS, Column::Float(places.iter().map(|&place| losses[place]).collect()))?;
    Ok(sample)
}

/// The metrics that every version carries: the headline of its task and the usual ones beside it.
fn measured_metrics(task: Task, outcomes: &LabelledPredictions) -> BTreeMap<String, f64> {
    let names: &[&str] = match task {
        Task::Binary => &[headline(Task::Binary), "average_precision", "log_loss", "brier", "accuracy", "ece"],
        Task::Multiclass => &[headline(Task::Multiclass), "f1_macro", "log_loss"],
        Task::Regression => &[headline(Task::Regression), "rmse", "wape", "r2", "bias"],
    };
    let measured = |name: &&str| Some(((*name).to_owned(), outcomes.metric(name).ok()?.value));
    names.iter().filter_map(measured).collect()
}

/// What rules of the gate may ask beside metrics: what was noticed, what the steps logged, the size of the model in bytes.
fn facts(notes: &Diagnostics, record: &RunRecord, package: &Package) -> BTreeMap<String, f64> {
    let mut facts = notes.facts.clone();
    facts.extend(record.metrics());
    facts.insert("size".to_owned(), package.model_size() as f64);
    facts
}
