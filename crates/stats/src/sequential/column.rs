//! The evidence of one column: its bets over windows, as a detector and as an e-process.
//!
//! Each bet keeps two running sums. The *detector* (Shiryaev-Roberts, `R = (1 + R) E`) starts a new bet at every window
//! and is paid for by the mean time between false alarms: crossing `A` takes at least `A` windows on average. The
//! *e-process* splits one unit of money over all starting times (weights `1 / (s (s + 1))`): it crosses `1 / alpha`
//! ever, without drift, with probability at most `alpha`. Both average over bets and over columns.

use super::bets::PolyaUrn;
use crate::drift::{CategoricalCounts, CategoricalReference, NumericCounts, NumericReference};
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// Ordered bins of a numeric column's evidence.
const FINE: usize = 32;
/// Unordered bins of a numeric column's evidence.
const COARSE: usize = 10;
/// Values of a categorical column that bet by themselves; rarer ones bet together.
const NAMED: usize = 40;
/// Running sums stop growing here: nobody asks for more evidence, and infinities would spread.
const CEILING: f64 = 1e250;

/// Balls of what the reference never had (a missing value, an unseen one): few, because nothing says that it will come;
/// no bet bets on its first occurrence, only on many.
const NOVELTY: f64 = 0.01;

/// The evidence of one column against "no drift". One row must count once: rows that depend on each other overstate it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnEvidence {
    bins: Bins,
    /// Per stratum: values in order, and values without order.
    strata: Vec<[PolyaUrn; 2]>,
    /// Over all strata: rows with a value, without one, and with an infinite or unseen one.
    presence: PolyaUrn,
    bets: Vec<Bet>,
    windows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bet {
    detector: f64,
    process: f64,
    latest: f64,
}

/// How a column's counts become counts of the urns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Bins {
    Numeric(Vec<NumericBins>),
    Categorical(usize),
}

/// Of which reference, and for each of its bins the fine and the coarse group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NumericBins {
    id: u64,
    fine: Vec<u16>,
    coarse: Vec<u16>,
}

/// A window's counts for the urns of one stratum, and its rows by presence.
struct StratumCounts {
    stratum: usize,
    counts: [Vec<f64>; 2],
    presence: [f64; 3],
}

impl ColumnEvidence {
    /// Evidence of a numeric column against its reference.
    pub fn numeric(reference: &NumericReference) -> Self {
        ColumnEvidence::numeric_strata(&[reference])
    }

    /// Evidence of a numeric column whose reference is one profile a stratum (hour of week, say): each value is compared
    /// with its like only.
    pub fn numeric_strata(references: &[&NumericReference]) -> Self {
        let mut maps = Vec::with_capacity(references.len());
        let mut strata = Vec::with_capacity(references.len());
        let mut presence = [NOVELTY; 3];
        for reference in references {
            let counts = reference.counts();
            let (fine, coarse) = (group_bins(counts.bins(), FINE), group_bins(counts.bins(), COARSE));
            // A gap lies left of every reference value, and one right of the largest: the urn of a continuous law.
            // Where the largest value occurred often, the law is not continuous and the gap is hardly there.
            let mut balls: Vec<f64> = counts.bins().iter().map(|count| *count as f64).collect();
            if let Some(last) = balls.last_mut() {
                *last += 1.0 / counts.at_maximum().max(1) as f64;
            }
            add(&mut presence, &numeric_presence(counts));
            strata
                .push([PolyaUrn::ordered(sum_groups(&balls, &fine)), PolyaUrn::unordered(sum_groups(&balls, &coarse))]);
            maps.push(NumericBins { id: counts.id(), fine, coarse });
        }
        ColumnEvidence::begin(Bins::Numeric(maps), strata, presence)
    }

    /// Evidence of a categorical column against its reference.
    pub fn categorical(reference: &CategoricalReference) -> Self {
        ColumnEvidence::categorical_strata(&[reference])
    }

