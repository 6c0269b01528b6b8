//! How many rows from before each endpoint was made its monitors have seen.

use std::{collections::HashMap, sync::Mutex};

use kilter_domain::ids::EndpointName;

use crate::lock::lock;

/// Rows by endpoint. They are not kept: after a start the past is looked at once.
#[derive(Debug, Default)]
pub(crate) struct PastMarks(Mutex<HashMap<EndpointName, u64>>);

impl PastMarks {
    /// Whether there are other rows than were seen.
    pub(crate) fn has_changed(&self, endpoint: &EndpointName, rows: u64) -> bool {
        lock(&self.0).get(endpoint) != Some(&rows)
    }

    /// So many rows were seen.
    pub(crate) fn set(&self, endpoint: &EndpointName, rows: u64) {
        lock(&self.0).insert(endpoint.clone(), rows);
    }
}
