//! How far the labels of each endpoint were searched for corrections.

use std::{collections::HashMap, sync::Mutex};

use kilter_domain::ids::EndpointName;

use crate::lock::lock;

/// How far the labels of an endpoint were searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelMark {
    /// Rows of the log of labels.
    pub(crate) rows: u64,
    /// The place of the newest of them.
    pub(crate) sequence: i64,
}

/// Marks by endpoint. They are not kept: after a start the labels are searched once.
#[derive(Debug, Default)]
pub(crate) struct LabelMarks(Mutex<HashMap<EndpointName, LabelMark>>);

impl LabelMarks {
    /// How far the labels of an endpoint were searched.
    pub(crate) fn find(&self, endpoint: &EndpointName) -> Option<LabelMark> {
        lock(&self.0).get(endpoint).copied()
    }

    /// The labels of an endpoint were searched as far as `mark`.
    pub(crate) fn set(&self, endpoint: &EndpointName, mark: LabelMark) {
        lock(&self.0).insert(endpoint.clone(), mark);
    }
}
