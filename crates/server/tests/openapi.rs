//! The OpenAPI document: it is the committed one, and its states and times are typed.
//!
//! `KILTER_UPDATE=1` writes `docs/reference/openapi.json` anew.

use std::path::Path;

use serde_json::Value;

fn document() -> Value {
    serde_json::to_value(kilter_server::openapi()).unwrap()
}

#[test]
fn the_document_is_the_one_of_the_reference() {
    let document = document();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("KILTER_UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    // Line by line: a difference is read, not a wall of text.
    let differs = text.lines().zip(committed.lines()).enumerate().find(|(_, (new, old))| new != old);
    assert!(differs.is_none(), "{differs:?}: the API changed, write the document anew with KILTER_UPDATE=1");
    assert_eq!(text.len(), committed.len(), "the API changed, write the document anew with KILTER_UPDATE=1");
}

#[test]
fn every_state_is_an_enum_and_every_time_has_its_format() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut untyped = Vec::new();
    for (schema, value) in schemas {
        for (name, property) in value["properties"].as_object().into_iter().flatten() {
            let is_text = property["type"] == "string" || property["type"][0] == "string";
            let is_word = ["state", "verdict", "role", "level", "outcome"].contains(&name.as_str());
            let is_time = ["at", "created", "ended", "opened", "fired", "resolved", "as_of", "since", "until"]
                .contains(&name.as_str());
            let is_typed_time = property["format"] == "date-time";
            if (is_text && is_word) || (is_time && !is_typed_time) {
                untyped.push(format!("{schema}.{name}: {property}"));
            }
        }
    }
    assert!(untyped.is_empty(), "{untyped:#?}");
}

/// Clients are made from the document: a word must be the one that is sent, a parameter where it is read.
#[test]
fn words_are_those_of_the_wire_and_parameters_stand_where_they_are_read() {
    let document = document();
    let mut wrong = Vec::new();
    for (schema, value) in document["components"]["schemas"].as_object().unwrap() {
        let words = value["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let is_of_rust = |word: &&str| word.chars().any(|letter| letter.is_ascii_uppercase());
        wrong.extend(words.filter(is_of_rust).map(|word| format!("{schema}: {word}")));
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for parameter in methods.as_object().unwrap().values().flat_map(|one| one["parameters"].as_array()).flatten() {
            let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
            if (place == "path") != path.contains(&format!("{{{name}}}")) {
                wrong.push(format!("{path}: {name} in {place}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
