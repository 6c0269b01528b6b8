//! A document as Markdown, and as a page of HTML that needs nothing else.

use kilter_api as api;
use kilter_domain::{
    card::{UNWRITTEN, part_begins, part_ends, revision_mark},
    plural::counted,
};
use kilter_report::{Cell, Report, ReportPart, Status, Table};

/// The document as Markdown. Parts of people stand between their marks, and gaps are marked.
pub(super) fn markdown(document: &api::Document) -> String {
    let front = match document.front_matter.trim_end() {
        "" => String::new(),
        front => format!("---\n{front}\n---\n\n"),
    };
    let revision = document.revision.map_or_else(String::new, |revision| format!("\n{}\n", revision_mark(revision)));
    front + &report(document, true).to_markdown() + &revision
}

/// The document as a page of HTML.
pub(super) fn html(document: &api::Document) -> String {
    report(document, false).to_html()
}

fn report(document: &api::Document, has_marks: bool) -> Report {
    let gaps = document.gaps.len();
    let mut parts = Vec::new();
    for section in &document.sections {
        parts.push(ReportPart::Heading(section.heading.clone()));
        parts.extend(section.blocks.iter().map(|block| part(block, has_marks)));
    }
    let (state, verdict) = match gaps {
        0 => (Status::Ok, "Every part is filled from a record, or written by a person.".to_owned()),
        _ => (
            Status::Wait,
            format!("Marked with GAP: {}. No record says it, and nobody has written it.", counted(gaps, "part")),
        ),
    };
    Report { title: document.title.clone(), state, verdict, facts: vec![], parts, definitions: vec![] }
}

fn part(block: &api::DocumentBlock, has_marks: bool) -> ReportPart {
    match block {
        api::DocumentBlock::Text { text } => ReportPart::Text(text.clone()),
        api::DocumentBlock::Gap { text } => ReportPart::Text(format!("GAP: {text}")),
        api::DocumentBlock::Human { part, text } => {
            let gap = || format!("GAP: nobody wrote the part `{part}` of the card");
            let written = text.as_deref();
            ReportPart::Text(match has_marks {
                true => format!("{}\n{}\n{}", part_begins(part), written.unwrap_or(UNWRITTEN), part_ends(part)),
                false => written.map_or_else(gap, str::to_owned),
            })
        }
        api::DocumentBlock::Table { headings, rows } => {
            let mut table = Table::new(headings.clone());
            rows.iter().for_each(|row| table.row(row.iter().map(|cell| Cell::Text(cell.clone()))));
            ReportPart::Table(table)
        }
    }
}
