//! Embeddings: 64 random projections and the norm, each a numeric profile, and a kernel mean in random features.

use crate::drift::{Distance, Measure, NumericCounts, NumericReference};
use crate::outcome::{MetricResult, Unmeasured};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Random directions.
const PROJECTIONS: usize = 64;
/// Random Fourier features.
const FEATURES: usize = 256;
/// Rows that the kernel's width is learned on.
const WIDTH_ROWS: usize = 500;
/// Dimensions of an embedding.
const MAX_DIMENSIONS: usize = 65_536;

/// The frozen reference of an embedding column. Directions come from the seed and are not stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingReference {
    seed: u64,
    dimensions: usize,
    width: f64,
    projections: Vec<NumericReference>,
    norm: NumericReference,
    features: FeatureMean,
}

/// Counts of later embeddings, keyed to a reference; mergeable by addition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingWindow {
    projections: Vec<NumericCounts>,
    norm: NumericCounts,
    features: FeatureMean,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FeatureMean {
    rows: u64,
    sums: Vec<f64>,
    squares: f64,
}

/// How far a window is from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingDrift {
    /// The largest KS distance of a projection, and its p-value after Holm's correction.
    pub projection: Distance,
    /// KS distance of the norms.
    pub norm: Distance,
    /// Squared maximum mean discrepancy (Gaussian kernel, random features), its expectation without drift, and what is
    /// left.
    pub mmd: (f64, f64, f64),
}

impl EmbeddingReference {
    /// Freezes embeddings (`rows x dimensions`).
    pub fn of(rows: &[f64], dimensions: usize, seed: u64) -> MetricResult<Self> {
        let lines = lines(rows, dimensions)?;
        if lines.len() < 50 {
            return Err(Unmeasured::too_few("embeddings", lines.len(), 50));
        }
        let directions = Directions::new(seed, dimensions, kernel_width(&lines));
        let projected: Vec<Vec<f64>> = (0..PROJECTIONS)
            .map(|at| lines.iter().map(|line| dot(line, &directions.projections[at])).collect())
            .collect();
        let norms: Vec<f64> = lines.iter().map(|line| dot(line, line).sqrt()).collect();
        let mut features = FeatureMean::new();
        lines.iter().for_each(|line| features.add(&directions, line));
        Ok(EmbeddingReference {
            seed,
            dimensions,
            width: directions.width,
            projections: projected.iter().map(|values| NumericReference::of(values)).collect::<MetricResult<_>>()?,
            norm: NumericReference::of(&norms)?,
            features,
        })
    }

    /// Counts a window of embeddings.
    pub fn count(&self, rows: &[f64]) -> MetricResult<EmbeddingWindow> {
        let lines = lines(rows, self.dimensions)?;
        let directions = Directions::new(self.seed, self.dimensions, self.width);
        let mut window = EmbeddingWindow {
            projections: self.projections.iter().map(NumericReference::window).collect(),
            norm: self.norm.window(),
            features: FeatureMean::new(),
        };
        for line in lines {
            for ((profile, counts), direction) in
                self.projections.iter().zip(&mut window.projections).zip(&directions.projections)
            {
                profile.add(counts, dot(line, direction));
            }
            self.norm.add(&mut window.norm, dot(line, line).sqrt());
            window.features.add(&directions, line);
        }
        Ok(window)
    }

    /// Compares a window.
    pub fn compare(&self, window: &EmbeddingWindow) -> MetricResult<EmbeddingDrift> {
        let distances: Vec<Distance> = self
            .projections
            .iter()
            .zip(&window.projections)
            .map(|(profile, counts)| profile.distance(counts, Measure::Ks))
            .collect::<MetricResult<_>>()?;
        let Some(largest) = distances.iter().max_by(|a, b| a.value.total_cmp(&b.value)) else {
            return Err(Unmeasured::too_few("projections", 0, 1));
        };
        // Holm's first step: the smallest p-value times the number of tests.
        let p = largest.p.map(|p| (p * PROJECTIONS as f64).min(1.0));
        Ok(EmbeddingDrift {
            projection: Distance { p, ..*largest },
            norm: self.norm.distance(&window.norm, Measure::Ks)?,
            mmd: self.features.discrepancy(&window.features)?,
        })
    }
}

