//! The words of `kilter evaluate`: tables for the terminal, a page for a browser.

use kilter_domain::{
    plural::plural,
    rule::{MetricId, Quantity, RuleOutcome, RuleVerdict},
    time::Timestamp,
};
use kilter_evaluation::gate_metrics::threshold_words;
use kilter_report::{
    Cell, CurvePoint, Figure, Range, ReliabilityPoint, Report, ReportPart, Series, SeriesPoint, Status, Table, number,
    percent, whole,
};

use super::result::{Class, Comparison, Counts, Evaluation, Matrix, MetricValue, ModelComparison};
use crate::ui::{
    estimate::EstimateValue,
    view::{Page, TextTable, made},
};

/// Slices in one picture.
const DRAWN: usize = 40;

/// For the terminal.
pub(super) fn text(result: &Evaluation) -> Page {
    let mark = if result.labelled > 0 { Status::Ok } else { Status::InsufficientData };
    let labelled = result.labelled + result.unknown_labels;
    let mut page = Page::new().marked(mark, format!("{labelled} of {} rows have a `{}`", result.rows, result.target));
    if let Some(labels) = &result.labels {
        page = page.marked(if labels.is_beyond { Status::Bad } else { Status::Warn }, labels.sentence.clone());
    }
    page = result.rules.iter().fold(page, |page, rule| page.reason(rule_state(rule).0, "", rule.text.clone()));
    // Where the labels fit no class, that is the reason of every metric, and is said above.
    let is_beyond = result.labels.as_ref().is_some_and(|labels| labels.is_beyond);
    if !is_beyond {
        page = page.table(TextTable::from(metric_table(&result.metrics)).detail(&["why not"]));
    }
    for metric in result.metrics.iter().filter(|_| !is_beyond) {
        if let Some(why) = &metric.measured.missing {
            page = page.reason(Status::InsufficientData, format!("{}: ", metric.metric), why.clone());
        }
    }
    if let Some(counts) = &result.picture.confusion {
        page = page
            .line("")
            .line(format!("Decided {}:", threshold_words(counts.threshold)))
            .table(counts_table(counts).into());
    }
    if !result.picture.classes.is_empty() {
        page = page.line("").table(class_table(&result.picture.classes).into());
    }
    if let Some(matrix) = &result.picture.matrix {
        page = page.line("").line("In truth (lines), and taken for (columns):").table(matrix_table(matrix).into());
    }
    if !result.slices.is_empty() {
        page = page.line("").table(slice_text(result));
    }
    if let Some(compared) = &result.against {
        page = page.line("").line(compared_title(compared)).table(compared_table(compared).into());
    }
    if let Some(html) = &result.html {
        page = page.marked(Status::Ok, format!("wrote the page {}", html.display()));
    }
    page
}

/// Four decimals, so that metrics stand under each other; of what is larger than a share as many as a person reads.
fn fixed(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() < 100.0 => format!("{value:.4}"),
        Some(value) => number(value),
    }
}

fn class_cells(class: &Class) -> [String; 6] {
    [
        class.class.clone(),
        whole(class.rows),
        whole(class.decided),
        class.precision.words(),
        class.recall.words(),
        class.f1.words(),
    ]
}

fn slice_text(result: &Evaluation) -> TextTable {
    let mut table = TextTable::new(["slice", "rows", result.headline, "from", "to"]);
    for slice in &result.slices {
        let EstimateValue { value, low, high, .. } = slice.measured.measured;
        table.row([slice.slice.clone(), slice.labelled.to_string(), fixed(value), fixed(low), fixed(high)]);
    }
    table
}

fn compared_title(compared: &ModelComparison) -> String {
    let rows = plural(compared.labelled, "row", "rows");
    format!("Beside {}, on the same {} {rows}:", compared.model.display(), whole(compared.labelled as u64))
}

fn comparison_word(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Better => "better",
        Comparison::Worse => "worse",
        Comparison::Even => "no difference",
        Comparison::Unjudged => "not judged",
    }
}

fn comparison_state(comparison: Comparison) -> Status {
    match comparison {
        Comparison::Better => Status::Ok,
        Comparison::Worse => Status::Bad,
        Comparison::Even | Comparison::Unjudged => Status::None,
    }
}

fn rule_state(rule: &RuleOutcome) -> (Status, &'static str) {
    match rule.verdict {
        RuleVerdict::Passed => (Status::Ok, "holds"),
        RuleVerdict::Failed => (Status::Bad, "fails"),
        RuleVerdict::Undecided(_) => (Status::Wait, "undecided"),
    }
}

fn state(result: &Evaluation) -> Status {
    let of_rules = result.rules.iter().map(|rule| rule_state(rule).0);
    match of_rules.max_by_key(|state| [Status::Ok, Status::Wait, Status::Bad].iter().position(|known| known == state)) {
        _ if result.labelled == 0 => Status::InsufficientData,
        Some(state) => state,
        None => Status::None,
    }
}

