//! How far the labels of each endpoint were looked through for corrections.

use std::{collections::HashMap, sync::Mutex};

use kilter_domain::ids::EndpointName;

use crate::lock::lock;

/// How far the labels of an endpoint were looked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelMark {
    /// Rows of the log of labels.
    pub(crate) rows: u64,
    /// The place of the newest of them.
    pub(crate) sequence: i64,
}

/// Marks by endpoint. They are not kept: after a start the labels are looked through once.
#[derive(Debug, Default)]
pub(crate) struct LabelMarks(Mutex<HashMap<EndpointName, LabelMark>>);

impl LabelMarks {
    /// How far the labels of an endpoint were looked through.
    pub(crate) fn find(&self, endpoint: &EndpointName) -> Option<LabelMark> {
        lock(&self.0).get(endpoint).copied()
    }

    /// The labels of an endpoint were looked through as far as `mark`.
    pub(crate) fn set(&self, endpoint: &EndpointName, mark: LabelMark) {
        lock(&self.0).insert(endpoint.clone(), mark);
    }
}
