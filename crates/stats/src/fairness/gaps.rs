//! Gaps and ratios between groups.

use super::{Groups, groups::MINIMUM};
use crate::interval::{difference, ratio};
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use crate::performance::Rate;
use serde::{Deserialize, Serialize};

/// The largest difference and smallest ratio of a rate between two groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Which rate.
    pub rate: Rate,
    /// Group of the largest rate.
    pub highest: usize,
    /// Group of the smallest rate.
    pub lowest: usize,
    /// Largest minus smallest. The interval is for these two groups, widened for having been picked as the extremes of
    /// all pairs (Bonferroni), so that it holds for the largest gap.
    pub difference: Estimate,
    /// Smallest over largest; absent when every rate is zero.
    pub ratio: Option<Estimate>,
    /// Groups too small to be judged.
    pub too_few: Vec<usize>,
}

/// The definitions of the page, for one set of groups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GapSummary {
    /// Selection rate: demographic parity.
    pub demographic_parity: Gap,
    /// Larger of the TPR and FPR differences.
    pub equalized_odds_difference: Estimate,
    /// Smaller of the TPR and FPR ratios; absent when undefined.
    pub equalized_odds_ratio: Option<Estimate>,
    /// TPR difference.
    pub equal_opportunity: Gap,
    /// Precision difference.
    pub predictive_parity: Gap,
    /// Groups whose selection rate is below four fifths of the highest.
    pub four_fifths_violations: Vec<usize>,
}

/// Equalized odds: the larger of the TPR and FPR differences, and the smaller of their ratios.
pub fn equalized_odds(recall: &Gap, false_alarms: &Gap) -> (Estimate, Option<Estimate>) {
    let by_value = |a: Estimate, b: Estimate, larger: bool| if (a.value >= b.value) == larger { a } else { b };
    let ratio = match (recall.ratio, false_alarms.ratio) {
        (Some(a), Some(b)) => Some(by_value(a, b, false)),
        (a, b) => a.or(b),
    };
    (by_value(recall.difference, false_alarms.difference, true), ratio)
}

impl Groups {
    /// The largest difference and the smallest ratio of a rate between any two groups.
    ///
    /// * `rate`: which rate of the confusion table; the selection rate gives demographic parity.
    /// * `level`: confidence of the interval, in `(0, 1)`.
    /// * `minimum`: rows that a group needs in the denominator of the rate to be judged.
    ///
    /// ```text
    /// difference = max_g r_g - min_g r_g      ratio = min_g r_g / max_g r_g
    /// ```
    ///
    /// The interval of the difference is Newcombe's, at a level that is corrected for having chosen the extremes of all
    /// `k (k - 1) / 2` pairs (Bonferroni).
    ///
    /// # Errors
    /// [`Unmeasured::Undefined`] with fewer than two groups that can be judged.
    ///
    /// Equals `demographic_parity_difference` and its like of fairlearn.
    ///
    /// ```
    /// use kilter_stats::{fairness::Groups, performance::Rate};
    /// let group: Vec<u32> = (0..200).map(|row| row % 2).collect();
    /// let decision: Vec<bool> = (0..200).map(|row| row % 2 == 0 && row % 4 == 0 || row % 5 == 1).collect();
    /// let groups = Groups::of(&group, 2, &decision, &decision, None)?;
    /// let gap = groups.gap(Rate::SelectionRate, 0.95, 30)?;
    /// assert!(gap.highest == 0 && gap.difference.value > 0.3 && gap.difference.low > 0.1);
    /// # Ok::<(), kilter_stats::Unmeasured>(())
    /// ```
    pub fn gap(&self, rate: Rate, level: f64, minimum: u64) -> MetricResult<Gap> {
        let (judged, too_few) = self.judged(rate, level, minimum);
        let picked = judged.len() as f64 * (judged.len() as f64 - 1.0) / 2.0;
        if judged.len() < 2 {
            return Err(Unmeasured::undefined(
                rate.name(),
                format!("fewer than two groups have {minimum} rows that count towards it"),
            ));
        }
        let extreme = |larger: bool| {
            let better = |a: f64, b: f64| if larger { a > b } else { a < b };
            judged.iter().skip(1).fold(judged[0], |best, next| if better(next.1, best.1) { *next } else { best }).0
        };
        let (highest, lowest) = (extreme(true), extreme(false));
        let strict = 1.0 - (1.0 - level) / picked.max(1.0);
        let high = self.rate(highest, rate, strict, minimum)?;
        let low = self.rate(lowest, rate, strict, minimum)?;
        let named = |estimate: Estimate| Estimate { level, ..estimate };
        Ok(Gap {
            rate,
            highest,
            lowest,
            difference: named(difference(&high, &low)?),
            ratio: ratio(&low, &high).ok().map(named),
            too_few,
        })
    }

