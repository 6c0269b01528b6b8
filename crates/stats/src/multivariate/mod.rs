//! Drift of many columns at once: reconstruction error, and how well a classifier tells old rows from new ones.
//!
//! Invariants: fits see the reference only (reconstruction) or are cross-fitted (classifier), so a reading on unchanged
//! rows is centred. Out of scope: alarms; give per-window readings to `sequential`.

mod domain_classifier;
mod encode;
mod pca;

pub use domain_classifier::{DomainClassifier, domain_classifier};
pub use encode::{FrequencyCode, MeanFill};
pub use pca::{Reconstruction, symmetric_eigen};
