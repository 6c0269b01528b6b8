//! Words, parts of words and pairs of words of a text column.
//!
//! Standard ONNX can lower-case (ASCII) and split at a fixed text, but not strip punctuation. So the vocabulary lists,
//! for each term, the ways it was written (`end`, `end.`, `(end`) plus the usual ones, and all of them count for one
//! column. Where words are often joined inside (`os.path`, `e-mail`), the graph splits once more there.

mod terms;
mod tokenize;
mod words;

use std::sync::Arc;

use kilter_inference::onnx::{AttributeValue, ML};

use self::{
    terms::{Corpus, Term},
    tokenize::TokenForms,
};
use crate::graph::Graph;

pub(crate) use terms::Rank;

/// By term, the ways it is written.
type WrittenAs = Vec<Vec<String>>;

/// The terms of one text column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vocabulary {
    /// What words are split at once more, beyond spaces.
    joints: Vec<char>,
    /// Forms of kept parts of words (of words, when nothing is split once more), the plain one first.
    parts: WrittenAs,
    /// Forms of kept joined words.
    joined: WrittenAs,
    pairs: Vec<Vec<[String; 2]>>,
    /// Inverse document frequency by term: parts, joined words, pairs.
    pub idf: Vec<f32>,
}

impl Vocabulary {
    /// The terms of the training rows, at most `most`. `None` when no term occurs often enough.
    pub fn of(texts: &[Option<Arc<str>>], most: usize, rank: &Rank<'_>) -> Option<Self> {
        let corpus = Corpus::read(texts);
        let kept = corpus.chosen(most, rank);
        if kept.is_empty() {
            return None;
        }
        let forms = TokenForms::of(texts, &corpus, &kept);
        let words_of = |wanted: fn(&Term) -> Option<u32>| -> WrittenAs {
            kept.iter().filter_map(|(term, _)| wanted(term).map(|word| forms.word(*term, word, &corpus))).collect()
        };
        let count = texts.len() as f64;
        Some(Self {
            joints: corpus.joints.clone(),
            idf: kept.iter().map(|&(_, df)| (((1.0 + count) / (1.0 + f64::from(df))).ln() + 1.0) as f32).collect(),
            parts: words_of(|term| if let Term::Part(word) = term { Some(*word) } else { None }),
            joined: words_of(|term| if let Term::Joined(word) = term { Some(*word) } else { None }),
            pairs: kept.iter().filter_map(|(term, _)| forms.pair(*term, &corpus)).collect(),
        })
    }

    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// Adds the nodes that turn `input` (`[N, 1]` strings) into one where a term occurs: `[N, terms]`.
    pub fn write(&self, graph: &mut Graph, input: &str) -> String {
        let text = |value: &str| AttributeValue::Text(value.to_owned());
        let flat = graph.ints(&format!("{input}:flat"), &[1], vec![-1]);
        let flat = graph.core("Reshape", &[input, &flat], &format!("{input}:texts"), &[]);
        let lower = [("case_change_action", text("LOWER")), ("locale", text("C"))];
        let lower = graph.core("StringNormalizer", &[&flat], &format!("{input}:lower"), &lower);
        let words = split(graph, input, &lower, None);
        if self.joints.is_empty() {
            return present(graph, input, &words, &self.parts, &self.pairs);
        }
        let mut parts = words.clone();
        for joint in &self.joints {
            let pieces = split(graph, input, &parts, Some(*joint));
            // A row's pieces in one line: [N, words, pieces] becomes [N, words x pieces].
            let line = graph.ints(&format!("{input}:line"), &[2], vec![0, -1]);
            parts = graph.core("Reshape", &[&pieces, &line], &format!("{input}:parts"), &[]);
        }
        let parts = (!self.parts.is_empty()).then(|| present(graph, input, &parts, &self.parts, &[]));
        let has_words = !self.joined.is_empty() || !self.pairs.is_empty();
        let whole = has_words.then(|| present(graph, input, &words, &self.joined, &self.pairs));
        match (parts, whole) {
            (Some(parts), Some(whole)) => {
                let axis = [("axis", AttributeValue::Int(1))];
                graph.core("Concat", &[&parts, &whole], &format!("{input}:terms"), &axis)
            }
            (Some(only), None) | (None, Some(only)) => only,
            // A vocabulary has terms.
            (None, None) => words,
        }
    }

    /// Terms weighted by rarity, each row scaled to length one: what a linear model reads.
    pub fn weigh(&self, graph: &mut Graph, input: &str, present: &str) -> String {
        let idf = graph.floats(&format!("{input}:idf"), &[1, self.len()], self.idf.clone());
        let weighted = graph.core("Mul", &[present, &idf], &format!("{input}:weighted"), &[]);
        let norm = [("norm", AttributeValue::Text("L2".into()))];
        graph.node(ML, "Normalizer", &[&weighted], &[&format!("{input}:normalised")], &norm).remove(0)
    }
}

/// `StringSplit` at spaces, or at `joint`.
fn split(graph: &mut Graph, input: &str, texts: &str, joint: Option<char>) -> String {
    let hints = [format!("{input}:words"), format!("{input}:word_count")];
    let delimiter = joint.map(|joint| ("delimiter", AttributeValue::Text(joint.to_string())));
    graph.node("", "StringSplit", &[texts], &[&hints[0], &hints[1]], delimiter.as_slice()).remove(0)
}

/// `TfIdfVectorizer` that says which terms occur.
fn present(graph: &mut Graph, input: &str, words: &str, single: &[Vec<String>], pairs: &[Vec<[String; 2]>]) -> String {
    let mut pool: Vec<String> = single.iter().flatten().cloned().collect();
    let pairs_begin = pool.len() as i64;
    pool.extend(pairs.iter().flatten().flatten().cloned());
    let sizes = single.iter().map(Vec::len).chain(pairs.iter().map(Vec::len));
    let columns = sizes.enumerate().flat_map(|(column, size)| std::iter::repeat_n(column as i64, size)).collect();
    let longest = if pairs.is_empty() { 1 } else { 2 };
    let settings = [
        ("mode", AttributeValue::Text("IDF".into())),
        ("min_gram_length", AttributeValue::Int(if single.is_empty() { 2 } else { 1 })),
        ("max_gram_length", AttributeValue::Int(longest)),
        ("max_skip_count", AttributeValue::Int(0)),
        ("ngram_counts", AttributeValue::Ints(if longest == 1 { vec![0] } else { vec![0, pairs_begin] })),
        ("ngram_indexes", AttributeValue::Ints(columns)),
        ("pool_strings", AttributeValue::Texts(pool)),
    ];
    graph.core("TfIdfVectorizer", &[words], &format!("{input}:terms"), &settings)
}
