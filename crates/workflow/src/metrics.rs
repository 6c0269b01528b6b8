//! The metrics output of a step: a JSON document whose numbers are metrics, nested ones by dotted names.

use std::collections::BTreeMap;

use serde_json::Value;

/// Longest document that is read.
pub(crate) const MAX_BYTES: u64 = 16 << 20;
/// Most metrics of one step.
const MAX_METRICS: usize = 100_000;
const MAX_DEPTH: usize = 32;

/// Why a document holds no metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// A value is NaN or infinite.
    #[error(
        "line {line} holds NaN or Infinity, which is no measurement; leave the metric out, or write null, when it could not be measured"
    )]
    NotFinite {
        /// The line of the document, from 1.
        line: usize,
    },
    /// The document cannot be parsed; with what the parser reports.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// The document is JSON and no object.
    #[error("it must be an object like {{\"auc\": 0.83}}")]
    NotAnObject,
    /// The document has more numbers, or more levels, than are read.
    #[error("it holds more than {MAX_METRICS} numbers, or is nested deeper than {MAX_DEPTH}")]
    TooMany,
}

/// Dotted name → number. Texts, truth values and lists are no metrics; null means not measured.
pub(crate) fn parse(bytes: &[u8]) -> Result<BTreeMap<String, f64>, MetricsError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| refusal(bytes, &error))?;
    let mut found = BTreeMap::new();
    match value {
        Value::Object(_) => collect("", &value, 0, &mut found)?,
        _ => return Err(MetricsError::NotAnObject),
    }
    Ok(found)
}

fn collect(path: &str, value: &Value, depth: usize, found: &mut BTreeMap<String, f64>) -> Result<(), MetricsError> {
    if depth > MAX_DEPTH || found.len() > MAX_METRICS {
        return Err(MetricsError::TooMany);
    }
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            collect(&path, value, depth + 1, found)
        })?,
        Value::Number(number) => {
            // JSON knows no infinities, and a number out of range was refused by the parser.
            found.extend(number.as_f64().map(|number| (path.to_owned(), number)));
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
    Ok(())
}

/// Python's json writes NaN and Infinity bare; that deserves better words than "expected value".
fn refusal(bytes: &[u8], error: &serde_json::Error) -> MetricsError {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let at: String = line.chars().skip(error.column().saturating_sub(2)).collect();
    let is_not_finite = ["NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"]
        .iter()
        .any(|word| at.strip_prefix(word).is_some() || at.get(1..).is_some_and(|rest| rest.starts_with(word)));
    match is_not_finite || error.to_string().contains("number out of range") {
        true => MetricsError::NotFinite { line: error.line() },
        false => MetricsError::NotJson(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_metrics_by_their_path() {
        let found =
            parse(br#"{"auc": 0.9, "slice": {"north": {"auc": 1}}, "name": "x", "ok": true, "f1": null, "c": [1]}"#);
        let expected = [("auc".to_owned(), 0.9), ("slice.north.auc".to_owned(), 1.0)];
        assert_eq!(found.unwrap(), BTreeMap::from(expected));
    }

    #[test]
    fn what_is_no_number_is_refused_with_its_line() {
        for (text, expected) in [
            ("{\"auc\":\n NaN}", MetricsError::NotFinite { line: 2 }),
            ("{\"auc\": NaN}", MetricsError::NotFinite { line: 1 }),
            ("{\"a\": 1, \"auc\": -Infinity}", MetricsError::NotFinite { line: 1 }),
            ("{\"auc\": 1e999}", MetricsError::NotFinite { line: 1 }),
            ("[1]", MetricsError::NotAnObject),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(expected), "{text}");
        }
        assert!(matches!(parse(b"{\"auc\": }"), Err(MetricsError::NotJson(_))));
        assert!(matches!(parse(b""), Err(MetricsError::NotJson(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_metrics_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[{}\"a:,0-9.eNaInf-]{0,30}") {
            let _ = parse(&bytes);
            if let Ok(found) = parse(text.as_bytes()) {
                prop_assert!(found.values().all(|value| value.is_finite()));
            }
        }
    }
}
