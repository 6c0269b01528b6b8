//! The words of `kilter drift`: a table for the terminal, a page for a browser.

use kilter_domain::{
    plural::{counted, plural},
    time::Timestamp,
};
use kilter_report::{Bar, Cell, Figure, Report, ReportPart, Status, Table, number, percent, whole};
use kilter_stats::{
    compare::{ChartData, ColumnDrift, ColumnRate, Level, MIN_ROWS, SchemaChange, TableDrift},
    drift::{Distance, Measure},
};

use super::result::{DriftResult, measure_words};
use crate::{
    commands::analyse::profile::word,
    ui::view::{Page, TextTable, made},
};

/// Columns that stand open on the page at first.
const OPEN: usize = 12;

/// For the terminal.
pub(super) fn text(drift: &TableDrift, result: &DriftResult) -> Page {
    let mut page = Page::new().reason(state(result.level), "", verdict(drift)).line(format!(
        "  reference {} {}, current {} {}{}",
        whole(result.reference_rows),
        plural(result.reference_rows, "row", "rows"),
        whole(result.current_rows),
        plural(result.current_rows, "row", "rows"),
        if result.is_exact { "" } else { " (against a stored profile: distances to its bins)" }
    ));
    for change in &result.schema {
        page = page.marked(state(change.level), schema_words(&change.change));
    }
    let table = TextTable::from(column_table(drift)).detail(&["by chance", "KS", "JS"]).reason("what else");
    page = page.table(table);
    for unread in &result.unread {
        page = page.marked(Status::None, unread.words());
    }
    if let Some(html) = &result.html {
        page = page.marked(Status::Ok, format!("wrote the page {}", html.display()));
    }
    page
}

const HEADINGS: &[&str] =
    &["level", "column", "measure", "#distance", "#by chance", "#effect", "#p", "#KS", "#PSI", "#JS", "what else"];

fn cells(column: &ColumnDrift) -> Vec<String> {
    let none = || "–".to_owned();
    let headline = column.headline();
    let optional = |value: Option<f64>| value.map_or_else(none, number);
    let of = |measure: Measure| optional(column.distances.iter().find(|d| d.measure == measure).map(|d| d.value));
    vec![
        column.name.clone(),
        headline.map_or_else(|| word(&column.kind), |headline| measure_words(headline.measure).to_owned()),
        optional(headline.map(|headline| headline.value)),
        optional(headline.map(|headline| headline.expected)),
        optional(headline.map(|headline| headline.effect)),
        column.p_adjusted.map_or_else(none, p_value),
        of(Measure::Ks),
        of(Measure::Psi),
        of(Measure::Js),
        what_else(column),
    ]
}

fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}

/// Rates that are out of the ordinary, and why nothing was measured.
fn what_else(column: &ColumnDrift) -> String {
    let mut words: Vec<String> =
        column.readings.iter().filter(|reading| reading.level > Level::Calm).map(reading_words).collect();
    if !column.unseen.is_empty() {
        let names: Vec<String> = column.unseen.iter().take(3).map(|(value, _)| format!("`{value}`")).collect();
        let more = if column.unseen.len() > names.len() { ", …" } else { "" };
        words.push(format!("unseen: {}{more}", names.join(", ")));
    }
    words.extend(column.unmeasured.as_ref().map(ToString::to_string));
    words.join("; ")
}

fn reading_words(reading: &ColumnRate) -> String {
    let rate = &reading.rate;
    format!("{} {} → {}", reading.kind.words(), percent(rate.reference), percent(rate.rate.value))
}

/// The plain sentence: state, deciding number against its limit, what else.
fn verdict(drift: &TableDrift) -> String {
    let (alerts, warnings) = (drift.count(Level::Alert), drift.count(Level::Warn));
    let all = drift.columns.len();
    let counts = match (alerts, warnings) {
        (0, 0) if drift.level() == Level::TooFew => {
            format!(
                "Not enough data: fewer than {MIN_ROWS} values to compare in {} of {}",
                drift.count(Level::TooFew),
                counted(all, "column")
            )
        }
        (0, 0) => format!("No column of {all} drifted beyond chance by more than a note"),
        (0, _) => format!("{warnings} of {} {} worth a look", counted(all, "column"), plural(warnings, "is", "are")),
        (_, 0) => format!("{alerts} of {} drifted", counted(all, "column")),
        _ => format!(
            "{alerts} of {} drifted, {warnings} more {} worth a look",
            counted(all, "column"),
            plural(warnings, "is", "are")
        ),
    };
    match drift.columns.first().filter(|column| column.level >= Level::Warn).map(|column| (column, leading(column))) {
        Some((column, Some(words))) => format!("{counts}: `{}` {words}", column.name),
        _ => counts,
    }
}

/// What made a column's level.
fn leading(column: &ColumnDrift) -> Option<String> {
    if column.distance_level() == column.level {
        return column.headline().map(|headline| effect_words(headline, column.level));
    }
    column.readings.iter().find(|reading| reading.level == column.level).map(reading_words)
}

fn effect_words(headline: &Distance, level: Level) -> String {
    let [_, warn, alert] = headline.measure.steps();
    let (name, limit) = if level == Level::Alert { ("alert", alert) } else { ("warn", warn) };
    let measure = measure_words(headline.measure);
    format!("by {measure} {} beyond chance ({name} at {})", number(headline.effect), number(limit))
}

