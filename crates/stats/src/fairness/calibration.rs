//! Calibration by group: does a score of 0.7 mean the same for everybody?

use super::groups::MAX_GROUPS;
use crate::distributions::student_margin;
use crate::interval::{Proportion, difference};
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite, same_length};
use crate::performance::as_probabilities;
use serde::{Deserialize, Serialize};

/// Bins of equal width over which the calibration error is summed.
const BINS: usize = 10;

/// How well scores fit what came true in one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupCalibration {
    /// The group's number.
    pub group: usize,
    /// Mean score.
    pub predicted: f64,
    /// Share that came true, with its Wilson interval.
    pub observed: Estimate,
    /// Mean of truth minus score: above zero the score is too low for this group. Student's interval.
    pub gap: Estimate,
    /// Expected calibration error over ten bins of equal width.
    pub error: f64,
}

/// Calibration of every group, and the largest difference between two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationByGroup {
    /// Groups with enough rows.
    pub groups: Vec<GroupCalibration>,
    /// The two groups whose gaps lie farthest apart, the higher first, and by how much; the interval holds for having
    /// been picked (Bonferroni). `None` with fewer than two groups that can be judged.
    pub apart: Option<(usize, usize, Estimate)>,
    /// Groups with rows, but too few.
    pub too_few: Vec<usize>,
}

#[derive(Clone, Default)]
struct Sums {
    observed: Proportion,
    scores: f64,
    gap: f64,
    /// Weight, truth and score by bin.
    bins: [[f64; 3]; BINS],
}

/// Calibration of scores (probabilities) by group; `group` is a number below `groups`. Groups of fewer than `minimum` rows
/// are named, not judged. Two passes over the rows.
pub fn calibration_by_group(
    group: &[u32],
    groups: usize,
    truth: &[bool],
    score: &[f64],
    weight: Option<&[f64]>,
    (level, minimum): (f64, u64),
) -> MetricResult<CalibrationByGroup> {
    check(group, groups, truth, score, weight)?;
    let score = as_probabilities(score).map_err(|row| {
        let why = format!("row {row} is {}; calibration needs probabilities from 0 to 1", score[row]);
        Unmeasured::bad_input("score", why)
    })?;
    let weight = |row: usize| weight.map_or(1.0, |weight| weight[row]);
    let miss = |row: usize| f64::from(u8::from(truth[row])) - score[row];
    let mut sums = vec![Sums::default(); groups];
    for (row, group) in group.iter().enumerate() {
        let (sums, weight) = (&mut sums[*group as usize], weight(row));
        sums.observed.add(truth[row], weight);
        sums.scores += weight * score[row];
        sums.gap += weight * miss(row);
        let bin = &mut sums.bins[((score[row] * BINS as f64) as usize).min(BINS - 1)];
        bin.iter_mut().zip([1.0, f64::from(u8::from(truth[row])), score[row]]).for_each(|(sum, x)| *sum += weight * x);
    }
    let mut squares = vec![0.0; groups];
    for (row, group) in group.iter().enumerate() {
        let group = *group as usize;
        let mean = sums[group].gap / sums[group].observed.total.max(f64::MIN_POSITIVE);
        squares[group] += (weight(row) * (miss(row) - mean)).powi(2);
    }
    let judged = |group: usize, level: f64| sums[group].judged(group, squares[group], level);
    let enough = |group: &usize| sums[*group].observed.rows >= minimum.max(2) && sums[*group].observed.total > 0.0;
    let (large, small): (Vec<usize>, Vec<usize>) =
        (0..groups).filter(|group| sums[*group].observed.rows > 0).partition(enough);
    let all = large.iter().map(|group| judged(*group, level)).collect::<MetricResult<Vec<_>>>()?;
    let apart = farthest(&all, level, judged)?;
    Ok(CalibrationByGroup { groups: all, apart, too_few: small })
}

impl Sums {
    fn judged(&self, group: usize, squares: f64, level: f64) -> MetricResult<GroupCalibration> {
        let (total, rows) = (self.observed.total, self.observed.rows);
        // Bessel's factor, by rows.
        let error = (squares * rows as f64 / (rows as f64 - 1.0)).sqrt() / total;
        let margin = student_margin(level, self.observed.effective_rows() - 1.0) * error;
        Ok(GroupCalibration {
            group,
            predicted: self.scores / total,
            observed: self.observed.wilson("observed rate", level)?,
            gap: Estimate::around(self.gap / total, margin, (-1.0, 1.0), level, rows)?,
            error: self.bins.iter().map(|[_, truth, score]| (truth - score).abs()).sum::<f64>() / total,
        })
    }
}

fn farthest(
    all: &[GroupCalibration],
    level: f64,
    judged: impl Fn(usize, f64) -> MetricResult<GroupCalibration>,
) -> MetricResult<Option<(usize, usize, Estimate)>> {
    let by_gap = |a: &&GroupCalibration, b: &&GroupCalibration| a.gap.value.total_cmp(&b.gap.value);
    let (Some(low), Some(high)) = (all.iter().min_by(by_gap), all.iter().max_by(by_gap)) else { return Ok(None) };
    if all.len() < 2 || low.group == high.group {
        return Ok(None);
    }
    let pairs = all.len() as f64 * (all.len() as f64 - 1.0) / 2.0;
    let strict = 1.0 - (1.0 - level) / pairs;
    let apart = difference(&judged(high.group, strict)?.gap, &judged(low.group, strict)?.gap)?;
    Ok(Some((high.group, low.group, Estimate { level, ..apart })))
}

fn check(group: &[u32], groups: usize, truth: &[bool], score: &[f64], weight: Option<&[f64]>) -> MetricResult<()> {
    let lengths = [group.len(), truth.len(), score.len(), weight.map_or(group.len(), <[f64]>::len)];
    same_length("rows", &lengths)?;
    all_finite("score", score)?;
    if groups > MAX_GROUPS {
        return Err(Unmeasured::bad_input("groups", format!("{groups} groups are more than {MAX_GROUPS}")));
    }
    if let Some(row) = group.iter().position(|group| *group as usize >= groups) {
        return Err(Unmeasured::bad_input("group", format!("row {row} is of group {}, beyond {groups}", group[row])));
    }
    match weight {
        Some(weight) if weight.iter().any(|weight| !weight.is_finite() || *weight < 0.0) => {
            Err(Unmeasured::bad_input("weights", "a weight is negative or not finite"))
        }
        _ => Ok(()),
    }
}
