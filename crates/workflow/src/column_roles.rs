//! What the columns of a step's data are for, handed to the step: a trainer that knows it leaves out what no model may
//! read, without naming them in its command.
//!
//! Invariants: roles are those of every dataset that the step's inputs come from, and they are part of its key.

use std::collections::BTreeMap;

use kilter_domain::contract::Dataset;
use serde::{Deserialize, Serialize};

/// The variable that names the file with the roles.
pub const VARIABLE: &str = "KILTER_COLUMN_ROLES";

/// The roles that the contract gives to columns of one dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnRoles {
    /// The column with the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The column with the time at which the label became known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_time: Option<String>,
    /// The column with the time of the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column with the weight of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The columns that name whom or what a row is about; no model reads them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id: Vec<String>,
    /// The columns that are for nothing; no model reads them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// The columns by which groups are compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<String>,
    /// The columns whose values are categories, though they look like numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categorical: Vec<String>,
}

/// By dataset.
pub type RolesByDataset = BTreeMap<String, ColumnRoles>;

impl ColumnRoles {
    /// As the contract states them; `None` where it states none.
    pub fn of(dataset: &Dataset) -> Option<Self> {
        let roles = Self {
            label: dataset.label.clone(),
            label_time: dataset.label_time.clone(),
            time: dataset.time.clone(),
            weight: dataset.weight.clone(),
            id: dataset.id.clone(),
            ignore: dataset.ignore.clone(),
            sensitive: dataset.sensitive.clone(),
            categorical: dataset.categorical.clone(),
        };
        (roles != Self::default()).then_some(roles)
    }
}