    /// Evidence of a categorical column whose reference is one profile a stratum. The strata's values may differ; what
    /// one lacks is unseen there.
    pub fn categorical_strata(references: &[&CategoricalReference]) -> Self {
        let mut presence = [NOVELTY; 3];
        let mut strata = Vec::with_capacity(references.len());
        for reference in references {
            let counts = reference.counts();
            add(&mut presence, &categorical_presence(counts));
            // Good-Turing: what occurred once tells how often something new occurs. A reference with more values than it
            // keeps calls nothing new, so there it would expect what cannot come.
            presence[2] += if reference.knows_all() { reference.singletons() as f64 } else { 0.0 };
            let balls: Vec<f64> = frequent_counts(counts).into_iter().map(|balls| balls.max(NOVELTY)).collect();
            strata.push([PolyaUrn::ordered(vec![1.0]), PolyaUrn::unordered(balls)]);
        }
        ColumnEvidence::begin(Bins::Categorical(references.len()), strata, presence)
    }

    fn begin(bins: Bins, strata: Vec<[PolyaUrn; 2]>, presence: [f64; 3]) -> Self {
        let presence = PolyaUrn::unordered(presence.to_vec());
        let bets = strata.first().map_or(0, |urns| urns.iter().map(PolyaUrn::bets).sum::<usize>()) + presence.bets();
        let bets = vec![Bet { detector: 0.0, process: 0.0, latest: 1.0 }; bets];
        ColumnEvidence { bins, strata, presence, bets, windows: 0 }
    }

    /// Takes a window of a numeric column (of stratum 0).
    pub fn update_numeric(&mut self, window: &NumericCounts) -> MetricResult<()> {
        self.update_numeric_strata(&[(0, window)])
    }

    /// Takes a window of a numeric column, cut into strata; each stratum at most once.
    pub fn update_numeric_strata(&mut self, window: &[(usize, &NumericCounts)]) -> MetricResult<()> {
        let Bins::Numeric(maps) = &self.bins else {
            return Err(Unmeasured::bad_input("window", "numeric counts were given to a categorical column"));
        };
        let mut parts = Vec::with_capacity(window.len());
        for (stratum, counts) in window {
            let map = maps.get(*stratum).filter(|map| map.id == counts.id());
            let Some(NumericBins { fine, coarse, .. }) = map else {
                return Err(Unmeasured::bad_input("window", "its counts belong to another reference"));
            };
            let bins: Vec<f64> = counts.bins().iter().map(|count| *count as f64).collect();
            let counted = [sum_groups(&bins, fine), sum_groups(&bins, coarse)];
            parts.push(StratumCounts { stratum: *stratum, counts: counted, presence: numeric_presence(counts) });
        }
        self.update(&parts);
        Ok(())
    }

    /// Takes a window of a categorical column (of stratum 0).
    pub fn update_categorical(&mut self, window: &CategoricalCounts) -> MetricResult<()> {
        self.update_categorical_strata(&[(0, window)])
    }

    /// Takes a window of a categorical column, cut into strata; each stratum at most once.
    pub fn update_categorical_strata(&mut self, window: &[(usize, &CategoricalCounts)]) -> MetricResult<()> {
        let Bins::Categorical(strata) = self.bins else {
            return Err(Unmeasured::bad_input("window", "categorical counts were given to a numeric column"));
        };
        let mut parts = Vec::with_capacity(window.len());
        for (stratum, counts) in window {
            let values = frequent_counts(counts);
            if *stratum >= strata || values.len() != self.strata[*stratum][1].width() {
                return Err(Unmeasured::bad_input("window", "its counts belong to another reference"));
            }
            let counted = [vec![values.iter().sum()], values];
            parts.push(StratumCounts { stratum: *stratum, counts: counted, presence: categorical_presence(counts) });
        }
        self.update(&parts);
        Ok(())
    }

