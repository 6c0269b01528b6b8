//! A page as Markdown: headings, paragraphs and tables. Figures have no form here and are left out.

use crate::page::{Cell, Report, ReportPart, Table};

impl Report {
    /// The page as Markdown, without figures.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n", line(&self.title), self.verdict.trim());
        for (name, value) in &self.facts {
            text += &format!("\n- {}: {}", line(name), line(value));
        }
        text.push('\n');
        self.parts.iter().for_each(|part| add(part, &mut text));
        for definition in &self.definitions {
            text += &format!("\n{}\n", line(definition));
        }
        text
    }
}

fn add(part: &ReportPart, text: &mut String) {
    match part {
        ReportPart::Heading(heading) => *text += &format!("\n## {}\n", line(heading)),
        ReportPart::Text(paragraph) => *text += &format!("\n{}\n", paragraph.trim()),
        ReportPart::Table(table) => add_table(table, text),
        ReportPart::Figure(_) => {}
        ReportPart::Grid(parts) => parts.iter().for_each(|part| add(part, text)),
        ReportPart::Fold { summary, parts, .. } => {
            *text += &format!("\n**{}**\n", line(summary));
            parts.iter().for_each(|part| add(part, text));
        }
    }
}

fn add_table(table: &Table, text: &mut String) {
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text.push('\n');
    *text += &row(table.headings.iter().map(|heading| cell(heading.trim_start_matches('#'))).collect());
    *text += &row(table.headings.iter().map(|_| "---".to_owned()).collect());
    for cells in &table.rows {
        *text += &row(cells.iter().map(|one| cell(words(one))).collect());
    }
}

fn words(cell: &Cell) -> &str {
    match cell {
        Cell::Text(text) | Cell::Mark(_, text) | Cell::Share(text, _) => text,
    }
}

/// A text in one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text in a cell: what would end the cell or become markup of the page is escaped.
fn cell(text: &str) -> String {
    line(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Status;

    #[test]
    fn a_table_stays_one_whatever_its_cells_hold() {
        let mut table = Table::new(["name", "#value"]);
        table.row([Cell::Text("a|b\n<script>".to_owned()), Cell::Text("1".to_owned())]);
        let report = Report {
            title: "A\npage".to_owned(),
            state: Status::Ok,
            verdict: "Fine.".to_owned(),
            facts: vec![("rows".to_owned(), "7".to_owned())],
            parts: vec![ReportPart::Heading("One".to_owned()), ReportPart::Table(table)],
            definitions: vec![],
        };
        assert_eq!(
            report.to_markdown(),
            "# A page\n\nFine.\n\n- rows: 7\n\n## One\n\n| name | value |\n| --- | --- |\n| a\\|b &lt;script> | 1 |\n"
        );
    }
}
