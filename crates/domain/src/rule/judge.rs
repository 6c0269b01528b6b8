//! A rule against measurements: passed, failed or undecided, with the numbers and one sentence that says why.
//!
//! Two modes. [`JudgeMode::Point`] (gates, data checks) compares the measured value itself. [`JudgeMode::Evidence`]
//! (monitors) fails only when the whole interval is on the wrong side; an interval that covers the bound is undecided,
//! shown as "near limit". A measurement without an interval counts as exact.

use super::{
    Bound, BoundExpr, Champion, JudgeMode, MAX_PARTS, Measured, Measurement, Measurements, NotMeasured, Op, Part,
    PartOutcome, Quantity, Rule, RuleOutcome, RuleVerdict, Undecided, Unit, compare::Region, message,
};

/// A rule while it is being judged.
struct RuleCase<'r> {
    rule: &'r Rule,
    mode: JudgeMode,
    /// The unit in which numbers are shown.
    unit: Unit,
    /// Whether differences to the champion are compared instead of values.
    of_difference: bool,
}

impl Rule {
    /// What the rule comes to over what was measured. Pure: the same measurements give the same outcome.
    ///
    /// Relative to a champion the paired difference decides where it is given, else the two values do. While there is
    /// no champion such a rule passes with a note, provided that the candidate itself was measured.
    pub fn judge(&self, measurements: &dyn Measurements, mode: JudgeMode) -> RuleOutcome {
        let case = RuleCase { rule: self, mode, unit: self.unit(), of_difference: false };
        let measured = measurements.measure(&self.quantity, self.over);
        let region = match &self.bound {
            Bound::OneOf(words) => return case.judge_set(measured, words),
            Bound::Compare(op, BoundExpr::Champion { metric, slice, factor, offset }) => {
                let other = Quantity::Metric { name: metric.clone(), slice: slice.clone() };
                return case.beside_champion(
                    measured,
                    measurements,
                    &other,
                    Relation { op: *op, factor: *factor, offset: *offset },
                );
            }
            Bound::Compare(op, BoundExpr::Number(number)) => Region::Compare(*op, number.exact()),
            Bound::Compare(op, BoundExpr::Expected) => Region::Compare(*op, 0.0.into()),
            Bound::Within(low, high) => Region::Within(low.exact(), high.exact()),
            // Both count: counter-examples, and the share that is known.
            Bound::Holds => Region::Compare(Op::Equal, 0.0.into()),
            Bound::Known => Region::Compare(Op::AtLeast, 1.0.into()),
        };
        case.decide(measured, |_| Ok(region))
    }

    fn unit(&self) -> Unit {
        match &self.bound {
            Bound::Compare(_, BoundExpr::Number(number)) | Bound::Within(number, _) => number.unit,
            _ => Unit::Plain,
        }
    }
}

/// `op champion * factor + offset`.
#[derive(Clone, Copy)]
struct Relation {
    op: Op,
    factor: f64,
    offset: f64,
}

