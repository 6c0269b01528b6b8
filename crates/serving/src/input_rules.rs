//! The rules of a version held against the rows that it is given: what breaks one is refused, marked, or replaced.
//!
//! Invariants: a version without rules costs nothing; a rule looks at a column as a whole, and allocates only for rows that break
//! it; rules that refuse are looked at first, so that nothing is marked in a request that is refused; nothing is cast: a value that
//! is put in keeps the type of its column, and only a fraction among whole numbers makes them a column of numbers.
//! Out of scope: where rules come from, what is answered.

mod check;
mod marks;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use kilter_domain::{
    input_rule::{InputCheck, InputPolicy, InputRule, InputValue},
    table::{Column, Table},
};
use kilter_stats::drift::CategoricalReference;

use self::check::ColumnCheck;

pub use self::marks::InputMarks;

/// The rules of a version, and how many rows broke each.
#[derive(Debug, Default)]
pub struct InputRules {
    rules: Vec<CountedRule>,
}

#[derive(Debug)]
struct CountedRule {
    rule: InputRule,
    /// The rule as it is written: `range(age)`.
    text: String,
    check: ColumnCheck,
    broken_rows: AtomicU64,
}

/// How many rows broke a rule since the version was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputRuleCount {
    /// The name of the input.
    pub input: String,
    /// `range`, `values`, `null` or `unseen`.
    pub rule: &'static str,
    /// What becomes of the rows.
    pub policy: InputPolicy,
    /// Rows that broke it.
    pub rows: u64,
}

/// A value that a rule refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the input `{input}` {} in row {row}, and the model takes {accepted} there{}", found(.value), more_rows(*.rows))]
pub struct RejectedInput {
    /// The name of the input.
    pub input: String,
    /// The rule that it breaks: `range(age)`.
    pub rule: String,
    /// The first row that breaks it, from 0 on.
    pub row: usize,
    /// Rows of the request that break it.
    pub rows: usize,
    /// The value, at most 80 characters of it; `None`: it is missing.
    pub value: Option<String>,
    /// What is accepted, in words.
    pub accepted: String,
}

fn found(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "has no value".to_owned(), |value| format!("is `{value}`"))
}

fn more_rows(rows: usize) -> String {
    match rows.saturating_sub(1) {
        0 => String::new(),
        1 => " (another row breaks the rule too)".to_owned(),
        more => format!(" ({more} other rows break the rule too)"),
    }
}

/// What the rules made of the rows of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedInputs {
    /// The rows with other values in the place of some; `None`: as they were.
    pub imputed: Option<Table>,
    /// What is to be said of the rows; `None`: nothing.
    pub marks: Option<InputMarks>,
}

