//! Why an object could not be read or written, in the terms of what to do about it.

use std::path::PathBuf;

use kilter_domain::{digest::Digest, error_chain::with_causes};
use object_store::Error;

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The store does not take the credentials, or they do not allow this.
    #[error("{storage} refused to {attempted} {key}: {reason}")]
    Refused {
        /// The bucket and its prefix.
        storage: String,
        /// What was to be done.
        attempted: &'static str,
        /// Of which object.
        key: String,
        /// What the store answered.
        reason: String,
    },
    /// There is no such bucket.
    #[error("{storage}: there is no such bucket")]
    NoBucket {
        /// The bucket and its prefix.
        storage: String,
    },
    /// The store could not be reached, or failed.
    #[error("{storage} could not {attempted} {key}: {reason}")]
    Unavailable {
        /// The bucket and its prefix.
        storage: String,
        /// What was to be done.
        attempted: &'static str,
        /// Of which object.
        key: String,
        /// What went wrong.
        reason: String,
    },
    /// An object has more bytes than the caller allows.
    #[error("{key} in {storage} has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The bucket and its prefix.
        storage: String,
        /// The object.
        key: String,
        /// How many it has.
        bytes: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// An object has other bytes than were written.
    #[error("{key} in {storage} is damaged: it has digest {found}, and {expected} was written")]
    Damaged {
        /// The bucket and its prefix.
        storage: String,
        /// The object.
        key: String,
        /// Of the bytes that were written.
        expected: Digest,
        /// Of the bytes that were read.
        found: Digest,
    },
    /// A name that no object can have.
    #[error("{key:?} is no name of an object: {reason}")]
    Key {
        /// The name.
        key: String,
        /// Why.
        reason: String,
    },
    /// A setting of the environment is wrong.
    #[error("{storage} cannot be opened: {reason}")]
    Settings {
        /// The bucket and its prefix.
        storage: String,
        /// What is wrong.
        reason: String,
    },
    /// A file of this machine could not be read or written.
    #[error("could not {attempted} {}", path.display())]
    File {
        /// What was to be done.
        attempted: &'static str,
        /// The file.
        path: PathBuf,
        /// What the disk answered.
        source: std::io::Error,
    },
    /// The threads that talk to the store could not be started, or are gone.
    #[error("the object store is closed")]
    Closed,
}

impl ObjectError {
    /// Whether the same request may succeed later without anybody changing a setting.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether an object has other bytes than were written.
    pub const fn is_damaged(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Whether the reason lies in a file of this machine or in the call, not in the store.
    pub(crate) const fn is_of_this_machine(&self) -> bool {
        matches!(self, Self::File { .. } | Self::Key { .. } | Self::TooLarge { .. })
    }
}

/// What was attempted, for the message.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub storage: String,
    pub attempted: &'static str,
    pub key: String,
}

impl Attempt {
    pub(crate) fn failed(&self, error: &Error) -> ObjectError {
        let reason = with_causes(error);
        let Self { storage, attempted, key } = self.clone();
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                ObjectError::Refused { storage, attempted, key, reason: answer(&reason) }
            }
            Error::NotFound { .. } => ObjectError::NoBucket { storage },
            // A list of a bucket that is not there is no request for an object that is not there.
            _ if reason.contains("NoSuchBucket") => ObjectError::NoBucket { storage },
            Error::InvalidPath { .. } => ObjectError::Key { key, reason },
            // S3 answers 403 to HEAD without a body, and some of its kin 400 to a key that they do not know.
            _ if reason.contains("InvalidAccessKeyId") || reason.contains("SignatureDoesNotMatch") => {
                ObjectError::Refused { storage, attempted, key, reason: answer(&reason) }
            }
            _ => ObjectError::Unavailable { storage, attempted, key, reason: answer(&reason) },
        }
    }
}

/// Code and message of an answer of S3, which are inside of XML; the whole text where there are none.
fn answer(reason: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = reason.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0.to_owned())
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        (Some(code), None) => code,
        _ => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_in_xml_code_and_message_remain() {
        let body = "Client error with status 403 Forbidden: <?xml version=\"1.0\"?><Error><Code>RequestTimeTooSkewed</Code>\
                    <Message>The difference between the request time and the server's time is too large.</Message></Error>";
        let shown = answer(body);
        assert_eq!(
            shown,
            "The difference between the request time and the server's time is too large. (RequestTimeTooSkewed)"
        );
        assert_eq!(answer("connection refused"), "connection refused");
    }
}
