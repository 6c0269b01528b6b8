//! Words and pairs of words of a text column.
//!
//! Standard ONNX can lower-case (ASCII) and split at spaces, but not strip punctuation. So the vocabulary lists, for
//! each term, the ways it was written (`end`, `end.`, `(end`) plus the usual ones, and all of them count for one column.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kilter_inference::onnx::AttributeValue;

use crate::{graph::Graph, target::Outcome};

/// Rows that a term must occur in.
const LEAST_ROWS: u32 = 2;
/// Distinct terms counted at once; past it, those seen once are forgotten.
const MAX_COUNTED: usize = 2_000_000;
/// Ways to write a word, and a pair, that are kept.
const WORD_FORMS: usize = 24;
const PAIR_FORMS: usize = 6;
/// Usual ways to write a word, as text before and after it.
const DECORATIONS: [(&str, &str); 12] = [
    ("", ","),
    ("", "."),
    ("", ":"),
    ("", ";"),
    ("", "!"),
    ("", "?"),
    ("(", ""),
    ("", ")"),
    ("", ")."),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
];

/// A word, or two words in a row, by number.
type Term = (u32, Option<u32>);

/// The terms of one text column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vocabulary {
    /// Forms of each kept word, then of each kept pair; the plain form first.
    words: Vec<Vec<String>>,
    pairs: Vec<Vec<[String; 2]>>,
    /// Inverse document frequency by term, words first.
    pub idf: Vec<f32>,
    /// Each term as a person reads it.
    pub names: Vec<String>,
}

/// How terms are chosen when there are too many.
pub(crate) enum Rank<'a> {
    /// The most frequent.
    Frequency,
    /// Those that say most of the target.
    Target { outcome: &'a Outcome, weights: &'a [f64] },
}

/// A raw word without what is not letter or digit at its ends.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The words of a text as the graph splits it.
fn raw_words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_ascii_lowercase)
}

/// Words that were met, numbered.
#[derive(Default)]
struct Interner {
    numbers: HashMap<String, u32>,
    words: Vec<String>,
}

impl Interner {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(&number) = self.numbers.get(word) {
            return number;
        }
        let number = self.words.len() as u32;
        self.numbers.insert(word.to_owned(), number);
        self.words.push(word.to_owned());
        number
    }
}

/// The bare words of each text; `None` for a word that is all punctuation, which no pair spans.
fn numbered(texts: &[Option<Arc<str>>], interner: &mut Interner) -> Vec<Vec<Option<u32>>> {
    let mut number = |raw: String| match bare(&raw) {
        "" => None,
        word => Some(interner.number(word)),
    };
    texts.iter().map(|text| text.iter().flat_map(|text| raw_words(text)).map(&mut number).collect()).collect()
}

fn terms_of(words: &[Option<u32>]) -> HashSet<Term> {
    let single = words.iter().flatten().map(|&word| (word, None));
    let pairs = words.windows(2).filter_map(|pair| Some((pair[0]?, Some(pair[1]?))));
    single.chain(pairs).collect()
}

