//! Isotonic regression: the closest non-decreasing function (pool adjacent violators), linear between its knots.

use crate::outcome::{MetricResult, Unmeasured, all_finite, same_length};
use serde::{Deserialize, Serialize};

/// A non-decreasing map fitted to points; constant beyond its ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isotonic {
    x: Vec<f64>,
    y: Vec<f64>,
}

impl Isotonic {
    /// Fits `y` on `x` with optional weights. Equal `x` are pooled first. O(n log n).
    pub fn fit(x: &[f64], y: &[f64], weight: Option<&[f64]>) -> MetricResult<Self> {
        same_length("isotonic regression", &[x.len(), y.len(), weight.map_or(x.len(), <[f64]>::len)])?;
        all_finite("x", x)?;
        all_finite("y", y)?;
        if x.is_empty() {
            return Err(Unmeasured::too_few("points for isotonic regression", 0, 1));
        }
        let mut order: Vec<u32> = (0..x.len() as u32).collect();
        order.sort_unstable_by(|a, b| x[*a as usize].total_cmp(&x[*b as usize]).then(a.cmp(b)));
        // Blocks of pooled points: mean, weight, and how many distinct x they span.
        let mut knots: Vec<f64> = Vec::new();
        let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
        let mut at = 0;
        while at < order.len() {
            let here = x[order[at] as usize];
            let (mut sum, mut mass) = (0.0, 0.0);
            while at < order.len() && x[order[at] as usize] == here {
                let row = order[at] as usize;
                let w = weight.map_or(1.0, |weight| weight[row]);
                sum += w * y[row];
                mass += w;
                at += 1;
            }
            if mass <= 0.0 {
                continue;
            }
            knots.push(here);
            blocks.push((sum / mass, mass, 1));
            while let [.., before, last] = blocks[..]
                && before.0 >= last.0
            {
                let mass = before.1 + last.1;
                blocks.truncate(blocks.len() - 2);
                blocks.push(((before.0 * before.1 + last.0 * last.1) / mass, mass, before.2 + last.2));
            }
        }
        if knots.is_empty() {
            return Err(Unmeasured::bad_input("isotonic regression", "no point has a positive weight"));
        }
        Ok(Isotonic::thinned(knots, &blocks))
    }

    /// Inside a block the function is flat, so only the block's ends are knots.
    fn thinned(knots: Vec<f64>, blocks: &[(f64, f64, usize)]) -> Self {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        let mut from = 0;
        for (value, _, span) in blocks {
            let to = from + span - 1;
            x.push(knots[from]);
            y.push(*value);
            if to > from {
                x.push(knots[to]);
                y.push(*value);
            }
            from = to + 1;
        }
        Isotonic { x, y }
    }

    /// The fitted value at `x`.
    pub fn value_at(&self, x: f64) -> f64 {
        let above = self.x.partition_point(|knot| *knot <= x);
        if above == 0 {
            return self.y[0];
        }
        if above == self.x.len() {
            return self.y[above - 1];
        }
        let (x0, x1, y0, y1) = (self.x[above - 1], self.x[above], self.y[above - 1], self.y[above]);
        y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    }
}
