//! A reference weighted to the season of a window: direct standardisation.
//!
//! The reference's rows are weighted so that each stratum (the month of the year, say) has the share that it has among
//! the window's rows. Then there is one distance, between the whole window and the weighted reference: never a mean
//! over small strata, whose noise adds up. Over a whole period the weights are even and the distance is the pooled one.
//!
//! Formula: `p_k = Σ_s (n_s / n) (N_sk / N_s)` with `n_s` the window's values in stratum `s`, `N_sk` the reference's in
//! stratum `s` and bin `k`. The weighted rows count as `1 / Σ_s (n_s / n)² / N_s` (Kish 1965).

use super::counts::NumericCounts;
use super::expectation;
use super::measure::{Distance, Measure};
use super::numeric::{NumericReference, area_between};
use super::sample::PSI_FLOOR;
use super::sample::finite_sd;
use super::shares;
use super::{distribution_ref::DistributionRef, tally::Tally};
use crate::outcome::{MetricResult, Unmeasured};

/// A reference, weighted.
#[derive(Debug, Clone)]
pub struct StandardisedReference<'r> {
    law: DistributionRef<'r>,
    /// By code; they add up to one.
    shares: Vec<f64>,
    /// What its rows count as.
    rows: f64,
}

impl<'r> StandardisedReference<'r> {
    /// Weights the strata of a reference by the window's values in each. Strata without a reference value have no part.
    ///
    /// # Errors
    /// When no value of the window has its like in the reference.
    pub fn of(law: DistributionRef<'r>, strata: &[Tally], window: &[(usize, f64)]) -> MetricResult<Self> {
        let like = |(stratum, values): &(usize, f64)| Some((*values, strata.get(*stratum)?));
        StandardisedReference::weighted(law, window.iter().filter_map(like))
    }

    /// The same from the window's values in each stratum beside the stratum.
    pub(super) fn weighted<'t>(
        law: DistributionRef<'r>,
        parts: impl Iterator<Item = (f64, &'t Tally)> + Clone,
    ) -> MetricResult<Self> {
        let known = parts.filter(|(_, tally)| tally.values() > 0);
        let all: f64 = known.clone().map(|(values, _)| values).sum();
        if all <= 0.0 {
            return Err(Unmeasured::too_few("reference values of the window's season", 0, 1));
        }
        let (mut shares, mut squares) = (vec![0.0; law.width()], 0.0);
        for (values, tally) in known {
            let (weight, rows) = (values / all, tally.values() as f64);
            squares += weight * weight / rows;
            let bins = shares.iter_mut().zip(&tally.bins);
            bins.for_each(|(share, count)| *share += weight * *count as f64 / rows);
        }
        Ok(StandardisedReference { law, shares, rows: 1.0 / squares })
    }

    /// What the weighted reference rows count as.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// The distance of a window of numbers. The expectation is that of independent rows.
    ///
    /// # Errors
    /// When the window has no value, was counted by another reference, or the measure is undefined on it.
    pub fn numeric(&self, window: &NumericCounts, measure: Measure) -> MetricResult<Distance> {
        let DistributionRef::Numeric(reference) = self.law else {
            return Err(Unmeasured::bad_input("window", "numeric counts were given to a categorical column"));
        };
        window.belongs_to(reference.counts())?;
        if window.values() == 0 {
            return Err(Unmeasured::too_few("values in the window", 0, 1));
        }
        let rows = (self.whole_rows(), window.values());
        let law = NumericLaw::of(reference, &self.shares);
        match measure {
            Measure::Ks => {
                let value = law.ks(window);
                Distance::new(measure, value, expectation::ks(law.cumulated(), rows.0, rows.1), None, rows)
            }
            Measure::W1OverSd => {
                let sd = finite_sd(reference.counts().moments.sd(0)?)?;
                let expected = expectation::w1(law.noise_integral(), rows.0, rows.1);
                Distance::new(measure, law.w1(window) / sd, expected / sd, None, rows)
            }
            _ => {
                let group = law.deciles();
                let counts: Vec<f64> = window.bins().iter().map(|count| *count as f64).collect();
                binned(measure, &gathered(&self.shares, &group), &gathered(&counts, &group), rows)
            }
        }
    }

