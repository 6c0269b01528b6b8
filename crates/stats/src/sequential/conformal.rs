//! A conformal test martingale, value by value: evidence that a stream is no longer what it was.
//!
//! Each value is ranked among all before it (ties and the value itself by a seeded draw). While the values are
//! exchangeable the ranks are independent and uniform, whatever the law (Vovk, Gammerman & Shafer 2005), so money that is
//! bet on them at fair odds reaches `1 / alpha` ever with probability at most `alpha`. The bet is the composite Simple
//! Jumper (Vovk et al. 2021). Values are ranked by bins: a value costs O(log bins), and a coarser order is as valid.
//!
//! Beside [`super::ColumnEvidence`], which bets on whole windows against a frozen reference, this one needs no
//! reference: the stream's own past is it. After a change the past fills up with it, so evidence is found soon or late,
//! and stays.

use crate::outcome::{MetricResult, Unmeasured, all_finite};
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Rates at which the bettor changes its mind; money is split between them.
const JUMPS: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// Bets on high, on no and on low ranks: `1 + slope (u - 1/2)`.
const SLOPES: [f64; 3] = [-1.0, 0.0, 1.0];
/// Money stops growing here: nobody asks for more evidence, and infinities would spread.
const CEILING: f64 = 1e250;

/// A martingale over a stream of numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConformalMartingale {
    edges: Vec<f64>,
    /// Values by bin, as a Fenwick tree.
    tree: Vec<u64>,
    seen: u64,
    random: Random,
    /// Money by rate and slope.
    money: [[f64; 3]; 4],
}

impl ConformalMartingale {
    /// Ranks values by `edges` (ascending; those of a reference, say): bin i holds values up to and including edge i.
    /// They must not depend on the stream.
    pub fn new(edges: &[f64], seed: u64) -> MetricResult<Self> {
        all_finite("edge", edges)?;
        if edges.is_empty() || edges.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Unmeasured::bad_input("edges", "there must be some, and they must ascend"));
        }
        let share = 1.0 / (JUMPS.len() * SLOPES.len()) as f64;
        Ok(ConformalMartingale {
            edges: edges.to_vec(),
            tree: vec![0; edges.len() + 2],
            seen: 0,
            random: Random::seeded(seed),
            money: [[share; 3]; 4],
        })
    }

    /// Takes the next value and gives the money. A value that is NaN is not a value: it changes nothing.
    pub fn add(&mut self, value: f64) -> f64 {
        if value.is_nan() {
            return self.value();
        }
        let bin = self.edges.partition_point(|edge| *edge < value);
        let (before, after) = (self.up_to(bin), self.up_to(bin + 1));
        self.seen += 1;
        // Its place from above, itself among its equals.
        let above = (self.seen - 1 - after) as f64;
        let equal = (after - before + 1) as f64;
        let rank = (above + self.random.uniform() * equal) / self.seen as f64;
        let mut at = bin + 1;
        while at < self.tree.len() {
            self.tree[at] += 1;
            at += at & at.wrapping_neg();
        }
        for (money, jump) in self.money.iter_mut().zip(JUMPS) {
            let all: f64 = money.iter().sum();
            for (money, slope) in money.iter_mut().zip(SLOPES) {
                let moved = (1.0 - jump) * *money + jump * all / 3.0;
                *money = (moved * (1.0 + slope * (rank - 0.5))).min(CEILING);
            }
        }
        self.value()
    }

    /// The money now, from 1: evidence against exchangeability. Reject at level `alpha` when it was ever `1 / alpha`.
    pub fn value(&self) -> f64 {
        self.money.iter().flatten().sum()
    }

    /// Values so far.
    pub fn count(&self) -> u64 {
        self.seen
    }

    /// Values in the first `bins` bins.
    fn up_to(&self, bins: usize) -> u64 {
        let (mut at, mut sum) = (bins, 0);
        while at > 0 {
            sum += self.tree[at];
            at -= at & at.wrapping_neg();
        }
        sum
    }
}
