//! Tables and lines of text that fit their terminal.
//!
//! Invariants: widths are those that a terminal shows (wide characters take two cells, marks that combine none); a number
//! is never broken, a word only where it would take a column that others need; what cannot be a table in so little room
//! is a list of its rows. Without a terminal nothing is wrapped, so that programs read the same lines everywhere.

use kilter_report::{Cell, Table};
use textwrap::core::{Word, display_width};

use crate::ui::{headline::headline, terminal::is_control};

/// Between two columns.
const GAP: &str = "  ";
/// Words longer than this are broken when a table does not fit else: first those that are longer than any id, then more.
const LONGEST_WORDS: [usize; 3] = [usize::MAX, 36, 16];
/// What a reason is never cut shorter than.
const MIN_REASON: usize = 12;
/// Joins a glyph and its word, which are never parted.
const JOINED: char = '\u{a0}';
/// Characters behind which a word is broken rather than elsewhere.
const BREAKABLE: [char; 9] = ['_', '/', '.', '-', ',', '=', '(', ')', ':'];

/// Rows of text under headings; columns of numbers lean to the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextTable {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Headings of the columns that are shown with `--verbose` only.
    detail: Vec<String>,
    /// The heading of the column whose cells are cut to the line without `--verbose`.
    reason: Option<String>,
}

/// How wide a column is, and how narrow it may become.
#[derive(Clone, Copy)]
struct Layout {
    width: usize,
    /// The longest word, which is broken at need; of numbers, which are not.
    word: usize,
    heading_word: usize,
    is_number: bool,
}

impl Layout {
    /// The narrowest that the column becomes while only words longer than `longest` are broken.
    fn narrowest(&self, longest: usize) -> usize {
        let word = if self.is_number { self.word } else { self.word.min(longest) };
        word.max(self.heading_word.min(longest)).min(self.width)
    }
}

/// The table of an HTML page, for the terminal: a table is built once.
impl From<Table> for TextTable {
    fn from(table: Table) -> Self {
        let mut text = Self::new(table.headings.iter().map(|heading| heading.trim_start_matches('#')));
        for row in table.rows {
            text.row(row.into_iter().map(|cell| match cell {
                Cell::Text(text) | Cell::Share(text, _) => text,
                Cell::Mark(state, word) => format!("{} {word}", state.glyph()),
            }));
        }
        text
    }
}

impl TextTable {
    /// A table without rows.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self {
            headings: headings.into_iter().map(|heading| on_one_line(heading.into())).collect(),
            rows: Vec::new(),
            detail: Vec::new(),
            reason: None,
        }
    }

    /// Shows the columns under these headings with `--verbose` only.
    #[must_use]
    pub fn detail(mut self, headings: &[&str]) -> Self {
        self.detail = headings.iter().map(|heading| (*heading).to_owned()).collect();
        self
    }

    /// Cuts the cells under this heading to the line without `--verbose`.
    #[must_use]
    pub fn reason(mut self, heading: &str) -> Self {
        self.reason = Some(heading.to_owned());
        self
    }

    /// The same table without its details, its reasons cut so that a line has at most `width` characters.
    pub(crate) fn brief(&self, width: usize) -> Self {
        let kept: Vec<usize> =
            (0..self.headings.len()).filter(|at| !self.detail.contains(&self.headings[*at])).collect();
        let pick = |row: &Vec<String>| kept.iter().map(|at| row[*at].clone()).collect::<Vec<String>>();
        let mut brief = Self::new(pick(&self.headings));
        brief.rows = self.rows.iter().map(pick).collect();
        let reason =
            self.reason.as_ref().and_then(|reason| brief.headings.iter().position(|heading| heading == reason));
        if let Some(reason) = reason {
            let others =
                (0..brief.headings.len()).filter(|at| *at != reason).map(|at| brief.layout(at).width + GAP.len());
            let left = width.saturating_sub(others.sum()).max(MIN_REASON);
            for row in &mut brief.rows {
                row[reason] = headline(&row[reason], left);
            }
        }
        brief
    }

    /// Adds a row: as many cells as there are headings (missing ones are empty, the rest is dropped).
    pub fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) -> &mut Self {
        let mut row: Vec<String> = cells.into_iter().map(|cell| joined(on_one_line(cell.into()))).collect();
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

    /// The lines of the table, the headings first. Where it is wider than `width`, its columns are wrapped; where that is
    /// not enough, each row is a list of its cells.
    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let mut columns: Vec<Layout> = (0..self.headings.len()).map(|at| self.layout(at)).collect();
        let lines: Vec<String> = match width {
            Some(width) if !fit(&mut columns, width) => self.list(width),
            _ => std::iter::once(&self.headings).chain(&self.rows).flat_map(|row| row_lines(row, &columns)).collect(),
        };
        lines.into_iter().map(|line| line.replace(JOINED, " ")).collect()
    }

    fn layout(&self, column: usize) -> Layout {
        let heading = self.headings[column].as_str();
        let cells = || self.rows.iter().map(|row| row[column].as_str());
        let widest = |of: fn(&str) -> usize| cells().map(of).max().unwrap_or(0);
        let is_number = !self.rows.is_empty() && cells().all(|cell| cell.is_empty() || cell == "–" || is_numeric(cell));
        let width = widest(display_width).max(display_width(heading));
        Layout { width, word: widest(longest_word), heading_word: longest_word(heading), is_number }
    }

    /// Each row as lines of a heading and its cell, for what is too wide to be a table.
    fn list(&self, width: usize) -> Vec<String> {
        let names = self.headings.iter().map(|heading| display_width(heading)).max().unwrap_or(0).min(width / 3);
        let mut lines = vec![self.headings.first().cloned().unwrap_or_default()];
        for row in &self.rows {
            let mut cells = self.headings.iter().zip(row);
            lines.extend(cells.next().into_iter().flat_map(|(_, first)| wrap(first, width, 0)));
            for (heading, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
                let indent = 2 + names + GAP.len();
                let mut begin = format!("  {}{GAP}", pad(heading, names, false));
                // A long heading has a line of its own.
                if display_width(heading) > names {
                    lines.push(format!("  {heading}"));
                    begin = " ".repeat(indent);
                }
                let line = |(at, text): (usize, &String)| match at {
                    0 => format!("{begin}{text}"),
                    _ => format!("{}{text}", " ".repeat(indent)),
                };
                let texts = wrap(cell, width.saturating_sub(indent).max(1), 0);
                lines.extend(texts.iter().enumerate().map(line));
            }
        }
        lines
    }
}

