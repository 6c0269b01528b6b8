//! Metrics of a binary score's order: AUC, average precision, KS, lift. Ties count half (AUC) or move together (others).

use super::influence::{ErrorScale, Influence};
use super::rows::BinaryRows;
use crate::distributions::normal_margin;
use crate::outcome::{Estimate, MetricResult, Unmeasured};

/// Rows in falling order of score, cut where the score changes.
struct Falling<'a> {
    rows: &'a BinaryRows<'a>,
    order: Vec<u32>,
    /// `order[start..end]` share one score.
    ties: Vec<(u32, u32)>,
    positive: f64,
    negative: f64,
    positives: usize,
}

impl<'a> Falling<'a> {
    fn new(what: &str, rows: &'a BinaryRows<'a>) -> MetricResult<Self> {
        let score = rows.scores(what)?;
        let mut order: Vec<u32> = (0..score.len() as u32).collect();
        order.sort_unstable_by(|a, b| score[*b as usize].total_cmp(&score[*a as usize]).then(a.cmp(b)));
        let mut ties = Vec::new();
        let mut start = 0;
        for end in 1..=order.len() {
            if end == order.len() || score[order[end] as usize] != score[order[start] as usize] {
                ties.push((start as u32, end as u32));
                start = end;
            }
        }
        let (mut positive, mut negative, mut positives) = (0.0, 0.0, 0);
        for (row, truth) in rows.truth.iter().enumerate() {
            if *truth {
                positive += rows.weight(row);
                positives += 1;
            } else {
                negative += rows.weight(row);
            }
        }
        if positive <= 0.0 || negative <= 0.0 {
            return Err(Unmeasured::undefined(what, "all rows are of one class"));
        }
        Ok(Falling { rows, order, ties, positive, negative, positives })
    }

    fn members(&self, (start, end): (u32, u32)) -> impl Iterator<Item = usize> + '_ {
        self.order[start as usize..end as usize].iter().map(|row| *row as usize)
    }

    /// Positive and negative weight of one tie.
    fn mass(&self, tie: (u32, u32)) -> (f64, f64) {
        let (mut positive, mut negative) = (0.0, 0.0);
        for row in self.members(tie) {
            if self.rows.truth[row] {
                positive += self.rows.weight(row);
            } else {
                negative += self.rows.weight(row);
            }
        }
        (positive, negative)
    }
}

/// Area under the ROC curve; influences are DeLong's structural components.
pub(crate) fn auc(rows: &BinaryRows) -> MetricResult<Influence> {
    let falling = Falling::new("auc", rows)?;
    let mut placed = vec![0.0; rows.truth.len()];
    let (mut above_positive, mut above_negative, mut area) = (0.0, 0.0, 0.0);
    for tie in &falling.ties {
        let (positive, negative) = falling.mass(*tie);
        // Share of the other class that a row of this score beats.
        let beats = (falling.negative - above_negative - 0.5 * negative) / falling.negative;
        let beaten = (above_positive + 0.5 * positive) / falling.positive;
        area += positive * beats;
        for row in falling.members(*tie) {
            placed[row] = if rows.truth[row] { beats } else { beaten };
        }
        above_positive += positive;
        above_negative += negative;
    }
    let value = (area / falling.positive).clamp(0.0, 1.0);
    let correction = |n: usize| if n > 1 { (n as f64 / (n as f64 - 1.0)).sqrt() } else { f64::INFINITY };
    let negatives = rows.truth.len() - falling.positives;
    let (up, down) = (correction(falling.positives), correction(negatives));
    let influence = (0..rows.truth.len())
        .map(|row| {
            let (class, factor) = if rows.truth[row] { (falling.positive, up) } else { (falling.negative, down) };
            let raw = rows.weight(row) * (placed[row] - value) / class;
            if raw == 0.0 { 0.0 } else { raw * factor }
        })
        .collect();
    Ok(Influence { value, rows: influence, shape: ErrorScale::Unit, units: rows.truth.len() })
}

