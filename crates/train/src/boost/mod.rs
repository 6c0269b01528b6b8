//! Gradient-boosted trees: histograms, leaf-wise growth, second-order steps, learned directions for missing values.
//!
//! Own code because no crate fits: see `docs/decisions/0002-boosting.md`.
//!
//! Invariants: equal rows, settings and seed give equal trees, whatever the number of threads.

mod bins;
mod histogram;
mod loss;
mod tree;

use kilter_inference::Matrix;
use kilter_stats::random::Random;

use histogram::Limits;
use loss::Loss;
use tree::{Grower, Growth};
pub(crate) use tree::{Node, Tree};

use crate::{options::Params, target::TargetValues};

/// A trained forest: tree `t` adds to output `t % outputs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Forest {
    pub outputs: usize,
    pub base: Vec<f32>,
    pub trees: Vec<Tree>,
    /// Sum of gains by column of the matrix.
    pub gains: Vec<f64>,
    pub rounds: usize,
    pub training_loss: f64,
    pub holdout_loss: Option<f64>,
}

/// Rows below which none are held back: a tenth of them would say too little.
const HOLDOUT_FROM: usize = 500;
/// One row in this many is held back.
const HOLDOUT_SHARE: u64 = 10;

/// Trains on the rows of `matrix`.
pub(crate) fn train(matrix: &Matrix, outcome: &TargetValues, weights: &[f64], params: &Params, seed: u64) -> Forest {
    let threads = params.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let columns = bins::columns(matrix, threads);
    let growth = Growth {
        max_leaves: params.max_leaves,
        max_depth: params.max_depth.unwrap_or(usize::MAX),
        learning_rate: params.learning_rate,
        limits: Limits { l2: params.l2.unwrap_or(1.0), min_rows: params.min_child as u64, min_curve: 1e-3 },
    };
    let rows = held_back(outcome.rows(), params, seed);
    std::thread::scope(|scope| {
        let grower = Grower::start(scope, &columns, growth, threads);
        let mut run = Run::new(grower, &columns, outcome, weights, rows);
        run.boost(params);
        run.finish(columns.len())
    })
}

/// Rows to train on, and rows to watch.
struct HoldoutSplit {
    train: Vec<u32>,
    /// Empty where nothing is watched.
    holdout: Vec<u32>,
}

/// Draws the rows to watch by the seed.
fn held_back(rows: usize, params: &Params, seed: u64) -> HoldoutSplit {
    if params.patience.is_none() || rows < HOLDOUT_FROM {
        return HoldoutSplit { train: (0..rows as u32).collect(), holdout: Vec::new() };
    }
    let mut random = Random::seeded(seed);
    let (train, holdout) = (0..rows as u32).partition(|_| !random.bits().is_multiple_of(HOLDOUT_SHARE));
    HoldoutSplit { train, holdout }
}

/// A training run.
struct Run<'a> {
    grower: Grower<'a>,
    columns: &'a [bins::Column],
    loss: Loss<'a>,
    train: Vec<u32>,
    holdout: Vec<u32>,
    base: Vec<f32>,
    trees: Vec<Tree>,
    tree_gains: Vec<Vec<(usize, f64)>>,
    /// After each round: loss on the training rows and on those held back.
    history: Vec<(f64, Option<f64>)>,
}

impl<'a> Run<'a> {
    fn new(
        grower: Grower<'a>,
        columns: &'a [bins::Column],
        outcome: &'a TargetValues,
        weights: &'a [f64],
        HoldoutSplit { train, holdout }: HoldoutSplit,
    ) -> Self {
        let loss = Loss::new(outcome, weights, &train);
        let base = loss.base.clone();
        let mut run = Self {
            grower,
            columns,
            loss,
            train,
            holdout,
            base,
            trees: Vec::new(),
            tree_gains: Vec::new(),
            history: Vec::new(),
        };
        run.remember();
        run
    }

    fn remember(&mut self) {
        let holdout = (!self.holdout.is_empty()).then(|| self.loss.mean(&self.holdout));
        self.history.push((self.loss.mean(&self.train), holdout));
    }

    /// The round after which the watched rows were predicted best.
    fn best_round(&self) -> usize {
        let watched = self.history.iter().enumerate().filter_map(|(round, losses)| Some((round, losses.1?)));
        let best = watched.min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        best.map_or(self.history.len() - 1, |(round, _)| round)
    }

    fn boost(&mut self, params: &Params) {
        for round in 0..params.rounds {
            let gradients = self.loss.gradients();
            let mut has_grown = false;
            for (output, gradients) in gradients.iter().enumerate() {
                let grown = self.grower.grow(&self.train, gradients);
                has_grown |= grown.tree.nodes.len() > 1;
                for (value, rows) in &grown.leaves {
                    rows.iter().for_each(|&row| self.loss.add(row as usize, output, *value));
                }
                for &row in &self.holdout {
                    self.loss.add(row as usize, output, tree::walk(&grown.tree, self.columns, row as usize));
                }
                self.trees.push(grown.tree);
                self.tree_gains.push(grown.gains);
            }
            self.remember();
            let is_stale = params.patience.is_some_and(|patience| round + 1 >= self.best_round() + patience);
            if !has_grown || (is_stale && !self.holdout.is_empty()) {
                return;
            }
        }
    }

    fn finish(mut self, columns: usize) -> Forest {
        let outputs = self.base.len();
        let rounds = self.best_round();
        self.trees.truncate(rounds * outputs);
        let mut gains = vec![0.0; columns];
        for &(column, gain) in self.tree_gains.iter().take(rounds * outputs).flatten() {
            gains[column] += gain;
        }
        let (training_loss, holdout_loss) = self.history[rounds];
        Forest { outputs, base: self.base, trees: self.trees, gains, rounds, training_loss, holdout_loss }
    }
}
