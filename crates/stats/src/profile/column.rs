//! The profile of one column: what it holds, how often it holds nothing, and the frozen reference to compare with.

use super::CATEGORY_VALUES;
use super::reference::{ReferenceDistribution, categories};
use super::values::{ColumnSample, ColumnValues, Stored, TextCounts, WholeValues, distinct};
use crate::drift::{CategoricalReference, Moments, NumericReference, Sample, Scalar};
use crate::outcome::{MetricResult, Unmeasured};
use serde::{Deserialize, Serialize};

/// The quantiles that a profile keeps.
pub const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// Texts (or ever growing whole numbers) below which nothing is called an identifier.
const MIN_IDENTIFIERS: u64 = 40;
/// Mean characters from which mostly different texts are free text.
const FREE_TEXT: f64 = 50.0;

/// How the column is looked at, by its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueKind {
    /// Numbers with more than 20 distinct values.
    Number,
    /// Texts, or numbers with at most 20 distinct values.
    Category,
    /// Yes or no.
    Flag,
    /// Long texts, mostly different.
    Text,
    /// Mostly different texts, or whole numbers that grow from row to row.
    Identifier,
    /// Moments in time.
    Time,
    /// No value at all.
    Empty,
}

/// How many different values there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// As counted, or estimated to 1.6 %; after merging a lower bound.
    pub count: u64,
    /// Whether it was counted.
    pub exact: bool,
}

/// The range of whole numbers that doubles would round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeRange {
    /// From where moments and quantiles are counted.
    pub origin: i64,
    /// The smallest.
    pub min: i64,
    /// The largest.
    pub max: i64,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// How it is stored.
    pub stored: Stored,
    /// How it is looked at.
    pub kind: ValueKind,
    /// Rows, with or without a value.
    pub rows: u64,
    /// Rows without a value.
    pub missing: u64,
    /// Rows with an infinite number.
    pub infinite: u64,
    /// Whole numbers that an earlier version of this program rounded to a 64-bit float.
    pub rounded: u64,
    /// Set of whole numbers that doubles would round: then moments and quantiles are less its origin.
    pub wholes: Option<WholeRange>,
    /// Different values.
    pub distinct: Distinct,
    /// Of finite numbers and times.
    pub moments: Option<Moments>,
    /// At [`QUANTILES`], of numbers; linear between order statistics.
    pub quantiles: Option<[f64; 7]>,
    /// Mean characters of texts.
    pub mean_length: Option<f64>,
    /// `None` for columns that are not compared by their values.
    pub reference: Option<ReferenceDistribution>,
}

impl ColumnProfile {
    /// Looks at a whole column.
    pub fn of(name: &str, stored: Stored, values: ColumnValues) -> Self {
        Self::with_sample(name, stored, values).0
    }

    /// Looks at a whole column; numbers come back sorted, for exact distances.
    pub fn with_sample(name: &str, stored: Stored, values: ColumnValues) -> (Self, Option<ColumnSample>) {
        match values {
            ColumnValues::Numbers(values) => {
                let (profile, sample) = Self::of_numbers(name, stored, values);
                (profile, Some(ColumnSample::Numbers(sample)))
            }
            ColumnValues::Wholes(values) => {
                let (profile, sample) = Self::of_wholes(name, stored, values);
                (profile, Some(ColumnSample::Wholes(sample)))
            }
            ColumnValues::Texts(texts) => (Self::of_texts(name, &texts), None),
        }
    }

    /// Looks at a column of numbers; its sorted sample comes back too, for exact distances.
    pub fn of_numbers(name: &str, stored: Stored, values: Vec<f64>) -> (Self, Sample) {
        let grows = stored == Stored::Int && grows(&values);
        let sample = Sample::taking(values);
        (Self::of_sample(name, stored, grows, &sample), sample)
    }

    /// The same of whole numbers that doubles would round.
    pub fn of_wholes(name: &str, stored: Stored, values: WholeValues) -> (Self, Sample<i64>) {
        let grows = stored == Stored::Int && values.grow();
        let sample = values.into_sample();
        let grows = grows && sample.rows() > MIN_IDENTIFIERS;
        let mut profile = Self::of_sample(name, stored, grows, &sample);
        if let [min, .., max] | [min @ max] = *sample.values() {
            let origin = match &profile.reference {
                Some(ReferenceDistribution::Numeric(reference)) => reference.origin(),
                _ => sample.values()[sample.values().len() / 2],
            };
            profile.wholes = Some(WholeRange { origin, min, max });
        }
        (profile, sample)
    }

