//! Texts: length, words out of the reference's vocabulary, and a domain classifier on hashed character trigrams.

use crate::drift::{Distance, Measure, NumericCounts, NumericReference};
use crate::hash::{fnv1a, mixed};
use crate::outcome::{Estimate, MetricResult, Unmeasured};
use crate::performance::{BinaryRows, Labelled, Metric};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Hashed trigrams.
const GRAMS: usize = 1 << 12;
/// Words that a vocabulary keeps.
const WORDS: usize = 50_000;
/// Characters of a text that are looked at.
const LONGEST: usize = 10_000;

/// The frozen reference of a text column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextReference {
    length: NumericReference,
    unknown: NumericReference,
    words: HashSet<u64>,
}

/// How far a window of texts is from the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextDrift {
    /// Length in characters: W1 over the standard deviation.
    pub length: MetricResult<Distance>,
    /// Share of words that the reference never had: W1 over the standard deviation.
    pub unknown_words: MetricResult<Distance>,
    /// Mean share of unknown words in the window.
    pub unknown_share: f64,
}

impl TextReference {
    /// Freezes a column: the vocabulary is learned on every second text, and the share of unknown words measured on the
    /// others, so that it is what new texts would show. Fails with fewer than 20 texts.
    pub fn of(texts: &[&str]) -> MetricResult<Self> {
        if texts.len() < 20 {
            return Err(Unmeasured::too_few("texts", texts.len(), 20));
        }
        let mut words = HashSet::new();
        for text in texts.iter().step_by(2) {
            for word in hashed_words(text) {
                if words.len() < WORDS {
                    words.insert(word);
                }
            }
        }
        let lengths: Vec<f64> = texts.iter().map(|text| length(text)).collect();
        let unknown: Vec<f64> = texts.iter().skip(1).step_by(2).map(|text| unknown_share(text, &words)).collect();
        Ok(TextReference { length: NumericReference::of(&lengths)?, unknown: NumericReference::of(&unknown)?, words })
    }

    /// Compares a window.
    pub fn compare(&self, texts: &[&str]) -> MetricResult<TextDrift> {
        if texts.is_empty() {
            return Err(Unmeasured::too_few("texts", 0, 1));
        }
        let lengths: Vec<f64> = texts.iter().map(|text| length(text)).collect();
        let unknown: Vec<f64> = texts.iter().map(|text| unknown_share(text, &self.words)).collect();
        let distance = |profile: &NumericReference, window: &NumericCounts| {
            profile.distance(window, Measure::W1OverSd).or_else(|_| profile.distance(window, Measure::Ks))
        };
        Ok(TextDrift {
            length: distance(&self.length, &self.length.count(&lengths)),
            unknown_words: distance(&self.unknown, &self.unknown.count(&unknown)),
            unknown_share: unknown.iter().sum::<f64>() / unknown.len() as f64,
        })
    }
}

fn length(text: &str) -> f64 {
    text.chars().take(LONGEST).count() as f64
}

fn hashed_words(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(LONGEST)
        .map(|word| hash(word.chars().flat_map(char::to_lowercase)))
}

fn unknown_share(text: &str, words: &HashSet<u64>) -> f64 {
    let (mut unknown, mut all) = (0.0, 0.0);
    for word in hashed_words(text) {
        all += 1.0;
        unknown += f64::from(u8::from(!words.contains(&word)));
    }
    if all > 0.0 { unknown / all } else { 0.0 }
}

fn hash(chars: impl Iterator<Item = char>) -> u64 {
    mixed(fnv1a(chars))
}

/// The AUC with which a naive Bayes classifier of hashed character trigrams tells current texts from reference ones,
/// cross-fitted in five folds: 0.5 when it cannot. Worth an alert when the lower bound is above 0.55.
pub fn trigram_domain_auc(reference: &[&str], current: &[&str], level: f64) -> MetricResult<Estimate> {
    let least = reference.len().min(current.len());
    if least < 25 {
        return Err(Unmeasured::too_few("texts in one of the samples", least, 25));
    }
    let texts: Vec<(Vec<u16>, bool)> = reference
        .iter()
        .map(|text| (grams(text), false))
        .chain(current.iter().map(|text| (grams(text), true)))
        .collect();
    let mut score = vec![0.0; texts.len()];
    for fold in 0..5 {
        // Texts that contain a trigram, in either sample.
        let mut counts = [vec![1.0f64; GRAMS], vec![1.0; GRAMS]];
        let mut totals = [2.0f64, 2.0];
        for (_, (grams, is_current)) in texts.iter().enumerate().filter(|(row, _)| row % 5 != fold) {
            let side = usize::from(*is_current);
            totals[side] += 1.0;
            grams.iter().for_each(|gram| counts[side][usize::from(*gram)] += 1.0);
        }
        for (row, (grams, _)) in texts.iter().enumerate().filter(|(row, _)| row % 5 == fold) {
            let odds = |gram: &u16| {
                let gram = usize::from(*gram);
                (counts[1][gram] / totals[1]).ln() - (counts[0][gram] / totals[0]).ln()
            };
            // The mean, so that long texts do not shout.
            score[row] = grams.iter().map(odds).sum::<f64>() / grams.len().max(1) as f64;
        }
    }
    let truth: Vec<bool> = texts.iter().map(|text| text.1).collect();
    Metric::Auc.measure(&Labelled::Binary(BinaryRows::scored(&truth, &score, 0.0)?), level)
}

/// Distinct hashed trigrams of a text.
fn grams(text: &str) -> Vec<u16> {
    let chars: Vec<char> = text.chars().take(LONGEST).flat_map(char::to_lowercase).collect();
    let mut grams: Vec<u16> =
        chars.windows(3).map(|three| (hash(three.iter().copied()) % GRAMS as u64) as u16).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}
