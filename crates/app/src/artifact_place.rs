//! Where artifacts of clients lie, as a person says it: the place where the server keeps what comes through it, and the address below which new
//! experiments have their folders.

use std::{fmt, path::PathBuf, str::FromStr};

use kilter_storage::StorageUrl;

/// Where the server keeps the files of artifacts that clients send through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactPlace {
    /// A folder of this machine, or one that several machines see.
    Folder(PathBuf),
    /// A prefix of an object store.
    Storage(StorageUrl),
}

/// A text that is no place of artifacts, or no root of experiments.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidArtifactPlace(String);

impl fmt::Display for ArtifactPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(out, "{}", path.display()),
            Self::Storage(url) => write!(out, "{url}"),
        }
    }
}

impl FromStr for ArtifactPlace {
    type Err = InvalidArtifactPlace;

    /// Reads `s3://BUCKET/PREFIX`, `file:///FOLDER` or a folder, which is made absolute.
    fn from_str(text: &str) -> Result<Self, InvalidArtifactPlace> {
        let invalid = |reason: String| InvalidArtifactPlace(format!("`{text}` is no place for artifacts: {reason}"));
        if text.starts_with("s3://") {
            let url = text.parse().map_err(|error: kilter_storage::InvalidStorageUrl| invalid(error.to_string()))?;
            return Ok(Self::Storage(url));
        }
        let path = match text.split_once("://") {
            Some(("file", path)) if path.starts_with('/') => path,
            Some((scheme, _)) => {
                return Err(invalid(format!(
                    "the server cannot write to {scheme}://; name a folder, or s3://BUCKET/PREFIX"
                )));
            }
            None => text,
        };
        if path.trim().is_empty() || path.starts_with("mlflow-artifacts:") {
            return Err(invalid("name a folder, or s3://BUCKET/PREFIX".to_owned()));
        }
        let path = std::path::absolute(path).map_err(|error| invalid(error.to_string()))?;
        Ok(Self::Folder(path))
    }
}

/// The address below which a new experiment that states none has its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactRoot(String);

impl ArtifactRoot {
    /// As written, without a `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArtifactRoot {
    type Err = InvalidArtifactPlace;

    /// Reads an address of any scheme that clients write to, `mlflow-artifacts:/` for this server, or an absolute folder.
    fn from_str(text: &str) -> Result<Self, InvalidArtifactPlace> {
        let invalid = |reason: &str| InvalidArtifactPlace(format!("`{text}` is no root for artifacts: {reason}"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let scheme = text.split_once(":/").map(|(scheme, _)| scheme).filter(|scheme| !scheme.is_empty());
        match scheme {
            _ if text.contains(['?', '#']) || text.contains(char::is_control) => {
                return Err(invalid("it has a query or a fragment"));
            }
            _ if text.split(['/', '\\']).any(|part| part == "..") => return Err(invalid("it has `..` in it")),
            Some("http" | "https") => {
                return Err(invalid("clients write to no web page; name mlflow-artifacts:/ for this server"));
            }
            Some(scheme) if scheme.chars().all(is_plain) => {}
            None if text.starts_with('/') => {}
            _ => return Err(invalid("write it like s3://BUCKET/PREFIX, mlflow-artifacts:/ or /an/absolute/folder")),
        }
        let trimmed = text.trim_end_matches('/');
        // The slash behind a scheme alone is a part of it.
        Ok(Self(if trimmed.ends_with(':') || trimmed.is_empty() { format!("{trimmed}/") } else { trimmed.to_owned() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket() {
        let read = |text: &str| text.parse::<ArtifactPlace>().map(|place| place.to_string());
        assert_eq!(read("s3://bucket/a/b"), Ok("s3://bucket/a/b".to_owned()));
        assert_eq!(read("file:///mnt/artifacts"), Ok("/mnt/artifacts".to_owned()));
        assert_eq!(read("/mnt/artifacts"), Ok("/mnt/artifacts".to_owned()));
        assert!(read("artifacts").unwrap().ends_with("/artifacts"));
        for (wrong, why) in [
            ("gs://bucket/a", "cannot write to gs://"),
            ("hdfs://host/a", "cannot write to hdfs://"),
            ("file://relative", "cannot write to file://"),
            ("s3://UPPER/a", "small letters"),
            ("mlflow-artifacts:/", "name a folder"),
            ("", "name a folder"),
        ] {
            assert!(read(wrong).unwrap_err().to_string().contains(why), "{wrong}");
        }
    }

    #[test]
    fn a_root_is_an_address_that_clients_write_to() {
        let read = |text: &str| text.parse::<ArtifactRoot>().map(|root| root.as_str().to_owned());
        for (text, expected) in [
            ("s3://bucket/a/", "s3://bucket/a"),
            ("mlflow-artifacts:/", "mlflow-artifacts:/"),
            ("mlflow-artifacts:/team", "mlflow-artifacts:/team"),
            ("/mnt/runs", "/mnt/runs"),
            ("file:///mnt/runs", "file:///mnt/runs"),
            ("abfss://container@account.dfs.core.windows.net/x", "abfss://container@account.dfs.core.windows.net/x"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()));
        }
        for wrong in ["", "runs", "./runs", "s3://b/x?y=1", "s3://b/#x", "s3://b/../x", "https://host/x", ":/x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
