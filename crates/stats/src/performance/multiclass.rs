//! Metrics of a classifier with several classes. scikit-learn's definitions; a metric that needs a class which never
//! occurs is undefined here.

use super::curve::auc;
use super::influence::{ErrorScale, Influence};
use super::probability::LOG_CLIP;
use super::rows::{BinaryRows, Decided, MulticlassRows};
use crate::interval::Proportion;
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// How per-class numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// Every class counts the same.
    Macro,
    /// A class counts as often as it is true.
    Weighted,
    /// Every row counts the same.
    Micro,
}

/// Which per-class rate is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClassRate {
    F1,
    Precision,
    Recall,
}

/// Decisions against truth: `table[truth * classes + decision]`, in weights.
pub fn confusion_matrix(rows: &MulticlassRows) -> Vec<f64> {
    let mut table = vec![0.0; rows.classes * rows.classes];
    for row in 0..rows.truth.len() {
        table[rows.truth[row] as usize * rows.classes + rows.decision(row)] += rows.weight(row);
    }
    table
}

/// Share of right decisions.
pub(crate) fn accuracy(rows: &MulticlassRows) -> Proportion {
    let mut share = Proportion::default();
    (0..rows.truth.len()).for_each(|row| share.add(rows.truth[row] as usize == rows.decision(row), rows.weight(row)));
    share
}

/// Influence on the share of rows for which `hit` holds.
pub(crate) fn share(rows: &MulticlassRows, hit: impl Fn(usize) -> bool) -> Influence {
    Influence::mean(rows.truth.len(), ErrorScale::Unit, |row| if hit(row) { 1.0 } else { 0.0 }, |row| rows.weight(row))
}

/// Whether the true class is among the `k` most probable (ties favour the class of higher number, as scikit-learn).
pub(crate) fn in_top(rows: &MulticlassRows, row: usize, probability: &[f64], k: usize) -> bool {
    let p = &probability[row * rows.classes..(row + 1) * rows.classes];
    let truth = rows.truth[row] as usize;
    let ahead = p.iter().enumerate().filter(|(class, q)| **q > p[truth] || (**q == p[truth] && *class > truth)).count();
    ahead < k
}

/// Averaged F1, precision or recall over the classes that occur in truth or decision.
pub(crate) fn averaged(rows: &MulticlassRows, rate: ClassRate, average: Average) -> MetricResult<Influence> {
    if average == Average::Micro {
        // With one decision a row, micro-averaged F1, precision and recall all equal accuracy.
        return Ok(share(rows, |row| rows.truth[row] as usize == rows.decision(row)));
    }
    let k = rows.classes;
    let table = confusion_matrix(rows);
    let total: f64 = table.iter().sum();
    if total <= 0.0 {
        return Err(Unmeasured::too_few("rows", 0, 1));
    }
    let support: Vec<f64> = (0..k).map(|c| table[c * k..(c + 1) * k].iter().sum()).collect();
    let decided: Vec<f64> = (0..k).map(|c| (0..k).map(|t| table[t * k + c]).sum()).collect();
    let present: Vec<usize> = (0..k).filter(|c| support[*c] + decided[*c] > 0.0).collect();
    let denominator = |c: usize| match rate {
        ClassRate::F1 => 0.5 * (support[c] + decided[c]),
        ClassRate::Precision => decided[c],
        ClassRate::Recall => support[c],
    };
    let value_of = |c: usize| if denominator(c) > 0.0 { table[c * k + c] / denominator(c) } else { 0.0 };
    let class_weight = |c: usize| match average {
        Average::Macro => 1.0 / present.len() as f64,
        _ => support[c] / total,
    };
    let value: f64 = present.iter().map(|c| class_weight(*c) * value_of(*c)).sum();
    let slope = |c: usize, hit: f64, touch: f64| {
        if denominator(c) > 0.0 { class_weight(c) * (hit - value_of(c) * touch) / denominator(c) } else { 0.0 }
    };
    let influence = (0..rows.truth.len())
        .map(|row| {
            let (t, d) = (rows.truth[row] as usize, rows.decision(row));
            let (by_truth, by_decision) = match rate {
                ClassRate::F1 => (0.5, 0.5),
                ClassRate::Precision => (0.0, 1.0),
                ClassRate::Recall => (1.0, 0.0),
            };
            let hit = if t == d { 1.0 } else { 0.0 };
            let mut move_by = slope(t, hit, by_truth) + slope(d, 0.0, by_decision);
            if average == Average::Weighted {
                move_by += (value_of(t) - value) / total;
            }
            rows.weight(row) * move_by
        })
        .collect();
    Ok(Influence::corrected(value, influence, ErrorScale::Unit, rows.truth.len()))
}

/// Mean negative log probability of the true class; probabilities are renormalised to sum 1.
pub(crate) fn log_loss(rows: &MulticlassRows) -> MetricResult<Influence> {
    let p = normalised(rows, "log_loss")?;
    let loss = |row: usize| -p[row * rows.classes + rows.truth[row] as usize].max(LOG_CLIP).ln();
    enough(rows, "log_loss")?;
    Ok(Influence::mean(rows.truth.len(), ErrorScale::Positive, loss, |row| rows.weight(row)))
}

/// Mean squared distance of the probability vector and the truth (0 to 2).
pub(crate) fn brier(rows: &MulticlassRows) -> MetricResult<Influence> {
    let p = normalised(rows, "brier")?;
    let loss = |row: usize| {
        (0..rows.classes)
            .map(|c| (p[row * rows.classes + c] - if rows.truth[row] as usize == c { 1.0 } else { 0.0 }).powi(2))
            .sum()
    };
    enough(rows, "brier")?;
    Ok(Influence::mean(rows.truth.len(), ErrorScale::Positive, loss, |row| rows.weight(row)))
}

