//! What rules ask of a model on labelled rows: metrics, slices, groups, against the champion on the same rows.
//!
//! Invariants: candidate and champion are measured on the same rows and compared as pairs; rows that the champion was
//! trained on are left out of the comparison when enough others remain, because it would only shine on them.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::{
    rule::{Arg, Champion, Condition, Function, Measured, Measurement, Measurements, NotMeasured, Part, Quantity},
    table::{Column, Table},
    time::{Span, Timestamp},
};
use kilter_inference::{Model, PredictError, Task};

use super::{
    column_stats::{column_quantity, exact, nothing, rows_where},
    measurement::{measurement, not_measured},
    range_names::range_names,
    reference::SCORE,
};
use crate::labelled_predictions::{LabelledPredictions, RawPredictions, class_name};

/// Rows below which a group or slice is not measured (too few to say anything).
pub const MIN_GROUP: usize = 30;
/// Values of a slice column beyond which the rest is left out, most frequent first.
const MAX_GROUPS: usize = 50;
/// Distinct numbers beyond which a column is sliced by its quartiles.
pub const MAX_NUMBERS: usize = 20;

/// What a model answered on a table.
pub struct Predictions {
    /// What the model predicts.
    pub task: Task,
    /// The classes in the order of the model; empty for a regression.
    pub classes: Vec<String>,
    /// By row: of two classes the probability of the second or a margin, of a regression the value.
    pub scores: Vec<f64>,
    /// The predicted class, by row; `None` for a regression.
    pub labels: Option<Vec<Arc<str>>>,
    /// Row by row the probability of each class; `None` if the model gives none.
    pub probabilities: Option<Vec<f32>>,
    /// The score from which on a row of two classes is positive.
    pub threshold: f64,
    /// Whether scores are margins, not probabilities.
    pub is_margin: bool,
}

/// From which probability on an answer is positive where nobody says otherwise.
pub const HALF: f64 = 0.5;
/// The same for margins: above zero, as the models themselves decide.
pub const ABOVE_ZERO: f64 = 5e-324;

/// From where on answers are positive, in words.
pub fn threshold_words(threshold: f64) -> String {
    match threshold == ABOVE_ZERO {
        true => "above 0".to_owned(),
        false => format!("from {threshold} on"),
    }
}

impl Predictions {
    /// Asks the model for every row, decided where the model decides by itself: from a probability of a half on, or for a
    /// margin above zero.
    ///
    /// # Errors
    /// As [`Predictions::by`].
    pub fn by_itself(model: &Model, table: &Table) -> Result<Self, PredictError> {
        let scored = Self::by(model, table, HALF)?;
        let threshold = if scored.is_margin { ABOVE_ZERO } else { HALF };
        Ok(Self { threshold, ..scored })
    }

    /// Asks the model for every row.
    ///
    /// # Errors
    /// When the table lacks a feature, or the model does not answer its rows.
    pub fn by(model: &Model, table: &Table, threshold: f64) -> Result<Self, PredictError> {
        let prediction = model.predict(table)?;
        Ok(Self {
            is_margin: prediction.is_margin(),
            task: prediction.task(),
            classes: model.signature().classes.clone(),
            scores: prediction.scores().to_vec(),
            labels: prediction.labels(),
            probabilities: prediction.probabilities().map(<[f32]>::to_vec),
            threshold,
        })
    }

    /// Joined with the truth.
    pub fn outcomes(&self, truth: &Column, weight: Option<&Column>) -> LabelledPredictions {
        let answers = RawPredictions {
            task: self.task,
            classes: &self.classes,
            scores: &self.scores,
            labels: self.labels.as_deref(),
            probabilities: self.probabilities.as_deref(),
            threshold: Some(self.threshold),
        };
        LabelledPredictions::new(answers, truth, weight)
    }
}

/// One model on the rows that a gate is judged on.
pub struct Side {
    /// What the model answered on the rows whose label is known.
    pub outcomes: LabelledPredictions,
    /// The score of every row of the table.
    pub scores: Vec<f64>,
}

