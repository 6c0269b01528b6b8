//! The bounds of names and values.

use crate::StoreError;

/// Bytes of the name of a parameter, a metric or a tag at most.
pub const MAX_NAME_BYTES: usize = 1000;

/// Refuses a name that is empty or longer than [`MAX_NAME_BYTES`].
pub(super) fn check_name(attempted: &'static str, name: &str) -> Result<(), StoreError> {
    if name.is_empty() {
        return Err(StoreError::Invalid { attempted, reason: "its name is empty".to_owned() });
    }
    check_length(attempted, ("name", MAX_NAME_BYTES), name)
}

/// Refuses a text that is longer than `most` bytes.
pub(super) fn check_length(attempted: &'static str, (what, most): (&str, usize), text: &str) -> Result<(), StoreError> {
    match text.len() {
        bytes if bytes > most => {
            Err(StoreError::Invalid { attempted, reason: format!("its {what} has {bytes} bytes (at most {most})") })
        }
        _ => Ok(()),
    }
}