    fn of_sample<T: Scalar>(name: &str, stored: Stored, grows: bool, sample: &Sample<T>) -> Self {
        let finite = sample.values();
        let count = distinct(finite);
        let kind = match stored {
            _ if finite.is_empty() => ValueKind::Empty,
            Stored::Bool => ValueKind::Flag,
            Stored::Time => ValueKind::Time,
            _ if grows => ValueKind::Identifier,
            _ if count <= CATEGORY_VALUES => ValueKind::Category,
            _ => ValueKind::Number,
        };
        let frozen = match kind {
            ValueKind::Number => NumericReference::of_sample(sample).ok().map(ReferenceDistribution::Numeric),
            ValueKind::Category | ValueKind::Flag => {
                categories(stored, sample).ok().map(ReferenceDistribution::Categorical)
            }
            _ => None,
        };
        let moments = match &frozen {
            Some(ReferenceDistribution::Numeric(reference)) => reference.counts().moments,
            _ => {
                let mut moments = Moments::default();
                moments.add_all(&T::centred(finite));
                moments
            }
        };
        // As the moments: less the middle edge of a numeric reference, else less the middle value.
        let middle = match &frozen {
            Some(ReferenceDistribution::Numeric(reference)) if T::IS_WHOLE => T::of_whole(reference.origin()),
            _ if T::IS_WHOLE => finite.get(finite.len() / 2).copied(),
            _ => None,
        };
        let less = |value: T| middle.map_or_else(|| value.number(), |middle| value.minus(middle));
        let quantile = |p: f64| sample.quantile(p).map_or(0.0, less);
        let numbers = matches!(stored, Stored::Float | Stored::Int) && !finite.is_empty();
        ColumnProfile {
            name: name.to_owned(),
            stored,
            kind,
            rows: sample.rows() + sample.missing + sample.infinite,
            missing: sample.missing,
            infinite: sample.infinite,
            rounded: 0,
            wholes: None,
            distinct: Distinct { count, exact: true },
            moments: (!finite.is_empty()).then_some(moments),
            quantiles: numbers.then(|| QUANTILES.map(quantile)),
            mean_length: None,
            reference: frozen,
        }
    }

    /// Looks at a column of texts.
    pub fn of_texts(name: &str, texts: &TextCounts) -> Self {
        let (count, exact) = texts.distinct();
        let values = texts.rows() - texts.missing();
        let mostly_different = values > MIN_IDENTIFIERS && 2 * count > values;
        let kind = match values {
            0 => ValueKind::Empty,
            _ if mostly_different && texts.mean_length().is_some_and(|length| length > FREE_TEXT) => ValueKind::Text,
            _ if mostly_different => ValueKind::Identifier,
            _ => ValueKind::Category,
        };
        // A table that could not hold every value says nothing about the rest, so such a column is not compared.
        let frozen = (kind == ValueKind::Category && exact)
            .then(|| CategoricalReference::of_table(&texts.by_count(), texts.rows(), texts.missing()))
            .and_then(Result::ok);
        ColumnProfile {
            name: name.to_owned(),
            stored: Stored::Text,
            kind,
            rows: texts.rows(),
            missing: texts.missing(),
            infinite: 0,
            rounded: 0,
            wholes: None,
            distinct: Distinct { count, exact },
            moments: None,
            quantiles: None,
            mean_length: texts.mean_length(),
            reference: frozen.map(ReferenceDistribution::Categorical),
        }
    }

    /// The most frequent categories with their rows; empty for columns without categories.
    pub fn top(&self, most: usize) -> Vec<(&str, u64)> {
        match &self.reference {
            Some(ReferenceDistribution::Categorical(reference)) => {
                let counts = reference.counts().counts().iter().copied();
                let mut top: Vec<_> = reference.values().iter().map(String::as_str).zip(counts).collect();
                top.sort_by_key(|value| std::cmp::Reverse(value.1));
                top.truncate(most);
                top
            }
            _ => Vec::new(),
        }
    }

    /// Adds the rows of another profile of the column that was counted by the same bins or values.
    pub fn merge(&mut self, other: &ColumnProfile) -> MetricResult<()> {
        match (&mut self.reference, &other.reference) {
            (Some(ReferenceDistribution::Numeric(a)), Some(ReferenceDistribution::Numeric(b))) => {
                a.add_window(b.counts())?
            }
            (Some(ReferenceDistribution::Categorical(a)), Some(ReferenceDistribution::Categorical(b))) => {
                *a = a.merge(b)?
            }
            // Without a value there is nothing that could be counted otherwise.
            (_, None) if other.kind == ValueKind::Empty || other.kind == self.kind => {}
            _ => return Err(Unmeasured::bad_input(&self.name, "the two profiles look at it in different ways")),
        }
        self.add_rows(other);
        Ok(())
    }

