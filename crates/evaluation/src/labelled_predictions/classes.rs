//! Which class of a model a label names: the one place where labels and classes are matched.
//!
//! Invariants: gates, evaluation, fairness, monitors, labels that callers send, replays and thresholds read a label by
//! this code. A label names a class if it is written alike, or in a spelling that surely means the same; a spelling that
//! could mean two classes names none. What names no class is unknown: it is never taken for the other class.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::table::Column;

/// The classes of a model, as labels may write them.
///
/// A label is compared in three steps, and the first that fits decides:
/// 1. as it is written;
/// 2. without the blanks around it;
/// 3. by its meaning: numbers by their value (`1`, `1.0`, `+1`, `1e0`), texts without regard to case (`Yes`, `yes`), and
///    `true` and `false` as `1` and `0` where these are all the classes that there are.
///
/// `01` is not `1`: leading zeros are those of a code, not of a number.
#[derive(Clone, Debug)]
pub struct ClassMatcher {
    written: HashMap<String, usize>,
    /// `None` where two classes are written so.
    trimmed: HashMap<String, Option<usize>>,
    meant: HashMap<Meaning, Option<usize>>,
    /// Whether every class is one of true, false, 1 and 0, so that these mean the same.
    has_truth_values: bool,
}

/// What a spelling means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Meaning {
    Truth(bool),
    /// Sign, digits without zeros at either end, and the power of ten of the last digit: exact for any number of digits.
    Number(bool, String, i64),
    /// In lower case.
    Text(String),
}

impl ClassMatcher {
    /// Knows labels by these classes, in the order of the model.
    pub fn new<S: AsRef<str>>(classes: &[S]) -> Self {
        let is_truth_value = |class: &S| match Meaning::of(class.as_ref()) {
            Meaning::Truth(_) => true,
            meaning => meaning == Meaning::number(0) || meaning == Meaning::number(1),
        };
        let mut matcher = Self {
            written: HashMap::new(),
            trimmed: HashMap::new(),
            meant: HashMap::new(),
            has_truth_values: !classes.is_empty() && classes.iter().all(is_truth_value),
        };
        for (at, class) in classes.iter().enumerate() {
            let class = class.as_ref();
            matcher.written.entry(class.to_owned()).or_insert(at);
            matcher.trimmed.entry(class.trim().to_owned()).and_modify(|known| *known = None).or_insert(Some(at));
            let meaning = matcher.meaning(class);
            matcher.meant.entry(meaning).and_modify(|known| *known = None).or_insert(Some(at));
        }
        matcher
    }

    /// The place of the class that a label names; `None` where it names none, or could name two.
    pub fn class_of(&self, label: &str) -> Option<usize> {
        if let Some(&at) = self.written.get(label) {
            return Some(at);
        }
        if let Some(&at) = self.trimmed.get(label.trim()) {
            return at;
        }
        self.meant.get(&self.meaning(label)).copied().flatten()
    }

    fn meaning(&self, text: &str) -> Meaning {
        match Meaning::of(text) {
            Meaning::Truth(value) if self.has_truth_values => Meaning::number(i64::from(value)),
            meaning => meaning,
        }
    }
}

impl Meaning {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if let Some(number) = Self::of_number(text) {
            return number;
        }
        match text.to_lowercase() {
            text if text == "true" => Self::Truth(true),
            text if text == "false" => Self::Truth(false),
            text => Self::Text(text),
        }
    }

    fn number(value: i64) -> Self {
        Self::of_number(&value.to_string()).unwrap_or(Self::Number(false, value.to_string(), 0))
    }

    /// A decimal number: `-12.50`, `1e3`. Compared as digits, because whole numbers beyond 2^53 differ where doubles do not.
    fn of_number(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_code = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || is_code || !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let kept = digits.trim_end_matches('0');
        let power = i64::from(exponent) - fraction.len() as i64 + (digits.len() - kept.len()) as i64;
        let kept = kept.trim_start_matches('0');
        match kept.is_empty() {
            true => Some(Self::Number(false, String::new(), 0)),
            false => Some(Self::Number(is_negative, kept.to_owned(), power)),
        }
    }
}

/// The distinct labels of a column, one spelling each, in the order of their names: the classes where no model has any.
pub fn distinct_classes(column: &Column) -> Vec<String> {
    let names: std::collections::BTreeSet<Arc<str>> =
        (0..column.len()).filter_map(|row| class_name(column, row)).collect();
    let mut kept: HashMap<Meaning, String> = HashMap::new();
    for name in &names {
        let shortest = kept.entry(Meaning::of(name)).or_insert_with(|| name.trim().to_owned());
        if name.trim().len() < shortest.len() {
            *shortest = name.trim().to_owned();
        }
    }
    let mut classes: Vec<String> = kept.into_values().collect();
    classes.sort_unstable();
    classes
}

