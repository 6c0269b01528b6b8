//! The words of `kilter explain`: its sections, for the terminal and for a browser.
//!
//! Invariants: a section is made once, with its title, its rows and its figures; the two renderings choose and arrange.

use kilter_domain::{
    plural::{counted, plural},
    time::Timestamp,
};
use kilter_report::{Cell, Figure, Range, Report, ReportPart, Status, Table, number, percent, whole};

use super::result::{Change, Column, ColumnPart, ExplainResult, Importance, Local, Output, Shift, Value};
use crate::ui::view::{Page, TextTable, made};

/// Columns that stand one by one; the rest stand together.
const SHOWN: usize = 15;
/// From this rank correlation on a column is said to raise or to lower the score.
const CLEAR_TREND: f64 = 0.3;
/// Classes whose scores are shown in the terminal.
const SHOWN_OUTPUTS: usize = 5;

/// One question and its answer.
struct Section {
    title: String,
    /// All rows.
    table: Table,
    /// What stands for the rows beyond the first [`SHOWN`] in the terminal.
    others: Option<Vec<String>>,
    /// The same for a browser, which shows the table too where there is more than figures.
    figures: Vec<ReportPart>,
}

impl Section {
    /// The first rows, and what the others sum to.
    fn for_terminal(self) -> TextTable {
        let Table { headings, rows } = self.table;
        let first = rows.into_iter().take(SHOWN).collect();
        let mut table = TextTable::from(Table { headings, rows: first }).detail(&["mean"]);
        if let Some(others) = self.others {
            table.row(others);
        }
        table
    }
}

/// Everything that is answered, in the order of both renderings.
struct Sections {
    outputs: Vec<Section>,
    locals: Vec<Section>,
    shifts: Vec<Section>,
    importance: Option<Section>,
}

impl Sections {
    fn of(result: &ExplainResult) -> Self {
        let shifts = result.against.iter().flat_map(|change| change.outputs.iter().map(move |shift| (change, shift)));
        Self {
            outputs: result.outputs.iter().map(|output| output_section(result, output)).collect(),
            locals: result.locals.iter().map(|local| local_section(result, local)).collect(),
            shifts: shifts.map(|(change, shift)| shift_section(result, change, shift)).collect(),
            importance: result.permutation.as_ref().map(importance_section),
        }
    }
}

/// For the terminal.
pub(super) fn text(result: &ExplainResult) -> Page {
    let mut page = Page::new().marked(status(result), verdict(result));
    for line in notes(result) {
        page = page.line(format!("  {line}"));
    }
    let Sections { outputs, locals, shifts, importance } = Sections::of(result);
    let shown = outputs.into_iter().take(SHOWN_OUTPUTS).chain(locals);
    for section in shown.chain(shifts.into_iter().take(SHOWN_OUTPUTS)).chain(importance) {
        page = page.line("").line(section.title.clone()).table(section.for_terminal());
    }
    if let Some(html) = &result.html {
        page = page.marked(Status::Ok, format!("wrote the page {}", html.display()));
    }
    page
}

fn status(result: &ExplainResult) -> Status {
    if result.permutation.is_some() { Status::Wait } else { Status::Ok }
}

/// The plain sentence: which column matters most.
fn verdict(result: &ExplainResult) -> String {
    if let Some(importance) = &result.permutation {
        return match importance.columns.first() {
            Some(first) => format!(
                "`{}` matters most: shuffled, it costs {} of {}. This model cannot be explained exactly",
                first.column,
                first.measured.words(),
                metric_words(importance)
            ),
            None => "The model reads no column".to_owned(),
        };
    }
    let of_classes = match result.outputs.len() {
        0 | 1 => String::new(),
        classes => format!(" of {classes} classes"),
    };
    match largest(result) {
        Some((column, moved, share)) if moved > 0.0 => format!(
            "`{column}` moves the score{}{of_classes} most: by {} in the mean, {} of what all columns do",
            if of_classes.is_empty() { "" } else { "s" },
            number(moved),
            percent(share)
        ),
        _ => "No column moves the score: every row gets the same".to_owned(),
    }
}

