//! Tables, keys and values of a TOML text with their places; what does not fit becomes an error, and reading goes on.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use super::error::{ContractError, MAX_ERRORS};

/// What has been found so far.
pub(super) struct Reader<'t> {
    text: &'t str,
    errors: RefCell<Vec<ContractError>>,
    places: RefCell<BTreeMap<String, Range<usize>>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, errors: RefCell::default(), places: RefCell::default() }
    }

    pub(super) fn error(&self, place: Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < MAX_ERRORS {
            errors.push(ContractError { place, message: message.into(), hint: hint.into(), line: 0, column: 0 });
        }
    }

    /// Where the value of that path (`step.train.in.0`) stands; else where its nearest parent does.
    pub(super) fn place(&self, path: &str) -> Range<usize> {
        let places = self.places.borrow();
        let mut path = path;
        loop {
            match (places.get(path), path.rfind('.')) {
                (Some(place), _) => return place.clone(),
                (None, Some(dot)) => path = &path[..dot],
                (None, None) => return 0..0,
            }
        }
    }

    /// Every path that stands in the file, with its place.
    pub(super) fn places(&self) -> Vec<(String, Range<usize>)> {
        self.places.borrow().iter().map(|(path, place)| (path.clone(), place.clone())).collect()
    }

    pub(super) fn into_errors(self) -> Vec<ContractError> {
        self.errors.into_inner()
    }

    /// The text that stands there.
    pub(super) fn source(&self, place: &Range<usize>) -> &'t str {
        self.text.get(place.clone()).unwrap_or_default()
    }

    pub(super) fn remember(&self, path: &str, place: &Range<usize>) {
        self.places.borrow_mut().insert(path.to_owned(), place.clone());
    }
}
