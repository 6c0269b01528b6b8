//! What a command answers: one document for programs and one page for people, built together, shown one at a time.

use kilter_api::Exit;
pub use kilter_report::Status;
use serde::Serialize;
use serde_json::Value;

pub use crate::ui::text_table::TextTable;
use crate::ui::unread::Unread;

/// When a page for a browser was made, as one of its facts.
pub(crate) fn made(now: kilter_domain::time::Timestamp) -> (String, String) {
    let text = now.to_string();
    ("made".to_owned(), format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " ")))
}

/// One cell of a table or one line of a page, with its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Line(Option<Status>, String),
    /// A lead that is always whole, and a reason that is cut to the line unless `--verbose` is given.
    Reason(Option<Status>, String, String),
    Table(TextTable),
}

/// What a person sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub(crate) blocks: Vec<Block>,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line (several, when `text` holds line breaks).
    #[must_use]
    pub fn line(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(None, text.into()));
        self
    }

    /// Adds a line that begins with the glyph of `mark`.
    #[must_use]
    pub fn marked(mut self, mark: impl Into<Status>, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(Some(mark.into()), text.into()));
        self
    }

    /// Adds a line that begins with `lead`; of `reason` it shows what fits, and all of it with `--verbose`.
    #[must_use]
    pub fn reason(
        mut self,
        mark: impl Into<Option<Status>>,
        lead: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        self.blocks.push(Block::Reason(mark.into(), lead.into(), reason.into()));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: TextTable) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }
}

/// What came of a command.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) exit: Exit,
    /// `None`: the command has said it all itself.
    pub(crate) document: Option<Value>,
    pub(crate) page: Page,
}

impl Answer {
    /// It was done; `document` says what came of it.
    ///
    /// # Panics
    /// When `document` has no JSON form, which no type of ours lacks.
    pub fn done(document: &impl Serialize, page: Page) -> Self {
        let document = serde_json::to_value(document).expect("documents have text keys, so they have a JSON form");
        Self { exit: Exit::Done, document: Some(document), page }
    }

    /// It was done, and everything has been said.
    pub fn written() -> Self {
        Self { exit: Exit::Done, document: None, page: Page::new() }
    }

    /// The same answer, which names the columns of a table that were left out because of their type.
    #[must_use]
    pub(crate) fn left_out(mut self, unread: &[Unread]) -> Self {
        for column in unread {
            self.page = self.page.marked(Status::None, column.words());
        }
        if let (Some(Value::Object(document)), [_, ..]) = (&mut self.document, unread) {
            document.insert("unread".to_owned(), serde_json::to_value(unread).unwrap_or_default());
        }
        self
    }

    /// The same answer with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// A time to the minute, as it is written.
pub(crate) fn minute(time: impl std::fmt::Display) -> String {
    let time = time.to_string();
    match time.get(..16) {
        Some(text) => text.trim_end_matches("T00:00").replace('T', " "),
        None => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_to_the_minute_and_midnight_as_the_day() {
        assert_eq!(minute("2026-01-02T00:00:00Z"), "2026-01-02");
        assert_eq!((minute("2026-01-02T03:04:05.006Z").as_str(), minute("x").as_str()), ("2026-01-02 03:04", "x"));
    }
}