impl EmbeddingWindow {
    /// Adds the counts of another window of the same reference.
    pub fn merge(&mut self, other: &EmbeddingWindow) -> MetricResult<()> {
        for (a, b) in self.projections.iter_mut().zip(&other.projections) {
            a.merge(b)?;
        }
        self.norm.merge(&other.norm)?;
        self.features.rows += other.features.rows;
        self.features.squares += other.features.squares;
        self.features.sums.iter_mut().zip(&other.features.sums).for_each(|(a, b)| *a += b);
        Ok(())
    }
}

struct Directions {
    projections: Vec<Vec<f64>>,
    frequencies: Vec<Vec<f64>>,
    phases: Vec<f64>,
    width: f64,
}

impl Directions {
    fn new(seed: u64, dimensions: usize, width: f64) -> Self {
        let mut random = Random::seeded(seed);
        let mut draw = |scale: f64| (0..dimensions).map(|_| random.normal() * scale).collect::<Vec<f64>>();
        let unit = 1.0 / (dimensions as f64).sqrt();
        let projections = (0..PROJECTIONS).map(|_| draw(unit)).collect();
        let frequencies = (0..FEATURES).map(|_| draw(1.0 / width)).collect();
        let phases = (0..FEATURES).map(|_| random.uniform() * std::f64::consts::TAU).collect();
        Directions { projections, frequencies, phases, width }
    }
}

impl FeatureMean {
    fn new() -> Self {
        FeatureMean { rows: 0, sums: vec![0.0; FEATURES], squares: 0.0 }
    }

    fn add(&mut self, directions: &Directions, line: &[f64]) {
        let scale = (2.0 / FEATURES as f64).sqrt();
        self.rows += 1;
        for ((sum, frequency), phase) in self.sums.iter_mut().zip(&directions.frequencies).zip(&directions.phases) {
            let feature = scale * (dot(line, frequency) + phase).cos();
            *sum += feature;
            self.squares += feature * feature;
        }
    }

    /// Squared distance of the means, its expectation without drift, and the excess.
    fn discrepancy(&self, other: &FeatureMean) -> MetricResult<(f64, f64, f64)> {
        if self.rows < 2 || other.rows < 2 {
            return Err(Unmeasured::too_few("embeddings", self.rows.min(other.rows) as usize, 2));
        }
        let mean = |of: &FeatureMean, i: usize| of.sums[i] / of.rows as f64;
        let apart: f64 = (0..FEATURES).map(|i| (mean(self, i) - mean(other, i)).powi(2)).sum();
        // Sum over features of the variance of a row's feature, from the reference.
        let length: f64 = (0..FEATURES).map(|i| mean(self, i).powi(2)).sum();
        let variance = self.squares / self.rows as f64 - length;
        let expected = variance * (1.0 / self.rows as f64 + 1.0 / other.rows as f64);
        Ok((apart, expected, (apart - expected).max(0.0)))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn lines(rows: &[f64], dimensions: usize) -> MetricResult<Vec<&[f64]>> {
    if dimensions == 0 || dimensions > MAX_DIMENSIONS || !rows.len().is_multiple_of(dimensions) {
        let length = rows.len();
        return Err(Unmeasured::bad_input("embeddings", format!("{length} numbers are no rows of {dimensions}")));
    }
    Ok(rows.chunks(dimensions).filter(|line| line.iter().all(|x| x.is_finite())).collect())
}

/// The median distance between rows: the usual width of a Gaussian kernel.
fn kernel_width(lines: &[&[f64]]) -> f64 {
    let step = lines.len().div_ceil(WIDTH_ROWS).max(1);
    let some: Vec<&&[f64]> = lines.iter().step_by(step).collect();
    let mut distances: Vec<f64> = some
        .windows(2)
        .map(|pair| pair[0].iter().zip(pair[1].iter()).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt())
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().filter(|width| *width > 0.0).unwrap_or(1.0)
}
