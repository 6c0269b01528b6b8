//! `[threshold]`.

use crate::{
    contract::{
        field::Field,
        section::Section,
        threshold::{MIN_ROWS, ThresholdGoal, ThresholdTuning, WINDOW_DAYS},
    },
    time::Span,
};

pub(super) fn threshold(field: &Field<'_, '_>) -> Option<ThresholdTuning> {
    let section = field.section("threshold")?;
    let tuning = ThresholdTuning {
        goal: ThresholdGoal::FalsePositiveRate(0.0),
        window: section.span("window").unwrap_or(Span::days(WINDOW_DAYS)),
        every: section.span("every"),
        min_rows: section.count("min_rows").unwrap_or(MIN_ROWS),
    };
    let goal = goal(&section);
    section.finish();
    Some(ThresholdTuning { goal: goal?, ..tuning })
}

/// Exactly one of `cost` and `fpr`.
fn goal(section: &Section<'_, '_>) -> Option<ThresholdGoal> {
    let (cost, rate) = (section.section("cost"), section.field("fpr"));
    match (cost, rate) {
        (Some(cost), None) => {
            let goal = costs(&cost);
            cost.finish();
            goal
        }
        (None, Some(rate)) => {
            let most = rate.share()?;
            if most == 0.0 || most == 1.0 {
                rate.error("a false positive rate lies between 0 and 1", "write a share like \"1%\"".to_owned());
                return None;
            }
            Some(ThresholdGoal::FalsePositiveRate(most))
        }
        (Some(_), Some(_)) => {
            section
                .error("a threshold has one goal: `cost` or `fpr`".to_owned(), Some("remove one of them".to_owned()));
            None
        }
        (None, None) => {
            let hint = "write cost = { false_positive = 1, false_negative = 20 }, or fpr = \"1%\"".to_owned();
            section.error("the section does not state what the threshold is chosen for".to_owned(), Some(hint));
            None
        }
    }
}

fn costs(section: &Section<'_, '_>) -> Option<ThresholdGoal> {
    let named = |name: &'static str| section.needed(name).and_then(|_| section.number(name));
    let (false_positive, false_negative) = (named("false_positive"), named("false_negative"));
    Some(ThresholdGoal::Cost { false_positive: false_positive?, false_negative: false_negative? })
}
