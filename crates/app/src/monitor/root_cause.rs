//! Causes: what changed, since when, how much of the loss it explains, and what can be done.
//!
//! Invariants: every number has its unit and its interval; the split of the score adds up exactly; the damage of a
//! column's drift is weighed on the labelled rows that the version was held back from, so it needs no new label. What
//! cannot be said is left out, and never guessed. Out of scope: whether something is wrong at all, which rules
//! and evidence decide.

use std::collections::BTreeSet;

use kilter_domain::{
    alert::{
        ChangedColumn, ColumnEffect, Effect, LossChange, MissingValues, RootCause, ScoreShift, WeakSlice as AlertSlice,
    },
    event::{EventMetric, EventMetrics},
    plural::counted,
    rule::{rounded, signed},
    table::{Column, Table},
    time::Timestamp,
};
use kilter_evaluation::{
    bins::Bins,
    explain::explainer,
    reference::{Reference, SCORE},
    weak_slices::{self, WeakSlice, find_weak_slices},
};
use kilter_inference::{ColumnShift, Model, Task};
use kilter_package::{Manifest, SAMPLE_LOSS, SAMPLE_SCORE};
use kilter_stats::{Estimate, root_cause::estimated_damage};

use crate::{monitor::drift_detector::DriftDetector, prediction::logged::LoggedPredictions};

/// Confidence of the intervals.
const LEVEL: f64 = 0.95;
/// Labelled rows below which the realised loss is left out.
const MIN_LABELLED: usize = 50;
/// Rows of a slice among those that the version was held back from, at least.
const MIN_SLICE_BEFORE: usize = 30;
/// Rows that are explained on each side.
const EXPLAINED_ROWS: usize = 1_000;
/// Columns and slices that an alert names.
const MAX_NAMED: usize = 5;

/// What causes are searched in.
pub(super) struct RootCauseInput<'a> {
    pub manifest: &'a Manifest,
    pub reference: &'a Reference,
    pub model: &'a Model,
    /// Labelled rows that the version was held back from, with score and loss.
    pub sample: Option<&'a Table>,
    pub answered: &'a LoggedPredictions,
    /// The rows of the window among which those with a label are.
    pub labelled: &'a LoggedPredictions,
    pub evidence: &'a DriftDetector,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    /// The columns in which a change is proven, with the time since when.
    columns: Vec<(String, Timestamp)>,
    loss: Option<Loss>,
    /// By how much each column's drift alone would change the mean loss; largest first.
    damages: Vec<(String, Estimate)>,
    /// The drift of the mean raw score, and each column's part; largest first.
    shift: Option<(f64, Vec<ColumnShift>)>,
    slices: Vec<(WeakSlice, Option<f64>)>,
    /// Columns that are missing far more often, with the share now and before.
    missing: Vec<(String, f64, f64)>,
}

/// The mean loss now and before.
#[derive(Clone, Copy, Debug)]
struct Loss {
    before: f64,
    now: Option<(f64, usize)>,
    /// By how much the drift of the score alone would change it.
    drift: Option<Estimate>,
}