impl Vocabulary {
    /// The terms of the training rows, at most `most`. `None` when no term occurs often enough.
    pub fn of(texts: &[Option<Arc<str>>], most: usize, rank: &Rank<'_>) -> Option<Self> {
        let mut interner = Interner::default();
        let rows = numbered(texts, &mut interner);
        let counts = counts(&rows);
        let mut kept = chosen(&rows, counts, most, rank, &interner);
        if kept.is_empty() {
            return None;
        }
        // Words before pairs, each by their letters: the order of columns must not hang on a hash.
        let spelled = |term: &Term| {
            let word = |number: u32| interner.words[number as usize].clone();
            (term.1.is_some(), word(term.0), term.1.map(word))
        };
        kept.sort_by_cached_key(|(term, _)| spelled(term));
        let forms = Forms::of(texts, &rows, &kept);
        let names = kept.iter().map(|(term, _)| {
            let (_, first, second) = spelled(term);
            second.map_or(first.clone(), |second| format!("{first} {second}"))
        });
        let count = texts.len() as f64;
        Some(Self {
            names: names.collect(),
            idf: kept.iter().map(|&(_, df)| (((1.0 + count) / (1.0 + f64::from(df))).ln() + 1.0) as f32).collect(),
            words: kept
                .iter()
                .filter(|(term, _)| term.1.is_none())
                .map(|(term, _)| forms.word(term.0, &interner))
                .collect(),
            pairs: kept.iter().filter_map(|(term, _)| forms.pair(*term, &interner)).collect(),
        })
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Adds the nodes that turn `input` (`[N, 1]` strings) into one where a term occurs: `[N, terms]`.
    pub fn write(&self, graph: &mut Graph, input: &str) -> String {
        let text = |value: &str| AttributeValue::Text(value.to_owned());
        let flat = graph.ints(&format!("{input}:flat"), &[1], vec![-1]);
        let flat = graph.core("Reshape", &[input, &flat], &format!("{input}:texts"), &[]);
        let lower = [("case_change_action", text("LOWER")), ("locale", text("C"))];
        let lower = graph.core("StringNormalizer", &[&flat], &format!("{input}:lower"), &lower);
        let hints = [format!("{input}:words"), format!("{input}:word_count")];
        let split = graph.node("", "StringSplit", &[&lower], &[&hints[0], &hints[1]], &[]);
        let mut pool: Vec<String> = self.words.iter().flatten().cloned().collect();
        let pairs_begin = pool.len() as i64;
        pool.extend(self.pairs.iter().flatten().flatten().cloned());
        let sizes = self.words.iter().map(Vec::len).chain(self.pairs.iter().map(Vec::len));
        let columns = sizes.enumerate().flat_map(|(column, size)| std::iter::repeat_n(column as i64, size)).collect();
        let longest = if self.pairs.is_empty() { 1 } else { 2 };
        let settings = [
            ("mode", text("IDF")),
            ("min_gram_length", AttributeValue::Int(1)),
            ("max_gram_length", AttributeValue::Int(longest)),
            ("max_skip_count", AttributeValue::Int(0)),
            ("ngram_counts", AttributeValue::Ints(if longest == 1 { vec![0] } else { vec![0, pairs_begin] })),
            ("ngram_indexes", AttributeValue::Ints(columns)),
            ("pool_strings", AttributeValue::Texts(pool)),
        ];
        graph.core("TfIdfVectorizer", &[&split[0]], &format!("{input}:terms"), &settings)
    }
}

/// Rows that each term occurs in.
fn counts(rows: &[Vec<Option<u32>>]) -> HashMap<Term, u32> {
    let mut counts: HashMap<Term, u32> = HashMap::new();
    for words in rows {
        for term in terms_of(words) {
            *counts.entry(term).or_default() += 1;
        }
        if counts.len() > MAX_COUNTED {
            counts.retain(|_, count| *count > 1);
        }
    }
    counts
}

/// The terms to keep, with the rows they occur in.
fn chosen(
    rows: &[Vec<Option<u32>>],
    counts: HashMap<Term, u32>,
    most: usize,
    rank: &Rank<'_>,
    interner: &Interner,
) -> Vec<(Term, u32)> {
    let frequent: HashMap<Term, u32> = counts.into_iter().filter(|&(_, count)| count >= LEAST_ROWS).collect();
    if frequent.len() <= most {
        return frequent.into_iter().collect();
    }
    let scores: HashMap<Term, f64> = match rank {
        Rank::Frequency => frequent.iter().map(|(&term, &count)| (term, f64::from(count))).collect(),
        Rank::Target { outcome, weights } => association(rows, &frequent, outcome, weights),
    };
    let mut sorted: Vec<(Term, u32)> = frequent.into_iter().collect();
    let score = |term: &Term| scores.get(term).copied().unwrap_or(0.0);
    let letters = |term: &Term| (&interner.words[term.0 as usize], term.1.map(|word| &interner.words[word as usize]));
    sorted.sort_unstable_by(|a, b| score(&b.0).total_cmp(&score(&a.0)).then_with(|| letters(&a.0).cmp(&letters(&b.0))));
    sorted.truncate(most);
    sorted
}

/// How much the rows with a term differ from the rest: chi-squared for classes, squared t for numbers (up to a factor).
fn association(
    rows: &[Vec<Option<u32>>],
    frequent: &HashMap<Term, u32>,
    outcome: &Outcome,
    weights: &[f64],
) -> HashMap<Term, f64> {
    let outputs = match outcome {
        Outcome::Values(_) => 1,
        Outcome::Classes { count, .. } => *count,
    };
    let mut sums: HashMap<Term, Vec<f64>> = HashMap::new();
    let mut overall = vec![0.0; outputs];
    let total: f64 = weights.iter().sum();
    let truth = |row: usize| match outcome {
        Outcome::Values(values) => (0, values[row]),
        Outcome::Classes { of_row, .. } => (of_row[row] as usize, 1.0),
    };
    for (row, words) in rows.iter().enumerate() {
        let (output, value) = truth(row);
        overall[output] += weights[row] * value;
        for term in terms_of(words).into_iter().filter(|term| frequent.contains_key(term)) {
            sums.entry(term).or_insert_with(|| vec![0.0; outputs])[output] += weights[row] * value;
        }
    }
    let score = |term: &Term, sums: &[f64]| {
        let rows = f64::from(frequent[term]);
        let off = |(sum, overall): (&f64, &f64)| {
            let expected = overall / total * rows;
            match outcome {
                Outcome::Values(_) => (sum - expected).powi(2) / rows,
                Outcome::Classes { .. } => (sum - expected).powi(2) / expected.abs().max(f64::MIN_POSITIVE),
            }
        };
        sums.iter().zip(&overall).map(off).sum()
    };
    sums.iter().map(|(term, sums)| (*term, score(term, sums))).collect()
}

/// How kept terms were written in the training rows.
struct Forms {
    words: HashMap<u32, HashMap<String, u32>>,
    pairs: HashMap<Term, HashMap<[String; 2], u32>>,
}

impl Forms {
    fn of(texts: &[Option<Arc<str>>], rows: &[Vec<Option<u32>>], kept: &[(Term, u32)]) -> Self {
        let kept: HashSet<Term> = kept.iter().map(|(term, _)| *term).collect();
        let mut forms = Self { words: HashMap::new(), pairs: HashMap::new() };
        for (text, words) in texts.iter().zip(rows) {
            let raw: Vec<String> = text.iter().flat_map(|text| raw_words(text)).collect();
            for (at, &word) in words.iter().enumerate() {
                let Some(word) = word else { continue };
                if kept.contains(&(word, None)) {
                    *forms.words.entry(word).or_default().entry(raw[at].clone()).or_default() += 1;
                }
                let term = (word, words.get(at + 1).copied().flatten());
                if term.1.is_some() && kept.contains(&term) {
                    let pair = [raw[at].clone(), raw[at + 1].clone()];
                    *forms.pairs.entry(term).or_default().entry(pair).or_default() += 1;
                }
            }
        }
        forms
    }

