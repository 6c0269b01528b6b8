//! The words of `kilter monitor`: tables and a sparkline for the terminal, a page for a browser.

use std::path::PathBuf;

use kilter_api as api;
use kilter_domain::{plural::counted, time::Timestamp};
use kilter_report::{Cell, Figure, Report, ReportPart, Series, SeriesPoint, Status, Table, number, percent, whole};

use super::result::{EndpointMonitors, EndpointSummary, RuleHistory};
use crate::ui::view::{Page, TextTable, made, minute};

/// Heights of a sparkline.
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Every endpoint.
pub(super) fn list(endpoints: &[EndpointSummary]) -> Page {
    if endpoints.is_empty() {
        return Page::new().line("Nothing is registered yet: kilter run");
    }
    let mut table =
        TextTable::new(["endpoint", "rules", "passed", "failed", "undecided", "open alerts", "newest window"]);
    for found in endpoints {
        let (mark, rules) = match (found.failed, found.undecided, found.rules) {
            (0, 0, 0) => (Status::None, "–".to_owned()),
            (0, 0, rules) => (Status::Ok, rules.to_string()),
            (0, _, rules) => (Status::Wait, rules.to_string()),
            (_, _, rules) => (Status::Bad, rules.to_string()),
        };
        table.row([
            format!("{} {}", mark.glyph(), found.endpoint),
            rules,
            found.passed.to_string(),
            found.failed.to_string(),
            found.undecided.to_string(),
            found.open_alerts.to_string(),
            found.window_end.map_or("–".to_owned(), minute),
        ]);
    }
    Page::new().table(table)
}

/// One endpoint.
pub(super) fn show(shown: &EndpointMonitors) -> Page {
    let mut page = Page::new().reason(state(shown), "", verdict(shown));
    for alert in &shown.alerts {
        page = page.reason(
            Status::Bad,
            format!("{} alert since {}: ", alert.kind, minute(alert.opened)),
            alert.detail.text.clone(),
        );
        page = root_cause(alert).into_iter().fold(page, |page, cause| page.reason(None, "    ", cause));
    }
    if !shown.rules.is_empty() {
        let table = TextTable::from(reading_table(shown.rules.iter())).detail(&["window", "what is known"]);
        page = page.line("").table(table);
    }
    // What was measured and is too close to its bound stands in the table; why something was not measured does not.
    for (reason, metrics) in unmeasured(&shown.rules) {
        page = page.reason(Status::Wait, format!("not measured: {}: ", metrics.join(", ")), reason);
    }
    if !shown.others.is_empty() {
        let names: Vec<String> =
            shown.others.iter().map(|other| format!("{} {}", other.metric, value(other))).collect();
        page = page.reason(None, "Measured without a rule: ", names.join(", "));
    }
    wrote(page, shown.html.as_ref())
}

/// Why rules have no value, and the metrics of the rules that share a reason, in their order.
fn unmeasured(rules: &[api::Reading]) -> Vec<(String, Vec<&str>)> {
    let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.verdict == Some(api::Verdict::Undecided) && rule.value.is_none()) {
        let Some(reason) = &rule.reason else { continue };
        // The metric stands before the reasons that it shares.
        let reason = reason.strip_prefix(&format!("{} was not measured: ", rule.metric)).unwrap_or(reason);
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, metrics)) => metrics.push(&rule.metric),
            None => reasons.push((reason.to_owned(), vec![&rule.metric])),
        }
    }
    reasons
}

fn wrote(page: Page, html: Option<&PathBuf>) -> Page {
    match html {
        Some(html) => page.marked(Status::Ok, format!("wrote the page {}", html.display())),
        None => page,
    }
}

const HEADINGS: [&str; 9] =
    ["verdict", "monitor", "metric", "#value", "#interval", "#bound", "#rows", "#window", "what is known"];

fn cells(reading: &api::Reading) -> [String; 8] {
    [
        reading.monitor.to_string(),
        reading.metric.clone(),
        value(reading),
        interval(reading),
        bound(reading),
        whole(reading.count),
        span(reading.window_start, reading.window_end),
        known(reading),
    ]
}

/// From when to when; where minutes do not tell the ends apart, to the second.
fn span(start: Timestamp, end: Timestamp) -> String {
    let (start, end) = (start.to_string(), end.to_string());
    let is_short = start.get(..16) == end.get(..16);
    let time = |time: &str| match time.get(11..19) {
        Some(second) if is_short => format!("{} {second}", &time[..10]),
        _ => minute(time),
    };
    format!("{} to {}", time(&start), time(&end))
}

