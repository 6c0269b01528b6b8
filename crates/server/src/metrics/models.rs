//! The models in memory, and what was loaded and released, as gauges and counters of `/metrics`.

use kilter_app::model::ModelMemoryCounts;

use crate::metrics::text::family;

/// Writes the families.
pub(crate) fn write(page: &mut String, counts: &ModelMemoryCounts) {
    let ModelMemoryCounts { loaded, bytes, limit, loads, failures, evictions, load_time } = *counts;
    let mut one = |name, kind, help, value: f64| family(page, name, kind, help, [(String::new(), value)]);
    one("kilter_models_loaded", "gauge", "Models that are in memory.", loaded as f64);
    let help = "Bytes that the models and packages in memory take; of other runtimes an estimate.";
    one("kilter_model_memory_bytes", "gauge", help, bytes as f64);
    if let Some(limit) = limit {
        let help = "Bytes that they may take (--model-memory).";
        one("kilter_model_memory_limit_bytes", "gauge", help, limit as f64);
    }
    one("kilter_model_loads_total", "counter", "Models that were loaded.", loads as f64);
    let help = "Models that could not be loaded.";
    one("kilter_model_load_failures_total", "counter", help, failures as f64);
    let help = "Models that were released for the room of others.";
    one("kilter_model_evictions_total", "counter", help, evictions as f64);
    let help = "Time that loads took together.";
    one("kilter_model_load_seconds_total", "counter", help, load_time.as_secs_f64());
}