impl InputRules {
    /// These rules; `references` have the categories of the training rows.
    ///
    /// A rule `unseen` of an input without a reference is left out: there is nothing to compare with.
    pub fn new(rules: &[InputRule], references: &BTreeMap<String, &CategoricalReference>) -> Self {
        let counted = |rule: &InputRule| {
            let check = ColumnCheck::new(rule, references.get(&rule.input).copied())?;
            Some(CountedRule { rule: rule.clone(), text: rule.to_string(), check, broken_rows: AtomicU64::new(0) })
        };
        let mut rules: Vec<CountedRule> = rules.iter().filter_map(counted).collect();
        // What refuses comes first.
        rules.sort_by_key(|rule| rule.rule.policy);
        Self { rules }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Rows that broke each rule since the version was loaded.
    pub fn counts(&self) -> Vec<InputRuleCount> {
        let count = |rule: &CountedRule| InputRuleCount {
            input: rule.rule.input.clone(),
            rule: rule.rule.check.as_str(),
            policy: rule.rule.policy,
            rows: rule.broken_rows.load(Relaxed),
        };
        self.rules.iter().map(count).collect()
    }

    /// Holds rows against the rules. A column that the rows do not have breaks none: whether it is needed, the signature says.
    ///
    /// # Errors
    /// The first value that a rule refuses.
    pub fn check(&self, table: &Table) -> Result<CheckedInputs, RejectedInput> {
        let mut checked = CheckedInputs::default();
        for rule in &self.rules {
            let Some(column) = table.get(&rule.rule.input) else { continue };
            // What another rule put in is accepted, and not looked at again.
            let broken = rule.check.broken_rows(column);
            if broken.is_empty() {
                continue;
            }
            rule.broken_rows.fetch_add(broken.len() as u64, Relaxed);
            match (rule.rule.policy, &rule.rule.impute) {
                (InputPolicy::Reject, _) => return Err(rule.rejected(column, &broken)),
                (InputPolicy::Impute, Some(value)) => {
                    let imputed = checked.imputed.get_or_insert_with(|| table.clone());
                    replace(imputed, &rule.rule.input, value, &broken);
                    checked.marks.get_or_insert_with(|| InputMarks::of(table.rows())).imputed(&rule.text, &broken);
                }
                (InputPolicy::Flag | InputPolicy::Impute, _) => {
                    checked.marks.get_or_insert_with(|| InputMarks::of(table.rows())).flagged(&rule.text, &broken);
                }
            }
        }
        Ok(checked)
    }
}

impl CountedRule {
    fn rejected(&self, column: &Column, broken: &[usize]) -> RejectedInput {
        const SHOWN_CHARS: usize = 80;
        let row = broken.first().copied().unwrap_or_default();
        let value = match self.rule.check {
            InputCheck::Null => None,
            _ => column.label(row).map(|value| value.chars().take(SHOWN_CHARS).collect()),
        };
        RejectedInput {
            input: self.rule.input.clone(),
            rule: self.text.clone(),
            row,
            rows: broken.len(),
            value,
            accepted: accepted(&self.rule.check),
        }
    }
}

/// What a rule accepts, in words.
fn accepted(check: &InputCheck) -> String {
    const SHOWN_VALUES: usize = 12;
    match check {
        InputCheck::Range { min: Some(min), max: Some(max) } => format!("numbers from {min} to {max}"),
        InputCheck::Range { min: Some(min), max: None } => format!("numbers from {min} on"),
        InputCheck::Range { min: None, max: Some(max) } => format!("numbers up to {max}"),
        InputCheck::Range { min: None, max: None } => "any number".to_owned(),
        InputCheck::Values { values } => {
            let shown: Vec<String> = values.iter().take(SHOWN_VALUES).map(|value| format!("`{value}`")).collect();
            match values.len() - shown.len() {
                0 => shown.join(", "),
                more => format!("{} and {more} more", shown.join(", ")),
            }
        }
        InputCheck::Null => "a value in every row".to_owned(),
        InputCheck::Unseen => "the categories that it was trained on".to_owned(),
    }
}

/// Puts a value into rows of a column. The value was fitted to the kind of the input when the version was packed.
fn replace(table: &mut Table, input: &str, value: &InputValue, rows: &[usize]) {
    let Some(at) = table.position(input) else { return };
    let (names, mut columns) = std::mem::take(table).into_parts();
    put(&mut columns[at], value, rows);
    // Names and lengths are as they were.
    *table = Table::with_names(names, columns).unwrap_or_default();
}

fn put(column: &mut Column, value: &InputValue, rows: &[usize]) {
    match (&mut *column, value) {
        (Column::Float(values), InputValue::Number(value)) => rows.iter().for_each(|row| values[*row] = *value),
        (Column::Float(values), InputValue::Whole(value)) => rows.iter().for_each(|row| values[*row] = *value as f64),
        (Column::Int(values) | Column::Time(values), InputValue::Whole(value)) => {
            rows.iter().for_each(|row| values[*row] = Some(*value));
        }
        (Column::Int(values), InputValue::Number(number)) => {
            let mut numbers: Vec<f64> =
                values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect();
            rows.iter().for_each(|row| numbers[*row] = *number);
            *column = Column::Float(numbers);
        }
        (Column::Bool(values), InputValue::Bool(value)) => rows.iter().for_each(|row| values[*row] = Some(*value)),
        (Column::Text(values), InputValue::Text(value)) => {
            let value: std::sync::Arc<str> = value.as_str().into();
            rows.iter().for_each(|row| values[*row] = Some(value.clone()));
        }
        // A value of another kind was refused when the version was packed.
        _ => {}
    }
}

#[cfg(test)]
mod tests;