/// The column that moves the scores most, by how much in the mean over the classes, and its share of what all columns do.
fn largest(result: &ExplainResult) -> Option<(&str, f64, f64)> {
    let mut moved: Vec<(&str, f64)> = Vec::new();
    for column in result.outputs.iter().flat_map(|output| &output.columns) {
        match moved.iter_mut().find(|(name, _)| *name == column.column) {
            Some((_, sum)) => *sum += column.mean_absolute,
            None => moved.push((&column.column, column.mean_absolute)),
        }
    }
    let all: f64 = moved.iter().map(|(_, sum)| sum).sum();
    let (name, sum) = moved.into_iter().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    Some((name, sum / result.outputs.len() as f64, if all > 0.0 { sum / all } else { 0.0 }))
}

fn notes(result: &ExplainResult) -> Vec<String> {
    let mut notes = vec![match result.explained == result.rows {
        true => format!("{} {}", whole(result.rows as u64), plural(result.rows, "row", "rows")),
        false => format!("{} of {} rows, evenly", whole(result.explained as u64), whole(result.rows as u64)),
    }];
    if let Some(unit) = result.unit {
        notes[0] += &format!("; the score is in {}", unit_phrase(unit));
    }
    notes.extend(result.background.as_ref().map(|background| format!("measured from {background}")));
    notes.extend(result.permutation.as_ref().map(|importance| format!("why not exactly: {}", importance.reason)));
    notes
}

fn unit_phrase(unit: &str) -> &str {
    match unit {
        "value" => "the unit of the answer",
        "log of the value" => "natural logarithms of the answer",
        "probability" => "probabilities",
        "raw score" => "the model's own unit",
        other => other,
    }
}

fn output_title(result: &ExplainResult, output: &Output) -> String {
    let of = if result.outputs.len() > 1 { format!("score of `{}`", output.output) } else { "score".to_owned() };
    format!("Over all rows: {of} {} in the mean, from the base {}", number(output.mean_score), number(output.base))
}

/// What moves one score: every column, and what its values do.
fn output_section(result: &ExplainResult, output: &Output) -> Section {
    let mut table = Table::new(["column", "#mean |SHAP|", "#share", "#mean", "direction"]);
    for column in &output.columns {
        table.row([
            Cell::from(column.column.as_str()),
            Cell::from(number(column.mean_absolute)),
            Cell::from(percent(column.share)),
            Cell::from(signed(column.mean)),
            Cell::from(direction(column)),
        ]);
    }
    let bars: Vec<(String, f64)> =
        output.columns.iter().take(SHOWN).map(|column| (column.column.clone(), column.share)).collect();
    let mut figures = vec![
        ReportPart::Table(table.clone()),
        ReportPart::Figure(Figure::ranking("Share of what all columns do to the score", &bars)),
    ];
    figures.extend(output.columns.iter().take(SHOWN).filter(|column| column.values.len() > 1).map(fold));
    let others = others(output.columns.iter().map(|column| column.mean_absolute));
    let others = others.map(|(count, rest)| vec![counted(count, "other"), number(rest)]);
    Section { title: output_title(result, output), table, others, figures }
}

/// How many stand beyond the shown ones, and their sum.
fn others(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    let rest: Vec<f64> = values.skip(SHOWN).collect();
    (!rest.is_empty()).then(|| (rest.len(), rest.iter().sum()))
}

/// Whether larger values raise or lower the score, or which values do.
fn direction(column: &Column) -> String {
    if column.mean_absolute == 0.0 {
        return "has no effect".to_owned();
    }
    match column.trend {
        Some(trend) if trend >= CLEAR_TREND => return format!("▲ more raises it ({})", number(trend)),
        Some(trend) if trend <= -CLEAR_TREND => return format!("▼ more lowers it ({})", number(trend)),
        _ => {}
    }
    let by_mean = |a: &&Value, b: &&Value| a.mean.total_cmp(&b.mean);
    match (column.values.iter().max_by(by_mean), column.values.iter().min_by(by_mean)) {
        (Some(up), Some(down)) if column.values.len() > 1 => {
            format!("`{}` {}, `{}` {}", up.value, signed(up.mean), down.value, signed(down.mean))
        }
        _ => "by its many values".to_owned(),
    }
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value)) } else { number(value) }
}

