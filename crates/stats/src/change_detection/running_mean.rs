//! A running mean.

use serde::{Deserialize, Serialize};

/// A running mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Mean {
    pub count: u64,
    pub value: f64,
}

impl Mean {
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.value += (value - self.value) / self.count as f64;
    }
}
