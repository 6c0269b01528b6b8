//! What answers at each endpoint and which alerts are active there, as gauges of `/metrics`.

use std::collections::BTreeMap;

use kilter_api as api;

use crate::metrics::text::{family, labels};

/// Writes the families.
pub(crate) fn write(page: &mut String, status: &api::Status) {
    let mut active: BTreeMap<(&str, api::AlertState, api::AlertKind), u64> = BTreeMap::new();
    for alert in &status.alerts {
        *active.entry((alert.endpoint.as_str(), alert.state, alert.kind)).or_default() += 1;
    }
    let active = active.into_iter().map(|((endpoint, state, kind), count)| {
        (labels(&[("endpoint", endpoint), ("state", state.as_str()), ("kind", kind.as_str())]), count as f64)
    });
    let help = "Alerts that are not resolved, by their state and their kind.";
    family(page, "kilter_alerts_active", "gauge", help, active);
    let answers = |endpoint: &&api::EndpointStatus| endpoint.refused.is_none();
    let live = status.endpoints.iter().filter(answers).filter_map(|endpoint| {
        let live = endpoint.live.as_ref()?;
        Some((labels(&[("endpoint", &endpoint.name)]), f64::from(live.version)))
    });
    family(page, "kilter_live_version", "gauge", "The number of the version that answers.", live);
}
