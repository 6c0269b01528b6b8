//! On which datasets metrics of logged models count.

use super::SearchError;

/// A dataset that metrics of logged models were measured on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetSelector {
    /// Its name.
    pub name: String,
    /// Its digest; any where it is not stated.
    pub digest: Option<String>,
}

impl DatasetSelector {
    /// From what a client states; an empty text counts as none.
    ///
    /// # Errors
    /// When a digest is stated without a name.
    pub fn parse(name: Option<&str>, digest: Option<&str>) -> Result<Option<Self>, SearchError> {
        let stated = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        if [name, digest].into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(SearchError::Nul);
        }
        match (stated(name), stated(digest)) {
            (Some(name), digest) => Ok(Some(Self { name, digest })),
            (None, Some(_)) => Err(SearchError::DigestWithoutName),
            (None, None) => Ok(None),
        }
    }
}
