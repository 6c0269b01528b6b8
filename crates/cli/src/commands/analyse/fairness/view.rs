//! The words of `kilter fairness`: a table for the terminal, a page for a browser.

use kilter_domain::{plural::plural, time::Timestamp};
use kilter_evaluation::gate_metrics::threshold_words;
use kilter_report::{Cell, Figure, Range, Report, ReportPart, Status, Table, number, percent, whole};
use kilter_stats::{fairness::MINIMUM, performance::Rate};

use super::result::{Attribute, FOUR_FIFTHS, FairnessResult, Group, GroupMetrics, Impact, Measure};
use crate::ui::{
    estimate::EstimateValue,
    view::{Page, TextTable, made},
};

/// Groups of one attribute that the terminal shows; the document holds all.
const SHOWN: usize = 40;
/// Groups in one picture.
const DRAWN: usize = 20;

/// The rates of a table, with their headings.
const RATES: [(Rate, &str); 7] = [
    (Rate::SelectionRate, "#selected"),
    (Rate::Recall, "#TPR"),
    (Rate::FalsePositiveRate, "#FPR"),
    (Rate::FalseNegativeRate, "#FNR"),
    (Rate::Precision, "#PPV"),
    (Rate::Accuracy, "#accuracy"),
    (Rate::BaseRate, "#base rate"),
];

/// For the terminal.
pub(super) fn text(result: &FairnessResult) -> Page {
    let mut page = Page::new().marked(state(result.worst()), verdict(result)).line(format!("  {}", rows_words(result)));
    if let Some(note) = &result.unknown_labels {
        page = page.marked(Status::Warn, note.clone());
    }
    for attribute in &result.attributes {
        page = attribute_text(page.line("").line(title(attribute)), attribute);
    }
    if let Some(html) = &result.html {
        page = page.marked(Status::Ok, format!("wrote the page {}", html.display()));
    }
    page
}

fn attribute_text(mut page: Page, attribute: &Attribute) -> Page {
    let groups = TextTable::from(group_table(attribute.groups.iter().take(SHOWN)));
    page = page.table(groups.detail(&["FNR", "base rate"]));
    let rest = attribute.groups.len().saturating_sub(SHOWN);
    if rest > 0 {
        page = page.line(format!("  and {rest} smaller groups: --json lists all"));
    }
    page = page.table(measure_table(attribute).into());
    for note in notes(attribute) {
        page = page.marked(Status::InsufficientData, note);
    }
    page
}

fn headings() -> Vec<&'static str> {
    let rates = RATES.iter().map(|(_, heading)| *heading);
    ["group", "#rows"].into_iter().chain(rates).chain(["impact"]).collect()
}

fn cells(counted: &GroupMetrics) -> Vec<String> {
    let rate = |(rate, _): &(Rate, &str)| {
        counted.rate(*rate).and_then(|result| result.value).map_or("–".to_owned(), |value| format!("{value:.3}"))
    };
    [whole(counted.rows)].into_iter().chain(RATES.iter().map(rate)).collect()
}

/// What was not judged, and why.
fn notes(attribute: &Attribute) -> Vec<String> {
    let mut notes = Vec::new();
    if !attribute.too_few.is_empty() {
        let names = attribute.too_few.iter().take(8).cloned().collect::<Vec<_>>().join("; ");
        let more = attribute.too_few.len().saturating_sub(8);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        notes.push(format!("too few rows to judge (fewer than {MINIMUM}): {names}{more}"));
    }
    if attribute.without > 0 {
        let (belong, have) = plural(attribute.without, ("row belongs", "it has"), ("rows belong", "they have"));
        notes.push(format!("{} {belong} to no group: {have} no value", whole(attribute.without as u64)));
    }
    let missing = |measure: &Measure| measure.measured.missing.clone();
    let mut reasons: Vec<String> = attribute.measures.iter().filter_map(missing).collect();
    reasons.dedup();
    notes.extend(reasons);
    notes
}

fn title(attribute: &Attribute) -> String {
    let columns = attribute.columns.join(" x ");
    match (&attribute.reference, attribute.reference_is_named) {
        (Some(reference), true) => format!("{columns}, beside the privileged group {reference}"),
        (Some(reference), false) => format!("{columns}, beside the group that is selected most: {reference}"),
        (None, _) => format!("{columns}: no two groups can be compared"),
    }
}

fn rows_words(result: &FairnessResult) -> String {
    let threshold =
        result.threshold.map_or(String::new(), |threshold| format!(", decided {}", threshold_words(threshold)));
    let (decided, rows) = (whole(result.decided as u64), whole(result.rows as u64));
    format!("{decided} of {rows} rows are decided and labelled; positive is `{}`{threshold}", result.positive)
}