fn schema_words(change: &SchemaChange) -> String {
    match change {
        SchemaChange::Removed { column } => format!("column `{column}` is missing: the reference has it"),
        SchemaChange::Added { column } => format!("column `{column}` is new: the reference lacks it"),
        SchemaChange::Retyped { column, from, to } => {
            format!("column `{column}` holds {} and not {}", word(to), word(from))
        }
    }
}

pub(super) fn state(level: Level) -> Status {
    match level {
        Level::Calm | Level::Info => Status::Ok,
        Level::Unjudged => Status::None,
        Level::TooFew => Status::InsufficientData,
        Level::Warn => Status::Warn,
        Level::Alert => Status::Bad,
    }
}

/// Every column with its distances, by attention.
fn column_table(drift: &TableDrift) -> Table {
    let mut table = Table::new(HEADINGS.iter().copied());
    for column in &drift.columns {
        let level = Cell::Mark(state(column.level), column.level.word().to_owned());
        table.row([level].into_iter().chain(cells(column).into_iter().map(Cell::Text)));
    }
    table
}

/// For a browser.
pub(super) fn html(drift: &TableDrift, result: &DriftResult, now: Timestamp) -> String {
    let mut table = column_table(drift);
    for change in &result.schema {
        let mut cells = vec![Cell::Mark(state(change.level), change.level.word().to_owned())];
        cells.push(Cell::from(change.change.column()));
        cells.extend((0..8).map(|_| Cell::from("–")));
        cells.push(Cell::from(schema_words(&change.change)));
        table.row(cells);
    }
    let mut parts = vec![ReportPart::Table(table), ReportPart::Heading("Columns, by attention".to_owned())];
    parts.extend(drift.columns.iter().enumerate().map(|(at, column)| fold(column, at < OPEN)));
    let against = if result.is_exact { "all rows of both tables" } else { "all current rows, and the stored profile" };
    Report {
        title: format!("Drift of {} from {}", result.current.display(), result.reference.display()),
        state: state(result.level),
        verdict: verdict(drift),
        facts: vec![
            ("reference rows".to_owned(), whole(result.reference_rows)),
            ("current rows".to_owned(), whole(result.current_rows)),
            ("computed from".to_owned(), against.to_owned()),
            made(now),
        ],
        parts,
        definitions: definitions(),
    }
    .to_html()
}

fn fold(column: &ColumnDrift, open: bool) -> ReportPart {
    let mut parts = Vec::new();
    let words = what_else(column);
    if !words.is_empty() {
        parts.push(ReportPart::Text(words));
    }
    parts.extend(column.picture.clone().map(|picture| ReportPart::Figure(figure(&column.name, picture))));
    if !column.distances.is_empty() {
        let mut table = Table::new(["measure", "#distance", "#by chance", "#effect", "#p"]);
        for distance in &column.distances {
            table.row([
                Cell::from(measure_words(distance.measure)),
                Cell::from(number(distance.value)),
                Cell::from(number(distance.expected)),
                Cell::from(number(distance.effect)),
                Cell::from(distance.p.map_or("–".to_owned(), p_value)),
            ]);
        }
        parts.push(ReportPart::Table(table));
    }
    ReportPart::Fold {
        summary: column.name.clone(),
        state: state(column.level),
        word: column.level.word().to_owned(),
        open: open && column.level >= Level::Info,
        parts,
    }
}

fn figure(name: &str, picture: ChartData) -> Figure {
    match picture {
        ChartData::Histogram { edges, reference, current } => Figure::histogram(name, &edges, &reference, &current),
        ChartData::Categories { names, reference, current } => {
            let pairs = names.into_iter().zip(reference.into_iter().zip(current));
            let bars: Vec<Bar> = pairs.map(|(name, (reference, current))| Bar { name, reference, current }).collect();
            Figure::bars(name, &bars)
        }
    }
}

fn definitions() -> Vec<String> {
    let steps = |measure: Measure| measure.steps().map(number).join(" / ");
    vec![
        format!(
            "Headline: for numbers the Wasserstein-1 distance over the reference's standard deviation (note, warn, alert at {}), \
             for categories the total variation distance ({}). The level is that of the effect: the distance less its \
             expectation between two samples of one law of these sizes.",
            steps(Measure::W1OverSd),
            steps(Measure::Tvd)
        ),
        "p: two-sample Kolmogorov-Smirnov for numbers, chi-square of homogeneity for categories, after Benjamini and \
         Hochberg's correction for the number of columns. No level above calm without p of at most 0.05."
            .to_owned(),
        format!(
            "PSI, JS (base 2) and TVD of numbers use the reference's deciles; PSI floors shares at 0.0001. Missing values are \
             left out of distances and counted as a rate; infinite ones count as missing. Fewer than {MIN_ROWS} values in \
             either table are too few for a distance."
        ),
        "Rates (missing, infinite, unseen): a warning where the reference had none or the evidence is strong, an alert from \
         five rows and thrice the reference's upper bound. Out of range: only where two samples of one law would \
         hardly exceed each other so far."
            .to_owned(),
        "Rows that depend on each other (repeated customers, seasons) overstate every p-value here.".to_owned(),
    ]
}
