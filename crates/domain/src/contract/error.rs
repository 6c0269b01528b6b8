//! What is wrong with a contract, shown as a compiler shows it: place, line, caret, way out.

use std::{error, fmt, ops::Range};

/// How many errors are kept: past these a person mends the first ones anyway.
pub const MAX_ERRORS: usize = 100;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractError {
    /// Where, in bytes of the text.
    pub place: Range<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Line and column, from 1; columns count characters.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
}

/// Everything that is wrong, in the order of the file; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractErrors {
    /// The file's name, for the rendering.
    pub file: String,
    text: String,
    errors: Vec<ContractError>,
}

impl ContractErrors {
    pub(super) fn new(text: &str, errors: Vec<ContractError>) -> Self {
        let errors = located(text, errors);
        Self { file: "kilter.toml".to_owned(), text: text.to_owned(), errors }
    }

    /// The same errors, shown for a file of another name.
    pub fn in_file(self, file: impl Into<String>) -> Self {
        Self { file: file.into(), ..self }
    }

    /// The errors in the order of the file; at least one.
    pub fn iter(&self) -> std::slice::Iter<'_, ContractError> {
        self.errors.iter()
    }

    /// How many there are; at least one.
    pub fn count(&self) -> usize {
        self.errors.len()
    }
}

/// The same in the order of the file, each with its line and column.
pub(super) fn located(text: &str, mut errors: Vec<ContractError>) -> Vec<ContractError> {
    errors.sort_by_key(|error| error.place.start);
    errors.dedup();
    for error in &mut errors {
        (error.line, error.column) = line_and_column(text, error.place.start);
    }
    errors
}

/// Line and column, from 1, of a byte.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

impl fmt::Display for ContractErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            if at > 0 {
                out.write_str("\n\n")?;
            }
            self.show(out, error)?;
        }
        Ok(())
    }
}

impl ContractErrors {
    fn show(&self, out: &mut fmt::Formatter<'_>, error: &ContractError) -> fmt::Result {
        write!(out, "{}:{}:{}: error: {}", self.file, error.line, error.column, error.message)?;
        let source = self.text.lines().nth(error.line - 1).unwrap_or_default().replace('\t', " ");
        let margin = error.line.to_string().len();
        // A line too long to read is shown from the place on.
        let skipped = if source.chars().count() > 160 { (error.column - 1).saturating_sub(60) } else { 0 };
        let shown: String = source.chars().skip(skipped).take(160).collect();
        let indent = error.column - 1 - skipped;
        let length =
            self.text.get(error.place.clone()).map_or(1, |found| found.lines().next().unwrap_or("").chars().count());
        let carets = length.clamp(1, shown.chars().count().saturating_sub(indent).max(1));
        write!(
            out,
            "\n{:margin$} |\n{} | {shown}\n{:margin$} | {:indent$}{}",
            "",
            error.line,
            "",
            "",
            "^".repeat(carets)
        )?;
        match &error.hint {
            Some(hint) => write!(out, "\n{:margin$} = {hint}", ""),
            None => Ok(()),
        }
    }
}

impl error::Error for ContractErrors {}
