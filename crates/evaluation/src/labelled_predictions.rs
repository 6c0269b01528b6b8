//! What a model said beside what turned out to be true: the owned form of the rows that `stats` measures.
//!
//! Invariants: gates, monitors, rollouts and replays measure performance through this one type, so a metric means the
//! same everywhere. Rows without a label, or without a usable answer, are left out and counted; so are rows whose label
//! names no class of the model, and with too many of them nothing is measured.

mod classes;
mod join;
mod rows;
mod unknown;

#[cfg(test)]
mod tests;

use kilter_inference::Task;
use kilter_stats::performance::{Metric, Task as MetricTask};

pub use classes::{ClassMatcher, class_name, distinct_classes, label_number, label_text};
pub use join::usable_weight;
pub use rows::{LabelledPredictions, RawPredictions};
pub use unknown::{LabelCheck, MAX_UNKNOWN_SHARE, quoted};

/// The metric that leads where nobody named one.
pub fn headline(task: Task) -> &'static str {
    match task {
        Task::Binary => "auc",
        Task::Multiclass => "accuracy",
        Task::Regression => "mae",
    }
}

/// Whether larger values of the metric are better; metrics that are neither count as better when larger.
pub fn larger_is_better(name: &str, task: MetricTask) -> bool {
    Metric::named(name, task).ok().and_then(Metric::larger_is_better).unwrap_or(true)
}
