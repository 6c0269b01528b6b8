//! Which terms occur, and which are kept.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::words::{bare, raw_words};
use crate::target::TargetValues;

/// Rows that a term must occur in.
const MIN_ROWS: u32 = 2;
/// Distinct terms counted at once; past it, those seen once are forgotten.
const MAX_COUNTED: usize = 2_000_000;
/// What may join words.
const JOINTS: [char; 6] = ['.', '_', '-', '/', ':', '\''];
/// The share of words that a joint must be inside of, and the most joints: each makes the split wider.
const JOINED_SHARE: f64 = 0.02;
const MAX_JOINTS: usize = 2;

/// A term by the numbers of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Term {
    /// A part of a word, or a word that has but one.
    Part(u32),
    /// A word of several parts.
    Joined(u32),
    /// Two words in a row.
    Pair(u32, u32),
}

/// How terms are chosen when there are too many.
pub(crate) enum Rank<'a> {
    /// The most frequent.
    Frequency,
    /// Those that say most of the target.
    Target { outcome: &'a TargetValues, weights: &'a [f64] },
}

/// One word of a row.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// The bare word; `None` when it is all punctuation, which no pair spans.
    pub bare: Option<u32>,
    /// Its bare parts.
    pub parts: Vec<u32>,
}

/// Texts as numbered words.
#[derive(Default)]
pub(super) struct Corpus {
    pub joints: Vec<char>,
    pub rows: Vec<Vec<Word>>,
    numbers: HashMap<String, u32>,
    pub words: Vec<String>,
}

impl Corpus {
    pub fn read(texts: &[Option<Arc<str>>]) -> Self {
        let mut corpus = Self { joints: joints(texts), ..Self::default() };
        for text in texts {
            let words = text.iter().flat_map(|text| raw_words(text)).map(|raw| corpus.word(&raw)).collect();
            corpus.rows.push(words);
        }
        corpus
    }

    fn word(&mut self, raw: &str) -> Word {
        let parts = pieces(raw, &self.joints).map(bare).filter(|part| !part.is_empty()).map(str::to_owned);
        let parts: Vec<String> = parts.collect();
        let bare = match bare(raw) {
            "" => None,
            word => Some(self.number(word)),
        };
        Word { bare, parts: parts.iter().map(|part| self.number(part)).collect() }
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = self.words.len() as u32;
        self.numbers.insert(word.to_owned(), number);
        self.words.push(word.to_owned());
        number
    }

    /// The words of a term as a person reads them.
    pub fn spelled(&self, term: Term) -> (u8, &str, &str) {
        let word = |number: u32| self.words[number as usize].as_str();
        match term {
            Term::Part(only) => (0, word(only), ""),
            Term::Joined(only) => (1, word(only), ""),
            Term::Pair(first, second) => (2, word(first), word(second)),
        }
    }

    /// The terms to keep with the rows they occur in: parts, joined words, pairs, each by their letters, since the
    /// order of columns must not hang on a hash.
    pub fn chosen(&self, most: usize, rank: &Rank<'_>) -> Vec<(Term, u32)> {
        let frequent: HashMap<Term, u32> = self.counts().into_iter().filter(|&(_, rows)| rows >= MIN_ROWS).collect();
        let mut kept: Vec<(Term, u32)> = frequent.iter().map(|(&term, &rows)| (term, rows)).collect();
        if kept.len() > most {
            let scores: HashMap<Term, f64> = match rank {
                Rank::Frequency => frequent.iter().map(|(&term, &rows)| (term, f64::from(rows))).collect(),
                Rank::Target { outcome, weights } => self.association(&frequent, outcome, weights),
            };
            let score = |term: &Term| scores.get(term).copied().unwrap_or(0.0);
            kept.sort_unstable_by(|a, b| {
                score(&b.0).total_cmp(&score(&a.0)).then_with(|| self.spelled(a.0).cmp(&self.spelled(b.0)))
            });
            kept.truncate(most);
        }
        kept.sort_unstable_by(|a, b| self.spelled(a.0).cmp(&self.spelled(b.0)));
        kept
    }

