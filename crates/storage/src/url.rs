//! The address of a bucket and a prefix in it.

use std::{fmt, str::FromStr};

use object_store::path::Path;

/// `s3://BUCKET/PREFIX`. It holds no secrets: those are in the environment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StorageUrl {
    bucket: String,
    prefix: Path,
}

impl StorageUrl {
    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// What the names of all objects begin with; empty for the whole bucket.
    pub fn prefix(&self) -> &str {
        self.prefix.as_ref()
    }

    /// The name of an object below the prefix.
    pub(crate) fn location(&self, key: &str) -> Result<Path, object_store::path::Error> {
        let key = Path::parse(key)?;
        Ok(match self.prefix.as_ref().is_empty() {
            true => key,
            false => Path::from_iter(self.prefix.parts().chain(key.parts())),
        })
    }
}

/// That a text is no address of a bucket. It does not repeat the text, which may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of an object store: {reason}; write s3://BUCKET or s3://BUCKET/PREFIX")]
pub struct InvalidStorageUrl {
    reason: &'static str,
}

const PARTS: &str = "the prefix has a part that is empty, `.` or `..`";

impl FromStr for StorageUrl {
    type Err = InvalidStorageUrl;

    fn from_str(url: &str) -> Result<Self, InvalidStorageUrl> {
        let refused = |reason| InvalidStorageUrl { reason };
        let rest = url.strip_prefix("s3://").ok_or(refused("it does not begin with s3://"))?;
        if rest.contains(['@', '?', '#']) {
            return Err(refused(
                "it has more than a bucket and a prefix; keys belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 an endpoint into AWS_ENDPOINT_URL",
            ));
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(is_plain) {
            return Err(refused("the name of a bucket has 3 to 63 small letters, digits, dots and hyphens"));
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        // `Path` forgives a slash at either end.
        if prefix.starts_with('/') || prefix.ends_with('/') {
            return Err(refused(PARTS));
        }
        let prefix = Path::parse(prefix).map_err(|_| refused(PARTS))?;
        Ok(Self { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for StorageUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "s3://{}", self.bucket)?;
        match self.prefix() {
            "" => Ok(()),
            prefix => write!(out, "/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(url: &str) -> StorageUrl {
        url.parse().unwrap()
    }

    #[test]
    fn a_bucket_has_a_prefix_or_none() {
        for (url, shown, of_key) in [
            ("s3://models", "s3://models", "blobs/aa"),
            ("s3://models/", "s3://models", "blobs/aa"),
            ("s3://models/team/churn", "s3://models/team/churn", "team/churn/blobs/aa"),
            ("s3://models/team/churn/", "s3://models/team/churn", "team/churn/blobs/aa"),
        ] {
            assert_eq!(parsed(url).to_string(), shown);
            assert_eq!(parsed(url).location("blobs/aa").unwrap().as_ref(), of_key);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "models",
            "https://s3.example/models",
            "s3://",
            "s3://ab",
            "s3://Models",
            "s3://mod els",
            "s3://models/../x",
            "s3://models//x",
            "s3://key:secret@models/x",
            "s3://models/x?secret=1",
        ] {
            let error = url.parse::<StorageUrl>().unwrap_err().to_string();
            assert!(error.contains("s3://BUCKET") && !error.contains("secret"), "{url}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same(url in "s3://[a-z0-9.-]{0,70}(/[ -~]{0,12}){0,3}") {
            if let Ok(parsed) = url.parse::<StorageUrl>() {
                prop_assert_eq!(parsed.to_string().parse::<StorageUrl>(), Ok(parsed));
            }
        }
    }
}