/// The plain sentence: state, deciding number against its limit.
fn verdict(result: &FairnessResult) -> String {
    let groups = || result.attributes.iter().flat_map(|attribute| &attribute.groups);
    let count = |impact: Impact| groups().filter(|group| group.impact == impact).count();
    let lowest = groups()
        .filter(|group| group.impact >= Impact::Warn)
        .filter_map(|group| Some((impact_of(group)?.value?, group)))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((ratio, group)) = lowest else {
        return match count(Impact::Fine) {
            0 => format!(
                "No two groups can be compared: each needs {MINIMUM} rows with a label, and one must be selected at all"
            ),
            _ => "Every group that can be judged is selected at least four fifths as often as its reference".to_owned(),
        };
    };
    let sure = if group.impact == Impact::Alert { "" } else { ", which chance may explain" };
    let more = count(Impact::Alert) + count(Impact::Warn) - 1;
    let more = match more {
        0 => String::new(),
        1 => "; 1 more group is below four fifths".to_owned(),
        _ => format!("; {more} more groups are below four fifths"),
    };
    format!("{} is selected {} times as often as its reference, below 0.8{sure}{more}", group.group, number(ratio))
}

fn impact_of(group: &Group) -> Option<&EstimateValue> {
    group.against.iter().find(|measure| measure.measure == "disparate_impact").map(|measure| &measure.measured)
}

fn impact_words(group: &Group) -> String {
    match impact_of(group).map(|ratio| (ratio.value, ratio.words())) {
        _ if group.is_reference => "reference".to_owned(),
        Some((Some(_), words)) => words,
        _ if group.counted.rate(Rate::SelectionRate).is_some_and(|rate| rate.value.is_some()) => "undefined".to_owned(),
        _ => "too few".to_owned(),
    }
}

fn measure_words(measure: &str) -> &str {
    match measure {
        "demographic_parity_difference" => "demographic parity, difference",
        "demographic_parity_ratio" => "demographic parity, ratio",
        "equalized_odds_difference" => "equalised odds, difference",
        "equalized_odds_ratio" => "equalised odds, ratio",
        "equal_opportunity_difference" => "equal opportunity, difference",
        "equal_opportunity_ratio" => "equal opportunity, ratio",
        "false_positive_rate_difference" => "false positive rate, difference",
        "predictive_parity_difference" => "predictive parity, difference",
        "accuracy_difference" => "accuracy, difference",
        "calibration_gap_difference" => "calibration, difference",
        "disparate_impact" => "disparate impact",
        "statistical_parity_difference" => "statistical parity, difference",
        "average_odds_difference" => "average odds, difference",
        "selection_rate_difference" => "selection rate, difference",
        other => other,
    }
}

fn state(impact: Impact) -> Status {
    match impact {
        Impact::Fine => Status::Ok,
        Impact::Warn => Status::Warn,
        Impact::Alert => Status::Bad,
        Impact::InsufficientData => Status::InsufficientData,
    }
}

fn state_word(impact: Impact) -> &'static str {
    match impact {
        Impact::Fine => "fine",
        Impact::Warn => "warn",
        Impact::Alert => "alert",
        Impact::InsufficientData => "too few",
    }
}

/// For a browser.
pub(super) fn html(result: &FairnessResult, now: Timestamp) -> String {
    let mut parts = Vec::new();
    for attribute in &result.attributes {
        parts.push(ReportPart::Heading(title(attribute)));
        parts.push(ReportPart::Table(group_table(attribute.groups.iter())));
        parts.extend(notes(attribute).into_iter().map(|note| ReportPart::Text(format!("▨ {note}"))));
        parts.push(ReportPart::Grid(figures(attribute)));
        parts.push(fold("Differences and ratios", attribute.impact, vec![ReportPart::Table(measure_table(attribute))]));
        parts.push(fold(
            "Each group beside its reference",
            attribute.impact,
            vec![ReportPart::Table(against_table(attribute))],
        ));
        if let Some(table) = calibration_table(attribute) {
            parts.push(ReportPart::Fold {
                summary: "Calibration".to_owned(),
                state: Status::None,
                word: "by group".to_owned(),
                open: false,
                parts: vec![ReportPart::Table(table)],
            });
        }
    }
    let of = result.model.as_ref().map_or_else(String::new, |model| format!("{} on ", model.display()));
    Report {
        title: format!("Fairness of {of}{}", result.data.display()),
        state: state(result.worst()),
        verdict: verdict(result),
        facts: vec![
            ("rows".to_owned(), whole(result.rows as u64)),
            ("decided and labelled".to_owned(), whole(result.decided as u64)),
            ("target".to_owned(), result.target.clone()),
            ("positive".to_owned(), result.positive.clone()),
            ("threshold".to_owned(), result.threshold.map_or("–".to_owned(), number)),
            made(now),
        ],
        parts,
        definitions: definitions(),
    }
    .to_html()
}