/// The AUC with DeLong's interval on the logit scale; where that collapses (perfect order, a single row of a class),
/// with Newcombe's (2006) method 5, which solves for the AUC that the data barely support.
pub(crate) fn auc_estimate(rows: &BinaryRows, level: f64) -> MetricResult {
    let influence = auc(rows)?;
    let positives = rows.truth.iter().filter(|truth| **truth).count();
    let negatives = rows.truth.len() - positives;
    let error = influence.error();
    let value = influence.value;
    let z = normal_margin(level);
    let spread = value * (1.0 - value);
    let (low, high) = if error.is_finite() && error > 0.0 && spread > 0.0 && positives.min(negatives) >= 10 {
        let logit = (value / (1.0 - value)).ln();
        let back = |x: f64| 1.0 / (1.0 + (-x).exp());
        (back(logit - z * error / spread), back(logit + z * error / spread))
    } else {
        newcombe_auc(value, positives as f64, negatives as f64, z)
    };
    Estimate::new(value, low, high, level, rows.truth.len() as u64)
}

fn newcombe_auc(value: f64, m: f64, n: f64, z: f64) -> (f64, f64) {
    let half = 0.5 * (m + n) - 1.0;
    let variance = |t: f64| t * (1.0 - t) * (1.0 + half * ((1.0 - t) / (2.0 - t) + t / (1.0 + t))) / (m * n);
    let bound = |mut inside: f64, mut outside: f64| {
        for _ in 0..60 {
            let middle = 0.5 * (inside + outside);
            if (middle - value).abs() <= z * variance(middle).sqrt() {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        outside
    };
    (bound(value, 0.0), bound(value, 1.0))
}

/// Average precision (sum of precision over steps of recall, scikit-learn's definition; no interpolation).
pub(crate) fn average_precision(rows: &BinaryRows) -> MetricResult<Influence> {
    let falling = Falling::new("average_precision", rows)?;
    let (mut positive_above, mut all_above, mut sum) = (0.0, 0.0, 0.0);
    // Per tie: precision at its score, and sums over this tie and all below it of w*y/B and w*y*p/B.
    let mut steps = Vec::with_capacity(falling.ties.len());
    for tie in &falling.ties {
        let (positive, negative) = falling.mass(*tie);
        positive_above += positive;
        all_above += positive + negative;
        let precision = if all_above > 0.0 { positive_above / all_above } else { 0.0 };
        sum += positive * precision;
        steps.push((precision, if all_above > 0.0 { positive / all_above } else { 0.0 }));
    }
    let value = (sum / falling.positive).clamp(0.0, 1.0);
    let mut influence = vec![0.0; rows.truth.len()];
    let (mut gained, mut lost) = (0.0, 0.0);
    for (tie, (precision, step)) in falling.ties.iter().zip(&steps).rev() {
        gained += step;
        lost += step * precision;
        for row in falling.members(*tie) {
            let truth = if rows.truth[row] { 1.0 } else { 0.0 };
            influence[row] = rows.weight(row) * (truth * (precision - value + gained) - lost) / falling.positive;
        }
    }
    Ok(Influence::corrected(value, influence, ErrorScale::Unit, rows.truth.len()))
}

/// Kolmogorov-Smirnov distance between the scores of the two classes (the largest TPR - FPR in absolute value).
pub(crate) fn ks(rows: &BinaryRows) -> MetricResult<Influence> {
    let falling = Falling::new("ks", rows)?;
    let (mut positive, mut negative) = (0.0, 0.0);
    let mut best = (0.0f64, 0usize, 0.0, 0.0);
    for (index, tie) in falling.ties.iter().enumerate() {
        let (up, down) = falling.mass(*tie);
        positive += up;
        negative += down;
        let (tpr, fpr) = (positive / falling.positive, negative / falling.negative);
        if (tpr - fpr).abs() > best.0.abs() {
            best = (tpr - fpr, index, tpr, fpr);
        }
    }
    let (gap, index, tpr, fpr) = best;
    let sign = if gap < 0.0 { -1.0 } else { 1.0 };
    let cut = falling.ties.get(index).map_or(0, |tie| tie.1) as usize;
    let mut influence = vec![0.0; rows.truth.len()];
    for (place, row) in falling.order.iter().enumerate() {
        let (row, selected) = (*row as usize, if place < cut { 1.0 } else { 0.0 });
        influence[row] = rows.weight(row)
            * sign
            * if rows.truth[row] { (selected - tpr) / falling.positive } else { -(selected - fpr) / falling.negative };
    }
    Ok(Influence::corrected(gap.abs(), influence, ErrorScale::Unit, rows.truth.len()))
}

/// KS with its interval. The maximum over cuts is biased upwards, so the lower end uses the band that holds at all cuts
/// (Dvoretzky-Kiefer-Wolfowitz, Massart's constant) and the upper end the error at the cut that was found.
pub(crate) fn ks_estimate(rows: &BinaryRows, level: f64) -> MetricResult {
    let influence = ks(rows)?;
    let positives = rows.truth.iter().filter(|truth| **truth).count() as f64;
    let negatives = rows.truth.len() as f64 - positives;
    let band = ((2.0 / (1.0 - level)).ln() / 2.0 * (1.0 / positives + 1.0 / negatives)).sqrt();
    let upper = normal_margin(level) * influence.error();
    let upper = if upper > 0.0 && upper.is_finite() { upper } else { band };
    Estimate::new(
        influence.value,
        (influence.value - band).max(0.0),
        (influence.value + upper).min(1.0),
        level,
        rows.truth.len() as u64,
    )
}

/// What is taken of the top scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopOf {
    /// Positive rate in the top over positive rate of all.
    Lift,
    /// Positive rate in the top.
    Precision,
    /// Share of all positives that lies in the top (capture, gain).
    Recall,
}

/// A measure of the first `ceil(fraction * n)` rows by falling score (ties by row order, as numpy's stable sort).
pub(crate) fn top(rows: &BinaryRows, fraction: f64, of: TopOf) -> MetricResult<Influence> {
    let falling = Falling::new("lift", rows)?;
    if !(fraction > 0.0 && fraction <= 1.0) {
        return Err(Unmeasured::bad_input("lift", format!("the share {fraction} is not in (0, 1]")));
    }
    let n = rows.truth.len();
    let cut = ((fraction * n as f64).ceil() as usize).clamp(1, n);
    let truth = |row: u32| if rows.truth[row as usize] { rows.weight(row as usize) } else { 0.0 };
    let (mut hits, mut mass) = (0.0, 0.0);
    for row in &falling.order[..cut] {
        hits += truth(*row);
        mass += rows.weight(*row as usize);
    }
    let total = falling.positive + falling.negative;
    if mass <= 0.0 {
        return Err(Unmeasured::undefined("lift", "the rows at the top have no weight"));
    }
    let (rate, base, share) = (hits / mass, falling.positive / total, mass / total);
    // Positive rate near the cut: a row more above it pushes a row of about this rate below it.
    let near = (n as f64).sqrt().ceil() as usize;
    let window = &falling.order[cut.saturating_sub(near)..(cut + near).min(n)];
    let (near_hits, near_mass) =
        window.iter().fold((0.0, 0.0), |(hits, mass), row| (hits + truth(*row), mass + rows.weight(*row as usize)));
    let marginal = if near_mass > 0.0 { near_hits / near_mass } else { rate };
    let value = match of {
        TopOf::Lift => rate / base,
        TopOf::Precision => rate,
        TopOf::Recall => hits / falling.positive,
    };
    let mut influence = vec![0.0; n];
    for (place, row) in falling.order.iter().enumerate() {
        let row = *row as usize;
        let (selected, truth) = (if place < cut { 1.0 } else { 0.0 }, if rows.truth[row] { 1.0 } else { 0.0 });
        let hit = selected * (truth - marginal) + share * marginal - share * rate;
        let rate_moves = hit / share;
        influence[row] = rows.weight(row) / total
            * match of {
                TopOf::Lift => rate_moves / base - value * (truth - base) / base,
                TopOf::Precision => rate_moves,
                TopOf::Recall => hit / base - value * (truth - base) / base,
            };
    }
    let shape = if of == TopOf::Lift { ErrorScale::Positive } else { ErrorScale::Unit };
    Ok(Influence::corrected(value, influence, shape, n))
}
