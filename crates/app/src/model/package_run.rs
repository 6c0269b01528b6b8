//! Versions: from a finished run to a package, its gates, its approval; every move by the one function of `domain`.
//!
//! Invariants: a version moves only with evidence and right, and its entry is written with the move. The system
//! submits and validates; it approves only where the contract asks nobody.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use kilter_blobs::read_bounded;
use kilter_domain::{
    actor::Actor,
    contract::{Package as PackageSpec, Risk},
    digest::Digest,
    gate::{ApprovalRule, Verdict},
    ids::ModelName,
    model::{
        ActorWithRoles, Approval, Card, Commit, GateResult, Requirements, Submission, Validation, VersionEvent,
        VersionFacts, VersionState,
    },
    table::{Column, Table, TableError},
};
use kilter_evaluation::{
    gate_metrics::ModelRows,
    labelled_predictions::{LabelledPredictions, headline},
    reference::Reference,
};
use kilter_inference::{Model, Task};
use kilter_package::{
    Manifest, Package, PackageError, Parts, SAMPLE_LOSS, SAMPLE_ROWS, SAMPLE_SCORE, golden::GoldenResult,
};
use kilter_store::{gate as verdicts, model as versions};
use kilter_workflow::RunRecord;
use serde_json::json;

use crate::{
    app::App,
    causes::{NotFound, ScoringError, StorageError},
    context::RequestContext,
    dataset::DatasetError,
    dataset::{
        column_roles::{ColumnRoles, RolesError},
        context_columns,
    },
    deployment::live,
    event::{DecisionKind, EventMetrics},
    gate::GateError,
    gate::{
        data_checks,
        diagnostics::{Diagnostics, DiagnosticsInput},
        evaluate::{Champion, GateEvaluation},
        holdout::HeldOut,
        holdout_answers::HeldOutAnswers,
        judge, leakage,
    },
    model::error::VersionError,
    model::golden_replay,
    project::folder::Project,
    training::TrainError,
    training::{
        data,
        request::{ApprovalMode, Training, trained_numbers},
    },
};

/// A version as it was packed, with what it is judged on.
pub(crate) struct PackagedVersion {
    pub number: u32,
    pub package: Package,
    pub model: Arc<Model>,
    pub test: Table,
    pub facts: BTreeMap<String, f64>,
    /// What was seen without being asked.
    pub notes: Diagnostics,
    pub commit: Commit,
}

