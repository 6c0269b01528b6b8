//! The words of `kilter profile`: a table for the terminal, a page for a browser.

use kilter_domain::{
    plural::{counted, plural},
    time::{DAY_MS, Timestamp},
};
use kilter_report::{Cell, Figure, Report, ReportPart, Status, Table, number, percent, whole};
use kilter_stats::{compare::ChartData, profile::TableProfile};

use super::result::{Column, ProfileResult, Value};
use crate::ui::view::{Page, TextTable, made};

/// What the numbers mean.
const DEFINITIONS: &[&str] = &[
    "Missing values are counted and left out. Infinite values are counted apart and left out of moments and quantiles.",
    "sd divides by n - 1; skewness and excess kurtosis are those of the rows (biased); quantiles are linear between order statistics.",
    "A column of numbers with at most 20 distinct values is a category; mostly different texts are an identifier, or free text when longer than 50 characters on average; whole numbers that grow from row to row are an identifier.",
];

/// Rows and columns.
fn counts(result: &ProfileResult) -> String {
    let rows = plural(result.rows, "row", "rows");
    format!("{} {rows}, {}", whole(result.rows), counted(result.columns.len(), "column"))
}

/// For the terminal.
pub(super) fn text(result: &ProfileResult) -> Page {
    let table = TextTable::from(column_table(result))
        .detail(&["state", "type", "mean", "sd", "p5", "p95"])
        .reason("most frequent");
    let mut page = Page::new().line(counts(result)).table(table);
    for column in &result.columns {
        for warning in &column.warnings {
            page = page.marked(Status::Warn, format!("`{}`: {}", column.column, warning.meaning()));
        }
    }
    for unread in &result.unread {
        page = page.marked(Status::None, unread.words());
    }
    if let (Some(out), Some(bytes)) = (&result.out, result.bytes) {
        page =
            page.marked(Status::Ok, format!("stored the profile in {} ({} bytes)", out.display(), whole(bytes as u64)));
    }
    if let Some(html) = &result.html {
        page = page.marked(Status::Ok, format!("wrote the page {}", html.display()));
    }
    page
}

const HEADINGS: &[&str] = &[
    "column",
    "type",
    "kind",
    "#missing",
    "#distinct",
    "#mean",
    "#sd",
    "#min",
    "#p5",
    "#p50",
    "#p95",
    "#max",
    "most frequent",
];

fn cells(column: &Column) -> Vec<String> {
    let none = || "–".to_owned();
    let optional = |value: Option<f64>| value.map_or_else(none, number);
    let numbers = column.numbers.as_ref();
    let value = |value: Option<Value>| value.map_or_else(none, Value::words);
    let quantile = |at: usize| value(numbers.and_then(|numbers| numbers.quantiles.get(at)).map(|q| q.value));
    let end = |at: usize| match column.times {
        Some(times) => time(times[at]),
        None => value(numbers.and_then(|numbers| if at == 0 { numbers.min } else { numbers.max })),
    };
    let share = |rows: u64| percent(rows as f64 / column.rows.max(1) as f64);
    let top = column.top.iter().take(3).map(|category| format!("{} {}", short(&category.value), share(category.rows)));
    let about = if column.distinct_is_exact { "" } else { "~" };
    vec![
        column.column.clone(),
        word(&column.stored),
        word(&column.kind),
        share(column.missing),
        format!("{about}{}", whole(column.distinct)),
        optional(numbers.and_then(|numbers| numbers.mean)),
        optional(numbers.and_then(|numbers| numbers.sd)),
        end(0),
        quantile(1),
        quantile(3),
        quantile(5),
        end(1),
        top.collect::<Vec<_>>().join(", "),
    ]
}

/// A time to the minute; its date alone if that is all it says.
fn time(time: Timestamp) -> String {
    let text = time.to_string();
    let end = if time.millis() % DAY_MS == 0 { 10 } else { 16 };
    text.get(..end).unwrap_or(&text).replace('T', " ")
}

/// The word that the document uses.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn short(text: &str) -> String {
    match text.char_indices().nth(24) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

/// Every column with its numbers.
fn column_table(result: &ProfileResult) -> Table {
    let mut table = Table::new(["state"].into_iter().chain(HEADINGS.iter().copied()));
    for column in &result.columns {
        let mark = if column.warnings.is_empty() {
            Cell::Mark(Status::Ok, "fine".to_owned())
        } else {
            Cell::Mark(Status::Warn, "look".to_owned())
        };
        table.row([mark].into_iter().chain(cells(column).into_iter().map(Cell::Text)));
    }
    table
}

/// For a browser.
pub(super) fn html(profile: &TableProfile, result: &ProfileResult, now: Timestamp) -> String {
    let warned = result.columns.iter().filter(|column| !column.warnings.is_empty()).count();
    let verdict = match warned {
        0 => format!("No column of {} needs a look before it is used.", result.columns.len()),
        1 => format!("1 column of {} needs a look before it is used.", result.columns.len()),
        _ => format!("{warned} columns of {} need a look before they are used.", result.columns.len()),
    };
    let mut parts = vec![ReportPart::Table(column_table(result)), ReportPart::Heading("Columns".to_owned())];
    parts.extend(
        result.columns.iter().zip(&profile.columns).map(|(column, profile)| fold(column, ChartData::of(profile))),
    );
    Report {
        title: format!("Profile of {}", result.file.display()),
        state: if warned == 0 { Status::Ok } else { Status::Warn },
        verdict,
        facts: vec![
            ("rows".to_owned(), whole(result.rows)),
            ("columns".to_owned(), whole(result.columns.len() as u64)),
            made(now),
        ],
        parts,
        definitions: DEFINITIONS.iter().map(|&text| text.to_owned()).collect(),
    }
    .to_html()
}

fn fold(column: &Column, picture: Option<ChartData>) -> ReportPart {
    let mut parts: Vec<ReportPart> =
        column.warnings.iter().map(|warning| ReportPart::Text(format!("▲ {}", warning.meaning()))).collect();
    parts.extend(picture.map(|picture| ReportPart::Figure(figure(&column.column, picture))));
    if let Some(numbers) = &column.numbers {
        let mut table = Table::new(["quantile", "#value"]);
        for quantile in &numbers.quantiles {
            table.row([Cell::from(percent(quantile.share)), Cell::from(quantile.value.words())]);
        }
        let shape = |value: Option<f64>| value.map_or("–".to_owned(), number);
        table.row([Cell::from("skewness"), Cell::from(shape(numbers.skewness))]);
        table.row([Cell::from("excess kurtosis"), Cell::from(shape(numbers.kurtosis))]);
        parts.push(ReportPart::Table(table));
    }
    let warned = !column.warnings.is_empty();
    ReportPart::Fold {
        summary: column.column.clone(),
        state: if warned { Status::Warn } else { Status::Ok },
        word: if warned { "look" } else { "fine" }.to_owned(),
        open: warned,
        parts,
    }
}

fn figure(name: &str, picture: ChartData) -> Figure {
    match picture {
        ChartData::Histogram { edges, reference, .. } => Figure::shape(name, &edges, &reference),
        ChartData::Categories { names, reference, .. } => {
            let bars: Vec<(String, f64)> = names.into_iter().zip(reference).collect();
            Figure::ranking(name, &bars)
        }
    }
}