impl RootCauseInput<'_> {
    /// Everything that is known.
    pub fn causes(&self) -> Causes {
        let named: BTreeSet<String> = self.evidence.named();
        let mut damages: Vec<(String, Estimate)> = self
            .features()
            .filter_map(|(name, bins)| Some((name.to_owned(), self.loss_by_drift(name, &bins)?)))
            .collect();
        damages.sort_by(|a, b| b.1.value.abs().total_cmp(&a.1.value.abs()));
        Causes {
            columns: named.into_iter().filter_map(|name| Some((name.clone(), self.evidence.since(&name)?))).collect(),
            loss: self.loss(),
            damages,
            shift: self.shift(),
            slices: self.slices(),
            missing: self.missing(),
        }
    }

    /// The features of the model that have a reference, with their bins.
    fn features(&self) -> impl Iterator<Item = (&str, Bins)> {
        let inputs = &self.manifest.signature.inputs;
        inputs
            .iter()
            .filter_map(|input| Some((input.name.as_str(), Bins::of(self.reference.columns.get(&input.name)?))))
    }

    /// Now and before, of a column of the window and of the sample.
    fn current_and_reference(&self, name: &str) -> Option<(Column, Column)> {
        let sample = self.sample?;
        match name {
            SCORE => Some((Column::Float(self.answered.scores.clone()), sample.get(SAMPLE_SCORE)?.clone())),
            name => Some((self.answered.table.get(name)?.clone(), sample.get(name)?.clone())),
        }
    }

    fn loss_by_drift(&self, name: &str, bins: &Bins) -> Option<Estimate> {
        let (now, before) = self.current_and_reference(name)?;
        let losses = self.sample?.get(SAMPLE_LOSS)?.numbers()?;
        let mut shares = vec![0.0; bins.count()];
        bins.place(&now)?.into_iter().for_each(|bin| shares[usize::from(bin)] += 1.0);
        let places: Vec<u32> = bins.place(&before)?.into_iter().map(u32::from).collect();
        estimated_damage(&losses, &places, &shares, LEVEL).ok()
    }

    fn loss(&self) -> Option<Loss> {
        let losses = self.sample?.get(SAMPLE_LOSS)?.numbers()?;
        let labelled = self.losses().1;
        Some(Loss {
            before: mean(&losses),
            now: (labelled.len() >= MIN_LABELLED).then(|| (mean(&labelled), labelled.len())),
            drift: self.reference.columns.get(SCORE).and_then(|score| self.loss_by_drift(SCORE, &Bins::of(score))),
        })
    }

    /// The labelled rows of the window and their losses.
    fn losses(&self) -> (Vec<usize>, Vec<f64>) {
        let signature = &self.manifest.signature;
        let outcomes = self.labelled.outcomes(signature.task, &signature.classes, self.manifest.threshold);
        (outcomes.rows.clone(), outcomes.losses())
    }

    /// The exact split of the drift of the mean raw score. Of several classes the one whose score moved most.
    fn shift(&self) -> Option<(f64, Vec<ColumnShift>)> {
        let (explainer, _) = explainer(self.model, self.sample?).ok()?;
        let now = explainer.explain(&evenly(&self.answered.table, EXPLAINED_ROWS)).ok()?;
        let before = explainer.explain(&evenly(self.sample?, EXPLAINED_ROWS)).ok()?;
        let splits = (0..now.outputs().len()).filter_map(|output| {
            let parts = now.shift_from(&before, output, LEVEL).ok()?;
            Some((parts.iter().map(|part| part.shift.value).sum::<f64>(), parts))
        });
        splits.max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))
    }

    fn slices(&self) -> Vec<(WeakSlice, Option<f64>)> {
        let (rows, losses) = self.losses();
        if (rows.len() as u64) < 2 * weak_slices::MIN_ROWS {
            return vec![];
        }
        let inputs = self.manifest.signature.inputs.iter().map(|input| input.name.as_str());
        let found = find_weak_slices(&self.answered.table, &rows, &losses, inputs, self.reference);
        let worst = found.into_iter().flatten().take(MAX_NAMED);
        worst.map(|slice| (slice.clone(), self.loss_before(&slice))).collect()
    }

    /// The mean loss of the same slice among the rows that the version was held back from.
    fn loss_before(&self, slice: &WeakSlice) -> Option<f64> {
        let sample = self.sample?;
        let losses = sample.get(SAMPLE_LOSS)?.numbers()?;
        let inside = slice.contains(sample)?;
        let found: Vec<f64> =
            losses.iter().zip(&inside).filter(|(_, inside)| **inside).map(|(loss, _)| *loss).collect();
        (found.len() >= MIN_SLICE_BEFORE).then(|| mean(&found))
    }

    /// Columns that lack values at least ten points more often than they did.
    fn missing(&self) -> Vec<(String, f64, f64)> {
        let rows = self.answered.len().max(1) as f64;
        let share = |column: &Column| (0..column.len()).filter(|&row| column.is_missing(row)).count() as f64 / rows;
        let mut found: Vec<(String, f64, f64)> = self
            .features()
            .filter_map(|(name, _)| {
                let (now, before) =
                    (share(self.answered.table.get(name)?), self.reference.columns.get(name)?.missing_share());
                (now > before + 0.1).then(|| (name.to_owned(), now, before))
            })
            .collect();
        found.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)));
        found
    }
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

