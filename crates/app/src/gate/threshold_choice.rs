//! Which threshold matured labels speak for, and how sure that is.

use kilter_domain::{
    contract::{ThresholdGoal, ThresholdTuning},
    event::{EventMetric, EventMetrics},
    rule::rounded,
};
use kilter_evaluation::labelled_predictions::LabelledPredictions;
use kilter_stats::{
    Estimate,
    performance::{BinaryRows, Confusion, Rate, ThresholdTarget, cost_difference, operating_point},
};

/// Rows of either class below which neither half says anything.
const MIN_OF_CLASS: usize = 10;
/// How sure a saving must be: labels are looked at again and again.
const LEVEL: f64 = 0.99;

/// A threshold that is better than the one before it, on rows that it was not chosen on.
#[derive(Clone, Debug)]
pub(crate) struct ThresholdChange {
    pub to: f64,
    pub reason: String,
    pub numbers: EventMetrics,
    /// The rows (of the input) that it was judged on.
    pub judged: Vec<usize>,
}

/// The threshold that a new version starts with, chosen on its held-out rows; `None` where they are too few.
pub(crate) fn initial(tuning: &ThresholdTuning, held_out: &LabelledPredictions) -> Option<f64> {
    if (held_out.len() as u64) < tuning.min_rows || !has_both_classes(held_out) {
        return None;
    }
    best(tuning.goal, held_out)
}

/// The change that labelled rows speak for. Chosen on every other row and judged on the rest, so that both halves see
/// the same days; `None` where the rows are too few, or the threshold that holds is as good.
pub(crate) fn change(tuning: &ThresholdTuning, rows: &LabelledPredictions, from: f64) -> Option<ThresholdChange> {
    let half = |odd: usize| rows.at(&(0..rows.len()).filter(|place| place % 2 == odd).collect::<Vec<_>>());
    let (choosing, judging) = (half(0), half(1));
    let is_enough = |half: &LabelledPredictions| half.len() as u64 >= tuning.min_rows && has_both_classes(half);
    if !is_enough(&choosing) || !is_enough(&judging) {
        return None;
    }
    let to = best(tuning.goal, &choosing)?;
    let (before, after) = (ThresholdCandidate::of(&judging, from)?, ThresholdCandidate::of(&judging, to)?);
    let (gain, numbers) = match tuning.goal {
        ThresholdGoal::Cost { false_positive, false_negative } => {
            cheaper(&judging, (from, to), (false_positive, false_negative))?
        }
        ThresholdGoal::FalsePositiveRate(most) => nearer(&judging, (from, to), most, (&before, &after))?,
    };
    let reason = format!(
        "the threshold goes from {} to {}: on {} labelled rows that it was not chosen on, {gain}; false \
         positives {:.1} % instead of {:.1} %, found {:.1} % instead of {:.1} %",
        rounded(from),
        rounded(to),
        judging.len(),
        100.0 * after.false_positive_rate.value,
        100.0 * before.false_positive_rate.value,
        100.0 * after.recall.value,
        100.0 * before.recall.value,
    );
    let mut all = thresholds(from, to).with("labelled_rows", judging.len() as f64);
    all.extend(numbers);
    before.put_rates(&mut all, "_before");
    after.put_rates(&mut all, "");
    Some(ThresholdChange { to, reason, numbers: all, judged: judging.rows.clone() })
}

/// What a threshold does on labelled rows.
struct ThresholdCandidate {
    false_positive_rate: Estimate,
    recall: Estimate,
}

impl ThresholdCandidate {
    fn of(rows: &LabelledPredictions, threshold: f64) -> Option<Self> {
        let (truth, score) = rows.scores()?;
        let table = Confusion::of(&BinaryRows::scored(truth, score, threshold).ok()?);
        let rate = |rate: Rate| table.rate(rate, 0.95).ok();
        Some(Self { false_positive_rate: rate(Rate::FalsePositiveRate)?, recall: rate(Rate::Recall)? })
    }

    fn put_rates(&self, numbers: &mut EventMetrics, when: &str) {
        numbers.put(format!("fpr{when}"), self.false_positive_rate.value);
        numbers.put(format!("recall{when}"), self.recall.value);
    }
}

/// Whether wrong calls surely cost less at the new threshold.
fn cheaper(rows: &LabelledPredictions, thresholds: (f64, f64), costs: (f64, f64)) -> Option<(String, EventMetrics)> {
    let (truth, score) = rows.scores()?;
    let all = BinaryRows::scored(truth, score, thresholds.0).ok()?;
    let saved = cost_difference(&all, thresholds, costs, LEVEL).ok()?.map_decreasing(|cost| -cost).ok()?;
    let mut numbers = EventMetrics::default();
    numbers.put_metric("saving_per_row", EventMetric::with_interval(saved.value, saved.low, saved.high));
    let reason = format!(
        "wrong calls cost {} a row less ({} to {})",
        rounded(saved.value),
        rounded(saved.low),
        rounded(saved.high)
    );
    (saved.low > 0.0).then_some((reason, numbers))
}