/// The lines of one row; the cells that are lower than the highest end in blanks.
fn row_lines(cells: &[String], columns: &[Layout]) -> Vec<String> {
    let wrapped: Vec<Vec<String>> =
        cells.iter().zip(columns).map(|(cell, column)| wrap_within(cell, column.width)).collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let cell = |(cells, column): (&Vec<String>, &Layout)| {
            pad(cells.get(at).map_or("", String::as_str), column.width, column.is_number)
        };
        let padded: Vec<String> = wrapped.iter().zip(columns).map(cell).collect();
        padded.join(GAP).trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// A number, an interval, a time: what begins as a number and is no sentence.
fn is_numeric(cell: &str) -> bool {
    let count = |is: fn(&char) -> bool| cell.chars().filter(is).count();
    cell.starts_with(|c: char| c.is_ascii_digit() || "-+.".contains(c))
        && count(|c| c.is_alphabetic()) <= count(|c| c.is_ascii_digit())
}

/// A cell whose glyph is joined to the word behind it, as is the second end of a range, and a number to its unit.
fn joined(mut cell: String) -> String {
    if is_numeric(&cell) {
        cell = cell.replace(" to ", &format!(" to{JOINED}")).replace(" %", &format!("{JOINED}%"));
    }
    let glyph = cell.chars().next().filter(|c| !c.is_alphanumeric() && !c.is_ascii()).map_or(0, char::len_utf8);
    if glyph > 0 && cell[glyph..].starts_with(' ') {
        cell.replace_range(glyph..=glyph, JOINED.encode_utf8(&mut [0; 4]));
    }
    cell
}

/// Makes the widest columns narrower until all fit into `width`: first between words, then within longer and longer ones.
/// False when they cannot.
fn fit(columns: &mut [Layout], width: usize) -> bool {
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    for longest in LONGEST_WORDS {
        loop {
            if columns.iter().map(|column| column.width).sum::<usize>() + gaps <= width {
                return true;
            }
            let can_shrink = columns.iter_mut().filter(|column| column.width > column.narrowest(longest));
            match can_shrink.max_by_key(|column| column.width) {
                Some(column) => column.width -= 1,
                None => break,
            }
        }
    }
    false
}

/// A text in lines of at most `width` cells, broken between words; those behind the first begin with `indent` blanks. A
/// word that is longer stays whole, so that it can be copied.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    let indent = " ".repeat(indent.min(width / 2));
    let options = textwrap::Options::new(width.max(1))
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).into_iter().map(String::from).collect()
}

/// A text in lines of at most `width` cells; longer words are broken too.
fn wrap_within(text: &str, width: usize) -> Vec<String> {
    if display_width(text) <= width {
        return vec![text.to_owned()];
    }
    let pieces: Vec<&str> =
        text.split_inclusive(' ').flat_map(|word| broken(word, display_width(word.trim_end()), width.max(1))).collect();
    let words: Vec<Word> = pieces.iter().map(|piece| Word::from(piece)).collect();
    let lines = textwrap::wrap_algorithms::wrap_first_fit(&words, &[width.max(1) as f64]);
    let line = |words: &&[Word]| {
        let text: String = words.iter().map(|word| format!("{}{}", word.word, word.whitespace)).collect();
        text.trim_end().to_owned()
    };
    lines.iter().map(line).collect()
}

