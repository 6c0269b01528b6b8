//! The text format of Prometheus.

use std::fmt::Write;

/// One family: its help, its type, its samples (labels and value).
pub(crate) fn family(
    page: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    samples: impl IntoIterator<Item = (String, f64)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        // The digits of a huge number say no more than its exponent.
        let _ = match value.abs() < 1e16 {
            true => writeln!(page, "{name}{labels} {value}"),
            false => writeln!(page, "{name}{labels} {value:e}"),
        };
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> String {
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}