    /// Groups that can be judged with their rate, and those that cannot (groups without any row are neither).
    fn judged(&self, rate: Rate, level: f64, minimum: u64) -> (Vec<(usize, f64)>, Vec<usize>) {
        let (mut judged, mut too_few) = (Vec::new(), Vec::new());
        for group in 0..self.len() {
            if self.table(group).is_none_or(|table| table.rows() == 0) {
                continue;
            }
            match self.rate(group, rate, level, minimum) {
                Ok(estimate) => judged.push((group, estimate.value)),
                Err(_) => too_few.push(group),
            }
        }
        (judged, too_few)
    }

    /// All definitions at once, with the default minimum of rows a group.
    pub fn summary(&self, level: f64) -> MetricResult<GapSummary> {
        self.summary_of(level, MINIMUM)
    }

    /// All definitions at once.
    pub fn summary_of(&self, level: f64, minimum: u64) -> MetricResult<GapSummary> {
        let demographic_parity = self.gap(Rate::SelectionRate, level, minimum)?;
        let equal_opportunity = self.gap(Rate::Recall, level, minimum)?;
        let false_alarms = self.gap(Rate::FalsePositiveRate, level, minimum)?;
        let predictive_parity = self.gap(Rate::Precision, level, minimum)?;
        let (equalized_odds_difference, equalized_odds_ratio) = equalized_odds(&equal_opportunity, &false_alarms);
        let (judged, _) = self.judged(Rate::SelectionRate, level, minimum);
        let most = judged.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
        let four_fifths_violations =
            judged.iter().filter(|(_, rate)| most > 0.0 && rate / most < 0.8).map(|(group, _)| *group).collect();
        Ok(GapSummary {
            equalized_odds_difference,
            equalized_odds_ratio,
            demographic_parity,
            equal_opportunity,
            predictive_parity,
            four_fifths_violations,
        })
    }

    /// Disparate impact: the selection rate of `group` over that of the privileged group.
    pub fn disparate_impact(&self, group: usize, privileged: usize, level: f64, minimum: u64) -> MetricResult {
        ratio(
            &self.rate(group, Rate::SelectionRate, level, minimum)?,
            &self.rate(privileged, Rate::SelectionRate, level, minimum)?,
        )
    }

    /// A rate of `group` minus that of the privileged group, Newcombe interval.
    pub fn difference_to(&self, group: usize, privileged: usize, rate: Rate, level: f64, minimum: u64) -> MetricResult {
        difference(&self.rate(group, rate, level, minimum)?, &self.rate(privileged, rate, level, minimum)?)
    }

    /// Average odds difference: the mean of the FPR and TPR differences to the privileged group.
    pub fn average_odds_difference(&self, group: usize, privileged: usize, level: f64, minimum: u64) -> MetricResult {
        let tpr = self.difference_to(group, privileged, Rate::Recall, level, minimum)?;
        let fpr = self.difference_to(group, privileged, Rate::FalsePositiveRate, level, minimum)?;
        crate::interval::midpoint(&tpr, &fpr)
    }
}
