//! In which directions a window of a column can differ from its reference, and how far blocks of the reference do.
//!
//! Numbers: their normal scores (the quantile of a normal law at the rank in the reference) in mean and in square, and
//! the shares of ten groups of bins. Categories: the shares of the ten most frequent, of the rest and of what is unseen.
//! Both: the shares of missing and infinite rows. Each is taken less what the window's season makes expected. Shares are
//! compared by Anscombe's angular transformation, `asin sqrt((x + 3/8) / (n + 3/4))`, whose variance hardly depends on
//! the share. A direction over its standard deviation is then read as a normal deviate by its place among the blocks of
//! the reference.

use super::series::{Trend, memory_of, quantiles_of, trend_of};
use crate::distributions::{normal_cdf, normal_quantile};
use crate::drift::{Block, DistributionRef, Tally};
use crate::outcome::rounded;
use serde::{Deserialize, Serialize};

/// Groups of bins, and categories by name, whose shares are compared.
const GROUPS: usize = 10;
/// The variance of the angular transformation of one row.
const ANGULAR: f64 = 0.25;
/// Blocks below which the variation between them cannot be learned.
pub const MIN_BLOCKS: usize = 30;
/// Independent blocks that a reference must amount to.
const MIN_INDEPENDENT: f64 = 8.0;
/// Values of a block from which few blocks still say how far their levels are from each other.
const MANY_VALUES: f64 = 50.0;
/// Standard deviation between windows, in those of the rows, that is assumed where it cannot be learned.
const ASSUMED: f64 = 0.15;
/// How far a block may lie beyond all of the reference, in normal deviates.
const MAX_BEYOND: f64 = 1.5;

/// What the spread between windows rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Blocks of the reference.
    Learned,
    /// The reference has no time, or too few blocks of many rows: 0.15 standard deviations of the rows are assumed.
    Assumed,
    /// The reference is too short beside the time for which its rows depend on each other: nothing can be said.
    TooFew,
}

/// One direction: how far the blocks of the reference are from what is expected of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Variance of the level of blocks.
    pub between: f64,
    /// Variance of one row.
    pub within: f64,
    /// Values of blocks over their standard deviation, at [`super::series::DEVIATES`] normal deviates from the lowest of the reference's
    /// blocks to the highest; empty where the variation is assumed to be normal.
    pub quantiles: Vec<f64>,
    /// The normal deviate of the last of them; the first has the same below zero.
    pub farthest: f64,
    /// The mean of the blocks' deviates: not zero where many blocks are alike.
    pub centre: f64,
    /// Their standard deviation, at least 1.
    pub spread: f64,
    /// Blocks that count as one (the integrated autocorrelation time), with the error of its estimate added.
    pub memory: f64,
    /// Where the reference climbed or fell steadily: the levels that its trend passed through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
    /// Whether the reference is too short beside `memory` for this direction to count.
    #[serde(default)]
    pub is_short: bool,
}

/// The directions of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Directions {
    /// Blocks that they were learned from.
    pub blocks: f64,
    /// Blocks' worth of levels that the season took.
    pub season: f64,
    /// What the variation rests on.
    pub basis: Basis,
    /// One for each direction in which a column can change.
    pub all: Vec<Direction>,
}

/// How a column's codes become directions.
#[derive(Debug)]
pub(super) struct Scheme {
    /// Normal score of each code; empty for categories.
    scores: Vec<f64>,
    group: Vec<u16>,
    groups: usize,
}

/// A direction of one window: how far it is off, and the rows it rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Residual {
    pub off: f64,
    pub rows: f64,
}

impl Scheme {
    pub fn of(law: DistributionRef, reference: &Tally) -> Self {
        match law {
            DistributionRef::Numeric(_) => Scheme::ordered(&reference.bins),
            DistributionRef::Categorical(_) => {
                let named = reference.bins.len() - 2;
                let kept = named.min(GROUPS);
                // The most frequent by name, then the rest, then what is unseen.
                let group = (0..reference.bins.len()).map(|code| match code {
                    code if code < kept => code as u16,
                    code if code == named + 1 => kept as u16 + 1,
                    _ => kept as u16,
                });
                Scheme { scores: vec![], group: group.collect(), groups: kept + 2 }
            }
        }
    }

