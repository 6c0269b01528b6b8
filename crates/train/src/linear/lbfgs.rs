//! L-BFGS with backtracking, for smooth convex functions. Source: Nocedal and Wright, Numerical Optimization, 7.2.

use std::collections::VecDeque;

/// Steps remembered.
const MEMORY: usize = 10;
/// Halvings of a step before the search ends.
const MAX_HALVINGS: usize = 40;
/// Sufficient decrease (Armijo).
const DECREASE: f64 = 1e-4;

/// Where the search ended.
pub(super) struct Minimum {
    pub at: Vec<f64>,
    pub iterations: usize,
    pub has_converged: bool,
}

/// Minimises `f`, which gives its value at a point and writes its slope.
pub(super) fn minimise(
    start: Vec<f64>,
    max_iterations: usize,
    tolerance: f64,
    f: impl Fn(&[f64], &mut [f64]) -> f64,
) -> Minimum {
    let mut at = start;
    let mut slope = vec![0.0; at.len()];
    let mut value = f(&at, &mut slope);
    let mut memory: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    for iterations in 0..max_iterations {
        if slope.iter().all(|slope| slope.abs() <= tolerance) {
            return Minimum { at, iterations, has_converged: true };
        }
        let mut direction = downhill(&slope, &memory);
        if dot(&direction, &slope) >= 0.0 {
            memory.clear();
            direction = slope.iter().map(|slope| -slope).collect();
        }
        let descent = dot(&direction, &slope);
        // Without memory the direction has the length of the slope: begin with a step of length one at most.
        let mut length = if memory.is_empty() { 1.0 / (1.0 + dot(&slope, &slope).sqrt()) } else { 1.0 };
        let mut next_slope = vec![0.0; at.len()];
        let mut accepted = None;
        for _ in 0..MAX_HALVINGS {
            let next: Vec<f64> = at.iter().zip(&direction).map(|(at, step)| at + length * step).collect();
            let next_value = f(&next, &mut next_slope);
            if next_value <= value + DECREASE * length * descent {
                accepted = Some((next, next_value));
                break;
            }
            length /= 2.0;
        }
        // No step lowers the value: it is as low as doubles can tell.
        let Some((next, next_value)) = accepted else {
            return Minimum { at, iterations, has_converged: true };
        };
        remember(&mut memory, &at, &next, &slope, &next_slope);
        (at, value, slope) = (next, next_value, next_slope);
    }
    let has_converged = slope.iter().all(|slope| slope.abs() <= tolerance);
    Minimum { at, iterations: max_iterations, has_converged }
}

/// A step taken and how the slope changed along it.
struct Step {
    moved: Vec<f64>,
    bent: Vec<f64>,
    product: f64,
}

fn remember(memory: &mut VecDeque<Step>, at: &[f64], next: &[f64], slope: &[f64], next_slope: &[f64]) {
    let moved: Vec<f64> = next.iter().zip(at).map(|(a, b)| a - b).collect();
    let bent: Vec<f64> = next_slope.iter().zip(slope).map(|(a, b)| a - b).collect();
    let product = dot(&moved, &bent);
    if product > 1e-12 * dot(&bent, &bent) {
        if memory.len() == MEMORY {
            memory.pop_front();
        }
        memory.push_back(Step { moved, bent, product });
    }
}

/// The two-loop recursion.
fn downhill(slope: &[f64], memory: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = slope.iter().map(|slope| -slope).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for step in memory.iter().rev() {
        let factor = dot(&step.moved, &direction) / step.product;
        direction.iter_mut().zip(&step.bent).for_each(|(direction, bent)| *direction -= factor * bent);
        factors.push(factor);
    }
    if let Some(last) = memory.back() {
        let scale = last.product / dot(&last.bent, &last.bent);
        direction.iter_mut().for_each(|direction| *direction *= scale);
    }
    for (step, factor) in memory.iter().zip(factors.iter().rev()) {
        let back = dot(&step.bent, &direction) / step.product;
        direction.iter_mut().zip(&step.moved).for_each(|(direction, moved)| *direction += (factor - back) * moved);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_point_of_a_stretched_bowl_is_found() {
        let f = |x: &[f64], slope: &mut [f64]| {
            slope[0] = 2.0 * (x[0] - 3.0);
            slope[1] = 2_000.0 * (x[1] + 2.0);
            (x[0] - 3.0).powi(2) + 1_000.0 * (x[1] + 2.0).powi(2)
        };
        let found = minimise(vec![0.0, 0.0], 200, 1e-9, f);
        assert!(found.has_converged);
        assert!((found.at[0] - 3.0).abs() < 1e-8 && (found.at[1] + 2.0).abs() < 1e-8, "{:?}", found.at);
    }
}
