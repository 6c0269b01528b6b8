//! Predictions: answered by the data plane, recorded durably, settled into the lake, joined with their labels.

pub(crate) mod bisect;
pub(crate) mod compact;
pub(crate) mod error;
pub(crate) mod expire;
pub(crate) mod group_draws;
pub(crate) mod import;
pub(crate) mod label_checks;
pub(crate) mod live;
pub(crate) mod log_copies;
pub(crate) mod log_place;
pub(crate) mod log_recovery;
pub(crate) mod log_scan;
pub(crate) mod log_survey;
pub(crate) mod logged;
pub(crate) mod merge_partitions;
pub(crate) mod open_log;
pub(crate) mod partition_index;
pub(crate) mod predict;
pub(crate) mod window_sample;

pub use crate::components::serving::{Loss, Serving};
pub use compact::compact_log;
pub use error::{ImportError, LabelError, LabelFromFuture, PredictionError};
pub use import::{ImportedPredictions, PastPredictions, PredictionFile, begin_import, import_predictions};
pub use label_checks::KnownIds;
pub use label_checks::{check_labels, known_ids};
pub use logged::logged_predictions;
pub use logged::{Label, LoggedPredictions, PredictionFilter};
pub use partition_index::{LogTable, log_tables};
pub use predict::{Labels, Request};
pub use predict::{label, open_endpoints, predict, serving};