    fn ordered(bins: &[u64]) -> Self {
        let total: f64 = bins.iter().sum::<u64>() as f64;
        let (mut below, mut group, mut filled) = (0.0, 0u16, 0u64);
        let (mut scores, mut groups) = (Vec::with_capacity(bins.len()), Vec::with_capacity(bins.len()));
        for count in bins {
            let rank = ((below + 0.5 * *count as f64) / total.max(1.0)).clamp(1e-4, 1.0 - 1e-4);
            scores.push(normal_quantile(rank));
            if filled > 0 && below * GROUPS as f64 >= total * f64::from(group + 1) && usize::from(group) + 1 < GROUPS {
                group += 1;
                filled = 0;
            }
            groups.push(group);
            filled += count;
            below += *count as f64;
        }
        let count = usize::from(group) + 1;
        Scheme { scores, group: groups, groups: count }
    }

    /// Directions of order: shift and spread.
    pub fn ordered_directions(&self) -> usize {
        if self.scores.is_empty() { 0 } else { 2 }
    }

    /// How many directions there are.
    pub fn count(&self) -> usize {
        self.ordered_directions() + self.groups + 2
    }

    /// What of a tally the directions need.
    pub fn summary(&self, tally: &Tally) -> Summary {
        let mut summary = Summary { groups: vec![0.0; self.groups], ..Summary::default() };
        for (code, count) in tally.bins.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            summary.values += count;
            summary.groups[usize::from(self.group[code])] += count;
            if let Some(score) = self.scores.get(code) {
                let square = score * score;
                [score * count, square * count, square * square * count]
                    .into_iter()
                    .zip(&mut summary.powers)
                    .for_each(|(power, sum)| *sum += power);
            }
        }
        summary.missing = tally.missing as f64;
        summary.infinite = tally.infinite as f64;
        summary
    }

    /// The same of a block, by stratum.
    pub fn summaries(&self, law: DistributionRef, block: &Block) -> Vec<(usize, Summary)> {
        let strata = block.strata(law.width());
        strata.iter().map(|(stratum, tally)| (*stratum, self.summary(tally))).collect()
    }

    /// How far a window is off in each direction; `None` where it has no row for one.
    pub fn residuals(&self, strata: &[Summary], window: &[(usize, Summary)]) -> Vec<Option<Residual>> {
        let like = |stratum: usize| strata.get(stratum).filter(|known| known.values > 0.0 || known.missing > 0.0);
        let parts: Vec<(&Summary, &Summary)> =
            window.iter().filter_map(|(stratum, own)| Some((own, like(*stratum)?))).collect();
        let values: f64 = parts.iter().filter(|(_, known)| known.values > 0.0).map(|(own, _)| own.values).sum();
        let rows: f64 = parts.iter().map(|(own, _)| own.rows()).sum();
        let of_values = |own: &dyn Fn(&Summary) -> f64| {
            let known = parts.iter().filter(|(_, known)| known.values > 0.0);
            known.fold((0.0, 0.0), |(seen, expected), (window, known)| {
                (seen + own(window), expected + window.values * own(known) / known.values)
            })
        };
        let mut all = Vec::with_capacity(self.count());
        if !self.scores.is_empty() {
            for power in 0..2 {
                let (seen, expected) = of_values(&|summary: &Summary| summary.powers[power]);
                all.push((values > 0.0).then(|| Residual { off: (seen - expected) / values, rows: values }));
            }
        }
        for group in 0..self.groups {
            let (seen, expected) = of_values(&|summary: &Summary| summary.groups[group]);
            all.push(angular(seen, expected, values));
        }
        for own in [|summary: &Summary| summary.missing, |summary: &Summary| summary.infinite] {
            let seen: f64 = parts.iter().map(|(window, _)| own(window)).sum();
            let expected = parts.iter().map(|(window, known)| window.rows() * own(known) / known.rows()).sum();
            all.push(angular(seen, expected, rows));
        }
        all
    }

    /// Variance of one row in each direction.
    pub fn within(&self, strata: &[Summary]) -> Vec<f64> {
        let mut within = vec![ANGULAR; self.count()];
        let all: f64 = strata.iter().map(|summary| summary.values).sum();
        for (power, within) in within.iter_mut().enumerate().take(self.ordered_directions()) {
            let of_stratum = |summary: &Summary| {
                let mean = |power: usize| summary.powers[power] / summary.values;
                summary.values * (if power == 0 { mean(1) - mean(0).powi(2) } else { mean(2) - mean(1).powi(2) })
            };
            let sum: f64 = strata.iter().filter(|summary| summary.values > 0.0).map(of_stratum).sum();
            *within = (sum / all.max(1.0)).max(1e-6);
        }
        within
    }
}

