//! What rules ask of a window of production: drift against the reference, performance on matured labels, groups, usage.
//!
//! Invariants: a drift rule is held against the distance beyond what chance explains at these sample sizes (the raw
//! distance stands in the note); performance is measured only when enough labels are in, and says how many are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kilter_domain::{
    rule::{Arg, Champion, Function, Measured, Measurement, Measurements, NotMeasured, Part, Quantity},
    table::{Column, Table},
    time::{Span, Timestamp},
};
use kilter_stats::{distributions::normal_quantile, drift::Measure, interval::clopper_pearson};

use super::{
    column_reference::ColumnReference,
    column_stats::{column_quantity, exact, nothing},
    counted_rows::CountedRows,
    gate_metrics::{group_spread, groups_of, metric_name, on_labels},
    measurement::{measurement, not_measured},
    reference::{Reference, SCORE},
};
use crate::labelled_predictions::LabelledPredictions;

/// The name under which rules ask who sent the requests.
pub const CONSUMER: &str = "consumer";

/// What a window must hold before it is measured.
#[derive(Clone, Copy, Debug)]
pub struct MinSample {
    /// Rows for distances and rates.
    pub rows: usize,
    /// Share of rows whose label is known, for performance.
    pub labelled: f64,
}

/// One window of one endpoint, as known at a moment.
pub struct WindowRows<'a> {
    /// When it is measured.
    pub now: Timestamp,
    /// Features and context of the rows that were answered.
    pub table: &'a Table,
    /// When each row happened; empty where that does not matter.
    pub events: &'a [Timestamp],
    /// The score of each row of the table.
    pub scores: &'a [f64],
    /// What drift is compared with.
    pub reference: &'a Reference,
    /// The rows whose label is known at `now`, as places in `outcomes_table`.
    pub outcomes: &'a LabelledPredictions,
    /// What `outcomes` are rows of: `table`, unless more labelled rows are held than are in it.
    pub outcomes_table: &'a Table,
    /// By column, the rows on which its groups are measured, where not all rows are held and rare groups have more than their share.
    pub groups: &'a BTreeMap<String, GroupedRows<'a>>,
    /// What was counted on all rows, where `table` and `outcomes` hold a part of them, drawn evenly.
    pub counted: Option<&'a CountedRows>,
    /// Every row as if its label were negative: for rates of decisions, which need no label.
    pub decisions: &'a LabelledPredictions,
    /// The metrics as estimated before labels, by name.
    pub estimates: &'a BTreeMap<String, Measurement>,
    /// Numbers that were counted elsewhere: `requests`, `error_rate`, `p99_ms`.
    pub facts: &'a BTreeMap<String, f64>,
    /// Who asked for each row; empty if that was not read.
    pub consumers: &'a [Option<Arc<str>>],
    /// What the window must hold before it is measured.
    pub min_sample: MinSample,
    /// How sure one must be; `None`: intervals hold at 95 %, distances are taken as they are.
    pub alarm_policy: Option<AlarmPolicy<'a>>,
}

/// Rows to measure the groups of one column on.
pub struct GroupedRows<'a> {
    /// The rows.
    pub table: &'a Table,
    /// Every row of `table` as if its label were negative.
    pub decisions: LabelledPredictions,
    /// The rows with a label.
    pub labelled_table: &'a Table,
    /// What is known of them, as places in `labelled_table`.
    pub outcomes: LabelledPredictions,
}

/// How sure a monitor must be before a rule counts as broken, from the rate of false alarms that the contract states.
#[derive(Clone, Copy, Debug)]
pub struct AlarmPolicy<'a> {
    /// The chance of a false alarm that the rules of one window may take.
    pub tail: f64,
    /// Whether it is proven that something about the model has changed: then a 95 % interval says whether it matters.
    pub is_changed: bool,
    /// The columns in which a change is proven.
    pub changed: &'a BTreeSet<String>,
}

