//! What a command answers: one document for programs and one page for people, built together, shown one at a time.

use kilter_wire::Exit;
use serde::Serialize;
use serde_json::Value;

use crate::terminal::is_control;

/// A state, as every surface of Kilter shows it: a glyph, a colour, and a word beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Ok,
    Warn,
    Bad,
    /// A person or more data must decide.
    Wait,
    /// Has not happened.
    None,
    Running,
    /// An earlier step said no; it never ran.
    Blocked,
    /// Not enough data.
    Thin,
}

impl Mark {
    /// The glyph, which never stands without its word.
    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Ok => "✓",
            Self::Warn => "▲",
            Self::Bad => "✕",
            Self::Wait => "◆",
            Self::None => "–",
            Self::Running => "◌",
            Self::Blocked => "⊘",
            Self::Thin => "▨",
        }
    }

    /// The ANSI colour: one of the sixteen that every terminal theme maps itself.
    pub(crate) const fn ansi(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Warn => "33",
            Self::Bad => "31",
            Self::Wait => "35",
            Self::Running => "36",
            Self::None | Self::Blocked | Self::Thin => "2",
        }
    }
}

/// One cell of a table or one line of a page, with its mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Line(Option<Mark>, String),
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
    pub fn marked(mut self, mark: Mark, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Line(Some(mark), text.into()));
        self
    }

    /// Adds a table.
    #[must_use]
    pub fn table(mut self, table: TextTable) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }
}

/// Rows of text under headings; columns of numbers lean to the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    /// A table without rows.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self { headings: headings.into_iter().map(|heading| on_one_line(heading.into())).collect(), rows: Vec::new() }
    }

    /// Adds a row: as many cells as there are headings (missing ones are empty, the rest is dropped).
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(|cell| on_one_line(cell.into())).collect();
        row.resize(self.headings.len(), String::new());
        self.rows.push(row);
        self
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table, the headings first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let columns: Vec<(usize, bool)> = (0..self.headings.len()).map(|at| self.layout(at)).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&columns).map(|(cell, &(width, right))| pad(cell, width, right));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        std::iter::once(&self.headings).chain(&self.rows).map(|cells| line(cells)).collect()
    }

    /// How wide a column is, and whether it leans to the right.
    fn layout(&self, column: usize) -> (usize, bool) {
        let cells = || self.rows.iter().map(|row| row[column].as_str());
        let width = cells().chain([self.headings[column].as_str()]).map(|cell| cell.chars().count()).max();
        let is_numeric = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c));
        let right = !self.rows.is_empty() && cells().all(|cell| cell.is_empty() || cell == "–" || is_numeric(cell));
        (width.unwrap_or(0), right)
    }
}

/// Line breaks and what a terminal would obey, as the data of others may hold, stand as a replacement character.
fn on_one_line(cell: String) -> String {
    if cell.chars().any(is_control) { cell.replace(is_control, "\u{fffd}") } else { cell }
}

fn pad(cell: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
    if right { gap + cell } else { cell.to_owned() + &gap }
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
    pub fn said() -> Self {
        Self { exit: Exit::Done, document: None, page: Page::new() }
    }

    /// The same answer with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lean_right_and_words_lean_left() {
        let mut table = TextTable::new(["model", "rows", "auc"]);
        table.row(["churn", "12", "0.71"]).row(["x", "1200", "–"]).row(["short"]);
        assert_eq!(table.lines(), ["model  rows   auc", "churn    12  0.71", "x      1200     –", "short"]);
    }
}
