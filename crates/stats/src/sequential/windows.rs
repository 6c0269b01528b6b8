//! Evidence that counts windows, not rows: for columns whose rows depend on each other, or follow a season.
//!
//! Each block of time of the stream is one observation of each [`super::directions`]: how far it is off, over the spread
//! between blocks of the reference. Were blocks independent and normal, the value of the next one given all before (the
//! reference's too) would follow Student's law, whatever mean and variance are: its place there, as a normal deviate
//! `z`, is standard normal and independent of the past (recursive residuals; Brown, Durbin & Evans 1975). A bet
//! `exp(λ z - λ² m / 2)` then has mean at most one; `m`, the integrated autocorrelation time in blocks, makes it so for
//! blocks that depend on each other, as long as `λ` is small beside `1 / (m - 1)`. Detector and e-process are as for
//! [`super::ColumnEvidence`]. A reference of few blocks has few degrees of freedom, and far values prove little.

use super::directions::{Basis, Directions, Scheme, Summary};
use crate::distributions::{normal_quantile, student_two_sided};
use crate::drift::{Block, DistributionRef, Tally};
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Sizes of bets, in parts of the largest.
const SIZES: [f64; 4] = [1.0, 0.55, 0.25, 0.1];
/// The largest bet on blocks that do not depend on each other, and by how much dependence makes it smaller.
const MAX_BET: f64 = 1.5;
const MEMORY_BET: f64 = 1.0;
/// Degrees of freedom and blocks that stand for an assumed variation.
const ASSUMED_FREEDOM: f64 = 30.0;
const ASSUMED_BLOCKS: f64 = 4.0;
/// Running sums stop growing here.
const MAX_SUM: f64 = 1e250;

/// The evidence of one column, by windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowEvidence {
    states: Vec<DirectionState>,
    bets: Vec<Bet>,
    ordered: usize,
    basis: Basis,
    /// Blocks of the reference that a new season's level costs.
    season: f64,
    latest: f64,
    windows: u64,
}

/// What is known of a direction: blocks seen, the mean and the squares of their standardised values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct DirectionState {
    blocks: f64,
    mean: f64,
    squares: f64,
    freedom: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bet {
    detector: f64,
    process: f64,
}

/// A column's reference as evidence needs it: what its codes mean, its strata, and how far its blocks are off.
#[derive(Debug)]
pub struct WindowReference<'r> {
    law: DistributionRef<'r>,
    scheme: Scheme,
    strata: Vec<Summary>,
    directions: &'r Directions,
}

impl<'r> WindowReference<'r> {
    /// Of the strata of a reference (one, where it has no season).
    ///
    /// # Errors
    /// When the directions are those of another column.
    pub fn of(law: DistributionRef<'r>, strata: &[Tally], directions: &'r Directions) -> MetricResult<Self> {
        let mut whole = Tally::empty(law.width());
        strata.iter().for_each(|tally| whole.merge(tally));
        let scheme = Scheme::of(law, &whole);
        if scheme.count() != directions.all.len() {
            return Err(Unmeasured::bad_input("directions", "they belong to another reference"));
        }
        let strata = strata.iter().map(|tally| scheme.summary(tally)).collect();
        Ok(WindowReference { law, scheme, strata, directions })
    }

    /// Evidence without a window yet.
    pub fn begin(&self) -> WindowEvidence {
        let Directions { blocks, season, basis, all } = self.directions;
        let is_learned = *basis == Basis::Learned;
        let blocks = if is_learned { *blocks } else { blocks.max(ASSUMED_BLOCKS) };
        let freedom = if is_learned { (blocks - season).max(1.0) } else { ASSUMED_FREEDOM };
        let state = DirectionState { blocks, mean: 0.0, squares: freedom, freedom };
        WindowEvidence {
            states: vec![state; all.len()],
            bets: vec![Bet { detector: 0.0, process: 0.0 }; all.len() * 2 * SIZES.len()],
            ordered: self.scheme.ordered_directions() * 2 * SIZES.len(),
            basis: *basis,
            season: if is_learned { *season } else { 0.0 },
            latest: 1.0,
            windows: 0,
        }
    }