/// Packs what a run made and records it as a draft.
pub(crate) fn package_run(
    app: &App,
    project: &Project,
    training: &Training,
    spec: &PackageSpec,
    record: &RunRecord,
    held_out: Option<Table>,
    scratch: &Path,
) -> Result<PackagedVersion, TrainError> {
    let model_bytes = read_model(&data::output_path(project, training, record, &spec.model)?)?;
    let digest = Digest::of(&model_bytes);
    let model = Model::from_onnx(&model_bytes).map_err(|source| PackageError::Model { digest, source })?;
    let dataset = project.labelled_dataset()?;
    let roles = project.roles(dataset);
    let test = data::test_rows(project, training, record, held_out)?;
    let trained_on = data::training_rows(project, training, record, &spec.model.step)?;
    let (model, model_bytes) = named_by_training(model, model_bytes, &roles, &trained_on)?;
    refuse_leakage(&model, &roles)?;
    refuse_reserved(&model)?;
    let HeldOut { rows: test, scored, unfit } = HeldOut::score(project, &model, test, &roles)?;
    let threshold = scored.threshold;
    let watched = context_columns::watched(&project.contract);
    let is_outcome = |name: &str| roles.leaking().any(|column| column == name);
    let is_compared =
        |name: &str| model.signature().input(name).is_some() || (watched.contains(name) && !is_outcome(name));
    let weight = roles.weight.as_deref().and_then(|name| test.get(name));
    let outcomes = scored.outcomes(roles.label(&test)?, weight);
    let reference = Reference::of(&trained_on, is_compared)
        .with_score(&scored.scores)
        .with_predictions(scored.labels.as_deref().filter(|_| scored.task == Task::Multiclass))
        .with_losses(&outcomes.losses())
        .with_calibration(&outcomes);
    let answers = HeldOutAnswers { scored: &scored, outcomes: &outcomes, rows: &test };
    let reference = answers.with_times(reference, project, &roles, &trained_on)?;
    let look = DiagnosticsInput {
        trained_on: &trained_on,
        test: &test,
        roles: &roles,
        signature: model.signature(),
        reference: &reference,
        outcomes: &outcomes,
    };
    let mut notes = look.notes()?;
    unfit.iter().for_each(|unfit| notes.refused(unfit));
    notes.labels(outcomes.label_check());
    let sample = labelled_sample(&test, &scored.scores, &outcomes)?;
    let golden = golden_replay::golden_sample(project, training, spec, record, (&model, threshold))?;
    let manifest = Manifest {
        schema: 2,
        project: project.name.clone(),
        model: project.model(),
        run: record.run.clone(),
        signature: model.signature().clone(),
        recorded: context_columns::inputs(&project.contract, &roles, model.signature(), &trained_on),
        datasets: record.data.iter().map(|(name, pin)| (name.to_string(), pin.content.digest)).collect(),
        trained_through: newest(&roles, &trained_on)?,
        trained_rows: trained_on.rows() as u64,
        threshold,
        tuned_from: None,
    };
    let folder = scratch.join("package");
    let (sample, golden) = (Some(&sample), golden.as_ref());
    let parts = Parts { manifest, reference, sample, golden, model_bytes, contract: &project.text };
    let package = Package::put(app.blobs(), &folder, parts)?;
    let metrics = measured_metrics(scored.task, &outcomes);
    let number = draft_version(app, project, training, &package, &metrics, test.rows())?;
    let (facts, commit) = (facts(&notes, record, &package), commit(record));
    Ok(PackagedVersion { number, package, model: Arc::new(model), test, facts, notes, commit })
}

fn draft_version(
    app: &App,
    project: &Project,
    training: &Training,
    package: &Package,
    metrics: &BTreeMap<String, f64>,
    tested: usize,
) -> Result<u32, StorageError> {
    let new = versions::NewVersion {
        model: project.model(),
        run: Some(package.manifest.run.clone()),
        digest: package.digest,
        makers: vec![training.context.actor.clone()],
        signature: serde_json::to_value(&package.manifest.signature)
            .map_err(|source| StorageError::Document { what: "signature", source })?,
        policy: project.contract.policy_text(),
        metrics: json!(metrics),
    };
    let mut numbers = trained_numbers(package.manifest.trained_rows, tested);
    metrics.iter().for_each(|(name, value)| numbers.put(name, *value));
    let reason = crate::training::request::cause_sentence(&training.cause);
    let draft = training.context.decision_event(DecisionKind::Trained, reason, &numbers);
    let number = app.store().write(move |tx| Ok(versions::create(&tx.audited(draft), &new)?.number))?;
    Ok(number)
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
    let replayed = golden_replay::replay_golden(app, &made.package)?;
    mover.submit(made.package.digest, &made.commit, &replayed)?;
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
    let state = mover.record_verdicts(made.package.digest, &notes, &judged, data)?;
    Ok((made.number, mover.approve_if_nobody_is_asked(state)?))
}

/// Moves one version; each move asks `domain`, then writes state and entry together.
pub(crate) struct VersionTransition<'a> {
    pub app: &'a App,
    pub project: &'a Project,
    pub context: &'a RequestContext,
    pub approval_mode: ApprovalMode,
    pub number: u32,
}

