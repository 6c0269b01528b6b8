//! The order of ties in numpy's argsort on a processor with AVX-512: a quicksort over groups of eight with bitonic
//! networks below 257 rows, not stable. Numbers that hang on it (NannyML's sampling error of an AUC with tied scores)
//! can only be repeated by sorting in the same way. No vector instruction is needed for that, only the same exchanges.

use std::ops::Range;

/// Rows below which a network sorts.
const NETWORK_ROWS: usize = 256;
/// Lanes of a register.
const LANES: usize = 8;
/// Registers that are partitioned together in long parts.
const UNROLL: usize = 4;

const NEIGHBOURS: [(usize, usize); 4] = [(0, 1), (2, 3), (4, 5), (6, 7)];
const MIRRORED_FOURS: [(usize, usize); 4] = [(0, 3), (1, 2), (4, 7), (5, 6)];
const MIRRORED: [(usize, usize); 4] = [(0, 7), (1, 6), (2, 5), (3, 4)];
const APART_TWO: [(usize, usize); 4] = [(0, 2), (1, 3), (4, 6), (5, 7)];
const APART_FOUR: [(usize, usize); 4] = [(0, 4), (1, 5), (2, 6), (3, 7)];

/// Indices that sort `values` (no NaN), ties as described above.
pub fn argsort(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if values.len() > 1 {
        let depth = 2 * values.len().ilog2() as usize;
        Sorter { values }.sort(&mut order, depth);
    }
    order
}

struct Sorter<'a> {
    values: &'a [f64],
}

/// Where a partition cut, and the extremes that it met.
struct Cut {
    at: usize,
    least: f64,
    most: f64,
}

impl Sorter<'_> {
    fn sort(&self, order: &mut [usize], depth: usize) {
        if order.len() <= NETWORK_ROWS {
            self.network(order);
            return;
        }
        if depth == 0 {
            order.sort_by(|a, b| self.values[*a].total_cmp(&self.values[*b]));
            return;
        }
        let step = (order.len() - 1) / 8;
        let mut probes: [f64; 8] = std::array::from_fn(|i| self.values[order[(i + 1) * step]]);
        probes.sort_unstable_by(f64::total_cmp);
        let pivot = probes[4];
        let cut = self.partition(order, pivot);
        let (left, right) = order.split_at_mut(cut.at);
        if pivot != cut.least {
            self.sort(left, depth - 1);
        }
        if pivot != cut.most {
            self.sort(right, depth - 1);
        }
    }

    /// Sorts up to 256 rows by exchanges; equal keys stay.
    fn network(&self, order: &mut [usize]) {
        let mut registers = NETWORK_ROWS / LANES;
        while registers > 1 && order.len() * 2 <= registers * LANES {
            registers /= 2;
        }
        let mut lanes: Vec<(f64, usize)> = order.iter().map(|row| (self.values[*row], *row)).collect();
        lanes.resize(registers * LANES, (f64::INFINITY, usize::MAX));
        for register in 0..registers {
            for pairs in [NEIGHBOURS, MIRRORED_FOURS, NEIGHBOURS, MIRRORED, APART_TWO, NEIGHBOURS] {
                exchange(&mut lanes, register, &pairs);
            }
        }
        let mut width = 2;
        while width <= registers {
            (0..registers).step_by(width).for_each(|first| merge(&mut lanes, first, width));
            width *= 2;
        }
        order.iter_mut().zip(lanes).for_each(|(row, lane)| *row = lane.1);
    }

    fn partition(&self, order: &mut [usize], pivot: f64) -> Cut {
        let (mut left, mut right) = (0, order.len());
        let group = if order.len() > 8 * UNROLL * LANES { UNROLL * LANES } else { LANES };
        let mut cut = Cut { at: 0, least: f64::INFINITY, most: f64::NEG_INFINITY };
        for _ in 0..order.len() % group {
            let value = self.values[order[left]];
            (cut.least, cut.most) = (cut.least.min(value), cut.most.max(value));
            if value < pivot {
                left += 1;
            } else {
                right -= 1;
                order.swap(left, right);
            }
        }
        if right - left == LANES {
            let rows = order[left..right].to_vec();
            cut.at = left + LANES - self.store(order, left..right, &rows, pivot, &mut cut);
            return cut;
        }
        // The outermost groups wait until the end; what lies between is written to whichever side has room.
        let waiting = [order[left..left + group].to_vec(), order[right - group..right].to_vec()];
        let (mut at_left, mut at_right) = (left, right);
        left += group;
        right -= group;
        while left < right {
            let rows = if at_right - right < left - at_left {
                right -= group;
                order[right..right + group].to_vec()
            } else {
                left += group;
                order[left - group..left].to_vec()
            };
            for rows in rows.chunks(LANES) {
                let large = self.store(order, at_left..at_right, rows, pivot, &mut cut);
                at_left += LANES - large;
                at_right -= large;
            }
        }
        for rows in waiting.iter().flat_map(|group| group.chunks(LANES)) {
            let large = self.store(order, at_left..at_right, rows, pivot, &mut cut);
            at_left += LANES - large;
            at_right -= large;
        }
        cut.at = at_left;
        cut
    }

    /// Writes small rows from the start of `space` on and large ones up to its end; how many were large.
    fn store(&self, order: &mut [usize], space: Range<usize>, rows: &[usize], pivot: f64, cut: &mut Cut) -> usize {
        let (small, large): (Vec<usize>, Vec<usize>) = rows.iter().partition(|row| self.values[**row] < pivot);
        order[space.start..space.start + small.len()].copy_from_slice(&small);
        order[space.end - large.len()..space.end].copy_from_slice(&large);
        for row in rows {
            let value = self.values[*row];
            (cut.least, cut.most) = (cut.least.min(value), cut.most.max(value));
        }
        large.len()
    }
}