fn angular(seen: f64, expected: f64, rows: f64) -> Option<Residual> {
    let angle = |hits: f64| ((hits.max(0.0) + 0.375) / (rows + 0.75)).min(1.0).sqrt().asin();
    (rows > 0.0).then(|| Residual { off: angle(seen) - angle(expected), rows: rows + 0.5 })
}

/// The sums that directions are made of.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Summary {
    values: f64,
    missing: f64,
    infinite: f64,
    /// Sums of the score, its square and its fourth power.
    powers: [f64; 3],
    groups: Vec<f64>,
}

impl Summary {
    fn rows(&self) -> f64 {
        self.values + self.missing + self.infinite
    }
}

impl Directions {
    /// Learns from the blocks of a reference; without any the variation is assumed.
    pub fn learn(law: DistributionRef, strata: &[Tally], blocks: &[Block]) -> Self {
        let scheme = Scheme::of(law, &pool_strata(law, strata));
        let strata: Vec<Summary> = strata.iter().map(|tally| scheme.summary(tally)).collect();
        let within = scheme.within(&strata);
        let blocks: Vec<Vec<(usize, Summary)>> = blocks.iter().map(|block| scheme.summaries(law, block)).collect();
        let (season, values) = (seasonal_blocks(&strata, &blocks), count_values(&blocks));
        let residuals: Vec<_> = blocks.iter().map(|block| scheme.residuals(&strata, block)).collect();
        let basis = match blocks.len() {
            MIN_BLOCKS.. if 2.0 * season <= blocks.len() as f64 => Basis::Learned,
            0 => Basis::Assumed,
            few if values >= MANY_VALUES * few as f64 => Basis::Assumed,
            _ => Basis::TooFew,
        };
        let of = |(at, within): (usize, &f64)| {
            let column: Vec<Residual> = residuals.iter().filter_map(|of_block| of_block[at]).collect();
            Direction::learn(&column, *within, season, basis)
        };
        let all: Vec<Direction> = within.iter().enumerate().map(of).collect();
        // A column with a trend counts in the directions that are known beside it; any other as a whole or not.
        let has_trend = all.iter().take(scheme.ordered_directions()).any(|direction| direction.trend.is_some());
        let is_short = !has_trend && all.iter().any(|direction| direction.is_short);
        let basis = if is_short { Basis::TooFew } else { basis };
        Directions { blocks: blocks.len() as f64, season: rounded(season), basis, all }
    }
}

impl Direction {
    /// Learns from the levels of blocks. Where they depend on each other for too long to tell, a trend may be why.
    fn learn(residuals: &[Residual], within: f64, season: f64, basis: Basis) -> Self {
        let direction = Direction::of(residuals, within, season, basis);
        if basis != Basis::Learned || !direction.is_short {
            return direction;
        }
        let levels: Vec<f64> = residuals.iter().map(|residual| residual.off).collect();
        let Some((trend, left)) = trend_of(&levels) else { return direction };
        let left: Vec<Residual> =
            residuals.iter().zip(left).map(|(residual, off)| Residual { off, ..*residual }).collect();
        let around = Direction::of(&left, within, season + 2.0, basis);
        if around.is_short { direction } else { Direction { trend: Some(trend), ..around } }
    }