    fn word(&self, word: u32, interner: &Interner) -> Vec<String> {
        let plain = interner.words[word as usize].clone();
        let usual = DECORATIONS.iter().map(|(before, after)| format!("{before}{plain}{after}"));
        let met = self.words.get(&word).map_or(Vec::new(), |forms| most_frequent(forms, WORD_FORMS));
        distinct(std::iter::once(plain.clone()).chain(met).chain(usual))
    }

    fn pair(&self, term: Term, interner: &Interner) -> Option<Vec<[String; 2]>> {
        let plain = [term.0, term.1?].map(|word| interner.words[word as usize].clone());
        let met = self.pairs.get(&term).map_or(Vec::new(), |forms| most_frequent(forms, PAIR_FORMS));
        Some(distinct(std::iter::once(plain).chain(met)))
    }
}

fn most_frequent<T: Clone + Ord>(forms: &HashMap<T, u32>, most: usize) -> Vec<T> {
    let mut sorted: Vec<(&T, &u32)> = forms.iter().collect();
    sorted.sort_unstable_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    sorted.into_iter().take(most).map(|(form, _)| form.clone()).collect()
}

/// Without repetitions, in the order of first sight.
fn distinct<T: Clone + Eq + std::hash::Hash>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(item.clone())).collect()
}
