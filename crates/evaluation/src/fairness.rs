//! Decisions of yes or no by group: which rows were decided how, and which group each belongs to.
//!
//! Invariants: the decisions of a model and those that a table already holds are judged by one path; rows without a
//! label, without a usable answer or without a group are left out and counted, never guessed. Out of scope: the
//! rates and gaps themselves (`kilter_stats::fairness`), and which of them is the right one.

use std::{collections::BTreeMap, sync::Arc};

use kilter_domain::table::{Table, TableError};
use kilter_inference::Task;
use kilter_stats::fairness::Groups;

use super::gate_metrics::{Predictions, group_names};
use crate::labelled_predictions::{ClassMatcher, LabelCheck, class_name, distinct_classes, label_text, usable_weight};

/// Groups that one attribute, or an intersection of them, has at most.
pub const MAX_GROUPS: usize = 500;
/// Columns that are intersected at most.
pub const MAX_COLUMNS: usize = 3;

/// Why decisions cannot be judged by group.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FairnessError {
    /// The model is a regression, so it decides nothing.
    #[error("the model answers numbers, and fairness is about decisions of yes or no")]
    Numbers,
    /// There are not two classes, and which one is positive is not stated.
    #[error("`{column}` has {} values, and none is named as the positive one", .classes.len())]
    NoPositive {
        /// The column with the labels.
        column: String,
        /// The classes that there are.
        classes: Vec<String>,
    },
    /// The class that is stated as positive is none of the model.
    #[error("the model knows no class `{class}`; it knows {}", .known.join(", "))]
    UnknownClass {
        /// The class as it was stated.
        class: String,
        /// The classes of the model.
        known: Vec<String>,
    },
    /// Nothing is left to compare.
    #[error("no row has both a value of `{target}` and an answer")]
    NoLabel {
        /// The column with the labels.
        target: String,
    },
    /// Labels and decisions are written in different words.
    #[error("`{answers}` and `{target}` have no value in common: {}", .examples.join(", "))]
    OtherWords {
        /// The column with the decisions, or the model.
        answers: String,
        /// The column with the labels.
        target: String,
        /// Some values of both.
        examples: Vec<String>,
    },
    /// Too many labels name no class.
    #[error("of `{target}`, {why}")]
    UnknownLabels {
        /// The column with the labels.
        target: String,
        /// How many there are and which, in a sentence.
        why: String,
    },
    /// A column, or an intersection of columns, has more than [`MAX_GROUPS`] groups.
    #[error("`{column}` has {found} groups, at most {MAX_GROUPS} are compared")]
    TooManyGroups {
        /// The column or columns.
        column: String,
        /// The number of its groups.
        found: usize,
    },
    /// A column that groups are made by has no value.
    #[error("no row has a value of `{column}`")]
    NoGroup {
        /// The column or columns.
        column: String,
    },
    /// The table has no such column.
    #[error(transparent)]
    Column(#[from] TableError),
}

/// The decided rows that have a label.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// What counts as positive.
    pub positive: String,
    /// Rows of the table, in order.
    pub rows: Vec<usize>,
    /// Whether the label is the positive class, one for each of `rows`.
    pub truth: Vec<bool>,
    /// Whether the decision is the positive class, one for each of `rows`.
    pub decision: Vec<bool>,
    /// The probability of the positive class; `None` where only decisions are known.
    pub score: Option<Vec<f64>>,
    /// The weight of each of `rows`; `None`: all weigh the same.
    pub weight: Option<Vec<f64>>,
    /// How the labels fit the classes; rows whose label names none are left out.
    pub labels: LabelCheck,
}

/// Where labels and weights stand, and what counts as positive.
#[derive(Clone, Copy, Debug)]
pub struct Truth<'a> {
    /// The table with the labels.
    pub table: &'a Table,
    /// The name of the column with the labels.
    pub target: &'a str,
    /// The name of the column with the weights; `None`: all rows weigh the same.
    pub weight: Option<&'a str>,
    /// The positive class; by default the model's, or the second of two values of the target.
    pub positive: Option<&'a str>,
}

