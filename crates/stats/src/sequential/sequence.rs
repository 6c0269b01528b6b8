//! Confidence sequences: intervals that hold at all times at once, so that one may look after every row.
//!
//! For values in a known range. Empirical Bernstein (Waudby-Smith & Ramdas 2024, theorem 2) is closed form and O(1) a
//! row; betting (their hedged capital) is narrower and costs one pass over a grid a row. Both hold for any law with a
//! constant conditional mean; rows need not be identically distributed otherwise.

use crate::outcome::{Estimate, MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Running mean and variance that bets are sized by: predictable, regularised by one imagined row at one half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct RunningMoments {
    rows: f64,
    sum: f64,
    squares: f64,
}

impl RunningMoments {
    fn new() -> Self {
        RunningMoments { rows: 0.0, sum: 0.0, squares: 0.0 }
    }

    fn mean(&self) -> f64 {
        (0.5 + self.sum) / (self.rows + 1.0)
    }

    fn variance(&self) -> f64 {
        (0.25 + self.squares) / (self.rows + 1.0)
    }

    fn add(&mut self, x: f64) {
        self.rows += 1.0;
        self.sum += x;
        let away = x - self.mean();
        self.squares += away * away;
    }
}

/// A confidence sequence for the mean of values in a range: an interval that covers the mean at all times at once with
/// probability `level`, so that one may look after every row and stop whenever one likes.
///
/// Values are scaled to `x_i` in `[0, 1]`. `α = 1 - level`; `m_i`, `v_i` are the regularised mean and variance of the values
/// before `i` (they start at ½ and ¼).
///
/// ```text
/// λ_i = min(√(2 ln(2/α) / (v_i i ln(1 + i))), ¾)
/// (Σ λ_i x_i) / Σ λ_i  ±  (ln(2/α) + Σ (x_i - m_i)² (-ln(1 - λ_i) - λ_i)) / Σ λ_i
/// ```
///
/// The interval is the intersection of those of all times so far. Waudby-Smith & Ramdas (2024), theorem 2,
/// doi:10.1093/jrsssb/qkad009.
///
/// ```
/// use kilter_stats::sequential::EmpiricalBernstein;
/// let mut sequence = EmpiricalBernstein::new((0.0, 1.0), 0.95)?;
/// for row in 0..2000 {
///     sequence.add(f64::from(row % 2))?;
/// }
/// let mean = sequence.estimate()?;
/// assert!(mean.low < 0.5 && 0.5 < mean.high && mean.high - mean.low < 0.15);
/// # Ok::<(), kilter_stats::Unmeasured>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmpiricalBernstein {
    range: (f64, f64),
    level: f64,
    /// `m_i` and `v_i`.
    guess: RunningMoments,
    /// `Σ λ_i`
    bets: f64,
    /// `Σ λ_i x_i`
    weighted: f64,
    /// `Σ (x_i - m_i)² (-ln(1 - λ_i) - λ_i)`
    cost: f64,
    /// The intersection of the intervals so far.
    best: (f64, f64),
    sum: f64,
    rows: u64,
}

impl EmpiricalBernstein {
    /// A sequence at confidence `level`, in `(0, 1)`, for values within `range`.
    ///
    /// # Errors
    /// When `range` is no interval of finite numbers, or `level` is not between 0 and 1.
    pub fn new(range: (f64, f64), level: f64) -> MetricResult<Self> {
        check_arguments(range, level)?;
        let guess = RunningMoments::new();
        Ok(EmpiricalBernstein {
            range,
            level,
            guess,
            bets: 0.0,
            weighted: 0.0,
            cost: 0.0,
            best: (0.0, 1.0),
            sum: 0.0,
            rows: 0,
        })
    }

    /// Takes the next value; one outside of the range is refused, and the sequence stays as it was.
    pub fn add(&mut self, value: f64) -> MetricResult<()> {
        let x = scale_to_unit(value, self.range)?;
        self.rows += 1;
        self.sum += x;
        let t = self.rows as f64;
        let size = 2.0 * (2.0 / (1.0 - self.level)).ln() / (self.guess.variance() * t * (1.0 + t).ln());
        let bet = size.sqrt().min(0.75);
        let away = x - self.guess.mean();
        self.bets += bet;
        self.weighted += bet * x;
        self.cost += away * away * (-(-bet).ln_1p() - bet);
        self.guess.add(x);
        let centre = self.weighted / self.bets;
        let half = ((2.0 / (1.0 - self.level)).ln() + self.cost) / self.bets;
        self.best = (self.best.0.max(centre - half), self.best.1.min(centre + half));
        Ok(())
    }

    /// The mean so far with the interval that holds for ever.
    pub fn estimate(&self) -> MetricResult {
        sequence_estimate(self.best, self.sum, self.rows, self.range, self.level)
    }
}

/// A confidence sequence for the mean of values in a range, by betting against each candidate mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BettingSequence {
    range: (f64, f64),
    level: f64,
    guess: RunningMoments,
    /// Log capital of the bet that the mean is above, and below, each candidate.
    above: Vec<f64>,
    below: Vec<f64>,
    best: (usize, usize),
    sum: f64,
    rows: u64,
}

/// Candidate means of a betting sequence; the interval is rounded outwards to this grid.
const GRID: usize = 500;

