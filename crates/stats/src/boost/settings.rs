//! Settings of a boosted ensemble.

use serde::{Deserialize, Serialize};

/// How large a forest may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Trees.
    pub trees: usize,
    /// Leaves of a tree.
    pub leaves: usize,
    /// Rows of a leaf, at least.
    pub leaf_rows: usize,
    /// Learning rate.
    pub rate: f64,
    /// Ridge penalty of leaf values.
    pub ridge: f64,
}

impl Default for Shape {
    fn default() -> Self {
        Shape { trees: 100, leaves: 31, leaf_rows: 20, rate: 0.1, ridge: 0.0 }
    }
}