    /// Looks at a column as this profile of it does, with its bins or its values, so that both can be merged.
    pub fn like(&self, stored: Stored, values: ColumnValues) -> MetricResult<ColumnProfile> {
        let mut own = match values {
            ColumnValues::Numbers(values) => {
                let (mut own, sample) = Self::of_numbers(&self.name, stored, values);
                own.reference = self.frozen_like(stored, &sample)?;
                own
            }
            ColumnValues::Wholes(values) => {
                let (mut own, sample) = Self::of_wholes(&self.name, stored, values);
                own.reference = self.frozen_like(stored, &sample)?;
                own
            }
            ColumnValues::Texts(texts) => {
                let mut own = Self::of_texts(&self.name, &texts);
                own.reference = match &self.reference {
                    Some(ReferenceDistribution::Categorical(reference)) if own.rows > own.missing => {
                        Some(ReferenceDistribution::Categorical(reference.like(&texts.by_count(), texts.missing())?))
                    }
                    _ => None,
                };
                own
            }
        };
        own.count_from(self.origin());
        if own.kind != ValueKind::Empty {
            let same = stored_alike(self.stored, stored) || self.kind == ValueKind::Empty;
            if !same {
                return Err(Unmeasured::bad_input(
                    &self.name,
                    format!("it holds {stored:?} and not {:?}", self.stored),
                ));
            }
            own.kind = self.kind;
        }
        Ok(own)
    }

    fn frozen_like<T: Scalar>(
        &self,
        stored: Stored,
        sample: &Sample<T>,
    ) -> MetricResult<Option<ReferenceDistribution>> {
        self.reference.as_ref().map(|frozen| frozen.like_sample(stored, sample)).transpose().map(Option::flatten)
    }

    /// From where moments and quantiles are counted.
    pub fn origin(&self) -> i64 {
        self.wholes.map_or(0, |wholes| wholes.origin)
    }

    /// Counts moments and quantiles from where the bins of whole numbers count theirs.
    fn count_from(&mut self, origin: i64) {
        let Some(ReferenceDistribution::Numeric(reference)) = &self.reference else { return };
        if reference.whole_edges().is_empty() {
            return;
        }
        let (moments, by) = (reference.counts().moments, self.origin().minus(origin));
        self.wholes = self.joined_wholes(self).map(|range| WholeRange { origin, ..range });
        self.moments = Some(moments);
        self.quantiles.iter_mut().flatten().for_each(|quantile| *quantile += by);
    }

    /// The range of both, with the origin of this one.
    fn joined_wholes(&self, other: &ColumnProfile) -> Option<WholeRange> {
        let range = |profile: &ColumnProfile| match profile.wholes {
            Some(wholes) => Some((wholes.min, wholes.max)),
            // Whole numbers that are exact as doubles.
            None => profile.moments?.range().ok().map(|(low, high)| (low as i64, high as i64)),
        };
        let (a, b) = (range(self), range(other));
        let (min, max) = match (a, b) {
            (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
            (one, other) => one.or(other)?,
        };
        Some(WholeRange { origin: self.origin(), min, max })
    }

    /// What the frozen reference does not hold.
    fn add_rows(&mut self, other: &ColumnProfile) {
        let texts = |profile: &ColumnProfile| (profile.rows - profile.missing) as f64;
        self.mean_length = match (self.mean_length, other.mean_length) {
            (Some(a), Some(b)) => Some((a * texts(self) + b * texts(other)) / (texts(self) + texts(other))),
            (a, b) => a.or(b),
        };
        self.rows += other.rows;
        self.missing += other.missing;
        self.infinite += other.infinite;
        self.rounded += other.rounded;
        let has_wholes = self.wholes.is_some() || other.wholes.is_some();
        let wholes = self.joined_wholes(other).filter(|_| has_wholes);
        let moved = other.moments.map(|moments| moments.shifted(other.origin().minus(self.origin())));
        self.moments = match (self.moments, moved) {
            (Some(mut a), Some(b)) => {
                a.merge(&b);
                Some(a)
            }
            (a, b) => a.or(b),
        };
        self.wholes = wholes;
        let least = self.distinct.count.max(other.distinct.count);
        self.distinct = match &self.reference {
            Some(ReferenceDistribution::Categorical(reference)) if reference.counts().other == 0 => {
                Distinct { count: reference.values().len() as u64, exact: true }
            }
            _ => Distinct { count: least, exact: false },
        };
        if let (Some(ReferenceDistribution::Numeric(reference)), Some(quantiles)) =
            (&self.reference, &mut self.quantiles)
        {
            *quantiles = QUANTILES.map(|p| reference.quantile(p));
        }
    }
}

/// Whether two ways of storing hold the same kind of value: whole and other numbers do.
pub(crate) fn stored_alike(a: Stored, b: Stored) -> bool {
    let number = |stored: Stored| matches!(stored, Stored::Float | Stored::Int);
    a == b || number(a) && number(b)
}

/// Whole numbers that grow from row to row are a number of the row.
fn grows(values: &[f64]) -> bool {
    values.len() as u64 > MIN_IDENTIFIERS && values.windows(2).all(|pair| pair[0] < pair[1])
}
