//! Windows of an endpoint added up by version and role.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{digest::Digest, time::Timestamp};
use kilter_serving::{
    Role, VersionRef,
    column_stats::{ColumnStatsWindow, HourBucket, TrackedColumn, hour_of},
};

use crate::column_stats::{error::ColumnStatsError, file::ColumnStatsFileError};

/// Which rows are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Hours are counted from the one that this time is in.
    pub since: Timestamp,
    /// Hours are counted up to the one that this time is in.
    pub until: Timestamp,
}

impl Span {
    /// Whether an hour has a part in it.
    pub(super) const fn has(&self, hour: i64) -> bool {
        hour >= hour_of(self.since) && hour <= hour_of(self.until)
    }
}

/// Windows added up by version and role.
#[derive(Default)]
pub(crate) struct Sums {
    pub(super) columns: BTreeMap<Digest, Arc<[TrackedColumn]>>,
    pub(super) windows: BTreeMap<(VersionRef, &'static str), Sum>,
    pub(super) unreadable: u64,
    pub(super) lost_rows: u64,
}

pub(crate) struct Sum {
    pub(super) role: Role,
    pub(super) first_hour: i64,
    pub(super) last_hour: i64,
    /// Rows of each hour: what the reference is weighted by.
    pub(super) hours: BTreeMap<i64, u64>,
    pub(super) window: ColumnStatsWindow,
}

impl Sums {
    pub(super) fn add(
        &mut self,
        version: VersionRef,
        slot: &HourBucket,
        watched: &Arc<[TrackedColumn]>,
    ) -> Result<(), ColumnStatsError> {
        self.columns.entry(version.digest).or_insert_with(|| watched.clone());
        let HourBucket { role, hour, window } = slot;
        match self.windows.get_mut(&(version, role.as_str())) {
            Some(sum) => {
                sum.window.merge(window).map_err(ColumnStatsFileError::Merge)?;
                (sum.first_hour, sum.last_hour) = (sum.first_hour.min(*hour), sum.last_hour.max(*hour));
                *sum.hours.entry(*hour).or_default() += window.rows;
            }
            None => {
                let hours = BTreeMap::from([(*hour, window.rows)]);
                let sum = Sum { role: *role, first_hour: *hour, last_hour: *hour, hours, window: window.clone() };
                self.windows.insert((version, role.as_str()), sum);
            }
        }
        Ok(())
    }
}
