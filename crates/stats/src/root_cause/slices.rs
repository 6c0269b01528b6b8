//! Weak slices: conditions on one or two features under which the loss is larger than elsewhere, corrected for how many
//! were looked at.

use crate::distributions::{normal_cdf, normal_margin};
use crate::outcome::{Estimate, MetricResult, Unmeasured, all_finite};
use crate::sequential::{e_benjamini_hochberg, p_to_e};

/// A feature cut into bins: one number a row.
#[derive(Debug, Clone, Copy)]
pub struct SliceFeature<'a> {
    /// Each row's bin.
    pub bin: &'a [u16],
    /// Bins.
    pub bins: usize,
}

/// A slice whose loss is larger than that of all other rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// (feature, bin), one or two.
    pub conditions: Vec<(usize, u16)>,
    /// Rows in it.
    pub rows: u64,
    /// Mean loss in it.
    pub loss: f64,
    /// Mean loss in it minus that of the other rows, with its interval.
    pub excess: Estimate,
    /// Evidence against "not larger than elsewhere".
    pub e_value: f64,
    /// By how much the overall mean loss would fall if the slice were as the rest.
    pub share_of_loss: f64,
}

/// Pairs of features that are looked at.
const MAX_PAIRS: usize = 5000;
/// Slices that are returned.
const MAX_SLICES: usize = 50;
/// Bins of a feature.
const MAX_BINS: usize = 64;

#[derive(Clone, Copy, Default)]
struct Sums {
    rows: f64,
    sum: f64,
    squares: f64,
}

/// The slices of at least `minimum` rows that are worse than the rest, with a false discovery rate of at most `alpha`
/// over all slices that were looked at; those that would give most are first. A pair is kept only when it is worse than
/// both of its conditions alone.
pub fn weak_slices(loss: &[f64], features: &[SliceFeature], minimum: u64, alpha: f64) -> MetricResult<Vec<Slice>> {
    check(loss, features)?;
    let mut whole = Sums::default();
    loss.iter().for_each(|loss| whole.add(*loss));
    let mut found = Vec::new();
    let mut alone: Vec<Vec<Sums>> = Vec::new();
    for (index, feature) in features.iter().enumerate() {
        let mut sums = vec![Sums::default(); feature.bins];
        loss.iter().zip(feature.bin).for_each(|(loss, bin)| sums[*bin as usize].add(*loss));
        for (bin, sum) in sums.iter().enumerate() {
            found.extend(slice(vec![(index, bin as u16)], sum, &whole, minimum));
        }
        alone.push(sums);
    }
    let pairs = (0..features.len()).flat_map(|a| (0..a).map(move |b| (b, a)));
    for (a, b) in pairs.take(MAX_PAIRS) {
        let width = features[b].bins;
        let mut sums = vec![Sums::default(); features[a].bins * width];
        for ((loss, x), y) in loss.iter().zip(features[a].bin).zip(features[b].bin) {
            sums[*x as usize * width + *y as usize].add(*loss);
        }
        for (place, sum) in sums.iter().enumerate() {
            let (x, y) = (place / width, place % width);
            let worst = alone[a][x].mean().max(alone[b][y].mean());
            if sum.rows > 0.0 && sum.mean() > worst {
                found.extend(slice(vec![(a, x as u16), (b, y as u16)], sum, &whole, minimum));
            }
        }
    }
    let e_values: Vec<f64> = found.iter().map(|slice| slice.e_value).collect();
    let mut kept: Vec<Slice> =
        e_benjamini_hochberg(&e_values, alpha).into_iter().map(|place| found[place].clone()).collect();
    kept.sort_by(|a, b| b.share_of_loss.total_cmp(&a.share_of_loss));
    kept.truncate(MAX_SLICES);
    Ok(kept)
}

impl Sums {
    fn add(&mut self, loss: f64) {
        self.rows += 1.0;
        self.sum += loss;
        self.squares += loss * loss;
    }

    fn mean(&self) -> f64 {
        if self.rows > 0.0 { self.sum / self.rows } else { f64::NEG_INFINITY }
    }

    fn variance(&self) -> f64 {
        let mean = self.sum / self.rows;
        ((self.squares - self.rows * mean * mean) / (self.rows - 1.0)).max(0.0)
    }
}

fn slice(conditions: Vec<(usize, u16)>, inside: &Sums, whole: &Sums, minimum: u64) -> Option<Slice> {
    let outside =
        Sums { rows: whole.rows - inside.rows, sum: whole.sum - inside.sum, squares: whole.squares - inside.squares };
    if inside.rows < minimum.max(2) as f64 || outside.rows < 2.0 {
        return None;
    }
    let excess = inside.mean() - outside.mean();
    let error = (inside.variance() / inside.rows + outside.variance() / outside.rows).sqrt();
    let p = if error > 0.0 { normal_cdf(-excess / error) } else { 1.0 };
    let margin = normal_margin(0.95) * error;
    let range = (f64::NEG_INFINITY, f64::INFINITY);
    Some(Slice {
        conditions,
        rows: inside.rows as u64,
        loss: inside.mean(),
        excess: Estimate::around(excess, margin, range, 0.95, inside.rows as u64).ok()?,
        e_value: p_to_e(p),
        share_of_loss: excess * inside.rows / whole.rows,
    })
}

fn check(loss: &[f64], features: &[SliceFeature]) -> MetricResult<()> {
    all_finite("loss", loss)?;
    for (index, feature) in features.iter().enumerate() {
        let name = format!("feature {index}");
        if feature.bin.len() != loss.len() || feature.bins > MAX_BINS {
            let (rows, bins) = (feature.bin.len(), feature.bins);
            return Err(Unmeasured::bad_input(&name, format!("{rows} rows in {bins} bins for {} losses", loss.len())));
        }
        if feature.bin.iter().any(|bin| usize::from(*bin) >= feature.bins) {
            return Err(Unmeasured::bad_input(&name, "a row's bin is beyond the number of bins"));
        }
    }
    Ok(())
}
