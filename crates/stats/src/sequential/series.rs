//! The levels of blocks, one after another: how they scatter, how long they remember themselves, where they are going.

use crate::distributions::normal_cdf;
use crate::outcome::rounded;
use serde::{Deserialize, Serialize};

/// Places at which the law of blocks is kept.
pub const DEVIATES: usize = 15;

/// Standard errors that a slope must be from zero to be a trend.
const SLOPE: f64 = 4.0;
/// Independent residuals that a trend must leave.
const MIN_RESIDUALS: f64 = 8.0;

/// The levels that a steady climb or fall passed through, with a standard deviation of what is left of the blocks at both ends:
/// how far they are from what is expected of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// The lowest level.
    pub low: f64,
    /// The highest level.
    pub high: f64,
}

impl Trend {
    /// How far a level is beyond all that the trend passed through; zero within.
    pub fn beyond(self, level: f64) -> f64 {
        level - level.clamp(self.low, self.high)
    }
}

/// The straight line through a series, and what it leaves of it. `None` where the slope is not far from zero in its
/// standard errors, counted in values that are independent, or too few of those are left to tell.
pub(super) fn trend_of(series: &[f64]) -> Option<(Trend, Vec<f64>)> {
    let k = series.len() as f64;
    if series.len() < 3 {
        return None;
    }
    let middle = 0.5 * (k - 1.0);
    let mean = series.iter().sum::<f64>() / k;
    let squares = k * (k * k - 1.0) / 12.0;
    let slope =
        series.iter().enumerate().map(|(at, value)| (at as f64 - middle) * (value - mean)).sum::<f64>() / squares;
    let line = |at: f64| mean + slope * (at - middle);
    let left: Vec<f64> = series.iter().enumerate().map(|(at, value)| value - line(at as f64)).collect();
    let memory = memory_of(&left);
    let variance = left.iter().map(|value| value * value).sum::<f64>() / (k - 2.0);
    if k / memory < MIN_RESIDUALS || slope.abs() <= SLOPE * (variance * memory / squares).sqrt() {
        return None;
    }
    let ends = (line(0.0), line(k - 1.0));
    let sd = variance.sqrt();
    Some((Trend { low: rounded(ends.0.min(ends.1) - sd), high: rounded(ends.0.max(ends.1) + sd) }, left))
}

/// Values at normal deviates from `-farthest` to `farthest`.
pub(super) fn quantiles_of(mut values: Vec<f64>, farthest: f64) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let at = |step: usize| {
        let deviate = (2.0 * step as f64 / (DEVIATES as f64 - 1.0) - 1.0) * farthest;
        let place = normal_cdf(deviate) * values.len() as f64 - 0.5;
        let place = place.clamp(0.0, values.len() as f64 - 1.0);
        let (low, part) = (place.floor() as usize, place.fract());
        let high = (low + 1).min(values.len() - 1);
        rounded(values[low] + part * (values[high] - values[low]))
    };
    if values.is_empty() { vec![] } else { (0..DEVIATES).map(at).collect() }
}

/// How many values of a series count as one when its mean is taken: the integrated autocorrelation time, by Geyer's
/// initial monotone sequence (1992), or by the means of 8 or of 16 stretches, whichever is longest; corrected for the
/// mean that was taken off, and with its standard error added.
pub(super) fn memory_of(series: &[f64]) -> f64 {
    let k = series.len();
    let mean = series.iter().sum::<f64>() / k.max(1) as f64;
    let centred: Vec<f64> = series.iter().map(|value| value - mean).collect();
    let variance = centred.iter().map(|value| value * value).sum::<f64>() / k.max(1) as f64;
    if k < 4 || variance <= 1e-12 {
        return 1.0;
    }
    let covariance = |lag: usize| centred[lag..].iter().zip(&centred).map(|(a, b)| a * b).sum::<f64>() / k as f64;
    let (mut sum, mut before) = (-variance, f64::INFINITY);
    for pair in 0..k / 4 {
        let next = (covariance(2 * pair) + covariance(2 * pair + 1)).min(before);
        if next <= 0.0 {
            break;
        }
        sum += 2.0 * next;
        before = next;
    }
    let of_stretches = |count: usize| {
        let length = k / count;
        let means =
            centred.chunks_exact(length.max(1)).take(count).map(|part| part.iter().sum::<f64>() / length as f64);
        length as f64 * means.map(|mean| mean * mean).sum::<f64>() / (count as f64 - 1.0) / variance
    };
    let longest = [8, 16].into_iter().filter(|count| k >= 2 * count).map(of_stretches).fold(sum / variance, f64::max);
    let longest = longest.max(1.0);
    let independent = k as f64 / longest;
    let corrected = longest / (1.0 - 1.0 / independent).max(0.3);
    corrected * (1.0 + (2.0 / independent.max(2.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn walk(random: &mut Random, memory: f64, steps: usize) -> Vec<f64> {
        let mut level = random.normal();
        (0..steps)
            .map(|_| {
                level = memory * level + (1.0 - memory * memory).sqrt() * random.normal();
                level
            })
            .collect()
    }

    #[test]
    fn a_climb_is_told_from_levels_that_wander() {
        let mut random = Random::seeded(11);
        let climb: Vec<f64> = (0..52).map(|week| 0.04 * f64::from(week) + 0.3 * random.normal()).collect();
        let (trend, left) = trend_of(&climb).unwrap();
        assert!((trend.low + 0.3).abs() < 0.2 && (trend.high - 2.34).abs() < 0.2, "{trend:?}");
        assert!((left.iter().map(|value| value * value).sum::<f64>() / 52.0 - 0.09).abs() < 0.04);
        assert!((memory_of(&climb) > 10.0) && (memory_of(&left) < 3.0));
        // Independent levels have a trend by chance once in 16,000 times; those that wander about for long seldom.
        let found = |memory: f64, random: &mut Random| {
            (0..400).filter(|_| trend_of(&walk(random, memory, 52)).is_some()).count()
        };
        assert_eq!(found(0.0, &mut random), 0);
        assert!(found(0.9, &mut random) < 40 && found(0.97, &mut random) < 40);
    }

    #[test]
    fn levels_within_a_trend_are_not_off() {
        let trend = Trend { low: -1.0, high: 2.0 };
        assert_eq!([-3.0, -1.0, 0.5, 2.0, 2.5].map(|level| trend.beyond(level)), [-2.0, 0.0, 0.0, 0.0, 0.5]);
    }

    #[test]
    fn short_and_constant_series_have_no_trend() {
        assert!(trend_of(&[]).is_none() && trend_of(&[1.0, 2.0]).is_none() && trend_of(&[1.0; 40]).is_none());
    }

    /// The integrated autocorrelation time of an AR(1) is `(1 + rho) / (1 - rho)`; what is read is larger, by its error.
    #[test]
    fn memory_is_the_integrated_autocorrelation_time() {
        let mut random = Random::seeded(3);
        for (memory, time) in [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)] {
            let read = memory_of(&walk(&mut random, memory, 4_000));
            assert!(read > 0.8 * time && read < 2.0 * time, "{memory}: {read}");
        }
    }
}
