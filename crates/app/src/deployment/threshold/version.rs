//! A change of threshold becomes a version: judged by the gates as far as it touches them, approved like any other.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    gate::Verdict,
    model::{Commit, GateResult, VersionState},
    nonempty::NonEmpty,
    rule::RuleOutcome,
    table::{Column, Table, TableError},
};
use kilter_evaluation::{
    gate_metrics::ModelRows,
    labelled_predictions::{LabelledPredictions, RawPredictions},
};
use kilter_inference::Task;
use kilter_package::{Manifest, Package, Parts, SAMPLE_SCORE, golden::GoldenResult};
use kilter_store::{deployment::Deployment, gate as verdicts, model as versions, run as runs};
use kilter_workflow::RunRecord;

use crate::{
    app::App,
    authz::AuthorizedContext,
    causes::StorageError,
    components::model_memory::Loaded,
    deployment::threshold::complete_labels::CompleteLabels,
    gate::{
        GateError,
        diagnostics::Diagnostics,
        evaluate::{Champion, GateEvaluation},
        judge,
        threshold_choice::ThresholdChange,
        transition::VersionTransition,
    },
    model::{approval_mode::ApprovalMode, error::VersionError, golden_replay, load, signature},
    prediction::logged::Label,
    project::folder::Project,
    training::data::commit,
};

/// Another threshold for a live version, and the rows that speak for it.
pub(super) struct ThresholdUpdate<'a> {
    pub project: &'a Project,
    pub live: &'a Deployment,
    pub loaded: &'a Loaded,
    pub rows: &'a CompleteLabels,
    pub change: &'a ThresholdChange,
}

/// Packs the live model with another threshold and takes it as far as gates and contract let it.
pub(super) fn version_of_change(
    app: &App,
    context: &AuthorizedContext,
    update: &ThresholdUpdate<'_>,
    approval_mode: ApprovalMode,
) -> Result<(u32, VersionState), GateError> {
    let ThresholdUpdate { project, live, change, loaded, .. } = *update;
    let (package, model) = loaded;
    let version = app.store().read(|reader| versions::get(reader, &live.model, live.number))?;
    let record = run_record(app, &package.manifest.run)?;
    let scratch = app.scratch(&app.new_id())?;
    let sample = package.sample(app.blobs(), scratch.path())?;
    let changed = pack_change(app, update, sample.as_ref(), scratch.path())?;
    let signed_by = signature::sign_package(app, context, &live.model, &changed)?;
    let accuracy = sample.as_ref().and_then(|sample| accuracy(project, package, sample, change.to));
    let new = versions::NewVersion {
        model: live.model.clone(),
        run: version.run.clone(),
        digest: changed.digest,
        makers: version.makers.clone(),
        signature: version.signature.clone(),
        policy: project.contract.policy_text(),
        metrics: metrics_of(&version, accuracy),
    };
    let mut numbers = change.numbers.clone();
    numbers.put("source_version", f64::from(live.number));
    let draft = context.audit_event("threshold.choose", change.reason.clone(), numbers.to_evidence());
    let number = app.store().write(move |tx| Ok(versions::create(&tx.audited(draft), &new)?.number))?;
    let mover = VersionTransition { app, project, context, approval_mode, number };
    let commit = record.as_ref().map_or(Commit::NotInGit, commit);
    let replayed = golden_replay::replay_golden(app, &changed, model)?;
    mover.submit((changed.digest, &signed_by), &commit, &replayed)?;
    let judged = judge_change(app, context, update, &replayed, record.as_ref())?;
    let kept = format!("rules that a threshold does not touch keep the verdict of version {}", live.number);
    let notes = Diagnostics { sentences: vec![kept], ..Diagnostics::default() };
    let state = mover.record_verdicts(changed.digest, &notes, &judged, None)?;
    Ok((number, mover.approve_if_nobody_is_asked(state)?))
}

fn pack_change(
    app: &App,
    update: &ThresholdUpdate<'_>,
    sample: Option<&Table>,
    scratch: &std::path::Path,
) -> Result<Arc<Package>, VersionError> {
    let ThresholdUpdate { project, live, change, loaded: (package, model), .. } = update;
    let files = package.carried_files();
    let manifest = Manifest { threshold: change.to, tuned_from: Some(live.number), ..package.manifest.clone() };
    let golden = package.golden(app.blobs(), scratch)?;
    let golden = golden.map(|golden| golden.at_threshold(change.to, &manifest.signature));
    let parts = Parts {
        manifest,
        reference: package.reference.clone(),
        sample,
        golden: golden.as_ref(),
        model_bytes: package.read_model(app.blobs())?,
        contract: &project.text,
        files,
    };
    let stored = Package::put(app.blobs(), &scratch.join("package"), parts)?;
    Ok(load::keep_version(app, stored.digest, model.clone())?.0)
}

