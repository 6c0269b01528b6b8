//! Rows as a linear model sees them, and its loss over all of them.

use std::ops::Range;

use kilter_inference::Matrix;

use crate::target::TargetValues;

/// Row chunks that are summed apart, whatever the number of threads.
const CHUNKS: usize = 8;

/// Blocks of columns side by side, with what is to be learned.
pub(super) struct Design<'a> {
    blocks: &'a [Matrix],
    /// Where each block's columns begin.
    offsets: Vec<usize>,
    columns: usize,
    outputs: usize,
    outcome: &'a TargetValues,
    weights: &'a [f64],
    total: f64,
    l2: f64,
    threads: usize,
}

impl<'a> Design<'a> {
    pub fn new(blocks: &'a [Matrix], outcome: &'a TargetValues, weights: &'a [f64], l2: f64, threads: usize) -> Self {
        let mut columns = 0;
        let mut offsets = Vec::with_capacity(blocks.len());
        for block in blocks {
            offsets.push(columns);
            columns += block.columns();
        }
        let outputs = match outcome {
            TargetValues::Values(_) | TargetValues::Classes { count: 2, .. } => 1,
            TargetValues::Classes { count, .. } => *count,
        };
        let total = weights.iter().sum();
        Self { blocks, offsets, columns, outputs, outcome, weights, total, l2, threads: threads.max(1) }
    }

    /// All zero: weights row-major columns x outputs, then the intercepts.
    pub fn start(&self) -> Vec<f64> {
        vec![0.0; (self.columns + 1) * self.outputs]
    }

    /// Mean loss plus penalty at `at`, and its slope.
    pub fn loss(&self, at: &[f64], slope: &mut [f64]) -> f64 {
        let sums = self.sums(at);
        slope.fill(0.0);
        let mut loss = 0.0;
        for (chunk_loss, chunk_slope) in sums {
            loss += chunk_loss;
            slope.iter_mut().zip(chunk_slope).for_each(|(slope, more)| *slope += more);
        }
        slope.iter_mut().for_each(|slope| *slope /= self.total);
        let penalised = self.columns * self.outputs;
        for (slope, weight) in slope[..penalised].iter_mut().zip(at) {
            *slope += self.l2 * weight / self.total;
        }
        let penalty: f64 = at[..penalised].iter().map(|weight| weight * weight).sum();
        (loss + self.l2 * penalty / 2.0) / self.total
    }

    /// Mean loss without the penalty.
    pub fn data_loss(&self, at: &[f64]) -> f64 {
        self.sums(at).iter().map(|(loss, _)| loss).sum::<f64>() / self.total
    }

