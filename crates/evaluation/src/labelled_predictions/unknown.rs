//! Labels that name no class of the model: left out and counted, and beyond a small share nothing is measured.
//!
//! Invariants: such a label is never taken for another class, so that labels in other words than the model's raise no
//! alarm and pass no gate.

use std::{collections::HashMap, sync::Arc};

use kilter_domain::plural::{counted, plural};
use kilter_stats::{MetricResult, Unmeasured};

use super::classes::ClassMatcher;

/// The share of labels that may be left out. A metric that is a mean over rows, such as accuracy, differs by at most this
/// from its value over all of them, whatever the labels that are left out mean: 0.05 is about the width of an interval
/// on some hundred rows. With more of them the number would say more about the spelling than about the model.
pub const MAX_UNKNOWN_SHARE: f64 = 0.05;
/// Words that a sentence names at most.
const MAX_NAMED: usize = 5;
/// Classes that a sentence names at most.
const MAX_CLASSES: usize = 8;
/// Characters of a word at most.
const MAX_LENGTH: usize = 40;

/// How the labels of some rows fit the classes of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelCheck {
    /// Rows with a label.
    pub labelled: usize,
    /// Of these, rows whose label names no class.
    pub unknown: usize,
    /// Each label that names no class with its rows, those of most rows first.
    pub words: Vec<(Arc<str>, usize)>,
    /// The classes of the model; empty for a regression, whose labels are numbers.
    pub classes: Vec<String>,
}

impl LabelCheck {
    /// Of all labels those that name no class.
    pub fn new<'l>(classes: &[String], labelled: usize, unknown: impl Iterator<Item = &'l Arc<str>>) -> Self {
        let mut counts: HashMap<&Arc<str>, usize> = HashMap::new();
        unknown.for_each(|word| *counts.entry(word).or_default() += 1);
        let mut words: Vec<(Arc<str>, usize)> = counts.into_iter().map(|(word, rows)| (word.clone(), rows)).collect();
        words.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let unknown = words.iter().map(|(_, rows)| rows).sum();
        Self { labelled, unknown, words, classes: classes.to_vec() }
    }

    /// The same labels beside more classes.
    pub fn beside(&self, classes: &[String], matcher: &ClassMatcher) -> Self {
        let words: Vec<_> = self.words.iter().filter(|(word, _)| matcher.class_of(word).is_none()).cloned().collect();
        let unknown = words.iter().map(|(_, rows)| rows).sum();
        Self { labelled: self.labelled, unknown, words, classes: classes.to_vec() }
    }

    /// The share of the labels that name no class.
    pub fn unknown_share(&self) -> f64 {
        self.unknown as f64 / self.labelled.max(1) as f64
    }

    /// Whether so many labels name no class that nothing can be measured.
    pub fn is_beyond(&self) -> bool {
        self.unknown as f64 > MAX_UNKNOWN_SHARE * self.labelled as f64
    }

    /// # Errors
    /// When too many labels name no class.
    pub fn tolerable(&self) -> MetricResult<()> {
        match self.is_beyond() {
            true => Err(Unmeasured::UnknownLabels { why: self.sentence() }),
            false => Ok(()),
        }
    }

    /// What a measurement leaves out; `None` where it leaves out nothing.
    pub fn note(&self) -> Option<String> {
        (self.unknown > 0 && !self.is_beyond()).then(|| format!("{}; left out", self.sentence()))
    }

    /// How many labels name no class, and which words they are.
    pub fn sentence(&self) -> String {
        let what = match self.classes.is_empty() {
            true => "a number".to_owned(),
            false => format!("a class of the model ({})", listed(self.classes.iter().map(String::as_str), MAX_CLASSES)),
        };
        let words: Vec<String> = self.words.iter().map(|(word, rows)| format!("{} ({rows})", quoted(word))).collect();
        let words = listed_raw(&words, MAX_NAMED);
        match self.unknown == self.labelled {
            true => format!("not one of the {} is {what}; they read {words}", counted(self.labelled, "label")),
            false => format!(
                "{} of {} {} not {what}: {words}",
                self.unknown,
                counted(self.labelled, "label"),
                plural(self.unknown, "is", "are")
            ),
        }
    }
}

/// A word between backticks: cut, and without characters that steer a terminal.
pub fn quoted(word: &str) -> String {
    let is_short = word.chars().count() <= MAX_LENGTH;
    let shown = word.chars().take(MAX_LENGTH).flat_map(|c| {
        let plain = (!c.is_control()).then_some(c);
        plain.into_iter().chain(c.is_control().then(|| c.escape_unicode()).into_iter().flatten())
    });
    format!("`{}{}`", shown.collect::<String>(), if is_short { "" } else { "…" })
}

fn listed<'w>(words: impl Iterator<Item = &'w str>, most: usize) -> String {
    listed_raw(&words.map(quoted).collect::<Vec<_>>(), most)
}

fn listed_raw(words: &[String], most: usize) -> String {
    let more = words.len().saturating_sub(most);
    let named = words[..words.len() - more].join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(classes: &[&str], labelled: usize, unknown: &[(&str, usize)], expected: &str) {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let words: Vec<Arc<str>> =
            unknown.iter().flat_map(|(word, rows)| std::iter::repeat_n(Arc::from(*word), *rows)).collect();
        let check = LabelCheck::new(&classes, labelled, words.iter());
        let sentence = check.tolerable().err().map(|why| why.to_string()).or(check.note()).unwrap_or_default();
        assert_eq!(sentence, expected);
    }

    #[test]
    fn what_is_left_out_is_counted_and_named() {
        check(&["0", "1"], 100, &[], "");
        let few = "5 of 100 labels are not a class of the model (`0`, `1`): `maybe` (3), `?` (2); left out";
        check(&["0", "1"], 100, &[("?", 2), ("maybe", 3)], few);
        check(&["0", "1"], 99, &[("?", 5)], "5 of 99 labels are not a class of the model (`0`, `1`): `?` (5)");
    }

    #[test]
    fn not_one_known_class_is_said_with_the_words_that_came() {
        let all = "not one of the 80 labels is a class of the model (`0`, `1`); they read `no` (59), `yes` (21)";
        check(&["0", "1"], 80, &[("no", 59), ("yes", 21)], all);
        check(&[], 2, &[("n/a", 2)], "not one of the 2 labels is a number; they read `n/a` (2)");
    }

    #[test]
    fn a_word_neither_floods_a_sentence_nor_steers_a_terminal() {
        assert_eq!(quoted("\u{1b}[2Jx"), "`\\u{1b}[2Jx`");
        assert_eq!(quoted(&"é".repeat(41)).chars().count(), 43);
        let words: Vec<String> = (0..9).map(|at| at.to_string()).collect();
        assert_eq!(listed_raw(&words, 5), "0, 1, 2, 3, 4 and 4 more");
    }
}
