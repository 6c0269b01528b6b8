//! What models did, as Triton's statistics extension of the protocol words it.

use serde::Serialize;

use crate::counters::VersionCounts;

/// Body of `GET /v2/models/stats` and `GET /v2/models/NAME[/versions/VERSION]/stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerStatistics {
    /// One for each version that is loaded.
    pub model_stats: Vec<ModelStatistics>,
}

/// What a version did since it was loaded. Nothing is cached, and no requests are joined to a batch: one execution is one
/// request, or the rows of it that the version was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelStatistics {
    /// The name of the endpoint.
    pub name: String,
    /// The number of the version.
    pub version: String,
    /// When it last scored rows, in milliseconds since 1970; 0: not yet.
    pub last_inference: u64,
    /// Rows that it scored.
    pub inference_count: u64,
    /// How often it was run.
    pub execution_count: u64,
    /// Durations. What is not measured apart has the count 0.
    pub inference_stats: InferenceStatistics,
    /// Of models that answer a request with several responses; there are none.
    pub response_stats: NoStatistics,
    /// By the size of a batch: not counted.
    pub batch_stats: Vec<NoStatistics>,
}

/// An object without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct NoStatistics {}

/// Durations of a version's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InferenceStatistics {
    /// Requests that were scored.
    pub success: DurationStatistics,
    /// Requests that were not, by whoever's fault; how long they took is not measured.
    pub fail: DurationStatistics,
    /// Waiting for the model: not measured apart.
    pub queue: DurationStatistics,
    /// Reading of inputs: not measured apart.
    pub compute_input: DurationStatistics,
    /// Scoring.
    pub compute_infer: DurationStatistics,
    /// Writing of outputs: not measured apart.
    pub compute_output: DurationStatistics,
    /// Answers of a cache; there is none.
    pub cache_hit: DurationStatistics,
    /// As `cache_hit`.
    pub cache_miss: DurationStatistics,
}

/// How often, and how long together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DurationStatistics {
    /// How often.
    pub count: u64,
    /// The sum of all durations in nanoseconds.
    pub ns: u64,
}

impl ModelStatistics {
    /// The counts of one version of an endpoint.
    pub fn new(endpoint: &str, version: u64, counts: &VersionCounts) -> Self {
        let ns = u64::try_from(counts.latency.total().as_nanos()).unwrap_or(u64::MAX);
        let scored = DurationStatistics { count: counts.latency.count(), ns };
        let fail = DurationStatistics { count: counts.errors + counts.refused, ns: 0 };
        Self {
            name: endpoint.to_owned(),
            version: version.to_string(),
            last_inference: u64::try_from(counts.last_scored.millis()).unwrap_or(0),
            inference_count: counts.rows,
            execution_count: scored.count,
            inference_stats: InferenceStatistics {
                success: scored,
                fail,
                compute_infer: scored,
                ..InferenceStatistics::default()
            },
            response_stats: NoStatistics {},
            batch_stats: Vec::new(),
        }
    }
}