    fn update(&mut self, parts: &[StratumCounts]) {
        let mut logs = vec![0.0; self.bets.len()];
        let mut presence = [0.0; 3];
        let own = self.bets.len() - self.presence.bets();
        for part in parts {
            let mut from = 0;
            for (urn, counts) in self.strata[part.stratum].iter().zip(&part.counts) {
                let to = from + urn.bets();
                urn.ln_e_values(counts, &mut logs[from..to]);
                from = to;
            }
            add(&mut presence, &part.presence);
        }
        self.presence.ln_e_values(&presence, &mut logs[own..]);
        self.presence.learn(&presence);
        for part in parts {
            self.strata[part.stratum].iter_mut().zip(&part.counts).for_each(|(urn, counts)| urn.learn(counts));
        }
        self.windows += 1;
        let s = self.windows as f64;
        for (bet, log) in self.bets.iter_mut().zip(logs) {
            let e = log.min(500.0).exp();
            bet.detector = ((1.0 + bet.detector) * e).min(CEILING);
            bet.process = ((1.0 / (s * (s + 1.0)) + bet.process) * e).min(CEILING);
            bet.latest = e;
        }
    }

    /// Windows seen.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// The detector: compare with the mean number of windows between false alarms that is allowed.
    pub fn detector(&self) -> f64 {
        self.mean(|bet| bet.detector)
    }

    /// The e-process: without drift it ever reaches `1 / alpha` with probability at most `alpha`.
    pub fn e_process(&self) -> f64 {
        // Money that waits for later starting times is still there.
        self.mean(|bet| bet.process) + 1.0 / (self.windows as f64 + 1.0)
    }

    /// The e-value of the latest window alone.
    pub fn latest_e_value(&self) -> f64 {
        self.mean(|bet| bet.latest)
    }

    fn mean(&self, of: impl Fn(&Bet) -> f64) -> f64 {
        // Half the money bets on order (shift and spread), where a column has one; the rest on shape and presence.
        let ordered = self.strata.first().map_or(0, |urns| urns[0].bets());
        let single = self.strata.first().is_none_or(|urns| urns[0].width() == 1);
        let average = |bets: &[Bet]| bets.iter().map(&of).sum::<f64>() / bets.len().max(1) as f64;
        let (first, rest) = self.bets.split_at(ordered);
        match (single, rest.is_empty()) {
            (true, _) => average(rest),
            (false, true) => average(first),
            (false, false) => 0.5 * average(first) + 0.5 * average(rest),
        }
    }

    /// Forgets the evidence (not the bag): after a promotion, or when an alert is resolved.
    pub fn restart(&mut self) {
        self.windows = 0;
        self.bets.iter_mut().for_each(|bet| *bet = Bet { detector: 0.0, process: 0.0, latest: 1.0 });
    }
}

/// Which group each bin belongs to, so that groups hold nearly equal reference mass and bins stay whole.
fn group_bins(bins: &[u64], groups: usize) -> Vec<u16> {
    let total: u64 = bins.iter().sum();
    let mut below = 0u64;
    let mut group = 0u16;
    let mut out: Vec<u16> = Vec::with_capacity(bins.len());
    let mut filled = 0u64;
    for count in bins {
        // A new group begins where the cumulated mass has passed the next cut.
        if filled > 0 && below * groups as u64 >= total * (u64::from(group) + 1) {
            group += 1;
            filled = 0;
        }
        out.push(group);
        below += count;
        filled += count;
    }
    out
}

fn sum_groups(bins: &[f64], group: &[u16]) -> Vec<f64> {
    let mut sums = vec![0.0; group.last().map_or(0, |last| *last as usize + 1)];
    bins.iter().zip(group).for_each(|(count, group)| sums[*group as usize] += count);
    sums
}

/// Counts of the most frequent values and of all rarer ones; unseen ones belong to presence.
fn frequent_counts(counts: &CategoricalCounts) -> Vec<f64> {
    let all = counts.counts();
    let cut = all.len().min(NAMED);
    let rest = all[cut..].iter().sum::<u64>() + counts.other;
    all[..cut].iter().chain([&rest]).map(|count| *count as f64).collect()
}

fn numeric_presence(counts: &NumericCounts) -> [f64; 3] {
    [counts.values(), counts.missing, counts.infinite].map(|count| count as f64)
}

fn categorical_presence(counts: &CategoricalCounts) -> [f64; 3] {
    [counts.values() - counts.unseen, counts.missing, counts.unseen].map(|count| count as f64)
}

fn add(sums: &mut [f64; 3], counts: &[f64; 3]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}
