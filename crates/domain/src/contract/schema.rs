//! The JSON Schema of `kilter.toml`, for the completion and the checks of editors. Draft 7: the one they all know.

use serde_json::{Map, Value, json};

use super::keys::{Key, KeyKind, PARAMS, SECTIONS, SectionSpec, spec, top_level};

const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";
const SPAN: &str = "^[0-9]+ *(s|m|min|h|d|w|mo|y)$";
const RETENTION: &str = "^([0-9]+ *(s|m|min|h|d|w|mo|y)|forever)$";
const INSIDE: &str = r"^(?![/~]|\.\.(/|$))[^\\]+$";

/// The schema, built from the list of keys.
pub fn schema() -> Value {
    let properties = top_level().into_iter().map(|name| (name.to_owned(), top(name))).collect::<Map<_, _>>();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "kilter.toml",
        "description": "Everything that Kilter does for a model, stated in one file. Every section is optional.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn top(name: &str) -> Value {
    if name == PARAMS.name {
        return json!({ "description": PARAMS.meaning, "type": "object" });
    }
    match (spec(name), spec(&format!("{name}.*"))) {
        (Some(section), _) => table(section),
        // The name of a column may be any text.
        (None, Some(section)) if name == "input" => json!({
            "type": "object",
            "description": section.meaning,
            "additionalProperties": table(section),
        }),
        (None, Some(section)) => json!({
            "type": "object",
            "description": section.meaning,
            "patternProperties": { NAME: table(section) },
            "additionalProperties": false,
        }),
        // A test watches that every section is described.
        (None, None) => json!({}),
    }
}

fn table(section: &SectionSpec) -> Value {
    let properties = section.keys.iter().map(|key| (key.name.to_owned(), value(key))).collect::<Map<_, _>>();
    let required: Vec<&str> = section.keys.iter().filter(|key| key.is_required()).map(|key| key.name).collect();
    let mut table = json!({
        "type": "object",
        "description": section.meaning,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        table["required"] = Value::from(required);
    }
    table
}

fn value(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    schema["description"] = if key.is_required() {
        Value::from(format!("{}. Required. Example: {}", key.meaning, key.example))
    } else {
        Value::from(format!("{}. Default: {}. Example: {}", key.meaning, key.default, key.example))
    };
    schema
}

fn kind(kind: KeyKind) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    match kind {
        KeyKind::Text => json!({ "type": "string" }),
        KeyKind::Word => json!({ "type": ["string", "integer", "number", "boolean"] }),
        KeyKind::Words => {
            json!({ "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } })
        }
        KeyKind::Texts | KeyKind::Rules | KeyKind::Triggers => texts,
        KeyKind::Path => json!({ "type": "string", "pattern": INSIDE }),
        KeyKind::Bool => json!({ "type": "boolean" }),
        KeyKind::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        KeyKind::Number(f64::MIN, f64::MAX) => json!({ "type": "number" }),
        KeyKind::Number(above, most) => json!({ "type": "number", "exclusiveMinimum": above, "maximum": most }),
        KeyKind::Share => json!({ "anyOf": [
            { "type": "number", "minimum": 0, "maximum": 1 },
            { "type": "string", "pattern": "^[0-9.]+ *%$" },
        ] }),
        KeyKind::Span => json!({ "type": "string", "pattern": SPAN }),
        KeyKind::Retention => json!({ "type": "string", "pattern": RETENTION }),
        KeyKind::Choice(words) => json!({ "type": "string", "enum": words }),
        KeyKind::Section(path) => spec(path).map_or_else(|| json!({}), table),
        KeyKind::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        KeyKind::Inputs => json!({ "anyOf": [
            texts,
            { "type": "object", "additionalProperties": { "type": "string" } },
        ] }),
        KeyKind::Search => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1 }] },
        }),
        KeyKind::Any => json!({}),
        KeyKind::Percents => json!({
            "type": "array",
            "minItems": 1,
            "items": { "type": "integer", "minimum": 1, "maximum": 100 },
        }),
        KeyKind::When => json!({ "type": ["string", "integer", "number"] }),
    }
}

impl Key {
    /// Whether its section is nothing without it.
    pub fn is_required(&self) -> bool {
        self.default == "required"
    }
}

impl SectionSpec {
    /// How it is written as a header: `[data.NAME]`.
    pub fn header(&self) -> String {
        format!("[{}]", self.path.replace('*', "NAME"))
    }
}

/// Every key with its section, for the reference and its tests.
pub fn every_key() -> impl Iterator<Item = (&'static SectionSpec, &'static Key)> {
    SECTIONS.iter().flat_map(|section| section.keys.iter().map(move |key| (section, key)))
}
