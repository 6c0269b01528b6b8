//! Text: changing its case, splitting it and counting n-grams.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Arguments, Attributes, Built, Operator, Outputs};
use crate::tensor::{Sparse, Tensor, Value, Words};

/// The longest text that is split: its word offsets are 32 bits.
const MAX_TEXT_BYTES: usize = 1 << 30;

pub(super) fn build(node: &Attributes<'_>) -> Option<Built> {
    Some(match node.kind() {
        "StringNormalizer" => normalizer(node),
        "StringSplit" => splitter(node),
        "TfIdfVectorizer" => vectorizer(node),
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CaseChange {
    None,
    Lower,
    Upper,
}

/// `StringNormalizer`. In the locale "C", the only one every system has, only ASCII changes; in others all letters do, by the tables of
/// Unicode, as Python's `str.lower` does.
#[derive(Debug)]
struct Normalizer {
    change: CaseChange,
    is_ascii: bool,
    /// Texts that go, in the case that they are compared in.
    stop_words: HashSet<String>,
    is_case_sensitive: bool,
}

fn normalizer(node: &Attributes<'_>) -> Built {
    let change = match node.text("case_change_action", "NONE")? {
        "NONE" => CaseChange::None,
        "LOWER" => CaseChange::Lower,
        "UPPER" => CaseChange::Upper,
        other => return Err(format!("case_change_action {other} does not exist")),
    };
    let is_ascii = node.text("locale", "en_US")? == "C";
    let is_case_sensitive = node.int("is_case_sensitive", 0)? != 0;
    let words = node.texts("stopwords")?.iter();
    let stop_words = words.map(|word| if is_case_sensitive { word.clone() } else { lower(word, is_ascii) }).collect();
    Ok(Box::new(Normalizer { change, is_ascii, stop_words, is_case_sensitive }))
}

fn lower(text: &str, is_ascii: bool) -> String {
    if is_ascii { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

impl Normalizer {
    fn changed(&self, text: &Arc<str>) -> Arc<str> {
        // Mostly a text is as it should be, or is plain ASCII.
        let is_changed = |byte: u8| match self.change {
            CaseChange::None => false,
            CaseChange::Lower => byte.is_ascii_uppercase() || !(self.is_ascii || byte.is_ascii()),
            CaseChange::Upper => byte.is_ascii_lowercase() || !(self.is_ascii || byte.is_ascii()),
        };
        match (text.bytes().any(is_changed), self.change) {
            (false, _) => Arc::clone(text),
            (true, CaseChange::Upper) if self.is_ascii => text.to_ascii_uppercase().into(),
            (true, CaseChange::Upper) => text.to_uppercase().into(),
            (true, _) => lower(text, self.is_ascii).into(),
        }
    }

    fn stays(&self, text: &str) -> bool {
        match self.is_case_sensitive {
            true => !self.stop_words.contains(text),
            false => !self.stop_words.contains(&lower(text, self.is_ascii)),
        }
    }
}

impl Operator for Normalizer {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let texts = inputs.get(0)?.texts()?;
        if self.stop_words.is_empty() {
            return Ok(vec![Value::Text(texts.map(|text| self.changed(text)))]);
        }
        let mut kept: Vec<Arc<str>> =
            texts.data.iter().filter(|text| self.stays(text)).map(|text| self.changed(text)).collect();
        // A tensor of texts is never empty: one empty text stands for none.
        if kept.is_empty() {
            kept.push("".into());
        }
        let dims = match *texts.shape.dims() {
            [_] => vec![kept.len()],
            [1, _] => vec![1, kept.len()],
            ref dims => return Err(format!("stop words go from one row of texts, not from the shape {dims:?}")),
        };
        Ok(vec![Value::Text(Tensor::new(&dims, kept)?)])
    }
}

/// `StringSplit` of a vector or a one-column matrix. Without a delimiter onnxruntime splits at spaces alone.
#[derive(Debug)]
struct Splitter {
    delimiter: String,
}

fn splitter(node: &Attributes<'_>) -> Built {
    if node.has("maxsplit") {
        return Err("maxsplit is not supported".into());
    }
    Ok(Box::new(Splitter { delimiter: node.text("delimiter", "")?.to_owned() }))
}

impl Operator for Splitter {
    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let value = inputs.get(0)?;
        let (texts, whole) = match value {
            Value::Words(words) => (words.texts.clone(), Some(words)),
            Value::Text(tensor) if tensor.shape.rank() == 1 => (tensor.data.clone(), None),
            _ => return Err("only a vector of texts, or words, can be split".into()),
        };
        let mut words = Words { texts, words: Vec::new(), ends: Vec::new(), has_gaps: whole.is_some() };
        for row in 0..words.texts.len() {
            let text = Arc::clone(&words.texts[row]);
            if text.len() > MAX_TEXT_BYTES {
                return Err(format!("a text has {} bytes, at most {MAX_TEXT_BYTES} are split", text.len()));
            }
            match whole {
                None => self.split(&text, 0, &mut words.words),
                Some(whole) => whole.spans(row).for_each(|(from, to)| {
                    self.split(&text[from as usize..to as usize], from, &mut words.words);
                }),
            }
            words.ends.push(words.words.len());
        }
        let mut start = 0;
        let counts = words.ends.iter().map(|&end| (end - std::mem::replace(&mut start, end)) as i64).collect();
        let counts = Value::Int(Tensor::new(&[words.texts.len()], counts)?);
        // How many words each word was split into is not kept: nothing that we run reads it.
        Ok(if words.has_gaps { vec![Value::Words(words)] } else { vec![Value::Words(words), counts] })
    }
}

impl Splitter {
    /// Adds the pieces of `text`, which begins at the byte `offset` of its row.
    fn split(&self, text: &str, offset: u32, out: &mut Vec<(u32, u32)>) {
        let moved = |(from, to): (u32, u32)| (from + offset, to + offset);
        match self.delimiter.is_empty() {
            true => out.extend(spans(text, " ").filter(|(from, to)| from < to).map(moved)),
            false if text.is_empty() => {}
            false => out.extend(spans(text, &self.delimiter).map(moved)),
        }
    }
}

/// The byte ranges between the delimiters.
fn spans(text: &str, delimiter: &str) -> impl Iterator<Item = (u32, u32)> {
    let start = text.as_ptr() as usize;
    text.split(delimiter).map(move |piece| {
        let from = piece.as_ptr() as usize - start;
        (from as u32, (from + piece.len()) as u32)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Count,
    /// One where a term occurs, whatever its count.
    Present,
    Weighted,
}

/// `TfIdfVectorizer` on words, n-grams of one to three without skips.
#[derive(Debug)]
struct Vectorizer {
    mode: Mode,
    lengths: std::ops::RangeInclusive<usize>,
    words: HashMap<Arc<str>, u32>,
    /// Word ids (0 where there is none) to the output column.
    terms: HashMap<[u32; MAX_GRAM], u32>,
    weights: Vec<f32>,
    columns: usize,
}

/// The longest n-gram that is counted.
const MAX_GRAM: usize = 3;

fn vectorizer(node: &Attributes<'_>) -> Built {
    let mode = match (node.text("mode", "")?, node.has("weights")) {
        ("TF", _) => Mode::Count,
        ("IDF", false) => Mode::Present,
        ("IDF", true) => return Err("mode IDF with weights is not supported".into()),
        ("TFIDF", true) => Mode::Weighted,
        ("TFIDF", false) => Mode::Count,
        (other, _) => return Err(format!("mode `{other}` does not exist")),
    };
    let (min, max) = (node.int("min_gram_length", 1)?, node.int("max_gram_length", 1)?);
    if !(1..=max).contains(&min) || max > MAX_GRAM as i64 {
        return Err(format!("n-grams of {min} to {max} words are not supported"));
    }
    if node.int("max_skip_count", 0)? != 0 {
        return Err("skipping words is not supported".into());
    }
    let pool = node.texts("pool_strings")?;
    let columns = node.ints("ngram_indexes")?;
    let starts = node.ints("ngram_counts")?;
    let mut built = Vectorizer {
        mode,
        lengths: min as usize..=max as usize,
        words: HashMap::new(),
        terms: HashMap::new(),
        weights: node.floats("weights")?.to_vec(),
        columns: 0,
    };
    built.read_pool(pool, starts, columns)?;
    if built.mode == Mode::Weighted && (built.weights.len() != columns.len() || built.columns != columns.len()) {
        Err("there must be one weight and one index per n-gram".into())
    } else {
        Ok(Box::new(built))
    }
}

impl Vectorizer {
    fn read_pool(&mut self, pool: &[String], starts: &[i64], columns: &[i64]) -> Result<(), String> {
        let mut term = 0;
        for (at, &start) in starts.iter().enumerate() {
            let length = at + 1;
            let end = starts.get(at + 1).map_or(pool.len() as i64, |&end| end);
            let range = usize::try_from(start).ok().zip(usize::try_from(end).ok()).map(|(start, end)| start..end);
            let grams = range.and_then(|range| pool.get(range)).ok_or("ngram_counts do not fit pool_strings")?;
            if grams.len() % length != 0 || (length > MAX_GRAM && !grams.is_empty()) {
                return Err(format!("pool_strings do not hold whole n-grams of {length} words"));
            }
            for gram in grams.chunks_exact(length) {
                let column = *columns.get(term).ok_or("there are fewer ngram_indexes than n-grams")?;
                let column = u32::try_from(column).map_err(|_| "an n-gram index is out of range")?;
                self.columns = self.columns.max(column as usize + 1);
                term += 1;
                let mut key = [0; MAX_GRAM];
                for (id, word) in key.iter_mut().zip(gram) {
                    let next = self.words.len() as u32 + 1;
                    *id = *self.words.entry(word.as_str().into()).or_insert(next);
                }
                if self.lengths.contains(&length) && self.terms.insert(key, column).is_some() {
                    return Err(format!("the n-gram {gram:?} stands twice in the pool"));
                }
            }
        }
        if term == columns.len() && self.columns <= crate::tensor::MAX_ELEMENTS {
            Ok(())
        } else {
            Err("ngram_indexes do not fit the n-grams".into())
        }
    }

    fn count_row(&self, ids: &[u32], counted: &mut Vec<u32>, out: &mut Sparse) {
        counted.clear();
        for from in 0..ids.len() {
            let mut key = [0; MAX_GRAM];
            for length in 1..=(*self.lengths.end()).min(ids.len() - from) {
                let id = ids[from + length - 1];
                if id == 0 {
                    break;
                }
                key[length - 1] = id;
                if self.lengths.contains(&length) {
                    counted.extend(self.terms.get(&key));
                }
            }
        }
        counted.sort_unstable();
        for run in counted.chunk_by(|a, b| a == b) {
            let value = match self.mode {
                Mode::Count => run.len() as f32,
                Mode::Present => 1.0,
                Mode::Weighted => run.len() as f32 * self.weights[run[0] as usize],
            };
            out.entries.push((run[0], value));
        }
        out.ends.push(out.entries.len());
    }

    fn id(&self, word: &str) -> u32 {
        self.words.get(word).copied().unwrap_or(0)
    }
}

impl Operator for Vectorizer {
    fn memory_bytes(&self) -> usize {
        let texts: usize = self.words.keys().map(|word| word.len() + 2 * size_of::<usize>()).sum();
        texts
            + self.words.capacity() * (size_of::<(Arc<str>, u32)>() + 1)
            + self.terms.capacity() * (size_of::<([u32; MAX_GRAM], u32)>() + 1)
            + self.weights.capacity() * size_of::<f32>()
    }

    fn run(&self, inputs: Arguments<'_>) -> Outputs {
        let mut out = Sparse { columns: self.columns, ends: Vec::new(), entries: Vec::new() };
        let (mut ids, mut counted) = (Vec::new(), Vec::new());
        match inputs.get(0)? {
            Value::Words(words) if words.has_gaps && *self.lengths.end() > 1 => {
                return Err("n-grams across words that were split again are not supported".into());
            }
            Value::Words(words) => {
                for row in 0..words.texts.len() {
                    ids.clear();
                    ids.extend(words.row(row).map(|word| self.id(word)));
                    self.count_row(&ids, &mut counted, &mut out);
                }
            }
            Value::Text(tensor) => {
                let (rows, columns) = tensor.shape.matrix();
                for row in 0..rows {
                    ids.clear();
                    ids.extend(tensor.data[row * columns..(row + 1) * columns].iter().map(|word| self.id(word)));
                    self.count_row(&ids, &mut counted, &mut out);
                }
            }
            other => return Err(format!("words are needed, not a {}", other.kind())),
        }
        Ok(vec![Value::Sparse(out)])
    }
}