    /// The distance of a window that is known by its codes alone: inside a bin its values lie as the reference's do.
    ///
    /// # Errors
    /// As [`StandardisedReference::numeric`].
    pub fn tallied(&self, window: &Tally, measure: Measure) -> MetricResult<Distance> {
        match self.law {
            DistributionRef::Numeric(reference) => self.numeric(&reference.as_counts(window), measure),
            DistributionRef::Categorical(_) => {
                let counts: Vec<f64> = window.bins.iter().map(|count| *count as f64).collect();
                binned(measure, &self.shares, &counts, (self.whole_rows(), window.values()))
            }
        }
    }

    fn whole_rows(&self) -> u64 {
        self.rows.round().max(1.0) as u64
    }
}

/// One measure over bins, from the reference's shares and the window's counts.
fn binned(measure: Measure, p: &[f64], counts: &[f64], (m, n): (u64, u64)) -> MetricResult<Distance> {
    if n == 0 {
        return Err(Unmeasured::too_few("values in the window", 0, 1));
    }
    let q = shares::shares(counts);
    let (of_reference, of_window) = (m as f64 / (m + n) as f64, n as f64 / (m + n) as f64);
    let pooled: Vec<f64> = p.iter().zip(&q).map(|(p, q)| of_reference * p + of_window * q).collect();
    let (value, expected) = match measure {
        Measure::Psi => (shares::psi(p, &q, PSI_FLOOR), expectation::psi(&pooled, m, n)),
        Measure::Js => (shares::js_distance_base2(p, &q), expectation::js_base2(&pooled, m, n)),
        Measure::Tvd => (shares::tvd(p, &q), expectation::tvd(&pooled, m, n)),
        Measure::LInfinity => (shares::l_infinity(p, &q), expectation::l_infinity(&pooled, m, n)),
        Measure::Hellinger => (shares::hellinger(p, &q), expectation::hellinger(&pooled, m, n)),
        Measure::Chi2 => {
            let scaled: Vec<f64> = p.iter().map(|share| share * m as f64).collect();
            (shares::homogeneity(&scaled, counts).map_or(0.0, |test| test.cramers_v), 0.0)
        }
        Measure::Ks | Measure::W1OverSd => {
            return Err(Unmeasured::bad_input(measure.name(), "it needs an order, and categories have none"));
        }
    };
    Distance::new(measure, value, expected, None, (m, n))
}

fn gathered(values: &[f64], group: &[u16]) -> Vec<f64> {
    let mut sums = vec![0.0; group.last().map_or(0, |last| usize::from(*last) + 1)];
    values.iter().zip(group).for_each(|(value, group)| sums[usize::from(*group)] += value);
    sums
}

/// Shares by the bins of a numeric reference, with how they lie inside of a bin.
struct NumericLaw<'r> {
    reference: &'r NumericReference,
    edges: &'r [f64],
    shares: &'r [f64],
    /// The part of a bin that lies on its upper edge.
    on_edge: Vec<f64>,
    /// The mean way from a value to the upper edge of its bin (in the last bin from the last edge).
    reach: Vec<f64>,
    deciles: &'r [u16],
    /// Whether the shares are those of the reference itself.
    is_own: bool,
}

impl<'r> NumericLaw<'r> {
    fn of(reference: &'r NumericReference, shares: &'r [f64]) -> Self {
        let counts = &reference.counts;
        let part = |of: f64, bin: usize| if counts.bins[bin] > 0 { of / counts.bins[bin] as f64 } else { 0.0 };
        let on_edge = (0..reference.edges.len()).map(|bin| part(counts.points[bin] as f64, bin)).collect();
        let reach = (0..counts.bins.len()).map(|bin| part(counts.reach[bin], bin)).collect();
        let all = counts.values() as f64;
        let is_own = shares.iter().zip(&counts.bins).all(|(share, count)| (share - *count as f64 / all).abs() < 1e-12);
        NumericLaw { reference, edges: &reference.edges, shares, on_edge, reach, deciles: &reference.deciles, is_own }
    }

