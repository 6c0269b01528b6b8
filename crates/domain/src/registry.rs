//! The registry of models: names, stages, aliases, and what happens to them.
//!
//! Invariants: a name is one part of an address; an alias is no number and not `latest`. Refusals have the words of MLflow's
//! server, which its clients compare.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Characters of the name of a registered model at most.
const MAX_NAME: usize = 256;
/// Characters of an alias at most.
const MAX_ALIAS: usize = 255;
/// The alias that clients ask for the newest version.
const LATEST: &str = "latest";

/// The name of a registered model: 1 to 256 characters, neither `/` nor `:`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegisteredName(String);

/// Why a text is no name of a registered model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum InvalidRegisteredName {
    #[error("Missing value for required parameter 'name'.")]
    Missing,
    #[error("Invalid model name '{0}'. Names cannot contain '/' or ':'.")]
    Characters(String),
    #[error(
        "Invalid value \"{0}\" for parameter 'name' supplied: Names may be treated as files in certain cases, and must not resolve to \
         other names when treated as such. This name would resolve to '{0}'"
    )]
    Path(String),
    #[error("'name' exceeds the maximum length of {MAX_NAME} characters")]
    Long,
}

impl RegisteredName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegisteredName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromStr for RegisteredName {
    type Err = InvalidRegisteredName;

    fn from_str(text: &str) -> Result<Self, InvalidRegisteredName> {
        match text {
            _ if text.trim().is_empty() => Err(InvalidRegisteredName::Missing),
            _ if text.chars().count() > MAX_NAME => Err(InvalidRegisteredName::Long),
            _ if text.contains(['/', ':', '\0']) => Err(InvalidRegisteredName::Characters(text.replace('\0', "\\0"))),
            "." | ".." => Err(InvalidRegisteredName::Path(text.to_owned())),
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// A name that moves between the versions of a model: letters, digits, `_` and `-`; neither `latest` nor `v3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliasName(String);

/// Why a text is no alias.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant says what it is")]
pub enum InvalidAliasName {
    #[error("Registered model alias name cannot be empty.")]
    Empty,
    #[error("Invalid alias name: '{0}'. Names may only contain alphanumerics, underscores (_), and dashes (-).")]
    Characters(String),
    #[error("'Registered model alias name' exceeds the maximum length of {MAX_ALIAS} characters")]
    Long,
    #[error("'latest' alias name (case insensitive) is reserved.")]
    Latest,
    #[error("Version alias name '{0}' is reserved.")]
    Version(String),
}

impl InvalidAliasName {
    /// Whether the text is an alias that nobody may set, but may be asked for.
    pub const fn is_reserved(&self) -> bool {
        matches!(self, Self::Latest | Self::Version(_))
    }

    /// Whether it asks for the newest version.
    pub const fn is_latest(&self) -> bool {
        matches!(self, Self::Latest)
    }
}

impl AliasName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AliasName {
    type Err = InvalidAliasName;

    fn from_str(text: &str) -> Result<Self, InvalidAliasName> {
        let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        let is_version = |rest: &str| !rest.is_empty() && rest.chars().all(|digit| digit.is_ascii_digit());
        match text {
            "" => Err(InvalidAliasName::Empty),
            _ if !text.chars().all(is_plain) => {
                Err(InvalidAliasName::Characters(text.chars().take(MAX_ALIAS).collect()))
            }
            _ if text.chars().count() > MAX_ALIAS => Err(InvalidAliasName::Long),
            _ if text.eq_ignore_ascii_case(LATEST) => Err(InvalidAliasName::Latest),
            _ if text.strip_prefix(['v', 'V']).is_some_and(is_version) => {
                Err(InvalidAliasName::Version(text.to_owned()))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }
}

/// What a version is meant for, as clients of MLflow mark it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing yet.
    #[default]
    None,
    /// To be tried.
    Staging,
    /// To be used.
    Production,
    /// Not used any more.
    Archived,
}

/// A text that names no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid Model Version stage: {0}. Value must be one of None, Staging, Production, Archived.")]
pub struct InvalidStage(String);

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 4] = [Self::None, Self::Staging, Self::Production, Self::Archived];

    /// The word of MLflow, also as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Staging => "Staging",
            Self::Production => "Production",
            Self::Archived => "Archived",
        }
    }