/// The record of the run that made a model; `None` where it was not kept.
fn run_record(app: &App, run: &str) -> Result<Option<RunRecord>, StorageError> {
    let found = app.store().read(|reader| runs::find(reader, run))?;
    Ok(found.and_then(|run| serde_json::from_value(run.record).ok()))
}

/// The gates on the rows that the change was judged on: rules that another threshold touches are measured, the
/// others keep the verdict of the version that it comes from.
fn judge_change(
    app: &App,
    context: &AuthorizedContext,
    update: &ThresholdUpdate<'_>,
    replayed: &GoldenResult,
    record: Option<&RunRecord>,
) -> Result<Vec<GateResult>, GateError> {
    let ThresholdUpdate { project, live, loaded: (package, model), rows, change } = update;
    let roles = project.roles(project.labelled_dataset()?);
    let table = judged_table(&roles, rows, change)?;
    let bench = GateEvaluation { rows: &table, roles: &roles, now: context.at, golden: replayed.counted() };
    let before = package.manifest.threshold;
    let champion = Champion { model, threshold: before, trained_through: None };
    let mut facts: BTreeMap<String, f64> = record.map(RunRecord::metrics).unwrap_or_default();
    facts.insert("size".to_owned(), package.model_size() as f64);
    let gates = &project.contract.gates;
    let measure = |threshold: f64| bench.measure(model, threshold, Some(&champion), facts.clone(), gates);
    let (new, old): (ModelRows, ModelRows) = (measure(change.to)?, measure(before)?);
    let standing = app.store().read(|reader| verdicts::standing_verdicts(reader, &live.model, live.number))?;
    let stood: BTreeMap<_, _> = standing.into_iter().map(|judgement| (judgement.gate, judgement.verdict)).collect();
    let judge = |rows| judge::judge(gates, rows).into_iter().map(|judged| (judged.gate, judged.verdict));
    let (new, mut old): (Vec<_>, BTreeMap<_, _>) = (judge(&new).collect(), judge(&old).collect());
    let kept = new.into_iter().map(|(gate, verdict)| {
        let verdict = match (old.remove(&gate), stood.get(&gate)) {
            (Some(old), Some(stood)) => touched(&verdict, &old, stood),
            _ => verdict,
        };
        GateResult { gate, verdict }
    });
    Ok(kept.collect())
}

/// The verdict of a gate in which rules that measure the same at both thresholds keep what stood before.
fn touched(new: &Verdict, old: &Verdict, stood: &Verdict) -> Verdict {
    let of = |verdict: &Verdict, rule: &str| verdict.outcomes().find(|outcome| outcome.rule == rule).cloned();
    let value = |outcome: &RuleOutcome| outcome.measured.as_ref().map(|measured| measured.value);
    let outcomes: Vec<RuleOutcome> = new
        .outcomes()
        .map(|outcome| {
            let is_touched = of(old, &outcome.rule).is_none_or(|old| value(&old) != value(outcome));
            let kept = || of(stood, &outcome.rule).unwrap_or_else(|| outcome.clone());
            if is_touched { outcome.clone() } else { kept() }
        })
        .collect();
    NonEmpty::new(outcomes).map_or_else(|| new.clone(), Verdict::of)
}

/// The judged rows as gates take them: what came with the requests, and the label.
fn judged_table(
    roles: &crate::dataset::column_roles::ColumnRoles,
    rows: &CompleteLabels,
    change: &ThresholdChange,
) -> Result<Table, TableError> {
    let label = roles.label.clone().unwrap_or_default();
    let mut table = rows.answered.table.select(|name| name != label).take(&change.judged);
    let truth = change.judged.iter().map(|&row| rows.answered.labels[row].as_ref().map(Label::text)).collect();
    table.push(label, Column::Text(truth))?;
    Ok(table)
}

/// The accuracy at another threshold on the held-out rows that the package carries.
fn accuracy(project: &Project, package: &Package, sample: &Table, threshold: f64) -> Option<f64> {
    let roles = project.roles(project.labelled_dataset().ok()?);
    let label = roles.label(sample).ok()?;
    let scores = sample.get(SAMPLE_SCORE).and_then(Column::numbers)?;
    let answers = RawPredictions {
        task: Task::Binary,
        classes: &package.manifest.signature.classes,
        scores: &scores,
        labels: None,
        probabilities: None,
        threshold: Some(threshold),
    };
    LabelledPredictions::new(answers, label, None).metric("accuracy").ok().map(|accuracy| accuracy.value)
}

/// The metrics of a version with another threshold: those of the model, with the decisions told anew.
pub(crate) fn metrics_of(version: &versions::Version, accuracy: Option<f64>) -> serde_json::Value {
    let mut metrics = version.metrics.clone();
    if let (Some(fields), Some(accuracy)) = (metrics.as_object_mut(), accuracy) {
        fields.insert("accuracy".to_owned(), accuracy.into());
    }
    metrics
}