/// The rows of each group of an attribute, or of an intersection of attributes.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// The columns that the groups are made by; several for an intersection.
    pub columns: Vec<String>,
    /// The groups, the largest first.
    pub names: Vec<String>,
    /// The values of each group, one a column.
    pub values: Vec<Vec<String>>,
    /// The group of each row of the table; `None` where a column has no value.
    pub of: Vec<Option<u32>>,
}

/// Decided rows by group.
#[derive(Clone, Debug)]
pub struct Grouped {
    /// The group of each row, as its place in the partition.
    pub group: Vec<u32>,
    /// Whether the label is the positive class, by row.
    pub truth: Vec<bool>,
    /// Whether the decision is the positive class, by row.
    pub decision: Vec<bool>,
    /// The probability of the positive class, by row; `None` if only decisions are known.
    pub score: Option<Vec<f64>>,
    /// The weight, by row; `None`: all weigh the same.
    pub weight: Option<Vec<f64>>,
    /// Decided rows that belong to no group.
    pub without: usize,
    /// The number of groups of the partition, those without a decided row among them.
    pub groups: usize,
}

impl Decided {
    /// What a model decided.
    ///
    /// # Errors
    /// When the model is a regression, no class is the positive one, or no row has a label that fits the classes.
    pub fn by_model(scored: &Predictions, truth: Truth) -> Result<Self, FairnessError> {
        let classes = &scored.classes;
        if scored.task != Task::Regression {
            let names = distinct_classes(truth.table.column(truth.target)?);
            in_common("the model", classes, truth.target, &names)?;
        }
        let matcher = ClassMatcher::new(classes);
        let wanted = match (truth.positive, scored.task) {
            (_, Task::Regression) => return Err(FairnessError::Numbers),
            (Some(named), _) => matcher
                .class_of(named)
                .ok_or_else(|| FairnessError::UnknownClass { class: named.to_owned(), known: classes.clone() })?,
            (None, Task::Binary) => 1,
            (None, Task::Multiclass) => {
                return Err(FairnessError::NoPositive { column: truth.target.to_owned(), classes: classes.clone() });
            }
        };
        let known = Known { classes, matcher: &matcher, positive: wanted };
        if scored.task == Task::Binary {
            let other = if scored.is_margin { 0.0 } else { 1.0 };
            let score = |row: usize| if wanted == 1 { scored.scores[row] } else { other - scored.scores[row] };
            let decide = |row: usize| Some((scored.scores[row] >= scored.threshold) == (wanted == 1));
            return decided(truth, known, Some(&score), &decide);
        }
        let (labels, probabilities) = (scored.labels.as_deref(), scored.probabilities.as_deref());
        let score = |row: usize| {
            probabilities.and_then(|all| all.get(row * classes.len() + wanted)).map_or(f64::NAN, |&p| f64::from(p))
        };
        let decide = |row: usize| Some(matcher.class_of(labels?.get(row)?) == Some(wanted));
        decided(truth, known, Some(&score), &decide)
    }

