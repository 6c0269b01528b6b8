//! The span that a rule covers, and its result before the span has ended.

use kilter_domain::{
    rule::{NotMeasured, Rule, RuleOutcome, RuleVerdict, Undecided},
    time::{DAY_MS, HOUR_MS, Interval, MINUTE_MS, Span, Timestamp},
};

/// The outcome of a rule over a span that is not over, of whatever kind: not measured.
pub(super) fn pending(rule: &Rule, version: u32, span: Interval, since: Timestamp) -> RuleOutcome {
    let (served, length) = (span.end.millis() - since.millis(), span.end.millis() - span.start.millis());
    let (unit, name) = match length {
        length if length >= 2 * DAY_MS => (DAY_MS, "days"),
        length if length >= 2 * HOUR_MS => (HOUR_MS, "hours"),
        length if length >= 2 * MINUTE_MS => (MINUTE_MS, "minutes"),
        _ => (1_000, "seconds"),
    };
    let (served, length) = (served.max(0) / unit, length / unit);
    let missing = format!("version {version} has served for {served} of the {length} {name} of the window");
    let how = format!("it serves since {since}, and is judged on windows that begin after that");
    let text = format!("{rule} was not measured: {missing}; {how}");
    let verdict = RuleVerdict::Undecided(Undecided::NotMeasured(NotMeasured { missing, how }));
    RuleOutcome::new(rule.to_string(), rule.quantity.clone().into(), verdict, text)
}

/// The time that a rule covers: its window, or the span that ends with it.
pub(super) fn covered(window: Interval, over: Option<Span>) -> Interval {
    Interval { start: over.map_or(window.start, |span| window.end.before(span)), end: window.end }
}