    /// `taken` is how many blocks' worth of levels were fitted to the blocks.
    fn of(residuals: &[Residual], within: f64, taken: f64, basis: Basis) -> Self {
        let k = residuals.len() as f64;
        let free = (k - taken).max(1.0);
        let total: f64 = residuals.iter().map(|residual| residual.off.powi(2)).sum::<f64>() / free;
        let sampling = residuals.iter().map(|residual| within / residual.rows).sum::<f64>() / k.max(1.0);
        let learned = if k >= 2.0 { (total - sampling).max(0.0) } else { 0.0 };
        let between = match basis {
            Basis::Learned => learned,
            _ => learned.max(ASSUMED * ASSUMED * within),
        };
        let mut direction = Direction {
            between: rounded(between),
            within: rounded(within),
            quantiles: vec![],
            farthest: 0.0,
            centre: 0.0,
            spread: 1.0,
            memory: 1.0,
            trend: None,
            is_short: false,
        };
        if basis == Basis::Learned {
            // What was taken from the blocks makes them too alike.
            let alike = if taken < 2.0 { 1.0 } else { (k / free).sqrt() };
            let standard = |residual: &Residual| alike * residual.off / (between + within / residual.rows).sqrt();
            let standard: Vec<f64> = residuals.iter().map(standard).collect();
            direction.farthest = rounded(normal_quantile(1.0 - 0.5 / k));
            direction.quantiles = quantiles_of(standard.clone(), direction.farthest);
            let deviates: Vec<f64> = standard.iter().map(|value| direction.deviate(*value)).collect();
            direction.centre = rounded(deviates.iter().sum::<f64>() / k.max(1.0));
            let squares = deviates.iter().map(|deviate| (deviate - direction.centre).powi(2)).sum::<f64>();
            direction.spread = rounded((squares / free).sqrt().max(1.0));
            direction.memory = rounded(memory_of(&deviates));
            direction.is_short = free / direction.memory < MIN_INDEPENDENT;
        }
        direction
    }

    /// How far a block is off, as a normal deviate. Where the reference has a trend: beyond all levels that it passed.
    pub(super) fn deviate_of(&self, residual: Residual) -> f64 {
        let sd = (self.between + self.within / residual.rows).sqrt();
        match self.trend.map(|trend| trend.beyond(residual.off)) {
            None => self.deviate(residual.off / sd),
            Some(0.0) => 0.0,
            Some(beyond) if beyond > 0.0 => self.deviate(beyond / sd).max(0.0),
            Some(beyond) => self.deviate(beyond / sd).min(0.0),
        }
    }

    /// A value over its standard deviation as a normal deviate: its place among the reference's blocks, so that a law
    /// with a long tail does not pass for a change.
    fn deviate(&self, value: f64) -> f64 {
        let known = &self.quantiles;
        let (Some(first), Some(last)) = (known.first(), known.last()) else { return value };
        let deviate = |at: f64| (2.0 * at / (known.len() as f64 - 1.0) - 1.0) * self.farthest;
        // Quantiles are kept at five digits.
        let close = 1e-4 * (0.1 + value.abs());
        let below = known.partition_point(|q| *q < value - close);
        let up_to = known.partition_point(|q| *q <= value + close);
        let found = match (below, up_to) {
            // Values that many blocks have are in the middle of their ranks.
            (below, up_to) if below + 1 < up_to => {
                let rank = |at: usize| match at {
                    0 => 0.0,
                    at if at == known.len() => 1.0,
                    at => normal_cdf(deviate(at as f64 - 0.5)),
                };
                normal_quantile(0.5 * (rank(below) + rank(up_to)))
            }
            (0, _) => deviate(0.0) - (first - value).min(MAX_BEYOND),
            (below, _) if below == known.len() => deviate(known.len() as f64 - 1.0) + (value - last).min(MAX_BEYOND),
            (below, _) => {
                let (low, high) = (known[below - 1], known[below]);
                deviate((below - 1) as f64 + ((value - low) / (high - low)).clamp(0.0, 1.0))
            }
        };
        (found - self.centre) / self.spread
    }
}

fn pool_strata(law: DistributionRef, strata: &[Tally]) -> Tally {
    let mut whole = Tally::empty(law.width());
    strata.iter().for_each(|tally| whole.merge(tally));
    whole
}

fn count_values(blocks: &[Vec<(usize, Summary)>]) -> f64 {
    blocks.iter().flatten().map(|(_, summary)| summary.values).sum()
}

/// Blocks' worth of levels that the strata took from the blocks: the trace of the projection on them.
fn seasonal_blocks(strata: &[Summary], blocks: &[Vec<(usize, Summary)>]) -> f64 {
    let leverage = |block: &Vec<(usize, Summary)>| {
        let rows: f64 = block.iter().map(|(_, summary)| summary.rows()).sum();
        let of = |(stratum, summary): &(usize, Summary)| {
            let all = strata.get(*stratum).map_or(0.0, Summary::rows);
            if all > 0.0 && rows > 0.0 { summary.rows() / rows * summary.rows() / all } else { 0.0 }
        };
        block.iter().map(of).sum::<f64>()
    };
    blocks.iter().map(leverage).sum()
}