    /// Cumulated shares at each edge.
    fn cumulated(&self) -> impl Iterator<Item = f64> + '_ {
        self.shares[..self.edges.len()].iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        })
    }

    /// At each edge: F - G just before it, and F - G.
    fn gaps(&self, window: &NumericCounts) -> Vec<(f64, f64)> {
        let n = window.values() as f64;
        let mut g = 0u64;
        let gap = |(edge, f): (usize, f64)| {
            g += window.bins[edge];
            let before = f - self.shares[edge] * self.on_edge[edge] - (g - window.points[edge]) as f64 / n;
            (before, f - g as f64 / n)
        };
        self.cumulated().enumerate().map(gap).collect()
    }

    fn ks(&self, window: &NumericCounts) -> f64 {
        self.gaps(window).iter().map(|(before, at)| before.abs().max(at.abs())).fold(0.0, f64::max)
    }

    /// The integral of |F - G|, as [`NumericReference::distance`] takes it.
    fn w1(&self, window: &NumericCounts) -> f64 {
        let (n, gaps, last) = (window.values() as f64, self.gaps(window), self.edges.len());
        let signed = |bin: usize| self.shares[bin] * self.reach[bin] - window.reach[bin] / n;
        let mut sum = signed(0).abs() + signed(last).abs();
        for bin in 1..last {
            let (before, after) = (gaps[bin - 1].1, gaps[bin].0);
            let width = self.reference.width(bin);
            let inside = before * width + signed(bin);
            sum += area_between(before, after, width, inside);
        }
        sum
    }

    /// The integral of sqrt(F (1 - F)), by the trapezium in each bin.
    fn noise_integral(&self) -> f64 {
        let noise = |f: f64| (f * (1.0 - f)).max(0.0).sqrt();
        let f: Vec<f64> = self.cumulated().collect();
        (1..self.edges.len())
            .map(|bin| {
                let last = f[bin] - self.shares[bin] * self.on_edge[bin];
                0.5 * self.reference.width(bin) * (noise(f[bin - 1]) + noise(last))
            })
            .sum()
    }

    /// To which tenth each bin belongs: those of the reference, or of the weighted one, as close as its edges allow.
    fn deciles(&self) -> Vec<u16> {
        let (mut group, mut filled, mut below) = (0u16, 0.0, 0.0);
        let mut groups = Vec::with_capacity(self.shares.len());
        for (bin, share) in self.shares.iter().enumerate() {
            groups.push(group);
            filled += share;
            below += share;
            let is_cut = match self.is_own {
                true => self.deciles.contains(&(bin as u16)),
                // A tenth ends where the middle of the next bin lies beyond it; none is empty.
                false => {
                    let next = self.shares.get(bin + 1).copied().unwrap_or(0.0);
                    filled > 0.0 && below + 0.5 * next >= 0.1 * f64::from(group + 1) && group < 9
                }
            };
            if is_cut {
                group += 1;
                filled = 0.0;
            }
        }
        groups
    }
}

impl NumericReference {
    /// Counts of rows that are known by their bins alone, which lie inside of each bin as the reference's do.
    pub fn as_counts(&self, tally: &Tally) -> NumericCounts {
        let mut counts = self.window();
        let scale = |of: f64, bin: usize| match self.counts.bins[bin] {
            0 => 0.0,
            all => of * tally.bins[bin] as f64 / all as f64,
        };
        counts.rows = tally.rows();
        counts.missing = tally.missing;
        counts.infinite = tally.infinite;
        counts.above = tally.bins.last().copied().unwrap_or(0);
        counts.moments.count = tally.values();
        for bin in 0..self.edges.len() {
            counts.points[bin] = (scale(self.counts.points[bin] as f64, bin).round() as u64).min(tally.bins[bin]);
        }
        for bin in 0..counts.reach.len() {
            counts.reach[bin] = scale(self.counts.reach[bin], bin);
        }
        counts.bins.clone_from(&tally.bins);
        counts
    }

    /// The same edges with the rows of a stratum.
    pub fn stratum(&self, tally: &Tally) -> NumericReference {
        let NumericReference { edges, whole_edges, deciles, .. } = self.clone();
        NumericReference { edges, whole_edges, deciles, counts: self.as_counts(tally) }
    }
}