fn local_title(result: &ExplainResult, local: &Local) -> String {
    let answer = match result.task {
        kilter_inference::Task::Regression => String::new(),
        _ => format!(", `{}` with probability {}", local.output, number(local.answer)),
    };
    format!("Row {}: score {} from the base {}{answer}", local.row, number(local.score), number(local.base))
}

/// What each column of one row does to its score.
fn local_section(result: &ExplainResult, local: &Local) -> Section {
    let mut table = Table::new(["column", "value", "#pushes"]);
    let mut bars: Vec<(String, f64, String)> = Vec::new();
    for part in local.parts.iter().filter(|part| part.part != 0.0) {
        let (value, pushes) = (short(part.value.as_deref()), signed(part.part));
        bars.push((format!("{} = {value}", part.column), part.part, pushes.clone()));
        table.row([Cell::from(part.column.as_str()), Cell::from(value), Cell::from(pushes)]);
    }
    let others = others(local.parts.iter().map(|part| part.part));
    bars.truncate(SHOWN);
    bars.extend(others.map(|(count, rest)| (counted(count, "other"), rest, signed(rest))));
    let others = others.map(|(count, rest)| vec![counted(count, "other"), String::new(), signed(rest)]);
    let title = local_title(result, local);
    let figures = vec![ReportPart::Figure(Figure::pushes(&title, &bars))];
    Section { title, table, others, figures }
}

fn short(value: Option<&str>) -> String {
    let Some(value) = value else { return "(missing)".to_owned() };
    // A number that a table holds with all its digits.
    if let (true, Ok(value)) = (value.len() > 8 && value.contains('.'), value.parse::<f64>()) {
        return number(value);
    }
    match value.char_indices().nth(32) {
        None => value.to_owned(),
        Some((at, _)) => format!("{}…", &value[..at]),
    }
}

fn shift_title(result: &ExplainResult, change: &Change, shift: &Shift) -> String {
    let of = if result.outputs.len() > 1 { format!(" of `{}`", shift.output) } else { String::new() };
    format!(
        "The mean score{of} went from {} ({}, {} rows) to {}: {}, which is by column",
        number(shift.before),
        change.data.display(),
        whole(change.rows as u64),
        number(shift.now),
        signed(shift.change)
    )
}

/// By how much each column moved the mean score.
fn shift_section(result: &ExplainResult, change: &Change, shift: &Shift) -> Section {
    let values = shift.columns.iter().map(|column| column.measured.value.unwrap_or_default());
    let others = others(values).map(|(count, rest)| vec![counted(count, "other"), signed(rest)]);
    let caption = "By how much each column moved the mean score, with 95 % intervals";
    let (table, figure) = measured_columns(["column", "moved the mean score by"], caption, &shift.columns, signed);
    let title = shift_title(result, change, shift);
    Section { title, table, others, figures: vec![ReportPart::Figure(figure)] }
}

/// Columns with what was measured of each and its interval, as rows and as ranges.
fn measured_columns(
    headings: [&str; 2],
    caption: &str,
    columns: &[ColumnPart],
    words: fn(f64) -> String,
) -> (Table, Figure) {
    let mut table = Table::new(headings);
    let mut ranges = Vec::new();
    for column in columns {
        table.row([Cell::from(column.column.as_str()), Cell::from(column.measured.words())]);
        ranges.push(Range {
            name: column.column.clone(),
            value: column.measured.ends(),
            note: column.measured.value.map_or("–".to_owned(), words),
            state: Status::Ok,
        });
    }
    ranges.truncate(2 * SHOWN);
    (table, Figure::ranges(caption, &ranges, Some(0.0)))
}

fn metric_words(importance: &Importance) -> &str {
    if importance.metric == "score_change" { "the score, in the mean" } else { importance.metric }
}

fn importance_title(importance: &Importance) -> String {
    let rows = whole(importance.rows as u64);
    match importance.metric {
        "score_change" => format!("By how much the score moves when a column is shuffled ({rows} rows, no labels)"),
        metric => format!("By how much {metric} gets worse when a column is shuffled ({rows} rows)"),
    }
}

