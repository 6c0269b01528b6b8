//! Bets against "these rows and the reference are one bag": e-values of a window's counts.
//!
//! If reference and later rows are exchangeable, the bin of the next row follows a Polya urn whose balls are the rows
//! seen so far, whatever the law of the data is. A window's counts are therefore Dirichlet-multinomial, exactly. A bet
//! divides the probability under another urn (tilted towards larger or smaller values, wider or narrower, or simply
//! more variable) by that. Under exchangeability its mean is one given the past, which is what makes products, sums
//! over starting times, and averages over columns honest (conformal test martingales, Vovk 2021, in window form).

use serde::{Deserialize, Serialize};

/// ln of x (x + 1) ... (x + c - 1), by the midpoint sum from where it is accurate to about 1e-9.
fn ln_rising(mut x: f64, mut c: f64) -> f64 {
    let mut first = 1.0;
    while x < 12.0 && c >= 1.0 {
        first *= x;
        x += 1.0;
        c -= 1.0;
    }
    if c == 0.0 {
        return f64::ln(first);
    }
    let (a, b) = (x - 0.5, x + c - 0.5);
    let (u, v) = (1.0 / a, 1.0 / b);
    let correction = (v - u) / 24.0 - 7.0 / 2880.0 * (v * v * v - u * u * u);
    c * b.ln() + a * (c / a).ln_1p() - c - correction + f64::ln(first)
}

/// Log probability of the counts as a sequence of draws from an urn that starts with `balls`.
fn ln_urn_probability(balls: &[f64], counts: &[f64]) -> f64 {
    let (mut all, mut drawn, mut sum) = (0.0, 0.0, 0.0);
    for (balls, count) in balls.iter().zip(counts) {
        all += balls;
        drawn += count;
        if *count > 0.0 {
            sum += ln_rising(*balls, *count);
        }
    }
    sum - ln_rising(all, drawn)
}

/// Another urn that a bet believes in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum BetAlternative {
    /// Bin j holds `tilt_j` times its share.
    Tilted(Vec<f64>),
    /// The same shares, as if they rested on this many balls only: the window's law lies somewhere around them.
    Loose(f64),
    /// Half the shares, half those of recent windows.
    Recent,
}

/// An urn over some bins, and the bets on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PolyaUrn {
    balls: Vec<f64>,
    recent: Vec<f64>,
    beliefs: Vec<BetAlternative>,
}

/// Sizes of shift, in standard deviations of a normal score, that are bet on.
const SHIFTS: [f64; 6] = [-0.5, -0.2, -0.08, 0.08, 0.2, 0.5];
/// Sizes of spread that are bet on.
const SPREADS: [f64; 4] = [-0.25, -0.08, 0.08, 0.25];
/// Looseness, in balls, that is bet on.
const LOOSE: [f64; 3] = [30.0, 300.0, 3000.0];

impl PolyaUrn {
    /// Ordered bins: bets on shift and spread of the normal scores of the mid-ranks.
    pub fn ordered(balls: Vec<f64>) -> Self {
        let total: f64 = balls.iter().sum();
        let mut below = 0.0;
        let scores: Vec<f64> = balls
            .iter()
            .map(|ball| {
                let rank = (below + 0.5 * ball) / total;
                below += ball;
                crate::distributions::normal_quantile(rank).clamp(-4.0, 4.0)
            })
            .collect();
        let shifts =
            SHIFTS.iter().map(|by| BetAlternative::Tilted(scores.iter().map(|score| (by * score).exp()).collect()));
        let spreads = SPREADS
            .iter()
            .map(|by| BetAlternative::Tilted(scores.iter().map(|score| (by * (score * score - 1.0)).exp()).collect()));
        let beliefs = shifts.chain(spreads).collect();
        PolyaUrn { recent: vec![0.0; balls.len()], balls, beliefs }
    }

    /// Bins without an order: bets that something, or something like lately, is different.
    pub fn unordered(balls: Vec<f64>) -> Self {
        let beliefs = LOOSE.map(BetAlternative::Loose).into_iter().chain([BetAlternative::Recent]).collect();
        PolyaUrn { recent: vec![0.0; balls.len()], balls, beliefs }
    }

