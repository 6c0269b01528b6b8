//! What the standard variables of OpenTelemetry say about traces. Sampling, headers, the queue and the name of the service are read by
//! its SDK.

use std::time::Duration;

/// How long the collector may take for one delivery, where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_TIMEOUT_MS: u64 = 60_000;

/// Why traces cannot be exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// A variable asks for what there is not.
    #[error("`{name}` is `{value}`; {known}")]
    Unknown { name: &'static str, value: String, known: &'static str },
    /// The collector cannot be asked as it is named.
    #[error("traces cannot be exported: {0}")]
    Unusable(String),
}

/// Whether spans go to a collector.
///
/// # Errors
/// If they should go somewhere, or in a way, that there is not.
pub(crate) fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> Result<bool, TraceError> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(false);
    }
    let endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    match variable("OTEL_TRACES_EXPORTER").as_deref() {
        None | Some("otlp") => {}
        Some("none") => return Ok(false),
        Some(value) => {
            let (name, known) = ("OTEL_TRACES_EXPORTER", "traces are exported by `otlp`, or not at all (`none`)");
            return Err(TraceError::Unknown { name, value: value.to_owned(), known });
        }
    }
    if endpoints.into_iter().all(|name| variable(name).is_none()) {
        return Ok(false);
    }
    for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
        match variable(name) {
            None => {}
            Some(value) if value == "http/protobuf" => break,
            Some(value) => {
                let known = "traces are exported by `http/protobuf`, which collectors take on port 4318";
                return Err(TraceError::Unknown { name, value, known });
            }
        }
    }
    Ok(true)
}

/// How long the collector may take for one delivery.
pub(crate) fn timeout(variable: impl Fn(&str) -> Option<String>) -> Duration {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let stated = names.into_iter().find_map(|name| variable(name)?.parse::<u64>().ok());
    stated.map_or(TIMEOUT, |ms| Duration::from_millis(ms.clamp(1, MAX_TIMEOUT_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(variables: &[(&str, &str)]) -> Result<bool, String> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        is_wanted(find).map_err(|error| error.to_string())
    }

    #[test]
    fn traces_are_exported_where_a_collector_is_named() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert_eq!(wanted(&[]), Ok(false));
        assert_eq!(wanted(&[endpoint]), Ok(true));
        assert_eq!(wanted(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")]), Ok(true));
        assert_eq!(wanted(&[endpoint, ("OTEL_SDK_DISABLED", "True")]), Ok(false));
        assert_eq!(wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]), Ok(false));
        assert_eq!(wanted(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]), Ok(true));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf");
        assert_eq!(
            wanted(&[endpoint, own, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]),
            Ok(true),
            "that of traces counts"
        );
        assert!(wanted(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err().contains("4318"));
        assert!(wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "zipkin")]).unwrap_err().contains("zipkin"));
    }

    #[test]
    fn a_delivery_has_an_end() {
        let of =
            |value: &'static str| timeout(move |name| (name == "OTEL_EXPORTER_OTLP_TIMEOUT").then(|| value.to_owned()));
        assert_eq!(of("250"), Duration::from_millis(250));
        assert_eq!(of("0"), Duration::from_millis(1));
        assert_eq!(of("99999999999"), Duration::from_secs(60));
        assert_eq!(of("soon"), TIMEOUT);
    }
}
