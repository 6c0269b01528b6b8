//! Names and ids: one way in (`str::parse`), so a value that exists is valid.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid {kind}: use 1 to 64 letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
)]
pub struct InvalidName {
    /// What it should have named: `project name`.
    pub kind: &'static str,
    /// The text; its first 80 characters.
    pub text: String,
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// As it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                if is_name(text) {
Ok(Self(text.to_owned()))
} else {
Err(InvalidName { kind: $kind, text: text.chars().take(80).collect() })
}
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{:?}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// A project: everything that one `kilter.toml` states.
    ProjectName = "project name";
    /// A registered model; by default it bears its project's name.
    ModelName = "model name";
    /// What clients call: one endpoint of one project.
    EndpointName = "endpoint name";
    /// A step of the workflow.
    StepName = "step name";
    /// A dataset.
    DatasetName = "dataset name";
    /// A gate.
    GateName = "gate name";
}

/// A version of a model: `churn/3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VersionId {
    /// Of which model.
    pub model: ModelName,
    /// Counted from 1.
    pub number: u32,
}

/// Before a version in the name of an object of the audit log.
const VERSION_OBJECT: &str = "version:";

impl VersionId {
    /// Version `number` of a model.
    pub const fn new(model: ModelName, number: u32) -> Self {
        Self { model, number }
    }

    /// As the audit log names it: `version:churn/3`.
    pub fn object(&self) -> String {
        format!("{VERSION_OBJECT}{self}")
    }

    /// The version that an object of the audit log is; `None` for objects of another kind.
    pub fn of_object(object: &str) -> Option<Self> {
        object.strip_prefix(VERSION_OBJECT)?.parse().ok()
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.model, self.number)
    }
}

impl FromStr for VersionId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let wrong = || InvalidName { kind: "version", text: text.chars().take(80).collect() };
        let (model, number) = text.rsplit_once('/').ok_or_else(wrong)?;
        Ok(Self { model: model.parse()?, number: number.parse().map_err(|_| wrong())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_or_a_url_are_refused() {
        for text in ["", "../x", "a/b", ".hidden", "a b", "ü", &"x".repeat(65)] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
        assert_eq!("churn-2.v_1".parse::<ModelName>().unwrap().as_str(), "churn-2.v_1");
    }

    #[test]
    fn a_version_reads_back_from_its_name_in_the_audit_log() {
        let version = VersionId::new("churn".parse().unwrap(), 3);
        assert_eq!(version.object(), "version:churn/3");
        assert_eq!(VersionId::of_object("version:churn/3"), Some(version));
        for other in ["version:churn", "version:churn/x", "deployment:churn/3", "version:/3"] {
            assert_eq!(VersionId::of_object(other), None, "{other}");
        }
    }
}