/// The plain sentence: the leading number, and how the rules stand.
fn verdict(result: &Evaluation) -> String {
    if result.labelled == 0 {
        return match &result.labels {
            Some(labels) => format!("Nothing can be measured: {}", labels.sentence),
            None => format!("No row has a `{}`: nothing can be measured", result.target),
        };
    }
    let lead = result.metrics.iter().find(|metric| metric.metric == result.headline);
    let lead = lead.map_or("–".to_owned(), |lead| match &lead.measured.missing {
        Some(why) => format!("{} was not measured: {why}", result.headline),
        None => format!("{} is {}", result.headline, lead.measured.words()),
    });
    let broken =
        result.rules.iter().find(|rule| rule.is_failed()).or(result.rules.iter().find(|rule| !rule.is_passed()));
    match broken {
        Some(rule) => rule.text.clone(),
        None if result.rules.is_empty() => lead,
        None => format!("{lead}; every rule holds"),
    }
}

/// For a browser.
pub(super) fn html(result: &Evaluation, now: Timestamp) -> String {
    let unknown = result.labels.iter().map(|labels| ReportPart::Text(format!("▲ {}", labels.sentence)));
    let mut parts: Vec<ReportPart> = unknown.collect();
    if !result.rules.is_empty() {
        parts.extend([ReportPart::Heading("Rules".to_owned()), ReportPart::Table(rule_table(&result.rules))]);
    }
    let pictures = pictures(result);
    if !pictures.is_empty() {
        parts.push(ReportPart::Grid(pictures.into_iter().map(ReportPart::Figure).collect()));
    }
    if let Some(counts) = &result.picture.confusion {
        parts.push(ReportPart::Heading(format!("Decided {}", threshold_words(counts.threshold))));
        parts.push(ReportPart::Table(counts_table(counts)));
    }
    if !result.picture.classes.is_empty() {
        parts.extend([
            ReportPart::Heading("By class".to_owned()),
            ReportPart::Table(class_table(&result.picture.classes)),
        ]);
    }
    if let Some(matrix) = &result.picture.matrix {
        parts.push(ReportPart::Heading("Confusion matrix".to_owned()));
        let how = "Lines are the classes in truth, columns what they were taken for. The darker, the larger the share of its line.";
        parts.extend([ReportPart::Text(how.to_owned()), ReportPart::Table(matrix_table(matrix))]);
    }
    if let Some(compared) = &result.against {
        parts.extend([ReportPart::Heading(compared_title(compared)), ReportPart::Table(compared_table(compared))]);
    }
    if !result.slices.is_empty() {
        parts.push(ReportPart::Heading(format!("{} by slice", result.headline)));
        parts.push(ReportPart::Figure(Figure::ranges(
            &format!("{} with 95 % intervals", result.headline),
            &slices(result),
            bound_of(result),
        )));
    }
    parts.extend([ReportPart::Heading("Metrics".to_owned()), ReportPart::Table(metric_table(&result.metrics))]);
    Report {
        title: format!("Evaluation of {} on {}", result.model.display(), result.data.display()),
        state: state(result),
        verdict: verdict(result),
        facts: vec![
            ("rows".to_owned(), whole(result.rows as u64)),
            ("labelled".to_owned(), whole(result.labelled as u64)),
            ("target".to_owned(), result.target.clone()),
            made(now),
        ],
        parts,
        definitions: definitions(),
    }
    .to_html()
}

fn rule_table(rules: &[RuleOutcome]) -> Table {
    let mut table = Table::new(["state", "rule", "reason"]);
    for rule in rules {
        let (state, word) = rule_state(rule);
        table.row([Cell::Mark(state, word.to_owned()), Cell::from(rule.rule.as_str()), Cell::from(rule.text.as_str())]);
    }
    table
}

fn pictures(result: &Evaluation) -> Vec<Figure> {
    let (mut figures, picture) = (Vec::new(), &result.picture);
    if !picture.curve.is_empty() {
        let start: CurvePoint = (0.0, 0.0);
        let roc: Vec<CurvePoint> = std::iter::once(start)
            .chain(picture.curve.iter().map(|point| (point.false_positive_rate, point.true_positive_rate)))
            .collect();
        let recall: Vec<CurvePoint> =
            picture.curve.iter().map(|point| (point.true_positive_rate, point.precision)).collect();
        figures.push(Figure::curve("ROC", ("false positive rate", "true positive rate"), &roc, true));
        figures.push(Figure::curve("Precision over recall", ("recall", "precision"), &recall, false));
    }
    if !picture.calibration.is_empty() {
        let all: f64 = picture.calibration.iter().map(|bin| bin.weight).sum();
        let point = |bin: &kilter_stats::performance::CalibrationBin| ReliabilityPoint {
            predicted: bin.predicted,
            observed: (bin.observed, bin.observed - 1.96 * bin.error, bin.observed + 1.96 * bin.error),
            share: bin.weight / all,
        };
        let points: Vec<ReliabilityPoint> = picture.calibration.iter().map(point).collect();
        figures.push(Figure::reliability("Calibration: what came true over what was predicted", &points));
    }
    if !picture.predicted.is_empty() {
        let point = |bin: &kilter_stats::performance::PredictedBin| SeriesPoint {
            x: bin.predicted,
            label: number(bin.predicted),
            value: Some((bin.observed.value, bin.observed.low, bin.observed.high)),
            bounds: [None, None],
            state: Status::Ok,
            is_open: false,
        };
        figures.push(Figure::series(&Series {
            caption: "What came true over what was predicted, by tenths of the rows".to_owned(),
            points: picture.predicted.iter().map(point).collect(),
            diagonal: true,
        }));
    }
    if let Some(residuals) = &picture.residuals {
        figures.push(Figure::shape("Residuals: predicted less true", &residuals.edges, &residuals.shares));
    }
    figures
}

