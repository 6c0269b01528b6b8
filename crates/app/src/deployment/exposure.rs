//! Which entities met which version while two versions shared the traffic, and whether each version received the share that was set.
//!
//! Invariants: an entity counts once, by its first answer; what was asked by number, or answered in place of a candidate that failed,
//! is no exposure; the share that was set is the one that stands in the record of each row, so a change of weights begins a new
//! period at the row at which it took effect, on every server. Out of scope: what the versions answered.

use std::collections::HashSet;

use kilter_stats::sequential::SampleRatio;

use crate::prediction::logged::LoggedPredictions;

/// The rate of false alarms over a whole period at one weight.
const ALPHA: f64 = 0.01;

/// How the entities of one period fell, beside how they were to fall.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleRatioReading {
    /// The share of the entities that the candidate was to receive, in percent.
    pub percent: u8,
    /// The live version, and the entities that met it.
    pub champion: (u32, u64),
    /// The candidate, and the entities that met it.
    pub candidate: (u32, u64),
    /// The p-value of the share that was set, valid at any time.
    pub p_value: f64,
}

impl SampleRatioReading {
    /// Whether the versions surely did not receive the shares that were set.
    pub fn is_mismatch(&self) -> bool {
        self.p_value < ALPHA
    }

    /// All entities.
    pub const fn entities(&self) -> u64 {
        self.champion.1 + self.candidate.1
    }

    /// The share that the candidate received, in percent; 0 without entities.
    fn received_percent(&self) -> f64 {
        100.0 * self.candidate.1 as f64 / self.entities().max(1) as f64
    }

    /// `version 2 received 7.12 % of 12030 entities, where 10 % is set (p = 0.00041)`.
    pub fn sentence(&self) -> String {
        format!(
            "version {} received {:.2} % of {} entities, where {} % is set (p = {:.2e})",
            self.candidate.0,
            self.received_percent(),
            self.entities(),
            self.percent,
            self.p_value
        )
    }
}

/// The rows at which entities met a version first, in the order of the log; of the period with this share and of these two versions, where
/// they are named.
pub(crate) fn first_exposures(rows: &LoggedPredictions, of: Option<(u8, [u32; 2])>) -> Vec<usize> {
    let mut seen = HashSet::new();
    let is_first = |row: &usize| {
        let draw = rows.draws.get(*row).copied().flatten();
        draw.is_some_and(|draw| {
            let counts =
                of.is_none_or(|(percent, versions)| draw.percent == percent && versions.contains(&rows.versions[*row]));
            counts && !draw.is_fallback && seen.insert(draw.entity)
        })
    };
    (0..rows.len()).filter(is_first).collect()
}

/// How the entities of a period fell; `None` for a share of all or nothing.
pub(crate) fn reading_of(
    rows: &LoggedPredictions,
    percent: u8,
    [live, candidate]: [u32; 2],
) -> Option<SampleRatioReading> {
    let share = f64::from(percent) / 100.0;
    let mut ratio = SampleRatio::new(&[1.0 - share, share]).ok()?;
    let mut exposures = first_exposures(rows, Some((percent, [live, candidate])));
    let recorded_at = |row: &usize| rows.draws.get(*row).copied().flatten().map(|draw| draw.recorded_at);
    // A request records the rows of one version after those of the other.
    exposures.sort_by_key(recorded_at);
    for request in exposures.chunk_by(|one, next| recorded_at(one) == recorded_at(next)) {
        ratio.add_together(request.iter().map(|row| usize::from(rows.versions[*row] == candidate)));
    }
    let [of_live, of_candidate] = ratio.counts() else { return None };
    let (champion, candidate) = ((live, *of_live), (candidate, *of_candidate));
    Some(SampleRatioReading { percent, champion, candidate, p_value: ratio.p_value() })
}
