//! A version as people write it: `churn@3`.

use crate::ui::error::{CliError, usage};

/// Model and number of a version that is written like `churn@3`.
pub(crate) fn version_named(text: &str) -> Result<(String, u32), CliError> {
    let wrong = || usage(format!("`{text}` does not name a version: write it like churn@3"));
    let (model, number) = text.split_once('@').ok_or_else(wrong)?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let number = number.trim_start_matches('v').parse().map_err(|_| wrong())?;
    match !model.is_empty() && model.chars().all(is_plain) {
        true => Ok((model.to_owned(), number)),
        false => Err(wrong()),
    }
}