/// Everything that a gate may ask about a candidate.
pub struct ModelRows<'a> {
    /// When it is measured.
    pub now: Timestamp,
    /// The rows, with features, label and groups.
    pub table: &'a Table,
    /// The version that the gate is about, on the rows.
    pub candidate: Side,
    /// The champion on the same rows; `None` while nothing serves.
    pub champion: Option<Side>,
    /// The rows on which the two are compared.
    pub comparable: Vec<bool>,
    /// The candidate, for questions that need new answers (monotone).
    pub model: &'a Model,
    /// Numbers that were measured elsewhere: `size`, `p99_ms`, what steps reported.
    pub facts: BTreeMap<String, f64>,
    /// Golden answers that differ when they are asked one by one.
    pub replayed: Option<(usize, usize)>,
}

impl Measurements for ModelRows<'_> {
    fn measure(&self, quantity: &Quantity, _over: Option<Span>) -> Measured {
        self.of(&self.candidate, quantity).unwrap_or_else(Measured::Nothing)
    }

    fn champion(&self, quantity: &Quantity) -> Champion {
        match &self.champion {
            None => Champion::None,
            Some(champion) => Champion::Measured(self.compared(champion, quantity).unwrap_or_else(Measured::Nothing)),
        }
    }

    fn difference(&self, quantity: &Quantity) -> Option<Measured> {
        let champion = self.champion.as_ref()?;
        let Quantity::Metric { name, slice } = quantity else { return None };
        let (ours, theirs) = (self.comparable(&self.candidate), self.comparable(champion));
        let pair = |a: &LabelledPredictions, b: &LabelledPredictions| {
            a.difference(b, name).map(|d| measurement(&d)).map_err(|reason| not_measured(name, &reason))
        };
        let measured = match slice {
            None => pair(&ours, &theirs).map(Measured::Value),
            Some(column) => self.groups(column, None).and_then(|groups| {
                let parts = groups.iter().filter_map(|(part, rows)| {
                    let inside = |row: usize| rows[row];
                    let (ours, theirs) = (ours.filter(inside), theirs.filter(inside));
                    (ours.len() >= MIN_GROUP)
                        .then(|| pair(&ours, &theirs).map(|measurement| Part { name: part.clone(), measurement }))
                });
                Ok(Measured::Each(parts.collect::<Result<_, _>>()?))
            }),
        };
        Some(measured.unwrap_or_else(Measured::Nothing))
    }
}

