//! Documents about versions, the inventory of all models, and objectives.

use std::collections::BTreeMap;

use kilter_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of a section of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DocumentBlock {
    /// A paragraph.
    Text {
        /// Its text.
        text: String,
    },
    /// Rows under headings.
    Table {
        /// The headings.
        headings: Vec<String>,
        /// As many cells a row as there are headings.
        rows: Vec<Vec<String>>,
    },
    /// What no record says, and where it would come from.
    Gap {
        /// What is missing.
        text: String,
    },
    /// What people write.
    Human {
        /// The name of the part.
        part: String,
        /// Its text; absent: nobody has written it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// A section of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DocumentSection {
    /// Its heading.
    pub heading: String,
    /// What it says.
    pub blocks: Vec<DocumentBlock>,
}

/// A document about a version, filled from records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// What it is about.
    pub title: String,
    /// YAML in front of a model card; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub front_matter: String,
    /// Its sections, in order.
    pub sections: Vec<DocumentSection>,
    /// What no record says, section by section.
    pub gaps: Vec<String>,
    /// The revision of the card whose parts it has; absent: nobody wrote one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// Writes parts of the card of a version (`POST /api/v1/models/{model}/versions/{version}/card`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CardParts {
    /// The text of each part: `limitations`, `ethics`, `oversight`, `data`, `notes`. Parts that are not named stay as they are.
    pub parts: BTreeMap<String, String>,
    /// The revision of the card that was read and changed. A part that someone else wrote since is not overwritten: the answer
    /// is 409. Absent: none was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

/// A version that answers at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveVersion {
    /// The name of the endpoint.
    pub endpoint: String,
    /// The number of the version.
    pub version: u32,
}

/// A model of the inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InventoryEntry {
    /// The name of the project.
    pub project: String,
    /// The name of the model.
    pub model: String,
    /// The risk tier: `low`, `medium` or `high`.
    pub risk: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What answers now.
    pub live: Vec<LiveVersion>,
    /// How many versions there are.
    pub versions: usize,
    /// When what answers was approved last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub approved: Option<Timestamp>,
    /// When the approval of what answers ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub review_due: Option<Timestamp>,
    /// What is wrong.
    pub findings: Vec<String>,
}

/// Every model that the caller may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Inventory {
    /// By the name of the project.
    pub items: Vec<InventoryEntry>,
}

/// What an objective came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ObjectiveReading {
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The value of its KPI; absent: it could not be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Whether the target is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_met: Option<bool>,
    /// The number of the version that was live then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What the business wants, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Objective {
    /// Its name in the contract.
    pub name: String,
    /// The quantity of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kpi: Option<String>,
    /// Its value before the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// The comparison that it must meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// When people look at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub review_due: Option<Timestamp>,
    /// What it came to, newest first; at most a hundred.
    pub readings: Vec<ObjectiveReading>,
    /// The metrics of the version that is live now.
    #[schema(value_type = Object)]
    pub metrics: serde_json::Value,
}

/// Asks for a measurement of the objectives of a model. There is nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureObjectives {}

/// The objectives of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Objectives {
    /// In the order of the contract.
    pub items: Vec<Objective>,
}
