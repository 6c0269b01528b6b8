//! Built-in trainers: a table in, a standard ONNX model out.
//!
//! What it is for: `kilter train` and the demo train real models without Python. Gradient boosting and a linear baseline;
//! binary, multiclass and regression; numeric, categorical, text and time columns, missing values, row weights.
//!
//! Invariants: the same table, options and seed give the same bytes, whatever the number of threads; the learner is
//! trained on what its own ONNX graph computes, so that any runtime answers alike; columns left out are reported with
//! the reason.
//!
//! Out of scope: files, clocks, tuning over many runs (a sweep does that), neural networks.

#![warn(missing_docs)]

mod boost;
mod categories;
mod columns;
mod date_features;
mod error;
mod export;
mod graph;
mod linear;
mod options;
mod prepare;
mod report;
mod target;
mod vocabulary;

use kilter_domain::table::Table;
use kilter_inference::{Features, Matrix, Model, PredictError, onnx::element};

pub use error::TrainError;
pub use kilter_inference::Task;
pub use options::{FeatureKind, Learner, Params, Reserved, TrainOptions};
pub use report::{ExcludedColumn, Importance, TrainReport, UsedColumn};

use prepare::Prepared;
use target::Target;

/// A trained model and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedModel {
    /// The model as standard ONNX; [`kilter_inference::Model::from_onnx`] or any onnxruntime loads it.
    pub onnx: Vec<u8>,
    /// What it was trained on, and how well.
    pub report: TrainReport,
}

/// Trains a model that predicts `options.target` from the other columns of `table`.
///
/// # Errors
/// When a named column is not there, the target cannot be learned, too few rows have one, no column is left to learn from, or a
/// setting is out of its range.
pub fn train_model(table: &Table, options: &TrainOptions) -> Result<TrainedModel, TrainError> {
    options.check()?;
    let target = Target::read(table, options)?;
    let rows = table.take(&target.rows);
    let (chosen, mut left_out) = columns::choose(&rows, options)?;
    let mut prepared = prepare::prepare(&chosen, &rows, &target, options);
    left_out.append(&mut prepared.left_out);
    if prepared.blocks.is_empty() {
        let reasons = left_out.iter().map(|out| format!("`{}`: {}", out.column, out.why)).collect();
        return Err(TrainError::NoColumns { reasons });
    }
    let matrices = matrices(&prepared, &rows)?;
    let learned = learn(&mut prepared, &matrices, &target, options);
    let answers = export::ModelOutputs { task: target.task, labels: &target.labels, target: &options.target };
    let onnx = export::finish(prepared.graph, &learned.scores, &answers, learned.baseline.as_deref())?;
    // What was written must load: a model that cannot be served is no result.
    Model::from_onnx(&onnx).map_err(|error| TrainError::Export(error.to_string()))?;
    let importance = importance(&prepared.used, &learned.shares);
    prepared.notes.extend(learned.notes);
    let report = TrainReport {
        target: options.target.clone(),
        task: target.task,
        learner: options.learner,
        rows: target.rows.len(),
        rows_left_out: table.rows() - target.rows.len(),
        classes: target.labels.names(),
        used: prepared.used,
        left_out,
        importance,
        rounds: learned.rounds,
        training_loss: learned.training_loss,
        holdout_loss: learned.holdout_loss,
        notes: prepared.notes,
        seed: options.seed,
        params: options.params.clone(),
    };
    Ok(TrainedModel { onnx, report })
}

/// The numbers that the written graph computes for the trained rows.
fn matrices(prepared: &Prepared, rows: &Table) -> Result<Vec<Matrix>, TrainError> {
    let outputs: Vec<_> =
        prepared.blocks.iter().map(|block| (block.value.as_str(), element::FLOAT, Some(block.origins.len()))).collect();
    let proto = prepared.graph.model(&outputs, Vec::new());
    let features =
        Features::new(&proto, &prepared.graph.signature).map_err(|error| TrainError::Export(error.to_string()))?;
    features.of(rows).map_err(|error| match error {
        PredictError::NotFinite { column, row, value } => TrainError::BadColumn {
            column,
            kind: "numeric",
            reason: format!("row {row} of the trained rows is {value}, and a linear model needs finite numbers"),
        },
        error => TrainError::Export(error.to_string()),
    })
}

/// What a learner found.
struct TrainedLearner {
    /// The value of the graph that holds the raw scores.
    scores: String,
    /// By used column.
    shares: Vec<f64>,
    /// By used column, what it adds to each score in the mean; trees carry it in their nodes.
    baseline: Option<Vec<Vec<f64>>>,
    rounds: usize,
    training_loss: f64,
    holdout_loss: Option<f64>,
    notes: Vec<String>,
}

fn learn(prepared: &mut Prepared, matrices: &[Matrix], target: &Target, options: &TrainOptions) -> TrainedLearner {
    let mut shares = vec![0.0; prepared.used.len()];
    let mut notes = Vec::new();
    let (params, weights) = (&options.params, &target.weights);
    match options.learner {
        Learner::Boosting => {
            let block = &prepared.blocks[0];
            let forest = boost::train(&matrices[0], &target.outcome, weights, params, options.seed);
            block.origins.iter().zip(&forest.gains).for_each(|(&origin, gain)| shares[origin] += gain);
            if forest.trees.is_empty() {
                notes.push("no split helped: the model answers the same for every row".to_owned());
            }
            TrainedLearner {
                scores: export::forest(&mut prepared.graph, block, &forest),
                shares,
                baseline: None,
                rounds: forest.rounds,
                training_loss: forest.training_loss,
                holdout_loss: forest.holdout_loss,
                notes,
            }
        }
        Learner::Linear => {
            let has_text = prepared.blocks.iter().any(|block| block.is_text);
            let linear = linear::train(matrices, &target.outcome, weights, params, has_text);
            for (block, effects) in prepared.blocks.iter().zip(&linear.effects) {
                block.origins.iter().zip(effects).for_each(|(&origin, effect)| shares[origin] += effect);
            }
            if !linear.has_converged {
                notes.push(format!("the optimum was not reached in {} iterations", linear.iterations));
            }
            let origins = prepared.blocks.iter().flat_map(|block| &block.origins).copied();
            TrainedLearner {
                scores: export::linear(&mut prepared.graph, &prepared.blocks, &linear),
                shares,
                baseline: Some(linear.baseline(origins, prepared.used.len())),
                rounds: linear.iterations,
                training_loss: linear.training_loss,
                holdout_loss: None,
                notes,
            }
        }
    }
}

fn importance(used: &[UsedColumn], shares: &[f64]) -> Vec<Importance> {
    let total: f64 = shares.iter().sum();
    let share = |share: f64| if total > 0.0 { share / total } else { 0.0 };
    let mut importance: Vec<Importance> = used
        .iter()
        .zip(shares)
        .map(|(used, &part)| Importance { column: used.column.clone(), share: share(part) })
        .collect();
    importance.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.column.cmp(&b.column)));
    importance
}
