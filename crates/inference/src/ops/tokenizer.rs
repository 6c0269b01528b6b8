//! Text by regular expressions and hashes: onnxruntime's `Tokenizer`, which skl2onnx writes for vectorizers, and what pipelines use beside it.
//!
//! Invariants: regular expressions are those of RE2 (no look-around, no back reference), so their time is linear in the text; a compiled one
//! takes at most [`MAX_PATTERN_BYTES`].

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::{
    Arguments, Attributes, Built, Operator, Outputs,
    broadcast::{Walk, common_shape},
};
use crate::tensor::{Tensor, Value, Words};

/// The most bytes of a compiled regular expression.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// The longest text that is split: offsets of words are 32 bits.
const MAX_TEXT_BYTES: usize = 1 << 30;

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "RegexFullMatch" => full_match(node),
        "StringConcat" => Ok(Box::new(StringConcat)),
        _ => return None,
    })
}

/// The operators of the domain `com.microsoft`.
pub(super) fn build_microsoft(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "Tokenizer" => tokenizer(node),
        "MurmurHash3" => murmur(node),
        _ => return None,
    })
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES).build();
    built.map_err(|error| format!("the regular expression `{pattern}` cannot be used: {error}"))
}

/// How a text becomes words.
#[derive(Debug)]
enum Rule {
    /// The matches are words.
    Matches(Regex),
    /// What lies between the matches are words; one behind the other, in the order of the separators.
    Between(Vec<Regex>),
    /// Every character is one.
    Characters,
}

/// `Tokenizer`: the words of every text, without the padding that onnxruntime puts behind them.
#[derive(Debug)]
struct Tokenizer {
    rule: Rule,
    min_chars: usize,
}

fn tokenizer(node: &Attributes<'_>) -> Built {
    if node.int("mark", 0)? != 0 {
        return Err("marks at both ends are not supported".into());
    }
    let min_chars = usize::try_from(node.int("mincharnum", 1)?).ok().filter(|&count| count > 0);
    let min_chars = min_chars.ok_or("mincharnum must be positive")?;
    let rule = match (node.text("tokenexp", "")?, node.texts("separators")?) {
        ("", []) => return Err("it has neither a tokenexp nor separators".into()),
        ("", [separator]) if separator.is_empty() => Rule::Characters,
        ("", separators) => {
            Rule::Between(separators.iter().map(|pattern| compiled(pattern)).collect::<Result<_, _>>()?)
        }
        (".", []) => Rule::Characters,
        (pattern, []) => Rule::Matches(compiled(pattern)?),
        _ => return Err("it has both a tokenexp and separators".into()),
    };
    Ok(Box::new(Tokenizer { rule, min_chars }))
}

impl Rule {
    /// Adds the byte ranges of the words of `text`.
    fn split(&self, text: &str, out: &mut Vec<(u32, u32)>) {
        match self {
            Self::Matches(pattern) => {
                let matches = pattern.find_iter(text).filter(|found| !found.is_empty());
                out.extend(matches.map(|found| (found.start() as u32, found.end() as u32)));
            }
            Self::Characters => {
                out.extend(text.char_indices().map(|(at, letter)| (at as u32, (at + letter.len_utf8()) as u32)));
            }
            Self::Between(separators) => {
                let mut parts = vec![(0, text.len())];
                for separator in separators {
                    parts = parts.into_iter().flat_map(|(from, to)| between(separator, text, from, to)).collect();
                }
                out.extend(parts.into_iter().map(|(from, to)| (from as u32, to as u32)));
            }
        }
    }
}

/// The parts of `text[from..to]` between the matches that are not empty.
fn between(separator: &Regex, text: &str, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut start = from;
    for found in separator.find_iter(&text[from..to]).filter(|found| !found.is_empty()) {
        parts.push((start, from + found.start()));
        start = from + found.end();
    }
    parts.push((start, to));
    parts.retain(|(from, to)| from < to);
    parts
}

impl Operator for Tokenizer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let tensor = inputs.get(0)?.texts()?;
        if !matches!(*tensor.shape.dims(), [_] | [_, 1]) {
            return Err(format!("one text per row is needed, not the shape {:?}", tensor.shape.dims()));
        }
        let mut words = Words { texts: tensor.data.clone(), words: Vec::new(), ends: Vec::new(), has_gaps: false };
        for text in &tensor.data {
            if text.len() > MAX_TEXT_BYTES {
                return Err(format!("a text has {} bytes, at most {MAX_TEXT_BYTES} are split", text.len()));
            }
            let start = words.words.len();
            self.rule.split(text, &mut words.words);
            if self.min_chars > 1 {
                let mut kept = words.words.split_off(start);
                kept.retain(|&(from, to)| text[from as usize..to as usize].chars().count() >= self.min_chars);
                words.words.append(&mut kept);
            }
            words.ends.push(words.words.len());
        }
        Ok(vec![Value::Words(words)])
    }
}

