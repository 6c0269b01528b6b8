//! How far the labels of each endpoint were searched for corrections.

use std::{collections::HashMap, sync::Mutex};

use kilter_domain::{ids::EndpointName, log_position::LogPosition};

use crate::lock::lock;

/// How far the labels of an endpoint were searched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelMark {
    /// Rows of the log of labels.
    pub(crate) rows: u64,
    /// Up to which of them.
    pub(crate) position: LogPosition,
}

/// Marks by endpoint. They are not kept: after a start the labels are searched once.
#[derive(Debug, Default)]
pub(crate) struct LabelMarks(Mutex<HashMap<EndpointName, LabelMark>>);

impl LabelMarks {
    /// How far the labels of an endpoint were searched.
    pub(crate) fn find(&self, endpoint: &EndpointName) -> Option<LabelMark> {
        lock(&self.0).get(endpoint).cloned()
    }

    /// The labels of an endpoint were searched as far as `mark`.
    pub(crate) fn set(&self, endpoint: &EndpointName, mark: LabelMark) {
        lock(&self.0).insert(endpoint.clone(), mark);
    }
}