/// The tail beyond each end of a 95 % interval.
const USUAL_TAIL: f64 = 0.025;

/// A measurement with an interval of 95 %, widened so that each of `parts` of its kind leaves `tail` beyond each end
/// together.
fn widen_interval(measurement: Measurement, tail: f64, parts: usize) -> Measurement {
    let factor = normal_quantile(1.0 - tail / parts.max(1) as f64) / normal_quantile(1.0 - USUAL_TAIL);
    let value = measurement.value;
    let widen = |(low, high): (f64, f64)| (value - factor * (value - low), value + factor * (high - value));
    Measurement { interval: measurement.interval.map(widen), ..measurement }
}

/// A share that was counted on rows, with the interval that leaves `tail` beyond each end.
fn widen_share_interval(measurement: Measurement, tail: f64, parts: usize) -> Measurement {
    let hits = (measurement.value * measurement.count as f64).round() as u64;
    let interval = clopper_pearson(hits, measurement.count, 1.0 - 2.0 * tail / parts.max(1) as f64);
    Measurement { interval: Some(interval), ..measurement }
}

impl Measurements for WindowRows<'_> {
    fn measure(&self, quantity: &Quantity, _over: Option<Span>) -> Measured {
        self.quantity(quantity).unwrap_or_else(Measured::Nothing)
    }

    /// A window is of the champion itself: there is nothing to compare with.
    fn champion(&self, _quantity: &Quantity) -> Champion {
        Champion::Measured(Measured::Nothing(nothing(
            "a window holds the answers of the champion itself",
            "compare with the champion in a gate",
        )))
    }
}

