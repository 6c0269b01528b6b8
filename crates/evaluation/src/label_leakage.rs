//! Columns that alone tell the label: mostly they hold it, or follow from it.
//!
//! Invariants: a column is asked by itself, without a model; in whichever direction it tells more; a missing value is a
//! value, so that a column which is filled only when the label is known tells it. Values of few rows count as one, so that
//! names of rows tell nothing by chance. Out of scope: whether a column is known when a prediction is made, which
//! only people know: they name it in `not_leaking`.

use std::collections::HashMap;

use kilter_domain::table::{Column, Table};
use kilter_inference::Task;
use kilter_stats::{
    association::{lambda, spearman},
    performance::{BinaryRows, Labelled, metric},
};

use crate::labelled_predictions::{ClassMatcher, class_name, label_text};

/// Values beyond which a column is not asked value by value.
const MAX_VALUES: usize = 50;
/// Rows of a value, below which it counts as one of the rare ones.
const MIN_VALUE_ROWS: u64 = 5;
/// Rows that must have a label and a value before a column can be called a leak.
const MIN_ROWS: usize = 50;
/// Rows of the rarer of two classes: with 20, a column of a true AUC of 0.95 reaches 0.99 once in fifteen times, on rows of
/// two tables at once hardly ever.
const MIN_CLASS_ROWS: usize = 20;
/// The share of the labelled rows in which a number must be known to order a number.
const MIN_COVERAGE: f64 = 0.5;

/// What the label is to a model.
#[derive(Clone, Copy, Debug)]
pub struct LabelTask<'a> {
    /// What the model predicts.
    pub task: Task,
    /// The classes of the model; of two the second counts as positive.
    pub classes: &'a [String],
}

/// How well a column alone tells the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Two classes: how well it ranks them.
    Auc,
    /// More classes: the share of the errors of always answering the most frequent one that it spares.
    Lambda,
    /// A number: the correlation of ranks.
    RankCorrelation,
}

impl Measure {
    const fn of(task: Task) -> Self {
        match task {
            Task::Binary => Self::Auc,
            Task::Multiclass => Self::Lambda,
            Task::Regression => Self::RankCorrelation,
        }
    }

    /// As rules know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "best_single_auc",
            Self::Lambda => "best_single_lambda",
            Self::RankCorrelation => "best_single_rank_correlation",
        }
    }

    /// From where on it is too good to be true.
    pub const fn limit(self) -> f64 {
        match self {
            Self::Auc | Self::Lambda => 0.99,
            Self::RankCorrelation => 0.999,
        }
    }
}

/// How well one column tells the label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelLeakage {
    /// The name of the column.
    pub column: String,
    /// How it was measured.
    pub measure: Measure,
    /// By that measure: 1 if the column tells the label without an error.
    pub value: f64,
    /// Whether the rows are enough to say so.
    pub is_certain: bool,
}

impl LabelLeakage {
    /// Whether it is too good to be true.
    pub fn is_leak(&self) -> bool {
        self.value >= self.measure.limit()
    }

    /// What a person should know, where it is too good to be true.
    pub fn sentence(&self) -> Option<String> {
        let Self { column, measure, value, .. } = self;
        let strength = match measure {
            Measure::Auc => format!("ranks the label almost perfectly (AUC {value:.3})"),
            Measure::Lambda => {
                format!("predicts the label almost perfectly (it avoids {:.1} % of the errors)", value * 100.0)
            }
            Measure::RankCorrelation => {
                format!("orders the label almost perfectly (rank correlation {value:.4})")
            }
        };
        self.is_leak().then(|| format!("`{column}` alone {strength}: check that it is known when a prediction is made"))
    }
}

/// What each column of `names` that can be asked tells of `label`; the best first.
pub fn find_label_leakage<'n>(
    table: &Table,
    names: impl Iterator<Item = &'n str>,
    label: &Column,
    target: LabelTask<'_>,
) -> Vec<LabelLeakage> {
    let measure = Measure::of(target.task);
    let truth = Truth::of(label, target);
    let one = |name: &str| {
        let (value, is_certain) = truth.told_by(table.get(name)?)?;
        Some(LabelLeakage { column: name.to_owned(), measure, value, is_certain })
    };
    let mut all: Vec<LabelLeakage> = names.filter_map(one).collect();
    all.sort_by(|a, b| b.value.total_cmp(&a.value));
    all
}

