//! What a reading rests on: all rows of its window, or a share of them, and which.

use kilter_domain::rule::{Arg, Function, Quantity};

use crate::prediction::window_sample::WindowSample;

/// The rows of a window, and the share of them that a reading was measured on.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowsRead {
    pub rows: u64,
    /// `None`: all of them.
    pub share: Option<f64>,
}

/// Which rows say what a quantity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// All that were recorded: it is counted while they are read.
    Recorded,
    /// Those that are held.
    Held,
    /// Those with a label that are held.
    Labelled,
}

impl Basis {
    pub(super) fn of(quantity: &Quantity) -> Self {
        use Function::{Age, Estimated, Gap, Max, Mean, Min, Missing, Null, Ratio, Share, Sum, Unseen};
        let is_selection = |args: &[Arg]| matches!(args.first(), Some(Arg::Name(name)) if name == "selection_rate");
        match quantity {
            Quantity::Metric { name, slice: None } => match name.as_str() {
                "rows" | "labelled" | "requests" | "errors" | "error_rate" | "consumers" => Self::Recorded,
                "p50_ms" | "p95_ms" | "p99_ms" => Self::Recorded,
                "selected" => Self::Held,
                _ => Self::Labelled,
            },
            Quantity::Metric { slice: Some(_), .. } => Self::Labelled,
            Quantity::Call { function: Ratio | Gap, args, .. } if !is_selection(args) => Self::Labelled,
            Quantity::Call { function: Estimated, .. } => Self::Held,
            Quantity::Call { function: Unseen, .. } => Self::Recorded,
            Quantity::Call {
                function: Age | Max | Mean | Min | Missing | Null | Share | Sum, condition: None, ..
            } => Self::Recorded,
            Quantity::Call { .. } => Self::Held,
        }
    }

    /// The share of the rows of a window that the quantity was measured on; `None`: all of them.
    pub(super) fn share(self, window: &WindowSample) -> Option<f64> {
        match self {
            Self::Recorded => window.recorded_share(),
            Self::Held => window.rows.sample_share(),
            Self::Labelled => window.labelled.sample_share(),
        }
    }

    /// The end of the sentence about what was measured on less than all rows; empty if it was measured on all.
    pub(super) fn sentence(self, window: &WindowSample) -> String {
        let Some(share) = self.share(window) else { return String::new() };
        let is_thinned = window.totals.as_ref().is_some_and(|totals| totals.labelled_share.is_some());
        let of = if self == Self::Labelled && is_thinned { "rows with a label" } else { "rows" };
        format!(", on a sample of {} % of the {of}", share * 100.0)
    }
}