    /// Whether versions are in use in it.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Staging | Self::Production)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl FromStr for Stage {
    type Err = InvalidStage;

    /// In upper or lower case.
    fn from_str(text: &str) -> Result<Self, InvalidStage> {
        let found = Self::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(text));
        found.ok_or_else(|| InvalidStage(text.chars().take(80).collect()))
    }
}

/// Whether the files of a version are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationStatus {
    /// They are still to come.
    PendingRegistration,
    /// They did not come.
    FailedRegistration,
    /// They are.
    Ready,
}

impl RegistrationStatus {
    /// As stored; clients know it in upper case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingRegistration => "pending_registration",
            Self::FailedRegistration => "failed_registration",
            Self::Ready => "ready",
        }
    }
}

/// Something that happened in the registry, as webhooks of MLflow name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryEvent {
    /// `registered_model.created`.
    ModelCreated {
        /// The model.
        name: RegisteredName,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// What it is for.
        description: String,
    },
    /// `model_version.created`.
    VersionCreated {
        /// The model.
        name: RegisteredName,
        /// The number of the version.
        version: u32,
        /// Where its files are.
        source: String,
        /// The run that made it; empty where none is named.
        run_id: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
        /// What it is.
        description: String,
    },
    /// `model_version_tag.set`.
    VersionTagSet {
        /// The model.
        name: RegisteredName,
        /// The number of the version.
        version: u32,
        /// The name of the tag.
        key: String,
        /// Its value.
        value: String,
    },
    /// `model_version_tag.deleted`.
    VersionTagDeleted {
        /// The model.
        name: RegisteredName,
        /// The number of the version.
        version: u32,
        /// The name of the tag.
        key: String,
    },
    /// `model_version_alias.created`.
    AliasCreated {
        /// The model.
        name: RegisteredName,
        /// The alias.
        alias: String,
        /// The number of the version that it names.
        version: u32,
    },
    /// `model_version_alias.deleted`.
    AliasDeleted {
        /// The model.
        name: RegisteredName,
        /// The alias.
        alias: String,
    },
}

impl RegistryEvent {
    /// The entity and the action of MLflow's webhooks.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ModelCreated { .. } => "registered_model.created",
            Self::VersionCreated { .. } => "model_version.created",
            Self::VersionTagSet { .. } => "model_version_tag.set",
            Self::VersionTagDeleted { .. } => "model_version_tag.deleted",
            Self::AliasCreated { .. } => "model_version_alias.created",
            Self::AliasDeleted { .. } => "model_version_alias.deleted",
        }
    }

    /// The model that it happened to.
    pub const fn model(&self) -> &RegisteredName {
        match self {
            Self::ModelCreated { name, .. }
            | Self::VersionCreated { name, .. }
            | Self::VersionTagSet { name, .. }
            | Self::VersionTagDeleted { name, .. }
            | Self::AliasCreated { name, .. }
            | Self::AliasDeleted { name, .. } => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_an_address() {
        for good in ["churn", "my model", "a.b", "été@x", "..a", &"x".repeat(256)] {
            assert_eq!(good.parse::<RegisteredName>().unwrap().as_str(), good);
        }
        for bad in ["", "  ", "a/b", "a:b", ".", "..", "a\0", &"x".repeat(257)] {
            assert!(bad.parse::<RegisteredName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_alias_is_no_number_and_not_the_latest() {
        for good in ["champion", "a-b_1", "é", "v", "v1x", "1"] {
            assert_eq!(good.parse::<AliasName>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "a@b", &"x".repeat(256)] {
            assert!(bad.parse::<AliasName>().is_err_and(|error| !error.is_reserved()), "{bad}");
        }
        for reserved in ["latest", "LaTest", "v1", "V20"] {
            assert!(reserved.parse::<AliasName>().is_err_and(|error| error.is_reserved()), "{reserved}");
        }
    }

    #[test]
    fn stages_are_read_in_any_case() {
        assert_eq!("production".parse(), Ok(Stage::Production));
        assert_eq!("NONE".parse(), Ok(Stage::None));
        assert!("live".parse::<Stage>().unwrap_err().to_string().contains("Value must be one of None, Staging"));
    }
}
