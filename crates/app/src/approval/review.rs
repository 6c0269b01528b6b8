//! An independent review: someone who did not make a version has it measured again, from its package alone.
//!
//! Invariants: the model is the stored one, and so are the rows: the labelled rows that were held out and packed. What is
//! compared is whether each rule comes to the same verdict; the values are kept beside. Rules about the champion, and about what
//! a run counts in its training rows, cannot be measured from a package and are said to be left out.

use std::collections::BTreeMap;

use kilter_domain::{
    contract::{GateSpec, Policy},
    gate::Verdict,
    ids::ModelName,
    model::{GateResult, IllegalVersionTransition},
    rule::{Bound, BoundExpr, Rule, RuleOutcome, RuleVerdict},
};
use kilter_store::model::act::{self, ActKind, NewAct};
use serde::Serialize;
use serde_json::json;

use crate::{
    app::App,
    approval::{
        decide::{Ballot, decide, project_of},
        error::ApproveError,
        settle::{self, run_record},
    },
    authz,
    context::RequestContext,
    gate::{evaluate::GateEvaluation, judge},
    model::{facts::policy_of, golden_replay, load, version_record::CONFIRMED},
};

/// The outcome of a review that came to another verdict.
const DIFFERS: &str = "differs";
/// The outcome of a review that could measure nothing.
const NOT_MEASURED: &str = "not_measured";

/// What a review came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    /// `confirmed`, `differs` or `not_measured`.
    pub outcome: &'static str,
    /// Labelled rows that were measured on.
    pub rows: usize,
    /// Golden requests that were asked, and how many were answered differently.
    pub golden: (usize, usize),
    /// Each rule of the gates.
    pub rules: Vec<RuleReview>,
}

/// What a review says of one rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleReview {
    /// The gate.
    pub gate: String,
    /// The rule, as its text.
    pub rule: String,
    /// The verdict that stands.
    pub recorded: String,
    /// The verdict of the review; `None`: it was not measured again.
    pub measured: Option<String>,
    /// The sentence of the review, or why there is none.
    pub text: String,
}

/// Someone has a version measured again and puts their name to it. The review is of the verdicts and of the policy of then: it
/// counts for no later one.
///
/// # Errors
/// When they may not or made the version, or its package cannot be read; the refusal has its entry.
pub fn review(
    app: &App,
    context: &RequestContext,
    model: &ModelName,
    number: u32,
    reason: &str,
) -> Result<Reviewed, ApproveError> {
    let project = project_of(app, model)?;
    let asked = ("version.review", reason);
    let reviewed = decide::<authz::act::Review, _>(app, context, (&project, model, number), asked, |ballot| {
        check_reviewer(ballot)?;
        let reviewed = measure(ballot)?;
        let basis = ballot.record.review_basis(&policy_of(&project, &ballot.record.version));
        let document = json!({
            "basis": basis,
            "outcome": reviewed.outcome, "rows": reviewed.rows, "golden_rows": reviewed.golden.0,
            "golden_differing": reviewed.golden.1, "rules": reviewed.rules, "reason": reason,
        });
        let new = NewAct { model: model.clone(), number, kind: ActKind::Reviewed, document };
        let entry = ballot.entry("version.review");
        app.store().write(move |tx| act::record(&tx.audited(entry), &new))?;
        Ok(reviewed)
    })?;
    settle::settle_now_complete(app, context.at, &project, number);
    Ok(reviewed)
}

/// Nobody reviews their own work, and what is over is not reviewed.
fn check_reviewer(ballot: &Ballot<'_>) -> Result<(), ApproveError> {
    use kilter_domain::model::VersionState::{Approved, Candidate, Validated};
    let version = &ballot.record.version;
    if !matches!(version.state, Candidate | Validated | Approved) {
        return Err(IllegalVersionTransition::State { from: version.state, to: "reviewed" }.into());
    }
    Ok(ballot.record.check_not_made_by(&ballot.by.actor)?)
}

fn measure(ballot: &Ballot<'_>) -> Result<Reviewed, ApproveError> {
    let (app, project, version) = (ballot.app, ballot.project, &ballot.record.version);
    let (package, model) = load::load_version(app, &version.model, version.number)?;
    let replayed = golden_replay::replay_golden(app, &package, &model)?;
    let scratch = app.scratch(&app.new_id())?;
    let sample = package.sample(app.blobs(), scratch.path())?;
    let gates = gates_of(&policy_of(project, version));
    let (rows, measured) = match &sample {
        None => (0, Vec::new()),
        Some(sample) => {
            let roles = project.roles(project.labelled_dataset().map_err(crate::gate::GateError::from)?);
            let bench =
                GateEvaluation { rows: sample, roles: &roles, now: version.created, golden: replayed.counted() };
            let mut facts: BTreeMap<String, f64> =
                run_record(app, &package.manifest.run)?.map(|run| run.metrics()).unwrap_or_default();
            facts.insert("size".to_owned(), package.model_size() as f64);
            let rows = bench.measure(&model, package.manifest.threshold, None, facts, &gates)?;
            (sample.rows(), judge::judge(&gates, &rows))
        }
    };
    let rules = compared(&ballot.record.results(), &measured);
    let golden = replayed.counted().map_or((0, 0), |(differing, rows)| (rows, differing));
    let is_different = |rule: &RuleReview| rule.measured.as_ref().is_some_and(|measured| *measured != rule.recorded);
    let outcome = if golden.1 > 0 || rules.iter().any(is_different) {
        DIFFERS
    } else if rules.iter().any(|rule| rule.measured.is_some()) {
        CONFIRMED
    } else {
        NOT_MEASURED
    };
    Ok(Reviewed { outcome, rows, golden, rules })
}

/// The gates of a policy without what is relative to a champion.
fn gates_of(policy: &Policy) -> Vec<GateSpec> {
    let is_absolute = |rule: &&Rule| !matches!(rule.bound, Bound::Compare(_, BoundExpr::Champion { .. }));
    let gates = policy.gates.iter().map(|(name, gate)| GateSpec {
        name: name.clone(),
        rules: gate.rules.iter().filter(is_absolute).cloned().collect(),
        dataset: None,
    });
    gates.collect()
}

/// Each rule that stands beside what it comes to now.
fn compared(standing: &[GateResult], measured: &[GateResult]) -> Vec<RuleReview> {
    let mut rules = Vec::new();
    for result in standing {
        let again = measured.iter().find(|again| again.gate == result.gate);
        for outcome in result.verdict.outcomes() {
            let same = |again: &&RuleOutcome| again.rule == outcome.rule;
            let found = again.and_then(|again| again.verdict.outcomes().find(same));
            let found = found.filter(|again| !matches!(again.verdict, RuleVerdict::Undecided(_)));
            rules.push(RuleReview {
                gate: result.gate.to_string(),
                rule: outcome.rule.clone(),
                recorded: word(outcome).to_owned(),
                measured: found.map(|again| word(again).to_owned()),
                text: found.map_or_else(
                    || "it cannot be measured from the package alone".to_owned(),
                    |again| again.text.clone(),
                ),
            });
        }
    }
    rules
}

fn word(outcome: &RuleOutcome) -> &'static str {
    let one = kilter_domain::nonempty::NonEmpty::new(vec![outcome.clone()]);
    one.map(Verdict::of).map_or("undecided", |verdict| verdict.as_str())
}