#[derive(Debug)]
struct RegexFullMatch(Regex);

fn full_match(node: &Attributes<'_>) -> Built {
    let pattern = node.text("pattern", "")?;
    // Checked alone first: a bracket of its own must not close ours.
    compiled(pattern)?;
    Ok(Box::new(RegexFullMatch(compiled(&format!("^(?:{pattern})$"))?)))
}

impl Operator for RegexFullMatch {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        Ok(vec![Value::Bool(inputs.get(0)?.texts()?.map(|text| self.0.is_match(text)))])
    }
}

/// `StringConcat`: texts one behind the other, element by element.
#[derive(Debug)]
struct StringConcat;

/// The most bytes of all texts that one node joins.
const MAX_JOINED_BYTES: usize = 1 << 28;

impl Operator for StringConcat {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let (left, right) = (inputs.get(0)?.texts()?, inputs.get(1)?.texts()?);
        let shape = common_shape(&left.shape, &right.shape)?;
        let (of_left, of_right) = (Walk::over(&left.shape, &shape), Walk::over(&right.shape, &shape));
        let (mut data, mut bytes) = (Vec::with_capacity(shape.count()), 0usize);
        for at in 0..shape.count() {
            let text = format!("{}{}", left.data[of_left.at(at)], right.data[of_right.at(at)]);
            bytes += text.len();
            if bytes > MAX_JOINED_BYTES {
                return Err(format!("the joined texts have more than {MAX_JOINED_BYTES} bytes"));
            }
            data.push(Arc::from(text));
        }
        Ok(vec![Value::Text(Tensor { shape, data })])
    }
}

/// `MurmurHash3` of 32 bits (Appleby's `MurmurHash3_x86_32`), with which `FeatureHasher` finds columns.
#[derive(Debug)]
struct MurmurHash3 {
    seed: u32,
    is_positive: bool,
}

fn murmur(node: &Attributes<'_>) -> Built {
    let seed = u32::try_from(node.int("seed", 0)?).map_err(|_| "the seed is out of range")?;
    Ok(Box::new(MurmurHash3 { seed, is_positive: node.int("positive", 1)? != 0 }))
}

fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mixed = |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut hash = blocks.iter().fold(seed, |hash, block| {
        (hash ^ mixed(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    if !rest.is_empty() {
        hash ^= mixed(rest.iter().rev().fold(0, |block, &byte| block << 8 | u32::from(byte)));
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ hash >> 16).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ hash >> 13).wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

impl Operator for MurmurHash3 {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let of = |bytes: &[u8]| {
            let hash = hash(bytes, self.seed);
            if self.is_positive { i64::from(hash) } else { i64::from(hash.cast_signed()) }
        };
        Ok(vec![Value::Int(match inputs.get(0)? {
            Value::Text(tensor) => tensor.map(|text| of(text.as_bytes())),
            other => return Err(format!("texts are needed, not a {}", other.kind())),
        })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(rule: Rule, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        rule.split(text, &mut words);
        words.into_iter().map(|(from, to)| text[from as usize..to as usize].to_owned()).collect()
    }

    #[test]
    fn texts_are_split_by_matches_by_separators_and_by_characters() {
        let pattern = |text: &str| compiled(text).unwrap();
        assert_eq!(split(Rule::Matches(pattern("[a-z]+")), "ab, ü c1"), ["ab", "c"]);
        assert_eq!(split(Rule::Matches(pattern("x*")), "axxb"), ["xx"]);
        assert_eq!(split(Rule::Between(vec![pattern(" "), pattern(",")]), " a,b  c,"), ["a", "b", "c"]);
        assert_eq!(split(Rule::Characters, "aü"), ["a", "ü"]);
        assert_eq!(split(Rule::Between(vec![pattern("a|")]), "bab"), ["b", "b"]);
    }

    #[test]
    fn patterns_that_would_be_large_are_refused() {
        assert!(compiled("(?:(?:a{1000}){1000}){1000}").is_err());
        assert!(compiled("(").is_err() && compiled("a(?=b)").is_err());
    }

    #[test]
    fn hashes_are_those_of_murmurhash3() {
        // sklearn.utils.murmurhash3_32, seed 0.
        let known =
            [("", 0), ("foo", -156_908_512), ("foob", -409_181_113), ("foobar!", -832_156_909), ("ü", 2_017_519_274)];
        for (text, expected) in known {
            assert_eq!(hash(text.as_bytes(), 0).cast_signed(), expected, "{text}");
        }
        assert_eq!(hash(b"foo", 42).cast_signed(), -1_322_301_282);
    }
}