/// A level of drift, as `kilter drift` writes it.
pub(super) const fn level_words(level: api::DriftLevel) -> &'static str {
    match level {
        api::DriftLevel::TooFew => "too few",
        api::DriftLevel::NotCompared => "not compared",
        level => level.as_str(),
    }
}

fn value(reading: &api::Reading) -> String {
    reading.value.map_or("–".to_owned(), number)
}

fn interval(reading: &api::Reading) -> String {
    let end = |end: Option<f64>, open: &str| end.map_or_else(|| open.to_owned(), number);
    match (reading.low, reading.high) {
        (None, None) => "–".to_owned(),
        (low, high) => format!("{} to {}", end(low, "-∞"), end(high, "∞")),
    }
}

fn bound(reading: &api::Reading) -> String {
    let bound = match (reading.bound_low, reading.bound_high) {
        (None, None) => return "–".to_owned(),
        (Some(low), None) => format!("≥ {}", number(low)),
        (None, Some(high)) => format!("≤ {}", number(high)),
        (Some(low), Some(high)) => format!("{} to {}", number(low), number(high)),
    };
    // A bound that nobody wrote is marked, so that nobody looks for it in the contract.
    if reading.default_rule { format!("{bound} (default)") } else { bound }
}

/// Estimated or measured, on how many labels, as of when.
fn known(reading: &api::Reading) -> String {
    let mut words = Vec::new();
    words.extend(reading.level.map(level_words).map(str::to_owned));
    if reading.estimated {
        words.push("estimated, no labels".to_owned());
    }
    if let Some(coverage) = reading.coverage {
        words.push(format!("{} labelled", percent(coverage)));
    }
    if reading.provisional {
        words.push("provisional".to_owned());
    }
    // A window that was read when it ended needs no second time.
    if minute(reading.as_of) != minute(reading.window_end) {
        words.push(format!("as of {}", minute(reading.as_of)));
    }
    words.join(", ")
}

fn judged(reading: &api::Reading) -> Status {
    match reading.verdict {
        Some(api::Verdict::Passed) => Status::Ok,
        Some(api::Verdict::Failed) => Status::Bad,
        Some(_) => Status::Wait,
        None => Status::None,
    }
}

fn word(reading: &api::Reading) -> &'static str {
    match reading.verdict {
        Some(api::Verdict::Passed) => "passed",
        Some(api::Verdict::Failed) => "failed",
        Some(_) => "undecided",
        None => "no rule",
    }
}

fn state(shown: &EndpointMonitors) -> Status {
    match (shown.count(api::Verdict::Failed), shown.count(api::Verdict::Undecided), shown.rules.len()) {
        (_, _, 0) => Status::None,
        (0, 0, _) => Status::Ok,
        (0, _, _) => Status::Wait,
        _ => Status::Bad,
    }
}

/// The plain sentence: state and the number that decides it.
fn verdict(shown: &EndpointMonitors) -> String {
    let (failed, undecided, all) =
        (shown.count(api::Verdict::Failed), shown.count(api::Verdict::Undecided), shown.rules.len());
    let first = shown.rules.first().and_then(|rule| rule.reason.clone()).unwrap_or_default();
    let endpoint = &shown.endpoint;
    match (failed, undecided, all) {
        (_, _, 0) => format!("{endpoint}: no rule was evaluated yet; the first window has not ended"),
        (0, 0, _) => format!("{endpoint}: all {} passed", counted(all, "rule")),
        (0, _, _) => {
            format!("{endpoint}: {undecided} of {} undecided: {first}", counted(all, "rule"))
        }
        _ => {
            format!("{endpoint}: {failed} of {} failed: {first}", counted(all, "rule"))
        }
    }
}

/// The root cause of an alert, where it is known.
fn root_cause(alert: &api::Alert) -> Vec<String> {
    let mut lines: Vec<String> = alert.detail.explanation.iter().cloned().collect();
    let Some(cause) = &alert.detail.root_cause else { return lines };
    lines.extend(cause.loss_by_drift.iter().take(3).filter_map(|drift| {
        Some(format!("drift of {} costs an estimated {} of loss a row", drift.column, number(drift.value?)))
    }));
    lines.extend(cause.weak_slices.iter().take(3).filter_map(|slice| {
        let (loss, before) = (number(slice.loss?), number(slice.loss_before?));
        Some(format!("worst where {}: loss {loss} instead of {before}", slice.conditions))
    }));
    lines
}

