//! A page: a verdict, facts, and parts, put together within a size.

use crate::{
    escape::{escaped, short},
    figure::Figure,
    state::Status,
    style::sheet,
};

/// Bytes that a page has at most.
pub const MAX_BYTES: usize = 300_000;

/// Characters of a name that are not broken where a table is narrower than it wants to be.
const LONGEST_PIECE: usize = 20;

/// One page.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it is about.
    pub title: String,
    /// The state of the whole.
    pub state: Status,
    /// The plain sentence that says the state, the number that decides it, and what happens next.
    pub verdict: String,
    /// How many rows, when, of what: names with their values.
    pub facts: Vec<(String, String)>,
    /// What follows, most important first.
    pub parts: Vec<ReportPart>,
    /// Which definitions the numbers follow.
    pub definitions: Vec<String>,
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum ReportPart {
    /// A heading.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// A picture.
    Figure(Figure),
    /// Parts beside each other where there is room.
    Grid(Vec<ReportPart>),
    /// Parts that open with a click, or stand open.
    Fold {
        /// The line that stays.
        summary: String,
        /// Its state.
        state: Status,
        /// A word for the state.
        word: String,
        /// Whether it stands open at first.
        open: bool,
        /// What is inside.
        parts: Vec<ReportPart>,
    },
}

/// Rows under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The headings; one that begins with `#` stands over numbers (and loses the sign).
    pub headings: Vec<String>,
    /// As many cells a row as there are headings.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub enum Cell {
    /// A text or number.
    Text(String),
    /// A state with its word.
    Mark(Status, String),
    /// A number that stands for so large a share of something: the larger, the darker its ground.
    Share(String, f64),
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self { headings: headings.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

/// What a page had no room for.
#[derive(Clone, Copy, Default)]
struct OmittedContent {
    rows: usize,
    parts: usize,
}

impl Report {
    /// The page as HTML, at most [`MAX_BYTES`] long.
    pub fn to_html(&self) -> String {
        let mut body = self.head();
        // Room for what comes after the parts: the definitions, and what was left out.
        let tail = self.definitions.iter().map(|text| escaped(text).len() + 16).sum::<usize>() + 600;
        let room = MAX_BYTES.saturating_sub(sheet().len() + tail);
        let mut left_out = OmittedContent::default();
        for part in &self.parts {
            add(part, &mut body, room, &mut left_out);
        }
        body += &self.foot(left_out);
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
             <title>{}</title><style>{}</style></head><body><main>{body}</main></body></html>\n",
            escaped(&short(&self.title, 100)),
            sheet()
        )
    }

    fn head(&self) -> String {
        let fact = |(name, value): &(String, String)| {
            format!("<li>{} <b>{}</b></li>", escaped(&short(name, 60)), escaped(&short(value, 120)))
        };
        format!(
            "<h1>{}</h1><p class=\"verdict {class}\"><span class=\"{class}\">{}</span> {}</p><ul class=\"facts\">{}</ul>",
            escaped(&short(&self.title, 120)),
            self.state.glyph(),
            escaped(&self.verdict),
            self.facts.iter().map(fact).collect::<String>(),
            class = self.state.class(),
        )
    }

    fn foot(&self, left_out: OmittedContent) -> String {
        let mut text = String::from("<footer>");
        if left_out.parts + left_out.rows > 0 {
            text += &format!(
                "<p>Left out to keep this page under {} kB: {} pictures or columns and {} rows. --json has all of them.</p>",
                MAX_BYTES / 1000,
                left_out.parts,
                left_out.rows
            );
        }
        for definition in &self.definitions {
            text += &format!("<p>{}</p>", escaped(definition));
        }
        text + "</footer>"
    }
}

/// Adds a part where there is room for it.
fn add(part: &ReportPart, body: &mut String, room: usize, left_out: &mut OmittedContent) {
    if let ReportPart::Table(table) = part {
        return add_table(table, body, room, left_out);
    }
    let text = html(part);
    if body.len() + text.len() <= room {
        *body += &text;
    } else if !matches!(part, ReportPart::Heading(_) | ReportPart::Text(_)) {
        left_out.parts += 1;
    }
}