/// The label of each row.
enum Truth {
    Binary(Vec<Option<bool>>),
    Classes(Vec<Option<u32>>),
    Numbers(Vec<f64>),
}

impl Truth {
    fn of(label: &Column, target: LabelTask<'_>) -> Self {
        let rows = 0..label.len();
        match target.task {
            Task::Regression => Self::Numbers(rows.map(|row| label.number(row)).collect()),
            Task::Binary => {
                let matcher = ClassMatcher::new(target.classes);
                let is_positive = |row: usize| matcher.class_of(&label_text(label, row)?).map(|class| class == 1);
                Self::Binary(rows.map(is_positive).collect())
            }
            Task::Multiclass => {
                let mut codes = HashMap::new();
                let mut code = |class: std::sync::Arc<str>| {
                    let next = codes.len() as u32;
                    *codes.entry(class).or_insert(next)
                };
                Self::Classes(rows.map(|row| class_name(label, row).map(&mut code)).collect())
            }
        }
    }

    /// How well a column tells it, and whether its rows are enough to call that more than chance.
    fn told_by(&self, column: &Column) -> Option<(f64, bool)> {
        match self {
            Self::Binary(truth) => single_auc(column, truth),
            Self::Classes(truth) => spared(column, truth),
            Self::Numbers(truth) => rank_correlation(column, truth),
        }
    }
}

/// How well a column alone ranks two classes: by its order, with what is missing at either end, and by its values.
fn single_auc(column: &Column, truth: &[Option<bool>]) -> Option<(f64, bool)> {
    let rows: Vec<usize> = (0..truth.len().min(column.len())).filter(|row| truth[*row].is_some()).collect();
    let truths: Vec<bool> = rows.iter().filter_map(|row| truth[*row]).collect();
    let auc = |scores: Vec<f64>| {
        let auc = metric("auc", &Labelled::Binary(BinaryRows::scored(&truths, &scores, 0.5).ok()?)).ok()?.value;
        Some(auc.max(1.0 - auc))
    };
    let positives = truths.iter().filter(|truth| **truth).count();
    let is_certain = rows.len() >= MIN_ROWS && positives.min(rows.len() - positives) >= MIN_CLASS_ROWS;
    let by_order = |numbers: &[f64], missing: f64| {
        let number = |row: &usize| numbers.get(*row).copied().filter(|value| value.is_finite()).unwrap_or(missing);
        auc(rows.iter().map(number).collect())
    };
    let ordered = match column.centred_numbers() {
        Some(numbers) => [by_order(&numbers, f64::MIN), by_order(&numbers, f64::MAX)],
        None => [None, None],
    };
    let truth_of = |row: usize| truth[row].map(|truth| f64::from(u8::from(truth)));
    let by_value = by_value(column, &rows, truth_of).and_then(auc);
    let best = ordered.into_iter().chain([by_value]).flatten().max_by(f64::total_cmp)?;
    Some((best, is_certain))
}

/// By row, the mean truth over the rows of the same value.
fn by_value(column: &Column, rows: &[usize], truth: impl Fn(usize) -> Option<f64>) -> Option<Vec<f64>> {
    let (codes, count) = codes(column, rows, MAX_VALUES)?;
    let mut sums = vec![(0.0, 0.0); count];
    for (row, code) in rows.iter().zip(&codes) {
        let sum = &mut sums[*code as usize];
        *sum = (sum.0 + truth(*row)?, sum.1 + 1.0);
    }
    Some(codes.iter().map(|code| sums[*code as usize].0 / sums[*code as usize].1).collect())
}