impl ModelRows<'_> {
    /// The rows on which candidate and champion are compared.
    fn comparable(&self, side: &Side) -> LabelledPredictions {
        side.outcomes.filter(|row| self.comparable[row])
    }

    fn compared(&self, side: &Side, quantity: &Quantity) -> Result<Measured, NotMeasured> {
        self.of(&Side { outcomes: self.comparable(side), scores: side.scores.clone() }, quantity)
    }

    fn of(&self, side: &Side, quantity: &Quantity) -> Result<Measured, NotMeasured> {
        match quantity {
            Quantity::Metric { name, slice: None } => self.metric(side, name).map(Measured::Value),
            Quantity::Metric { name, slice: Some(column) } => self.sliced(side, name, column).map(Measured::Each),
            Quantity::Call { function, args, condition } => {
                self.call(side, *function, args, condition.as_ref(), quantity)
            }
        }
    }

    fn metric(&self, side: &Side, name: &str) -> Result<Measurement, NotMeasured> {
        if let Some(&value) = self.facts.get(name) {
            return Ok(exact(value, self.table.rows()));
        }
        match name {
            "rows" => Ok(exact(self.table.rows() as f64, self.table.rows())),
            "labelled" => Ok(exact(side.outcomes.len() as f64 / self.table.rows().max(1) as f64, self.table.rows())),
            _ => {
                let metric = side.outcomes.metric(metric_name(name)).map_err(|reason| not_measured(name, &reason))?;
                Ok(on_labels(&side.outcomes, &metric))
            }
        }
    }

    fn sliced(&self, side: &Side, name: &str, column: &str) -> Result<Vec<Part>, NotMeasured> {
        side.outcomes.label_check().tolerable().map_err(|reason| not_measured(name, &reason))?;
        let mut parts = Vec::new();
        for (part, rows) in self.groups(column, None)? {
            let inside = side.outcomes.filter(|row| rows[row]);
            if inside.len() >= MIN_GROUP {
                let estimate = inside.metric(metric_name(name)).map_err(|reason| not_measured(name, &reason))?;
                parts.push(Part { name: part, measurement: measurement(&estimate) });
            }
        }
        match parts.is_empty() {
            true => Err(nothing(
                format!("no value of `{column}` has {MIN_GROUP} labelled rows"),
                "measure on more rows, or slice by a column with fewer values",
            )),
            false => Ok(parts),
        }
    }

    fn call(
        &self,
        side: &Side,
        function: Function,
        args: &[Arg],
        condition: Option<&Condition>,
        quantity: &Quantity,
    ) -> Result<Measured, NotMeasured> {
        match function {
            Function::Ratio | Function::Gap => self.spread(side, function, args, condition).map(Measured::Value),
            Function::Monotone => self.monotone(args).map(Measured::Value),
            Function::Replay => match self.replayed {
                Some((differing, asked)) => Ok(Measured::Value(exact(differing as f64, asked))),
                None => Err(nothing("the version carries no golden requests", "add `sample` to [package]")),
            },
            _ => {
                let with_score = self.with_score(side)?;
                column_quantity(&with_score, self.now, quantity).ok_or_else(|| {
                    nothing(
                        format!("`{function}` is measured in production, not on a test set"),
                        "move the rule to [monitor]",
                    )
                })
            }
        }
    }

    fn with_score(&self, side: &Side) -> Result<Table, NotMeasured> {
        let mut table = self.table.clone();
        if table.get(SCORE).is_none() {
            table.push(SCORE, Column::Float(side.scores.clone())).map_err(|e| nothing(e.to_string(), "report this"))?;
        }
        Ok(table)
    }

    /// Smallest over largest, or largest minus smallest, group value of a metric.
    fn spread(
        &self,
        side: &Side,
        function: Function,
        args: &[Arg],
        condition: Option<&Condition>,
    ) -> Result<Measurement, NotMeasured> {
        let [Arg::Name(metric), Arg::Name(column)] = args else {
            return Err(nothing(format!("`{function}` needs a metric and a column"), "write ratio(selected, gender)"));
        };
        let groups = self.groups(column, condition)?;
        group_spread(&side.outcomes, metric_name(metric), function, &groups)
    }

    /// The rows of each value of a column (quartiles of a number with many values).
    fn groups(&self, column: &str, condition: Option<&Condition>) -> Result<Vec<(String, Vec<bool>)>, NotMeasured> {
        groups_of(self.table, column, condition)
    }

    /// Moves one column over its deciles, everything else fixed, and counts the rows whose score goes the other way.
    fn monotone(&self, args: &[Arg]) -> Result<Measurement, NotMeasured> {
        let [_, Arg::Name(column), Arg::Name(direction)] = args else {
            return Err(nothing("`monotone` needs score, a column and a direction", "write monotone(score, age, up)"));
        };
        let values = self.table.column(column).map_err(|e| nothing(e.to_string(), "correct the column in the rule"))?;
        let grid = deciles(values).ok_or_else(|| {
            nothing(format!("`{column}` is not a number with different values"), "choose a numeric column")
        })?;
        let step = (self.table.rows() / 500).max(1);
        let rows: Vec<usize> = (0..self.table.rows()).step_by(step).collect();
        let sample = self.table.take(&rows);
        let mut previous: Option<Vec<f64>> = None;
        let mut broken = vec![false; rows.len()];
        for value in grid {
            let moved = with_constant(&sample, column, value);
            let scores = self.model.predict(&moved).map_err(|e| nothing(e.to_string(), "correct the column"))?;
            for (row, &score) in scores.scores().iter().enumerate() {
                let change = previous.as_ref().map_or(0.0, |previous| score - previous[row]);
                broken[row] |= if direction == "down" { change > 1e-7 } else { change < -1e-7 };
            }
            previous = Some(scores.scores().to_vec());
        }
        Ok(exact(broken.iter().filter(|&&b| b).count() as f64, rows.len()))
    }
}