/// At most `most` rows, evenly over the table.
fn evenly(table: &Table, most: usize) -> Table {
    let step = table.rows().div_ceil(most).max(1);
    table.take(&(0..table.rows()).step_by(step).collect::<Vec<_>>())
}

/// What can be done about it, by the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The alert itself starts a retraining.
    Retrains,
    /// It is about performance, and nothing starts by itself.
    Retrain,
    /// It is about drift alone.
    Watch,
}

impl Causes {
    /// The rest of the alert's sentence; empty if nothing is known.
    pub fn sentence(&self, task: Task, remedy: Remedy) -> String {
        let mut parts = Vec::new();
        if let Some(since) = self.columns.iter().map(|(_, since)| *since).min() {
            parts.push(format!(
                "changed since {}: {}",
                day(since),
                join_names(self.columns.iter().map(|(name, _)| name))
            ));
        }
        parts.extend(self.missing.iter().take(2).map(|(name, now, before)| {
            format!("`{name}` is missing in {:.0} % of the rows ({:.0} % before)", now * 100.0, before * 100.0)
        }));
        parts.extend(self.shift_sentence(task));
        parts.extend(self.loss_sentence());
        if let Some((slice, before)) = self.slices.first() {
            let before = before.map_or_else(String::new, |before| format!(", {} before", rounded(before)));
            let (loss, rows) = (rounded(slice.loss), slice.rows);
            parts.push(format!("worst where {}: loss {loss}{before} on {}", slice.description(), counted(rows, "row")));
        }
        if !parts.is_empty() {
            parts.push(self.next_step(remedy));
        }
        parts.join("; ")
    }

    fn shift_sentence(&self, task: Task) -> Option<String> {
        let (total, parts) = self.shift.as_ref()?;
        let first = parts.first()?;
        let unit = if task == Task::Regression { "prediction" } else { "score (log-odds)" };
        let (total, part) = (signed(*total), signed(first.shift.value));
        Some(format!("the mean {unit} moved by {total}, most by `{}` ({part})", first.column))
    }

    fn loss_sentence(&self) -> Option<String> {
        let loss = self.loss?;
        let most = self.damages.first().map(|(name, damage)| format!(", most by `{name}` ({})", signed(damage.value)));
        let most = most.unwrap_or_default();
        let drift = loss.drift.map(|drift| drift.value);
        Some(match (loss.now, drift) {
            (Some((now, rows)), drift) => {
                let grown = now - loss.before;
                let explained = drift.filter(|_| grown > 0.0).map_or_else(String::new, |drift| {
                    format!(
                        ", of which drift of the inputs explains {} ({:.0} %){most}",
                        signed(drift),
                        share(drift, grown) * 100.0
                    )
                });
                let (now, before, grown) = (rounded(now), rounded(loss.before), signed(grown));
                format!("the loss is {now} on {rows} labelled rows and was {before} ({grown}){explained}")
            }
            (None, Some(drift)) => {
                let (before, drift) = (rounded(loss.before), signed(drift));
                format!("weighed on the held-out rows this changes the loss of {before} by {drift}{most}")
            }
            (None, None) => return None,
        })
    }

    /// Whether enough labels are known, and the loss has not grown by more than a tenth.
    fn has_kept_performance(&self) -> bool {
        self.loss.is_some_and(|loss| loss.now.is_some_and(|(now, _)| now <= 1.1 * loss.before))
    }