/// A number for the value of each row, and how many there are: 0 is missing, 1 all values of few rows. Of columns with more
/// than `most` values it is known only whether there is one.
fn codes(column: &Column, rows: &[usize], most: usize) -> Option<(Vec<u32>, usize)> {
    let mut counts: HashMap<std::sync::Arc<str>, u64> = HashMap::new();
    for row in rows {
        if let Some(value) = class_name(column, *row) {
            *counts.entry(value).or_default() += 1;
            if counts.len() > most {
                let is_there = |row: &usize| u32::from(!column.is_missing(*row));
                return Some((rows.iter().map(is_there).collect(), 2));
            }
        }
    }
    let mut frequent: Vec<_> =
        counts.into_iter().filter(|(_, rows)| *rows >= MIN_VALUE_ROWS).map(|(value, _)| value).collect();
    frequent.sort_unstable();
    let code = |row: &usize| match class_name(column, *row) {
        None => 0,
        Some(value) => frequent.binary_search(&value).map_or(1, |at| at as u32 + 2),
    };
    Some((rows.iter().map(code).collect(), frequent.len() + 2))
}

/// How far a column's order is that of a number, from 0 to 1: of numbers by rank, of others by the mean over each value.
fn rank_correlation(column: &Column, truth: &[f64]) -> Option<(f64, bool)> {
    let rows: Vec<usize> = (0..truth.len().min(column.len())).filter(|row| truth[*row].is_finite()).collect();
    let labelled = rows.len();
    let (rows, scores) = match column.centred_numbers() {
        None => {
            let scores = by_value(column, &rows, |row| Some(truth[row]))?;
            (rows, scores)
        }
        Some(numbers) => {
            let known: Vec<usize> = rows.into_iter().filter(|row| numbers[*row].is_finite()).collect();
            let scores = known.iter().map(|row| numbers[*row]).collect();
            (known, scores)
        }
    };
    let truths: Vec<f64> = rows.iter().map(|row| truth[*row]).collect();
    let is_certain = rows.len() >= MIN_ROWS && rows.len() as f64 >= MIN_COVERAGE * labelled as f64;
    spearman(&truths, &scores).ok().map(|correlation| (correlation.abs(), is_certain))
}