    /// Rows that each term occurs in.
    fn counts(&self) -> HashMap<Term, u32> {
        let mut counts: HashMap<Term, u32> = HashMap::new();
        for words in &self.rows {
            for term in terms_of(words) {
                *counts.entry(term).or_default() += 1;
            }
            if counts.len() > MAX_COUNTED {
                counts.retain(|_, count| *count > 1);
            }
        }
        counts
    }

    /// How much the rows with a term differ from the rest: chi-squared for classes, squared t (up to a factor) for
    /// numbers.
    fn association(
        &self,
        frequent: &HashMap<Term, u32>,
        outcome: &TargetValues,
        weights: &[f64],
    ) -> HashMap<Term, f64> {
        let outputs = match outcome {
            TargetValues::Values(_) => 1,
            TargetValues::Classes { count, .. } => *count,
        };
        let truth = |row: usize| match outcome {
            TargetValues::Values(values) => (0, values[row]),
            TargetValues::Classes { of_row, .. } => (of_row[row] as usize, 1.0),
        };
        let total: f64 = weights.iter().sum();
        let mut overall = vec![0.0; outputs];
        let mut sums: HashMap<Term, (f64, Vec<f64>)> = HashMap::new();
        for (row, words) in self.rows.iter().enumerate() {
            let (output, value) = truth(row);
            overall[output] += weights[row] * value;
            for term in terms_of(words).into_iter().filter(|term| frequent.contains_key(term)) {
                let (weight, sums) = sums.entry(term).or_insert_with(|| (0.0, vec![0.0; outputs]));
                *weight += weights[row];
                sums[output] += weights[row] * value;
            }
        }
        let score = |weight: f64, sums: &[f64]| {
            let off = |(sum, overall): (&f64, &f64)| {
                let expected = overall / total * weight;
                let unit = if outputs == 1 { weight } else { expected };
                (sum - expected).powi(2) / unit.abs().max(f64::MIN_POSITIVE)
            };
            sums.iter().zip(&overall).map(off).sum()
        };
        sums.iter().map(|(term, (weight, sums))| (*term, score(*weight, sums))).collect()
    }
}

/// The pieces of a raw word between joints, as the graph splits it.
pub(super) fn pieces<'a>(raw: &'a str, joints: &'a [char]) -> impl Iterator<Item = &'a str> {
    raw.split(joints).filter(|piece| !piece.is_empty())
}

pub(super) fn terms_of(words: &[Word]) -> HashSet<Term> {
    let parts = words.iter().flat_map(|word| &word.parts).map(|&part| Term::Part(part));
    let joined = words.iter().filter(|word| word.parts.len() > 1).filter_map(|word| Some(Term::Joined(word.bare?)));
    let pairs = words.windows(2).filter_map(|pair| Some(Term::Pair(pair[0].bare?, pair[1].bare?)));
    parts.chain(joined).chain(pairs).collect()
}

/// The joints inside of enough words, the most frequent first.
fn joints(texts: &[Option<Arc<str>>]) -> Vec<char> {
    let mut inside = [0usize; JOINTS.len()];
    let mut words = 0usize;
    for raw in texts.iter().flatten().flat_map(|text| text.split(' ')) {
        let word = bare(raw);
        words += usize::from(!word.is_empty());
        JOINTS.iter().zip(&mut inside).for_each(|(&joint, count)| *count += usize::from(word.contains(joint)));
    }
    let mut found: Vec<(usize, char)> = inside.into_iter().zip(JOINTS).collect();
    found.retain(|&(count, _)| count as f64 >= JOINED_SHARE * words as f64 && count > 0);
    found.sort_by_key(|&(count, _)| std::cmp::Reverse(count));
    found.into_iter().take(MAX_JOINTS).map(|(_, joint)| joint).collect()
}
