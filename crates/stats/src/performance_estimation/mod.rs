//! Performance without labels, or with few: CBPE from calibrated scores, PPI from some labels.
//!
//! Invariants: an estimate is never called a measurement; each carries the interval within which the realised number
//! should fall if only the inputs moved. Out of scope: any claim about a changed concept, which needs labels.

mod confidence;
mod direct_loss;
mod isotonic;
mod multiclass;
mod prediction_powered;

pub use confidence::{Calibration, ESTIMABLE, Expected};
pub use direct_loss::{DirectLoss, Loss};
pub use isotonic::Isotonic;
pub use multiclass::{ClassCalibrations, ExpectedClasses, expected_classes};
pub use prediction_powered::powered_mean;