impl VersionTransition<'_> {
    fn model(&self) -> ModelName {
        self.project.model()
    }

    fn facts(&self) -> Result<VersionFacts, StorageError> {
        let model = self.model();
        let version = self.app.store().read(|reader| versions::get(reader, &model, self.number))?;
        let facts = facts_of(self.project, &version);
        Ok(match self.approval_mode {
            ApprovalMode::Simulated => {
                VersionFacts { approval_rule: ApprovalRule::default(), requirements: Requirements::default(), ..facts }
            }
            ApprovalMode::Required => facts,
        })
    }

    fn by(&self, part: &'static str) -> RequestContext {
        RequestContext { at: self.context.at, actor: Actor::system(part) }
    }

    fn advance(
        &self,
        event: &VersionEvent,
        by: &ActorWithRoles,
        kind: &str,
        reason: String,
        numbers: &EventMetrics,
    ) -> Result<VersionState, VersionError> {
        let facts = self.facts()?;
        let next = facts.after(event, by)?;
        let context = RequestContext { at: self.context.at, actor: by.actor.clone() };
        let draft = context.audit_event(kind, reason, numbers.evidence());
        let (model, number, from) = (self.model(), self.number, facts.state);
        self.app.store().write(move |tx| versions::advance(&tx.audited(draft), &model, number, from, next))?;
        Ok(next)
    }

    pub fn submit(
        &self,
        package: Digest,
        commit: &Commit,
        golden: &GoldenResult,
    ) -> Result<VersionState, VersionError> {
        let submission = Submission { package, signed_by: None, golden: golden.evidence(), commit: commit.clone() };
        let event = VersionEvent::Submitted(submission);
        self.advance(
            &event,
            &ActorWithRoles::system("workflow"),
            "submitted",
            golden.sentence(),
            &golden_replay::numbers(golden),
        )
    }

    /// Writes every verdict, then moves the version: validated, rejected, or left where people must decide.
    pub fn record_verdicts(
        &self,
        package: Digest,
        notes: &Diagnostics,
        judged: &[GateResult],
        data: Option<Verdict>,
    ) -> Result<VersionState, VersionError> {
        let facts = self.facts()?;
        let mut numbers = judge::numbers(judged);
        data.iter().for_each(|data| numbers.extend(data_checks::numbers(data)));
        notes.facts.iter().for_each(|(name, value)| numbers.put(name, *value));
        for judged in judged {
            self.record_verdict(judged, facts.policy)?;
        }
        let verdicts = || judged.iter().map(|judged| &judged.verdict).chain(&data);
        let reason = verdicts().flat_map(Verdict::reasons).collect::<Vec<_>>().join("; ");
        let by = ActorWithRoles::system("gate");
        if judged.iter().any(|judged| matches!(judged.verdict, Verdict::Failed { .. })) {
            let reason = noted(refusal_sentence(judged), notes);
            let event = VersionEvent::Rejected { reason: reason.clone() };
            return self.advance(&event, &by, DecisionKind::GateRefused.word(), reason, &numbers);
        }
        if verdicts().any(|verdict| matches!(verdict, Verdict::Undecided { .. })) {
            self.note_undecided(noted(reason, notes), &numbers)?;
            return Ok(VersionState::Candidate);
        }
        let validation = Validation { package, policy: facts.policy, gates: judged.to_vec(), data };
        let reason = if reason.is_empty() { "the contract has no gate".to_owned() } else { reason };
        let reason = noted(reason, notes);
        self.advance(&VersionEvent::Validated(validation), &by, DecisionKind::GatePassed.word(), reason, &numbers)
    }

    fn record_verdict(&self, judged: &GateResult, policy: Digest) -> Result<(), StorageError> {
        let new = verdicts::NewVerdict {
            model: self.model(),
            number: self.number,
            gate: judged.gate.clone(),
            verdict: judged.verdict.clone(),
            policy_digest: policy,
        };
        let draft = self.by("gate").audit_event("gate.judge", judged.verdict.reasons().join("; "), vec![]);
        self.app.store().write(move |tx| verdicts::record_verdict(&tx.audited(draft), &new))?;
        Ok(())
    }

    /// An undecided gate moves nothing; the entry says what is missing.
    fn note_undecided(&self, reason: String, numbers: &EventMetrics) -> Result<(), StorageError> {
        let draft = self.by("gate").decision_event(DecisionKind::GateUndecided, reason, numbers);
        let object = versions::object(&self.model(), self.number);
        self.app.store().write(move |tx| {
            tx.audited(draft).record_refusal(&object, kilter_domain::audit::Outcome::Denied).map(|_| ())
        })?;
        Ok(())
    }

    pub fn approve_if_nobody_is_asked(&self, state: VersionState) -> Result<VersionState, VersionError> {
        let assumed = self.approval_mode == ApprovalMode::Simulated;
        let asks_nobody = self.project.contract.approve.rule.is_auto();
        if state != VersionState::Validated || !(assumed || asks_nobody) {
            return Ok(state);
        }
        let reason = match (asks_nobody, assumed) {
            (true, _) => "the contract approves what passed its gates".to_owned(),
            (false, _) => format!("assumed by the replay; the contract asks {}", self.project.contract.approve.rule),
        };
        let expires = self.project.contract.approve.expire.map(|span| self.context.at.after(span));
        let approval = Approval {
            signoffs: vec![],
            card: Card::Absent,
            has_independent_review: false,
            open_findings: 0,
            expires: if assumed { None } else { expires },
        };
        let event = VersionEvent::Approved(approval);
        let kind = DecisionKind::Approved.word();
        self.advance(&event, &ActorWithRoles::system("approval"), kind, reason, &EventMetrics::default())
    }
}

