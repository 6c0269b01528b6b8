//! Small mergeable summaries of large streams: distinct values (HyperLogLog) and heavy-tailed quantiles (DDSketch).
//!
//! Invariants: merging equals having seen both streams; size is bounded; errors are stated. Distances need the bins of
//! `drift` instead: a general sketch is too coarse for Wasserstein.

use crate::hash::fnv1a;
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Registers of a HyperLogLog: a standard error of 1.04 / sqrt(4096) = 1.6 %.
const REGISTERS: usize = 1 << 12;

/// Counts distinct values in 4 kB (Flajolet et al. 2007, with linear counting below 2.5 registers).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    registers: Vec<u8>,
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct { registers: vec![0; REGISTERS] }
    }
}

impl Distinct {
    /// Adds a value by its bytes.
    pub fn add(&mut self, value: &[u8]) {
        let mut h = fnv1a(value.iter().copied());
        h ^= h >> 32;
        h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
        h ^= h >> 32;
        h = h.wrapping_mul(0xd6e8_feb8_6659_fd93);
        h ^= h >> 32;
        let place = (h >> 52) as usize;
        let rank = ((h << 12) | (1 << 11)).leading_zeros() as u8 + 1;
        self.registers[place] = self.registers[place].max(rank);
    }

    /// Adds a number; all zeros are one value, all NaN are one value.
    pub fn add_number(&mut self, value: f64) {
        let value = if value == 0.0 {
            0.0
        } else if value.is_nan() {
            f64::NAN
        } else {
            value
        };
        self.add(&value.to_bits().to_le_bytes());
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Distinct) {
        self.registers.iter_mut().zip(&other.registers).for_each(|(a, b)| *a = (*a).max(*b));
    }

    /// About how many distinct values there were.
    pub fn estimate(&self) -> f64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|rank| 0.5f64.powi(i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count() as f64;
        if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw }
    }
}

/// Relative error of a DDSketch's quantiles.
const ACCURACY: f64 = 0.01;
/// Buckets of a DDSketch; beyond, the smallest share one.
const BUCKETS: usize = 2048;

/// Quantiles of positive numbers (latencies) to 1 % of their value (Masson, Rim & Lee 2019).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    buckets: BTreeMap<i32, u64>,
    zeros: u64,
    count: u64,
}

impl Quantiles {
    fn base() -> f64 {
        (1.0 + ACCURACY) / (1.0 - ACCURACY)
    }

    /// Adds a number. Numbers up to zero count as zero; what is not finite is refused.
    pub fn add(&mut self, value: f64) -> MetricResult<()> {
        if !value.is_finite() {
            return Err(Unmeasured::bad_input("value", format!("{value} is no number")));
        }
        self.count += 1;
        if value <= 1e-12 {
            self.zeros += 1;
            return Ok(());
        }
        let bucket = (value.ln() / Quantiles::base().ln()).ceil() as i32;
        *self.buckets.entry(bucket).or_default() += 1;
        self.bound();
        Ok(())
    }

    fn bound(&mut self) {
        while self.buckets.len() > BUCKETS {
            let Some((_, count)) = self.buckets.pop_first() else { return };
            if let Some(mut next) = self.buckets.first_entry() {
                *next.get_mut() += count;
            }
        }
    }

    /// Adds what another has seen.
    pub fn merge(&mut self, other: &Quantiles) {
        other.buckets.iter().for_each(|(bucket, count)| *self.buckets.entry(*bucket).or_default() += count);
        self.zeros += other.zeros;
        self.count += other.count;
        self.bound();
    }

    /// Numbers seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The quantile at `p` in [0, 1], within 1 % of its value.
    pub fn quantile(&self, p: f64) -> MetricResult<f64> {
        if self.count == 0 {
            return Err(Unmeasured::too_few("values", 0, 1));
        }
        let rank = (p.clamp(0.0, 1.0) * (self.count - 1) as f64) as u64;
        let mut below = self.zeros;
        if rank < below {
            return Ok(0.0);
        }
        for (bucket, count) in &self.buckets {
            below += count;
            if rank < below {
                let base = Quantiles::base();
                return Ok(2.0 * base.powi(*bucket) / (base + 1.0));
            }
        }
        Ok(0.0)
    }
}
