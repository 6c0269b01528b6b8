//! Tracked runs: searched, looked at, followed, whoever logged them.

use std::collections::BTreeMap;

use kilter_domain::{search::View, time::Timestamp, tracking::RunStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runs::RunSummary;

/// Searches runs (`POST /api/v1/tracked-runs/search`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchTrackedRuns {
    /// The names of the experiments; all that may be read where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiments: Vec<String>,
    /// What must hold, in the language of searches: `metrics.auc > 0.8 AND params.depth = '3'`. Default: nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// By what they are sorted: `metrics.auc DESC`. Default: the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<String>,
    /// Whether deleted runs are found.
    #[serde(default)]
    pub deleted: Deleted,
    /// Runs of a page: 1 to 1000. Default: 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Whether deleted runs are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Deleted {
    /// No.
    #[default]
    Without,
    /// Only they.
    Only,
    /// They too.
    With,
}

impl From<Deleted> for View {
    fn from(deleted: Deleted) -> Self {
        match deleted {
            Deleted::Without => Self::Active,
            Deleted::Only => Self::Deleted,
            Deleted::With => Self::All,
        }
    }
}

/// A run with what it logged (`GET /api/v1/tracked-runs/{id}`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrackedRun {
    /// Its id.
    pub id: String,
    /// How people call it.
    pub name: String,
    /// The name of its experiment.
    pub experiment: String,
    /// Who logged it, as the client said; empty where it said nothing.
    pub user: String,
    /// `scheduled`, `running`, `finished`, `failed` or `killed`.
    #[schema(value_type = String)]
    pub status: RunStatus,
    /// Whether it is deleted; it can be restored.
    pub is_deleted: bool,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Timestamp>,
    /// When it ended; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// The address of its artifacts.
    pub artifact_uri: String,
    /// What the platform says of it; absent where a client executed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executed: Option<RunSummary>,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Of each metric the point with the highest step, then time, then value.
    pub metrics: BTreeMap<String, MetricValue>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The datasets that it read.
    pub datasets: Vec<TrackedInput>,
    /// The ids of the logged models that it made.
    pub models: Vec<String>,
}

/// A point of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricValue {
    /// What was measured; null where it is NaN.
    pub value: Option<f64>,
    /// The step within the run.
    pub step: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// A dataset that a run read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrackedInput {
    /// Its name.
    pub name: String,
    /// The digest of its content, as the client computed it.
    pub digest: String,
    /// What it was read for: training, evaluation and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

/// What changed in a run since the event before (`GET /api/v1/tracked-runs/{id}/events`, as server-sent events named `change`).
/// The first one has all there is. After the last one the event `end` follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TrackedRunChange {
    /// How people call it now.
    pub name: String,
    /// Where it stands now.
    #[schema(value_type = String)]
    pub status: RunStatus,
    /// Parameters that are new.
    pub params: BTreeMap<String, String>,
    /// Tags that are new, or have another value.
    pub tags: BTreeMap<String, String>,
    /// The names of tags that are gone.
    pub removed_tags: Vec<String>,
    /// Of each metric the points behind the last one that was sent, in the order of step and time; in the first event the last one.
    pub metrics: BTreeMap<String, Vec<MetricValue>>,
}

/// Asks for one metric of runs as lines of a chart (`POST /api/v1/tracked-runs/series`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSeries {
    /// The ids of 1 to 20 runs.
    pub ids: Vec<String>,
    /// The name of the metric.
    pub metric: String,
    /// The first step; absent: from the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<i64>,
    /// The last step; absent: to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<i64>,
    /// Points of a run at most, 4 to 10000. Default: 2000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<u32>,
}

/// One metric of runs, each as columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MetricSeries {
    /// In the order in which they were asked for.
    pub series: Vec<RunSeries>,
    /// How many points there are, and how they are drawn, for the line below the chart.
    pub caption: String,
}

/// The points of one run, in the order of step and time. Where there are more than asked for, they are cut into equal parts in this order,
/// and the first, last, smallest and largest of each part are here (M4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunSeries {
    /// The run.
    pub id: String,
    /// How many points it has at these steps.
    pub count: u64,
    /// The step of each point that is here.
    pub steps: Vec<i64>,
    /// Its value; null where it is NaN or infinite.
    pub values: Vec<Option<f64>>,
}