impl WindowRows<'_> {
    fn quantity(&self, quantity: &Quantity) -> Result<Measured, NotMeasured> {
        self.is_sent(quantity)?;
        match quantity {
            Quantity::Metric { name, slice: None } => self.metric(name).map(Measured::Value),
            Quantity::Metric { name, slice: Some(column) } => self.sliced(name, column),
            Quantity::Call { function, args, .. } if function.is_drift() => self.drift(*function, args),
            Quantity::Call { function: Function::Unseen, args, .. } => self.unseen(args),
            Quantity::Call { function: Function::Estimated, args, .. } => self.estimated(args).map(Measured::Value),
            Quantity::Call { function: function @ (Function::Ratio | Function::Gap), args, condition } => {
                let [Arg::Name(metric), Arg::Name(column)] = &args[..] else {
                    return Err(nothing(format!("`{function}` needs a metric and a column"), "correct the rule"));
                };
                self.enough_rows()?;
                let metric = metric_name(metric);
                let (rows, table) = match (metric == "selection_rate", self.groups.get(column)) {
                    (true, Some(grouped)) => (&grouped.decisions, grouped.table),
                    (true, None) => (self.decisions, self.table),
                    (false, _) => self.labelled_groups(column)?,
                };
                let groups = groups_of(table, column, condition.as_ref())?;
                let spread = group_spread(rows, metric, *function, &groups)?;
                let pairs = groups.len() * groups.len().saturating_sub(1) / 2;
                Ok(Measured::Value(
                    self.alarm_policy.map_or(spread.clone(), |policy| widen_interval(spread, policy.tail, pairs)),
                ))
            }
            Quantity::Call { function, .. } => {
                let measured = match self.counted(quantity) {
                    Some(counted) => counted,
                    None => column_quantity(&self.with_facts_of_rows()?, self.now, quantity).ok_or_else(|| {
                        nothing(format!("`{function}` is not measured in a window"), "move the rule to a gate")
                    })?,
                };
                let measured = self.of_columns_sent(measured);
                Ok(match function {
                    Function::Missing | Function::Share => self.sampled(measured),
                    _ => measured,
                })
            }
        }
    }

    /// Whether the window holds what a quantity is about: rows, and the columns that it names.
    fn is_sent(&self, quantity: &Quantity) -> Result<(), NotMeasured> {
        let args: &[Arg] = match quantity {
            Quantity::Metric { slice: None, .. } => return Ok(()),
            Quantity::Metric { slice: Some(_), .. } => &[],
            Quantity::Call { args, .. } => args,
        };
        if self.table.rows() == 0 {
            return Err(nothing("no request was answered in the window", "wait for requests"));
        }
        let absent = args.iter().find_map(|arg| match arg {
            Arg::Name(name) if name != SCORE && self.table.get(name).is_none() => Some(name),
            _ => None,
        });
        match absent.filter(|name| self.reference.columns.contains_key(*name)) {
            Some(name) => Err(not_sent(name)),
            None => Ok(()),
        }
    }

    /// Every column is every one of the requests: who asked, and the score, are measured where a rule names them.
    fn of_columns_sent(&self, measured: Measured) -> Measured {
        match measured {
            Measured::Each(parts) => {
                Measured::Each(parts.into_iter().filter(|part| self.table.get(&part.name).is_some()).collect())
            }
            other => other,
        }
    }

    /// What was counted on all rows where a part of them is held; `None` where it was not, or all are held.
    fn counted(&self, quantity: &Quantity) -> Option<Measured> {
        let (counted, Quantity::Call { function, args, condition: None }) = (self.counted?, quantity) else {
            return None;
        };
        let measure = |name: &str| counted.columns.get(name)?.measure(*function, self.now);
        match &args[..] {
            [Arg::Name(name)] => measure(name).map(Measured::Value),
            [Arg::Every] => {
                let part = |name: &str| Some(Part { name: name.to_owned(), measurement: measure(name)? });
                self.table.columns().map(|(name, _)| part(name)).collect::<Option<Vec<_>>>().map(Measured::Each)
            }
            _ => None,
        }
    }

    /// How many rows the window has, those that are not held included.
    fn rows(&self) -> usize {
        self.counted.map_or(self.table.rows(), |counted| usize::try_from(counted.rows).unwrap_or(usize::MAX))
    }

    /// The share of the rows whose label is known.
    fn labelled_share(&self) -> f64 {
        match self.counted {
            Some(counted) => counted.labelled_share(self.outcomes.len()),
            None => self.outcomes.len() as f64 / self.table.rows().max(1) as f64,
        }
    }

    /// Shares of rows are samples of what comes: with the interval that the budget asks for.
    fn sampled(&self, measured: Measured) -> Measured {
        let Some(policy) = self.alarm_policy else { return measured };
        let columns = self.reference.columns.len();
        match measured {
            Measured::Value(value) => Measured::Value(widen_share_interval(value, policy.tail, columns)),
            Measured::Each(parts) => Measured::Each(
                parts
                    .into_iter()
                    .map(|part| Part {
                        measurement: widen_share_interval(part.measurement, policy.tail, columns),
                        ..part
                    })
                    .collect(),
            ),
            other => other,
        }
    }

    /// What was measured on labels or estimated, as sure as it must be: one of `parts` of its kind.
    fn widen_by_policy(&self, measurement: Measurement, parts: usize) -> Measurement {
        match self.alarm_policy {
            None => measurement,
            Some(policy) => {
                widen_interval(measurement, if policy.is_changed { USUAL_TAIL } else { policy.tail }, parts)
            }
        }
    }

    /// The columns of the requests, the score and who asked.
    fn with_facts_of_rows(&self) -> Result<Table, NotMeasured> {
        let mut table = self.table.clone();
        let asked = (self.consumers.len() == table.rows()).then(|| Column::Text(self.consumers.to_vec()));
        let added = [(SCORE, Some(Column::Float(self.scores.to_vec()))), (CONSUMER, asked)];
        for (name, column) in added {
            if let (Some(column), None) = (column, table.get(name)) {
                table.push(name, column).map_err(|error| nothing(error.to_string(), "report this"))?;
            }
        }
        Ok(table)
    }

    fn enough_rows(&self) -> Result<(), NotMeasured> {
        let (have, need) = (self.rows(), self.min_sample.rows);
        match have >= need {
            true => Ok(()),
            false => Err(nothing(format!("the window has {have} rows, {need} are needed"), "wait for more requests")),
        }
    }

    fn labelled(&self) -> Result<&LabelledPredictions, NotMeasured> {
        self.enough_rows()?;
        self.outcomes.label_check().tolerable().map_err(|reason| not_measured("labels", &reason))?;
        let share = self.labelled_share();
        match share >= self.min_sample.labelled && !self.outcomes.is_empty() {
            true => Ok(self.outcomes),
            false => Err(nothing(
                format!(
                    "the labels of {:.0} % of the rows are known, {:.0} % are needed",
                    share * 100.0,
                    self.min_sample.labelled * 100.0
                ),
                "wait until more labels have matured",
            )),
        }
    }

    /// The labelled rows to measure the groups of a column on, and the table that they are rows of.
    fn labelled_groups(&self, column: &str) -> Result<(&LabelledPredictions, &Table), NotMeasured> {
        let labelled = self.labelled()?;
        Ok(match self.groups.get(column) {
            Some(grouped) => (&grouped.outcomes, grouped.labelled_table),
            None => (labelled, self.outcomes_table),
        })
    }

    fn metric(&self, name: &str) -> Result<Measurement, NotMeasured> {
        if let Some(&value) = self.facts.get(name) {
            return Ok(exact(value, self.rows()));
        }
        match name {
            "rows" => Ok(exact(self.rows() as f64, self.rows())),
            "labelled" => Ok(exact(self.labelled_share(), self.rows())),
            "selected" => {
                self.enough_rows()?;
                let rate = self.decisions.metric("selection_rate").map_err(|reason| not_measured(name, &reason))?;
                Ok(self.widen_by_policy(measurement(&rate), 1))
            }
            _ => {
                let metric =
                    self.labelled()?.metric(metric_name(name)).map_err(|reason| not_measured(name, &reason))?;
                Ok(self.widen_by_policy(on_labels(self.outcomes, &metric), 1))
            }
        }
    }

    fn sliced(&self, name: &str, column: &str) -> Result<Measured, NotMeasured> {
        let (labelled, table) = self.labelled_groups(column)?;
        let (mut parts, groups) = (Vec::new(), groups_of(table, column, None)?);
        let count = groups.len();
        for (part, rows) in groups {
            let inside = labelled.filter(|row| rows[row]);
            if inside.len() >= self.min_sample.rows {
                let estimate = inside.metric(metric_name(name)).map_err(|reason| not_measured(name, &reason))?;
                parts.push(Part { name: part, measurement: self.widen_by_policy(measurement(&estimate), count) });
            }
        }
        match parts.is_empty() {
            true => {
                Err(nothing(format!("no value of `{column}` has enough labelled rows"), "measure over a longer time"))
            }
            false => Ok(Measured::Each(parts)),
        }
    }

    fn estimated(&self, args: &[Arg]) -> Result<Measurement, NotMeasured> {
        let [Arg::Name(name)] = args else {
            return Err(nothing("`estimated` needs a metric", "write estimated(auc)"));
        };
        self.enough_rows()?;
        let estimate = self.estimates.get(name.as_str()).cloned();
        estimate.map(|estimate| self.widen_by_policy(estimate, 1)).ok_or_else(|| {
            nothing(format!("`{name}` has no estimate without labels"), "use auc, accuracy, f1, precision or recall")
        })
    }

    fn drift(&self, function: Function, args: &[Arg]) -> Result<Measured, NotMeasured> {
        self.enough_rows()?;
        match args {
            [Arg::Every] => {
                let features = self.reference.columns.iter().filter(|(name, _)| *name != SCORE);
                let parts = features.filter_map(|(name, reference)| {
                    let measurement = self.distance(function, name, reference).ok()?;
                    Some(Part { name: name.clone(), measurement })
                });
                Ok(Measured::Each(parts.collect()))
            }
            [Arg::Name(name)] => {
                let reference = self.reference.columns.get(name).ok_or_else(|| no_reference(name))?;
                self.distance(function, name, reference).map(Measured::Value)
            }
            _ => Err(nothing(format!("`{function}` needs one column"), "write psi(income) or psi(*)")),
        }
    }

    fn distance(
        &self,
        function: Function,
        name: &str,
        reference: &ColumnReference,
    ) -> Result<Measurement, NotMeasured> {
        let scores;
        let column = if name == SCORE {
            scores = Column::Float(self.scores.to_vec());
            &scores
        } else {
            self.table.get(name).ok_or_else(|| not_sent(name))?
        };
        let measure = measure_of(function, reference);
        let found = self.reference.distance(name, column, self.events, measure);
        let found = found.map_err(|reason| not_measured(name, &reason))?;
        let distance = found.distance;
        Ok(Measurement {
            value: distance.effect,
            whole: None,
            // While chance cannot be excluded at the stated rate of false alarms, the effect may be none at all.
            interval: self.alarm_policy.filter(|policy| !policy.changed.contains(name)).map(|_| (0.0, distance.effect)),
            count: distance.current_rows,
            estimated: false,
            note: Some(format!(
                "{} {:.3}, of which chance explains {:.3}, {}{}",
                measure.name(),
                distance.value,
                distance.expected,
                found.compared(),
                self.first_seen()
            )),
        })
    }

    /// The note on a window in a month that the reference does not hold.
    fn first_seen(&self) -> String {
        self.reference
            .months
            .first_seen(self.events)
            .map_or_else(String::new, |month| format!("; no {month} is among the training rows: it may be the season"))
    }

    /// Rows with a value that the reference never had.
    fn unseen(&self, args: &[Arg]) -> Result<Measured, NotMeasured> {
        let count = |name: &str, reference: &ColumnReference| {
            if let Some(counted) = self.counted {
                return counted.columns.get(name)?.unseen();
            }
            let counts = self.table.get(name).and_then(|column| reference.count(column))?;
            Some(exact(counts.strange() as f64, counts.rows() as usize))
        };
        let features = self.reference.columns.iter().filter(|(name, _)| *name != SCORE);
        match args {
            [Arg::Name(name)] => {
                let found = features.clone().find(|(feature, _)| *feature == name);
                let measurement = found.and_then(|(name, reference)| count(name, reference));
                measurement.map(Measured::Value).ok_or_else(|| no_reference(name))
            }
            _ => Ok(Measured::Each(
                features
                    .filter_map(|(name, reference)| {
                        Some(Part { name: name.clone(), measurement: count(name, reference)? })
                    })
                    .collect(),
            )),
        }
    }
}

/// The measure that a rule asks for; distances of numbers in standard deviations fall back to the total variation of
/// categories, which have no distance.
fn measure_of(function: Function, reference: &ColumnReference) -> Measure {
    match (function, reference) {
        (Function::Psi, _) => Measure::Psi,
        (Function::Js, _) => Measure::Js,
        (Function::Ks, ColumnReference::Numeric(_)) => Measure::Ks,
        (Function::W1, ColumnReference::Numeric(_)) => Measure::W1OverSd,
        _ => Measure::Tvd,
    }
}

fn not_sent(name: &str) -> NotMeasured {
    nothing(format!("the requests of this window carry no `{name}`"), "send the column with each request")
}

/// What a version remembers of its training rows: what it reads, its score, and what the contract watched at that time.
fn no_reference(name: &str) -> NotMeasured {
    nothing(
        format!("`{name}` has no reference in the version that serves"),
        "name a feature of the model, `score`, or a column of its training rows; what a rule newly names is known to the next version",
    )
}
