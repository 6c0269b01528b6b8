//! Reconstruction error under a principal component analysis of the reference: structure between columns that single
//! columns do not show.
//!
//! Columns are imputed by the caller's encoding, standardised, and projected on the components that keep a share of the
//! variance; the reading is the mean Euclidean distance of rows to their projection.

use crate::distributions::student_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Columns that one analysis takes; the eigenproblem grows with their cube.
const MAX_COLUMNS: usize = 512;

/// A fitted reconstruction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reconstruction {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// Row-major `columns x columns`: what is left of a standardised row after projection.
    residual: Vec<f64>,
    components: usize,
}

impl Reconstruction {
    /// Fits on complete columns (no NaN), keeping at least `share` of the variance.
    pub fn fit(columns: &[&[f64]], share: f64) -> MetricResult<Self> {
        let k = columns.len();
        if k == 0 || k > MAX_COLUMNS {
            return Err(Unmeasured::bad_input("columns", format!("{k} columns; 1 to {MAX_COLUMNS} are possible")));
        }
        let rows = crate::outcome::same_length("columns", &columns.iter().map(|c| c.len()).collect::<Vec<_>>())?;
        if rows < 2 {
            return Err(Unmeasured::too_few("rows", rows, 2));
        }
        for column in columns {
            crate::outcome::all_finite("column", column)?;
        }
        let n = rows as f64;
        let mean: Vec<f64> = columns.iter().map(|column| column.iter().sum::<f64>() / n).collect();
        let scale: Vec<f64> = columns
            .iter()
            .zip(&mean)
            .map(|(column, mean)| {
                let sd = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
                if sd > 0.0 { sd } else { 1.0 }
            })
            .collect();
        let mut covariance = vec![0.0; k * k];
        for a in 0..k {
            for b in 0..=a {
                let sum: f64 =
                    columns[a].iter().zip(columns[b]).map(|(x, y)| (x - mean[a]) * (y - mean[b])).sum::<f64>();
                let value = sum / ((n - 1.0) * scale[a] * scale[b]);
                covariance[a * k + b] = value;
                covariance[b * k + a] = value;
            }
        }
        let (values, vectors) = symmetric_eigen(&covariance, k);
        let total: f64 = values.iter().map(|value| value.max(0.0)).sum();
        let mut kept = 0.0;
        let mut components = 0;
        // As scikit-learn: the smallest number whose cumulated share exceeds the wish.
        while components < k {
            kept += values[components].max(0.0);
            components += 1;
            if kept / total > share {
                break;
            }
        }
        let mut residual = vec![0.0; k * k];
        for a in 0..k {
            for b in 0..k {
                let projected: f64 = (0..components).map(|c| vectors[a * k + c] * vectors[b * k + c]).sum();
                residual[a * k + b] = if a == b { 1.0 } else { 0.0 } - projected;
            }
        }
        Ok(Reconstruction { mean, scale, residual, components })
    }

    /// Components that were kept.
    pub fn components(&self) -> usize {
        self.components
    }

    /// Each row's distance to its reconstruction.
    pub fn errors(&self, columns: &[&[f64]]) -> MetricResult<Vec<f64>> {
        let k = self.mean.len();
        if columns.len() != k {
            return Err(Unmeasured::bad_input("columns", format!("{} columns, fitted on {k}", columns.len())));
        }
        let rows = crate::outcome::same_length("columns", &columns.iter().map(|c| c.len()).collect::<Vec<_>>())?;
        for column in columns {
            crate::outcome::all_finite("column", column)?;
        }
        let mut standard = vec![0.0; k];
        Ok((0..rows)
            .map(|row| {
                for (c, column) in columns.iter().enumerate() {
                    standard[c] = (column[row] - self.mean[c]) / self.scale[c];
                }
                let left = self.residual.chunks(k).map(|line| {
                    let rest: f64 = line.iter().zip(&standard).map(|(a, b)| a * b).sum();
                    rest * rest
                });
                left.sum::<f64>().sqrt()
            })
            .collect())
    }

    /// The mean error of a window with its Student interval.
    pub fn reading(&self, columns: &[&[f64]], level: f64) -> MetricResult<Estimate> {
        let errors = self.errors(columns)?;
        if errors.len() < 2 {
            return Err(Unmeasured::too_few("rows", errors.len(), 2));
        }
        let n = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / n;
        let sd = (errors.iter().map(|error| (error - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let margin = student_margin(level, n - 1.0) * sd / n.sqrt();
        Estimate::around(mean, margin, (0.0, f64::INFINITY), level, errors.len() as u64)
    }
}

/// Eigenvalues (falling) and eigenvectors (columns) of a symmetric matrix, by cyclic Jacobi rotations.
pub fn symmetric_eigen(matrix: &[f64], k: usize) -> (Vec<f64>, Vec<f64>) {
    let mut a = matrix.to_vec();
    let mut v = vec![0.0; k * k];
    (0..k).for_each(|i| v[i * k + i] = 1.0);
    for _ in 0..100 {
        let off: f64 = (0..k).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i * k + j].powi(2)).sum();
        if off < 1e-30 {
            break;
        }
        for p in 0..k {
            for q in p + 1..k {
                rotate(&mut a, &mut v, k, p, q);
            }
        }
    }
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|i, j| a[j * k + j].total_cmp(&a[i * k + i]));
    let values = order.iter().map(|i| a[i * k + i]).collect();
    let mut vectors = vec![0.0; k * k];
    for (to, from) in order.iter().enumerate() {
        (0..k).for_each(|row| vectors[row * k + to] = v[row * k + from]);
    }
    (values, vectors)
}

fn rotate(a: &mut [f64], v: &mut [f64], k: usize, p: usize, q: usize) {
    let apq = a[p * k + q];
    if apq.abs() < 1e-300 {
        return;
    }
    let theta = (a[q * k + q] - a[p * k + p]) / (2.0 * apq);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta == 0.0 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for i in 0..k {
        let (x, y) = (a[i * k + p], a[i * k + q]);
        a[i * k + p] = c * x - s * y;
        a[i * k + q] = s * x + c * y;
    }
    for i in 0..k {
        let (x, y) = (a[p * k + i], a[q * k + i]);
        a[p * k + i] = c * x - s * y;
        a[q * k + i] = s * x + c * y;
        let (x, y) = (v[i * k + p], v[i * k + q]);
        v[i * k + p] = c * x - s * y;
        v[i * k + q] = s * x + c * y;
    }
}