    /// What a table holds: a column of scores that decide from `threshold` on, a column of decisions, or both.
    ///
    /// # Errors
    /// When the table has no such column, no value is the positive one, or no row has both a label and a decision.
    pub fn by_columns(
        truth: Truth,
        score: Option<&str>,
        predicted: Option<&str>,
        threshold: f64,
    ) -> Result<Self, FairnessError> {
        let names = distinct_classes(truth.table.column(truth.target)?);
        if let Some(name) = predicted {
            in_common(name, &distinct_classes(truth.table.column(name)?), truth.target, &names)?;
        }
        let positive = positive_of(truth, names.clone())?;
        let answered = predicted.map(|name| truth.table.column(name).map(distinct_classes)).transpose()?;
        // Where two classes were decided between, labels are to name one of them; else they are their own words.
        let mut classes = answered.filter(|answered| answered.len() == 2).unwrap_or(names);
        if ClassMatcher::new(&classes).class_of(&positive).is_none() {
            classes.push(positive.clone());
        }
        let matcher = ClassMatcher::new(&classes);
        let wanted = matcher.class_of(&positive).unwrap_or_default();
        let score = score.map(|name| truth.table.column(name)).transpose()?;
        let predicted = predicted.map(|name| truth.table.column(name)).transpose()?;
        let number = |row: usize| score.map_or(f64::NAN, |column| column.number(row));
        let decide = |row: usize| match predicted {
            Some(column) => class_name(column, row).map(|class| matcher.class_of(&class) == Some(wanted)),
            None => Some(number(row)).filter(|score| score.is_finite()).map(|score| score >= threshold),
        };
        let scores: Option<&dyn Fn(usize) -> f64> = score.is_some().then_some(&number as _);
        decided(truth, Known { classes: &classes, matcher: &matcher, positive: wanted }, scores, &decide)
    }

    /// These rows by the groups of a partition.
    pub fn by(&self, partition: &Partition) -> Grouped {
        let kept: Vec<(usize, u32)> =
            (0..self.rows.len()).filter_map(|at| partition.of[self.rows[at]].map(|group| (at, group))).collect();
        let numbers = |values: &Vec<f64>| kept.iter().map(|&(at, _)| values[at]).collect();
        let flags = |values: &[bool]| kept.iter().map(|&(at, _)| values[at]).collect();
        Grouped {
            group: kept.iter().map(|&(_, group)| group).collect(),
            truth: flags(&self.truth),
            decision: flags(&self.decision),
            score: self.score.as_ref().map(numbers),
            weight: self.weight.as_ref().map(numbers),
            without: self.rows.len() - kept.len(),
            groups: partition.names.len(),
        }
    }
}

impl Grouped {
    /// Counts of truth and decision by group.
    ///
    /// # Errors
    /// When no group has a row that counts.
    pub fn counted(&self) -> kilter_stats::MetricResult<Groups> {
        Groups::of(&self.group, self.groups, &self.truth, &self.decision, self.weight.as_deref())
    }
}

/// The classes that labels may name, and which of them counts as positive.
#[derive(Clone, Copy)]
struct Known<'a> {
    classes: &'a [String],
    matcher: &'a ClassMatcher,
    positive: usize,
}

fn decided(
    truth: Truth,
    known: Known,
    score: Option<&dyn Fn(usize) -> f64>,
    decide: &dyn Fn(usize) -> Option<bool>,
) -> Result<Decided, FairnessError> {
    let labels = truth.table.column(truth.target)?;
    let weight = truth.weight.map(|name| truth.table.column(name)).transpose()?;
    let mut made = Decided {
        positive: known.classes.get(known.positive).cloned().unwrap_or_default(),
        score: score.map(|_| Vec::new()),
        weight: weight.map(|_| Vec::new()),
        ..Decided::default()
    };
    let mut unknown: Vec<Arc<str>> = Vec::new();
    for row in 0..truth.table.rows() {
        let value = score.map_or(0.0, |score| score(row));
        let (Some(label), Some(decision), true) = (label_text(labels, row), decide(row), value.is_finite()) else {
            continue;
        };
        let Some(class) = known.matcher.class_of(&label) else {
            unknown.push(label);
            continue;
        };
        made.rows.push(row);
        made.truth.push(class == known.positive);
        made.decision.push(decision);
        made.score.iter_mut().for_each(|scores| scores.push(value));
        made.weight.iter_mut().zip(weight).for_each(|(all, column)| all.push(usable_weight(column.number(row))));
    }
    made.labels = LabelCheck::new(known.classes, made.rows.len() + unknown.len(), unknown.iter());
    if made.labels.is_beyond() {
        return Err(FairnessError::UnknownLabels { target: truth.target.to_owned(), why: made.labels.sentence() });
    }
    match made.rows.is_empty() {
        true => Err(FairnessError::NoLabel { target: truth.target.to_owned() }),
        false => Ok(made),
    }
}

