//! Names, lengths and counts that MLflow's server accepts, with its texts.
//!
//! Lengths are in characters. A parameter or a tag of a run that is too long is cut, as MLflow's server does by default; its client
//! says so in its log.

use std::{collections::BTreeMap, fmt};

use kilter_domain::registry::{InvalidRegisteredName, RegisteredName};
use serde_json::Value;

use super::message::Message;
use crate::error::MlflowError;

pub(super) const MAX_KEY: usize = 250;
pub(super) const MAX_PARAM_VALUE: usize = 6000;
pub(super) const MAX_TAG_VALUE: usize = 8000;
pub(super) const MAX_EXPERIMENT_NAME: usize = 500;
pub(super) const MAX_EXPERIMENT_TAG_VALUE: usize = 20_000;
pub(super) const MAX_REGISTRY_TAG_VALUE: usize = 100_000;
/// MLflow's server has 5,000, which some of its databases keep.
pub(super) const MAX_DESCRIPTION: usize = 100_000;
/// Of an address.
pub(super) const MAX_ADDRESS: usize = 2048;
pub(super) const MAX_METRICS: usize = 1000;
pub(super) const MAX_PARAMS: usize = 100;
pub(super) const MAX_TAGS: usize = 100;
pub(super) const MAX_ENTITIES: usize = 1000;
pub(super) const MAX_BATCH_BYTES: usize = 1_000_000;

/// A name of a metric, a parameter or a tag.
pub(super) fn name(path: &str, name: &str) -> Result<(), MlflowError> {
    let is_plain = |character: char| character.is_alphanumeric() || "_/.- :".contains(character);
    let wrong = |why: &str| MlflowError::invalid_value(path, &Value::from(name), why);
    if name.is_empty() || !name.chars().all(is_plain) {
        return Err(wrong(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
        ));
    }
    if name == "." || name.starts_with('/') || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(wrong(
            "Names may be treated as files in certain cases, and must not resolve to other names when treated as such.",
        ));
    }
    length(path, MAX_KEY, name)
}

/// As [`name`], of one of the many things of a batch: where it stands is written only for an error.
pub(super) fn name_at(path: fmt::Arguments<'_>, key: &str) -> Result<(), MlflowError> {
    let is_short = (1..=MAX_KEY).contains(&key.len());
    match is_short && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-: ".contains(&byte)) {
        true => Ok(()),
        false => name(&path.to_string(), key),
    }
}

/// A text of at most so many characters.
pub(super) fn length(path: &str, limit: usize, text: &str) -> Result<(), MlflowError> {
    // No text has more characters than bytes.
    match text.len() <= limit || text.chars().count() <= limit {
        true => Ok(()),
        false => Err(MlflowError::too_long(path, limit)),
    }
}

/// The first characters of a text, at most so many.
pub(super) fn cut(limit: usize, text: &str) -> &str {
    text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end])
}

/// So many of something in one batch.
pub(super) fn count(of: &str, limit: usize, count: usize) -> Result<(), MlflowError> {
    match count <= limit {
        true => Ok(()),
        false => Err(MlflowError::invalid(format!(
            "A batch logging request can contain at most {limit} {of}. Got {count} {of}. Please split up {of} across multiple requests \
             and try again."
        ))),
    }
}

/// The id of an experiment.
pub(super) fn experiment_id(text: &str) -> Result<kilter_domain::tracking::ExperimentId, MlflowError> {
    text.parse().map_err(|_| {
        MlflowError::invalid(format!("Invalid experiment ID '{text}'. Experiment ID must be a valid integer."))
    })
}

/// The name of a registered model.
pub(super) fn registered_name(text: &str) -> Result<RegisteredName, MlflowError> {
    text.parse().map_err(|error: InvalidRegisteredName| MlflowError::invalid(error.to_string()))
}

/// The version that is meant: the name of its model, and its number.
pub(super) fn version(message: &Message) -> Result<(RegisteredName, u32), MlflowError> {
    let (name, stated) = (message.required("name")?, message.required("version")?);
    let name = registered_name(name)?;
    let number: i64 = stated.trim().parse().map_err(|_| {
        MlflowError::invalid(format!("Parameter 'version' must be an integer, got '{}'.", cut(100, stated)))
    })?;
    match u32::try_from(number) {
        Ok(number) => Ok((name, number)),
        Err(_) => Err(MlflowError::not_found(format!("Model Version (name={name}, version={number}) not found"))),
    }
}

/// A tag of a registered model or version.
pub(super) fn registry_tag<'m>(message: &'m Message<'_>) -> Result<(&'m str, &'m str), MlflowError> {
    let (key, value) = (message.required("key")?, message.text("value")?.unwrap_or_default());
    name("key", key)?;
    length("value", MAX_REGISTRY_TAG_VALUE, value)?;
    Ok((key, value))
}

/// The tags of a registered model or version that is made.
pub(super) fn registry_tags(message: &Message) -> Result<BTreeMap<String, String>, MlflowError> {
    let mut tags = BTreeMap::new();
    for tag in message.list("tags")? {
        let tag = Message::of(tag);
        let (key, value) = registry_tag(&tag)?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

/// What someone says of a registered model or version.
pub(super) fn description<'m>(message: &'m Message<'_>) -> Result<&'m str, MlflowError> {
    let text = message.text("description")?.unwrap_or_default();
    length("description", MAX_DESCRIPTION, text).map(|()| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_are_refused() {
        for good in ["auc", "a/b", "val loss:1", "é-1.x", "..a"] {
            assert!(name("key", good).is_ok() && name_at(format_args!("key"), good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a//b", "a/../b", ".", "a/", "a\n", "<b>", &"x".repeat(251)] {
            assert!(name("key", bad).is_err() && name_at(format_args!("key"), bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut(2, "äöü"), "äö");
        assert_eq!(cut(3, "äöü"), "äöü");
        assert!(length("key", 3, "äöü").is_ok() && length("key", 2, "äöü").is_err());
    }
}