/// A metric on labelled rows, with what it leaves out.
pub fn on_labels(outcomes: &LabelledPredictions, estimate: &kilter_stats::Estimate) -> Measurement {
    Measurement { note: outcomes.label_check().note(), ..measurement(estimate) }
}

/// Smallest over largest (`ratio`) or largest minus smallest (`gap`) value of a metric over groups of rows.
///
/// Groups with fewer than [`MIN_GROUP`] labelled rows are named in the note and left out.
///
/// # Errors
/// When the metric cannot be measured, or fewer than two groups have enough rows.
pub fn group_spread(
    outcomes: &LabelledPredictions,
    metric: &str,
    function: Function,
    groups: &[(String, Vec<bool>)],
) -> Result<Measurement, NotMeasured> {
    outcomes.label_check().tolerable().map_err(|reason| not_measured(metric, &reason))?;
    let (mut measured, mut small) = (Vec::new(), Vec::new());
    for (name, rows) in groups {
        let inside = outcomes.filter(|row| rows[row]);
        match inside.len() >= MIN_GROUP {
            true => {
                let estimate = inside.metric(metric).map_err(|reason| not_measured(metric, &reason))?;
                measured.push((name.clone(), estimate));
            }
            false => small.push(name.clone()),
        }
    }
    if measured.len() < 2 {
        return Err(nothing(
            format!("fewer than two groups have {MIN_GROUP} labelled rows"),
            "measure over a longer time or on more rows",
        ));
    }
    measured.sort_by(|a, b| a.1.value.total_cmp(&b.1.value));
    let (low, high) = (&measured[0], &measured[measured.len() - 1]);
    let (value, interval) = spread_of(function, (low.1.value, half(&low.1)), (high.1.value, half(&high.1)));
    let mut note = format!("lowest {} {:.3}, highest {} {:.3}", low.0, low.1.value, high.0, high.1.value);
    if !small.is_empty() {
        note.push_str(&format!("; too few rows in {}", small.join(", ")));
    }
    let count = outcomes.len() as u64;
    Ok(Measurement { value, whole: None, interval: Some(interval), count, estimated: false, note: Some(note) })
}

fn half(estimate: &kilter_stats::Estimate) -> f64 {
    ((estimate.high - estimate.low) / 2.0).min(1e9)
}

/// Value and interval of the spread of two independent values, by the delta method.
fn spread_of(function: Function, low: (f64, f64), high: (f64, f64)) -> (f64, (f64, f64)) {
    match function {
        Function::Gap => {
            let (value, margin) = (high.0 - low.0, low.1.hypot(high.1));
            (value, (value - margin, value + margin))
        }
        _ if high.0 == 0.0 => (1.0, (1.0, 1.0)),
        _ => {
            let value = low.0 / high.0;
            let margin = (low.1 / high.0).hypot(low.0 * high.1 / (high.0 * high.0));
            (value, ((value - margin).max(0.0), value + margin))
        }
    }
}

/// `selected` is the word of rules for the rate of positive decisions.
pub fn metric_name(name: &str) -> &str {
    match name {
        "selected" => "selection_rate",
        other => other,
    }
}

/// The rows of each value of a column, as masks; numbers with many values by quartile. Rows without a value and rows
/// that do not meet the condition stand in no group.
///
/// # Errors
/// When the table has no such column, or the condition does not fit it.
pub fn groups_of(
    table: &Table,
    column: &str,
    condition: Option<&Condition>,
) -> Result<Vec<(String, Vec<bool>)>, NotMeasured> {
    let wrong = |error: String| nothing(error, "correct the column in the rule");
    let values = table.column(column).map_err(|error| wrong(error.to_string()))?;
    let names = group_names(values);
    let mut groups: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for row in rows_where(table, condition).map_err(|error| wrong(error.to_string()))? {
        if let Some(name) = &names[row] {
            groups.entry(name.clone()).or_default().push(row);
        }
    }
    let mut groups: Vec<(Arc<str>, Vec<usize>)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    // A mask is as long as the table: only those that are kept get one, and not each of a million values.
    groups.truncate(MAX_GROUPS);
    let mask = |rows: Vec<usize>| {
        let mut inside = vec![false; table.rows()];
        rows.into_iter().for_each(|row| inside[row] = true);
        inside
    };
    Ok(groups.into_iter().map(|(value, rows)| (format!("{column}={value}"), mask(rows))).collect())
}