/// The share of the errors of always answering the most frequent class that the column spares; `None` where there is one
/// class alone.
fn spared(column: &Column, truth: &[Option<u32>]) -> Option<(f64, bool)> {
    let rows: Vec<usize> = (0..truth.len().min(column.len())).filter(|row| truth[*row].is_some()).collect();
    let classes = truth.iter().flatten().max().map_or(0, |class| *class as usize + 1);
    let (codes, count) = codes(column, &rows, MAX_VALUES.max(2 * classes))?;
    let mut counts = vec![vec![0u64; classes]; count];
    for (row, code) in rows.iter().zip(&codes) {
        counts[*code as usize][truth[*row]? as usize] += 1;
    }
    counts.retain(|line| line.iter().any(|rows| *rows > 0));
    lambda(&counts).ok().map(|lambda| (lambda, rows.len() >= MIN_ROWS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> [String; 2] {
        ["0".to_owned(), "1".to_owned()]
    }

    fn numbers(of: impl Fn(i64) -> i64) -> Column {
        Column::Int((0..200).map(|row| Some(of(row))).collect())
    }

    fn texts(of: impl Fn(i64) -> String) -> Column {
        Column::Text((0..200).map(|row| Some(of(row).into())).collect())
    }

    /// Which of a telling column and noise is found, and how sure.
    fn found(task: Task, label: &Column, leak: Column) -> LabelLeakage {
        let noise = numbers(|row| row * 7919 % 41);
        let table = Table::new(vec![("noise".into(), noise), ("leak".into(), leak)]).unwrap();
        let classes = two();
        let target = LabelTask { task, classes: &classes };
        let mut found = find_label_leakage(&table, ["noise", "leak"].into_iter(), label, target);
        let noise = found.iter().find(|found| found.column == "noise");
        assert!(noise.is_none_or(|noise| noise.sentence().is_none()), "noise tells nothing: {noise:?}");
        found.remove(0)
    }

    #[test]
    fn a_column_that_follows_from_two_classes_is_found() {
        let label = numbers(|row| i64::from(row % 3 == 0));
        for leak in [
            numbers(|row| if row % 3 == 0 { -1 } else { 5 + row }),
            texts(|row| if row % 3 == 0 { "left".into() } else { "stays".into() }),
            label.clone(),
        ] {
            let found = found(Task::Binary, &label, leak);
            assert_eq!((found.column.as_str(), found.value), ("leak", 1.0));
            assert_eq!(
                found.sentence().unwrap(),
                "`leak` alone ranks the label almost perfectly (AUC 1.000): check that it is known when a prediction is made"
            );
        }
    }

    #[test]
    fn a_column_that_names_each_of_many_classes_is_found() {
        let label = texts(|row| ["low", "middle", "high", "highest"][row as usize % 4].into());
        for leak in [numbers(|row| 10 - row % 4), texts(|row| format!("grade {}", row % 4))] {
            let found = found(Task::Multiclass, &label, leak);
            assert_eq!((found.column.as_str(), found.value), ("leak", 1.0));
            assert!(found.sentence().unwrap().contains("avoids 100.0 % of the errors"));
        }
        // One class in nearly all rows is told by anything, and that is nothing.
        let rare = texts(|row| ["a", "b", "c"][usize::from(row == 7) + usize::from(row == 9)].into());
        let target = LabelTask { task: Task::Multiclass, classes: &[] };
        let table = Table::new(vec![("odd".into(), numbers(|row| row % 2))]).unwrap();
        assert!(find_label_leakage(&table, ["odd"].into_iter(), &rare, target)[0].value < 0.5);
    }

    #[test]
    fn a_column_that_orders_a_number_is_found() {
        let label = numbers(|row| row * row);
        for leak in [numbers(|row| -3 * row), label.clone(), texts(|row| format!("{}", row / 50))] {
            let found = found(Task::Regression, &label, leak.clone());
            assert_eq!(found.column, "leak");
            let is_told = found.sentence().is_some();
            assert_eq!(is_told, !matches!(leak, Column::Text(_)), "four steps are not a curve: {found:?}");
        }
    }

    #[test]
    fn a_column_that_is_filled_or_coded_by_the_label_is_found() {
        let label = numbers(|row| i64::from(row % 3 == 0));
        let closed = Column::Time((0..200).map(|row| (row % 3 == 0).then_some(1_700_000_000_000 + row)).collect());
        let reason = Column::Text((0..200).map(|row| (row % 3 == 0).then(|| format!("note {row}").into())).collect());
        let code = numbers(|row| [2, 1, 3][row as usize % 3]);
        let late = Column::Float((0..200).map(|row| if row % 3 == 0 { f64::NAN } else { row as f64 }).collect());
        for leak in [closed, reason, code, late] {
            let found = found(Task::Binary, &label, leak.clone());
            assert!(found.column == "leak" && found.value == 1.0 && found.is_certain, "{found:?} by {leak:?}");
        }
        // Known in a few rows, a number tells nothing of the others.
        let few = Column::Float((0..200).map(|row| if row < 10 { f64::from(row % 3) } else { f64::NAN }).collect());
        let table = Table::new(vec![("few".into(), few)]).unwrap();
        let classes = two();
        let target = LabelTask { task: Task::Binary, classes: &classes };
        assert!(!find_label_leakage(&table, ["few"].into_iter(), &label, target)[0].is_leak());
    }

    #[test]
    fn names_of_rows_and_few_rows_are_no_leak() {
        let label = numbers(|row| row * 7919 % 97 % 2);
        let classes = two();
        let target = LabelTask { task: Task::Binary, classes: &classes };
        for names in [texts(|row| format!("customer {row}")), texts(|row| format!("group {}", row % 49))] {
            let table = Table::new(vec![("name".into(), names)]).unwrap();
            let found = find_label_leakage(&table, ["name"].into_iter(), &label, target);
            assert!(found.iter().all(|column| !column.is_leak()), "{found:?}");
        }
        let rare = numbers(|row| i64::from(row < 10));
        let table = Table::new(vec![("leak".into(), rare.clone())]).unwrap();
        let found = &find_label_leakage(&table, ["leak"].into_iter(), &rare, target)[0];
        assert!(found.is_leak() && !found.is_certain, "ten rows of a class are too few to be certain");
    }
}