    /// Bins of this urn.
    pub fn width(&self) -> usize {
        self.balls.len()
    }

    /// Bets on this urn.
    pub fn bets(&self) -> usize {
        self.beliefs.len()
    }

    /// Adds each bet's log e-value for a window to `into`, as if the window were drawn now. The urn does not change.
    pub fn ln_e_values(&self, counts: &[f64], into: &mut [f64]) {
        if counts.iter().sum::<f64>() <= 0.0 {
            return;
        }
        let base = ln_urn_probability(&self.balls, counts);
        let total: f64 = self.balls.iter().sum();
        let mut other = vec![0.0; self.balls.len()];
        for (belief, sum) in self.beliefs.iter().zip(into) {
            match belief {
                BetAlternative::Tilted(tilt) => {
                    let mut mass = 0.0;
                    for ((other, balls), tilt) in other.iter_mut().zip(&self.balls).zip(tilt) {
                        *other = balls * tilt;
                        mass += *other;
                    }
                    other.iter_mut().for_each(|balls| *balls *= total / mass);
                }
                BetAlternative::Loose(size) => {
                    let scale = (size / total).min(0.5);
                    other.iter_mut().zip(&self.balls).for_each(|(other, balls)| *other = balls * scale);
                }
                BetAlternative::Recent => {
                    let recent: f64 = self.recent.iter().sum();
                    if recent <= 0.0 {
                        continue;
                    }
                    let scale = 0.5 * total / recent;
                    let pairs = self.balls.iter().zip(&self.recent);
                    other.iter_mut().zip(pairs).for_each(|(other, (balls, recent))| {
                        *other = 0.5 * balls + scale * recent;
                    });
                }
            }
            *sum += ln_urn_probability(&other, counts) - base;
        }
    }

    /// Puts the window's rows into the bag.
    pub fn learn(&mut self, counts: &[f64]) {
        self.balls.iter_mut().zip(counts).for_each(|(balls, count)| *balls += count);
        self.recent.iter_mut().zip(counts).for_each(|(recent, count)| *recent = 0.5 * *recent + count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn rising_factorials_are_sums_of_logarithms() {
        for x in [0.01, 0.5, 1.0, 7.9, 11.9, 12.0, 55.0, 1e4, 1e8] {
            for c in [0u32, 1, 2, 5, 40, 3000] {
                let want: f64 = (0..c).map(|i| (x + f64::from(i)).ln()).sum();
                let got = ln_rising(x, f64::from(c));
                assert!((got - want).abs() < 1e-7 * (1.0 + 1e-5 * want.abs()), "{x} {c}: {got} is not {want}");
            }
        }
    }

    /// Draws a window from the urn itself, which is the law under exchangeability.
    fn draw(urn: &PolyaUrn, random: &mut Random, rows: usize) -> Vec<f64> {
        let mut balls = urn.balls.clone();
        let mut counts = vec![0.0; balls.len()];
        for _ in 0..rows {
            let mut at = random.uniform() * balls.iter().sum::<f64>();
            let bin = balls
                .iter()
                .position(|ball| {
                    at -= ball;
                    at < 0.0
                })
                .unwrap_or(0);
            balls[bin] += 1.0;
            counts[bin] += 1.0;
        }
        counts
    }

    #[test]
    fn the_mean_of_every_bet_is_one_without_drift() {
        let mut random = Random::seeded(4);
        for mut urn in [PolyaUrn::ordered(vec![40.0; 8]), PolyaUrn::unordered(vec![100.0, 50.0, 20.0, 5.0, 1.0])] {
            urn.learn(&vec![2.0; urn.balls.len()]);
            let mut sums = vec![0.0; urn.bets()];
            let draws = 20_000;
            for _ in 0..draws {
                let mut logs = vec![0.0; urn.bets()];
                urn.ln_e_values(&draw(&urn, &mut random, 12), &mut logs);
                sums.iter_mut().zip(&logs).for_each(|(sum, log)| *sum += log.exp());
            }
            for sum in &sums {
                let mean = sum / draws as f64;
                assert!((mean - 1.0).abs() < 0.08, "{sums:?}");
            }
        }
    }
}
