//! Gates: a candidate is measured on rows it has not seen, beside the champion, and judged by the frozen rules.

pub(crate) mod data_checks;
pub(crate) mod diagnostics;
pub(crate) mod error;
pub(crate) mod evaluate;
pub(crate) mod holdout;
pub(crate) mod holdout_answers;
pub(crate) mod judge;
pub(crate) mod leakage;
pub(crate) mod threshold_choice;
pub(crate) mod transition;

pub use error::GateError;
pub use evaluate::{Champion, GateEvaluation};