impl BettingSequence {
    /// A sequence at confidence `level` for values within `range`.
    pub fn new(range: (f64, f64), level: f64) -> MetricResult<Self> {
        check_arguments(range, level)?;
        let (above, below) = (vec![0.0; GRID + 1], vec![0.0; GRID + 1]);
        Ok(BettingSequence {
            range,
            level,
            guess: RunningMoments::new(),
            above,
            below,
            best: (0, GRID),
            sum: 0.0,
            rows: 0,
        })
    }

    /// Takes the next value; one outside of the range is refused, and the sequence stays as it was.
    pub fn add(&mut self, value: f64) -> MetricResult<()> {
        let x = scale_to_unit(value, self.range)?;
        self.rows += 1;
        self.sum += x;
        let t = self.rows as f64;
        let size = (2.0 * (2.0 / (1.0 - self.level)).ln() / (self.guess.variance() * t * (1.0 + t).ln())).sqrt();
        let limit = (2.0 / (1.0 - self.level)).ln();
        // Only candidates that still stand need their capital.
        for candidate in self.best.0..=self.best.1 {
            let mean = candidate as f64 / GRID as f64;
            let up = size.min(if mean > 0.0 { 0.5 / mean } else { f64::INFINITY });
            let down = size.min(if mean < 1.0 { 0.5 / (1.0 - mean) } else { f64::INFINITY });
            self.above[candidate] += (up * (x - mean)).ln_1p();
            self.below[candidate] += (-down * (x - mean)).ln_1p();
        }
        self.guess.add(x);
        // The hedged capital is half of each; it falls to the left of the mean and rises to its right.
        let out = |candidate: usize| self.above[candidate].max(self.below[candidate]) >= limit;
        let middle = ((self.sum / t * GRID as f64).round() as usize).clamp(self.best.0, self.best.1);
        let (mut low, mut high) = self.best;
        while low < middle && out(low) {
            low += 1;
        }
        while high > middle && out(high) {
            high -= 1;
        }
        self.best = (low, high);
        Ok(())
    }

    /// The mean so far with the interval that holds for ever.
    pub fn estimate(&self) -> MetricResult {
        let (low, high) = self.best;
        let outward = ((low as f64 - 1.0).max(0.0) / GRID as f64, (high as f64 + 1.0).min(GRID as f64) / GRID as f64);
        sequence_estimate(outward, self.sum, self.rows, self.range, self.level)
    }
}

/// A confidence sequence for the mean of paired differences `a - b`, both within `range`.
pub fn paired_difference(range: (f64, f64), level: f64) -> MetricResult<EmpiricalBernstein> {
    let width = range.1 - range.0;
    EmpiricalBernstein::new((-width, width), level)
}

/// The half width of a band around an empirical distribution function that holds at every place and every time at once
/// (Howard & Ramdas 2022, theorem 2), at confidence `level`. Infinite without rows.
pub fn distribution_band(rows: u64, level: f64) -> f64 {
    if rows == 0 {
        return f64::INFINITY;
    }
    let n = rows as f64;
    0.85 * (((std::f64::consts::E * n).ln().ln() + 0.8 * (1612.0 / (1.0 - level)).ln()) / n).sqrt()
}

fn check_arguments(range: (f64, f64), level: f64) -> MetricResult<()> {
    if !(range.0.is_finite() && range.1.is_finite() && range.0 < range.1) {
        return Err(Unmeasured::bad_input("range", format!("{range:?} is no range of numbers")));
    }
    if !(level > 0.0 && level < 1.0) {
        return Err(Unmeasured::bad_input("level", format!("the confidence {level} is not between 0 and 1")));
    }
    Ok(())
}

fn scale_to_unit(value: f64, range: (f64, f64)) -> MetricResult<f64> {
    let x = (value - range.0) / (range.1 - range.0);
    if (0.0..=1.0).contains(&x) {
        return Ok(x);
    }
    Err(Unmeasured::bad_input("value", format!("{value} lies outside of the stated range {range:?}")))
}

fn sequence_estimate(best: (f64, f64), sum: f64, rows: u64, range: (f64, f64), level: f64) -> MetricResult {
    if rows == 0 {
        return Err(Unmeasured::too_few("values", 0, 1));
    }
    let back = |x: f64| range.0 + x * (range.1 - range.0);
    Estimate::new(back(sum / rows as f64), back(best.0), back(best.1), level, rows)
}

/// The mixture sequential probability ratio test of `mean = 0` for normal values of known variance `variance`, with a
/// normal prior of variance `prior` on the mean: an e-value at any time (Robbins 1970; Johari et al. 2017).
pub fn msprt(mean: f64, rows: u64, variance: f64, prior: f64) -> MetricResult<f64> {
    if variance.is_nan() || prior.is_nan() || variance <= 0.0 || prior <= 0.0 || !mean.is_finite() {
        return Err(Unmeasured::bad_input("msprt", "variances must be positive and the mean finite"));
    }
    let n = rows as f64;
    let total = variance + n * prior;
    Ok((variance / total).sqrt() * (n * n * prior * mean * mean / (2.0 * variance * total)).exp())
}

/// The same for the difference of two arms of `rows` rows each with variance `variance` (the canary form).
pub fn msprt_two_arms(difference: f64, rows: u64, variance: f64, prior: f64) -> MetricResult<f64> {
    msprt(difference, rows, 2.0 * variance, prior)
}
