//! What column statistics say: of each column how much is missing, strange, and how far it is from its reference.

use kilter_domain::{
    ids::ModelName,
    time::{HOUR_MS, Timestamp},
};
use kilter_evaluation::reference::Reference;
use kilter_serving::{
    Role, VersionRef,
    column_stats::{ColumnKind, TrackedColumn},
};
use kilter_stats::{
    compare::{Level, MIN_ROWS},
    drift::{Distance, Measure},
    profile::{ColumnCounts, ReferenceDistribution},
};

use crate::{
    app::App,
    column_stats::sums::{Sum, Sums},
    model::{error::VersionError, load},
};

/// What the versions of an endpoint answered.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointColumnStats {
    /// By version and role.
    pub versions: Vec<VersionColumnStats>,
    /// Files that could not be read.
    pub unreadable: u64,
    /// Rows that this process counted and could keep nowhere.
    pub lost_rows: u64,
}

/// What a version answered in a role.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionColumnStats {
    /// The model of the version.
    pub model: ModelName,
    /// The number of the version.
    pub number: u64,
    /// Whether it answered as champion or candidate, or in the shadow.
    pub role: Role,
    /// The start of the first hour with a row.
    pub from: Timestamp,
    /// The end of the last hour with a row.
    pub to: Timestamp,
    /// Rows that were counted.
    pub rows: u64,
    /// What each column held: features in the order of the signature, other columns of the reference, score, prediction.
    pub columns: Vec<ColumnReading>,
}

/// What a column held.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnReading {
    /// The name of the column.
    pub name: String,
    /// Whether the model reads it, or it is the score or the prediction.
    pub kind: ColumnKind,
    /// Its values, counted by the bins of the reference.
    pub counts: ColumnCounts,
    /// Share of the reference's rows without a value.
    pub reference_missing: f64,
    /// PSI, then W1 over the reference's standard deviation and KS (numbers) or the total variation (categories), from the
    /// rows of the same season; what is undefined is left out.
    pub distances: Vec<Distance>,
    /// What it was compared with, or why it was not.
    pub compared: String,
    /// How much it matters, as far as one look without evidence over windows tells.
    pub level: Level,
}

impl Sums {
    pub(super) fn measured(self, app: &App) -> Result<EndpointColumnStats, VersionError> {
        let mut versions = Vec::new();
        for ((version, _), sum) in self.windows {
            let watched = self.columns.get(&version.digest).map(|watched| &**watched).unwrap_or_default();
            versions.push(version_profile(app, version, watched, &sum)?);
        }
        Ok(EndpointColumnStats { versions, unreadable: self.unreadable, lost_rows: self.lost_rows })
    }
}

fn version_profile(
    app: &App,
    version: VersionRef,
    watched: &[TrackedColumn],
    sum: &Sum,
) -> Result<VersionColumnStats, VersionError> {
    let package = load::read_package(app, version.digest)?;
    Ok(VersionColumnStats {
        model: package.manifest.model.clone(),
        number: version.number,
        role: sum.role,
        from: Timestamp(sum.first_hour * HOUR_MS),
        to: Timestamp((sum.last_hour + 1) * HOUR_MS),
        rows: sum.window.rows,
        columns: columns(watched, sum, &package.reference),
    })
}

fn columns(watched: &[TrackedColumn], sum: &Sum, reference: &Reference) -> Vec<ColumnReading> {
    let hours: Vec<(Timestamp, u64)> =
        sum.hours.iter().map(|(hour, rows)| (Timestamp(hour * HOUR_MS), *rows)).collect();
    let reading = |(column, counts): (&TrackedColumn, &ColumnCounts)| {
        let measures = match &column.reference {
            ReferenceDistribution::Numeric(_) => &[Measure::Psi, Measure::W1OverSd, Measure::Ks][..],
            ReferenceDistribution::Categorical(_) => &[Measure::Psi, Measure::Tvd],
        };
        let measured: Vec<_> =
            measures.iter().map(|measure| reference.counted_distance(column, counts, &hours, *measure)).collect();
        let compared = match &measured[0] {
            Ok(found) => found.compared(),
            Err(reason) => reason.to_string(),
        };
        let distances: Vec<Distance> = measured.into_iter().flatten().map(|found| found.distance).collect();
        ColumnReading {
            name: column.name.clone(),
            kind: column.kind,
            counts: counts.clone(),
            reference_missing: reference_missing(&column.reference),
            level: level_of(&distances),
            distances,
            compared,
        }
    };
    watched.iter().zip(&sum.window.columns).map(reading).collect()
}

/// The level of the farthest, not of PSI: a sentinel among the values hides a shift from W1 and not from KS.
fn level_of(distances: &[Distance]) -> Level {
    let judged = distances.iter().filter(|distance| distance.measure != Measure::Psi);
    let is_enough = |distance: &&Distance| distance.current_rows >= MIN_ROWS;
    judged.filter(is_enough).map(|found| Level::of_effect(found.measure, found.effect)).max().unwrap_or(Level::TooFew)
}

fn reference_missing(frozen: &ReferenceDistribution) -> f64 {
    let (rows, missing) = match frozen {
        ReferenceDistribution::Numeric(reference) => (reference.counts().rows, reference.counts().missing),
        ReferenceDistribution::Categorical(reference) => (reference.counts().rows, reference.counts().missing),
    };
    share(missing, rows)
}

fn share(part: u64, rows: u64) -> f64 {
    if rows == 0 { 0.0 } else { part as f64 / rows as f64 }
}

impl ColumnReading {
    /// Rows, with or without a value.
    pub fn rows(&self) -> u64 {
        self.counts.rows()
    }

    /// Rows below and above the reference's range, and infinite ones; `None` for categories.
    pub fn outside(&self) -> Option<[u64; 3]> {
        match &self.counts {
            ColumnCounts::Numeric(counts) => Some([counts.below, counts.above, counts.infinite]),
            ColumnCounts::Categorical(_) => None,
        }
    }

    /// The first categories that the reference never had.
    pub fn unseen_values(&self) -> Vec<String> {
        match &self.counts {
            ColumnCounts::Categorical(counts) => counts.unseen_values.iter().map(|(value, _)| value.clone()).collect(),
            ColumnCounts::Numeric(_) => vec![],
        }
    }

    /// Share of the rows without a value.
    pub fn missing_share(&self) -> f64 {
        share(self.counts.missing(), self.counts.rows())
    }

    /// Share of the rows with a value whose category the reference never had; `None` for numbers.
    pub fn unseen_share(&self) -> Option<f64> {
        match &self.counts {
            ColumnCounts::Categorical(counts) => Some(share(counts.unseen, counts.values())),
            ColumnCounts::Numeric(_) => None,
        }
    }

    /// Share of the rows with a value outside of the reference's range, infinities included; `None` for categories.
    pub fn out_of_range_share(&self) -> Option<f64> {
        match &self.counts {
            ColumnCounts::Numeric(counts) => {
                let outside = counts.below + counts.above + counts.infinite;
                Some(share(outside, counts.rows - counts.missing))
            }
            ColumnCounts::Categorical(_) => None,
        }
    }
}
