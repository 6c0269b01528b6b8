//! What a command answers: one document for programs and one page for people, built together, shown one at a time.

use kilter_wire::Exit;
use serde::Serialize;
use serde_json::Value;

use crate::{input::Unread, terminal::is_control};

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
    /// A line whose continuation, where it is wrapped, begins so far to the right.
    Hanging(Mark, String, usize),
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

    /// Adds a line with the glyph of `mark`; where it is wrapped, it goes on `indent` characters to the right.
    #[must_use]
    pub fn hanging(mut self, mark: Mark, text: impl Into<String>, indent: usize) -> Self {
        self.blocks.push(Block::Hanging(mark, text.into(), indent));
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

    /// The lines of the table, the headings first. Where it is wider than `width`, the widest columns are wrapped.
    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut columns: Vec<(usize, bool)> = (0..self.headings.len()).map(|at| self.layout(at)).collect();
        if let Some(width) = width {
            fit(&mut columns, width);
        }
        let lines = |cells: &Vec<String>| {
            let wrapped: Vec<Vec<String>> =
                cells.iter().zip(&columns).map(|(cell, (width, _))| wrap(cell, *width, 0)).collect();
            let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
            let line = |at: usize| {
                let cell = |(cells, &(width, right)): (&Vec<String>, &(usize, bool))| {
                    pad(cells.get(at).map_or("", String::as_str), width, right)
                };
                let padded: Vec<String> = wrapped.iter().zip(&columns).map(cell).collect();
                padded.join(GAP).trim_end().to_owned()
            };
            (0..height).map(line).collect::<Vec<_>>()
        };
        std::iter::once(&self.headings).chain(&self.rows).flat_map(lines).collect()
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

/// Between two columns.
const GAP: &str = "  ";
/// What a column is never made narrower than.
const MIN_COLUMN: usize = 8;

/// Makes the widest columns of words narrower until all fit into `width`, or none can be.
fn fit(columns: &mut [(usize, bool)], width: usize) {
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    loop {
        let taken: usize = columns.iter().map(|column| column.0).sum::<usize>() + gaps;
        let widest = columns.iter_mut().filter(|(width, is_number)| !is_number && *width > MIN_COLUMN);
        match widest.max_by_key(|column| column.0) {
            Some(column) if taken > width => column.0 -= 1,
            _ => return,
        }
    }
}

/// A text in lines of at most `width` characters, broken between words; those behind the first begin with `indent` blanks.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let indent = " ".repeat(indent.min(width / 2));
    let options = textwrap::Options::new(width.max(1)).subsequent_indent(&indent);
    textwrap::wrap(text, options).into_iter().map(String::from).collect()
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

    /// The same answer, which names the columns of a table that were left out because of their type.
    #[must_use]
    pub(crate) fn left_out(mut self, unread: &[Unread]) -> Self {
        for column in unread {
            self.page = self.page.marked(Mark::None, column.words());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lean_right_and_words_lean_left() {
        let mut table = TextTable::new(["model", "rows", "auc"]);
        table.row(["churn", "12", "0.71"]).row(["x", "1200", "–"]).row(["short"]);
        assert_eq!(table.lines(None), ["model  rows   auc", "churn    12  0.71", "x      1200     –", "short"]);
    }

    #[test]
    fn a_table_fits_and_loses_no_word() {
        let mut table = TextTable::new(["opened", "what", "rows"]);
        table.row(["2026-01-01", "the mean score moved by much more than chance explains since spring", "1200"]);
        let lines = table.lines(Some(48));
        assert!(lines.len() > 2 && lines.iter().all(|line| line.chars().count() <= 48), "{lines:#?}");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        assert!(
            ["mean", "chance", "spring", "1200", "2026-01-01"].iter().all(|word| words.contains(word)),
            "{words:?}"
        );
        assert_eq!(table.lines(None).len(), 2);
        // Nothing can be narrower than it must be.
        assert!(!table.lines(Some(5)).is_empty());
    }

    #[test]
    fn a_line_goes_on_below_where_it_began() {
        assert_eq!(wrap("one two three four", 10, 2), ["one two", "  three", "  four"]);
        assert_eq!(wrap("short", 10, 2), ["short"]);
    }
}