fn counts_table(counts: &Counts) -> Table {
    let mut table = Table::new(["in truth", "#decided positive", "#decided negative", "#share decided right"]);
    let mut row = |name: &str, yes: u64, no: u64, right: u64| {
        let share = right as f64 / (yes + no).max(1) as f64;
        table.row([Cell::from(name), Cell::from(whole(yes)), Cell::from(whole(no)), Cell::from(percent(share))]);
    };
    row("positive", counts.true_positive, counts.false_negative, counts.true_positive);
    row("negative", counts.false_positive, counts.true_negative, counts.true_negative);
    table
}

/// Lines are classes in truth, columns what they were taken for; a cell is as dark as its share of the line.
fn matrix_table(matrix: &Matrix) -> Table {
    let headings = matrix.classes.iter().map(|class| format!("#{class}"));
    let mut table = Table::new(std::iter::once("in truth".to_owned()).chain(headings));
    for (class, rows) in matrix.classes.iter().zip(&matrix.rows) {
        let all = rows.iter().sum::<u64>().max(1) as f64;
        let cells = rows.iter().map(|rows| Cell::Share(whole(*rows), *rows as f64 / all));
        table.row(std::iter::once(Cell::Text(class.clone())).chain(cells));
    }
    table
}

/// The bound that a rule sets on the headline metric, drawn beside what was measured.
fn bound_of(result: &Evaluation) -> Option<f64> {
    let is_headline = |metric: &MetricId| matches!(metric, MetricId::Quantity(Quantity::Metric { name, .. }) if name == result.headline);
    let rule = result.rules.iter().find(|outcome: &&RuleOutcome| is_headline(&outcome.metric))?;
    rule.limits.low.or(rule.limits.high)
}

fn class_table(classes: &[Class]) -> Table {
    let mut table = Table::new(["class", "#rows", "#decided", "#precision", "#recall", "#f1"]);
    for class in classes {
        table.row(class_cells(class).map(Cell::Text));
    }
    table
}

fn compared_table(compared: &ModelComparison) -> Table {
    let mut table = Table::new(["compared", "metric", "#here", "#there", "#difference"]);
    for result in &compared.metrics {
        let difference = result.difference.missing.clone().unwrap_or_else(|| result.difference.words());
        table.row([
            Cell::Mark(comparison_state(result.judged), comparison_word(result.judged).to_owned()),
            Cell::from(result.metric),
            Cell::from(fixed(result.here)),
            Cell::from(fixed(result.there)),
            Cell::from(difference),
        ]);
    }
    table
}

fn slices(result: &Evaluation) -> Vec<Range> {
    let range = |slice: &super::result::Slice| {
        let measured = &slice.measured.measured;
        let rows = format!("{} {}", whole(slice.labelled as u64), plural(slice.labelled, "row", "rows"));
        Range {
            name: slice.slice.clone(),
            value: measured.ends(),
            note: measured.value.map_or(format!("too few ({rows})"), |value| format!("{}, {rows}", number(value))),
            state: Status::Ok,
        }
    };
    result.slices.iter().take(DRAWN).map(range).collect()
}

fn metric_table(metrics: &[MetricValue]) -> Table {
    let mut table = Table::new(["metric", "#value", "#from", "#to", "why not"]);
    for MetricValue { metric, measured } in metrics {
        let why = measured.missing.clone().unwrap_or_default();
        table.row([*metric, &fixed(measured.value), &fixed(measured.low), &fixed(measured.high), &why].map(Cell::from));
    }
    table
}

fn definitions() -> Vec<String> {
    vec![
        "Metrics are scikit-learn's; a share without a denominator is not measured, never zero. Intervals (95 %): Wilson for \
         rates, DeLong for AUC, influence functions and order statistics elsewhere."
            .to_owned(),
        "Differences of two models are paired, row by row. Better and worse: the interval of the difference leaves out zero. \
         Of many metrics some differ by chance alone."
            .to_owned(),
        "Rows without a label are left out. Rows that depend on each other make every interval too narrow.".to_owned(),
    ]
}