fn exchange(lanes: &mut [(f64, usize)], register: usize, pairs: &[(usize, usize)]) {
    pairs.iter().for_each(|(a, b)| order_pair(lanes, register * LANES + a, register * LANES + b));
}

fn order_pair(lanes: &mut [(f64, usize)], a: usize, b: usize) {
    if lanes[a].0 > lanes[b].0 {
        lanes.swap(a, b);
    }
}

/// Merges two sorted halves of `width` registers from `first` on.
fn merge(lanes: &mut [(f64, usize)], first: usize, width: usize) {
    for i in 0..width / 2 {
        for lane in 0..LANES {
            order_pair(lanes, (first + i) * LANES + lane, (first + width - 1 - i) * LANES + LANES - 1 - lane);
        }
    }
    let mut span = width / 2;
    while span >= 2 {
        for block in (0..width).step_by(span) {
            for i in 0..span / 2 {
                for lane in 0..LANES {
                    let near = (first + block + i) * LANES + lane;
                    order_pair(lanes, near, near + span / 2 * LANES);
                }
            }
        }
        span /= 2;
    }
    for register in first..first + width {
        for pairs in [APART_FOUR, APART_TWO, NEIGHBOURS] {
            exchange(lanes, register, &pairs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_sorts_whatever_the_size_and_the_ties() {
        let mut random = Random::seeded(5);
        for n in [0, 1, 2, 7, 8, 9, 63, 64, 255, 256, 257, 264, 300, 511, 1000, 5000, 20_000] {
            for kinds in [2.0, 101.0, 1e12] {
                let values: Vec<f64> = (0..n).map(|_| (random.uniform() * kinds).floor()).collect();
                let order = argsort(&values);
                let mut seen = order.clone();
                seen.sort_unstable();
                assert!(seen.iter().copied().eq(0..n), "{n} {kinds}");
                assert!(order.windows(2).all(|pair| values[pair[0]] <= values[pair[1]]), "{n} {kinds}");
            }
        }
    }
}
