//! Why a text is not a rule: where, what was expected, what stands there, what to write.

use std::{error, fmt};

/// A text that is not a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The whole rule.
    pub text: String,
    /// Where it goes wrong, in bytes of `text`.
    pub start: usize,
    /// Where that ends, in bytes of `text`.
    pub end: usize,
    /// What could stand there.
    pub expected: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl RuleError {
    pub(super) fn new(text: &str, start: usize, end: usize, expected: impl Into<String>) -> Self {
        Self { text: text.to_owned(), start, end, expected: expected.into(), hint: None }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The column, counted in characters from 1.
    pub fn column(&self) -> usize {
        self.text[..self.start].chars().count() + 1
    }

    /// What went wrong, without the rule's text and the hint.
    pub fn message(&self) -> String {
        format!("expected {}, found {}", self.expected, self.found_text())
    }

    fn found_text(&self) -> String {
        match self.text.get(self.start..self.end).map(str::trim).filter(|found| !found.is_empty()) {
            Some(found) if found.chars().count() > 40 => format!("`{}...`", found.chars().take(40).collect::<String>()),
            Some(found) => format!("`{found}`"),
            None => "the end of the rule".to_owned(),
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.text.chars().take(200).collect();
        write!(out, "rule `{shown}`, column {}: {}", self.column(), self.message())?;
        match &self.hint {
            Some(hint) => write!(out, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl error::Error for RuleError {}