    /// Takes a window, cut into blocks. A window that is `part` of a block long counts as that part of one.
    pub fn update(&self, evidence: &mut WindowEvidence, blocks: &[Block], part: f64) {
        if evidence.basis == Basis::TooFew || evidence.states.len() != self.directions.all.len() {
            return;
        }
        let mut logs = vec![0.0; evidence.bets.len()];
        for block in blocks {
            let summaries = self.scheme.summaries(self.law, block);
            for (at, residual) in self.scheme.residuals(&self.strata, &summaries).into_iter().enumerate() {
                let Some(residual) = residual else { continue };
                let direction = &self.directions.all[at];
                if direction.is_short {
                    continue;
                }
                let value = direction.deviate_of(residual);
                let memory = (direction.memory / part.clamp(1e-3, 1.0)).max(1.0);
                let z = evidence.states[at].standardise(value, memory, evidence.season);
                let largest = MAX_BET.min(MEMORY_BET / (memory - 1.0).max(1e-9));
                let own = &mut logs[at * 2 * SIZES.len()..(at + 1) * 2 * SIZES.len()];
                for (log, (size, sign)) in own.iter_mut().zip(SIZES.iter().flat_map(|size| [(size, 1.0), (size, -1.0)]))
                {
                    let bet = size * largest;
                    *log += sign * bet * z - 0.5 * bet * bet * memory;
                }
            }
        }
        evidence.update_bets(&logs);
    }
}

impl DirectionState {
    /// The normal deviate of the next value given those before, which it then joins.
    fn standardise(&mut self, value: f64, memory: f64, season: f64) -> f64 {
        // Deviates have a variance of one; windows that are more alike are no reason to bet more.
        let variance = (self.squares / self.freedom).max(1.0);
        let error = 1.0 + memory * (1.0 + season) / self.blocks.max(1.0);
        let t = (value - self.mean) / (variance * error).sqrt();
        let freedom = (self.freedom / memory - 1.0).max(1.0);
        let tail = 0.5 * student_two_sided(t.abs(), freedom);
        let z = -normal_quantile(tail.clamp(1e-300, 0.5)) * t.signum();
        self.blocks += 1.0;
        self.freedom += 1.0;
        let away = value - self.mean;
        self.mean += away / self.blocks;
        self.squares += away * (value - self.mean);
        z
    }
}

impl WindowEvidence {
    fn update_bets(&mut self, logs: &[f64]) {
        self.windows += 1;
        let s = self.windows as f64;
        let mut latest = Vec::with_capacity(logs.len());
        for (bet, log) in self.bets.iter_mut().zip(logs) {
            let e = log.clamp(-500.0, 500.0).exp();
            bet.detector = ((1.0 + bet.detector) * e).min(MAX_SUM);
            bet.process = ((1.0 / (s * (s + 1.0)) + bet.process) * e).min(MAX_SUM);
            latest.push(e);
        }
        self.latest = mean(&latest, self.ordered, |e| *e);
    }

    /// What the spread between windows rests on.
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Windows seen.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// The detector: compare with the mean number of windows between false alarms that is allowed.
    pub fn detector(&self) -> f64 {
        mean(&self.bets, self.ordered, |bet| bet.detector)
    }

    /// The e-process: without drift it ever reaches `1 / alpha` with probability at most `alpha`.
    pub fn e_process(&self) -> f64 {
        mean(&self.bets, self.ordered, |bet| bet.process) + 1.0 / (self.windows as f64 + 1.0)
    }

    /// The e-value of the latest window alone.
    pub fn latest_e_value(&self) -> f64 {
        self.latest
    }

    /// Forgets the evidence, not what was learned: after a promotion, or when an alert is resolved.
    pub fn restart(&mut self) {
        self.windows = 0;
        self.latest = 1.0;
        self.bets.iter_mut().for_each(|bet| *bet = Bet { detector: 0.0, process: 0.0 });
    }
}

/// Half the money bets on order (shift and spread), where a column has one; the rest on shares.
fn mean<T>(all: &[T], ordered: usize, of: impl Fn(&T) -> f64) -> f64 {
    let average = |part: &[T]| part.iter().map(&of).sum::<f64>() / part.len().max(1) as f64;
    let (first, rest) = all.split_at(ordered.min(all.len()));
    match (first.is_empty(), rest.is_empty()) {
        (true, _) => average(rest),
        (false, true) => average(first),
        (false, false) => 0.5 * average(first) + 0.5 * average(rest),
    }
}