/// A metric window by window.
pub(super) fn history(past: &RuleHistory, html: Option<&PathBuf>) -> Page {
    let newest = &past.newest;
    let line = sparkline(&past.readings().map(|reading| reading.value).collect::<Vec<_>>());
    let rule = newest.rule.clone().unwrap_or_else(|| format!("{} (no rule)", newest.metric));
    let part = past.part.as_ref().map(|part| format!(", of {part}")).unwrap_or_default();
    let mut page = Page::new().line(format!("{rule} at {}{part}  {line}", newest.endpoint));
    let table = TextTable::from(window_table(past.readings().rev())).detail(&["bound"]).reason("what is known");
    page = page.table(table);
    if let (true, Some(oldest)) = (past.has_older, past.readings().next()) {
        page = page.line(format!("  older windows: --before {}, or more of them: --windows N", oldest.window_start));
    }
    wrote(page, html)
}

/// Values as heights; what was not measured is a space.
fn sparkline(values: &[Option<f64>]) -> String {
    let measured = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = (measured().fold(f64::INFINITY, f64::min), measured().fold(f64::NEG_INFINITY, f64::max));
    let height = |value: f64| match high > low {
        true => SPARKS[((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) * 7.0).round().clamp(0.0, 7.0) as usize],
        false => SPARKS[3],
    };
    values.iter().map(|value| value.filter(|value| value.is_finite()).map_or(' ', height)).collect()
}

/// One endpoint, for a browser.
pub(super) fn html(shown: &EndpointMonitors, pasts: &[RuleHistory], now: Timestamp) -> String {
    let mut parts = Vec::new();
    for alert in &shown.alerts {
        let mut inside = vec![ReportPart::Text(alert.detail.text.clone())];
        inside.extend(root_cause(alert).into_iter().map(ReportPart::Text));
        parts.push(ReportPart::Fold {
            summary: format!("{} alert since {}", alert.kind, minute(alert.opened)),
            state: Status::Bad,
            word: alert.state.to_string(),
            open: true,
            parts: inside,
        });
    }
    parts.push(ReportPart::Heading("Rules, by attention".to_owned()));
    parts.push(ReportPart::Table(reading_table(shown.rules.iter())));
    parts.push(ReportPart::Heading("Window by window".to_owned()));
    parts.push(ReportPart::Grid(pasts.iter().map(|past| ReportPart::Figure(figure(past))).collect()));
    if !shown.others.is_empty() {
        parts.push(ReportPart::Heading("Without a rule".to_owned()));
        parts.push(ReportPart::Table(reading_table(shown.others.iter())));
    }
    report(format!("Monitors of {}", shown.endpoint), state(shown), verdict(shown), parts, now)
}

/// One metric, for a browser.
pub(super) fn history_html(past: &RuleHistory, now: Timestamp) -> String {
    let newest = &past.newest;
    let verdict = newest.reason.clone().unwrap_or_else(|| format!("{} is {}", newest.metric, value(newest)));
    let parts = vec![ReportPart::Figure(figure(past)), ReportPart::Table(window_table(past.readings().rev()))];
    report(format!("{} at {}", newest.metric, newest.endpoint), judged(newest), verdict, parts, now)
}

fn report(title: String, state: Status, verdict: String, mut parts: Vec<ReportPart>, now: Timestamp) -> String {
    let (verdict, detail) = split_detail(&verdict);
    if let Some(detail) = detail {
        parts.insert(0, ReportPart::Text(format!("Measured as: {detail}.")));
    }
    let definitions = vec![
        "A window is read when it ends, and again when more of its labels are known; provisional: labels are still missing. \
         Rings are provisional or estimated, bands are 95 % intervals, dashed lines the bound of the rule (an arrow points to one that lies far outside), grey dots on the \
         axis windows that were not measured."
            .to_owned(),
        "Undecided: not measured, or too close to the bound to tell. It is never zero and never a pass.".to_owned(),
    ];
    let (verdict, facts) = (verdict.to_owned(), vec![made(now)]);
    Report { title, state, verdict, facts, parts, definitions }.to_html()
}