fn add_table(table: &Table, body: &mut String, room: usize, left_out: &mut OmittedContent) {
    let columns = shown_columns(table);
    *body += &table_head(table, &columns);
    let mut full = false;
    for row in &table.rows {
        let text = table_row(table, &columns, row);
        full = full || body.len() + text.len() > room;
        if full {
            left_out.rows += 1;
        } else {
            *body += &text;
        }
    }
    *body += "</tbody></table></div>";
}

fn html(part: &ReportPart) -> String {
    let all = |parts: &[ReportPart]| parts.iter().map(html).collect::<String>();
    match part {
        ReportPart::Heading(text) => format!("<h2>{}</h2>", escaped(text)),
        ReportPart::Text(text) => format!("<p>{}</p>", escaped(text)),
        ReportPart::Table(table) => {
            let columns = shown_columns(table);
            let rows: String = table.rows.iter().map(|row| table_row(table, &columns, row)).collect();
            format!("{}{rows}</tbody></table></div>", table_head(table, &columns))
        }
        ReportPart::Figure(figure) => figure.html(),
        ReportPart::Grid(parts) => format!("<div class=\"grid\">{}</div>", all(parts)),
        ReportPart::Fold { summary, state, word, open, parts } => format!(
            "<details{}><summary>{} <b>{}</b></summary><div>{}</div></details>",
            if *open { " open" } else { "" },
            chip(*state, word),
            escaped(&short(summary, 120)),
            all(parts)
        ),
    }
}

fn chip(state: Status, word: &str) -> String {
    format!("<span class=\"chip {}\">{} {}</span>", state.class(), state.glyph(), escaped(word))
}

fn is_number(heading: &str) -> bool {
    heading.starts_with('#')
}

/// The places of the columns that have something to show: one that is empty in every row only takes room.
fn shown_columns(table: &Table) -> Vec<usize> {
    let is_empty = |cell: Option<&Cell>| matches!(cell, None | Some(Cell::Text(_))) && cell_text(cell).is_empty();
    let is_shown = |at: &usize| table.rows.is_empty() || !table.rows.iter().all(|row| is_empty(row.get(*at)));
    (0..table.headings.len()).filter(is_shown).collect()
}

fn cell_text(cell: Option<&Cell>) -> &str {
    match cell {
        Some(Cell::Text(text) | Cell::Mark(_, text) | Cell::Share(text, _)) => text,
        None => "",
    }
}

/// The longest piece of the names of a column that should stay in one line, in characters.
fn longest_piece(table: &Table, at: usize) -> usize {
    let pieces = table.rows.iter().flat_map(|row| cell_text(row.get(at)).split_whitespace());
    pieces.map(|piece| piece.chars().count()).max().unwrap_or(0).min(LONGEST_PIECE)
}

fn table_head(table: &Table, columns: &[usize]) -> String {
    let heading = |at: &usize| {
        let (at, text) = (*at, &table.headings[*at]);
        let how = if is_number(text) {
            " class=\"n\"".to_owned()
        } else {
            format!(" style=\"min-width:{}ch\"", longest_piece(table, at) + 3)
        };
        format!("<th{how}>{}</th>", escaped(&short(text.trim_start_matches('#'), 80)))
    };
    let headings: String = columns.iter().map(heading).collect();
    format!("<div class=\"wide\"><table><thead><tr>{headings}</tr></thead><tbody>")
}