/// What `domain` must know of a version to move it.
pub(crate) fn facts_of(project: &Project, version: &versions::Version) -> VersionFacts {
    let contract = &project.contract;
    VersionFacts {
        state: version.state,
        digest: version.digest,
        policy: version.policy_digest,
        gates: contract.gates.iter().map(|gate| gate.name.clone()).collect(),
        approval_rule: contract.approve.rule.clone(),
        makers: version.makers.clone(),
        requirements: requirements(project),
    }
}

/// What the contract asks for beyond what every version needs.
pub fn requirements(project: &Project) -> Requirements {
    let contract = &project.contract;
    let risk: Risk = contract.project.risk;
    let package = contract.package.as_ref();
    Requirements {
        signature: package.is_some_and(|package| package.sign.is_some()),
        golden_replay: package.is_some_and(|package| package.sample.is_some()),
        four_eyes: contract.approve.four_eyes,
        ..Requirements::of(risk)
    }
}

/// A verdict's sentence, and behind it what was seen without being asked.
fn noted(reason: String, notes: &Diagnostics) -> String {
    match notes.sentences.is_empty() {
        true => reason,
        false => format!("{reason}; note: {}", notes.sentences.join("; ")),
    }
}

fn refusal_sentence(judged: &[GateResult]) -> String {
    let failed = judged.iter().filter(|judged| matches!(judged.verdict, Verdict::Failed { .. }));
    failed
        .map(|judged| format!("gate `{}`: {}", judged.gate, judged.verdict.reasons().join("; ")))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The largest model file that is read into memory.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// The model of an output: the file itself, or the only `.onnx` file of a folder.
fn read_model(path: &Path) -> Result<Vec<u8>, DatasetError> {
    let failed = |source| StorageError::ReadFile { path: path.to_owned(), source };
    if path.is_file() {
        return Ok(read_bounded(path, MAX_MODEL_BYTES).map_err(failed)?);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_some_and(|extension| extension == "onnx") {
            found.push(file);
        }
    }
    match &found[..] {
        [file] => Ok(read_bounded(file, MAX_MODEL_BYTES)
            .map_err(|source| StorageError::ReadFile { path: file.clone(), source })?),
        files => Err(NotFound {
            what: "model",
            id: path.display().to_string(),
            how: format!("the output must hold one .onnx file, it holds {}", files.len()),
        }
        .into()),
    }
}

/// A foreign model of one block takes the features of its training rows in their order, from here on by their names.
fn named_by_training(
    model: Model,
    bytes: Vec<u8>,
    roles: &ColumnRoles,
    trained_on: &Table,
) -> Result<(Model, Vec<u8>), ScoringError> {
    let model =
        model.named_by(trained_on, |name| roles.is_feature(name)).map_err(ScoringError::of("the training rows"))?;
    let bytes = model.with_signature(bytes);
    Ok((model, bytes))
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

/// The commit that a run saw.
pub(crate) fn commit(record: &RunRecord) -> Commit {
    match &record.git {
        Some(state) if state.dirty => Commit::Dirty { id: state.commit.clone() },
        Some(state) => Commit::Clean { id: state.commit.clone() },
        None => Commit::NotInGit,
    }
}