/// A word in pieces of at most `width` cells, broken behind a mark where there is one in the second half of a piece.
fn broken(word: &str, word_width: usize, width: usize) -> Vec<&str> {
    if word_width <= width {
        return vec![word];
    }
    let (mut pieces, mut rest) = (Vec::new(), word);
    while display_width(rest.trim_end()) > width {
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            let next = at + c.len_utf8();
            // A character that is wider than the column is a piece of its own.
            if display_width(&rest[..next]) > width && end > 0 {
                break;
            }
            end = next;
        }
        let behind_mark = rest[..end].rfind(BREAKABLE).map(|at| at + 1).filter(|at| *at > end / 2);
        let (piece, behind) = rest.split_at(behind_mark.unwrap_or(end));
        pieces.push(piece);
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(display_width).max().unwrap_or(0)
}

/// Line breaks and what a terminal would obey, as the data of others may hold, stand as a replacement character.
fn on_one_line(cell: String) -> String {
    if cell.chars().any(is_control) { cell.replace(is_control, "\u{fffd}") } else { cell }
}

fn pad(cell: &str, width: usize, right: bool) -> String {
    let gap = " ".repeat(width.saturating_sub(display_width(cell)));
    if right { gap + cell } else { cell.to_owned() + &gap }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert!(lines.len() > 2 && lines.iter().all(|line| display_width(line) <= 48), "{lines:#?}");
        let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        assert!(
            ["mean", "chance", "spring", "1200", "2026-01-01"].iter().all(|word| words.contains(word)),
            "{words:?}"
        );
        assert_eq!(table.lines(None).len(), 2);
    }

    #[test]
    fn columns_stand_under_each_other_whatever_their_characters_take() {
        let mut table = TextTable::new(["column", "rows"]);
        table.row(["大阪の地域", "12"]).row(["cafe\u{301}", "7"]).row(["plain", "1"]);
        let ends: Vec<usize> = table.lines(None).iter().map(|line| display_width(line)).collect();
        assert_eq!(ends, [16; 4], "{:#?}", table.lines(None));
    }

    #[test]
    fn a_long_name_is_broken_behind_a_mark_and_a_number_never() {
        let mut table = TextTable::new(["column", "distance beyond chance", "interval"]);
        let name = "orders_of_the_last_thirty_days_per_customer_and_region_in_thousands_of_the_currency";
        table.row([name, "0.1785", "0.1 to 0.2"]).row(["✕ plain", "4 of 13 are meant", "0.12345678"]);
        let lines = table.lines(Some(60));
        let expected = [
            "column                                  distance    interval",
            "                                        beyond",
            "                                        chance",
            "orders_of_the_last_thirty_days_per_     0.1785    0.1 to 0.2",
            "customer_and_region_in_thousands_of_",
            "the_currency",
            "✕ plain                                 4 of 13   0.12345678",
            "                                        are",
            "                                        meant",
        ];
        assert_eq!(lines, expected, "{lines:#?}");
        assert!(table.lines(Some(45)).iter().any(|line| line.ends_with("0.12345678")), "{:#?}", table.lines(Some(45)));
    }

    #[test]
    fn what_cannot_be_a_table_is_a_list_of_its_rows() {
        let mut table = TextTable::new(["endpoint", "rules", "kept", "broken", "undecided", "open alerts", "newest"]);
        table.row(["✕ churn", "17", "14", "1", "2", "", "1998-06-01"]);
        let lines = table.lines(Some(40));
        let expected = [
            "endpoint",
            "✕ churn",
            "  rules        17",
            "  kept         14",
            "  broken       1",
            "  undecided    2",
            "  newest       1998-06-01",
        ];
        assert_eq!(lines, expected, "{lines:#?}");
        let mut table = TextTable::new(["id", "orders_of_the_last_thirty_days_per_customer"]);
        table.row(["7", "0.5"]);
        let expected = ["id", "7", "  orders_of_the_last_thirty_days_per_customer", "         0.5"];
        assert_eq!(table.lines(Some(15)), expected, "{:#?}", table.lines(Some(15)));
    }

    #[test]
    fn a_line_goes_on_below_where_it_began() {
        assert_eq!(wrap("one two three four", 10, 2), ["one two", "  three", "  four"]);
        assert_eq!(wrap("short", 10, 2), ["short"]);
        // A path stays whole, also where it is longer than the line; so does a date.
        assert_eq!(
            wrap("see /a/very/long/path.html on 2026-01-02", 16, 0),
            ["see", "/a/very/long/path.html", "on 2026-01-02"]
        );
    }

    proptest! {
        #[test]
        fn whatever_the_cells_are_no_line_is_wider_and_no_character_is_lost(
            cells in proptest::collection::vec("[a-z0-9_/ 大é\u{301}–]{0,60}", 12),
            width in 40_usize..140,
        ) {
            let mut table = TextTable::new(["name", "a heading of words", "n", "what"]);
            for row in cells.chunks(4) {
                table.row(row.to_vec());
            }
            let lines = table.lines(Some(width));
            let longest = cells.iter().map(|cell| longest_word(cell)).max().unwrap_or(0);
            // In a list a word stays whole behind its heading.
            let is_list = lines[0] == "name";
            for line in &lines {
                prop_assert!(display_width(line) <= width || (is_list && longest + 22 > width), "{line}\n{lines:#?}");
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let shown: usize = lines.iter().map(|line| letters(line)).sum();
            prop_assert!(shown >= cells.iter().map(|cell| letters(cell)).sum::<usize>());
        }
    }
}
