//! JSON as YAML in blocks, as people write manifests.
//!
//! Invariant: every text is in double quotes with the escapes of JSON, which YAML 1.2 reads alike, so no text is taken for another type.

use std::fmt::Write as _;

use serde_json::Value;

/// A document, with a line end.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => object(&mut out, fields, 0),
        Value::Array(items) if !items.is_empty() => array(&mut out, items, 0),
        plain => drop(writeln!(out, "{plain}")),
    }
    out
}

fn object(out: &mut String, fields: &serde_json::Map<String, Value>, depth: usize) {
    for (at, (name, value)) in fields.iter().enumerate() {
        // The first field stands behind the dash of its list.
        if at > 0 || !out.ends_with("- ") {
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(&key(name));
        out.push(':');
        nested(out, value, depth);
    }
}

fn array(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        out.push_str(&"  ".repeat(depth));
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => object(out, fields, depth + 1),
            // Lists of lists are written in one line.
            plain => drop(writeln!(out, "{plain}")),
        }
    }
}

fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            out.push('\n');
            object(out, fields, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            array(out, items, depth + 1);
        }
        plain => drop(writeln!(out, " {plain}")),
    }
}

/// A name as it is where nothing of it means something in YAML, else as a text.
fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&name.to_ascii_lowercase().as_str());
    match begins && !is_word && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => Value::from(name).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_and_lists_are_blocks_and_texts_are_quoted() {
        let value = json!({
            "a": { "b": [{ "name": "x", "on": [1, 2], "empty": {} }, "plain: no", []], "c": null, "yes": true },
            "long/name-1": "two\nlines",
        });
        let expected = "a:\n  b:\n    - name: \"x\"\n      \"on\":\n        - 1\n        - 2\n      empty: {}\n    - \"plain: no\"\n    - []\n  c: null\n  \"yes\": true\nlong/name-1: \"two\\nlines\"\n";
        let written = text(&value);
        let fields = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(fields(&written), fields(expected), "{written}");
        assert_eq!(text(&json!("x")), "\"x\"\n");
        assert_eq!(text(&json!([])), "[]\n");
    }
}