impl RuleCase<'_> {
    fn beside_champion(
        mut self,
        measured: Measured,
        measurements: &dyn Measurements,
        other: &Quantity,
        relation: Relation,
    ) -> RuleOutcome {
        let champion = match measurements.champion(other) {
            Champion::None => return self.without_champion(measured),
            Champion::Measured(champion) => champion,
        };
        let is_same = self.rule.quantity == *other && relation.factor == 1.0;
        if let Some(difference) = is_same.then(|| measurements.difference(other)).flatten() {
            self.of_difference = true;
            return self.decide(difference, |_| Ok(Region::Compare(relation.op, relation.offset.into())));
        }
        self.decide(measured, |part| {
            let bound = value_of(&champion, part)? * relation.factor + relation.offset;
            Ok(Region::Compare(relation.op, bound.into()))
        })
    }

    fn without_champion(&self, measured: Measured) -> RuleOutcome {
        let measured = match measured {
            Measured::Value(measurement) => vec![measurement],
            Measured::Each(parts) => parts.into_iter().map(|part| part.measurement).collect(),
            Measured::Values(_) => Vec::new(),
            Measured::Nothing(missing) => return self.undecided(missing),
        };
        if measured.iter().any(|measurement| measurement.value.is_nan()) {
            return self.undecided(not_measured(format!("{} is not a number", self.rule.quantity)));
        }
        match measured.into_iter().next() {
            Some(measurement) => RuleOutcome {
                text: message::no_champion_message(self.rule, &measurement),
                measured: Some(measurement),
                ..self.outcome(RuleVerdict::Passed)
            },
            None => self.undecided(not_measured(format!("{} has no value", self.rule.quantity))),
        }
    }

    /// Judges what was measured; `region` says where the value of a part must lie.
    fn decide(&self, measured: Measured, region: impl Fn(Option<&str>) -> Result<Region, NotMeasured>) -> RuleOutcome {
        match measured {
            Measured::Nothing(missing) => self.undecided(missing),
            Measured::Values(_) => {
                self.undecided(not_measured(format!("{} was measured as a set, not as a number", self.rule.quantity)))
            }
            Measured::Value(measurement) => match region(None) {
                Ok(region) => self.judge_value(None, measurement, region),
                Err(missing) => self.undecided(missing),
            },
            Measured::Each(parts) => self.judge_parts(parts, region),
        }
    }

    fn judge_value(&self, part: Option<String>, measurement: Measurement, region: Region) -> RuleOutcome {
        let verdict = region.verdict(&measurement, self.mode);
        let message = message::RuleMessage {
            rule: self.rule,
            part: part.as_deref(),
            measurement: &measurement,
            region,
            unit: self.unit,
            of_difference: self.of_difference,
        };
        let text = message.verdict_text(&verdict);
        RuleOutcome {
            text,
            part,
            limits: region.limits(),
            measured: finite_measurement(measurement),
            ..self.outcome(verdict)
        }
    }

    /// Every part must pass; the worst one speaks for the rule.
    fn judge_parts(
        &self,
        parts: Vec<Part>,
        region: impl Fn(Option<&str>) -> Result<Region, NotMeasured>,
    ) -> RuleOutcome {
        let mut judged: Vec<(f64, RuleOutcome)> = parts
            .into_iter()
            .map(|part| match region(Some(&part.name)) {
                Ok(region) => {
                    (region.margin(part.measurement.value), self.judge_value(Some(part.name), part.measurement, region))
                }
                Err(missing) => {
                    let measured = finite_measurement(part.measurement);
                    (0.0, RuleOutcome { part: Some(part.name), measured, ..self.undecided(missing) })
                }
            })
            .collect();
        judged.sort_by(|(near, one), (far, two)| severity(one).cmp(&severity(two)).then(near.total_cmp(far)));
        let parts = judged.iter().take(MAX_PARTS).filter_map(|(_, outcome)| part_of(outcome)).collect();
        let (failed, total) = (judged.iter().filter(|(_, outcome)| outcome.is_failed()).count(), judged.len());
        match judged.into_iter().next() {
            Some((_, worst)) => RuleOutcome { text: message::parts_message(&worst, failed, total), parts, ..worst },
            None => self.undecided(not_measured(format!("{} has no part to measure", self.rule.quantity))),
        }
    }

    fn judge_set(&self, measured: Measured, words: &[String]) -> RuleOutcome {
        let values = match measured {
            Measured::Values(values) => values,
            Measured::Nothing(missing) => return self.undecided(missing),
            Measured::Value(_) | Measured::Each(_) => {
                return self
                    .undecided(not_measured(format!("{} was measured as a number, not as a set", self.rule.quantity)));
            }
        };
        let strangers: Vec<&String> = values.iter().filter(|value| !words.contains(value)).collect();
        let verdict = if strangers.is_empty() { RuleVerdict::Passed } else { RuleVerdict::Failed };
        RuleOutcome { text: message::unknown_values_message(self.rule, &values, &strangers), ..self.outcome(verdict) }
    }

    fn undecided(&self, missing: NotMeasured) -> RuleOutcome {
        let text = message::not_measured_message(self.rule, &missing);
        RuleOutcome { text, ..self.outcome(RuleVerdict::Undecided(Undecided::NotMeasured(missing))) }
    }

    fn outcome(&self, verdict: RuleVerdict) -> RuleOutcome {
        let is_relative = matches!(self.rule.bound, Bound::Compare(_, BoundExpr::Champion { .. }));
        let metric = self.rule.quantity.clone().into();
        RuleOutcome { is_relative, ..RuleOutcome::new(self.rule.to_string(), metric, verdict, String::new()) }
    }
}

fn severity(outcome: &RuleOutcome) -> u8 {
    match outcome.verdict {
        RuleVerdict::Failed => 0,
        RuleVerdict::Undecided(_) => 1,
        RuleVerdict::Passed => 2,
    }
}

fn part_of(outcome: &RuleOutcome) -> Option<PartOutcome> {
    Some(PartOutcome {
        name: outcome.part.clone()?,
        verdict: outcome.verdict.clone(),
        measurement: outcome.measured.clone(),
    })
}

/// NaN is no value.
fn finite_measurement(measurement: Measurement) -> Option<Measurement> {
    Some(measurement).filter(|measurement| !measurement.value.is_nan())
}

/// The champion's value, of the part of that name where there are parts.
fn value_of(champion: &Measured, part: Option<&str>) -> Result<f64, NotMeasured> {
    let value = match (champion, part) {
        (Measured::Nothing(missing), _) => return Err(missing.clone()),
        (Measured::Value(measurement), _) => Some(measurement.value),
        (Measured::Each(parts), Some(name)) => {
            parts.iter().find(|part| part.name == name).map(|part| part.measurement.value)
        }
        _ => None,
    };
    value.filter(|value| !value.is_nan()).ok_or_else(|| {
        let of_part = part.map_or_else(String::new, |part| format!(" for {part}"));
        not_measured(format!("the champion has no value{of_part}"))
    })
}

fn not_measured(missing: impl Into<String>) -> NotMeasured {
    NotMeasured { missing: missing.into(), how: "measure it and judge again".into() }
}