/// What the model loses when a column is shuffled.
fn importance_section(importance: &Importance) -> Section {
    let caption = "Importance, with intervals over the shuffles";
    let (table, figure) = measured_columns(["column", "importance"], caption, &importance.columns, number);
    let left_out = importance.columns.len().saturating_sub(SHOWN);
    let others = (left_out > 0).then(|| vec![counted(left_out, "other")]);
    Section { title: importance_title(importance), table, others, figures: vec![ReportPart::Figure(figure)] }
}

/// For a browser.
pub(super) fn html(result: &ExplainResult, now: Timestamp) -> String {
    let Sections { outputs, locals, shifts, importance } = Sections::of(result);
    let mut parts = Vec::new();
    for (at, section) in outputs.into_iter().enumerate() {
        match result.outputs.len() {
            1 => parts.extend(headed(section)),
            // Of several classes one stands open: the others are a click away, not a screen.
            _ => parts.push(ReportPart::Fold {
                summary: section.title,
                state: Status::None,
                word: "by class".to_owned(),
                open: at == 0,
                parts: section.figures,
            }),
        }
    }
    parts.extend(shifts.into_iter().flat_map(headed));
    if !locals.is_empty() {
        parts.push(ReportPart::Heading("Row by row".to_owned()));
        parts.push(ReportPart::Grid(locals.into_iter().flat_map(|section| section.figures).collect()));
    }
    parts.extend(importance.into_iter().flat_map(headed));
    Report {
        title: format!("Explanation of {} on {}", result.model.display(), result.data.display()),
        state: status(result),
        verdict: verdict(result),
        facts: facts(result, now),
        parts,
        definitions: definitions(result),
    }
    .to_html()
}

/// A section under its title.
fn headed(section: Section) -> impl Iterator<Item = ReportPart> {
    [ReportPart::Heading(section.title)].into_iter().chain(section.figures)
}

fn facts(result: &ExplainResult, now: Timestamp) -> Vec<(String, String)> {
    let mut facts = vec![
        ("rows".to_owned(), whole(result.rows as u64)),
        ("explained".to_owned(), whole(result.explained as u64)),
        ("task".to_owned(), result.task.to_string()),
    ];
    facts.extend(result.unit.map(|unit| ("score in".to_owned(), unit_phrase(unit).to_owned())));
    facts.extend(result.background.clone().map(|background| ("measured from".to_owned(), background)));
    facts.push(made(now));
    facts
}

/// What each value of a column does.
fn fold(column: &Column) -> ReportPart {
    let bars: Vec<(String, f64, String)> = column
        .values
        .iter()
        .map(|value| {
            (value.value.clone(), value.mean, format!("{}, {} rows", signed(value.mean), whole(value.rows as u64)))
        })
        .collect();
    ReportPart::Fold {
        summary: column.column.clone(),
        state: Status::None,
        word: "by value".to_owned(),
        open: false,
        parts: vec![ReportPart::Figure(Figure::pushes(
            &format!("What each value of {} does in the mean", column.column),
            &bars,
        ))],
    }
}

fn definitions(result: &ExplainResult) -> Vec<String> {
    if result.permutation.is_some() {
        return vec![
            "Permutation importance (Breiman 2001): the mean over five shuffles of a column, and Student's interval of the \
             luck of the shuffles. Columns that carry the same information share it and may each look unimportant."
                .to_owned(),
        ];
    }
    vec![
        "SHAP: exact Shapley values, path-dependent for trees, weight times distance from the mean for linear models; what a \
         model makes of one column is summed back to it. A row's parts and the base add up to its score."
            .to_owned(),
        "The score is what the model adds up before it answers; probabilities do not add up. It says what the model uses, not \
         what causes what."
            .to_owned(),
        "Direction: Spearman's rank correlation between the values of a column and its attributions; where it is weak, the \
         values that raise and lower the score most."
            .to_owned(),
        "The change of a mean score between two tables is the difference of mean attributions, column by column, without a \
         rest; intervals (95 %) are those of sampling."
            .to_owned(),
    ]
}