/// A label as the class names of a model write it: `1`, `1.0` and `true` are the same class.
pub fn class_name(column: &Column, row: usize) -> Option<Arc<str>> {
    match column {
        Column::Bool(values) => values[row].map(|value| Arc::from(if value { "1" } else { "0" })),
        Column::Text(values) => values[row].clone(),
        Column::Float(values) if values[row].fract() == 0.0 && values[row].abs() < 1e15 => {
            Some(Arc::from((values[row] as i64).to_string()))
        }
        _ => column.label(row),
    }
}

/// The label of a row as it came; truth values by their words, so that they are never taken for a class `1` among others.
pub fn label_text(column: &Column, row: usize) -> Option<Arc<str>> {
    match column {
        Column::Bool(_) => column.label(row),
        _ => class_name(column, row),
    }
}

/// A number that a label states, in a column of numbers or as a text; NaN where it states none.
pub fn label_number(column: &Column, row: usize) -> f64 {
    match column {
        Column::Text(values) => values[row].as_deref().and_then(|text| text.trim().parse().ok()).unwrap_or(f64::NAN),
        _ => column.number(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class that each label names, `-` for none.
    fn check(classes: &[&str], labels: &[&str], expected: &str) {
        let matcher = ClassMatcher::new(classes);
        let named = |label: &&str| matcher.class_of(label).map_or("-", |at| classes[at]).to_owned();
        assert_eq!(labels.iter().map(named).collect::<Vec<_>>().join(" "), expected, "{classes:?} {labels:?}");
    }

    #[test]
    fn a_spelling_that_surely_means_the_same_names_the_class() {
        check(&["0", "1"], &["1", "1.0", " 1 ", "1.00", "+1", "1e0", "0.0", "-0", "\t0\n"], "1 1 1 1 1 1 0 0 0");
        check(&["0", "1"], &["true", "True", "TRUE", " false ", "FALSE"], "1 1 1 0 0");
        check(&["false", "true"], &["1", "1.0", "True", "0", "0.0", "FALSE"], "true true true false false false");
        check(&["0.0", "1.0"], &["1", " 1", "true", "0"], "1.0 1.0 1.0 0.0");
        check(&["no", "yes"], &["yes", " yes", "Yes", "NO\u{a0}"], "yes yes yes no");
        check(&["1", "2", "10"], &["2.0", "10.0", "1e1", " 1"], "2 10 10 1");
        check(
            &["12345678901234567890", "7"],
            &["12345678901234567890.0", "12345678901234567891"],
            "12345678901234567890 -",
        );
    }

    #[test]
    fn another_word_names_no_class() {
        check(
            &["0", "1"],
            &["yes", "no", "Y", "2", "0.5", "", "  ", "one", "01", "1x", "0x1", "nan", "inf"],
            &["-"; 13].join(" "),
        );
        check(&["no", "yes"], &["1", "0", "true", "y"], "- - - -");
        check(&["01", "02"], &["1", "01", " 02", "1.0"], "- 01 02 -");
        check(&["-1", "1"], &["true", "false", "-1.0", "1.0"], "- - -1 1");
        check(&["0", "1", "2"], &["true", "1.0", "false"], "- 1 -");
        check(&[], &["1"], "-");
    }

    #[test]
    fn a_spelling_that_could_mean_two_classes_names_none() {
        check(&["1", "1.0"], &["1", "1.0", "1.00", " 1", "true"], "1 1.0 - 1 -");
        check(&["a", "A", "b"], &["a", "A ", "B", "á"], "a A b -");
        check(&["Yes", "yes"], &["YES", "Yes", " yes"], "- Yes yes");
        check(&["a", " a"], &["a", " a", "a "], "a  a -");
        check(&["true", "1", "0"], &["True", "1.0", "true", "1"], "- - true 1");
    }

    #[test]
    fn the_classes_of_a_column_stand_once_each() {
        let texts = |texts: &[&str]| Column::Text(texts.iter().map(|text| Some(Arc::from(*text))).collect());
        assert_eq!(distinct_classes(&texts(&["yes", " yes", "no", "Yes"])), ["no", "yes"]);
        assert_eq!(distinct_classes(&texts(&["1.0", "1", "0", "2"])), ["0", "1", "2"]);
        assert_eq!(distinct_classes(&Column::Float(vec![1.0, 0.0, f64::NAN])), ["0", "1"]);
    }

    #[test]
    fn a_label_of_a_regression_is_a_number_however_it_comes() {
        let texts = Column::Text(vec![Some(" 12.5 ".into()), Some("n/a".into()), None]);
        assert_eq!(label_number(&texts, 0), 12.5);
        assert!(label_number(&texts, 1).is_nan() && label_number(&texts, 2).is_nan());
        assert_eq!(label_number(&Column::Int(vec![Some(3)]), 0), 3.0);
    }

    #[test]
    fn numbers_and_booleans_name_the_same_class() {
        assert_eq!(class_name(&Column::Float(vec![1.0]), 0).as_deref(), Some("1"));
        assert_eq!(class_name(&Column::Bool(vec![Some(true)]), 0).as_deref(), Some("1"));
        assert_eq!(label_text(&Column::Bool(vec![Some(true)]), 0).as_deref(), Some("true"));
    }
}