/// Whether the new threshold ends a surely exceeded rate of false positives, or finds surely more within it.
fn nearer(
    rows: &LabelledPredictions,
    (from, to): (f64, f64),
    most: f64,
    (before, after): (&ThresholdCandidate, &ThresholdCandidate),
) -> Option<(String, EventMetrics)> {
    let numbers = EventMetrics::default().with("fpr_target", most);
    if after.false_positive_rate.low > most {
        return None;
    }
    if before.false_positive_rate.low > most {
        let reason = format!("the rate of false positives was above the {:.2} % that are wanted", 100.0 * most);
        return Some((reason, numbers));
    }
    let (truth, score) = rows.scores()?;
    let all = BinaryRows::scored(truth, score, from).ok()?;
    // Only what is missed costs: the difference of cost is then that of what is found, a row.
    let missed = cost_difference(&all, (from, to), (0.0, 1.0), LEVEL).ok()?;
    let reason = format!("more is found within the {:.2} % of false positives that are wanted", 100.0 * most);
    (missed.high < 0.0).then_some((reason, numbers))
}

fn best(goal: ThresholdGoal, rows: &LabelledPredictions) -> Option<f64> {
    let (target, sure) = match goal {
        ThresholdGoal::Cost { false_positive, false_negative } => {
            (ThresholdTarget::Cost { false_positive, false_negative }, false)
        }
        ThresholdGoal::FalsePositiveRate(most) => (ThresholdTarget::FalsePositiveRate(most), true),
    };
    let (truth, score) = rows.scores()?;
    let point = operating_point(&BinaryRows::scored(truth, score, 0.5).ok()?, target, sure).ok()?;
    // "Never" is written as a score that none of these rows reaches.
    let highest = || score.iter().copied().fold(f64::MIN, f64::max).next_up();
    Some(if point.threshold.is_finite() { point.threshold } else { highest() })
}

fn has_both_classes(rows: &LabelledPredictions) -> bool {
    // Labels in other words than the model's classes say nothing of where to decide.
    if rows.label_check().is_beyond() {
        return false;
    }
    let Some((truth, _)) = rows.scores() else { return false };
    let positive = truth.iter().filter(|&&truth| truth).count();
    positive.min(truth.len() - positive) >= MIN_OF_CLASS
}

/// The numbers of a change that every entry about it carries.
pub(crate) fn thresholds(from: f64, to: f64) -> EventMetrics {
    EventMetrics::default().with("threshold_before", from).with("threshold", to)
}

#[cfg(test)]
mod tests {
    use kilter_domain::{table::Column, time::Span};

    use super::*;

    fn tuning(goal: ThresholdGoal) -> ThresholdTuning {
        ThresholdTuning { goal, window: Span::days(30), every: None, min_rows: 100 }
    }

    /// `rows` rows whose score is the chance of "yes" in hundredths, shifted by `shift` where the truth is "no".
    fn rows(rows: usize, shift: f64) -> LabelledPredictions {
        let mut state = 7_u64;
        let mut dice = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / (1_u64 << 24) as f64
        };
        let chance: Vec<f64> = (0..rows).map(|_| dice().powi(3)).collect();
        let truth: Vec<bool> = chance.iter().map(|&p| dice() < p).collect();
        let scores: Vec<f64> =
            chance.iter().zip(&truth).map(|(&p, &t)| (if t { p } else { p + shift }).clamp(0.0, 1.0)).collect();
        LabelledPredictions::of_binary(&["0", "1"], &scores, &Column::Bool(truth.into_iter().map(Some).collect()))
    }

    #[test]
    fn calibrated_scores_are_cut_where_the_costs_meet() {
        // A false negative costs three times a false positive: "yes" pays from a chance of 1 in 4 on.
        let goal = tuning(ThresholdGoal::Cost { false_positive: 1.0, false_negative: 3.0 });
        let chosen = initial(&goal, &rows(20_000, 0.0)).unwrap();
        assert!((chosen - 0.25).abs() < 0.06, "{chosen}");
        let change = change(&goal, &rows(20_000, 0.0), 0.7).unwrap();
        assert!((change.to - 0.25).abs() < 0.08, "{}", change.reason);
        assert_eq!(change.judged.len(), 10_000);
    }

    #[test]
    fn a_threshold_that_is_good_stays() {
        let goal = tuning(ThresholdGoal::Cost { false_positive: 1.0, false_negative: 3.0 });
        assert!(change(&goal, &rows(20_000, 0.0), 0.25).is_none());
        assert!(change(&goal, &rows(150, 0.0), 0.9).is_none(), "two halves of 75 are too few");
    }

    #[test]
    fn too_many_false_positives_raise_the_threshold_to_what_is_wanted() {
        let goal = tuning(ThresholdGoal::FalsePositiveRate(0.02));
        let (calm, sale) = (rows(20_000, 0.0), rows(20_000, 0.1));
        let calm_threshold = initial(&goal, &calm).unwrap();
        let change = change(&goal, &sale, calm_threshold).unwrap();
        assert!(change.to > calm_threshold + 0.05, "{} then {}", calm_threshold, change.to);
        let after = ThresholdCandidate::of(&sale, change.to).unwrap().false_positive_rate.value;
        assert!(after <= 0.02 && after > 0.01, "{after}");
        assert!(change.reason.contains("above the 2.00 %"), "{}", change.reason);
    }
}
