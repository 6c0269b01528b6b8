//! What clients of a registry may be told of, and how they call whom they want told.

use std::{fmt, str::FromStr};

/// Something that happens in the registry, as webhooks of MLflow name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WebhookEvent {
    /// A model was registered.
    ModelCreated,
    /// A version was made.
    VersionCreated,
    /// A tag of a version was set.
    VersionTagSet,
    /// A tag of a version was deleted.
    VersionTagDeleted,
    /// An alias was given to a version.
    AliasCreated,
    /// An alias was taken away.
    AliasDeleted,
}

impl WebhookEvent {
    /// Every event.
    pub const ALL: [Self; 6] = [
        Self::ModelCreated,
        Self::VersionCreated,
        Self::VersionTagSet,
        Self::VersionTagDeleted,
        Self::AliasCreated,
        Self::AliasDeleted,
    ];

    /// The entity and the action: `model_version.created`. Also as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ModelCreated => "registered_model.created",
            Self::VersionCreated => "model_version.created",
            Self::VersionTagSet => "model_version_tag.set",
            Self::VersionTagDeleted => "model_version_tag.deleted",
            Self::AliasCreated => "model_version_alias.created",
            Self::AliasDeleted => "model_version_alias.deleted",
        }
    }

    /// To what it happens, and what.
    pub fn parts(self) -> (&'static str, &'static str) {
        // Every one of them has a dot.
        self.as_str().split_once('.').unwrap_or_default()
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A text that names no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event of the registry")]
pub struct InvalidWebhookEvent(String);

impl FromStr for WebhookEvent {
    type Err = InvalidWebhookEvent;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookEvent> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or_else(|| InvalidWebhookEvent(text.chars().take(80).collect()))
    }
}

/// Characters of a name at most.
const MAX_NAME: usize = 63;

/// The name of a webhook: 1 to 63 letters, digits, `.`, `_` and `-`, with a letter or a digit at both ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookName(String);

/// A text that is no name of a webhook, in the words of MLflow's server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Webhook name '{0}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, and contain only \
     letters, digits, dots (.), underscores (_), and hyphens (-)."
)]
pub struct InvalidWebhookName(String);

impl WebhookName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebhookName {
    type Err = InvalidWebhookName;

    fn from_str(text: &str) -> Result<Self, InvalidWebhookName> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = text.as_bytes();
        let is_name = bytes.len() <= MAX_NAME && bytes.iter().all(|byte| is_plain(*byte));
        match is_name && is_end(bytes.first()) && is_end(bytes.last()) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidWebhookName(text.chars().take(80).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_is_written() {
        for event in WebhookEvent::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            let (entity, action) = event.parts();
            assert_eq!(format!("{entity}.{action}"), event.as_str());
        }
        assert!("prompt.created".parse::<WebhookEvent>().is_err());
    }

    #[test]
    fn a_name_begins_and_ends_with_a_letter_or_a_digit() {
        for good in ["a", "my-hook_1.x", "9", &"x".repeat(63)] {
            assert_eq!(good.parse::<WebhookName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a.", "a b", "é", "a/b", &"x".repeat(64)] {
            assert!(bad.parse::<WebhookName>().is_err(), "{bad}");
        }
    }
}