    fn next_step(&self, remedy: Remedy) -> String {
        match (remedy, self.missing.first()) {
            (_, Some((name, ..))) => format!("next: look at where `{name}` comes from"),
            (Remedy::Retrains, None) => "next: the contract retrains on this alert".to_owned(),
            (Remedy::Retrain, None) => "next: retrain with `kilter run`, or take an earlier version back".to_owned(),
            (Remedy::Watch, None) if self.has_kept_performance() => {
                "next: performance is unchanged; no retraining is needed".to_owned()
            }
            (Remedy::Watch, None) => {
                "next: drift alone needs no retraining; wait for labels, or check these columns".to_owned()
            }
        }
    }

    /// The metrics of the alert's event.
    pub fn metrics(&self) -> EventMetrics {
        let mut metrics = EventMetrics::default();
        if let Some(loss) = self.loss {
            metrics.put("loss_before", loss.before);
            if let Some((value, rows)) = loss.now {
                metrics.put_metric("loss", EventMetric { value, count: Some(rows as u64), ..EventMetric::default() });
            }
            if let Some(drift) = &loss.drift {
                metrics.put_metric("loss_explained_by_drift", event_metric(drift));
            }
        }
        for (column, damage) in self.damages.iter().take(MAX_NAMED) {
            metrics.put_metric(format!("loss_by_drift({column})"), event_metric(damage));
        }
        if let Some((total, parts)) = &self.shift {
            metrics.put("score_shift", *total);
            for part in parts.iter().take(MAX_NAMED) {
                metrics.put_metric(format!("score_shift({})", part.column), event_metric(&part.shift));
            }
        }
        metrics
    }

    /// Everything, for the alert's page.
    pub fn root_cause(&self) -> RootCause {
        let damages = self.damages.iter().take(4 * MAX_NAMED);
        let slice = |(slice, before): &(WeakSlice, Option<f64>)| AlertSlice {
            conditions: slice.description(),
            rows: slice.rows,
            loss: slice.loss,
            loss_before: *before,
            excess: effect(&slice.excess),
            e_value: slice.e_value,
        };
        let shift = |(total, parts): &(f64, Vec<ColumnShift>)| ScoreShift {
            total: *total,
            columns: parts.iter().map(|part| column_effect(&part.column, &part.shift)).collect(),
        };
        RootCause {
            changed_columns: self.columns.iter().map(|(column, since)| changed_column(column, *since)).collect(),
            loss: self.loss.map(|loss| LossChange {
                before: loss.before,
                now: loss.now.map(|(now, _)| now),
                rows: loss.now.map(|(_, rows)| rows as u64),
                explained_by_drift: loss.drift.as_ref().map(effect),
            }),
            loss_by_drift: damages.map(|(column, damage)| column_effect(column, damage)).collect(),
            score_shift: self.shift.as_ref().map(shift),
            weak_slices: self.slices.iter().map(slice).collect(),
            missing: self.missing.iter().map(missing_values).collect(),
        }
    }
}

const fn event_metric(estimate: &Estimate) -> EventMetric {
    EventMetric::with_interval(estimate.value, estimate.low, estimate.high)
}

const fn effect(estimate: &Estimate) -> Effect {
    Effect { value: estimate.value, low: estimate.low, high: estimate.high }
}

fn column_effect(column: &str, estimate: &Estimate) -> ColumnEffect {
    ColumnEffect { column: column.to_owned(), effect: effect(estimate) }
}

fn changed_column(column: &str, since: Timestamp) -> ChangedColumn {
    ChangedColumn { column: column.to_owned(), since }
}

fn missing_values((column, share, share_before): &(String, f64, f64)) -> MissingValues {
    MissingValues { column: column.clone(), share: *share, share_before: *share_before }
}

/// What part of `whole` a part is; nothing beyond all of it.
fn share(part: f64, whole: f64) -> f64 {
    (part / whole).clamp(0.0, 1.0)
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn join_names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    match names.len() {
        0..=MAX_NAMED => names.join(", "),
        more => format!("{} and {} more", names[..MAX_NAMED].join(", "), more - MAX_NAMED),
    }
}