fn table_row(table: &Table, columns: &[usize], row: &[Cell]) -> String {
    let cell = |at: &usize| match row.get(*at) {
        Some(Cell::Text(text)) if is_number(&table.headings[*at]) => {
            format!("<td class=\"n\">{}</td>", escaped(&short(text, 40)))
        }
        Some(Cell::Text(text)) => format!("<td class=\"name\">{}</td>", escaped(&short(text, 120))),
        Some(Cell::Mark(state, word)) => format!("<td>{}</td>", chip(*state, word)),
        Some(Cell::Share(text, share)) => {
            // At most half of the colour, so that the number can be read on it.
            let percent = (50.0 * share.clamp(0.0, 1.0)).round() as u8;
            format!("<td class=\"n heat\" style=\"--share:{percent}%\">{}</td>", escaped(&short(text, 40)))
        }
        None => "<td></td>".to_owned(),
    };
    format!("<tr>{}</tr>", columns.iter().map(cell).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(parts: Vec<ReportPart>) -> Report {
        Report {
            title: "drift of <b>a</b>".into(),
            state: Status::Warn,
            verdict: "1 of 2 columns changed".into(),
            facts: vec![("rows".into(), "12".into())],
            parts,
            definitions: vec!["W1 over the reference's standard deviation".into()],
        }
    }

    #[test]
    fn a_page_stands_alone() {
        let html = report(vec![ReportPart::Heading("Columns".into())]).to_html();
        for outside in ["<script", "http://", "https://", "src=", "href=", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("drift of &lt;b&gt;a&lt;/b&gt;") && html.contains("▲"));
        assert_eq!(html.matches("<main>").count(), 1);
    }

    #[test]
    fn a_page_keeps_to_its_size_and_says_what_it_left_out() {
        let mut table = Table::new(["column", "#effect"]);
        (0..20_000).for_each(|at| table.row([Cell::from(format!("column {at}")), Cell::from("0.1")]));
        let fold = |at: usize| ReportPart::Fold {
            summary: format!("column {at}"),
            state: Status::Ok,
            word: "calm".into(),
            open: false,
            parts: vec![ReportPart::Text("x".repeat(900))],
        };
        let mut parts: Vec<ReportPart> = (0..100).map(fold).collect();
        parts.push(ReportPart::Table(table));
        parts.extend((0..100).map(fold));
        let html = report(parts).to_html();
        assert!(html.len() <= MAX_BYTES && html.len() > MAX_BYTES - 9_000, "{}", html.len());
        assert!(html.contains("Left out") && html.contains("100 pictures or columns"));
    }

    #[test]
    fn a_table_leaves_out_what_is_empty_and_keeps_short_names_whole() {
        let mut table = Table::new(["metric", "#value", "why not"]);
        table.row(["missing(avg_order)", "0", ""].map(Cell::from));
        table.row([Cell::from("auc"), Cell::Share("0.7".into(), 0.7), Cell::from("")]);
        let html = html(&ReportPart::Table(table));
        assert!(!html.contains("why not") && html.matches("<td").count() == 4, "{html}");
        assert!(html.contains("min-width:21ch") && html.contains("--share:35%"), "{html}");
        let mut table = Table::new(["metric", "why not"]);
        table.row(["auc", "too few rows"].map(Cell::from));
        assert!(super::html(&ReportPart::Table(table)).contains("why not"));
    }

    #[test]
    fn every_state_has_its_own_glyph_and_word() {
        let states = [Status::Ok, Status::Warn, Status::Bad, Status::Wait, Status::None, Status::InsufficientData];
        let chips: Vec<String> = states.iter().map(|state| chip(*state, "word")).collect();
        assert!(chips.iter().enumerate().all(|(at, chip)| !chips[..at].contains(chip)));
    }

    proptest! {
        #[test]
        fn whatever_names_say_the_page_has_the_same_elements(name in any::<String>(), value in any::<String>()) {
            let page = |name: &str, value: &str| {
                let mut table = Table::new(["column", "#value"]);
                table.row([Cell::from(name), Cell::from(value)]);
                table.row([Cell::Mark(Status::Bad, name.to_owned()), Cell::from(value)]);
                table.row(["a column", "that is left out where it is empty"].map(Cell::from));
                report(vec![ReportPart::Table(table), ReportPart::Heading(name.to_owned()), ReportPart::Text(value.to_owned())]).to_html()
            };
            let elements = |html: &str| html.matches('<').count();
            prop_assert_eq!(elements(&page(&name, &value)), elements(&page("plain", "plain")));
        }
    }
}