/// Refuses answers that never use a word of the labels: each would count as wrong.
fn in_common(answers: &str, answered: &[String], target: &str, labels: &[String]) -> Result<(), FairnessError> {
    let (of_answers, of_labels) = (ClassMatcher::new(answered), ClassMatcher::new(labels));
    let shares = labels.iter().any(|label| of_answers.class_of(label).is_some())
        || answered.iter().any(|answered| of_labels.class_of(answered).is_some());
    if shares || answered.is_empty() || labels.is_empty() {
        return Ok(());
    }
    let examples = answered.iter().take(3).chain(labels.iter().take(3)).cloned().collect();
    Err(FairnessError::OtherWords { answers: answers.to_owned(), target: target.to_owned(), examples })
}

/// The positive one of a target's values: the one that is named, or the second of two.
fn positive_of(truth: Truth, classes: Vec<String>) -> Result<String, FairnessError> {
    if let Some(named) = truth.positive {
        return Ok(named.to_owned());
    }
    match classes.as_slice() {
        [] => Err(FairnessError::NoLabel { target: truth.target.to_owned() }),
        [only] if only == "0" || only == "1" => Ok("1".to_owned()),
        [first, second] => Ok(second_in_order(first, second)),
        _ => Err(FairnessError::NoPositive { column: truth.target.to_owned(), classes }),
    }
}

/// Of two values the larger number, or the later text.
fn second_in_order(first: &str, second: &str) -> String {
    let is_less = match (first.parse::<f64>(), second.parse::<f64>()) {
        (Ok(first), Ok(second)) => first < second,
        _ => first < second,
    };
    if is_less { second } else { first }.to_owned()
}

/// The groups of one column, or of every combination of several columns that has rows.
///
/// # Errors
/// When the table has no such column, no row has a value, or the groups are more than [`MAX_GROUPS`].
pub fn partition(table: &Table, columns: &[String]) -> Result<Partition, FairnessError> {
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        names.push(group_names(table.column(column)?));
    }
    let key = |row: usize| names.iter().map(|column| column[row].clone()).collect::<Option<Vec<Arc<str>>>>();
    let keys: Vec<Option<Vec<Arc<str>>>> = (0..table.rows()).map(key).collect();
    let mut counts: BTreeMap<&[Arc<str>], usize> = BTreeMap::new();
    for key in keys.iter().flatten() {
        *counts.entry(key).or_default() += 1;
    }
    let whole = columns.join(" x ");
    match counts.len() {
        0 => return Err(FairnessError::NoGroup { column: whole }),
        found if found > MAX_GROUPS => return Err(FairnessError::TooManyGroups { column: whole, found }),
        _ => {}
    }
    let mut ordered: Vec<(&[Arc<str>], usize)> = counts.into_iter().collect();
    ordered.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let number: BTreeMap<&[Arc<str>], u32> = (0u32..).zip(&ordered).map(|(at, (key, _))| (*key, at)).collect();
    let pair = |(column, value): (&String, &Arc<str>)| format!("{column}={value}");
    Ok(Partition {
        columns: columns.to_vec(),
        names: ordered
            .iter()
            .map(|(key, _)| columns.iter().zip(*key).map(pair).collect::<Vec<_>>().join(", "))
            .collect(),
        values: ordered.iter().map(|(key, _)| key.iter().map(ToString::to_string).collect()).collect(),
        of: keys.iter().map(|key| key.as_deref().and_then(|key| number.get(key).copied())).collect(),
    })
}

/// Every set of at most `most` of the columns that has at least two of them: what is intersected.
pub fn intersections(columns: &[String], most: usize) -> Vec<Vec<String>> {
    let sets = (1u32..1 << columns.len().min(16)).filter(|set| (2..=most as u32).contains(&set.count_ones()));
    let chosen = |set: u32| (0..columns.len()).filter(move |at| set >> at & 1 == 1);
    let mut all: Vec<Vec<String>> = sets.map(|set| chosen(set).map(|at| columns[at].clone()).collect()).collect();
    all.sort_by_key(Vec::len);
    all
}

