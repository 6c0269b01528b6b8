//! Columns that alone tell the label: mostly they hold it, or follow from it.
//!
//! Holds true: a column is asked by itself, without a model; in whichever direction it tells more. Deliberately absent:
//! whether it is known when a prediction is made, which only people know.

use std::collections::HashMap;

use kilter_domain::table::{Column, Table};
use kilter_inference::Task;
use kilter_stats::{
    association::{lambda, spearman},
    performance::{BinaryRows, Labelled, metric},
};

use crate::outcomes::class_name;

/// Values beyond which a text, or a number that is to tell a class, is not asked.
const MOST_VALUES: usize = 50;

/// What is asked of columns.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub task: Task,
    /// The class that counts as positive where there are two.
    pub positive: Option<&'a str>,
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
    /// As rules know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "best_single_auc",
            Self::Lambda => "best_single_lambda",
            Self::RankCorrelation => "best_single_rank_correlation",
        }
    }

    /// From where on it is too good to be true.
    const fn limit(self) -> f64 {
        match self {
            Self::Auc | Self::Lambda => 0.99,
            Self::RankCorrelation => 0.999,
        }
    }
}

/// The column that tells the label best.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    pub column: String,
    pub measure: Measure,
    pub value: f64,
}

impl Telling {
    /// What a person should know, where it is too good to be true.
    pub fn sentence(&self) -> Option<String> {
        let Self { column, measure, value } = self;
        let told = match measure {
            Measure::Auc => format!("ranks the label almost perfectly (AUC {value:.3})"),
            Measure::Lambda => {
                format!("tells the label almost perfectly (it spares {:.1} % of the errors)", value * 100.0)
            }
            Measure::RankCorrelation => {
                format!("orders the label almost perfectly (rank correlation {value:.4})")
            }
        };
        (*value >= measure.limit())
            .then(|| format!("`{column}` alone {told}: make sure that it does not follow from it"))
    }
}

/// The column of `names` that alone tells `label` best; `None` where none can be asked.
pub fn telling<'n>(
    table: &Table,
    names: impl Iterator<Item = &'n str>,
    label: &Column,
    asked: Asked<'_>,
) -> Option<Telling> {
    let of: &dyn Fn(&Column) -> Option<f64> = &|column| match asked.task {
        Task::Binary => single_auc(column, label, asked.positive.unwrap_or("1")),
        Task::Multiclass => spared(column, label),
        Task::Regression => rank_correlation(column, label),
    };
    let measure = match asked.task {
        Task::Binary => Measure::Auc,
        Task::Multiclass => Measure::Lambda,
        Task::Regression => Measure::RankCorrelation,
    };
    let found = names.filter_map(|name| Some((name, of(table.get(name)?)?)));
    let (name, value) = found.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Telling { column: name.to_owned(), measure, value })
}

/// How well a column alone ranks two classes; missing values are left out.
fn single_auc(column: &Column, label: &Column, positive: &str) -> Option<f64> {
    let truth = |row: usize| class_name(label, row).map(|class| f64::from(u8::from(*class == *positive)));
    let (truths, scores) = pairs(column, label.len(), truth)?;
    let truths: Vec<bool> = truths.into_iter().map(|truth| truth > 0.5).collect();
    let rows = BinaryRows::scored(&truths, &scores, 0.5).ok()?;
    let auc = metric("auc", &Labelled::Binary(rows)).ok()?.value;
    Some(auc.max(1.0 - auc))
}

/// How far a column's order is that of a number, from 0 to 1; missing values are left out.
fn rank_correlation(column: &Column, label: &Column) -> Option<f64> {
    let (truths, scores) = pairs(column, label.len(), |row| Some(label.number(row)))?;
    spearman(&truths, &scores).ok().map(f64::abs)
}

