//! The gate that every version meets: no column that it reads tells the label alone.
//!
//! Invariants: it refuses on what was found among training and test rows alike; a column that the contract names in
//! `not_leaking` is let through, and a rule of the contract about the same number is judged in its place.

use kilter_domain::{
    contract::GateSpec,
    gate::Verdict,
    ids::GateName,
    model::GateResult,
    nonempty::NonEmpty,
    rule::{Limits, MetricId, Quantity, RuleOutcome, RuleVerdict},
};

use crate::gate::diagnostics::Diagnostics;
use kilter_evaluation::{column_stats::exact, label_leakage::LabelLeakage};

/// As verdicts and entries name it.
const GATE: &str = "label_leakage";

/// The verdict on the columns that alone tell the label; `None` where there is none.
pub(crate) fn leakage(notes: &Diagnostics, gates: &[GateSpec], dataset: &str, rows: usize) -> Option<GateResult> {
    let measure = notes.leaks.first()?.measure;
    let is_bounded = |quantity: &Quantity| matches!(quantity, Quantity::Metric { name, .. } if name == measure.name());
    if gates.iter().flat_map(|gate| &gate.rules).any(|rule| is_bounded(&rule.quantity)) {
        return None;
    }
    let outcomes = notes.leaks.iter().map(|leak| breach(leak, dataset, rows)).collect();
    Some(GateResult { gate: GATE.parse::<GateName>().ok()?, verdict: Verdict::of(NonEmpty::new(outcomes)?) })
}

fn breach(leak: &LabelLeakage, dataset: &str, rows: usize) -> RuleOutcome {
    let (column, limit) = (&leak.column, leak.measure.limit());
    let found = leak.sentence().unwrap_or_default();
    let text = format!(
        "{found}; put it into `ignore` of [data.{dataset}], or into `not_leaking` if it is known when a prediction is made"
    );
    let (rule, metric) = (format!("{} < {limit}", leak.measure.name()), MetricId::named(leak.measure.name()));
    RuleOutcome {
        measured: Some(exact(leak.value, rows)),
        part: Some(column.clone()),
        limits: Limits { low: None, high: Some(limit) },
        ..RuleOutcome::new(rule, metric, RuleVerdict::Failed, text)
    }
}
