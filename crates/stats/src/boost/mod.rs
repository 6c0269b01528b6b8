//! A small histogram gradient-boosted forest, for the estimates of this crate that need a learner: direct loss
//! estimation, the domain classifier, density ratios.
//!
//! Invariants: deterministic (no sampling), missing values take the better side, categories are ordered by their mean
//! target. Deliberately small: it is no trainer for people's models.

mod bins;
mod settings;
mod tree;

pub use bins::Feature;

use serde::{Deserialize, Serialize};

use self::{
    bins::{Cuts, rows},
    tree::{Ground, Tree},
};
use crate::outcome::{MetricResult, Unmeasured, all_finite};

pub use self::settings::Shape;

/// What a forest learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// A number, by squared error.
    Squares,
    /// The log odds of a target of 0 and 1.
    Logistic,
}

/// A fitted forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    goal: Goal,
    base: f64,
    cuts: Vec<Cuts>,
    trees: Vec<Tree>,
}

impl Forest {
    /// Fits `target` on `features`. Logistic targets are 0 or 1.
    pub fn fit(features: &[Feature], target: &[f64], goal: Goal, shape: Shape) -> MetricResult<Self> {
        let n = rows(features)?;
        if n != target.len() || n == 0 {
            return Err(Unmeasured::bad_input("target", format!("{} targets for {n} rows", target.len())));
        }
        all_finite("target", target)?;
        let mean = target.iter().sum::<f64>() / n as f64;
        let base = match goal {
            Goal::Squares => mean,
            Goal::Logistic if mean > 0.0 && mean < 1.0 => (mean / (1.0 - mean)).ln(),
            Goal::Logistic => return Err(Unmeasured::undefined("classifier", "all rows are of one class")),
        };
        let cuts: Vec<Cuts> = features.iter().map(|feature| Cuts::learn(feature, target)).collect();
        let columns: Vec<Vec<u8>> =
            cuts.iter().zip(features).map(|(cuts, feature)| cuts.apply(feature)).collect::<MetricResult<_>>()?;
        let bins: Vec<usize> = cuts.iter().map(Cuts::bins).collect();
        let mut raw = vec![base; n];
        let (mut gradient, mut hessian) = (vec![0.0; n], vec![1.0; n]);
        let mut trees = Vec::with_capacity(shape.trees);
        for _ in 0..shape.trees {
            for row in 0..n {
                match goal {
                    Goal::Squares => gradient[row] = raw[row] - target[row],
                    Goal::Logistic => {
                        let p = 1.0 / (1.0 + (-raw[row]).exp());
                        gradient[row] = p - target[row];
                        hessian[row] = p * (1.0 - p);
                    }
                }
            }
            let ground =
                Ground { columns: &columns, bins: &bins, gradient: &gradient, hessian: &hessian, shape: &shape };
            let tree = ground.grow((0..n as u32).collect());
            raw.iter_mut().enumerate().for_each(|(row, raw)| *raw += tree.at(&columns, row));
            trees.push(tree);
        }
        Ok(Forest { goal, base, cuts, trees })
    }

    /// Predictions: numbers, or probabilities of a logistic forest.
    pub fn predict(&self, features: &[Feature]) -> MetricResult<Vec<f64>> {
        let n = rows(features)?;
        if features.len() != self.cuts.len() {
            let (got, want) = (features.len(), self.cuts.len());
            return Err(Unmeasured::bad_input("features", format!("{got} columns, fitted on {want}")));
        }
        let columns: Vec<Vec<u8>> =
            self.cuts.iter().zip(features).map(|(cuts, feature)| cuts.apply(feature)).collect::<MetricResult<_>>()?;
        Ok((0..n)
            .map(|row| {
                let raw = self.base + self.trees.iter().map(|tree| tree.at(&columns, row)).sum::<f64>();
                if self.goal == Goal::Logistic { 1.0 / (1.0 + (-raw).exp()) } else { raw }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn it_learns_steps_interactions_and_categories_and_survives_missing_values() {
        let mut random = Random::seeded(2);
        let n = 3000;
        let x: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mut z: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        let c: Vec<u32> = (0..n).map(|_| random.below(5) as u32).collect();
        let y: Vec<f64> = (0..n)
            .map(|i| x[i].max(0.0) * 2.0 + f64::from(u8::from(z[i] > 0.5)) + [3.0, 0.0, 1.0, 5.0, 2.0][c[i] as usize])
            .collect();
        z.iter_mut().step_by(17).for_each(|z| *z = f64::NAN);
        let features = [Feature::Number(&x), Feature::Number(&z), Feature::Category(&c)];
        let forest = Forest::fit(&features, &y, Goal::Squares, Shape::default()).unwrap();
        let got = forest.predict(&features).unwrap();
        let error = got.iter().zip(&y).map(|(p, y)| (p - y).powi(2)).sum::<f64>() / n as f64;
        assert!(error < 0.05, "{error}");
        let strange = [Feature::Number(&[f64::INFINITY]), Feature::Number(&[-1e9]), Feature::Category(&[77])];
        assert!(forest.predict(&strange).unwrap()[0].is_finite());
    }

    #[test]
    fn hostile_input_is_refused() {
        let shape = Shape::default();
        assert!(Forest::fit(&[], &[], Goal::Squares, shape).is_err());
        assert!(Forest::fit(&[Feature::Number(&[1.0])], &[1.0, 2.0], Goal::Squares, shape).is_err());
        assert!(Forest::fit(&[Feature::Number(&[1.0, 2.0])], &[1.0, 1.0], Goal::Logistic, shape).is_err());
        assert!(Forest::fit(&[Feature::Number(&[1.0])], &[f64::NAN], Goal::Squares, shape).is_err());
        let constant = Forest::fit(&[Feature::Number(&[f64::NAN; 50])], &[2.0; 50], Goal::Squares, shape).unwrap();
        assert_eq!(constant.predict(&[Feature::Number(&[1.0])]).unwrap(), [2.0]);
    }
}