#[cfg(test)]
mod tests {
    use kilter_domain::table::Column;

    use super::*;

    fn text(values: &[&str]) -> Column {
        Column::Text(values.iter().map(|value| (!value.is_empty()).then(|| Arc::from(*value))).collect())
    }

    fn table() -> Table {
        let columns = vec![
            ("sex".into(), text(&["f", "f", "m", "m", "m", ""])),
            (
                "old".into(),
                Column::Bool(vec![Some(true), Some(false), Some(true), Some(true), Some(false), Some(true)]),
            ),
            ("hired".into(), Column::Int(vec![Some(1), Some(0), Some(1), None, Some(0), Some(1)])),
            ("score".into(), Column::Float(vec![0.9, 0.2, 0.4, 0.8, f64::NAN, 0.7])),
        ];
        Table::new(columns).unwrap()
    }

    fn truth(table: &Table) -> Truth<'_> {
        Truth { table, target: "hired", weight: None, positive: None }
    }

    #[test]
    fn rows_without_label_answer_or_group_are_left_out() {
        let table = table();
        let decided = Decided::by_columns(truth(&table), Some("score"), None, 0.5).unwrap();
        assert_eq!((decided.rows.as_slice(), decided.positive.as_str()), (&[0, 1, 2, 5][..], "1"));
        let grouped = decided.by(&partition(&table, &["sex".into()]).unwrap());
        assert_eq!((grouped.without, grouped.group.as_slice()), (1, &[1, 1, 0][..]));
        assert_eq!(grouped.decision, [true, false, false]);
    }

    #[test]
    fn an_intersection_holds_the_combinations_that_exist_the_largest_first() {
        let both = partition(&table(), &["sex".into(), "old".into()]).unwrap();
        assert_eq!(both.names[0], "sex=m, old=1");
        assert_eq!((both.names.len(), both.of[5]), (4, None));
        let columns: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let sets = intersections(&columns, MAX_COLUMNS);
        assert_eq!((sets.len(), sets[0].as_slice()), (10, &["a".to_owned(), "b".to_owned()][..]));
    }

    #[test]
    fn a_label_that_was_never_decided_for_is_no_negative() {
        let labels = (0..100).map(|row| if row < 5 { "maybe" } else { ["0.0", "1.0"][row % 2] }).collect::<Vec<_>>();
        let rows = |labels: &[&str]| {
            let answered = Column::Int((0..100).map(|row| Some(row % 2)).collect());
            Table::new(vec![("answered".to_owned(), answered), ("y".to_owned(), text(labels))]).unwrap()
        };
        let decided = |table: &Table| {
            let truth = Truth { table, target: "y", weight: None, positive: Some("1") };
            Decided::by_columns(truth, None, Some("answered"), 0.5)
        };
        let few = decided(&rows(&labels)).unwrap();
        assert_eq!((few.rows.len(), few.labels.unknown), (95, 5));
        assert!(few.truth == few.decision);
        let mut more = labels.clone();
        more[7] = "maybe";
        let why = decided(&rows(&more)).unwrap_err().to_string();
        assert!(why.contains("6 of 100 labels are not a class of the model (`0`, `1`): `maybe` (6)"), "{why}");
    }

    #[test]
    fn the_positive_class_is_named_where_it_cannot_be_known() {
        let table = table();
        let three = Truth { target: "score", ..truth(&table) };
        let why = Decided::by_columns(three, Some("score"), None, 0.5).unwrap_err();
        assert!(matches!(why, FairnessError::NoPositive { .. }), "{why}");
        let other = Decided::by_columns(truth(&table), None, Some("sex"), 0.5).unwrap_err();
        assert!(other.to_string().contains("no value in common: f, m, 0, 1"), "{other}");
        assert_eq!([second_in_order("10", "9"), second_in_order("no", "yes")], ["10", "yes"]);
    }
}
