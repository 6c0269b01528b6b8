//! The sentence with the result of a rule.

use super::{
    Bound, BoundExpr, ExactNumber, Function, Measurement, NotMeasured, Number, Quantity, Rule, RuleOutcome,
    RuleVerdict, Undecided, Unit, compare::Region,
};
use crate::plural::{counted, plural};

/// How many values of a set are written out.
const SHOWN: usize = 5;

/// What a sentence is about.
pub(super) struct RuleMessage<'s> {
    pub rule: &'s Rule,
    pub part: Option<&'s str>,
    pub measurement: &'s Measurement,
    pub region: Region,
    pub unit: Unit,
    pub of_difference: bool,
}

impl RuleMessage<'_> {
    pub(super) fn verdict_text(&self, verdict: &RuleVerdict) -> String {
        let (what, found, required) = (self.quantity_text(), self.measured_text(), self.required_text());
        let note = self.measurement.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        match verdict {
            RuleVerdict::Passed | RuleVerdict::Failed => format!("{what} = {found}, required {required}{note}"),
            RuleVerdict::Undecided(Undecided::NearLimit) => {
                format!("{what} = {found}, required {required}: too close to decide{note}")
            }
            RuleVerdict::Undecided(Undecided::NotMeasured(missing)) => {
                format!("{what} was not measured: {}; {}{note}", missing.missing, missing.how)
            }
        }
    }

    fn quantity_text(&self) -> String {
        let quantity = match (&self.rule.quantity, self.part) {
            (Quantity::Metric { name, .. }, Some(part)) => format!("{name} of {part}"),
            (Quantity::Call { function, .. }, Some(part)) => format!("{function}({part})"),
            (quantity, None) => quantity.to_string(),
        };
        if self.of_difference { format!("{quantity} minus the champion's") } else { quantity }
    }

    fn measured_text(&self) -> String {
        let mut found = match self.measurement.whole {
            Some(whole) if self.unit == Unit::Plain => whole.to_string(),
            _ => show(self.measurement.value, self.unit),
        };
        if let Some((low, high)) = self.measurement.interval {
            found = format!("{found} [{}, {}]", show(low, self.unit), show(high, self.unit));
        }
        if self.measurement.estimated { format!("{found} (estimated before labels)") } else { found }
    }

    fn required_text(&self) -> String {
        let shown = |bound: ExactNumber| match bound.rest {
            0.0 => show(bound.value, self.unit),
            rest => Number { written: bound.value, rest, unit: Unit::Plain }.to_string(),
        };
        match (&self.rule.bound, self.region) {
            (Bound::Holds, _) => "= 0".to_owned(),
            (Bound::Known, _) => "a known value in every row".to_owned(),
            (Bound::Compare(_, BoundExpr::Expected), _) => "the recorded answer every time".to_owned(),
            (_, Region::Within(low, high)) => format!("in {}..{}", shown(low), shown(high)),
            (_, Region::Compare(op, bound)) => format!("{op} {}", shown(bound)),
        }
    }
}

pub(super) fn no_champion_message(rule: &Rule, measurement: &Measurement) -> String {
    format!("{} = {}; there is no champion to compare it with", rule.quantity, show(measurement.value, Unit::Plain))
}

pub(super) fn parts_message(worst: &RuleOutcome, failed: usize, total: usize) -> String {
    match (&worst.verdict, total) {
        (_, 1) => worst.text.clone(),
        (RuleVerdict::Failed, _) => format!("{failed} of {total} failed, worst: {}", worst.text),
        (RuleVerdict::Passed, _) => format!("all {total} passed, closest: {}", worst.text),
        (RuleVerdict::Undecided(_), _) => format!("not all of {total} are decided: {}", worst.text),
    }
}

pub(super) fn unknown_values_message(rule: &Rule, values: &[String], strangers: &[&String]) -> String {
    let Quantity::Call { function: Function::Values, args, .. } = &rule.quantity else {
        return format!("{} has {} outside of the set", rule.quantity, counted(strangers.len(), "value"));
    };
    let column = args.first().map_or_else(String::new, ToString::to_string);
    if strangers.is_empty() {
        return plural(
            values.len(),
            format!("the one value of {column} is allowed"),
            format!("all {} values of {column} are allowed", values.len()),
        );
    }
    let shown: Vec<String> = strangers.iter().take(SHOWN).map(|value| format!("`{value}`")).collect();
    let more = strangers.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{column} has values that are not allowed: {}{more}", shown.join(", "))
}

pub(super) fn not_measured_message(rule: &Rule, missing: &NotMeasured) -> String {
    format!("{} was not measured: {}; {}", rule.quantity, missing.missing, missing.how)
}

/// A number as a person reads it: four significant digits, whole numbers in full.
pub fn rounded(value: f64) -> String {
    show(value, Unit::Plain)
}

/// The same with its sign, for what was added or lost.
pub fn signed(value: f64) -> String {
    let text = rounded(value);
    if value >= 0.0 { format!("+{text}") } else { text }
}

/// Four significant digits in the given unit; whole numbers in full.
pub(super) fn show(value: f64, unit: Unit) -> String {
    let in_unit = value / Number { written: 1.0, rest: 0.0, unit }.value();
    let digits = match in_unit.abs() {
        size if in_unit.fract() == 0.0 && size < 1e15 => 0,
        size if size >= 1000.0 => 0,
        size if size >= 1e-4 => (3.0 - size.log10().floor()).clamp(0.0, 8.0) as usize,
        _ => return format!("{in_unit:.2e}{}", unit.suffix()),
    };
    let text = format!("{in_unit:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", unit.suffix())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_the_unit_of_the_rule() {
        assert_eq!(show(0.84312, Unit::Plain), "0.8431");
        assert_eq!(show(0.8, Unit::Plain), "0.8");
        assert_eq!(show(123_456.0, Unit::Plain), "123456");
        assert_eq!(show(0.0123, Unit::Percent), "1.23%");
        assert_eq!(show(157_286_400.0, Unit::MiB), "150MiB");
        assert_eq!(show(129_600_000.0, Unit::Day), "1.5d");
        assert_eq!(show(0.0000123, Unit::Plain), "1.23e-5");
        assert_eq!(show(f64::INFINITY, Unit::Plain), "inf");
    }
}