/// Every rule with its newest reading.
fn reading_table<'a>(readings: impl Iterator<Item = &'a api::Reading>) -> Table {
    let mut table = Table::new(HEADINGS);
    for reading in readings {
        let verdict = Cell::Mark(judged(reading), word(reading).to_owned());
        table.row([verdict].into_iter().chain(cells(reading).map(Cell::Text)));
    }
    table
}

/// One metric, window by window.
fn window_table<'a>(readings: impl Iterator<Item = &'a api::Reading>) -> Table {
    let mut table =
        Table::new(["window", "verdict", "#value", "#interval", "#bound", "#rows", "#version", "what is known"]);
    for reading in readings {
        let [_, _, value, interval, bound, rows, window, known] = cells(reading);
        let verdict = Cell::Mark(judged(reading), word(reading).to_owned());
        let cells = [value, interval, bound, rows, version(reading), known];
        table.row([Cell::Text(window), verdict].into_iter().chain(cells.map(Cell::Text)));
    }
    table
}

fn version(reading: &api::Reading) -> String {
    reading.version.map_or("–".to_owned(), |version| format!("v{version}"))
}

/// A sentence and what it says in brackets at its end: the verdict stands first, how it was measured below it.
fn split_detail(sentence: &str) -> (&str, Option<&str>) {
    match sentence.strip_suffix(')').and_then(|text| text.split_once(" (")) {
        Some((verdict, detail)) => (verdict, Some(detail)),
        None => (sentence, None),
    }
}

fn figure(past: &RuleHistory) -> Figure {
    let infinite = |end: Option<f64>, open: f64| end.unwrap_or(open);
    let point = |reading: &api::Reading| SeriesPoint {
        x: reading.window_end.millis() as f64,
        label: minute(reading.window_end),
        value: reading.value.map(|value| match (reading.low, reading.high) {
            (None, None) => (value, value, value),
            (low, high) => (value, infinite(low, f64::NEG_INFINITY), infinite(high, f64::INFINITY)),
        }),
        bounds: [reading.bound_low, reading.bound_high],
        state: judged(reading),
        is_open: reading.provisional || reading.estimated,
    };
    Figure::series(&Series {
        caption: past.newest.rule.clone().unwrap_or_else(|| past.newest.metric.clone()),
        points: past.readings().map(point).collect(),
        diagonal: false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_that_were_not_measured_for_one_reason_share_a_line() {
        let reading = |metric: &str, why: &str| -> api::Reading {
            let text = json!({
                "endpoint": "e", "monitor": "data", "metric": metric, "count": 0, "estimated": false, "verdict": "undecided",
                "window_start": "2026-01-01T00:00:00Z", "window_end": "2026-01-02T00:00:00Z", "as_of": "2026-01-02T00:00:00Z",
                "provisional": false, "reason": format!("{metric} was not measured: {why}"),
            });
            serde_json::from_value(text).unwrap()
        };
        let rules =
            [reading("missing(a)", "no request came"), reading("auc", "no labels"), reading("rows", "no request came")];
        let expected =
            [("no request came".to_owned(), vec!["missing(a)", "rows"]), ("no labels".to_owned(), vec!["auc"])];
        assert_eq!(unmeasured(&rules), expected);
    }

    #[test]
    fn a_sparkline_has_a_height_a_window_and_a_gap_where_nothing_was_measured() {
        assert_eq!(sparkline(&[Some(0.0), None, Some(1.0), Some(0.5), Some(f64::NAN)]), "▁ █▅ ");
        assert_eq!((sparkline(&[Some(2.0), Some(2.0)]).as_str(), sparkline(&[]).as_str()), ("▄▄", ""));
        assert_eq!(sparkline(&[Some(f64::MAX), Some(f64::MIN)]), "█▁");
    }

    #[test]
    fn windows_of_seconds_are_told_to_the_second() {
        let span_of = |start: &str, end: &str| span(start.parse().unwrap(), end.parse().unwrap());
        assert_eq!(
            span_of("2026-01-02T03:04:00Z", "2026-01-02T03:04:20Z"),
            "2026-01-02 03:04:00 to 2026-01-02 03:04:20"
        );
        assert_eq!(span_of("2026-01-02T00:00:00Z", "2026-01-03T06:00:00Z"), "2026-01-02 to 2026-01-03 06:00");
    }
}
