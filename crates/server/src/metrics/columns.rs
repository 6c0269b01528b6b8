//! ColumnShares of missing and unseen values by column, as gauges of `/metrics`.
//!
//! Invariants: at most [`MAX_COLUMNS`] columns are gauges of one page, and how many were left out is a metric.

use kilter_app::{
    App,
    column_stats::{self, ColumnReading, Span, VersionColumnStats},
    prediction,
};
use kilter_domain::{
    ids::EndpointName,
    time::{HOUR_MS, Timestamp},
};
use kilter_serving::{Role, column_stats::ColumnKind};

use crate::metrics::text::{family, labels};

/// Columns whose shares one page of metrics tells at most, over all endpoints.
const MAX_COLUMNS: usize = 500;

/// ColumnShares of the columns that live versions were asked with in this hour and the one before.
#[derive(Default)]
pub(crate) struct ColumnShares {
    columns: Vec<ColumnShare>,
    truncated: usize,
}

struct ColumnShare {
    labels: String,
    missing: f64,
    unseen: f64,
}

impl ColumnShares {
    /// Reads them; what cannot be read is in the log and in the API.
    pub(crate) fn read(app: &App, now: Timestamp) -> Self {
        let span = Span { since: Timestamp(now.millis().saturating_sub(HOUR_MS)), until: now };
        let mut shares = Self::default();
        for (endpoint, _) in prediction::open_endpoints(app) {
            let Ok(found) = column_stats::endpoint_column_stats(app, &endpoint, span) else { continue };
            for version in found.versions.iter().filter(|version| version.role == Role::Champion) {
                let columns = version.columns.iter().filter(|column| column.kind == ColumnKind::Feature);
                shares.columns.extend(columns.map(|column| share(&endpoint, version, column)));
            }
        }
        shares.truncated = shares.columns.len().saturating_sub(MAX_COLUMNS);
        shares.columns.truncate(MAX_COLUMNS);
        shares
    }

    /// Writes the gauges.
    pub(crate) fn write(&self, page: &mut String) {
        let help = "Share of rows without a value in this hour and the one before, by column of the live version.";
        let samples = self.columns.iter().map(|share| (share.labels.clone(), share.missing));
        family(page, "kilter_column_missing_ratio", "gauge", help, samples);
        let help = "Share of rows with a category or a number that the reference never had, in the same hours.";
        let samples = self.columns.iter().map(|share| (share.labels.clone(), share.unseen));
        family(page, "kilter_column_unseen_ratio", "gauge", help, samples);
        let help = "Columns whose shares found no room on this page.";
        family(page, "kilter_columns_truncated", "gauge", help, [(String::new(), self.truncated as f64)]);
    }
}

fn share(endpoint: &EndpointName, version: &VersionColumnStats, column: &ColumnReading) -> ColumnShare {
    let pairs = [("endpoint", endpoint.as_str()), ("version", &version.number.to_string()), ("column", &column.name)];
    let unseen = column.unseen_share().or(column.out_of_range_share()).unwrap_or_default();
    ColumnShare { labels: labels(&pairs), missing: column.missing_share(), unseen }
}

#[cfg(test)]
impl ColumnShares {
    /// One column.
    pub(crate) fn sample() -> Self {
        Self { columns: vec![ColumnShare { labels: "{}".to_owned(), missing: 0.5, unseen: 0.0 }], truncated: 0 }
    }
}