/// The group of each row by one column: its value, or the quartile of a number with many values.
pub fn group_names(column: &Column) -> Vec<Option<Arc<str>>> {
    match quartiles(column) {
        Some(edges) => quartile_names(column, &edges),
        None => (0..column.len()).map(|row| class_name(column, row)).collect(),
    }
}

fn sorted_numbers(column: &Column) -> Option<Vec<f64>> {
    let mut values = column.numbers()?;
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then_some(values)
}

fn quartiles(column: &Column) -> Option<[f64; 3]> {
    let values = sorted_numbers(column)?;
    let mut distinct = values.clone();
    distinct.dedup();
    let at = |share: f64| values[((values.len() - 1) as f64 * share) as usize];
    (distinct.len() > MAX_NUMBERS).then(|| [at(0.25), at(0.5), at(0.75)])
}

/// The quartile of each row; a missing number has none.
fn quartile_names(column: &Column, edges: &[f64; 3]) -> Vec<Option<Arc<str>>> {
    let names = range_names(edges);
    let name = |row: usize| {
        let value = column.number(row);
        let below = edges.iter().filter(|edge| value > **edge).count();
        (!value.is_nan()).then(|| names[below].clone())
    };
    (0..column.len()).map(name).collect()
}

fn deciles(column: &Column) -> Option<Vec<f64>> {
    let values = sorted_numbers(column)?;
    let mut grid: Vec<f64> = (0..=10).map(|tenth| values[(values.len() - 1) * tenth / 10]).collect();
    grid.dedup();
    (grid.len() > 1).then_some(grid)
}

fn with_constant(table: &Table, column: &str, value: f64) -> Table {
    let columns = table.columns().map(|(name, kept)| {
        let moved = match kept {
            _ if name != column => kept.clone(),
            Column::Int(values) => Column::Int(vec![Some(value as i64); values.len()]),
            other => Column::Float(vec![value; other.len()]),
        };
        (name.to_owned(), moved)
    });
    Table::new(columns.collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_many_values_are_sliced_by_quartile() {
        let table = Table::new(vec![("age".into(), Column::Int((0..100).map(Some).collect()))]).unwrap();
        let groups = groups_of(&table, "age", None).unwrap();
        assert_eq!(groups.len(), 4);
        assert!(groups.iter().all(|(_, rows)| rows.iter().filter(|&&inside| inside).count() >= 24));
    }

    #[test]
    fn a_ratio_of_groups_has_an_interval_and_names_them() {
        let classes = ["0".to_owned(), "1".to_owned()];
        let scores: Vec<f64> = (0..400).map(|row| if row % 4 < row / 200 + 1 { 0.9 } else { 0.1 }).collect();
        let answers = RawPredictions {
            task: Task::Binary,
            classes: &classes,
            scores: &scores,
            labels: None,
            probabilities: None,
            threshold: Some(0.5),
        };
        let outcomes = LabelledPredictions::new(answers, &Column::Int(vec![Some(1); 400]), None);
        let groups: Vec<(String, Vec<bool>)> = vec![
            ("g=a".into(), (0..400).map(|row| row < 200).collect()),
            ("g=b".into(), (0..400).map(|row| row >= 200).collect()),
        ];
        let ratio = group_spread(&outcomes, "selection_rate", Function::Ratio, &groups).unwrap();
        assert!((ratio.value - 0.5).abs() < 1e-9, "{ratio:?}");
        assert!(ratio.interval.is_some_and(|(low, high)| low < 0.5 && 0.5 < high));
        assert!(ratio.note.unwrap().contains("g=a"));
    }
}