fn fold(summary: &str, impact: Impact, parts: Vec<ReportPart>) -> ReportPart {
    let word = state_word(impact).to_owned();
    ReportPart::Fold { summary: summary.to_owned(), state: state(impact), word, open: impact >= Impact::Warn, parts }
}

fn group_table<'g>(groups: impl Iterator<Item = &'g Group>) -> Table {
    let mut table = Table::new(["state"].into_iter().chain(headings()));
    for group in groups {
        let mut row = vec![Cell::Mark(state(group.impact), state_word(group.impact).to_owned())];
        row.push(Cell::from(group.group.as_str()));
        row.extend(cells(&group.counted).into_iter().map(Cell::Text));
        row.push(Cell::from(impact_words(group)));
        table.row(row);
    }
    table
}

/// The three rates that most definitions speak of, by group.
fn figures(attribute: &Attribute) -> Vec<ReportPart> {
    let range = |group: &Group, rate: Rate| {
        let measured = group.counted.rate(rate);
        Range {
            name: group.group.clone(),
            value: measured.and_then(EstimateValue::ends),
            note: measured.and_then(|result| result.value).map_or("too few".to_owned(), percent),
            state: if rate == Rate::SelectionRate { state(group.impact) } else { Status::Ok },
        }
    };
    let figure = |(rate, caption): (Rate, &str)| {
        let ranges: Vec<Range> = attribute.groups.iter().take(DRAWN).map(|group| range(group, rate)).collect();
        let limit = (rate == Rate::SelectionRate).then(|| four_fifths(attribute)).flatten();
        ReportPart::Figure(Figure::ranges(caption, &ranges, limit))
    };
    [
        (Rate::SelectionRate, "Selection rate; the line is four fifths of the reference's"),
        (Rate::Recall, "True positive rate"),
        (Rate::FalsePositiveRate, "False positive rate"),
    ]
    .map(figure)
    .into()
}

fn four_fifths(attribute: &Attribute) -> Option<f64> {
    let reference = attribute.reference.as_ref()?;
    let group = attribute.groups.iter().find(|group| group.group == *reference)?;
    Some(group.counted.rate(Rate::SelectionRate)?.value? * FOUR_FIFTHS)
}

fn measure_table(attribute: &Attribute) -> Table {
    let mut table = Table::new(["measure", "#value and 95 % interval", "highest", "lowest"]);
    for measure in &attribute.measures {
        let name = |name: &Option<String>| Cell::from(name.clone().unwrap_or_default());
        table.row([
            Cell::from(measure_words(measure.measure)),
            Cell::from(measure.measured.words()),
            name(&measure.highest),
            name(&measure.lowest),
        ]);
    }
    table
}

fn against_table(attribute: &Attribute) -> Table {
    let first = attribute.groups.iter().find(|group| !group.against.is_empty());
    let measures = first.map_or(&[][..], |group| &group.against);
    let mut table = Table::new(
        ["group".to_owned()].into_iter().chain(measures.iter().map(|m| format!("#{}", measure_words(m.measure)))),
    );
    for group in attribute.groups.iter().filter(|group| !group.against.is_empty()) {
        let cells = group.against.iter().map(|measure| Cell::from(measure.measured.words()));
        table.row([Cell::from(group.group.as_str())].into_iter().chain(cells));
    }
    table
}

fn calibration_table(attribute: &Attribute) -> Option<Table> {
    let mut table = Table::new(["group", "#mean score", "#came true", "#truth less score", "#calibration error"]);
    for group in &attribute.groups {
        if let Some(result) = &group.calibration {
            table.row([
                Cell::from(group.group.as_str()),
                Cell::from(number(result.predicted)),
                Cell::from(result.observed.words()),
                Cell::from(result.gap.words()),
                Cell::from(number(result.error)),
            ]);
        }
    }
    (!table.rows.is_empty()).then_some(table)
}

fn definitions() -> Vec<String> {
    vec![
        format!(
            "Selected: decided positive. TPR, FPR, FNR: true positive, false positive, false negative rate. PPV: true among \
             decided positive. A rate with fewer than {MINIMUM} rows in its denominator is not reported."
        ),
        "Impact: the selection rate over that of the reference group, which is the privileged one where it was named, and the \
         one that is selected most otherwise. Below four fifths it is a warning, and an alert where its whole interval lies \
         below."
            .to_owned(),
        "Demographic parity compares selection rates, equal opportunity TPR, equalised odds the worse of TPR and FPR, \
         predictive parity PPV, average odds the mean of the TPR and FPR differences: the definitions of fairlearn and AIF360."
            .to_owned(),
        "Intervals (95 %): Wilson for rates, Newcombe for differences, MOVER on logarithms for ratios; those of the largest \
         differences are widened for having been picked (Bonferroni). Which definition is the right one is for people to say."
            .to_owned(),
    ]
}