fn enough(rows: &MulticlassRows, what: &str) -> MetricResult<()> {
    if rows.truth.len() < 2 {
        return Err(Unmeasured::too_few(&format!("rows for {what}"), rows.truth.len(), 2));
    }
    Ok(())
}

fn normalised(rows: &MulticlassRows, what: &str) -> MetricResult<Vec<f64>> {
    let mut p = rows.probabilities(what)?.to_vec();
    for (row, line) in p.chunks_mut(rows.classes).enumerate() {
        let sum: f64 = line.iter().sum();
        if line.iter().any(|p| *p < 0.0) || sum <= 0.0 {
            return Err(Unmeasured::bad_input(
                what,
                format!("the probabilities of row {row} are negative or all zero"),
            ));
        }
        line.iter_mut().for_each(|p| *p /= sum);
    }
    Ok(p)
}

/// Mean over classes of the AUC of that class against all others.
pub(crate) fn auc_one_vs_rest(rows: &MulticlassRows, average: Average) -> MetricResult<Influence> {
    let p = rows.probabilities("auc_ovr")?;
    let n = rows.truth.len();
    let (mut value, mut influence) = (0.0, vec![0.0; n]);
    let total: f64 = (0..n).map(|row| rows.weight(row)).sum();
    for class in 0..rows.classes {
        let truth: Vec<bool> = rows.truth.iter().map(|t| *t as usize == class).collect();
        let score: Vec<f64> = (0..n).map(|row| p[row * rows.classes + class]).collect();
        let one = auc(&BinaryRows {
            truth: &truth,
            score: Some(&score),
            decided: Decided::AtLeast(0.5),
            weight: rows.weight,
        })
        .map_err(|_| Unmeasured::undefined("auc_ovr", format!("class {class} never occurs, or always")))?;
        let support: f64 = (0..n).filter(|row| truth[*row]).map(|row| rows.weight(row)).sum();
        let class_weight = if average == Average::Macro { 1.0 / rows.classes as f64 } else { support / total };
        value += class_weight * one.value;
        for row in 0..n {
            influence[row] += class_weight * one.rows[row];
            if average != Average::Macro {
                let is = if truth[row] { 1.0 } else { 0.0 };
                influence[row] += rows.weight(row) * one.value * (is - support / total) / total;
            }
        }
    }
    Ok(Influence { value, rows: influence, shape: ErrorScale::Unit, units: n })
}

/// Mean over pairs of classes of the AUC among rows of the two (Hand & Till 2001).
pub(crate) fn auc_one_vs_one(rows: &MulticlassRows) -> MetricResult<Influence> {
    let p = rows.probabilities("auc_ovo")?;
    let (n, k) = (rows.truth.len(), rows.classes);
    let pairs = (k * (k.saturating_sub(1))) as f64;
    let (mut value, mut influence) = (0.0, vec![0.0; n]);
    for a in 0..k {
        for b in (0..k).filter(|b| *b != a) {
            // The AUC of class a's probability between rows of a and rows of b.
            let members: Vec<usize> = (0..n).filter(|row| [a, b].contains(&(rows.truth[*row] as usize))).collect();
            let truth: Vec<bool> = members.iter().map(|row| rows.truth[*row] as usize == a).collect();
            let score: Vec<f64> = members.iter().map(|row| p[row * k + a]).collect();
            let weight: Vec<f64> = members.iter().map(|row| rows.weight(*row)).collect();
            let one = auc(&BinaryRows {
                truth: &truth,
                score: Some(&score),
                decided: Decided::AtLeast(0.5),
                weight: Some(&weight),
            })
            .map_err(|_| Unmeasured::undefined("auc_ovo", format!("class {a} or {b} never occurs")))?;
            value += one.value / pairs;
            members.iter().zip(&one.rows).for_each(|(row, moved)| influence[*row] += moved / pairs);
        }
    }
    Ok(Influence { value, rows: influence, shape: ErrorScale::Unit, units: n })
}

/// Share of right decisions minus chance, over one minus chance (Cohen).
pub(crate) fn kappa(rows: &MulticlassRows) -> MetricResult<Influence> {
    let k = rows.classes;
    let table = confusion_matrix(rows);
    let total: f64 = table.iter().sum();
    if total <= 0.0 {
        return Err(Unmeasured::too_few("rows", 0, 1));
    }
    let truth: Vec<f64> = (0..k).map(|c| table[c * k..(c + 1) * k].iter().sum::<f64>() / total).collect();
    let decided: Vec<f64> = (0..k).map(|c| (0..k).map(|t| table[t * k + c]).sum::<f64>() / total).collect();
    let agree = (0..k).map(|c| table[c * k + c]).sum::<f64>() / total;
    let chance: f64 = (0..k).map(|c| truth[c] * decided[c]).sum();
    if chance >= 1.0 {
        return Err(Unmeasured::undefined("kappa", "all rows and all decisions are of one class"));
    }
    let value = (agree - chance) / (1.0 - chance);
    let influence = (0..rows.truth.len())
        .map(|row| {
            let (t, d) = (rows.truth[row] as usize, rows.decision(row));
            let agrees = if t == d { 1.0 } else { 0.0 } - agree;
            let chances = decided[t] + truth[d] - 2.0 * chance;
            rows.weight(row) / total * (agrees - (1.0 - value) * chances) / (1.0 - chance)
        })
        .collect();
    Ok(Influence::corrected(value, influence, ErrorScale::Signed, rows.truth.len()))
}

/// The estimate of a share by name.
pub(crate) fn accuracy_estimate(rows: &MulticlassRows, level: f64) -> MetricResult<Estimate> {
    accuracy(rows).wilson("accuracy", level)
}
