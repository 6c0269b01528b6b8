//! Losses, their derivatives and where boosting begins.

use super::histogram::Gradient;
use crate::target::TargetValues;

/// The loss of the current scores on all rows.
pub(super) struct Loss<'a> {
    outcome: &'a TargetValues,
    weights: &'a [f64],
    /// What every row starts from, by output.
    pub base: Vec<f32>,
    /// Row-major rows x outputs.
    scores: Vec<f64>,
}

/// The smallest second derivative: rows that are certain must not divide by zero.
const MIN_CURVE: f64 = 1e-16;

impl<'a> Loss<'a> {
    /// Begins at the best constant answer for the rows `train`.
    pub fn new(outcome: &'a TargetValues, weights: &'a [f64], train: &[u32]) -> Self {
        let base = base(outcome, weights, train);
        let scores = base.iter().map(|&base| f64::from(base)).collect::<Vec<_>>().repeat(outcome.rows());
        Self { outcome, weights, base, scores }
    }

    pub fn add(&mut self, row: usize, output: usize, value: f32) {
        self.scores[row * self.base.len() + output] += f64::from(value);
    }

    /// By output, then by row.
    pub fn gradients(&self) -> Vec<Vec<Gradient>> {
        let outputs = self.base.len();
        let mut gradients = vec![Vec::with_capacity(self.weights.len()); outputs];
        let gradient = |slope: f64, curve: f64, weight: f64| Gradient {
            slope: (slope * weight) as f32,
            curve: (curve.max(MIN_CURVE) * weight) as f32,
        };
        match self.outcome {
            TargetValues::Values(values) => {
                for ((&value, &score), &weight) in values.iter().zip(&self.scores).zip(self.weights) {
                    gradients[0].push(gradient(score - value, 1.0, weight));
                }
            }
            TargetValues::Classes { of_row, count: 2 } => {
                for ((&class, &score), &weight) in of_row.iter().zip(&self.scores).zip(self.weights) {
                    let p = 1.0 / (1.0 + (-score).exp());
                    gradients[0].push(gradient(p - f64::from(class), p * (1.0 - p), weight));
                }
            }
            TargetValues::Classes { of_row, .. } => {
                let mut p = vec![0.0; outputs];
                for ((row, &class), &weight) in of_row.iter().enumerate().zip(self.weights) {
                    softmax(&self.scores[row * outputs..][..outputs], &mut p);
                    for (output, (gradients, &p)) in gradients.iter_mut().zip(&p).enumerate() {
                        let truth = f64::from(u8::from(output == class as usize));
                        gradients.push(gradient(p - truth, p * (1.0 - p), weight));
                    }
                }
            }
        }
        gradients
    }

    /// Weighted mean loss over `rows`: log loss, or half the squared error.
    pub fn mean(&self, rows: &[u32]) -> f64 {
        let (mut sum, mut weight) = (0.0, 0.0);
        let mut p = vec![0.0; self.base.len()];
        for &row in rows {
            let row = row as usize;
            sum += self.weights[row] * self.of(row, &mut p);
            weight += self.weights[row];
        }
        if weight > 0.0 { sum / weight } else { 0.0 }
    }

    fn of(&self, row: usize, p: &mut [f64]) -> f64 {
        let scores = &self.scores[row * p.len()..][..p.len()];
        match self.outcome {
            TargetValues::Values(values) => (scores[0] - values[row]).powi(2) / 2.0,
            TargetValues::Classes { of_row, count: 2 } => {
                let signed = if of_row[row] == 1 { -scores[0] } else { scores[0] };
                // ln(1 + e^s) without overflow.
                signed.max(0.0) + (-signed.abs()).exp().ln_1p()
            }
            TargetValues::Classes { of_row, .. } => {
                softmax(scores, p);
                -p[of_row[row] as usize].max(f64::MIN_POSITIVE).ln()
            }
        }
    }
}

fn softmax(scores: &[f64], out: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    out.iter_mut().zip(scores).for_each(|(out, score)| *out = (score - largest).exp());
    let sum: f64 = out.iter().sum();
    out.iter_mut().for_each(|out| *out /= sum);
}

fn base(outcome: &TargetValues, weights: &[f64], train: &[u32]) -> Vec<f32> {
    let total: f64 = train.iter().map(|&row| weights[row as usize]).sum();
    match outcome {
        TargetValues::Values(values) => {
            let sum: f64 = train.iter().map(|&row| weights[row as usize] * values[row as usize]).sum();
            vec![(sum / total.max(f64::MIN_POSITIVE)) as f32]
        }
        TargetValues::Classes { of_row, count } => {
            let mut shares = vec![0.0; *count];
            train.iter().for_each(|&row| shares[of_row[row as usize] as usize] += weights[row as usize] / total);
            // A class that the drawn rows lack is rare, not impossible.
            let share = |class: usize| f64::max(shares[class], 1e-6).min(1.0 - 1e-6);
            match count {
                2 => vec![(share(1) / (1.0 - share(1))).ln() as f32],
                _ => (0..*count).map(|class| share(class).ln() as f32).collect(),
            }
        }
    }
}
