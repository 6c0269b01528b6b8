//! How terms are written.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    terms::{Corpus, Term, pieces},
    words::{bare, raw_words},
};

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

/// How kept terms were written in the training rows.
pub(super) struct TokenForms {
    words: HashMap<Term, HashMap<String, u32>>,
    pairs: HashMap<Term, HashMap<[String; 2], u32>>,
}

impl TokenForms {
    pub fn of(texts: &[Option<Arc<str>>], corpus: &Corpus, kept: &[(Term, u32)]) -> Self {
        let kept: HashSet<Term> = kept.iter().map(|(term, _)| *term).collect();
        let mut forms = Self { words: HashMap::new(), pairs: HashMap::new() };
        for (text, words) in texts.iter().zip(&corpus.rows) {
            let raw: Vec<String> = text.iter().flat_map(|text| raw_words(text)).collect();
            for (at, word) in words.iter().enumerate() {
                let written = pieces(&raw[at], &corpus.joints).filter(|piece| !bare(piece).is_empty());
                for (&part, piece) in word.parts.iter().zip(written) {
                    forms.count(&kept, Term::Part(part), piece);
                }
                let Some(first) = word.bare else { continue };
                if word.parts.len() > 1 {
                    forms.count(&kept, Term::Joined(first), &raw[at]);
                }
                if let Some(second) = words.get(at + 1).and_then(|next| next.bare)
                    && kept.contains(&Term::Pair(first, second))
                {
                    let pair = [raw[at].clone(), raw[at + 1].clone()];
                    *forms.pairs.entry(Term::Pair(first, second)).or_default().entry(pair).or_default() += 1;
                }
            }
        }
        forms
    }

    fn count(&mut self, kept: &HashSet<Term>, term: Term, written: &str) {
        if kept.contains(&term) {
            *self.words.entry(term).or_default().entry(written.to_owned()).or_default() += 1;
        }
    }

    /// The forms of a part or joined word, the plain one first.
    pub fn word(&self, term: Term, word: u32, corpus: &Corpus) -> Vec<String> {
        let plain = corpus.words[word as usize].clone();
        let met = self.words.get(&term).map_or(Vec::new(), |forms| most_frequent(forms, WORD_FORMS));
        let usual = DECORATIONS.iter().map(|(before, after)| format!("{before}{plain}{after}"));
        distinct(std::iter::once(plain.clone()).chain(met).chain(usual))
    }

    /// The forms of a pair, the plain one first; `None` for other terms.
    pub fn pair(&self, term: Term, corpus: &Corpus) -> Option<Vec<[String; 2]>> {
        let Term::Pair(first, second) = term else { return None };
        let plain = [first, second].map(|word| corpus.words[word as usize].clone());
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