/// The truth and what a column says of it, where both are finite. A text says the mean of the truth over its rows of the
/// same value, where its values are few.
fn pairs(column: &Column, rows: usize, truth: impl Fn(usize) -> Option<f64>) -> Option<(Vec<f64>, Vec<f64>)> {
    let means = match column {
        Column::Text(_) => Some(means(column, rows, &truth)?),
        _ => None,
    };
    let numbers = column.centred_numbers().unwrap_or_default();
    let score = |row: usize| match &means {
        Some(means) => class_name(column, row).and_then(|value| means.get(&*value).copied()),
        None => numbers.get(row).copied(),
    };
    let pair = |row: usize| Some((truth(row)?, score(row)?));
    Some((0..rows).filter_map(pair).filter(|(truth, score)| truth.is_finite() && score.is_finite()).unzip())
}

/// The mean of the truth by value; `None` for more than [`MOST_VALUES`].
fn means(column: &Column, rows: usize, truth: impl Fn(usize) -> Option<f64>) -> Option<HashMap<String, f64>> {
    let mut sums: HashMap<String, (f64, f64)> = HashMap::new();
    for row in 0..rows {
        if let (Some(truth), Some(value)) = (truth(row).filter(|truth| truth.is_finite()), class_name(column, row)) {
            let sum = sums.entry(value.to_string()).or_default();
            *sum = (sum.0 + truth, sum.1 + 1.0);
            if sums.len() > MOST_VALUES {
                return None;
            }
        }
    }
    Some(sums.into_iter().map(|(value, (sum, rows))| (value, sum / rows)).collect())
}

/// The share of the errors of always answering the most frequent class that the column spares; `None` where it has too many
/// values, or there is one class alone.
fn spared(column: &Column, label: &Column) -> Option<f64> {
    let (mut values, mut classes) = (HashMap::new(), HashMap::new());
    let mut counts: Vec<Vec<u64>> = Vec::new();
    for row in 0..label.len() {
        let (Some(class), Some(value)) = (class_name(label, row), class_name(column, row)) else { continue };
        let next = (values.len(), classes.len());
        let (value, class) = (*values.entry(value).or_insert(next.0), *classes.entry(class).or_insert(next.1));
        if values.len() > MOST_VALUES.max(2 * classes.len()) {
            return None;
        }
        counts.resize_with(values.len(), Vec::new);
        let line = &mut counts[value];
        line.resize(line.len().max(class + 1), 0);
        line[class] += 1;
    }
    counts.iter_mut().for_each(|line| line.resize(classes.len(), 0));
    lambda(&counts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(of: impl Fn(i64) -> i64) -> Column {
        Column::Int((0..200).map(|row| Some(of(row))).collect())
    }

    fn texts(of: impl Fn(i64) -> String) -> Column {
        Column::Text((0..200).map(|row| Some(of(row).into())).collect())
    }

    /// Which of a telling column and noise is found, and how sure.
    fn found(task: Task, label: &Column, leak: Column) -> Telling {
        let noise = numbers(|row| row * 7919 % 41);
        let table = Table::new(vec![("noise".into(), noise), ("leak".into(), leak)]).unwrap();
        let asked = Asked { task, positive: Some("1") };
        let found = telling(&table, ["noise", "leak"].into_iter(), label, asked).unwrap();
        let alone = telling(&table, ["noise"].into_iter(), label, asked);
        assert!(alone.is_none_or(|noise| noise.sentence().is_none()), "noise tells nothing");
        found
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
                "`leak` alone ranks the label almost perfectly (AUC 1.000): make sure that it does not follow from it"
            );
        }
    }

    #[test]
    fn a_column_that_names_each_of_many_classes_is_found() {
        let label = texts(|row| ["low", "middle", "high", "highest"][row as usize % 4].into());
        for leak in [numbers(|row| 10 - row % 4), texts(|row| format!("grade {}", row % 4))] {
            let found = found(Task::Multiclass, &label, leak);
            assert_eq!((found.column.as_str(), found.value), ("leak", 1.0));
            assert!(found.sentence().unwrap().contains("spares 100.0 % of the errors"));
        }
        // One class in nearly all rows is told by anything, and that is nothing.
        let rare = texts(|row| ["a", "b", "c"][usize::from(row == 7) + usize::from(row == 9)].into());
        assert!(spared(&numbers(|row| row % 2), &rare).unwrap() < 0.5);
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
}