    /// Loss and slope by chunk, in order.
    fn sums(&self, at: &[f64]) -> Vec<(f64, Vec<f64>)> {
        let rows = self.weights.len();
        let bound = |chunk: usize| chunk * rows / CHUNKS;
        let chunk = |chunk: usize| self.chunk(at, bound(chunk)..bound(chunk + 1));
        let share = CHUNKS.div_ceil(self.threads.min(CHUNKS));
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..CHUNKS)
                .step_by(share)
                .map(|first| scope.spawn(move || (first..CHUNKS.min(first + share)).map(chunk).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("summing does not panic")).collect()
        })
    }

    fn chunk(&self, at: &[f64], rows: Range<usize>) -> (f64, Vec<f64>) {
        let intercepts = self.columns * self.outputs;
        let mut slope = vec![0.0; at.len()];
        let mut scores = vec![0.0; self.outputs];
        let mut loss = 0.0;
        for row in rows {
            scores.copy_from_slice(&at[intercepts..]);
            self.each(row, |column, value| {
                let weights = &at[column * self.outputs..][..self.outputs];
                scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += value * weight);
            });
            loss += self.weights[row] * self.row_loss(row, &mut scores);
            // The scores are now the slopes by output.
            scores.iter_mut().for_each(|score| *score *= self.weights[row]);
            self.each(row, |column, value| {
                let slopes = &mut slope[column * self.outputs..][..self.outputs];
                slopes.iter_mut().zip(&scores).for_each(|(slope, score)| *slope += value * score);
            });
            slope[intercepts..].iter_mut().zip(&scores).for_each(|(slope, score)| *slope += score);
        }
        (loss, slope)
    }

    /// The values of a row that are not zero, with their columns.
    fn each(&self, row: usize, mut visit: impl FnMut(usize, f64)) {
        for (block, &offset) in self.blocks.iter().zip(&self.offsets) {
            match block {
                Matrix::Dense { columns, data } => {
                    for (column, &value) in data[row * columns..(row + 1) * columns].iter().enumerate() {
                        if value != 0.0 {
                            visit(offset + column, f64::from(value));
                        }
                    }
                }
                Matrix::Sparse { ends, entries, .. } => {
                    let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                    for &(column, value) in &entries[start..ends[row]] {
                        visit(offset + column as usize, f64::from(value));
                    }
                }
            }
        }
    }

    /// The loss of a row; its scores are replaced by the slopes of the loss.
    fn row_loss(&self, row: usize, scores: &mut [f64]) -> f64 {
        match self.outcome {
            TargetValues::Values(values) => {
                scores[0] -= values[row];
                scores[0] * scores[0] / 2.0
            }
            TargetValues::Classes { of_row, count: 2 } => {
                let score = scores[0];
                let truth = f64::from(of_row[row]);
                scores[0] = 1.0 / (1.0 + (-score).exp()) - truth;
                let signed = if truth > 0.5 { -score } else { score };
                signed.max(0.0) + (-signed.abs()).exp().ln_1p()
            }
            TargetValues::Classes { of_row, .. } => {
                let class = of_row[row] as usize;
                let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let own = scores[class] - largest;
                scores.iter_mut().for_each(|score| *score = (*score - largest).exp());
                let sum: f64 = scores.iter().sum();
                scores.iter_mut().for_each(|score| *score /= sum);
                scores[class] -= 1.0;
                sum.ln() - own
            }
        }
    }

    /// Weights by block and intercepts, times `unit`.
    pub fn split(&self, at: &[f64], unit: f64) -> (Vec<Vec<f32>>, Vec<f64>) {
        let block = |(block, &offset): (&Matrix, &usize)| {
            let range = offset * self.outputs..(offset + block.columns()) * self.outputs;
            at[range].iter().map(|weight| (weight * unit) as f32).collect()
        };
        let weights = self.blocks.iter().zip(&self.offsets).map(block).collect();
        (weights, at[self.columns * self.outputs..].iter().map(|intercept| intercept * unit).collect())
    }

    /// The weighted mean of every column, the blocks' one after the other.
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.columns];
        for (row, weight) in self.weights.iter().enumerate() {
            self.each(row, |column, value| sums[column] += weight * value);
        }
        sums.iter().map(|sum| sum / self.total).collect()
    }

    /// By block and column: the spread of the column times the size of its weights.
    pub fn effects(&self, at: &[f64]) -> Vec<Vec<f64>> {
        let (mut sums, mut squares) = (vec![0.0; self.columns], vec![0.0; self.columns]);
        for row in 0..self.weights.len() {
            self.each(row, |column, value| {
                sums[column] += self.weights[row] * value;
                squares[column] += self.weights[row] * value * value;
            });
        }
        let effect = |column: usize| {
            let mean = sums[column] / self.total;
            let spread = (squares[column] / self.total - mean * mean).max(0.0).sqrt();
            let size: f64 = at[column * self.outputs..][..self.outputs].iter().map(|weight| weight.abs()).sum();
            spread * size
        };
        let block = |(block, &offset): (&Matrix, &usize)| (offset..offset + block.columns()).map(effect).collect();
        self.blocks.iter().zip(&self.offsets).map(block).collect()
    }
}
