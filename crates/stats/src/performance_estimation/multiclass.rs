//! CBPE for several classes: one isotonic calibration a class, renormalised.

use super::confidence::{Calibration, Expected};
use crate::outcome::{MetricResult, Unmeasured, same_length};
use crate::performance::{BinaryRows, MulticlassRows};
use serde::{Deserialize, Serialize};

/// A calibration for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassCalibrations {
    classes: Vec<Calibration>,
}

impl ClassCalibrations {
    /// From one calibration a class, in order of the classes.
    pub fn of(classes: Vec<Calibration>) -> Self {
        ClassCalibrations { classes }
    }

    /// Fits each class against the rest on labelled reference rows.
    pub fn fit(reference: &MulticlassRows) -> MetricResult<Self> {
        let p = reference.probabilities("calibration")?;
        let k = reference.classes;
        let fit = |class: usize| {
            let truth: Vec<bool> = reference.truth.iter().map(|t| *t as usize == class).collect();
            let score: Vec<f64> = p.iter().skip(class).step_by(k).copied().collect();
            let rows = BinaryRows::scored(&truth, &score, 0.5)?;
            match reference.weight {
                Some(weight) => Calibration::fit(&rows.with_weights(weight)?),
                None => Calibration::fit(&rows),
            }
        };
        Ok(ClassCalibrations { classes: (0..k).map(fit).collect::<MetricResult<Vec<_>>>()? })
    }

    /// Calibrated probabilities (`rows x classes`), each row summing to one; rows that all classes call impossible are
    /// uniform.
    pub fn apply(&self, probability: &[f64]) -> MetricResult<Vec<f64>> {
        let k = self.classes.len();
        if k == 0 || !probability.len().is_multiple_of(k) {
            return Err(Unmeasured::bad_input("probabilities", format!("they do not come in rows of {k}")));
        }
        let mut out = Vec::with_capacity(probability.len());
        for row in probability.chunks(k) {
            let line: Vec<f64> = row.iter().zip(&self.classes).map(|(p, class)| class.probability(*p)).collect();
            let sum: f64 = line.iter().sum();
            out.extend(line.iter().map(|p| if sum > 0.0 { p / sum } else { 1.0 / k as f64 }));
        }
        Ok(out)
    }
}

/// What a window of unlabelled rows implies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExpectedClasses {
    /// Mean over classes of the expected AUC against the rest.
    pub auc_ovr: f64,
    /// Mean over classes of the expected F1.
    pub f1_macro: f64,
    /// Expected share of right decisions.
    pub accuracy: f64,
}

/// The expected metrics of a window: raw probabilities order the rows, calibrated ones say how often they are true.
pub fn expected_classes(
    probability: &[f64],
    decision: &[u32],
    calibrations: &ClassCalibrations,
) -> MetricResult<ExpectedClasses> {
    let k = calibrations.classes.len();
    let calibrated = calibrations.apply(probability)?;
    same_length("multiclass rows", &[decision.len() * k, probability.len()])?;
    if decision.is_empty() {
        return Err(Unmeasured::too_few("rows", 0, 1));
    }
    let (mut auc, mut f1) = (0.0, 0.0);
    for class in 0..k {
        let score: Vec<f64> = probability.iter().skip(class).step_by(k).copied().collect();
        let chance: Vec<f64> = calibrated.iter().skip(class).step_by(k).copied().collect();
        let decided: Vec<bool> = decision.iter().map(|d| *d as usize == class).collect();
        let one = Expected::with_probabilities(&score, &decided, chance)?;
        auc += one.value("auc")? / k as f64;
        let [tp, fp, fn_, _] = one.table();
        let denominator = tp + 0.5 * (fp + fn_);
        f1 += if denominator > 0.0 { tp / denominator / k as f64 } else { 0.0 };
    }
    let right: f64 = decision.iter().enumerate().map(|(row, d)| calibrated[row * k + *d as usize]).sum();
    Ok(ExpectedClasses { auc_ovr: auc, f1_macro: f1, accuracy: right / decision.len() as f64 })
}
